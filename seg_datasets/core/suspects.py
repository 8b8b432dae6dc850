"""Suspects: which of very many polygons may have a fault, told of all of them at once.

`shapes` looks at a single polygon, or at those of a single image, and takes its time; nearly all of
200,000 have no fault. What is told here is never too little.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from seg_datasets.core import shapes

# Pairs of edges or of polygons that are held against each other at a time.
_AT_A_TIME = 1_000_000


@dataclasses.dataclass(frozen=True)
class Rings:
    """Outlines of several images, end to end.

    Attributes:
      points: (N, 2) of all of them.
      starts: the first point of each.
      lengths: how many points each has.
      labels: of each, as numbers.
      image: whose each is.
      sizes: (images, 2), width and height.
    """

    points: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    image: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(
        cls,
        rings: Sequence[Sequence[float]],
        *,
        labels: Sequence[str],
        image: Sequence[int],
        sizes: Sequence[tuple[int, int]],
    ) -> Rings:
        """Puts outlines together.

        Args:
          rings: x, y, x, y, … of each, those of one image together, in the order of painting.
          labels: of each.
          image: the number of its image, ascending.
          sizes: width and height of each image.
        """
        lengths = np.array([len(ring) // 2 for ring in rings], np.int64)
        even = (ring[:-1] if len(ring) % 2 else ring for ring in rings)
        flat = np.fromiter(itertools.chain.from_iterable(even), np.float64, 2 * lengths.sum())
        numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
        return cls(
            points=flat.reshape(-1, 2),
            starts=np.cumsum(lengths) - lengths,
            lengths=lengths,
            labels=np.array([numbers[label] for label in labels], np.int64),
            image=np.array(image, np.int64),
            sizes=np.array(sizes, np.float64).reshape(-1, 2),
        )

    def outline(self, number: int) -> np.ndarray:
        """The points of one of them."""
        start = self.starts[number]
        return self.points[start : start + self.lengths[number]]

    def whole(self) -> np.ndarray:
        """Which of them have three points, all of them numbers."""
        strange = np.flatnonzero(~np.isfinite(self.points).all(axis=1))
        found = self.lengths >= 3
        found[np.searchsorted(self.starts, strange, side="right") - 1] = False
        return found

    def take(self, which: np.ndarray) -> Rings:
        """Some of them."""
        lengths = self.lengths[which]
        return dataclasses.replace(
            self,
            points=self.points[np.repeat(which, self.lengths)],
            starts=np.cumsum(lengths) - lengths,
            lengths=lengths,
            labels=self.labels[which],
            image=self.image[which],
        )


def faulty(rings: Rings) -> np.ndarray:
    """Which of them `shapes.shape_faults` may have something to say about."""
    whole = rings.whole()
    found = ~whole
    if whole.any():
        found[whole] = _faulty(rings.take(whole))
    return found


def _faulty(rings: Rings) -> np.ndarray:
    points = rings.points.clip(-shapes.FAR, shapes.FAR)
    starts, of, following = rings.starts, _of(rings), _following(rings)
    around = points - points[starts][of]
    after = around[following]
    again = np.add.reduceat((around == 0).all(axis=1), starts, dtype=np.int64)
    double = np.add.reduceat(around[:, 0] * after[:, 1] - around[:, 1] * after[:, 0], starts)
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    size = rings.sizes[rings.image]
    # Rounding differs a little from that of `area`, so a little more is suspected.
    found = (rings.lengths - again < 2) | (np.abs(double) < 2.1 * shapes.LEAST_AREA)
    margin = shapes.MARGIN
    found |= ((low < -margin) | (high > size + margin) | (low > size) | (high < 0)).any(axis=1)
    return np.asarray(found | _crossing(points, points[following], of))


def _crossing(start: np.ndarray, end: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Which of several polygons may cross themselves; `of` is the polygon of each edge."""
    left, right = np.minimum(start, end), np.maximum(start, end)
    # Side by side, polygons have no edges that could meet those of another.
    aside = of * (right[:, 0].max() - left[:, 0].min() + 1)
    begins, ends = left[:, 0] + aside, right[:, 0] + aside
    order = np.argsort(begins, kind="stable")
    begins, ends = begins[order], ends[order]
    blur = 1e-2 + 4 * np.spacing(np.abs(ends).max())
    many = np.searchsorted(begins, ends + blur, side="right") - np.arange(len(order)) - 1
    found = np.bincount(of[order], weights=many, minlength=int(of[-1]) + 1) > _AT_A_TIME
    many[found[of[order]]] = 0
    for which, steps in _pairs(many):
        one, other = order[which], order[which + steps]
        near = (left[one, 1] <= right[other, 1]) & (left[other, 1] <= right[one, 1])
        one, other = one[near], other[near]
        crossing = shapes.cross(start[one], end[one], start[other], end[other])
        found[of[one[crossing]]] = True
    return found


def _pairs(many: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each number with the `many` that follow it: (number, how far the other one is)."""
    sums = np.cumsum(many)
    at = 0
    while at < len(many):
        before = sums[at] - many[at]
        to = max(at + 1, int(np.searchsorted(sums, before + _AT_A_TIME, side="right")))
        here = many[at:to]
        which = np.repeat(np.arange(at, to), here)
        firsts = np.repeat(np.cumsum(here) - here, here)
        if which.size:
            yield which, np.arange(which.size) - firsts + 1
        at = to


def hidden(rings: Rings) -> tuple[np.ndarray, np.ndarray]:
    """Which of them `shapes.covered` may have something to say about.

    Returns:
      Which those are, and which it has to see to tell.
    """
    whole = rings.whole()
    strange = np.zeros(len(rings.sizes), bool)
    strange[rings.image[~whole & (rings.lengths >= 3)]] = True
    found = strange[rings.image]
    seen = found.copy()
    if whole.any():
        which, needed = _hidden(rings.take(whole))
        found[whole] |= which
        seen[whole] |= needed
    return found, seen


def _hidden(rings: Rings) -> tuple[np.ndarray, np.ndarray]:
    """A polygon may be covered if boxes of later ones hold as much as it has to lose."""
    canvas, scale = shapes.canvas(rings.sizes)
    starts, of, following = rings.starts, _of(rings), _following(rings)
    far = 4 * canvas.max(axis=1)[rings.image][of, None]
    scaled = rings.points.clip(-shapes.FAR, shapes.FAR) * scale[rings.image][of, None]
    points = np.trunc(scaled.clip(-far, far))  # as Pillow paints them
    around = points - points[starts][of]
    after = around[following]
    double = np.add.reduceat(around[:, 0] * after[:, 1] - around[:, 1] * after[:, 0], starts)
    ways = np.add.reduceat(np.abs(after - around), starts)
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    spans = high - low
    # Rows that a polygon crosses twice hold just what they add to its area. All the others hold 0
    # or more, and add at most half of their crossings times the width, which for four crossings or
    # more is at most all of them but two. So for columns.
    held = np.abs(double)[:, None] / 2 - spans[:, ::-1] * (ways - 2 * spans)
    outer = canvas[rings.image]
    inside = (high.clip(max=outer - 1) - low.clip(min=0) + 1).clip(min=0).prod(axis=1)
    # Pixels at the border are rounded, and what is outside is not painted.
    pixels = held.max(axis=1) - (spans + 2).sum(axis=1) - ((spans + 1).prod(axis=1) - inside)
    pixels = pixels.clip(min=shapes.LEAST_CELLS)
    last = np.searchsorted(rings.image, rings.image, side="right")
    many = last - np.arange(len(starts)) - 1
    above = np.zeros(len(starts))
    for one, steps in _pairs(many):
        other = one + steps
        both = _both(low, high, one, other) * (rings.labels[one] != rings.labels[other])
        above += np.bincount(one, weights=both, minlength=len(above))
    found = above > (1 - 2 * shapes.SEEN) * pixels
    seen = found.copy()
    for one, steps in _pairs(np.where(found, many, 0)):
        other = one + steps
        seen[other[_both(low, high, one, other) > 0]] = True
    return found, seen


def _both(low: np.ndarray, high: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pixels that two boxes may share; one more on each side, for pixels at the border."""
    sides = np.minimum(high[one], high[other]) - np.maximum(low[one], low[other]) + 3
    return np.asarray(sides.clip(min=0).prod(axis=1))


def _of(rings: Rings) -> np.ndarray:
    return np.repeat(np.arange(len(rings.lengths)), rings.lengths)


def _following(rings: Rings) -> np.ndarray:
    """The next point of each, after the last of an outline its first."""
    following = np.arange(len(rings.points)) + 1
    following[rings.starts + rings.lengths - 1] = rings.starts
    return following
