"""The dataset `cityscapes_seg`: streets of German cities, 19 classes."""
