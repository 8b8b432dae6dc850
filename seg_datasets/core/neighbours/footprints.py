"""Footprints: which geo-referenced images show the same piece of ground."""

from __future__ import annotations

import bisect
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from seg_datasets.core.facts import SampleFacts

# Tiles that touch share an edge, and rounding may let them share a hair of ground; pixels.
_LEAST = 0.5

# Pairs that are all told; beyond them an image is held against so many of a kind and height. Images
# that are so dense overlap each other as well.
_MANY = 200_000
_A_FEW = 2

_FAR = 1e12  # beyond it, and for what is no number, a place is none

_Corner = tuple[float, float]


def overlapping(
    facts: Sequence[SampleFacts], *, kinds: Sequence[str] | None = None
) -> Iterator[tuple[int, int]]:
    """Pairs of images whose ground overlaps by more than half a pixel, each once.

    A sweep from west to east, that holds each image against those that are open beside it. Of
    images with the very same footprint only one is held against the others; where
    very many overlap, each is held against a few of each kind.

    Args:
      facts: of the images.
      kinds: what each image is, such as its split; None where they are all alike.
    """
    kinds = kinds or [""] * len(facts)
    by_place: dict[tuple, list[int]] = defaultdict(list)
    for row, one in enumerate(facts):
        image = one.image
        if len(image.geo) == 6 and image.width and image.height and _sound(one):
            by_place[(image.crs, image.geo, image.width, image.height)].append(row)
    by_system: dict[str, list[int]] = defaultdict(list)
    for (crs, *_), rows in by_place.items():
        by_system[crs].append(rows[0])
        yield from itertools.pairwise(rows)
    for _, rows in sorted(by_system.items()):
        yield from _sweep(facts, rows, kinds)


def _sweep(
    facts: Sequence[SampleFacts], rows: Sequence[int], kinds: Sequence[str]
) -> Iterator[tuple[int, int]]:
    corners = {row: _corners(facts[row]) for row in rows}
    boxes = {row: _box(corners[row]) for row in rows}
    # Boxes that may still be met, by kind and by height to a power of two: lower edge and row.
    # Those that reach up to a box from below are then not looked for among all.
    opened: dict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)
    found = 0
    # At one place boxes end before others start: tiles that only touch are no neighbours here.
    for _, starts, row in sorted((boxes[row][at], at == 0, row) for row in rows for at in (0, 2)):
        _, low, _, high = boxes[row]
        own = kinds[row], math.frexp(high - low)[1]
        if not starts:
            opened[own].pop(bisect.bisect_left(opened[own], (low, row)))
            continue
        for (_, exponent), some in opened.items():
            here = 0
            first = bisect.bisect_left(some, (low - 2.0**exponent, -1))
            for at in range(first, bisect.bisect_right(some, (high, len(facts)))):
                other = some[at][1]
                if boxes[other][3] > low and _share(facts, corners, row, other):
                    yield min(row, other), max(row, other)
                    here += 1
                    if found + here > _MANY and here >= _A_FEW:
                        break
            found += here
        bisect.insort(opened[own], (low, row))


def _share(
    facts: Sequence[SampleFacts], corners: dict[int, list[_Corner]], one: int, other: int
) -> bool:
    """Whether two parallelograms overlap, along each of the four directions of their edges."""
    least = _LEAST * min(_pixel(facts[one]), _pixel(facts[other]))
    for shape in (corners[one], corners[other]):
        for start, end in ((shape[0], shape[1]), (shape[0], shape[2])):
            across = (start[1] - end[1], end[0] - start[0])
            length = (across[0] ** 2 + across[1] ** 2) ** 0.5
            spans = [
                [(x * across[0] + y * across[1]) / length for x, y in corners[row]]
                for row in (one, other)
            ]
            shared = min(map(max, spans)) - max(map(min, spans))
            if shared <= least:
                return False
    return True


def _corners(one: SampleFacts) -> list[_Corner]:
    a, b, c, d, e, f = one.image.geo
    return [
        (a * column + b * row + c, d * column + e * row + f)
        for row in (0, one.image.height)
        for column in (0, one.image.width)
    ]


def _box(corners: Sequence[_Corner]) -> tuple[float, float, float, float]:
    across, down = zip(*corners, strict=True)
    return min(across), min(down), max(across), max(down)


def _pixel(one: SampleFacts) -> float:
    a, b, _, d, e, _ = one.image.geo
    return abs(a * e - b * d) ** 0.5


def _sound(one: SampleFacts) -> bool:
    """Whether the transform is one: finite numbers, and a pixel that covers ground."""
    return _pixel(one) > 0 and all(
        abs(number) < _FAR for corner in _corners(one) for number in corner
    )
