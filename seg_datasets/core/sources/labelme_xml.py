"""LabelMe of MIT: one XML file per image. CVAT and Datumaro write it as "LabelMe 3.0"."""

from __future__ import annotations

import copy
import dataclasses
from xml.etree.ElementTree import Element

import numpy as np

from seg_datasets.core import drawing, images, shapes
from seg_datasets.core.drawing import Shape
from seg_datasets.core.runs import alternating
from seg_datasets.core.sources import annotated, foreign, left_open
from seg_datasets.core.sources.annotated import Annotated, AnnotationError
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder, by_name

# LabelMe's toolbox counts pixels from 1 and has their middles at whole numbers.
_TO_COCO = -0.5

# Whose polygons count from the corner of the first pixel, told by `sourceAnnotation`.
_FROM_CORNER = ("cvat", "datumaro")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelMeXml(left_open.Ordered):
    """The XML of MIT's LabelMe; deleted objects are left out.

    Attributes:
      annotations: the XML files, a pattern below the raw folder.
      masks: the folder of the PNG files of scribbles, beside the XML files or below the raw folder.
    """

    annotations: str = "*.xml"
    masks: str = "Masks"

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files, and the PNG files of scribbles."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        drawn = [f"{name}/*" for name in (self.masks.strip("/"), "Scribbles")]
        aside = (*self.ignore, *drawn, *(f"*/{pattern}" for pattern in drawn))
        masks: set[str] = set()
        read = (_read(self, folder, path, masks) for path in found)
        scan = annotated.scan(dataclasses.replace(self, ignore=aside), folder, read)
        return dataclasses.replace(scan, others=(*scan.others, *sorted(masks, key=by_name)))


def _read(source: LabelMeXml, folder: Folder, path: str, masks: set[str]) -> Annotated:
    with foreign.reading(path, "LabelMe XML"):
        parts: dict[str, Element] = {}
        objects = []
        for depth, element in foreign.xml_of(folder, path):
            if depth == 0 and element.tag != "annotation":
                raise ValueError(f"it holds {element.tag[:40]!r}")
            if depth == 1:  # the element is emptied once it was seen
                if element.tag == "object":
                    objects.append(copy.copy(element))
                else:
                    parts[element.tag] = copy.copy(element)
        name, place = _text(parts["filename"]), _text(parts.get("folder"))
        if not name:
            raise ValueError("no `filename`")
        size = _size(parts["imagesize"]) if "imagesize" in parts else None
        shift = _shift(parts.get("source"))
        found = []
        for number, one in enumerate(objects):
            if int(_text(one.find("deleted")) or 0):
                continue
            called = f"object {_text(one.find('id')) or number}"
            label = _text(one.find("name"))
            if one.find("segm") is not None and one.find("polygon") is None:
                png = _mask_file(source, folder, path, place, one)
                if png in masks:
                    raise ValueError(f"{png} is the mask of two objects")
                masks.add(png)
                found.append(_scribble(folder, png, label, called, size))
            else:
                found.append(_polygon(one, label, called, shift))
        image = left_open.image_of(folder, path, place=place, name=name)
        return left_open.annotated(image, found, order=source.order, size=size, file=path)


def _text(element: Element | None) -> str:
    """LabelMe's older files have line breaks around what they say."""
    return "" if element is None else (element.text or "").strip()


def _size(element: Element) -> tuple[int, int]:
    return int(_text(element.find("ncols"))), int(_text(element.find("nrows")))


def _shift(source: Element | None) -> float:
    """From where the writer of a file counts to where COCO's tools do."""
    writer = "" if source is None else _text(source.find("sourceAnnotation"))
    return 0.0 if writer.lower().startswith(_FROM_CORNER) else _TO_COCO


def _polygon(element: Element, label: str, name: str, shift: float) -> left_open.Found:
    drawn = element.findall("polygon")
    if len(drawn) != 1:
        what = "a `bndbox`, as VocBoxes reads" if element.find("bndbox") is not None else ""
        raise ValueError(f"{name} has {what or f'{len(drawn)} polygons'}")
    ring = [
        float(_text(point.find(axis))) + shift for point in drawn[0].findall("pt") for axis in "xy"
    ]
    points = np.array(ring).reshape(-1, 2)
    return left_open.Found(Shape(label, "coco", [ring]), name, abs(shapes.area(points)))


def _mask_file(source: LabelMeXml, folder: Folder, path: str, place: str, element: Element) -> str:
    """Where a scribble's PNG lies: Datumaro has the masks beside the XML, LabelMe in a tree of
    their own."""
    name = _text(element.find("segm/mask"))
    if not name or "/" in name or "\\" in name:
        raise ValueError(f"a scribble whose mask is {name[:200]!r}, not the name of a file")
    above, masks = path.rpartition("/")[0], source.masks.strip("/")
    for parts in ((above, masks, name), (masks, place, name), (masks, name)):
        png = "/".join(part for part in parts if part)
        if folder.is_file(png):
            return png
    raise AnnotationError(
        f"{path} has a scribble whose mask {name} lies in no folder {masks}; add it, or say `masks`"
    )


def _scribble(
    folder: Folder, png: str, label: str, name: str, size: tuple[int, int] | None
) -> left_open.Found:
    """What is neither black nor transparent in the PNG of a scribble."""
    picture = images.open_image(folder.read(png)).image
    if picture.size != (size or picture.size) or not drawing.possible(*picture.size):
        raise ValueError(f"{png} has {picture.size} pixels, its image {size}")
    pixels = np.asarray(picture.convert("RGBA"))
    covered = pixels[..., :3].any(axis=-1) & (pixels[..., 3] > 0)
    runs = alternating(covered.T)
    return left_open.Found(Shape(label, "columns", [*picture.size, runs]), name, int(covered.sum()))
