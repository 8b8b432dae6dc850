"""The dataset `camvid`: street scenes from a driving car, 11 classes."""
