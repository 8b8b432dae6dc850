"""Shares: coordinates as shares of a picture, 0 at its left and upper border and 1 at the others.

Tools that write such may not tell the size of the picture, so that pixels are told when it is
painted: each kind of them is turned into a kind of `painting`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Data in shares and the size of the picture, to data in pixels.
Scale = Callable[[Sequence[Any], tuple[int, int]], list[Any]]


def rings(data: Sequence[Any], size: tuple[int, int]) -> list[Any]:
    """[[x, y, …], …] in pixels."""
    return [[float(v) * size[n % 2] for n, v in enumerate(ring)] for ring in data]


def box(data: Sequence[Any], size: tuple[int, int]) -> list[Any]:
    """[x, y, width, height, degrees], turned clockwise about its upper left corner, in pixels and
    about its middle."""
    (left, top, across, down), degrees = _pixels(data, size)
    if not degrees:
        return [left, top, left + across, top + down]
    turn = math.radians(degrees)
    right = across / 2 * math.cos(turn) - down / 2 * math.sin(turn)
    lower = across / 2 * math.sin(turn) + down / 2 * math.cos(turn)
    x, y = left + right - across / 2, top + lower - down / 2
    return [x, y, x + across, y + down, degrees]


def ellipse(data: Sequence[Any], size: tuple[int, int]) -> list[Any]:
    """[x, y, radius, radius, degrees], turned clockwise about its middle, in pixels. The radii are
    shares of width and height."""
    numbers, degrees = _pixels(data, size)
    return [*numbers, degrees]


def _pixels(data: Sequence[Any], size: tuple[int, int]) -> tuple[list[float], float]:
    numbers = [float(v) for v in data]
    if len(numbers) not in (4, 5):
        raise ValueError(f"a shape of {len(numbers)} numbers")
    return [v * size[n % 2] for n, v in enumerate(numbers[:4])], sum(numbers[4:])


# Kind in shares → the kind of `painting` it is, and how to get there.
SCALES: Mapping[str, tuple[str, Scale]] = {
    "share_rings": ("coco", rings),
    "share_box": ("box", box),
    "share_ellipse": ("ellipse", ellipse),
}
