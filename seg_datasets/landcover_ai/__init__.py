"""The dataset `landcover_ai`: land cover of Poland from the air."""
