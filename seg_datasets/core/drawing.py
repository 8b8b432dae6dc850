"""Drawings: the shapes of one image's annotation, and the mask they make.

A source hands on what it read, in painting order and in one form for all tools. Each kind of shape
is painted as the tool that it comes from paints it, to the pixel.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from seg_datasets.core.classes import RawTable
from seg_datasets.core.geo import Geo
from seg_datasets.core.images import ImageError
from seg_datasets.core.masks import Mask
from seg_datasets.core.runs import Runs

# More pixels than any picture has: what an annotation claims is held against it before any memory
# is asked for.
_MOST_PIXELS = 1 << 29


class DrawingError(ImageError):
    """A drawing that cannot be painted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a drawing.

    Attributes:
      label: as the annotation has it.
      kind: how it is painted, see `KINDS`.
      data: its numbers, as that kind has them.
    """

    label: str
    kind: str
    data: Sequence[Any]


@dataclasses.dataclass(frozen=True)
class Painted:
    """A drawing as ids.

    Attributes:
      ids: uint8 (H, W).
      lost: (id painted over, id on top) → pixels, where two classes overlap.
    """

    ids: np.ndarray
    lost: Mapping[tuple[int, int], int]


def dump(shapes: Iterable[Shape], size: tuple[int, int] | None) -> bytes:
    """A drawing as it travels with its sample.

    Args:
      shapes: in painting order, later over earlier.
      size: width and height of the picture it was drawn on, where the annotation tells.
    """
    rows = [[shape.label, shape.kind, shape.data] for shape in shapes]
    return json.dumps({"size": size, "shapes": rows}, separators=(",", ":")).encode()


def load(drawing: bytes) -> tuple[list[Shape], tuple[int, int] | None]:
    """The shapes and the size of a drawing."""
    fields = json.loads(drawing)
    size = fields["size"]
    return [Shape(*row) for row in fields["shapes"]], (size[0], size[1]) if size else None


def paint(drawing: bytes, table: RawTable, *, size: tuple[int, int]) -> Painted:
    """Paints a drawing.

    Args:
      drawing: see `dump`.
      table: label → class id.
      size: width and height of the picture, where the annotation does not tell.

    Raises:
      DrawingError: a shape that cannot be painted, or a picture of more pixels than there are.
    """
    shapes, told = load(drawing)
    width, height = told or size
    if not (width > 0 and height > 0 and width * height <= _MOST_PIXELS):
        raise DrawingError(f"is annotated as a picture of {width}×{height} pixels")
    ids = np.full((height, width), table.ground, np.uint8)
    drawn = np.zeros((height, width), bool) if len(shapes) > 1 else None
    lost: dict[tuple[int, int], int] = {}
    for number, shape in enumerate(shapes):
        class_id = table.id_of(shape.label)
        if class_id is None:  # its label has a finding of its own
            continue
        try:
            left, top, mask = KINDS[shape.kind](shape.data, (width, height))
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            raise DrawingError(f"cannot be painted: shape {number}: {error}") from error
        window = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
        if drawn is not None:
            below = ids[window][mask & drawn[window]]
            for other, pixels in enumerate(np.bincount(below)):
                if pixels and other != class_id:
                    lost[other, class_id] = lost.get((other, class_id), 0) + int(pixels)
            drawn[window] |= mask
        ids[window][mask] = class_id
    return Painted(ids, lost)


def mask(painted: Painted) -> Mask:
    """What was painted, as a mask that was read from a file."""
    runs = Runs.of(painted.ids)
    return Mask(
        raw=painted.ids,
        ids=painted.ids,
        runs=runs,
        known=None,
        counts=runs.counts(),
        stray={},
        as_stored=False,
        format="",
        mode="",
        orientation=1,
        palette={},
        geo=Geo(),
    )


# Where a shape lies: left, top, and which pixels of that window it covers.
Window = tuple[int, int, np.ndarray]


def _canvas(
    xs: Sequence[float], ys: Sequence[float], size: tuple[int, int], draw: Callable
) -> Window:
    """The part of the picture around some points, drawn on."""
    if not all(map(math.isfinite, (*xs, *ys))):
        raise ValueError("a number that is none")
    left, top = (
        max(0, min(n, math.floor(min(v)) - 1)) for n, v in zip(size, (xs, ys), strict=True)
    )
    right, bottom = (
        min(n, max(0, math.ceil(max(v)) + 2)) for n, v in zip(size, (xs, ys), strict=True)
    )
    if right <= left or bottom <= top:
        return 0, 0, np.zeros((0, 0), bool)
    image = Image.new("1", (right - left, bottom - top))
    draw(ImageDraw.Draw(image), left, top)
    return left, top, np.asarray(image)


def _pairs(data: Sequence[float]) -> list[tuple[float, float]]:
    numbers = [float(v) for v in data]
    if len(numbers) % 2:
        raise ValueError("an odd number of coordinates")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _polygon(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[x, y, …]: filled with its outline, at points between pixels too. LabelMe."""
    points = _pairs(data)
    if len(points) < 2:
        raise ValueError("a polygon of one point")
    xs, ys = zip(*points, strict=True)

    def draw(on: ImageDraw.ImageDraw, left: int, top: int) -> None:
        on.polygon([(x - left, y - top) for x, y in points], fill=1, outline=1)

    return _canvas(xs, ys, size, draw)


def _rings(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[[x, y, …], …]: points rounded, filled where an odd number of rings lies around, with all
    outlines. OpenCV's `fillPoly`: V7."""
    rings = [[(round(x), round(y)) for x, y in _pairs(ring)] for ring in data]
    rings = [ring for ring in rings if ring]
    if not rings:
        raise ValueError("no ring")
    xs, ys = zip(*(point for ring in rings for point in ring), strict=True)

    def fill(ring: list[tuple[int, int]]) -> Callable:
        def draw(on: ImageDraw.ImageDraw, left: int, top: int) -> None:
            moved = [(x - left, y - top) for x, y in ring]
            if len(moved) == 1:
                on.point(moved, fill=1)
            else:
                on.polygon(moved, fill=1, outline=1)

        return draw

    def edge(on: ImageDraw.ImageDraw, left: int, top: int) -> None:
        for ring in rings:
            on.line([(x - left, y - top) for x, y in [*ring, ring[0]]], fill=1)

    if len(rings) == 1:
        return _canvas(xs, ys, size, fill(rings[0]))
    left, top, mask = _canvas(xs, ys, size, edge)
    outlines, inside = mask, np.zeros_like(mask)
    for ring in rings:
        inside = inside ^ _canvas(xs, ys, size, fill(ring))[2]
    return left, top, inside | outlines


def _runs(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[left, top, width, height, [runs]]: row after row, the first run outside. CVAT."""
    left, top, width, height = (int(v) for v in data[:4])
    if not (left >= 0 and top >= 0 and width > 0 and height > 0):
        raise ValueError("a window that is none")
    if left + width > size[0] or top + height > size[1]:
        raise ValueError("runs that leave the picture")
    return left, top, _from_runs(data[4], width * height).reshape(height, width)


def _columns(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[width, height, [runs]]: the whole picture, column after column. COCO."""
    width, height = (int(v) for v in data[:2])
    if (width, height) != tuple(size):
        raise ValueError(f"runs for {width}×{height}, the picture has {size[0]}×{size[1]}")
    return 0, 0, _from_runs(data[2], width * height).reshape(width, height).T


def _from_runs(runs: Sequence[Any], pixels: int) -> np.ndarray:
    lengths = np.array(runs, np.int64)
    if lengths.ndim != 1 or (lengths < 0).any() or int(lengths.sum()) != pixels:
        raise ValueError("runs that do not add up to their window")
    return np.repeat(np.arange(lengths.size) % 2 == 1, lengths)


def _coco(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[[x, y, …], …]: the union of polygons as COCO's own tools fill them: COCO, CVAT."""
    from pycocotools import mask as coco

    rings = [[float(v) for v in ring] for ring in data]
    for ring in rings:
        if len(_pairs(ring)) < 3 or not all(map(math.isfinite, ring)):
            raise ValueError("a polygon of fewer than three points")
        if max(map(abs, ring)) > 1e6:
            raise ValueError("points far outside the picture")
    width, height = size
    decoded = coco.decode(coco.merge(coco.frPyObjects(rings, height, width)))
    return 0, 0, decoded.astype(bool)


def _box(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[left, top, right, bottom, degrees]: a box, turned about its middle. The pixels whose middle
    lies in it."""
    left, top, right, bottom = (float(v) for v in data[:4])
    turn = math.radians(float(data[4])) if len(data) > 4 else 0.0
    middle = (left + right) / 2, (top + bottom) / 2
    half = abs(right - left) / 2, abs(bottom - top) / 2
    return _middles(middle, half, turn, size, lambda u, v: (abs(u) <= 1) & (abs(v) <= 1))


def _ellipse(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[x, y, radius, radius, degrees]: the pixels whose middle lies in it."""
    x, y, across, down = (float(v) for v in data[:4])
    turn = math.radians(float(data[4])) if len(data) > 4 else 0.0
    return _middles((x, y), (abs(across), abs(down)), turn, size, lambda u, v: u * u + v * v <= 1)


def _middles(
    middle: tuple[float, float],
    half: tuple[float, float],
    turn: float,
    size: tuple[int, int],
    inside: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Window:
    if not all(map(math.isfinite, (*middle, *half, turn))):
        raise ValueError("a number that is none")
    reach = math.hypot(*half)
    left, top = (max(0, math.floor(max(m - reach, 0))) for m in middle)
    right, bottom = (math.ceil(min(m + reach, n)) for m, n in zip(middle, size, strict=True))
    if right <= left or bottom <= top or not all(half):
        return 0, 0, np.zeros((0, 0), bool)
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    across, down = x - middle[0], y - middle[1]
    u = (across * math.cos(turn) + down * math.sin(turn)) / half[0]
    v = (down * math.cos(turn) - across * math.sin(turn)) / half[1]
    return left, top, inside(u, v)


def _line(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[width, x, y, …]: a line of that width."""
    width, points = round(float(data[0])), _pairs(data[1:])
    if not (1 <= width <= max(size)) or len(points) < 2:
        raise ValueError("a line without width or length")
    xs, ys = zip(*points, strict=True)

    def draw(on: ImageDraw.ImageDraw, left: int, top: int) -> None:
        on.line([(x - left, y - top) for x, y in points], fill=1, width=width)

    wide = (min(xs) - width, max(xs) + width), (min(ys) - width, max(ys) + width)
    return _canvas(*wide, size, draw)


KINDS: Mapping[str, Callable[[Sequence[Any], tuple[int, int]], Window]] = {
    "polygon": _polygon,
    "rings": _rings,
    "coco": _coco,
    "runs": _runs,
    "columns": _columns,
    "box": _box,
    "ellipse": _ellipse,
    "line": _line,
}
