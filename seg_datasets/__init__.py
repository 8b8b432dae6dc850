"""seg_datasets: from a folder of images and masks to a dataset version that is a promise.

`import seg_datasets` makes the datasets of this project known to TFDS: afterwards
`tfds.load("aerial")` works. It imports neither TensorFlow nor TFDS; both come when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seg_datasets import registration
from seg_datasets.core import sources, splits
from seg_datasets.core.checks.limits import Limits
from seg_datasets.core.classes import ClassTable, DeclarationError, Threshold
from seg_datasets.core.mirror import fetched

if TYPE_CHECKING:
    from seg_datasets.core.builder import SegmentationBuilder
    from seg_datasets.core.config import SegmentationConfig

__all__ = [
    "ClassTable",
    "DeclarationError",
    "Limits",
    "SegmentationBuilder",
    "SegmentationConfig",
    "Threshold",
    "fetched",
    "sources",
    "splits",
]

__version__ = "0.1.0"

registration.announce()


def __getattr__(name: str) -> Any:
    if name == "SegmentationBuilder":
        from seg_datasets.core.builder import SegmentationBuilder

        return SegmentationBuilder
    if name == "SegmentationConfig":
        from seg_datasets.core.config import SegmentationConfig

        return SegmentationConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
