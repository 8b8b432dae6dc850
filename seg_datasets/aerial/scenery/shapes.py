"""Dice, directions and shapes of the sample, in whole numbers only.

The sample must have the same pixels on every machine. Sines, exponentials and float sums differ in
their last bit between math libraries and SIMD widths, and one bit is enough for another checksum.
So lengths are in sub-pixels (`SUB` to a pixel), angles are `Heading`s, brightness and mixing are
fixed point. 32 bits are enough for pictures of up to 2048 pixels, and half the memory traffic.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Colour = tuple[int, int, int]
Heading = tuple[int, int]
T = TypeVar("T")

SUB = 16
# 1105 = 5·13·17 is the hypotenuse of thirteen right triangles with whole sides: thirteen slants,
# each with its mirror, that rotate without a sine and without changing a length.
RADIUS = 1105
_LEGS: tuple[Heading, ...] = (
    *((1105, 0), (1104, 47), (1100, 105), (1092, 169), (1073, 264), (1071, 272), (1020, 425)),
    *((1001, 468), (975, 520), (952, 561), (943, 576), (884, 663), (855, 700), (817, 744)),
)
HEADINGS: tuple[Heading, ...] = (*_LEGS, *((b, a) for a, b in reversed(_LEGS[1:])))


class Box(NamedTuple):
    """A rectangle, by its middle and half its sides, in sub-pixels along and across something."""

    u: int
    v: int
    half_u: int
    half_v: int

    def inner(self, margin: int) -> Box:
        """The box without its rim."""
        return Box(self.u, self.v, max(1, self.half_u - margin), max(1, self.half_v - margin))

    def at(self, u: int, v: int) -> Box:
        """A box of the same size in another place."""
        return Box(u, v, self.half_u, self.half_v)

    def split(self, count_u: int, count_v: int) -> Iterator[Box]:
        """The box in equal parts."""
        half_u, half_v = self.half_u // count_u, self.half_v // count_v
        for i in range(count_u):
            for j in range(count_v):
                u, v = self.u - self.half_u, self.v - self.half_v
                yield Box(u + half_u * (2 * i + 1), v + half_v * (2 * j + 1), half_u, half_v)


class Dice:
    """Random numbers that depend on nothing but what they are named after."""

    def __init__(self, *name: object) -> None:
        digest = hashlib.sha256("/".join(map(str, name)).encode()).digest()
        # NEP 19 freezes RandomState, where numpy.random.Generator may change its streams. Of it
        # only random_sample is used: the default dtype of randint is not the same on every system.
        self._state = np.random.RandomState(np.frombuffer(digest, "<u4"))

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._state.random_sample() * (high - low + 1))

    def chance(self, percent: int) -> bool:
        """True this often in a hundred."""
        return self.between(0, 99) < percent

    def pick(self, things: Sequence[T]) -> T:
        """One of the things."""
        return things[self.between(0, len(things) - 1)]

    def some(self, things: Sequence[T], count: int) -> tuple[T, ...]:
        """`count` different ones of the things."""
        left = list(things)
        return tuple(left.pop(self.between(0, len(left) - 1)) for _ in range(count))

    def near(self, colour: Colour, spread: int, tint: int = 4) -> Colour:
        """The colour, a little lighter or darker, and a little tinted."""
        shift = self.between(-spread, spread)
        red, green, blue = (value + shift + self.between(-tint, tint) for value in colour)
        return red, green, blue

    def grid(self, *shape: int) -> Ints:
        """An array of numbers from 0 to 255."""
        return (self._state.random_sample(shape) * 256).astype(np.int32)

    def clouds(self, size: int, cell: int) -> Ints:
        """A square of numbers from 0 to 255 that change over `cell` pixels."""
        place: Ints = np.arange(size, dtype=np.int32)
        low, part = place // cell, place % cell
        knots = self.grid(size // cell + 2, size // cell + 2)
        rows: Ints = knots[low] * (cell - part)[:, None] + knots[low + 1] * part[:, None]
        return (rows[:, low] * (cell - part) + rows[:, low + 1] * part) // (cell * cell)


@dataclasses.dataclass(frozen=True)
class Patch:
    """The pixels around a thing, and where each lies along and across the thing."""

    at: tuple[slice, slice]
    u: Ints
    v: Ints

    @classmethod
    def around(
        cls, place: tuple[int, int], heading: Heading, half: tuple[int, int], *, size: int
    ) -> Patch | None:
        """The pixels that a thing may cover, or None when it lies outside the picture."""
        (x, y), (a, b), (half_u, half_v) = place, heading, half
        wide = (abs(a) * half_u + abs(b) * half_v) // RADIUS + SUB
        high = (abs(b) * half_u + abs(a) * half_v) // RADIUS + SUB
        left, right = max(0, (x - wide) // SUB), min(size, (x + wide) // SUB + 1)
        top, bottom = max(0, (y - high) // SUB), min(size, (y + high) // SUB + 1)
        if left >= right or top >= bottom:
            return None
        dx = np.arange(left, right, dtype=np.int32)[None, :] * SUB + (SUB // 2 - x)
        dy = np.arange(top, bottom, dtype=np.int32)[:, None] * SUB + (SUB // 2 - y)
        at = slice(top, bottom), slice(left, right)
        return cls(at, (a * dx + b * dy) // RADIUS, (a * dy - b * dx) // RADIUS)

    def box(self, box: Box, *, cut: int = 0) -> Ints:
        """Depth of each pixel inside a box, negative outside; `cut` takes its corners off."""
        du, dv = box.half_u - abs(self.u - box.u), box.half_v - abs(self.v - box.v)
        depth = np.minimum(du, dv)
        # 181/256 is 1/√2, near enough.
        return np.minimum(depth, ((du + dv - cut) * 181) >> 8) if cut else depth

    def disc(self, radius: int) -> Ints:
        """Depth of each pixel inside a disc; right near the rim, where it matters."""
        return (radius * radius - self.u * self.u - self.v * self.v) // (2 * radius)


def cover(depth: Ints) -> Ints:
    """How much of each pixel lies inside, 0 to 16, from the depth of its middle."""
    return np.minimum(np.maximum(depth + SUB // 2, 0), SUB)
