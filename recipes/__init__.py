"""Recipes: train, score and use a segmentation model on any TFDS dataset of images and masks."""
