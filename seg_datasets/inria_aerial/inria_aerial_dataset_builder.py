"""Inria Aerial Image Labeling: buildings of five cities, 30 cm for each pixel, in tiles."""

from typing import ClassVar

import tensorflow_datasets as tfds

import seg_datasets
from seg_datasets import splits

_CITY = r"^(?P<group>[a-z-]+)"
_LEAK = "the validation that others report on: the first five scenes of each training city"


class Builder(seg_datasets.SegmentationBuilder):
    """Buildings of five cities, split by city, or as usual."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAW is the folder `AerialImageDataset` of https://project.inria.fr/aerialimagelabeling/
    (registration needed): `train/images` and `train/gt` of it are read."""
    CLASSES = seg_datasets.ClassTable("background", "building")
    SOURCE = seg_datasets.sources.GeoTiff(
        images="train/images", masks="train/gt", values={0: "background", 255: "building"}
    )
    BUILDER_CONFIGS: ClassVar = [
        seg_datasets.SegmentationConfig(
            name="group_clean",
            splits=splits.FromNames(
                train="^(austin|chicago|tyrol-w)", validation="^kitsap", test="^vienna", group=_CITY
            ),
        ),
        seg_datasets.SegmentationConfig(
            name="usual",
            splits=splits.FromNames(
                train="^[a-z-]+([6-9]|[0-9]{2})/", validation="^[a-z-]+[1-5]/", group=_CITY
            ),
            accept={"SD403": _LEAK, "SD411": _LEAK},
        ),
    ]
