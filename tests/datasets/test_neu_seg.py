"""Test of the dataset `neu_seg` on drawn data."""

import pathlib

from seg_datasets import testing
from seg_datasets.neu_seg import dummy, neu_seg_dataset_builder


class NeuSegGroupCleanTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = neu_seg_dataset_builder.Builder
    SPLITS = {"train": 8, "validation": 2, "test": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["group_clean"]

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)


class NeuSegOfficialTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = neu_seg_dataset_builder.Builder
    SPLITS = {"train": 10, "test": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["official"]

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)
