"""A view of an array in a MATLAB file: a mask, or a picture."""

from __future__ import annotations

import numpy as np

from seg_datasets.core import arrays, matfile, views
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.views import View


def read(folder: Folder, *, file: str, variable: str) -> View:
    """The view of an array.

    Args:
      folder: the raw folder.
      file: path below it.
      variable: as MATLAB writes it.

    Raises:
      OSError, ImageError: it cannot be read.
    """
    data = folder.read(file)
    try:
        return views.of_array(_plain(matfile.read(data, variable)))
    except ValueError as error:
        raise ImageError(str(error)) from None


def _plain(values: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest type that holds them: MATLAB makes everything double."""
    if values.ndim not in (2, 3) or not values.size:
        raise ValueError(f"holds an array of {values.shape}, which is no picture")
    if values.ndim == 3 and values.shape[2] > arrays.MOST_BANDS:
        raise ValueError(f"has {values.shape[2]} bands, at most {arrays.MOST_BANDS} are read")
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("holds numbers that are none (NaN or infinite)")
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        raise ValueError("holds numbers between whole ones, which stand for no class")
    if low >= 0 and high <= 65535:
        return values.astype(np.uint8 if high <= 255 else np.uint16)
    if not -(1 << 31) <= low <= high < 1 << 31:
        raise ValueError(f"holds values {low:g}..{high:g}")
    return values.astype(np.int32)
