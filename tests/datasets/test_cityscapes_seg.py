"""Test of the dataset `cityscapes_seg` on drawn data."""

import pathlib

from seg_datasets import testing
from seg_datasets.cityscapes_seg import cityscapes_seg_dataset_builder, dummy


class CityscapesSegTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = cityscapes_seg_dataset_builder.Builder
    SPLITS = {"train": 6, "validation": 2}

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)
