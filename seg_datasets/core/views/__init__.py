"""Views: pictures that come out of files which are no plain pictures: a tile of a scene, a slice of
DICOM, a variable of a .mat file.

A source writes down what it means as a line of JSON in `Sample.view` or `Sample.mask_view`, and the
files that are read for it in `Sample.parts`. Here the line becomes the bytes of a NumPy file, and
from there on it is a picture like any other.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from typing import Any

import numpy as np

from seg_datasets.core import arrays
from seg_datasets.core.geo import Geo
from seg_datasets.core.sources.folder import Folder

# Kind of view → the module whose `read(folder, **options)` makes it; imported when the first
# one is met, since each needs a library that few people have.
_MODULES = {"tile": "tiles", "dicom": "dicom", "mat": "matlab", "part": "part"}


@dataclasses.dataclass(frozen=True)
class View:
    """What is seen of files.

    Attributes:
      data: the bytes of a picture file.
      none: where there is no data, bool (H, W); None where there is everywhere.
      geo: where its pixels lie on the ground, where the view knows more than `data` tells.
    """

    data: bytes
    none: np.ndarray | None = None
    geo: Geo | None = None


def describe(kind: str, **options: Any) -> str:
    """A view as it travels with its sample."""
    if kind not in _MODULES:
        raise ValueError(f"no view is called {kind!r}")
    return json.dumps([kind, options], separators=(",", ":"), sort_keys=True)


def read(folder: Folder, name: str, view: str = "") -> View:
    """The bytes of a file; of a view, what it makes of its files.

    Raises:
      OSError, ValueError: the file cannot be read; ImageError is a ValueError.
    """
    if not view:
        return View(folder.read(name))
    kind, options = json.loads(view)
    module = importlib.import_module(f"{__name__}.{_MODULES[kind]}")
    seen: View = module.read(folder, **options)
    return seen


def of_array(values: np.ndarray, *, none: np.ndarray | None = None, geo: Geo | None = None) -> View:
    """A view of values: (H, W) or (H, W, bands)."""
    return View(arrays.dump(values), none if none is not None and none.any() else None, geo)
