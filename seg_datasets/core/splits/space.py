"""Space: where samples lie, in exact numbers, and which of them are near each other.

A footprint is the upright rectangle around a sample. Coordinates are whole numbers of a unit so
small that every corner, block and gap is one: no rounding decides on which side of a border a
sample lies.
"""

from __future__ import annotations

import dataclasses
import fractions
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from seg_datasets.core.classes import few
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sample import plain
from seg_datasets.core.splits.rule import SplitError

# No coordinate system of the earth has numbers like this; NaN is not below it either.
_FAR = 1e15

Box = tuple[int, int, int, int]  # left, low, right, high


@dataclasses.dataclass(frozen=True)
class Space:
    """Footprints of samples.

    Attributes:
      boxes: of each sample.
      scenes: of each sample, the space it lies in; between scenes there is no distance.
      block: side of a block.
      gap: least distance between samples of different splits.
    """

    boxes: Sequence[Box]
    scenes: Sequence[str]
    block: int
    gap: int

    def blocks(self) -> list[tuple[str, int, int]]:
        """The block that the middle of each sample lies in."""
        twice = 2 * self.block
        return [
            (scene, (left + right) // twice, (low + high) // twice)
            for scene, (left, low, right, high) in zip(self.scenes, self.boxes, strict=True)
        ]

    def left_out(self, split_of: Sequence[str], order: Sequence[str]) -> list[bool]:
        """Whether each sample is too near to one that stays in a split earlier in `order`."""
        cell = self._cell()
        kept: dict[tuple[str, int, int], list[int]] = defaultdict(list)
        out = [False] * len(self.boxes)
        members: dict[str, list[int]] = defaultdict(list)
        for i, split in enumerate(split_of):
            members[split].append(i)
        for split in order:
            for i in members[split]:
                out[i] = any(
                    self.near(i, j)
                    for key in self._cells(i, cell, margin=self.gap)
                    for j in kept.get(key, ())
                )
            for i in members[split]:
                if not out[i]:
                    for key in self._cells(i, cell, margin=0):
                        kept[key].append(i)
        return out

    def near(self, i: int, j: int) -> bool:
        """Whether two samples lie nearer than the gap, or overlap."""
        if self.scenes[i] != self.scenes[j]:
            return False
        a, b = self.boxes[i], self.boxes[j]
        across = max(b[0] - a[2], a[0] - b[2])
        along = max(b[1] - a[3], a[1] - b[3])
        if across < 0 and along < 0:
            return True
        return max(across, 0) ** 2 + max(along, 0) ** 2 < self.gap**2

    def _cell(self) -> int:
        """Side of the cells that neighbours are looked up in: about that of a sample."""
        sides = sorted(max(box[2] - box[0], box[3] - box[1]) for box in self.boxes)
        # A few large ones among many small ones must not cover cells without number.
        return max(1, sides[len(sides) // 2], sides[-1] // 64) + self.gap

    def _cells(self, i: int, cell: int, *, margin: int) -> list[tuple[str, int, int]]:
        left, low, right, high = self.boxes[i]
        return [
            (self.scenes[i], x, y)
            for x in range((left - margin) // cell, (right + margin) // cell + 1)
            for y in range((low - margin) // cell, (high + margin) // cell + 1)
        ]


def from_tiles(
    facts: Sequence[SampleFacts],
    tiles: re.Pattern[str],
    *,
    block: fractions.Fraction,
    gap: fractions.Fraction,
) -> Space:
    """Samples whose ids tell column and row of a tile; a tile's side is the unit.

    Raises:
      SplitError: an id that tells no place.
    """
    unit = math.lcm(block.denominator, gap.denominator)
    boxes, scenes, lost = [], [], []
    for one in facts:
        match = tiles.search(plain(one.sample.id))
        found = match.groupdict() if match else {}
        try:
            x, y = int(found["x"] or ""), int(found["y"] or "")
        except (KeyError, ValueError):
            lost.append(one.sample.id)
            continue
        boxes.append((x * unit, y * unit, (x + 1) * unit, (y + 1) * unit))
        scenes.append(found.get("scene") or "")
    if lost:
        raise SplitError(
            f"{len(lost)} of {len(facts)} ids tell no tile by {tiles.pattern!r}: {few(lost, 4)}; "
            "mend `tiles`"
        )
    return _space(facts, boxes, scenes, unit=unit, block=block, gap=gap)


def from_geo(
    facts: Sequence[SampleFacts], *, block: fractions.Fraction, gap: fractions.Fraction
) -> Space:
    """Samples whose images tell where they lie; units are those of their coordinate system.

    Raises:
      SplitError: an image that does not tell, or images of several coordinate systems.
    """
    if lost := [one.sample.image for one in facts if not _sound(one.image.geo)]:
        raise SplitError(
            f"{len(lost)} of {len(facts)} images do not tell where they lie (no geo-transform): "
            f"{few(lost, 4)}; where names hold indices of tiles, give tiles=r'_x(?P<x>\\d+)_y(?P<y>"
            "\\d+)'"
        )
    systems: Mapping[str, str] = {one.image.crs: one.sample.image for one in reversed(facts)}
    if len(systems) > 1:
        told = [f"{crs or 'none'} ({image})" for crs, image in sorted(systems.items())]
        raise SplitError(
            f"images are in {len(systems)} coordinate systems, between which there is no distance: "
            f"{few(told, 4)}; bring them into one"
        )
    # Every float is a whole number over a power of two.
    ratios = [[float(n).as_integer_ratio() for n in one.image.geo] for one in facts]
    finest = max((below for some in ratios for _, below in some), default=1)
    unit = math.lcm(finest, block.denominator, gap.denominator)
    boxes = []
    for one, some in zip(facts, ratios, strict=True):
        a, b, c, d, e, f = (above * (unit // below) for above, below in some)
        ends = [(x, y) for x in (0, one.image.width) for y in (0, one.image.height)]
        xs, ys = [a * x + b * y + c for x, y in ends], [d * x + e * y + f for x, y in ends]
        boxes.append((min(xs), min(ys), max(xs), max(ys)))
    return _space(facts, boxes, [""] * len(facts), unit=unit, block=block, gap=gap)


def _sound(geo: Sequence[float]) -> bool:
    if len(geo) != 6 or not all(abs(n) < _FAR for n in geo):
        return False
    a, b, _, d, e, _ = geo
    return a * e != b * d


def _space(
    facts: Sequence[SampleFacts],
    boxes: Sequence[Box],
    scenes: Sequence[str],
    *,
    unit: int,
    block: fractions.Fraction,
    gap: fractions.Fraction,
) -> Space:
    side = int(block * unit)
    sides = [max(box[2] - box[0], box[3] - box[1]) for box in boxes]
    widest = max(range(len(sides)), key=lambda i: (sides[i], facts[i].sample.id), default=None)
    if widest is not None and sides[widest] > side:
        raise SplitError(
            f"block={float(block):g} is smaller than {facts[widest].sample.id}, which is "
            f"{sides[widest] / unit:g} wide or high; a block holds several samples"
        )
    return Space(boxes, scenes, side, int(gap * unit))
