"""The dataset `mammography`: masses and calcifications on screening mammograms, CBIS-DDSM."""
