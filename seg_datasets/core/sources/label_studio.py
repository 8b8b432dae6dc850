"""Label Studio: JSON and JSON-MIN, one file for many images, places in hundredths of the image."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import math
import re
import urllib.parse
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from seg_datasets.core.drawing import Shape
from seg_datasets.core.sample import same
from seg_datasets.core.sources import annotated, annotators, brush, foreign
from seg_datasets.core.sources.annotated import Annotated, AnnotationError, ShapeSource
from seg_datasets.core.sources.annotators import Version
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS

# Shapes that were drawn without a label; with one, they stand in the file a second time.
_BARE = ("polygon", "rectangle", "ellipse", "brush")

# Of regions in JSON-MIN, which tells no kinds: where they lie, what they were drawn with, and what
# is said of a region instead of drawing one.
_PLACE = ("points", "x", "y", "width", "height", "rotation", "radiusX", "radiusY", "rle")
_DRAWN = {"points": "polygon", "rle": "brush", "radiusX": "ellipse", "height": "rectangle"}
_SAYS = ("choices", "text", "number", "rating", "datetime", "taxonomy")

# What Label Studio puts before the names of uploaded files.
_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)", re.DOTALL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelStudio(ShapeSource):
    """Label Studio's exports "JSON" and "JSON-MIN".

    Attributes:
      annotations: the JSON files, a pattern below the raw folder.
      image: the key of a task's data that holds the image; not needed where there is only one.
      annotator: whose annotations count, an id or an e-mail address.
      take: where a task was annotated several times: "first" or "last", by their time.
    """

    annotations: str = "*.json"
    image: str = ""
    annotator: str | int = ""
    take: str = ""

    def __post_init__(self) -> None:
        annotators.refuse_unknown(self.take)

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files, each as a stream."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        known = {same(path.rpartition("/")[2]) for path in folder.files()[0]}
        return annotated.scan(
            self, folder, (one for path in found for one in _read(self, folder, path, known))
        )


def _read(
    source: LabelStudio, folder: Folder, path: str, known: Collection[str]
) -> Iterator[Annotated]:
    with foreign.reading(path, "Label Studio JSON"):
        for task in _tasks(folder, path):
            image = _image(source, task["data"], path)
            every = task.get("annotations", task.get("completions")) or ()
            version = annotators.chosen(
                [_version(one) for one in every if not _cancelled(one)],
                annotator=source.annotator,
                take=source.take,
                where=f"{path}: {image}",
            )
            if version is not None:
                yield _annotated(_there(image, known), version.content, path)


def _tasks(folder: Folder, path: str) -> Iterator[Mapping[str, Any]]:
    """Tasks with `data` and `annotations`, whichever way the file has them."""
    if foreign.first_sign(folder, path) == "{":
        one = foreign.json_of(folder, path)
        # A storage of Label Studio has a file for each annotation.
        yield {"data": one["task"]["data"], "annotations": [one]} if "task" in one else one
        return
    items = enumerate(foreign.items_of(folder, path))
    for _, group in itertools.groupby(items, key=lambda one: one[1].get("id", -one[0])):
        tasks = [task for _, task in group]
        if isinstance(tasks[0].get("data"), dict):
            yield from tasks
        else:
            yield _from_min(tasks)


def _from_min(records: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """JSON-MIN has a record for each annotation, and a key for each tag of the tool."""
    annotations, data = [], {}
    for record in records:
        number = record["annotation_id"]
        data = {key: value for key, value in record.items() if isinstance(value, str)}
        regions = _regions_of_min(record)
        if number is not None:
            by, at = record.get("annotator"), record.get("created_at")
            annotations.append({"result": regions, "completed_by": by, "created_at": at})
    return {"data": data, "annotations": annotations}


def _regions_of_min(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Regions as "JSON" has them. One that was labelled may stand here a second time, without its
    label, by the tool it was drawn with: the same places are the same region."""
    found = []
    numbers: dict[str, int] = {}
    for listed in record.values():
        for region in listed if isinstance(listed, list) else ():
            if not isinstance(region, dict) or "original_width" not in region:
                continue
            place = repr([region.get(key) for key in _PLACE])
            number = numbers.setdefault(place, len(numbers))
            drawn = next((kind for key, kind in _DRAWN.items() if key in region), "")
            says = any(key in region for key in _SAYS)
            kind = "" if says else drawn
            found.append({"id": number, "type": kind, **region, "value": region})
    return found


def _version(one: Mapping[str, Any]) -> Version:
    by = one.get("completed_by")
    names = (by.get("email"), by.get("id")) if isinstance(by, dict) else (by,)
    known = tuple(str(name) for name in names if name is not None)
    return Version(known, str(one.get("created_at") or ""), one["result"])


def _cancelled(one: Mapping[str, Any]) -> bool:
    return bool(one.get("was_cancelled") or one.get("skipped"))


def _image(source: LabelStudio, data: Mapping[str, Any], path: str) -> str:
    if source.image:
        return _file(data[source.image])
    named = {key: _file(value) for key, value in data.items() if isinstance(value, str)}
    found = {k: v for k, v in named.items() if v.rpartition(".")[2].lower() in EXTENSIONS}
    if len(found) != 1:
        keys = ", ".join(map(repr, sorted(found or data)))
        raise AnnotationError(
            f"{path} has the data {keys[:200]}; say in SOURCE which holds the image: `image`"
        )
    return next(iter(found.values()))


def _file(url: str) -> str:
    """The path that an address of Label Studio, of a store or of the web stands for."""
    if "://" not in url and not url.startswith("/"):
        return url
    parts = urllib.parse.urlsplit(url)
    query = urllib.parse.parse_qs(parts.query, max_num_fields=100)
    if "d" in query and parts.path.rstrip("/").endswith("/local-files"):
        return query["d"][0]
    if "fileuri" in query:
        return _file(base64.b64decode(query["fileuri"][0]).decode())
    return urllib.parse.unquote(parts.path)


def _there(image: str, known: Collection[str]) -> str:
    """The name that an uploaded file had before, if only that is there."""
    name = image.rpartition("/")[2]
    before = _UPLOADED.fullmatch(name)
    if before and same(name) not in known and same(before[1]) in known:
        return before[1]
    return image


def _annotated(image: str, result: Any, path: str) -> Annotated:
    shapes, names, unpainted = [], [], []
    sizes: set[tuple[int, int]] = set()
    regions = [one for one in result if isinstance(one.get("value"), dict)]
    labelled = {one.get("id") for one in regions if _labels(one["value"]) is not None}
    for number, one in enumerate(regions):
        label = _labels(one["value"])
        kind = str(one.get("type")).removesuffix("labels")
        if label is None and (kind not in _BARE or one.get("id") in labelled):
            continue  # says something of a region, or of the image
        if one.get("image_rotation") or one.get("item_index"):
            what = "on an image turned in Label Studio" if one.get("image_rotation") else "on pages"
            raise AnnotationError(
                f"{path}: {image} was drawn {what}, which is not supported; turn it back there, or "
                "make a task of each page, and export it anew"
            )
        if "vertices" in one["value"] or "imageDataURL" in one["value"]:
            raise ValueError(f"a region of the kind {str(one.get('type'))[:40]!r}")
        size = int(one["original_width"]), int(one["original_height"])
        shape = _shape(label or "", one["value"], size)
        if shape is not None:
            sizes.add(size)
            shapes.append(shape)
            names.append(f"region {one.get('id', number)}")
        elif "x" in one["value"]:
            unpainted.append("keypoint")
    if len(sizes) > 1 or len({str(one.get("to_name")) for one in regions}) > 1:
        raise ValueError(f"{image}: regions of several images in one task")
    return Annotated(image, shapes, sizes.pop() if sizes else None, path, names, unpainted)


def _labels(value: Mapping[str, Any]) -> str | None:
    """The labels of a region, None where it has no place for them."""
    for key, listed in value.items():
        if key.endswith("labels") and isinstance(listed, list):
            return ", ".join(map(str, listed))
    return None


def _shape(label: str, value: Mapping[str, Any], size: tuple[int, int]) -> Shape | None:
    width, height = size
    if "rle" in value:
        if value.get("format", "rle") != "rle":
            raise ValueError(f"a brush mask of the format {str(value['format'])[:40]!r}")
        return Shape(label, "runs", brush.window(value["rle"], width, height))
    if "points" in value:
        points = [v for x, y in value["points"] for v in (x / 100 * width, y / 100 * height)]
        return Shape(label, "coco", [points])
    turn = math.radians(float(value.get("rotation") or 0))
    if "radiusX" in value:
        keys = ("x", "y", "radiusX", "radiusY")
        numbers = [float(value[key]) / 100 * size[n % 2] for n, key in enumerate(keys)]
        return Shape(label, "ellipse", [*numbers, math.degrees(turn)])
    if not {"x", "y", "width", "height"} <= value.keys():
        return None  # a key point
    x, y, across, down = (
        float(value[key]) / 100 * size[n % 2] for n, key in enumerate(("x", "y", "width", "height"))
    )
    # Turned about its upper left corner.
    right = across * math.cos(turn), across * math.sin(turn)
    below = -down * math.sin(turn), down * math.cos(turn)
    corners = [x, y, x + right[0], y + right[1]]
    corners += [x + right[0] + below[0], y + right[1] + below[1], x + below[0], y + below[1]]
    return Shape(label, "coco", [corners])
