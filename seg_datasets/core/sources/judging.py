"""What is wrong with the polygons of annotations, looked at many images at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_datasets.core import drawing, shapes, shares, suspects
from seg_datasets.core.drawing import Shape
from seg_datasets.core.remarks import Fault, Remark

if TYPE_CHECKING:
    from seg_datasets.core.sources.annotated import Annotated

# The size that shares are judged at where an annotation tells none, so that faults are told in
# thousandths of the picture.
_THOUSANDTHS = 1000, 1000

# Images whose polygons have so many numbers are looked at together, or so many images.
_TOGETHER = 50_000


def judged(annotated: Iterable[Annotated]) -> Iterator[tuple[Annotated, list[Remark]]]:
    """Each with what is wrong with its polygons, looked at together as it is faster."""
    waiting: list[Annotated] = []
    numbers = 0
    for one in annotated:
        waiting.append(one)
        numbers += sum(len(ring) for shape in one.shapes for ring in rings(shape, one.size))
        if numbers > _TOGETHER or len(waiting) == _TOGETHER:
            yield from zip(waiting, _faults(waiting), strict=True)
            waiting, numbers = [], 0
    yield from zip(waiting, _faults(waiting), strict=True)


def _faults(images: Sequence[Annotated]) -> list[list[Remark]]:
    """What is wrong with the polygons of some images."""
    found: list[list[Remark]] = [[] for _ in images]
    sizes = [one.size or _extent(one) for one in images]
    every = [
        (number, one.name(n), shape.label, ring)
        for number, (one, size) in enumerate(zip(images, sizes, strict=True))
        if drawing.possible(*size)
        for n, shape in enumerate(one.shapes)
        for ring in rings(shape, one.size)
    ]
    if not every:
        return found
    of, names, labels, outlines = zip(*every, strict=True)
    # An impossible size has no ring, and may be no number either.
    told = [size if drawing.possible(*size) else (0, 0) for size in sizes]
    together = suspects.Rings.of(outlines, labels=labels, image=of, sizes=told)
    for ring in np.flatnonzero(suspects.faulty(together)).tolist():
        one, (width, height) = images[of[ring]], sizes[of[ring]]
        points = together.outline(ring)
        for fault, what in shapes.shape_faults(points, width=width, height=height):
            if fault is Fault.OUTSIDE and one.size is None:
                continue
            where = f"{one.file}: {one.image}: {names[ring]}"
            found[of[ring]].append(Remark(fault, where, what))
    hidden, seen = suspects.hidden(together)
    by_image = itertools.groupby(np.flatnonzero(seen).tolist(), key=of.__getitem__)
    for number, own in ((number, [*own]) for number, own in by_image):
        one, (width, height) = images[number], sizes[number]
        drawn = [shapes.Shape(names[r], labels[r], together.outline(r)) for r in own]
        which = {place for place, r in enumerate(own) if hidden[r]}
        for name, what in shapes.covered(drawn, width=width, height=height, which=which):
            where = f"{one.file}: {one.image}: {name}"
            found[number].append(Remark(Fault.COVERED, where, what))
    return found


def _extent(one: Annotated) -> tuple[int, int]:
    """A size that holds all outlines, for annotations that tell none."""
    every = [ring for shape in one.shapes for ring in rings(shape, one.size)]
    sides = (max((max(ring[axis::2], default=1) for ring in every), default=1) for axis in (0, 1))
    # In this order no number that is none comes through: painting refuses it.
    width, height = (math.ceil(min(1 << 31, max(1, side))) for side in sides)
    return width, height


def rings(shape: Shape, size: tuple[int, int] | None) -> list[Sequence[Any]]:
    """The outlines of a shape that has such."""
    if shape.kind in shares.SCALES:
        kind, scale = shares.SCALES[shape.kind]
        shape = Shape(shape.label, kind, scale(shape.data, size or _THOUSANDTHS))
    if shape.kind == "box" and not any(shape.data[4:]):
        left, top, right, bottom = shape.data[:4]
        return [[left, top, right, top, right, bottom, left, bottom]]
    if shape.kind in ("polygon", "filled"):
        return [shape.data]
    return list(shape.data) if shape.kind in ("rings", "coco", "opencv") else []
