"""LandCover.ai: buildings, woodlands, water and roads of Poland, from orthophotos in tiles."""

from typing import ClassVar

import tensorflow_datasets as tfds

import seg_datasets


class Builder(seg_datasets.SegmentationBuilder):
    """Land cover of Poland, split by orthophoto."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAW holds `images` and `masks`, out of landcover.ai.v1.zip of https://landcover.ai: 41
    orthophotos. What its `split.py` makes of them is not read.
    """
    CLASSES = seg_datasets.ClassTable("other", "building", "woodland", "water", "road")
    SOURCE = seg_datasets.sources.GeoTiff(images="images", masks="masks")
    # By the source, all tiles of an orthophoto are one group.
    SPLITS = seg_datasets.splits.Stratified(train=70, validation=15, test=15)
