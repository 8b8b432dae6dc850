"""Test of the dataset `camvid` on drawn data."""

import pathlib

from seg_datasets import testing
from seg_datasets.camvid import camvid_dataset_builder, dummy


class CamvidGroupCleanTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = camvid_dataset_builder.Builder
    SPLITS = {"train": 5, "validation": 3, "test": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["group_clean"]

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)


class CamvidUsualTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = camvid_dataset_builder.Builder
    SPLITS = {"train": 4, "validation": 2, "test": 4}
    BUILDER_CONFIG_NAMES_TO_TEST = ["usual"]
    OVERLAPPING_SPLITS = ["validation", "test"]  # drives, which the split is known to tear

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)
