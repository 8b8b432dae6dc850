"""Shapes: what is wrong with the polygons of an annotation, told from their points alone.

`judging` calls `shape_faults` on each shape that `suspects.faulty` names, `covered` on those of one
image, and keeps what comes out as `Remark`s.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence

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
MARGIN = 1.0

# No picture is so large; what is written beyond it need not be kept apart, and must not overflow.
FAR = 1e9

# Less than a quarter of a pixel: no tool draws that on purpose, and rounding makes none of it.
LEAST_AREA = 0.25

# Shapes are painted on a picture of this side to see which cover which; those of fewer cells are
# not judged.
_SIDE = 256
LEAST_CELLS = 12
SEEN = 0.05


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
    elif abs(area(ring)) < LEAST_AREA:  # the halves of a crossing one may outweigh each other
        yield Fault.NO_AREA, f"{len(ring)} points around ({ring[0][0]:.6g}, {ring[0][1]:.6g})"
    if low[0] > width or low[1] > height or (high < 0).any():
        yield Fault.OUTSIDE, f"all of it, the image is {width}×{height}"
    elif (low < -MARGIN).any() or high[0] > width + MARGIN or high[1] > height + MARGIN:
        yield (
            Fault.OUTSIDE,
            f"it spans ({low[0]:.6g}, {low[1]:.6g}) to ({high[0]:.6g}, {high[1]:.6g}), the image "
            f"is {width}×{height}",
        )


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
        crossing = cross(start[one], end[one], start[other], end[other])
        if crossing.any():
            first = int(np.argmax(crossing))
            return _meeting(
                start[one[first]], end[one[first]], start[other[first]], end[other[first]]
            )
        tried += steps.size
        at += here
    return None


def covered(
    shapes: Sequence[Shape], *, width: int, height: int, which: Collection[int] | None = None
) -> Iterator[tuple[str, str]]:
    """Shapes of which nearly nothing is seen under shapes of other classes painted later.

    Args:
      shapes: of one image, in the order of painting.
      width: of the image.
      height: of the image.
      which: the places of those to look at; all of them if not given.

    Yields:
      (name of the shape, which shapes cover it).
    """
    if len({shape.label for shape in shapes}) < 2:  # no two classes
        return
    sides, scales = canvas(np.array([[width, height]], np.float64))
    size, scale = (int(sides[0, 0]), int(sides[0, 1])), float(scales[0])
    picture = Image.new("L" if len(shapes) < 256 else "I", size)
    pen = ImageDraw.Draw(picture)
    rings = [_ring(shape.points) * scale for shape in shapes]
    for number, ring in enumerate(rings, start=1):
        _fill(pen, ring, number)
    painted = np.asarray(picture)
    for number, (shape, ring) in enumerate(zip(shapes, rings, strict=True), start=1):
        if len(ring) < 3 or (which is not None and number - 1 not in which):
            continue
        seen = np.count_nonzero(painted == number)
        if seen > SEEN * np.prod(np.ptp(ring, axis=0)):
            continue
        if abs(area(ring)) < max(LEAST_CELLS, seen / SEEN):
            continue
        own = Image.new("L", size)
        _fill(ImageDraw.Draw(own), ring, 1)
        under = painted[np.asarray(own) != 0]
        above = np.bincount(under, minlength=len(shapes) + 1)
        above[: number + 1] = 0
        others = [i for i in np.flatnonzero(above).tolist() if shapes[i - 1].label != shape.label]
        if under.size >= LEAST_CELLS and above[others].sum() > (1 - 2 * SEEN) * under.size:
            most = max(others, key=lambda i: (above[i], -i))
            top = shapes[most - 1]
            yield shape.name, f"{shape.label!r} by {top.label!r} ({top.name})"


def canvas(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """On what `covered` paints images of these sizes.

    Args:
      sizes: (N, 2), width and height.

    Returns:
      Its sizes (N, 2), and by what points are multiplied (N,).
    """
    scales = np.minimum(1.0, _SIDE / np.maximum(sizes.max(axis=1), 1))
    return np.maximum(1, np.round(sizes * scales[:, None])), scales


def _ring(points: Points) -> np.ndarray:
    """The points (N, 2) without the repeated last one; those that are no numbers left out."""
    ring = np.asarray(points, np.float64).reshape(-1, 2)
    if not np.isfinite(ring).all():
        ring = ring[np.isfinite(ring).all(axis=1)]
    ring = ring.clip(-FAR, FAR)
    while len(ring) > 1 and ring[0, 0] == ring[-1, 0] and ring[0, 1] == ring[-1, 1]:
        ring = ring[:-1]
    return ring


def _fill(pen: ImageDraw.ImageDraw, ring: np.ndarray, value: int) -> None:
    # Beyond a little outside, coordinates change nothing in the picture and may be astronomical.
    far = 4 * max(pen.im.size)
    if len(ring) >= 3:
        pen.polygon(ring.clip(-far, far).ravel().tolist(), fill=value)


def cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
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
