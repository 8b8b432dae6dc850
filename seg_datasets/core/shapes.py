"""Shapes: what is wrong with the polygons of an annotation, told from their points alone.

A source calls `shape_faults` on each shape as it reads it, `covered` on those of one image, and
keeps what comes out as `Remark`s.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw

from seg_datasets.core.remarks import Fault

# Points of one polygon: (N, 2), x before y, in pixels from the upper left corner of the image.
Points = Sequence[Sequence[float]] | np.ndarray

# Pairs of edges that are held against each other at a time, and at most: a polygon of 100,000
# points by a stranger must not take hours.
_AT_A_TIME = 1_000_000
_MOST_PAIRS = 50_000_000

# A point may lie so far outside its image: tools write the far border as `width`, or half a pixel
# more.
_MARGIN = 1.0

# No picture is so large; what is written beyond it need not be kept apart, and must not overflow.
_FAR = 1e9

# Less than a quarter of a pixel: no tool draws that on purpose, and rounding makes none of it.
_LEAST_AREA = 0.25

# Shapes are painted on a picture of this side to see which cover which; those of fewer cells are
# not judged.
_SIDE = 256
_LEAST_CELLS = 12
_SEEN = 0.05


@dataclasses.dataclass(frozen=True)
class Shape:
    """One shape of an image, in the order of painting.

    Attributes:
      name: how it is called in a remark: "shape 17".
      label: its class.
      points: its outline.
    """

    name: str
    label: str
    points: Points


def shape_faults(points: Points, *, width: int, height: int) -> Iterator[tuple[Fault, str]]:
    """What is wrong with one polygon, and what is particular to it.

    Args:
      points: its outline; the last point may repeat the first.
      width: of the image.
      height: of the image.
    """
    ring = _ring(points)
    if len(ring) < 3:
        yield Fault.FEW_POINTS, f"{len(ring)} point{'s' * (len(ring) != 1)}"
        return
    low, high = ring.min(axis=0), ring.max(axis=0)
    crossing = crosses_itself(ring)
    if crossing is not None:
        yield Fault.CROSSING, f"near ({crossing[0]:.6g}, {crossing[1]:.6g})"
    elif abs(area(ring)) < _LEAST_AREA:  # the halves of a crossing one may outweigh each other
        yield Fault.NO_AREA, f"{len(ring)} points around ({ring[0][0]:.6g}, {ring[0][1]:.6g})"
    if low[0] > width or low[1] > height or (high < 0).any():
        yield Fault.OUTSIDE, f"all of it, the image is {width}×{height}"
    elif (low < -_MARGIN).any() or high[0] > width + _MARGIN or high[1] > height + _MARGIN:
        yield (
            Fault.OUTSIDE,
            f"it spans ({low[0]:.6g}, {low[1]:.6g}) to ({high[0]:.6g}, {high[1]:.6g}), the image "
            f"is {width}×{height}",
        )


def suspects(rings: Sequence[Sequence[float]], *, width: int, height: int) -> list[int]:
    """Which of the polygons of one image `shape_faults` may have something to say about.

    It looks at all of them at once, and is much faster where most have no fault.

    Args:
      rings: x, y, x, y, … of each.
      width: of the image.
      height: of the image.
    """
    flat = [ring[: len(ring) // 2 * 2] for ring in rings]
    lengths = np.array([len(ring) // 2 for ring in flat], np.int64)
    points = np.array([v for ring in flat for v in ring], np.float64).reshape(-1, 2)
    if not lengths.size or lengths.min() < 3 or not np.isfinite(points).all():
        return list(range(len(rings)))
    points = points.clip(-_FAR, _FAR)
    starts = np.cumsum(lengths) - lengths
    of = np.repeat(np.arange(len(lengths)), lengths)
    following = np.arange(len(points)) + 1
    following[starts + lengths - 1] = starts
    around = points - points[starts][of]
    after = around[following]
    again = np.add.reduceat((around == 0).all(axis=1), starts, dtype=np.int64)
    double = np.add.reduceat(around[:, 0] * after[:, 1] - around[:, 1] * after[:, 0], starts)
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    size = np.array([width, height])
    # Rounding differs a little from that of `area`, so a little more is suspected.
    suspected = (lengths - again < 2) | (np.abs(double) < 2.1 * _LEAST_AREA)
    suspected |= ((low < -_MARGIN) | (high > size + _MARGIN) | (low > size) | (high < 0)).any(1)
    return np.flatnonzero(suspected | _crossing(points, points[following], of)).tolist()


def _crossing(start: np.ndarray, end: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Which of several polygons may cross themselves; `of` is the polygon of each edge."""
    left, right = np.minimum(start, end), np.maximum(start, end)
    # Side by side, polygons have no edges that could meet those of another.
    aside = of * (4 * _FAR)
    order = np.argsort(left[:, 0] + aside, kind="stable")
    begins = (left[:, 0] + aside)[order]
    until = np.searchsorted(begins, (right[:, 0] + aside)[order] + 1e-2, side="right")
    many = until - np.arange(len(order)) - 1
    found = np.zeros(int(of[-1]) + 1, bool)
    if many.sum() > _AT_A_TIME:
        return ~found
    one = np.repeat(np.arange(len(order)), many)
    steps = np.arange(one.size) - np.repeat(np.cumsum(many) - many, many)
    one, other = order[one], order[one + 1 + steps]
    near = (left[one, 1] <= right[other, 1]) & (left[other, 1] <= right[one, 1])
    one, other = one[near], other[near]
    crossing = _cross(start[one], end[one], start[other], end[other])
    found[of[one[crossing]]] = True
    return found


def area(points: Points) -> float:
    """Signed area of a polygon."""
    ring = _ring(points)
    if len(ring) < 3:
        return 0.0
    # Around its first point, so that far away coordinates cost no digits.
    x, y = (ring - ring[0]).T
    return float(np.dot(x[:-1], y[1:]) - np.dot(y[:-1], x[1:])) / 2


def crosses_itself(points: Points) -> tuple[float, float] | None:
    """Where two edges of a polygon cross, or None.

    Touching is no crossing: outlines of masks touch themselves at corners. A polygon of so many
    points that this would take long is looked at in part.
    """
    ring = _ring(points)
    if len(ring) < 4:
        return None
    start, end = ring, np.roll(ring, -1, axis=0)
    left, right = np.minimum(start, end), np.maximum(start, end)
    order = np.argsort(left[:, 0], kind="stable")
    start, end, left, right = start[order], end[order], left[order], right[order]
    # In the order of their left ends, an edge can cross those that begin before it ends.
    until = np.searchsorted(left[:, 0], right[:, 0], side="right")
    many = until - np.arange(len(ring)) - 1
    tried = at = 0
    while at < len(ring) and tried < _MOST_PAIRS:
        here = max(1, int(np.searchsorted(np.cumsum(many[at : at + _AT_A_TIME]), _AT_A_TIME)))
        which = np.arange(at, min(at + here, len(ring)))
        one = np.repeat(which, many[which])
        steps = np.arange(one.size) - np.repeat(np.cumsum(many[which]) - many[which], many[which])
        other = one + 1 + steps
        near = (left[one, 1] <= right[other, 1]) & (left[other, 1] <= right[one, 1])
        one, other = one[near], other[near]
        crossing = _cross(start[one], end[one], start[other], end[other])
        if crossing.any():
            first = int(np.argmax(crossing))
            return _meeting(
                start[one[first]], end[one[first]], start[other[first]], end[other[first]]
            )
        tried += steps.size
        at += here
    return None


def covered(shapes: Sequence[Shape], *, width: int, height: int) -> Iterator[tuple[str, str]]:
    """Shapes of which nearly nothing is seen under shapes of other classes painted later.

    Args:
      shapes: of one image, in the order of painting.
      width: of the image.
      height: of the image.

    Yields:
      (name of the shape, which shapes cover it).
    """
    scale = min(1.0, _SIDE / max(width, height, 1))
    if len({shape.label for shape in shapes}) < 2:  # no two classes
        return
    size = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = Image.new("I", size)
    rings = [_ring(shape.points) * scale for shape in shapes]
    for number, ring in enumerate(rings, start=1):
        _fill(canvas, ring, number)
    painted = np.asarray(canvas)
    seen = np.bincount(painted.reshape(-1), minlength=len(shapes) + 1)
    for number, (shape, ring) in enumerate(zip(shapes, rings, strict=True), start=1):
        if len(ring) < 3 or seen[number] > _SEEN * np.prod(np.ptp(ring, axis=0)):
            continue
        if abs(area(ring)) < max(_LEAST_CELLS, seen[number] / _SEEN):
            continue
        own = Image.new("1", size)
        _fill(own, ring, 1)
        under = painted[np.asarray(own)]
        above = np.bincount(under, minlength=len(shapes) + 1)
        above[: number + 1] = 0
        others = [i for i in np.flatnonzero(above).tolist() if shapes[i - 1].label != shape.label]
        if under.size >= _LEAST_CELLS and above[others].sum() > (1 - 2 * _SEEN) * under.size:
            most = max(others, key=lambda i: (above[i], -i))
            top = shapes[most - 1]
            yield shape.name, f"{shape.label!r} by {top.label!r} ({top.name})"


def _ring(points: Points) -> np.ndarray:
    """The points (N, 2) without the repeated last one; those that are no numbers left out."""
    ring = np.asarray(points, np.float64).reshape(-1, 2)
    if not np.isfinite(ring).all():
        ring = ring[np.isfinite(ring).all(axis=1)]
    ring = ring.clip(-_FAR, _FAR)
    while len(ring) > 1 and ring[0, 0] == ring[-1, 0] and ring[0, 1] == ring[-1, 1]:
        ring = ring[:-1]
    return ring


def _fill(canvas: Image.Image, ring: np.ndarray, value: int) -> None:
    # Beyond a little outside, coordinates change nothing in the picture and may be astronomical.
    far = 4 * max(canvas.size)
    if len(ring) >= 3:
        points = ring.clip(-far, far).ravel().tolist()
        ImageDraw.Draw(canvas).polygon(points, fill=value)


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Whether the edges a-b and c-d cross at a point that is an end of neither."""
    return (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)


def _side(a: np.ndarray, b: np.ndarray, point: np.ndarray) -> np.ndarray:
    """1 where a point lies on the one side of the edge a-b, -1 on the other, 0 on it."""
    edge, way = b - a, point - a
    return np.asarray(np.sign(edge[..., 0] * way[..., 1] - edge[..., 1] * way[..., 0]))


def _meeting(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> tuple[float, float]:
    one, other = b - a, d - c
    across = one[0] * other[1] - one[1] * other[0]
    along = ((c[0] - a[0]) * other[1] - (c[1] - a[1]) * other[0]) / across
    x, y = a + along * one
    return float(x), float(y)
