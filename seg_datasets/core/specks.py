"""Specks: lone areas of a few pixels, told from the runs of a mask."""

from __future__ import annotations

import numpy as np

from seg_datasets.core.facts import SPECK

# A mask of noise has a candidate at every other pixel; so many of them say enough. Runs are looked
# at so many at a time, which bounds the memory.
_MOST = 20_000
_AT_A_TIME = 100_000


def specks(ids: np.ndarray, last: np.ndarray) -> dict[int, int]:
    """Class id → how many of its areas have at most `SPECK` pixels; neighbours are eight.

    Such an area is made of short runs, and has a topmost run with nothing of its class above: masks
    have few of those. Only around them one looks closer.

    Args:
      ids: the mask.
      last: place of the last pixel of each of its `Runs`.
    """
    if last.size == 1:
        return {}
    lines = np.arange(1, ids.shape[0] + 1) * ids.shape[1] - 1
    where = np.searchsorted(last, lines)
    cut = last[where] != lines  # a run ends where its line does
    ends = np.insert(last, where[cut], lines[cut])
    starts = np.append(0, ends[:-1] + 1)
    short = np.flatnonzero(ends - starts < SPECK)
    starts, length = starts[short], ends[short] - starts[short] + 1
    tops = np.zeros(0, np.int64)
    for at in range(0, starts.size, _AT_A_TIME):
        part = slice(at, at + _AT_A_TIME)
        tops = np.append(tops, _tops(ids, starts[part], length[part]))[:_MOST]
        if tops.size == _MOST:
            break
    return _small_areas(ids, tops) if tops.size else {}


def _tops(ids: np.ndarray, starts: np.ndarray, length: np.ndarray) -> np.ndarray:
    """First pixels of short runs with nothing of their class above and little below."""
    top = _beside(ids, starts, length, -1) == 0
    starts, length = starts[top], length[top]
    # Most tips of areas go on with a wider line below, and need no closer look.
    return np.asarray(starts[length + _beside(ids, starts, length, 1) <= SPECK])


def _beside(ids: np.ndarray, starts: np.ndarray, length: np.ndarray, line: int) -> np.ndarray:
    """How many pixels of its class touch each run in the line above (-1) or below (1)."""
    height, width = ids.shape
    rows, left = np.divmod(starts, width)
    column = left[:, None] + np.arange(-1, SPECK + 1)
    row = rows + line
    near = ids[np.clip(row, 0, height - 1)[:, None], np.clip(column, 0, width - 1)]
    touching = (column <= (left + length)[:, None]) & (column >= 0) & (column < width)
    touching &= ((row >= 0) & (row < height))[:, None]
    return (touching & (near == ids[rows, left][:, None])).sum(axis=1)


def _small_areas(ids: np.ndarray, tops: np.ndarray) -> dict[int, int]:
    """Grows an area from each of these pixels until it is whole or too large to be a speck."""
    height, width = ids.shape
    rows, columns = np.divmod(tops, width)
    value = ids[rows, columns]
    # So many steps from a pixel lead to more pixels than a speck has, where there are more.
    around = np.arange(-SPECK, SPECK + 1)
    y, x = rows[:, None] + around, columns[:, None] + around
    inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None, :]
    near = ids[np.clip(y, 0, height - 1)[:, :, None], np.clip(x, 0, width - 1)[:, None, :]]
    same = inside & (near == value[:, None, None])
    area = np.zeros_like(same)
    area[:, SPECK, SPECK] = True
    for _ in range(SPECK):
        wide = area.copy()
        wide[:, :, 1:] |= area[:, :, :-1]
        wide[:, :, :-1] |= area[:, :, 1:]
        tall = wide.copy()
        tall[:, 1:] |= wide[:, :-1]
        tall[:, :-1] |= wide[:, 1:]
        area = tall & same
    small = area.sum((1, 2)) <= SPECK
    # One area may have two topmost runs; its first pixel names it.
    first = np.argmax(area.reshape(len(area), -1), axis=1)
    row, column = np.divmod(first, len(around))
    place = (rows + around[row]) * width + columns + around[column]
    _, once = np.unique(place[small], return_index=True)
    found, many = np.unique(value[small][once], return_counts=True)
    return dict(zip(found.tolist(), many.tolist(), strict=True))
