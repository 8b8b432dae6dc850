"""Massachusetts Buildings: 151 aerial images around Boston, a metre for each pixel."""

from typing import ClassVar

import tensorflow_datasets as tfds

import seg_datasets


class Builder(seg_datasets.SegmentationBuilder):
    """Building footprints around Boston."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAW holds `train/sat`, `train/map`, `valid/sat`, `valid/map`, `test/sat` and `test/map`, the
    files of https://www.cs.toronto.edu/~vmnih/data/ under "Massachusetts Buildings Dataset".
    """
    CLASSES = seg_datasets.ClassTable("background", "building", colours={"building": "#ff0000"})
    SOURCE = seg_datasets.sources.ImageMaskFolders(
        images="{split}/sat",
        masks="{split}/map",
        values={"#000000": "background", "#ff0000": "building"},
    )
    SPLITS = seg_datasets.splits.FromFolders(train="train", validation="valid", test="test")
