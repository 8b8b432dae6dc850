"""NEU-Seg: defects on the surface of hot-rolled steel strip."""

from typing import ClassVar

import tensorflow_datasets as tfds

import seg_datasets
from seg_datasets import splits

_TWICE = "four pictures are there twice, masked differently; nobody knows which mask is right"
_LEAK = "the split that others report on: turned and flipped copies of one picture on both sides"


class Builder(seg_datasets.SegmentationBuilder):
    """NEU-Seg, in its published split and in one that does not leak."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAW holds `images/training`, `images/test`, `annotations/training` and `annotations/test`, as
    NEU-Seg is handed on, such as by https://github.com/DHW-Master/NEU_Seg.
    """
    CLASSES = seg_datasets.ClassTable("background", "inclusion", "patches", "scratches")
    SOURCE = seg_datasets.sources.ImageMaskFolders(masks="annotations")
    ACCEPT: ClassVar = {"SD402": _TWICE}
    BUILDER_CONFIGS: ClassVar = [
        seg_datasets.SegmentationConfig(
            name="group_clean",
            splits=splits.Stratified(train=70, validation=10, test=20, group="auto"),
        ),
        seg_datasets.SegmentationConfig(
            name="official",
            splits=splits.FromFolders(train="training", test="test"),
            accept={**ACCEPT, "SD404": _LEAK, "SD410": _LEAK, "SD411": _LEAK},
        ),
    ]
