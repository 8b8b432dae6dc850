"""The dataset `dsb2018`: nuclei of cells under microscopes."""
