"""Scan lines: rings filled to the pixel as V7's own tools fill them, in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Crossings of rings and rows, and how many of them are kept at a time: a drawing by a stranger must
# take neither for ever nor all the memory there is.
_MOST_CROSSINGS = 20_000_000
_AT_A_TIME = 1_000_000


def fill(rings: Sequence[np.ndarray], width: int, height: int) -> np.ndarray:
    """The pixels of some rings: where an odd number of them lies around, and all outlines.

    A slanted edge is drawn from its left end and without its right one, as V7 does; the next edge
    or the filling covers that end, but for corners on the far side of a shape.

    Args:
      rings: whole numbers (N, 2), x before y, all of them inside.
      width: of the picture.
      height: of the picture.

    Raises:
      ValueError: rings of more edges than any drawing has.
    """
    mask = np.zeros((height, width), bool)
    start = np.concatenate([np.roll(ring, 1, axis=0) for ring in rings]).astype(np.int64)
    end = np.concatenate(list(rings)).astype(np.int64)
    if np.abs(end - start).sum() + len(end) > _MOST_CROSSINGS:
        raise ValueError("a ring that winds to and fro without end")
    band = max(1, _AT_A_TIME // len(end))
    for first in range(int(end[:, 1].min()), int(end[:, 1].max()) + 1, band):
        _inside(mask[first : first + band], start, end, first)
    parts = np.cumsum(np.abs(end - start).max(axis=1) + 1) // _AT_A_TIME
    for part in np.split(np.arange(len(end)), np.flatnonzero(np.diff(parts)) + 1):
        _outline(mask, start[part], end[part])
    return mask


def _inside(mask: np.ndarray, start: np.ndarray, end: np.ndarray, first_row: int) -> None:
    """The rows of a band that begins at a row of the picture."""
    down = (start[:, 1] < end[:, 1])[:, None]
    top, bottom = np.where(down, start, end), np.where(down, end, start)
    last_row = first_row + len(mask)
    near = (top[:, 1] < last_row) & (bottom[:, 1] > first_row)
    top, bottom = top[near], bottom[near]
    rows = bottom[:, 1] - top[:, 1]
    above = np.maximum(first_row - top[:, 1], 0)
    inside = np.minimum(bottom[:, 1], last_row) - top[:, 1] - above
    edge = np.repeat(np.arange(len(rows)), inside)
    step = _steps(inside) + above[edge]
    y = top[edge, 1] + step - first_row
    # x at that row is whole + over / rows: no rounding, no ties.
    whole, over = np.divmod(step * (bottom - top)[edge, 0], rows[edge])
    left = top[edge, 0] + whole
    order = np.lexsort((over / rows[edge], left, y))
    first, second = order[::2], order[1::2]
    # From the first pixel that begins right of a crossing to the last that begins left of the next.
    begin = left[first] + (over[first] > 0)
    stop = left[second] + 1
    change = np.zeros((mask.shape[0], mask.shape[1] + 1), np.int32)
    wide = stop > begin
    np.add.at(change, (y[first][wide], begin[wide]), 1)
    np.add.at(change, (y[first][wide], stop[wide]), -1)
    mask |= np.cumsum(change, axis=1, dtype=np.int32)[:, :-1] > 0


def _outline(mask: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
    way = end - start
    straight = (way == 0).any(axis=1)
    swap = (way[:, 0] < 0)[:, None]
    start, way = np.where(swap, end, start), np.where(swap, -way, way)
    long, short = np.abs(way).max(axis=1), np.abs(way).min(axis=1)
    many = long + straight
    edge, step = np.repeat(np.arange(len(many)), many), _steps(many)
    # Bresenham's line in closed form: half a pixel stays on the near side.
    reach = np.maximum(long, 1)[edge]
    aside = (2 * step * short[edge] + reach - 1) // (2 * reach)
    steep = (np.abs(way[:, 1]) > np.abs(way[:, 0]))[edge]
    sign = np.sign(way)[edge]
    x = start[edge, 0] + sign[:, 0] * np.where(steep, aside, step)
    y = start[edge, 1] + sign[:, 1] * np.where(steep, step, aside)
    mask[y, x] = True


def _steps(many: np.ndarray) -> np.ndarray:
    """0, 1, … for each, one after the other."""
    return np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
