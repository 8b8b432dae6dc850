"""What would other images have shown? Groups drawn again, and two models' groups swapped.

Works on sums: a dict of arrays whose first axis is the groups. What is drawn is a group, never an
image: images of one group (a city, a patient) err together.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np

Sums = Mapping[str, np.ndarray]
Figures = dict[str, np.ndarray]

EXACT = 12  # groups up to which every swap is tried: 4096 of them
CHUNK = 250  # draws at once, so that memory does not grow with draws times groups


def groups(sums: Sums) -> int:
    """How many groups there are."""
    return len(next(iter(sums.values()))) if sums else 0


def total(sums: Sums) -> dict[str, np.ndarray]:
    """The sums of the whole split."""
    return {key: value.sum(0) for key, value in sums.items()}


def bootstrap(
    sums: Sums, figures: Callable[[Sums], Figures], *, rounds: int = 1000, seed: int = 0
) -> Figures:
    """The figures of `rounds` splits, each of as many groups, drawn with replacement.

    Equal seeds and numbers of groups draw the same groups: two models' draws are pairs.
    """
    count, rng = groups(sums), np.random.default_rng(seed)
    flat, parts = _flat(sums), []
    for size in _chunks(rounds):
        draws = np.zeros((size, 0))
        if count:
            draws = rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)
        parts.append(figures(_shaped(draws @ flat, sums)))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def ends(draws: np.ndarray, *, level: float = 0.95) -> np.ndarray:
    """Lower and upper end (2, …) of the middle `level` of the draws; nan where there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanpercentile(draws, (50 - 50 * level, 50 + 50 * level), axis=0)


def swapped(
    one: Sums,
    other: Sums,
    figures: Callable[[Sums], Figures],
    *,
    rounds: int = 9999,
    seed: int = 0,
) -> tuple[Figures, bool]:
    """Differences between two models after whole groups changed sides at random.

    Returns:
      the differences (swaps, …) of each figure, and whether they are of all swaps there are, which
      is so up to 12 groups.
    """
    count = groups(one)
    exact = count <= EXACT
    here, there = _flat(one), _flat(other)
    parts = []
    for swap in _all_swaps(count) if exact else _some_swaps(count, rounds, seed):
        moved = swap @ (there - here)
        first = figures(_shaped(here.sum(0) + moved, one))
        second = figures(_shaped(there.sum(0) - moved, other))
        parts.append({key: first[key] - second[key] for key in first})
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}, exact


def p_value(difference: float, swaps: np.ndarray, *, exact: bool) -> float:
    """Share of the swaps that differ at least as much, either way; nan without a difference."""
    if np.isnan(difference):
        return float("nan")
    # Sums in another order differ in their last digits; such a swap is a tie, not less.
    as_much = int((np.abs(swaps) >= abs(difference) - 1e-12).sum())
    return as_much / len(swaps) if exact else (1 + as_much) / (1 + len(swaps))


def _flat(sums: Sums) -> np.ndarray:
    """All sums side by side, (groups, numbers): one product of matrices draws all of them."""
    return np.concatenate([v.reshape(len(v), math.prod(v.shape[1:])) for v in sums.values()], 1)


def _shaped(flat: np.ndarray, sums: Sums) -> Sums:
    """The rows of `_flat`, drawn or not, as sums again."""
    shapes = [value.shape[1:] for value in sums.values()]
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    pieces = zip(sums, np.split(flat, ends, axis=1), shapes, strict=True)
    return {key: piece.reshape(len(flat), *shape) for key, piece, shape in pieces}


def _all_swaps(count: int) -> Iterator[np.ndarray]:
    numbers = np.arange(2**count)[:, None]
    yield ((numbers >> np.arange(count)) & 1).astype(np.float64)


def _some_swaps(count: int, rounds: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    for size in _chunks(rounds):
        yield rng.integers(0, 2, (size, count)).astype(np.float64)


def _chunks(rounds: int) -> Iterator[int]:
    for start in range(0, rounds, CHUNK):
        yield min(CHUNK, rounds - start)
