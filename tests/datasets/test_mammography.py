"""Test of the dataset `mammography` on drawn data."""

import pathlib

from seg_datasets import testing
from seg_datasets.mammography import dummy, mammography_dataset_builder


class MammographyTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = mammography_dataset_builder.Builder
    SPLITS = {"train": 7, "validation": 1, "test": 2}

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)
