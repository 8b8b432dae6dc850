"""Difference: what changed between two versions, as their ledger, manifests and records tell."""

from seg_datasets.core.difference.changes import Difference, Listed
from seg_datasets.core.difference.compare import between
from seg_datasets.core.difference.pixels import RecordError
from seg_datasets.core.difference.versions import Version, VersionError, find

__all__ = [
    "Difference",
    "Listed",
    "RecordError",
    "Version",
    "VersionError",
    "between",
    "find",
]
