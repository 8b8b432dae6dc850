"""Building footprints over city orthophotos, from the user's own folder."""

from typing import ClassVar

import tensorflow_datasets as tfds

import seg_datasets


class Builder(seg_datasets.SegmentationBuilder):
    """Building footprints over city orthophotos."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put aerial images into `images/` and their masks, under the same names, into `masks/`:

        RAW/images/rome_0001.png    RAW/masks/rome_0001.png    0 background, 1 or 255 building

    The letters a name begins with are its city; a city is never split. Then:

        tfds build seg_datasets/aerial --manual_dir=RAW

    No data at hand? This draws some: `python -m seg_datasets.aerial.sample RAW`
    """
    CLASSES = seg_datasets.ClassTable("background", "building", colours={"building": "#e8442c"})
    SOURCE = seg_datasets.sources.ImageMaskFolders(
        values={0: "background", 1: "building", 255: "building"}
    )
    SPLITS = seg_datasets.splits.Grouped(
        train=80, validation=10, test=10, group=r"^(?P<group>[A-Za-z]+)", seed=8
    )
