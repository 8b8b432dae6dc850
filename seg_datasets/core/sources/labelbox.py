"""Labelbox: NDJSON, one line for each image; masks are files of their own."""

from __future__ import annotations

import dataclasses
import itertools
import math
import urllib.parse
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from seg_datasets.core.drawing import Shape
from seg_datasets.core.images import ImageError, open_image
from seg_datasets.core.runs import alternating
from seg_datasets.core.sample import same
from seg_datasets.core.sources import annotated, annotators, foreign
from seg_datasets.core.sources.annotated import Annotated, AnnotationError, ShapeSource
from seg_datasets.core.sources.annotators import Version
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder, by_name

_WITHOUT_AREA = ("line", "point")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelbox(ShapeSource):
    """Labelbox's export of images, version 2, as NDJSON or as one list; labels are the names of
    tools.

    Attributes:
      annotations: the files, a pattern below the raw folder.
      masks: the folder of the masks below the raw folder: `<feature_id>.png` of each, or
        `<data row's id>.png` of all of an image in their colours.
      project: id or name of the project that counts, where an image stands in several.
      annotator: whose labels count, an e-mail address.
      take: where an image was labelled several times: "first" or "last", by their time.
      line_width: of lines, and of points, in pixels. 0 leaves them out. Must be said where there
        are any.
    """

    annotations: str = "*.ndjson"
    masks: str = "masks"
    project: str = ""
    annotator: str = ""
    take: str = ""
    line_width: int | None = None

    def __post_init__(self) -> None:
        annotators.refuse_unknown(self.take)

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files line by line, and the masks that they name."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        reader = _Reader(self, folder)
        below = f"{self.masks.strip('/')}/*"
        images = dataclasses.replace(self, ignore=(*self.ignore, below))
        scan = annotated.scan(
            images, folder, itertools.chain.from_iterable(map(reader.read, found))
        )
        read = sorted(reader.read_masks, key=by_name)
        return dataclasses.replace(scan, others=(*scan.others, *read))


class _Reader:
    """What is read with one folder at hand."""

    def __init__(self, source: Labelbox, folder: Folder):
        paths = folder.files()[0]
        self._source, self._folder, self._files = source, folder, frozenset(paths)
        self._names = {same(path.rpartition("/")[2]) for path in paths}
        self.read_masks: set[str] = set()

    def read(self, path: str) -> Iterator[Annotated]:
        with foreign.reading(path, "Labelbox NDJSON"):
            listed = foreign.first_sign(self._folder, path) == "["
            rows = (foreign.items_of if listed else foreign.lines_of)(self._folder, path)
            for row in rows:
                image = _image(row["data_row"], self._names)
                version = annotators.chosen(
                    list(_versions(row["projects"], self._source.project)),
                    annotator=self._source.annotator,
                    take=self._source.take,
                    where=f"{path}: {image}",
                )
                if version is not None:
                    yield self._annotated(image, row, version.content, path)

    def _annotated(self, image: str, row: Mapping[str, Any], objects: Any, path: str) -> Annotated:
        about = row["media_attributes"]
        size = int(about["width"]), int(about["height"])
        drawn = [
            (f"{one.get('name')} {one.get('feature_id', number)}", shape)
            for number, one in enumerate(objects)
            for shape in self._shapes(one, str(row["data_row"]["id"]), size, path)
        ]
        shapes = [shape for _, shape in drawn]
        return Annotated(image, shapes, size, path, [name for name, _ in drawn])

    def _shapes(
        self, one: Mapping[str, Any], row: str, size: tuple[int, int], path: str
    ) -> Iterator[Shape]:
        label = str(one["name"])
        if any(key in one for key in _WITHOUT_AREA):
            yield from self._line(label, one, path)
        elif "polygon" in one:
            yield Shape(label, "opencv", [_whole(one["polygon"])])
        elif "bounding_box" in one:
            box = one["bounding_box"]
            left, right = box["left"], box["left"] + box["width"]
            top, bottom = box["top"], box["top"] + box["height"]
            corners = ((left, top), (left, bottom), (right, bottom), (right, top))
            yield Shape(label, "opencv", [_whole([{"x": x, "y": y} for x, y in corners])])
        elif "mask" in one or "composite_mask" in one:
            yield Shape(label, "runs", self._mask(one, row, size, path))
        else:
            raise ValueError(f"an object of the kind {str(one.get('annotation_kind'))[:40]!r}")

    def _line(self, label: str, one: Mapping[str, Any], path: str) -> Iterator[Shape]:
        width = self._source.line_width
        if width is None:
            raise AnnotationError(
                f"{path} holds lines or points, which have no area; say `line_width` of SOURCE, 0 "
                "to leave such shapes out"
            )
        if width and "line" in one:
            yield Shape(label, "line", [width, *_whole(one["line"])])
        elif width:
            x, y = _whole([one["point"]])
            yield Shape(label, "ellipse", [x + 0.5, y + 0.5, width / 2, width / 2])

    def _mask(
        self, one: Mapping[str, Any], row: str, size: tuple[int, int], path: str
    ) -> list[Any]:
        """Where a mask covers the picture, as `drawing` has runs."""
        below = self._source.masks.strip("/")
        own, shared = f"{below}/{one.get('feature_id')}.png", f"{below}/{row}.png"
        colour = (one.get("composite_mask") or {}).get("color_rgb")
        name = own if own in self._files or colour is None else shared
        if name not in self._files:
            raise AnnotationError(
                f"{path} has masks at an address of Labelbox only; download them with your key, "
                f"each as {own}" + (f", or all of the image as {shared}" if colour else "")
            )
        self.read_masks.add(name)
        try:
            picture = open_image(self._folder.read(name)).image
        except (ImageError, OSError, ValueError) as error:
            raise AnnotationError(f"{name} cannot be read: {error}; download it anew") from error
        if picture.size != size:
            raise AnnotationError(
                f"{name} has {picture.width}×{picture.height} pixels, its image {size[0]}×{size[1]}"
                "; download it anew"
            )
        pixels = np.asarray(picture.convert("RGB"))
        inside = pixels.any(axis=2)
        if name == shared and colour is not None:
            inside = (pixels == np.array([int(v) for v in colour[:3]])).all(axis=2)
        return [0, 0, *size, alternating(np.asarray(inside))]


def _whole(points: Iterable[Mapping[str, float]]) -> list[float]:
    """As Labelbox's own tools draw them: what lies behind the point is cut off."""
    return [float(math.trunc(at[axis])) for at in points for axis in "xy"]


def _image(row: Mapping[str, Any], names: Collection[str]) -> str:
    """The first of a data row's names that a file has; else the one that a user would know."""
    address = urllib.parse.urlsplit(str(row.get("row_data") or "")).path
    told = (row.get("external_id"), row.get("global_key"), urllib.parse.unquote(address))
    given = [str(name) for name in told if name] or [str(row["id"])]
    there = (name for name in given if same(name.replace("\\", "/").rpartition("/")[2]) in names)
    return next(there, given[0])


def _versions(projects: Mapping[str, Any], wanted: str) -> Iterator[Version]:
    """The labels of an image; those of other projects left out."""
    for key, project in projects.items():
        if wanted and wanted not in (key, project.get("name")):
            continue
        for label in project["labels"]:
            details = label.get("label_details") or {}
            by = details.get("created_by")
            at = str(details.get("created_at") or "")
            objects = label["annotations"]["objects"]
            yield Version((str(by),) if by else (), at, objects)
