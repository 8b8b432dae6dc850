"""Splits: which sample goes where, whole groups at a time, the same answer on every machine."""

from seg_datasets.core.splits.given import FromFolders, FromLists
from seg_datasets.core.splits.grouped import Grouped
from seg_datasets.core.splits.kfold import KFold
from seg_datasets.core.splits.rule import Assignment, SplitError, SplitRule
from seg_datasets.core.splits.spatial import Spatial
from seg_datasets.core.splits.stratified import Stratified

__all__ = [
    "Assignment",
    "FromFolders",
    "FromLists",
    "Grouped",
    "KFold",
    "Spatial",
    "SplitError",
    "SplitRule",
    "Stratified",
]
