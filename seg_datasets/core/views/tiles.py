"""Tiles: windows of GeoTIFFs, of scenes and of label rasters alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg_datasets.core import views
from seg_datasets.core.arrays import MOST_BANDS
from seg_datasets.core.drawing import possible
from seg_datasets.core.geo import Geo
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.views import rasters
from seg_datasets.core.views.rasters import Raster

Window = tuple[int, int, int, int]


def read(
    folder: Folder,
    *,
    file: str,
    window: Sequence[int],
    bands: Sequence[int] | None = None,
    raw: int = 0,
    nodata: bool = True,
    placed: bool = True,
) -> views.View:
    """A tile. What of it lies beyond the raster is 0, and no data.

    Args:
      folder: the raw folder.
      file: of the raster.
      window: left, top, width and height.
      bands: their numbers from 1; all of them if not given.
      raw: of a label raster, what its values are: 1 for numbers, 3 for colours, 4 for colours with
        alpha. 0 for pictures.
      nodata: whether what the raster marks as no data is none.
      placed: whether the tile tells where it lies.

    Raises:
      OSError, ValueError: the raster cannot be read, or holds what no tile can.
    """
    left, top, width, height = (int(v) for v in window)
    with rasters.opened(folder, file) as raster:
        inside = min(width, raster.width - left), min(height, raster.height - top)
        if left < 0 or top < 0 or min(inside) <= 0 or not possible(width, height):
            raise ImageError(f"{file} has no pixels at {left}, {top}")
        whole = left, top, *inside
        if raw:
            values, none = _labels(raster, whole, raw=raw, nodata=nodata)
        else:
            values, none = _picture(raster, whole, bands=bands, nodata=nodata)
        geo = shifted(raster.geo, left, top) if placed else Geo()
    if inside != (width, height):
        beyond = [(0, height - inside[1]), (0, width - inside[0])]
        values = np.pad(values, beyond + [(0, 0)] * (values.ndim - 2))
        none = np.zeros(inside[::-1], bool) if none is None else none
        none = np.pad(none, beyond, constant_values=True)
    return views.of_array(values, none=none, geo=geo)


def shifted(geo: Geo, left: int, top: int) -> Geo:
    """Where the pixels of a tile lie, of a raster that lies there."""
    if not geo.transform:
        return geo
    a, b, c, d, e, f = geo.transform
    return Geo((a, b, a * left + b * top + c, d, e, d * left + e * top + f), geo.crs)


def refuse_labels(raster: Raster) -> None:
    """Refuses a raster whose values must not be trusted to be labels.

    Raises:
      ImageError: says why.
    """
    if raster.lossy:
        raise ImageError(
            f"{raster.name} is compressed with loss, which changes values; save labels with DEFLATE"
        )
    if raster.white_is_zero:
        raise ImageError(
            f"{raster.name} is a TIFF in which 0 is white: its numbers run against what one sees; "
            "save it anew"
        )
    if raster.bands > 4:
        raise ImageError(f"{raster.name} has {raster.bands} bands; labels are numbers or colours")


def _picture(
    raster: Raster, window: Window, *, bands: Sequence[int] | None, nodata: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    taken = [*(bands or range(1, raster.bands + 1))]
    if raster.palette and set(taken) <= {1, 2, 3}:
        numbers = raster.values([1], window)
        return _coloured(raster, numbers[0], 3), _none(raster, numbers, [1], window, nodata)
    if strange := [band for band in taken if not 1 <= band <= raster.bands]:
        raise ImageError(f"{raster.name} has {raster.bands} bands, and no band {strange[0]}")
    if len(taken) > MOST_BANDS:
        raise ImageError(
            f"{raster.name} has {len(taken)} bands; name at most {MOST_BANDS} in the source's "
            "`bands`"
        )
    values = raster.values(taken, window)
    none = _none(raster, values, taken, window, nodata)
    values = _whole(raster, values, none)
    return np.moveaxis(values, 0, -1) if len(taken) > 1 else values[0], none


def _labels(
    raster: Raster, window: Window, *, raw: int, nodata: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    refuse_labels(raster)
    taken = [n for n in range(1, raster.bands + 1) if raw == 4 or n != raster.alpha]
    values = raster.values(taken, window)
    none = _none(raster, values, taken, window, nodata)
    if len(taken) > 1:
        return np.moveaxis(_whole(raster, values, none), 0, -1), none
    if raster.palette and raw > 1:
        return _coloured(raster, values[0], raw), none
    return _whole(raster, values, none)[0], none


def _none(
    raster: Raster, values: np.ndarray, bands: Sequence[int], window: Window, nodata: bool
) -> np.ndarray | None:
    """Where there is no data: in all bands that are taken, by the raster's own mask, or where a
    band of transparency that is not taken says so."""
    if not nodata:
        return None
    told = []
    marks = [raster.nodata[band - 1] for band in bands]
    if all(mark is not None for mark in marks):
        told.append(np.logical_and.reduce([v == m for v, m in zip(values, marks, strict=True)]))
    if raster.own_mask:
        told.append(raster.masked(window))
    if raster.alpha and raster.alpha not in bands:
        told.append(raster.values([raster.alpha], window)[0] == 0)
    return np.logical_or.reduce(told) if told else None


def _whole(raster: Raster, values: np.ndarray, none: np.ndarray | None) -> np.ndarray:
    """The values as uint8 or uint16, exactly, or a refusal."""
    if values.dtype in (np.uint8, np.uint16):
        return values
    if values.dtype.kind not in "iu":
        raise ImageError(
            f"{raster.name} holds {values.dtype}; save it as uint8 or uint16, with the scale that "
            "is meant"
        )
    if none is not None:
        values = np.where(none, 0, values)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(
            f"{raster.name} holds values {values.min()}..{values.max()}; those of records lie in "
            "0..65535"
        )
    return values.astype(np.uint16)


def _coloured(raster: Raster, numbers: np.ndarray, channels: int) -> np.ndarray:
    """The colours of a palette."""
    palette = raster.palette or {}
    table = np.zeros((65536 if numbers.dtype == np.uint16 else 256, channels), np.uint8)
    for number, colour in palette.items():
        table[number] = colour[:channels]
    if (strange := int(numbers.max())) not in palette:
        raise ImageError(f"{raster.name} has pixels of the number {strange}, without a colour")
    return table[numbers]
