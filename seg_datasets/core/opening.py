"""Opening: the mask of a sample, whatever it is made of: a file, a view of one, or shapes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from seg_datasets.core import drawing, masks, views
from seg_datasets.core.classes import RawTable
from seg_datasets.core.masks import Mask
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.views import View


@dataclasses.dataclass(frozen=True)
class OpenedMask:
    """A mask, decoded.

    Attributes:
      lost, nothing: see `drawing.Painted`.
    """

    mask: Mask
    lost: Mapping[tuple[int, int], int]
    nothing: tuple[str, ...] = ()


def image_file(sample: Sample, folder: Folder) -> View:
    """What the image is decoded from.

    Raises:
      OSError, ValueError: it cannot be read.
    """
    return views.read(folder, sample.image, sample.view)


def mask_file(sample: Sample, folder: Folder) -> View:
    """What the mask is decoded from, or painted from.

    Raises:
      OSError, ValueError: it cannot be read.
    """
    if sample.drawing:
        return View(sample.drawing)
    return views.read(folder, sample.mask, sample.mask_view)


def mask(
    sample: Sample,
    seen: View,
    table: RawTable,
    *,
    folder: Folder,
    size: tuple[int, int],
    drawn_on: int = 1,
    none: np.ndarray | None = None,
) -> OpenedMask:
    """Decodes or paints a mask.

    Args:
      sample: whose mask it is.
      seen: from `mask_file`.
      table: raw values or labels → class ids.
      folder: where the files are that a drawing reads.
      size: width and height of the image.
      drawn_on: see `masks.read`.
      none: where the image has no data, from `image_file`: void, whatever the mask says.

    Raises:
      ImageError: it cannot be decoded or painted.
    """
    if sample.drawing:
        painted = drawing.paint(seen.data, table, size=size, folder=folder)
        read, lost, nothing = drawing.mask(painted), painted.lost, painted.nothing
    else:
        read, lost, nothing = masks.read(seen.data, table, drawn_on=drawn_on), {}, ()
    for empty in (seen.none, none):
        if empty is not None:
            read = masks.emptied(read, empty)
    return OpenedMask(read, lost, nothing)
