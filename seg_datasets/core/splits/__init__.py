"""Splits: which sample goes where, whole groups at a time, the same answer on every machine."""

from seg_datasets.core.splits.given import FromAnnotations, FromFolders, FromLists
from seg_datasets.core.splits.grouped import Grouped
from seg_datasets.core.splits.kfold import KFold
from seg_datasets.core.splits.names import FromNames
from seg_datasets.core.splits.rule import (
    Assignment,
    ByRow,
    SplitError,
    SplitRule,
    codes_of,
    in_use,
)
from seg_datasets.core.splits.spatial import Spatial
from seg_datasets.core.splits.stratified import Stratified

__all__ = [
    "Assignment",
    "ByRow",
    "FromAnnotations",
    "FromFolders",
    "FromLists",
    "FromNames",
    "Grouped",
    "KFold",
    "Spatial",
    "SplitError",
    "SplitRule",
    "Stratified",
    "codes_of",
    "in_use",
]
