"""Grids of scenes: where their tiles lie, and whether scene and labels are of one grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seg_datasets.core import geo
from seg_datasets.core.classes import VOID, Values
from seg_datasets.core.remarks import Fault, Remark
from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.views.rasters import Raster

# Label raster and scene lie on the same grid if no corner is further apart, in pixels: writers
# round the numbers.
_NEAR = 1e-3

# Top or left, and height or width, of tiles.
Spans = list[tuple[int, int]]


def spans(length: int, *, tile: int, overlap: int, partial: str) -> Spans:
    """Where tiles begin along a side of a scene, and how long they are.

    A side shorter than a tile is one tile of its own length, unless tiles are padded or dropped.

    Args:
      length: of the side.
      tile: see `GeoTiff`.
      overlap: see `GeoTiff`.
      partial: see `GeoTiff`.
    """
    step = tile - overlap
    starts = list(range(0, length - tile + 1, step))
    end = starts[-1] + tile if starts else 0
    if end < length and partial == "pad":
        starts.append(starts[-1] + step if starts else 0)
    elif end < length and partial == "shift":
        if length < tile:
            return [(0, length)]
        starts.append(length - tile)
    return [(start, tile) for start in starts]


def lost(raster: Raster, rows: Spans, columns: Spans) -> Iterator[Remark]:
    """What `drop` leaves out of a scene."""
    height, width = (sum(spans_[-1]) if spans_ else 0 for spans_ in (rows, columns))
    pixels = raster.width * raster.height - (
        min(height, raster.height) * min(width, raster.width) if height and width else 0
    )
    if pixels:
        share = 100 * pixels / (raster.width * raster.height)
        yield Remark(Fault.CUT_OFF, raster.name, f"{pixels:,} pixels, {share:.2g} % of it")


def refuse_lost(raster: Raster) -> None:
    """Refuses a scene that does not tell where it lies.

    Raises:
      AnnotationError: says what it lacks.
    """
    lacking = " and ".join(
        what
        for what, told in (
            ("no transform", raster.geo.transform),
            ("no coordinate system", raster.geo.crs),
        )
        if not told
    )
    if lacking:
        raise AnnotationError(
            f"{raster.name} has {lacking} in its tags (files beside it are not read); write "
            "them into it, or state georeferenced=False"
        )


def refuse_apart(scene: Raster, labels: Raster, *, georeferenced: bool) -> None:
    """Refuses labels on another grid than their scene.

    Raises:
      AnnotationError: names both.
    """
    size, other = (scene.width, scene.height), (labels.width, labels.height)
    apart = ""
    if size != other:
        apart = f"{other[0]}×{other[1]} pixels and {size[0]}×{size[1]}"
    elif (georeferenced or (scene.crs and labels.crs)) and scene.crs != labels.crs:
        apart = f"in {labels.geo.crs or 'no system'} and {scene.geo.crs}"
    one, two = scene.geo.transform, labels.geo.transform
    if not apart and (georeferenced or (one and two)):
        off = geo.apart(one, two, width=size[0], height=size[1]) if one and two else None
        if off is None or not off <= _NEAR:
            far = "" if off is None else f", up to {off:.3g} pixels apart"
            apart = f"at {two or 'no place'} and {one}{far}"
    if apart:
        raise AnnotationError(
            f"{labels.name} and {scene.name} are not on one grid: {apart}; warp the labels onto "
            "the scene's grid, with nearest neighbours"
        )


def refuse_two_meanings(labels: Raster, values: Values | None) -> None:
    """Refuses a value that the raster calls no data, and the dataset folder a class.

    Raises:
      AnnotationError: says which.
    """
    if not isinstance(values, Mapping):
        return
    for mark in labels.nodata:
        number = int(mark) if mark is not None and float(mark).is_integer() else None
        if (meant := values.get(number, VOID) if number is not None else VOID) != VOID:
            raise AnnotationError(
                f"{labels.name} says that {number} is no data, and `values` that it is "
                f"{meant!r}; state nodata=False if it is, or lead it to {VOID!r}"
            )
