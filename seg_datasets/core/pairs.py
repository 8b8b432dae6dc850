"""Pairs: what an image and its mask tell together, and neither alone."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from seg_datasets.core.classes import VOID_ID
from seg_datasets.core.facts import PairFacts
from seg_datasets.core.images import Opened, alpha_kind

# How far a mask is tried away from where it lies: so many pixels, but so many cells of the small
# picture at least and at most.
_REACH = 16
_CELLS = (4, 8)

# Points of the mask's borders that are looked at along each direction, so many tries in all at
# most. Fewer points in either direction tell nothing: a strip lies as well anywhere along itself.
_POINTS = 250
_TRIES = 45_000
_LEAST = 30

# What `nodata_value` is where no value is named, but pixels are transparent.
TRANSPARENT = "transparent"


@dataclasses.dataclass(frozen=True)
class Picture:
    """Of an image what its mask is held against.

    Attributes:
      grey: the picture, grey and small.
      none: where the image says that it has no data; None where it says so nowhere.
      nodata: the value that says so, or `TRANSPARENT`.
    """

    grey: np.ndarray
    none: np.ndarray | None = None
    nodata: str = ""


def picture(grey: np.ndarray, opened: Opened) -> Picture:
    """The part of an image that its mask is held against."""
    image = opened.image
    if image.mode in ("LA", "RGBA"):
        alpha = np.asarray(image)[..., -1]
        # Soft values are no statement about data: another band, or a blended edge.
        if alpha_kind(alpha) == "cut":
            return Picture(grey, alpha == 0, TRANSPARENT)
    value = _number(opened.geo.nodata)
    if value is None or image.mode == "P" or image.size != opened.size:
        return Picture(grey)
    here = np.asarray(image) == value
    return Picture(grey, here.all(axis=-1) if here.ndim == 3 else here, opened.geo.nodata)


def look(seen: Picture | None, ids: np.ndarray | None) -> PairFacts:
    """One look at both."""
    if seen is None or ids is None:
        return PairFacts()
    shift, gain = best_shift(seen.grey, ids)
    nodata = 0
    if seen.none is not None and seen.none.shape == ids.shape:
        nodata = int(np.count_nonzero(seen.none & (ids != VOID_ID)))
    return PairFacts(shift=shift, shift_gain=gain, nodata=nodata, nodata_value=seen.nodata)


def best_shift(grey: np.ndarray, ids: np.ndarray) -> tuple[tuple[int, int], float]:
    """Where the borders of a mask, moved, lie best on the edges of the picture.

    Args:
      grey: the picture, grey and small.
      ids: the mask at its own size.

    Returns:
      ((rows, columns) in pixels of the mask, how much better they lie there than unmoved: the mean
      edge strength, moved over unmoved, less one). 0 where borders are too few to tell.
    """
    height, width = grey.shape
    # A stretched or turned pair has a finding of its own, and no shift.
    cell = max(1, round(ids.shape[0] / height))
    if abs(ids.shape[0] / height - ids.shape[1] / width) > 0.1 * cell:
        return (0, 0), 0.0
    reach = min(max(-(-_REACH // cell), _CELLS[0]), _CELLS[1])
    if min(height, width) <= 4 * reach:
        return (0, 0), 0.0
    rows = (2 * np.arange(height) + 1) * ids.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * ids.shape[1] // (2 * width)
    small = ids[rows[:, None], columns]
    steps = np.arange(-reach, reach + 1)
    moves = (steps[:, None] * width + steps).reshape(-1)
    strength = np.zeros(moves.size, np.int32)
    for axis in (0, 1):
        at = _border(small, axis, reach, min(_POINTS, _TRIES // moves.size))
        if at.size < _LEAST:
            return (0, 0), 0.0
        strength += _edges(grey, axis).take(at[:, None] + moves).sum(axis=0, dtype=np.int32)
    still = int(strength[moves.size // 2])
    best = int(strength.argmax())
    if not still or strength[best] <= still:
        return (0, 0), 0.0
    row, column = divmod(best, steps.size)
    gain = round(int(strength[best]) / still - 1, 3)
    return ((row - reach) * cell, (column - reach) * cell), gain


def _border(small: np.ndarray, axis: int, reach: int, most: int) -> np.ndarray:
    """Places, row after row, where the class changes to the next pixel along an axis."""
    one = small[:-1] if axis == 0 else small[:, :-1]
    other = small[1:] if axis == 0 else small[:, 1:]
    # Void is drawn around things, a little off their edges on both sides.
    border = (one != other) & (one != VOID_ID) & (other != VOID_ID)
    inside = border[reach:-reach, reach:-reach]
    rows, columns = np.divmod(np.flatnonzero(inside), inside.shape[1])
    at = (rows + reach) * small.shape[1] + columns + reach
    if at.size > most:
        at = at[np.arange(most) * at.size // most]
    return np.asarray(at)


# Roots, so that a few strong edges do not outvote the many; whole numbers, so that every machine
# finds the same best shift.
_ROOTS = np.array([round(100 * math.sqrt(v)) for v in range(256)], np.int32)


def _edges(grey: np.ndarray, axis: int) -> np.ndarray:
    """How strongly each pixel differs from the next one along an axis."""
    one = grey[:-1] if axis == 0 else grey[:, :-1]
    other = grey[1:] if axis == 0 else grey[:, 1:]
    edges = np.zeros(grey.shape, np.int32)
    part = edges[:-1] if axis == 0 else edges[:, :-1]
    part[...] = _ROOTS[np.maximum(one, other) - np.minimum(one, other)]
    return edges


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
