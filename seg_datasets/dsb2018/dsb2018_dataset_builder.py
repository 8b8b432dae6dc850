"""Data Science Bowl 2018: nuclei of cells, each in a mask file of its own, merged."""

from typing import ClassVar

import tensorflow_datasets as tfds

import seg_datasets


class Builder(seg_datasets.SegmentationBuilder):
    """Nuclei under many microscopes, instances merged."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAW holds `stage1_train/`, out of stage1_train.zip of BBBC038v1,
    https://bbbc.broadinstitute.org/BBBC038: a folder for each image, with `images` and `masks`.
    """
    CLASSES = seg_datasets.ClassTable("background", "nucleus")
    CHANNELS = 4
    SOURCE = seg_datasets.sources.ObjectMasks(
        images="stage1_train/{stem}/images/{stem}.png",
        masks="stage1_train/{stem}/masks/*",
        label="nucleus",
    )
    SPLITS = seg_datasets.splits.Stratified(train=80, validation=10, test=10, group="auto")
