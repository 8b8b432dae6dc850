"""Test of the dataset `inria_aerial` on drawn data."""

import pathlib

from seg_datasets import testing
from seg_datasets.inria_aerial import dummy, inria_aerial_dataset_builder


class InriaAerialGroupCleanTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = inria_aerial_dataset_builder.Builder
    SPLITS = {"train": 6, "validation": 2, "test": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["group_clean"]

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)


class InriaAerialUsualTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = inria_aerial_dataset_builder.Builder
    SPLITS = {"train": 5, "validation": 5}
    BUILDER_CONFIG_NAMES_TO_TEST = ["usual"]
    OVERLAPPING_SPLITS = ["train"]  # cities, which the split is known to tear

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)
