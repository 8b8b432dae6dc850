"""Test of the dataset `landcover_ai` on drawn data."""

import pathlib

from seg_datasets import testing
from seg_datasets.landcover_ai import dummy, landcover_ai_dataset_builder


class LandcoverAiTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = landcover_ai_dataset_builder.Builder
    SPLITS = {"train": 6, "validation": 1, "test": 1}

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)
