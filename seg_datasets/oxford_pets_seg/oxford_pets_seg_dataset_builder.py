"""Oxford-IIIT Pet: cats and dogs with their outlines, out of the dataset that TFDS has prepared."""

from typing import ClassVar

import tensorflow_datasets as tfds

import seg_datasets


class Builder(seg_datasets.SegmentationBuilder):
    """TFDS's `oxford_iiit_pet` with mask ids from 0 and our checks."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAW is what `tfds build oxford_iiit_pet` prepares, by default
    `~/tensorflow_datasets/oxford_iiit_pet/4.0.0`.
    """
    CLASSES = seg_datasets.ClassTable("pet", "background", "border")
    SOURCE = seg_datasets.sources.Tfds(
        id="file_name", values={1: "pet", 2: "background", 3: "border"}
    )
    SPLITS = seg_datasets.splits.FromFolders(train="train", test="test")
