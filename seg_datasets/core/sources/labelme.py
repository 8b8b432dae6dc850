"""LabelMe: one JSON file per image."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from seg_datasets.core import images
from seg_datasets.core.classes import VOID, ClassTable, RawTable
from seg_datasets.core.drawing import Shape
from seg_datasets.core.runs import alternating
from seg_datasets.core.sources import annotated, foreign
from seg_datasets.core.sources.annotated import Annotated, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder

Points = Sequence[tuple[float, float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelMe(ShapeSource):
    """LabelMe's own files. Its label `__ignore__` is void, `_background_` is `ground`, unless
    `labels` has them.

    Attributes:
      annotations: the JSON files, a pattern below the raw folder.
      line_width: of lines, in pixels, as LabelMe's own masks have them.
      point_radius: of points, in pixels, likewise.
    """

    annotations: str = "*.json"
    line_width: int = 10
    point_radius: int = 5

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        return annotated.scan(self, folder, (_read(self, folder, path) for path in found))

    def table(self, classes: ClassTable) -> RawTable:
        """From labels to class ids."""
        names = (*classes.names, VOID)
        named = {name: name for name in names} if self.labels is None else self.labels
        own = {"__ignore__": VOID, "_background_": self.ground or classes.names[0]}
        return classes.label_table({**own, **named}, ground=self.ground)


def _read(source: LabelMe, folder: Folder, path: str) -> Annotated:
    with foreign.reading(path, "LabelMe JSON"):
        fields = foreign.json_of(folder, path)
        width, height = fields.get("imageWidth"), fields.get("imageHeight")
        return Annotated(
            image=str(fields["imagePath"]),
            shapes=[_shape(source, one) for one in fields["shapes"]],
            size=(int(width), int(height)) if width and height else None,
            file=path,
        )


def _shape(source: LabelMe, one: Mapping[str, Any]) -> Shape:
    kind = one.get("shape_type") or "polygon"
    if kind not in _KINDS:
        raise ValueError(f"a shape of the kind {str(kind)[:40]!r}")
    points = [(float(x), float(y)) for x, y in one["points"]]
    return Shape(str(one["label"]), *_KINDS[kind](source, one, points))


def _polygon(_: LabelMe, __: object, points: Points) -> tuple[str, list]:
    return "polygon", _flat(points)


def _rectangle(_: LabelMe, __: object, points: Points) -> tuple[str, list]:
    """Two corners that lie across from each other."""
    if len(points) == 2:
        (left, top), (right, bottom) = points
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return "polygon", _flat(points)


def _circle(_: LabelMe, __: object, points: Points) -> tuple[str, list]:
    """Its middle, and a point on it."""
    middle, at = points
    return _disc(middle, math.sqrt((middle[0] - at[0]) ** 2 + (middle[1] - at[1]) ** 2))


def _point(source: LabelMe, _: object, points: Points) -> tuple[str, list]:
    (middle,) = points
    return _disc(middle, source.point_radius)


def _line(source: LabelMe, _: object, points: Points) -> tuple[str, list]:
    return "line", [source.line_width, *_flat(points)]


def _mask(_: LabelMe, one: Mapping[str, Any], points: Points) -> tuple[str, list]:
    """Its first and last pixel, and a PNG of what lies between."""
    (left, top), (right, bottom) = (map(int, point) for point in points)
    png = images.open_image(base64.b64decode(one["mask"])).image
    if png.size != (right - left + 1, bottom - top + 1):
        raise ValueError(f"a mask of {png.width}×{png.height} pixels that lies elsewhere")
    covered = np.asarray(png).reshape(png.height * png.width, -1).any(axis=1)
    return "runs", [left, top, *png.size, alternating(np.asarray(covered))]


def _disc(middle: tuple[float, float], radius: float) -> tuple[str, list]:
    x, y = middle
    return "oval", [x - radius, y - radius, x + radius, y + radius]


def _flat(points: Points) -> list[float]:
    return [value for point in points for value in point]


_KINDS: Mapping[str, Callable[[LabelMe, Mapping[str, Any], Points], tuple[str, list]]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "circle": _circle,
    "line": _line,
    "linestrip": _line,
    "point": _point,
    "mask": _mask,
}
