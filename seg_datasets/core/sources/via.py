"""VGG Image Annotator 2: one JSON or CSV file for many images."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from seg_datasets.core.drawing import Shape
from seg_datasets.core.remarks import Fault, Remark
from seg_datasets.core.sources import annotated, foreign
from seg_datasets.core.sources.annotated import Annotated, AnnotationError, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Via(ShapeSource):
    """VGG Image Annotator's annotations and projects, as JSON or CSV.

    Attributes:
      annotations: the files, a pattern below the raw folder.
      attribute: the region attribute that holds the class; not needed where there is only one.
      line_width: of polylines, in pixels.
    """

    annotations: str = "*.json"
    attribute: str = ""
    line_width: int = 1

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files."""
        read = functools.partial(_read, self, folder)
        return annotated.scan_files(self, folder, read, pattern=self.annotations)


def _read(source: Via, folder: Folder, path: str, remarks: list[Remark]) -> list[Annotated]:
    with foreign.reading(path, "VGG Image Annotator"):
        is_csv = path.lower().endswith(".csv")
        files = _csv(folder, path) if is_csv else _json(folder, path)
        attribute = source.attribute or _only_attribute(files, path)
        remarks += _empty_options(files, path)
        return [_annotated(source, name, regions, attribute, path) for name, regions in files]


def labels_of(folder: Folder, path: str) -> Iterator[dict[str, str]]:
    """Of each region of a file what it might be labelled: attribute → label."""
    with foreign.reading(path, "VGG Image Annotator"):
        files = _csv(folder, path) if path.lower().endswith(".csv") else _json(folder, path)
        for _, regions in files:
            for _, given in regions:
                yield {name: _label(value) for name, value in given.items()}


# The name of an image and its regions: of each the shape, and the attributes.
_File = tuple[str, list[tuple[Mapping[str, Any], Mapping[str, Any]]]]


def _json(folder: Folder, path: str) -> list[_File]:
    fields = foreign.json_of(folder, path)
    listed = fields.get("_via_img_metadata", fields)
    found = []
    for one in listed.values():
        regions = one["regions"]
        each = regions.values() if isinstance(regions, dict) else regions
        pairs = [(r["shape_attributes"], r["region_attributes"]) for r in each]
        found.append((str(one["filename"]), pairs))
    return found


def _csv(folder: Folder, path: str) -> list[_File]:
    reader = csv.DictReader(io.StringIO(folder.read_text(path), newline=""), strict=True)
    found: dict[str, _File] = {}
    try:
        rows = [*reader]
    except csv.Error as error:
        raise ValueError(str(error)) from error
    for row in rows:
        # VIA marks the heading as a comment in some versions.
        name = row["filename"] if "filename" in row else row["#filename"]
        regions = found.setdefault(name, (name, []))[1]
        shape = json.loads(row["region_shape_attributes"] or "{}")
        if shape:
            regions.append((shape, json.loads(row["region_attributes"] or "{}")))
    return list(found.values())


def _only_attribute(files: Iterable[_File], path: str) -> str:
    """The attribute that regions have, if they have one only."""
    names = {name for _, regions in files for _, given in regions for name in given}
    if len(names) > 1:
        raise AnnotationError(
            f"{path} has the region attributes {', '.join(map(repr, sorted(names)))}; say which "
            "holds the class: `attribute`"
        )
    return names.pop() if names else ""


def _empty_options(files: Iterable[_File], path: str) -> Iterator[Remark]:
    """Attributes without a name, and boxes to tick without one: each where it is first."""
    seen = set()
    for image, regions in files:
        for number, (_, given) in enumerate(regions):
            for name, value in given.items():
                what = "an attribute" if not name.strip() else f"an option of {name!r}"
                ticked = isinstance(value, dict) and any(not key.strip() for key in value)
                if (ticked or not name.strip()) and what not in seen:
                    seen.add(what)
                    yield Remark(Fault.LABEL_EMPTY, f"{path}: {image}: region {number}: {what}")


def _annotated(
    source: Via,
    image: str,
    regions: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]],
    attribute: str,
    path: str,
) -> Annotated:
    shapes, names, unpainted = [], [], []
    for number, (drawn, given) in enumerate(regions):
        shape = _shape(drawn, _label(given.get(attribute, "")), source.line_width)
        if shape is not None:
            shapes.append(shape)
            names.append(f"{image}: region {number}")
        else:
            unpainted.append(str(drawn["name"]))
    return Annotated(image, shapes, None, path, names, unpainted)


def _label(value: Any) -> str:
    """A text as it is; of boxes to tick those that are ticked."""
    if isinstance(value, dict):
        return ", ".join(sorted(key for key, ticked in value.items() if ticked and key.strip()))
    return str(value)


def _shape(drawn: Mapping[str, Any], label: str, line_width: int) -> Shape | None:
    kind = drawn["name"]
    if kind == "polygon":
        return Shape(label, "coco", [_points(drawn)])
    if kind == "polyline":
        return Shape(label, "line", [line_width, *_points(drawn)])
    if kind == "rect":
        left, top, width, height = (_number(drawn[key]) for key in ("x", "y", "width", "height"))
        return Shape(label, "box", [left, top, left + width, top + height])
    if kind == "circle":
        x, y, radius = (_number(drawn[key]) for key in ("cx", "cy", "r"))
        return Shape(label, "ellipse", [x, y, radius, radius, 0])
    if kind == "ellipse":
        x, y, across, down = (_number(drawn[key]) for key in ("cx", "cy", "rx", "ry"))
        turn = math.degrees(_number(drawn.get("theta", 0)))  # none in older versions
        return Shape(label, "ellipse", [x, y, across, down, turn])
    if kind == "point":
        return None
    raise ValueError(f"a shape called {kind!r}")


def _points(drawn: Mapping[str, Any]) -> list[float]:
    xs, ys = drawn["all_points_x"], drawn["all_points_y"]
    return [_number(v) for pair in zip(xs, ys, strict=True) for v in pair]


def _number(value: Any) -> float:
    if isinstance(value, str):
        raise TypeError(f"{value!r} is no number")
    return float(value)
