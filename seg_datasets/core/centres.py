"""Centres: polygons burned into the pixels whose centre they hold, as GDAL burns them.

Each tile of a scene decides its pixels with the same numbers as every other, so tiles put together
are the scene burned at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

# The kind of shape: [left, top, [x, y, …], …]. Where the picture lies in its scene, and lines in
# pixels of the scene, rings or what `cut` left of them.
CENTRES = "centres"

# Crossings of lines and rows that are kept at a time: a stranger's drawing must not take all the
# memory there is.
_MOST_CROSSINGS = 20_000_000

# No scene is so large.
_FAR = 1 << 40

# Rings of fewer points are not cut: what lies outside a picture changes nothing in it.
_WORTH_CUTTING = 64


def ring(points: np.ndarray) -> np.ndarray:
    """A ring (N, 2) in pixels, closed, and the way round that decides where its edges run along
    centres."""
    if len(points) and (points[0] != points[-1]).any():
        points = np.concatenate([points, points[:1]])
    x, y = (points - points[:1]).T
    return points[::-1] if np.dot(x[:-1], y[1:]) > np.dot(y[:-1], x[1:]) else points


def cut(line: np.ndarray, window: tuple[int, int, int, int]) -> Iterator[np.ndarray]:
    """What of a ring decides pixels of a window; not one of them changes.

    Args:
      line: from `ring`.
      window: left, top, width and height.
    """
    if len(line) <= _WORTH_CUTTING:
        yield line
        return
    left, top, width, height = window
    ends = np.stack([line[:-1], line[1:]])
    low, high = ends.min(axis=0), ends.max(axis=0)
    first, last = np.ceil(low[:, 1] - 0.5), np.floor(high[:, 1] - 0.5)  # rows they may touch
    touching = (last >= top) & (first < top + height) & (first <= last)
    aside = touching & (high[:, 0] < left - 1)
    kept = np.flatnonzero(touching & ~aside & (low[:, 0] <= left + width + 1))
    for run in np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1):
        if run.size:
            yield line[run[0] : run[-1] + 2]
    # Of what lies to the left only matters in which rows it is odd.
    begin, end = (np.ceil(side[aside, 1] - 0.5) - top for side in (low, high))
    change = np.zeros(height + 1, np.int64)
    np.add.at(change, begin.clip(0, height).astype(np.int64), 1)
    np.add.at(change, end.clip(0, height).astype(np.int64), 1)
    turns = np.flatnonzero(change % 2)
    for start, stop in zip(turns[::2].tolist(), turns[1::2].tolist(), strict=False):
        yield np.array([[left - 1, top + start], [left - 1, top + stop]], np.float64)
    if turns.size % 2 and turns[-1] < height:
        yield np.array([[left - 1, top + int(turns[-1])], [left - 1, top + height]], np.float64)


def paint(data: Sequence[Any], size: tuple[int, int]) -> tuple[int, int, np.ndarray]:
    """The pixels whose centre lies within an odd number of rings.

    A centre on an edge is in where the polygon lies to its left or below it, as GDAL has it; one on
    the upper edge of a hole is in.
    """
    left, top = int(data[0]), int(data[1])
    nothing = 0, 0, np.zeros((0, 0), bool)
    lines = [np.array(line, np.float64).reshape(-1, 2) for line in data[2:]]
    lines = [line for line in lines if len(line) > 1]
    if not lines:
        return nothing
    start = np.concatenate([line[:-1] for line in lines])
    end = np.concatenate([line[1:] for line in lines])
    if not (np.abs(start) < _FAR).all() or not (np.abs(end) < _FAR).all():
        raise ValueError("points that lie in no scene")
    low, high = np.minimum(start, end).min(axis=0), np.maximum(start, end).max(axis=0)
    # The window: pixels that may be in.
    x0, y0 = (int(max(at - 1, 0)) for at in np.floor(low) - (left, top))
    x1, y1 = (int(min(at + 2, n)) for at, n in zip(np.ceil(high) - (left, top), size, strict=True))
    if any((line[0] != line[-1]).any() for line in lines):  # cut: all the way to the right
        x1 = size[0]
    if x1 <= x0 or y1 <= y0:
        return nothing
    turns = np.zeros((y1 - y0, x1 - x0 + 1), np.int32)
    _cross(turns, start, end, left=left + x0, top=top + y0)
    mask = np.cumsum(turns, axis=1, dtype=np.int32)[:, :-1] % 2 > 0
    _along(mask, start, end, left=left + x0, top=top + y0)
    return x0, y0, mask


def _cross(turns: np.ndarray, start: np.ndarray, end: np.ndarray, *, left: int, top: int) -> None:
    """Where each row goes in or out."""
    rows, columns = turns.shape
    down = (start[:, 1] < end[:, 1])[:, None]
    upper, lower = np.where(down, start, end), np.where(down, end, start)
    first = (np.ceil(upper[:, 1] - 0.5) - top).clip(0, rows).astype(np.int64)
    many = (np.ceil(lower[:, 1] - 0.5) - top).clip(0, rows).astype(np.int64) - first
    if many.sum() > _MOST_CROSSINGS:
        raise ValueError("a ring that winds to and fro without end")
    edge = np.repeat(np.arange(many.size), many)
    row = first[edge] + np.arange(edge.size) - np.repeat(np.cumsum(many) - many, many)
    (x1, y1), (x2, y2) = upper[edge].T, lower[edge].T
    x = (row + top + 0.5 - y1) * (x2 - x1) / (y2 - y1) + x1
    column = (np.floor(x + 0.5) - left).clip(0, columns - 1).astype(np.int64)
    np.add.at(turns, (row, column), 1)


def _along(mask: np.ndarray, start: np.ndarray, end: np.ndarray, *, left: int, top: int) -> None:
    """Edges that run from right to left just along centres."""
    level = (start[:, 1] == end[:, 1]) & (start[:, 0] > end[:, 0]) & (start[:, 1] % 1 == 0.5)
    for (right, y), (begin, _) in zip(start[level], end[level], strict=True):
        row = int(y - 0.5) - top
        if 0 <= row < len(mask):
            columns = (int(np.floor(x + 0.5)) - left for x in (begin, right))
            mask[row, slice(*(max(0, column) for column in columns))] = True
