"""CVAT 1.1: one XML file with the shapes of many images, or the tracks of a video."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element

import numpy as np

from seg_datasets.core.drawing import Shape
from seg_datasets.core.sources import annotated, foreign, left_open, tracks
from seg_datasets.core.sources.annotated import Annotated, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder

# What CVAT's own masks leave out, having no area.
_WITHOUT_AREA = ("polyline", "points", "skeleton", "cuboid")
_CORNERS = ("xtl", "ytl", "xbr", "ybr")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cvat(ShapeSource):
    """CVAT's own export, "for images 1.1" and "for video 1.1".

    Attributes:
      annotations: the XML files, a pattern below the raw folder.
      line_width: of polylines, and of points, in pixels. 0 leaves out both, and skeletons and
        cuboids, as CVAT's own masks do. Must be said where there are any.
      frame_name: how the frames of a video are called.
    """

    annotations: str = "*.xml"
    line_width: int | None = None
    frame_name: str = "frame_{frame:06d}.png"

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        return annotated.scan(
            self, folder, (one for path in found for one in _read(self, folder, path))
        )


def _read(source: Cvat, folder: Folder, path: str) -> Iterator[Annotated]:
    with foreign.reading(path, "CVAT XML"):
        size: dict[str, int] = {}
        film = tracks.Film()
        for depth, element in foreign.xml_of(folder, path):
            if depth == 0 and element.tag != "annotations":
                raise ValueError(f"it holds {element.tag[:40]!r}")
            if depth == 1 and element.tag == "image":
                yield _image(source, element, path)
            elif depth == 1 and element.tag == "track":
                film.add(element)
            elif depth == 1 and (original := element.find(".//original_size")) is not None:
                size = {part.tag: int(part.text or "") for part in original}
        told = (size["width"], size["height"]) if size else None
        for frame, shapes in film.frames():
            ordered = _ordered(source, shapes, path)
            yield Annotated(
                image=source.frame_name.format(frame=frame),
                shapes=[shape for _, shape in ordered],
                size=told,
                file=path,
                names=[name for name, _ in ordered],
            )


def _image(source: Cvat, element: Element, path: str) -> Annotated:
    shapes = [(child.tag, child.attrib) for child in element]
    ordered = _ordered(source, shapes, path)
    return Annotated(
        image=element.attrib["name"],
        shapes=[shape for _, shape in ordered],
        size=(int(element.attrib["width"]), int(element.attrib["height"])),
        file=path,
        names=[name for name, _ in ordered],
    )


def _ordered(source: Cvat, shapes: Sequence[tracks.Fields], path: str) -> list[tuple[str, Shape]]:
    """Named shapes in CVAT's painting order: by layer, then as the file has them, but turned boxes
    after all others of their layer."""
    found: list[tuple[tuple[int, bool, int], str, Shape]] = []
    for number, (tag, fields) in enumerate(shapes):
        turned = tag == "box" and "rotation" in fields
        order = int(fields.get("z_order", 0)), turned, number
        for shape in _shapes(source, tag, fields, path):
            found.append((order, f"{tag} {number}", shape))
    return [(name, shape) for _, name, shape in sorted(found, key=lambda one: one[0])]


def _shapes(source: Cvat, tag: str, fields: Mapping[str, str], path: str) -> Iterator[Shape]:
    """What CVAT's own mask export makes of an element."""
    if tag == "tag":
        return
    if tag in _WITHOUT_AREA and not left_open.paints_lines(source.line_width, tag, path=path):
        return
    label = fields["label"]
    if tag == "mask":
        window = [int(fields[key]) for key in ("left", "top", "width", "height")]
        runs = [int(run) for run in fields["rle"].split(",")]
        yield Shape(label, "runs", [*window, runs])
    elif tag == "box":
        yield Shape(label, "coco", [_box(fields)])
    elif tag == "polygon":
        yield Shape(label, "coco", [_points(fields)])
    elif tag == "ellipse":
        # In whole pixels, each of them half a pixel to all sides.
        rounded = [round(float(fields[key])) + 0.5 for key in ("cx", "cy", "rx", "ry")]
        yield Shape(label, "ellipse", [*rounded, float(fields.get("rotation", 0))])
    elif tag == "polyline":
        yield Shape(label, "line", [source.line_width, *_points(fields)])
    elif tag == "points":
        half = (source.line_width or 1) / 2
        numbers = _points(fields)
        for x, y in zip(numbers[::2], numbers[1::2], strict=True):
            yield Shape(label, "ellipse", [math.floor(x) + 0.5, math.floor(y) + 0.5, half, half])
    else:
        raise ValueError(f"a shape of the kind {tag[:40]!r}")


def _points(fields: Mapping[str, str]) -> list[float]:
    return [float(v) for point in fields["points"].split(";") for v in _two(point.split(","))]


def _two(numbers: list[str]) -> list[str]:
    if len(numbers) != 2:
        raise ValueError(f"a point of {len(numbers)} numbers")
    return numbers


def _box(fields: Mapping[str, str]) -> list[float]:
    """Its corners. CVAT keeps those of a turned box to a hundredth of a pixel."""
    left, top, right, bottom = (float(fields[key]) for key in _CORNERS)
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    if "rotation" in fields:
        turn = math.radians(float(fields["rotation"]))
        middle = np.array([left + (right - left) / 2, top + (bottom - top) / 2])
        across, down = (corners - middle).T
        turned = (
            math.cos(turn) * across - math.sin(turn) * down,
            math.sin(turn) * across + math.cos(turn) * down,
        )
        corners = np.round(middle + np.stack(turned, axis=1), 2)
    return [float(v) for v in corners.ravel()]
