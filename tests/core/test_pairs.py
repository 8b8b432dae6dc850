"""What masks, and masks beside their images, tell: lone areas and shifts."""

import hypothesis
import numpy as np
import pytest
from hypothesis.extra import numpy as arrays

from seg_datasets.core.facts import SPECK
from seg_datasets.core.pairs import best_shift
from seg_datasets.core.runs import Runs
from seg_datasets.core.specks import specks


def _specks(ids: np.ndarray) -> dict[int, int]:
    """By growing every area, pixel by pixel."""
    left = {(y, x) for y in range(ids.shape[0]) for x in range(ids.shape[1])}
    found: dict[int, int] = {}
    while left:
        pending = [min(left)]
        left.remove(pending[0])
        value, pixels = int(ids[pending[0]]), 0
        while pending:
            y, x = pending.pop()
            pixels += 1
            for near in {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left:
                if ids[near] == value:
                    left.remove(near)
                    pending.append(near)
        if pixels <= SPECK:
            found[value] = found.get(value, 0) + 1
    return found


@hypothesis.given(
    arrays.arrays(
        np.uint8,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=hypothesis.strategies.sampled_from([0, 0, 0, 1, 2, 255]),
        fill=hypothesis.strategies.nothing(),
    )
)
def test_specks_are_those_that_growing_every_area_finds(ids: np.ndarray) -> None:
    expected = _specks(ids) if len(np.unique(ids)) > 1 else {}
    assert specks(ids, Runs.of(ids).last) == expected


def _scene(size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    ids = np.zeros((size, size), np.uint8)
    for number in range(8):
        top, left = random.integers(size // 10, size * 6 // 10, 2)
        high, wide = random.integers(size // 8, size // 4, 2)
        ids[top : top + high, left : left + wide] = number % 3
    grey = 60 * ids + random.integers(0, 30, ids.shape, np.uint8)
    return grey, ids


@pytest.mark.parametrize("move", [(6, 0), (0, -5), (-4, 7)])
def test_shift_is_found_and_undone(move: tuple[int, int]) -> None:
    grey, ids = _scene(160)
    assert best_shift(grey, ids) == ((0, 0), 0.0)
    (rows, columns), gain = best_shift(grey, np.roll(ids, move, (0, 1)))
    assert (rows, columns) == (-move[0], -move[1])
    assert gain > 0.3


def test_shift_is_in_pixels_of_the_mask_whatever_the_size_of_the_picture() -> None:
    grey, ids = _scene(640)
    small = grey.reshape(160, 4, 160, 4).mean((1, 3)).astype(np.uint8)
    (rows, columns), gain = best_shift(small, np.roll(ids, (12, -8), (0, 1)))
    assert (rows, columns) == (-12, 8)
    assert gain > 0.3


def test_strip_lies_as_well_anywhere_along_itself() -> None:
    ids = np.zeros((160, 160), np.uint8)
    ids[:, 60:90] = 1
    assert best_shift(100 * ids, np.roll(ids, 5, 1)) == ((0, 0), 0.0)


def test_masks_of_another_shape_and_tiny_ones_have_no_shift() -> None:
    grey, ids = _scene(160)
    assert best_shift(grey, ids[:, :80]) == ((0, 0), 0.0)
    assert best_shift(grey[:20, :20], ids[:20, :20]) == ((0, 0), 0.0)


def test_specks_are_the_same_however_many_runs_are_looked_at_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = np.random.default_rng(0).integers(0, 3, (60, 50)).astype(np.uint8)
    whole = specks(ids, Runs.of(ids).last)
    monkeypatch.setattr("seg_datasets.core.specks._AT_A_TIME", 7)
    assert specks(ids, Runs.of(ids).last) == whole
