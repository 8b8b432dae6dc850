"""Test of the dataset `massachusetts_buildings` on drawn data."""

import pathlib

from seg_datasets import testing
from seg_datasets.massachusetts_buildings import dummy, massachusetts_buildings_dataset_builder


class MassachusettsBuildingsTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = massachusetts_buildings_dataset_builder.Builder
    SPLITS = {"train": 4, "validation": 2, "test": 2}

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)
