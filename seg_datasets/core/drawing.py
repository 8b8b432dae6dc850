"""Drawings: the shapes of one image's annotation, and the mask they make.

A source hands on what it read, in painting order and in one form for all tools. Each kind of shape
is painted as the tool that it comes from paints it, to the pixel.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from seg_datasets.core.classes import RawTable
from seg_datasets.core.geo import Geo
from seg_datasets.core.images import ImageError
from seg_datasets.core.masks import Mask
from seg_datasets.core.painting import KINDS
from seg_datasets.core.runs import Runs
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.stencils import STENCIL, Stencils

# More pixels than any picture has: what an annotation claims is held against it before any memory
# is asked for.
_MOST_PIXELS = 1 << 29

# As many pixels may be painted on one picture: a stranger's million boxes over all of it are no
# drawing.
_MOST_PAINT = 1 << 34


class DrawingError(ImageError):
    """A drawing that cannot be painted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a drawing.

    Attributes:
      label: as the annotation has it.
      kind: how it is painted, see `painting`.
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
      nothing: mask files of single objects that hold no object.
    """

    ids: np.ndarray
    lost: Mapping[tuple[int, int], int]
    nothing: tuple[str, ...] = ()


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


def possible(width: int, height: int) -> bool:
    """Whether a picture may be of this size."""
    return width > 0 and height > 0 and width * height <= _MOST_PIXELS


def paint(
    drawing: bytes, table: RawTable, *, size: tuple[int, int], folder: Folder | None = None
) -> Painted:
    """Paints a drawing.

    Args:
      drawing: see `dump`.
      table: label → class id.
      size: width and height of the picture, where the annotation does not tell.
      folder: where the files are that a `stencil` names.

    Raises:
      DrawingError: a shape that cannot be painted, or a picture of more pixels than there are.
    """
    shapes, told = load(drawing)
    width, height = told or size
    if not possible(width, height):
        raise DrawingError(f"is annotated as a picture of {width}×{height} pixels")
    ids = np.full((height, width), table.ground, np.uint8)
    drawn = np.zeros((height, width), bool) if len(shapes) > 1 else None
    lost: dict[tuple[int, int], int] = {}
    painted = 0
    stencils = Stencils(folder)
    for number, shape in enumerate(shapes):
        class_id = table.id_of(shape.label)
        if class_id is None:  # its label has a finding of its own
            continue
        try:
            paint = stencils.cut if shape.kind == STENCIL else KINDS[shape.kind]
            left, top, mask = paint(shape.data, (width, height))
        except (OSError, ValueError, TypeError, IndexError, OverflowError) as error:
            raise DrawingError(f"cannot be painted: shape {number}: {error}") from error
        painted += mask.size
        if painted > _MOST_PAINT:
            raise DrawingError(f"has {len(shapes)} shapes over and over the same pixels")
        window = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
        if drawn is not None:
            below = ids[window][mask & drawn[window]]
            for other, pixels in enumerate(np.bincount(below)):
                if pixels and other != class_id:
                    lost[other, class_id] = lost.get((other, class_id), 0) + int(pixels)
            drawn[window] |= mask
        ids[window][mask] = class_id
    try:
        stencils.refuse_unasked()
    except ValueError as error:
        raise DrawingError(f"cannot be painted: {error}") from error
    return Painted(ids, lost, tuple(stencils.nothing))


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
