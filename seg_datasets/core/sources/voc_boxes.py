"""Pascal VOC's boxes, as LabelImg writes them: one XML file per image."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from xml.etree.ElementTree import Element

import numpy as np

from seg_datasets.core import shapes
from seg_datasets.core.drawing import Shape
from seg_datasets.core.sources import annotated, foreign, left_open
from seg_datasets.core.sources.annotated import Annotated
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VocBoxes(left_open.Ordered):
    """Pascal VOC's XML. Its boxes become masks, which are weak labels.

    Attributes:
      annotations: the XML files, a pattern below the raw folder.
    """

    annotations: str = "*.xml"

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        boxes: Counter[str] = Counter()
        scan = annotated.scan(self, folder, (_read(self, folder, path, boxes) for path in found))
        return left_open.with_boxes(scan, boxes["box"], where=self.annotations)


def _read(source: VocBoxes, folder: Folder, path: str, boxes: Counter[str]) -> Annotated:
    with foreign.reading(path, "Pascal VOC XML"):
        named = {"filename": "", "folder": "", "path": ""}
        size: tuple[int, int] | None = None
        found: list[left_open.Found] = []
        for depth, element in foreign.xml_of(folder, path):
            if depth == 0 and element.tag != "annotation":
                raise ValueError(f"it holds {element.tag[:40]!r}")
            if depth != 1:
                continue
            if element.tag in named:
                named[element.tag] = (element.text or "").strip()
            elif element.tag == "size":
                width, height = (int(element.findtext(key) or 0) for key in ("width", "height"))
                size = (width, height) if width and height else None
            elif element.tag == "object":
                found.append(_object(element, f"object {len(found)}"))
                boxes[found[-1].shape.kind] += 1
        image = left_open.image_of(folder, path, place=named["folder"], name=_file_name(named))
        return left_open.annotated(image, found, order=source.order, size=size, file=path)


def _file_name(named: dict[str, str]) -> str:
    """Older versions of LabelImg leave out the extension, but for that of the whole path."""
    name = named["filename"]
    if name.rpartition(".")[2].lower() not in EXTENSIONS and named["path"]:
        name = re.split(r"[/\\]", named["path"])[-1]
    if not name:
        raise ValueError("no `filename`")
    return name


def _object(element: Element, name: str) -> left_open.Found:
    label = element.findtext("name") or ""
    polygons, box = element.findall("polygon"), element.find("bndbox")
    if polygons:
        rings = [_ring(polygon, name) for polygon in polygons]
        area = sum(abs(shapes.area(np.array(ring).reshape(-1, 2))) for ring in rings)
        return left_open.Found(Shape(label, "rings", rings), name, area)
    if box is None:
        raise ValueError(f"{name} has no `bndbox`; turned boxes and points are not read")
    left, top, right, bottom = (_number(box, corner) for corner in _CORNERS)
    if right < left or bottom < top:
        raise ValueError(f"{name} ends at {right:g}, {bottom:g} before it begins")
    # Counted from 1, and the last pixel is within.
    corners = [left - 1, top - 1, right, bottom]
    return left_open.Found(
        Shape(label, "box", corners), name, (right - left + 1) * (bottom - top + 1)
    )


def _ring(polygon: Element, name: str) -> list[float]:
    """x1, y1, x2, y2, …: pixels counted from 1."""
    ring: list[float] = []
    while polygon.find(f"x{len(ring) // 2 + 1}") is not None:
        number = len(ring) // 2 + 1
        ring += [_number(polygon, f"{axis}{number}") - 1 for axis in "xy"]
    if not ring or len(ring) != len(polygon):
        raise ValueError(f"{name} has a polygon without x1, y1, …; LabelMeXml reads `pt`")
    return ring


def _number(element: Element, tag: str) -> float:
    number = float(element.findtext(tag) or "")
    if not math.isfinite(number):
        raise ValueError(f"{tag} is {number}")
    return number
