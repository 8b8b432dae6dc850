"""The dataset `pascal_voc`: photos of 20 kinds of things, 2012."""
