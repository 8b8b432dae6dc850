"""Pascal VOC 2012, segmentation: photos with 20 kinds of things and background."""

from typing import ClassVar

import tensorflow_datasets as tfds

import seg_datasets


class Builder(seg_datasets.SegmentationBuilder):
    """Pascal VOC 2012, segmentation, with void at the borders of things."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAW is `VOCdevkit/VOC2012` out of VOCtrainval_11-May-2012.tar, from
    http://host.robots.ox.ac.uk/pascal/VOC/voc2012/: the folders `JPEGImages`,
    `SegmentationClass` and `ImageSets`.
    """
    CLASSES = seg_datasets.sources.VOC
    SOURCE = seg_datasets.sources.PascalVoc()
    SPLITS = seg_datasets.splits.FromLists(
        train="ImageSets/Segmentation/train.txt", validation="ImageSets/Segmentation/val.txt"
    )
