"""Small masks and predictions from a seed, with everything in them that scores trip over."""

import dataclasses
import math

import numpy as np

from recipes.core.dataset import VOID

CASES = range(200)
SHAPES = ((1, 1), (0, 4), (1, 9), (7, 1), (3, 5), (9, 8), (11, 6), (10, 10))


@dataclasses.dataclass(frozen=True)
class Case:
    """A truth with void, a prediction and the probabilities it follows from."""

    classes: int
    truth: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray


def case(seed: int, classes: int | None = None) -> Case:
    """Noise, blocks or single pixels; predictions that are close, shifted, or of something else."""
    rng = np.random.default_rng(seed)
    shape = SHAPES[seed % len(SHAPES)]
    classes = classes or int(rng.integers(2, 6))
    # Few of the classes occur, so that some are in neither and some in only one of the two.
    truth = _mask(rng, shape, rng.integers(0, classes, 3))
    predicted = _mask(rng, shape, rng.integers(0, classes, 3))
    if seed % 3 == 0:
        predicted = np.roll(truth, 1, axis=int(rng.integers(0, 2)))
    elif seed % 3 == 1:
        predicted = np.where(rng.random(shape) < 0.8, truth, predicted)
    void = [np.zeros(shape, bool), rng.random(shape) < 0.2, np.indices(shape)[0] < 2]
    truth[void[seed // 3 % 3]] = VOID
    if seed % 25 == 24:
        truth[:] = VOID
    probabilities = rng.dirichlet(np.full(classes, 0.4), shape).astype(np.float32)
    if seed % 7 == 0:  # as sure as can be
        probabilities = np.eye(classes, dtype=np.float32)[predicted]
    best = probabilities.argmax(-1)[..., None]
    there = predicted[..., None].astype(np.int64)
    top = np.take_along_axis(probabilities, best, -1)
    low = np.take_along_axis(probabilities, there, -1)
    np.put_along_axis(probabilities, best, low, -1)
    np.put_along_axis(probabilities, there, top, -1)
    return Case(classes, truth, probabilities.argmax(-1).astype(np.uint8), probabilities)


def _mask(rng: np.random.Generator, shape: tuple[int, int], ids: np.ndarray) -> np.ndarray:
    kind = rng.integers(0, 3)
    if kind == 0:
        return rng.choice(ids, shape).astype(np.uint8)
    mask = np.full(shape, ids[0], np.uint8)
    if not mask.size:
        return mask
    for i in ids[1:]:
        row, column = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        size = 1 if kind == 1 else int(rng.integers(2, 7))
        mask[row : row + size, column : column + size] = i
    return mask


def pixels_of(mask: np.ndarray, class_id: int, truth: np.ndarray) -> set[tuple[int, int]]:
    """Where a class is, void left out, one pixel after the other."""
    found = set()
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            if truth[row, column] != VOID and mask[row, column] == class_id:
                found.add((row, column))
    return found


def share(part: float, whole: float) -> float:
    """A ratio, nan of nothing."""
    return part / whole if whole else float("nan")


def plain_mean(values: list[float]) -> float:
    """Of the values that are numbers."""
    known = [v for v in values if not math.isnan(v)]
    return share(sum(known), len(known))


def iou(c: Case, class_id: int) -> float:
    """Of one class, by sets of pixels."""
    one = pixels_of(c.truth, class_id, c.truth)
    other = pixels_of(c.predicted, class_id, c.truth)
    return share(len(one & other), len(one | other))


def shrunk(mask: set[tuple[int, int]], reach: int) -> set[tuple[int, int]]:
    """Pixels of a mask that have nothing but the mask within `reach` rows and columns."""
    steps = range(-reach, reach + 1)
    return {
        (row, column)
        for row, column in mask
        if all((row + dy, column + dx) in mask for dy in steps for dx in steps)
    }


def boundary_iou(c: Case, class_id: int, reach: int) -> float:
    """Of one class, by sets of pixels."""
    one = pixels_of(c.truth, class_id, c.truth)
    other = pixels_of(c.predicted, class_id, c.truth)
    one, other = one - shrunk(one, reach), other - shrunk(other, reach)
    return share(len(one & other), len(one | other))


def nsd(c: Case, class_id: int, tolerance: float) -> float:
    """Of one class, every border pixel against every other one."""
    masks = [pixels_of(ids, class_id, c.truth) for ids in (c.truth, c.predicted)]
    edges = [
        {
            (row, column)
            for row, column in mask
            if not {(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)}
            <= mask
        }
        for mask in masks
    ]
    near = 0
    for here, there in (edges, edges[::-1]):
        for row, column in here:
            near += any(
                (row - y) * (row - y) + (column - x) * (column - x) <= tolerance * tolerance
                for y, x in there
            )
    return share(near, len(edges[0]) + len(edges[1]))


def ece(cases: list[Case], class_id: int | None = None) -> float:
    """Bin by bin; of the pixels that were given a class, or of all."""
    pixels = [
        (float(c.probabilities[row, column].max()), int(p), int(c.truth[row, column]))
        for c in cases
        for (row, column), p in np.ndenumerate(c.predicted)
        if c.truth[row, column] != VOID and class_id in (None, int(p))
    ]
    error = 0.0
    for place in range(15):
        # The first bin takes what is not over 0 as well: there is no probability below.
        inside = [
            (sure, p == t)
            for sure, p, t in pixels
            if (place < sure * 15 or place == 0) and (sure * 15 <= place + 1 or place == 14)
        ]
        if inside:
            sure = sum(s for s, _ in inside) / len(inside)
            right = sum(r for _, r in inside) / len(inside)
            error += len(inside) / len(pixels) * abs(sure - right)
    return error if pixels else float("nan")


def things(mask: np.ndarray, class_id: int) -> list[set[tuple[int, int]]]:
    """Patches of a class, by walking from pixel to neighbour."""
    left = {(int(r), int(c)) for r, c in np.argwhere(mask == class_id)}
    found = []
    while left:
        patch, waiting = set(), [left.pop()]
        while waiting:
            row, column = waiting.pop()
            patch.add((row, column))
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if (row + dy, column + dx) in left:
                        left.remove((row + dy, column + dx))
                        waiting.append((row + dy, column + dx))
        found.append(patch)
    return found


def objects(c: Case, class_id: int, bounds: tuple[int, int]) -> dict[str, list[int] | int]:
    """Counts of a class's objects, each pair compared."""
    known = {(int(r), int(q)) for r, q in np.argwhere(c.truth != VOID)}
    trues, guesses = things(c.truth, class_id), things(c.predicted, class_id)
    everywhere = set().union(*trues)
    counts: dict = {"there": [0, 0, 0], "found": [0, 0, 0], "met": [0, 0, 0]}
    counts |= dict.fromkeys(("right", "wrong", "hits", "strays"), 0)
    for true in trues:
        size = 0 if len(true) < bounds[0] else 1 if len(true) < bounds[1] else 2
        counts["there"][size] += 1
        seen = [guess & known for guess in guesses]
        counts["found"][size] += any(len(true & g) / len(true | g) > 0.5 for g in seen)
        counts["met"][size] += sum(len(true & g) for g in seen) >= len(true) * 0.1
    for guess in guesses:
        seen = guess & known
        judged = len(guess - known) <= len(guess) / 2
        right = any(len(true & seen) / len(true | seen) > 0.5 for true in trues)
        hit = bool(seen & everywhere) and len(seen & everywhere) >= len(seen) * 0.1
        counts["right"] += right
        counts["wrong"] += not right and judged
        counts["hits"] += hit
        counts["strays"] += not hit and judged
    return counts
