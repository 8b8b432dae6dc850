"""Cityscapes, fine annotations: streets of 21 cities, the 19 classes that are scored."""

from typing import ClassVar

import tensorflow_datasets as tfds

import seg_datasets


class Builder(seg_datasets.SegmentationBuilder):
    """Cityscapes with its 19 train ids."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAW holds `leftImg8bit/` and `gtFine/`, out of leftImg8bit_trainvaltest.zip and
    gtFine_trainvaltest.zip of https://www.cityscapes-dataset.com (registration needed).
    """
    CLASSES = seg_datasets.sources.CITYSCAPES
    # The masks of the test are not public: what lies in their place says nothing.
    SOURCE = seg_datasets.sources.Cityscapes(ignore=("*/test/*",))
    SPLITS = seg_datasets.splits.FromFolders(
        train="train", validation="val", group=r"^[^/]+/(?P<group>[^/]+)/"
    )
