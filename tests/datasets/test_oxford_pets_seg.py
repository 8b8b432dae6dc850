"""Test of the dataset `oxford_pets_seg` on drawn data."""

import pathlib

from seg_datasets import testing
from seg_datasets.oxford_pets_seg import dummy, oxford_pets_seg_dataset_builder


class OxfordPetsSegTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = oxford_pets_seg_dataset_builder.Builder
    SPLITS = {"train": 4, "test": 4}

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)
