"""Footprints: polygons on the ground, from GeoJSON or GeoPackage, onto the tiles of scenes."""

from __future__ import annotations

import array
import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seg_datasets.core import centres
from seg_datasets.core.drawing import Shape
from seg_datasets.core.geo import Geo
from seg_datasets.core.remarks import Fault, Remark
from seg_datasets.core.sources import foreign, geojson, geopackage, judging
from seg_datasets.core.sources.annotated import Annotated, AnnotationError
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.views import rasters

# The label of footprints where no property tells one.
LABEL = "footprint"

# Points that are brought into another coordinate system at a time.
_AT_A_TIME = 100_000

# Points in the drawings of all tiles: a stranger's polygons of a million points each, one over the
# other, must not take all the memory there is.
_MOST_POINTS = 100_000_000

# Footprints that are judged together.
_JUDGED = 1000

# Faults that say nothing of footprints: they are drawn for the ground, not for a scene, and smaller
# than a pixel of a coarse one.
_NO_FAULTS = (Fault.OUTSIDE, Fault.NO_AREA)


@dataclasses.dataclass(frozen=True)
class Footprints:
    """The polygons of a file, in its own coordinate system.

    Attributes:
      file: below the raw folder.
      crs: as rasterio takes it.
      points: (N, 2), of all rings one after the other.
      rings: where each ring ends in the points.
      polygons: where each polygon ends in the rings.
      labels: of each polygon.
      features: the number of the feature of each polygon.
    """

    file: str
    crs: str
    points: np.ndarray
    rings: np.ndarray
    polygons: np.ndarray
    labels: Sequence[str]
    features: np.ndarray

    def boxes(self) -> np.ndarray:
        """Left, top, right and bottom of each polygon (by its outer and inner rings)."""
        if not len(self.polygons):
            return np.zeros((0, 4))
        starts = np.concatenate([[0], self.rings])[np.concatenate([[0], self.polygons[:-1]])]
        low = np.minimum.reduceat(self.points, starts)
        high = np.maximum.reduceat(self.points, starts)
        return np.concatenate([low, high], axis=1)

    def only(self, kept: np.ndarray) -> Footprints:
        """Those of the polygons that are marked."""
        per_ring = np.repeat(kept, np.diff(self.polygons, prepend=0))
        lengths = np.diff(self.rings, prepend=0)
        return dataclasses.replace(
            self,
            points=self.points[np.repeat(per_ring, lengths)],
            rings=np.cumsum(lengths[per_ring]),
            polygons=np.cumsum(np.diff(self.polygons, prepend=0)[kept]),
            labels=[label for label, is_kept in zip(self.labels, kept, strict=True) if is_kept],
            features=self.features[kept],
        )

    def lines(self, number: int) -> list[np.ndarray]:
        """The rings of one polygon."""
        first = self.polygons[number - 1] if number else 0
        bounds = [self.rings[first - 1] if first else 0, *self.rings[first : self.polygons[number]]]
        return [self.points[a:b] for a, b in itertools.pairwise(bounds)]


def read(folder: Folder, path: str, *, field: str = "", layer: str = "") -> Footprints:
    """The polygons of a file.

    Args:
      folder: the raw folder.
      path: of the file below it: .geojson, .json or .gpkg.
      field: the property that holds the label; "" where all have one.
      layer: of a GeoPackage of several.

    Raises:
      AnnotationError: it cannot be read; says which and why.
    """
    packed = path.lower().endswith(".gpkg")
    with foreign.reading(path, "GeoPackage" if packed else "GeoJSON"):
        if packed:
            crs, features = geopackage.read(folder, path, layer=layer, field=field)
            return _stored(path, lambda: crs, features, labelled=bool(field))
        told: dict[str, str] = {}
        found = geojson.read(folder, path, field=field, told=told)
        return _stored(path, lambda: told.get("crs", geojson.WGS84), found, labelled=bool(field))


def _stored(path: str, crs: Any, features: Any, *, labelled: bool) -> Footprints:
    points, rings, polygons = array.array("d"), array.array("q"), array.array("q")
    labels: list[str] = []
    numbers = array.array("q")
    spelled: dict[str, str] = {}  # one text for all that are alike
    for number, value, found in features:
        label = _label(value) if labelled else LABEL
        for polygon in found:
            for ring in polygon:
                if not np.isfinite(ring).all():
                    raise ValueError(f"feature {number} has a number that is none")
                points.frombytes(np.ascontiguousarray(ring, np.float64).tobytes())
                rings.append(len(points) // 2)
            if polygon and rings[-1] > (rings[polygons[-1] - 1] if polygons else 0):
                polygons.append(len(rings))
                labels.append(spelled.setdefault(label, label))
                numbers.append(number)
            elif polygon:  # rings without a point
                del rings[polygons[-1] if polygons else 0 :]
    return Footprints(
        path,
        crs(),
        np.array(points).reshape(-1, 2),
        np.array(rings),
        np.array(polygons),
        labels,
        np.array(numbers),
    )


def _label(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError(f"a label that is no text or number: {type(value).__name__}")


def on_scene(
    footprints: Footprints, *, scene: str, geo: Geo, crs: Any, size: tuple[int, int]
) -> Footprints:
    """Those that may lie on a scene, in its pixels.

    Args:
      footprints: of the file.
      scene: its name, for messages.
      geo: where it lies.
      crs: rasterio's, of the scene.
      size: its width and height.

    Raises:
      AnnotationError: they cannot be brought there.
    """
    try:
        near = _near(footprints, geo, crs, size)
        xy = _brought(near, crs)
    except AnnotationError:
        raise
    except Exception as error:  # PROJ fails in many ways
        raise AnnotationError(
            f"{footprints.file} in {footprints.crs[:80]} cannot be brought to {scene} in "
            f"{geo.crs[:80]}: {error or type(error).__name__}"
        ) from None
    if not np.isfinite(xy).all():
        raise AnnotationError(
            f"{footprints.file} has points that do not exist in {geo.crs[:80]}, the coordinate "
            f"system of {scene}"
        )
    a, b, c, d, e, f = geo.transform
    x, y = xy[:, 0] - c, xy[:, 1] - f
    if b == d == 0:
        pixels = np.stack([x / a, y / e], axis=1)
    else:
        turn = a * e - b * d
        pixels = np.stack([(e * x - b * y) / turn, (a * y - d * x) / turn], axis=1)
    moved = dataclasses.replace(near, points=pixels)
    left, top, right, bottom = moved.boxes().T
    return moved.only((right > 0) & (bottom > 0) & (left < size[0]) & (top < size[1]))


def _near(footprints: Footprints, geo: Geo, crs: Any, size: tuple[int, int]) -> Footprints:
    """Those whose boxes meet the scene's, in their own coordinate system."""
    a, b, c, d, e, f = geo.transform
    corners = [(x, y) for x in (0, size[0]) for y in (0, size[1])]
    xs = [a * x + b * y + c for x, y in corners]
    ys = [d * x + e * y + f for x, y in corners]
    with rasters.environment() as rasterio:
        own = rasterio.crs.CRS.from_user_input(footprints.crs)
        box = min(xs), min(ys), max(xs), max(ys)
        if own != crs:
            try:
                box = rasterio.warp.transform_bounds(crs, own, *box, densify_pts=21)
            except Exception:  # at a pole or beyond: then all are looked at
                return footprints
            if not np.isfinite(box).all() or box[0] > box[2]:
                return footprints
    margin = 0.01 * max(box[2] - box[0], box[3] - box[1])
    left, top, right, bottom = footprints.boxes().T
    return footprints.only(
        (right >= box[0] - margin)
        & (left <= box[2] + margin)
        & (bottom >= box[1] - margin)
        & (top <= box[3] + margin)
    )


def _brought(footprints: Footprints, crs: Any) -> np.ndarray:
    """Their points in another coordinate system."""
    with rasters.environment() as rasterio:
        own = rasterio.crs.CRS.from_user_input(footprints.crs)
        if _alike(own, crs):
            return footprints.points
        out = np.empty_like(footprints.points)
        for start in range(0, len(out), _AT_A_TIME):
            part = footprints.points[start : start + _AT_A_TIME]
            xs, ys = rasterio.warp.transform(own, crs, part[:, 0].tolist(), part[:, 1].tolist())
            out[start : start + _AT_A_TIME] = np.stack([xs, ys], axis=1)
    return out


def _alike(one: Any, other: Any) -> bool:
    # GeoJSON's longitude and latitude, and what all files call EPSG:4326, are the same numbers.
    longitude = {geojson.WGS84, "EPSG:4326"}
    spelled = {crs.to_string() for crs in (one, other)}
    return bool(one == other or spelled <= longitude)


@dataclasses.dataclass
class Budget:
    """Points that drawings may still take."""

    left: int = _MOST_POINTS

    def take(self, points: int, file: str) -> None:
        """Takes some.

        Raises:
          AnnotationError: there are no more.
        """
        self.left -= points
        if self.left < 0:
            raise AnnotationError(
                f"{file} has polygons of more than {_MOST_POINTS:,} points on all tiles together; "
                "simplify them"
            )


def on_tiles(
    footprints: Footprints,
    *,
    rows: Sequence[tuple[int, int]],
    columns: Sequence[tuple[int, int]],
    budget: Budget,
) -> Iterator[list[Shape]]:
    """What each tile of a scene is painted with, tile by tile, in the order of the file.

    Args:
      footprints: from `on_scene`.
      rows: top and height of the tiles, from above.
      columns: left and width.
      budget: what drawings may take.
    """
    meeting = _meeting(footprints.boxes(), rows, columns, budget, footprints.file)
    for row, (top, height) in enumerate(rows):
        for column, (left, width) in enumerate(columns):
            shapes = []
            for number in meeting.get((row, column), ()):
                lines = [centres.ring(line) for line in footprints.lines(number)]
                budget.take(sum(map(len, lines)) // 16 + 1, footprints.file)
                cut = [p for line in lines for p in centres.cut(line, (left, top, width, height))]
                budget.take(sum(map(len, cut)), footprints.file)
                data = [left, top, *(part.ravel().tolist() for part in cut)]
                if cut:
                    shapes.append(Shape(footprints.labels[number], centres.CENTRES, data))
            yield shapes


def _meeting(
    boxes: np.ndarray,
    rows: Sequence[tuple[int, int]],
    columns: Sequence[tuple[int, int]],
    budget: Budget,
    file: str,
) -> dict[tuple[int, int], array.array]:
    """(row, column) of a tile → which boxes meet it."""
    found: dict[tuple[int, int], array.array] = {}
    # From the first tile that ends behind where a box begins, to the last that begins before its
    # end.
    first_row, first, last_row, last = (
        np.searchsorted([at + n * (side < 2) for at, n in spans], boxes[:, side], "right")
        for spans, side in ((rows, 1), (columns, 0), (rows, 3), (columns, 2))
    )
    budget.take(int(((last_row - first_row) * (last - first)).clip(0).sum()), file)
    for number in range(len(boxes)):
        for row in range(first_row[number], last_row[number]):
            for column in range(first[number], last[number]):
                found.setdefault((row, column), array.array("q")).append(number)
    return found


def faults(footprints: Footprints, *, scene: str, size: tuple[int, int]) -> Iterator[Remark]:
    """What is wrong with the polygons on a scene."""

    def some() -> Iterator[Annotated]:
        for start in range(0, len(footprints.labels), _JUDGED):
            numbers = range(start, min(start + _JUDGED, len(footprints.labels)))
            yield Annotated(
                image=scene,
                shapes=[
                    Shape(
                        footprints.labels[n],
                        "rings",
                        [line.ravel().tolist() for line in footprints.lines(n)],
                    )
                    for n in numbers
                ],
                size=size,
                file=footprints.file,
                names=[f"feature {footprints.features[n]}" for n in numbers],
            )

    for _, remarks in judging.judged(some()):
        yield from (remark for remark in remarks if remark.fault not in _NO_FAULTS)
