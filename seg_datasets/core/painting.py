"""Painting: each kind of shape as the tool that it comes from paints it, to the pixel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from seg_datasets.core import centres, scanline, shares

# More pixels than any drawn outline has: a stranger's edges to and fro take time and memory.
_MOST_OUTLINE = 1 << 22

# Turned boxes and ellipses are told in bands of so many pixels: eight bytes for each take memory.
_BAND = 1 << 20

# A ring is filled with what of it lies outside the picture, and each hole for itself: so many times
# the pixels that are seen of it, and so many more, but no stranger's file may take hours.
_BEYOND, _BEYOND_PIXELS = 16, 1 << 20

# Where a shape lies: left, top, and which pixels of that window it covers.
Window = tuple[int, int, np.ndarray]

_NOTHING: Window = 0, 0, np.zeros((0, 0), bool)


def _canvas(
    xs: Sequence[float], ys: Sequence[float], size: tuple[int, int], draw: Callable
) -> Window:
    """The part of the picture around some points, drawn on."""
    _refuse_endless(xs, ys)
    left, top = (
        max(0, min(n, math.floor(min(v)) - 1)) for n, v in zip(size, (xs, ys), strict=True)
    )
    right, bottom = (
        min(n, max(0, math.ceil(max(v)) + 2)) for n, v in zip(size, (xs, ys), strict=True)
    )
    if right <= left or bottom <= top:
        return _NOTHING
    image = Image.new("1", (right - left, bottom - top))
    draw(ImageDraw.Draw(image), left, top)
    return left, top, np.asarray(image)


def _refuse_endless(xs: Sequence[float], ys: Sequence[float]) -> None:
    """An outline is drawn pixel by pixel, and kept so while COCO's tools fill it."""
    points = np.array([xs, ys], np.float64)
    if not np.isfinite(points).all():
        raise ValueError("a number that is none")
    with np.errstate(over="ignore"):
        steps = np.abs(points - np.roll(points, 1, axis=1)).max(axis=0, initial=0)
        endless = not steps.sum() <= _MOST_OUTLINE
    if endless:
        raise ValueError(f"an outline of more than {_MOST_OUTLINE:,} pixels")


def _pairs(data: Sequence[float]) -> list[tuple[float, float]]:
    numbers = [float(v) for v in data]
    if len(numbers) % 2:
        raise ValueError("an odd number of coordinates")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _polygon(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[x, y, …]: filled with its outline, at points between pixels too. LabelMe."""
    return _by_pillow(data, size, least=2, outline=1)


def _rings(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[[x, y, …], …]: points outside moved to the border, then rounded; filled where an odd number
    of rings lies around, with all outlines. V7."""
    rings = [np.array(_pairs(ring), np.float64).reshape(-1, 2) for ring in data]
    rings = [ring for ring in rings if len(ring)]
    if not rings:
        raise ValueError("no ring")
    if not all(np.isfinite(ring).all() for ring in rings):
        raise ValueError("a number that is none")
    border = np.array(size) - 1
    whole = [np.rint(ring.clip(0, border)).astype(np.int64) for ring in rings]
    low = np.min([ring.min(axis=0) for ring in whole], axis=0)
    high = np.max([ring.max(axis=0) for ring in whole], axis=0)
    width, height = (high - low + 1).tolist()
    return int(low[0]), int(low[1]), scanline.fill([ring - low for ring in whole], width, height)


def _filled(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[x, y, …]: filled as Pillow does, without an outline of its own. Cityscapes."""
    return _by_pillow(data, size, least=3, outline=None)


def _by_pillow(
    data: Sequence[Any], size: tuple[int, int], *, least: int, outline: int | None
) -> Window:
    points = _pairs(data)
    if len(points) < least:  # has a finding of its own
        return _NOTHING
    xs, ys = zip(*points, strict=True)

    def draw(on: ImageDraw.ImageDraw, left: int, top: int) -> None:
        on.polygon([(x - left, y - top) for x, y in points], fill=1, outline=outline)

    return _canvas(xs, ys, size, draw)


def _opencv(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[[x, y, …], …] in whole pixels: the first ring is filled with its outline, then the others
    are taken out with theirs. OpenCV: Supervisely, Labelbox."""
    rings = [np.array(_pairs(ring), np.float64).reshape(-1, 2) for ring in data]
    if not rings or len(rings[0]) < 3:  # has a finding of its own
        return _NOTHING
    left, top, mask = _solid(rings[0], size)
    left_to_fill = _BEYOND * mask.size + _BEYOND_PIXELS
    for ring in rings[1:]:
        if len(ring) < 3 or not mask.size:
            continue
        x, y, hole = _solid(ring, size)
        left_to_fill -= hole.size
        if left_to_fill < 0:
            raise ValueError("holes over and over the same pixels")
        x, y = x - left, y - top
        rows = slice(max(0, y), max(0, y + hole.shape[0]))
        columns = slice(max(0, x), max(0, x + hole.shape[1]))
        part = mask[rows, columns]
        part &= ~hole[max(0, -y) :, max(0, -x) :][: part.shape[0], : part.shape[1]]
    return left, top, mask


def _solid(ring: np.ndarray, size: tuple[int, int]) -> Window:
    if not (np.abs(ring) <= _MOST_OUTLINE).all():
        raise ValueError("points far outside the picture")
    points = ring.astype(np.int64)
    low, high = points.min(axis=0), points.max(axis=0)
    (left, top), (width, height) = low.tolist(), (high - low + 1).tolist()
    first = max(0, -left), max(0, -top)
    last = min(width, size[0] - left), min(height, size[1] - top)
    across, down = (end - begin for begin, end in zip(first, last, strict=True))
    if across <= 0 or down <= 0:
        return _NOTHING
    if width * height > _BEYOND * across * down + _BEYOND_PIXELS:
        raise ValueError("points far outside the picture")
    points = points - low
    mask = scanline.fill([points], width, height)
    mask[points[:, 1], points[:, 0]] = True
    return left + first[0], top + first[1], mask[first[1] : last[1], first[0] : last[0]]


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
    if lengths.ndim != 1 or not _add_up(lengths, pixels):
        raise ValueError("runs that do not add up to their window")
    return np.repeat(np.arange(lengths.size) % 2 == 1, lengths)


def _add_up(lengths: np.ndarray, pixels: int) -> bool:
    # None is longer than the window, so that no sum of theirs can overflow.
    within = ((lengths >= 0) & (lengths <= pixels)).all()
    return bool(within) and int(lengths.sum()) == pixels


def _coco(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[[x, y, …], …]: the union of polygons as COCO's own tools fill them: COCO, CVAT."""
    from pycocotools import mask as coco

    rings = []
    for points in map(_pairs, data):
        if len(points) < 3:  # has a finding of its own
            continue
        _refuse_endless(*zip(*points, strict=True))
        rings.append([v for point in points for v in point])
        if max(map(abs, rings[-1])) > _MOST_OUTLINE:
            raise ValueError("points far outside the picture")
    if not rings:
        return _NOTHING
    width, height = size
    runs = coco.merge(coco.frPyObjects(rings, height, width))
    left, top, right, bottom = _corners(coco.toBbox(runs))
    return left, top, coco.decode(runs)[top:bottom, left:right].astype(bool)


def _corners(box: Sequence[float]) -> tuple[int, int, int, int]:
    left, top, width, height = (int(v) for v in box)
    return left, top, left + width, top + height


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
        return _NOTHING
    mask = np.empty((bottom - top, right - left), bool)
    across = np.arange(left, right) + 0.5 - middle[0]
    rows = max(1, _BAND // across.size)
    for start in range(0, len(mask), rows):
        band = mask[start : start + rows]
        down = (np.arange(len(band)) + (top + start + 0.5) - middle[1])[:, None]
        u = (across * math.cos(turn) + down * math.sin(turn)) / half[0]
        v = (down * math.cos(turn) - across * math.sin(turn)) / half[1]
        band[...] = inside(u, v)
    return left, top, mask


def _oval(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[left, top, right, bottom]: the ellipse in a box of whole pixels. LabelMe."""
    left, top, right, bottom = (int(v) for v in data)
    if right < left or bottom < top:
        raise ValueError("a box that is none")

    def draw(on: ImageDraw.ImageDraw, x: int, y: int) -> None:
        on.ellipse((left - x, top - y, right - x, bottom - y), fill=1, outline=1)

    return _canvas((left, right), (top, bottom), size, draw)


def _line(data: Sequence[Any], size: tuple[int, int]) -> Window:
    """[width, x, y, …]: a line of that width."""
    width, points = round(float(data[0])), _pairs(data[1:])
    if not (1 <= width <= max(size)) or len(points) < 2:
        raise ValueError("a line without width or length")
    xs, ys = zip(*points, strict=True)
    _refuse_endless(xs, ys)

    def draw(on: ImageDraw.ImageDraw, left: int, top: int) -> None:
        on.line([(x - left, y - top) for x, y in points], fill=1, width=width)

    wide = (min(xs) - width, max(xs) + width), (min(ys) - width, max(ys) + width)
    return _canvas(*wide, size, draw)


_Kind = Callable[[Sequence[Any], tuple[int, int]], Window]

_IN_PIXELS: Mapping[str, _Kind] = {
    "polygon": _polygon,
    "filled": _filled,
    "rings": _rings,
    "opencv": _opencv,
    "coco": _coco,
    "runs": _runs,
    "columns": _columns,
    "box": _box,
    "ellipse": _ellipse,
    "oval": _oval,
    "line": _line,
    centres.CENTRES: centres.paint,
}


def _scaled(kind: str, scale: shares.Scale) -> _Kind:
    return lambda data, size: _IN_PIXELS[kind](scale(data, size), size)


KINDS: Mapping[str, _Kind] = {
    **_IN_PIXELS,
    **{name: _scaled(*how) for name, how in shares.SCALES.items()},
}
