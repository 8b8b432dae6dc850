"""Test of the dataset `dsb2018` on drawn data."""

import pathlib

from seg_datasets import testing
from seg_datasets.dsb2018 import dsb2018_dataset_builder, dummy


class Dsb2018Test(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = dsb2018_dataset_builder.Builder
    SPLITS = {"train": 8, "validation": 1, "test": 1}

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)
