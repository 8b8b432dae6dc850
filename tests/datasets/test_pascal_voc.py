"""Test of the dataset `pascal_voc` on drawn data."""

import pathlib

from seg_datasets import testing
from seg_datasets.pascal_voc import dummy, pascal_voc_dataset_builder


class PascalVocTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = pascal_voc_dataset_builder.Builder
    SPLITS = {"train": 4, "validation": 2}

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        dummy.draw(folder)
