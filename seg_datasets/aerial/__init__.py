"""The dataset `aerial`: building footprints over city orthophotos."""
