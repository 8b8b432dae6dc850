"""Configs: what a dataset folder declares in several ways, of the same raw data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import tensorflow_datasets as tfds

from seg_datasets.core.classes import ClassTable
from seg_datasets.core.sources import Source
from seg_datasets.core.splits import SplitRule


@dataclasses.dataclass(eq=False, kw_only=True)
class SegmentationConfig(tfds.core.BuilderConfig):
    """One of the BUILDER_CONFIGS of a dataset; None where the class attribute holds.

    Attributes:
      splits: in place of SPLITS.
      accept: in place of ACCEPT.
      source: in place of SOURCE.
      classes: in place of CLASSES.
    """

    splits: SplitRule | None = None
    accept: Mapping[str, str] | None = None
    source: Source | None = None
    classes: ClassTable | None = None
