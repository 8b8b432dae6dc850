"""COCO instances: one JSON file for many images, polygons and runs of columns."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seg_datasets.core.classes import ClassTable, DeclarationError, RawTable
from seg_datasets.core.drawing import Shape
from seg_datasets.core.remarks import Fault, Remark, category_faults
from seg_datasets.core.sources import annotated, foreign, left_open
from seg_datasets.core.sources.annotated import Annotated, AnnotationError
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder

# The label of annotations that are a crowd, whatever their category.
CROWD = "(crowd)"

# Characters of one run in a string of runs; more would be more pixels than any picture has.
_MOST_CHARACTERS = 7


@dataclasses.dataclass(frozen=True, kw_only=True)
class Coco(left_open.Ordered):
    """COCO's instances; labels are the names of categories.

    Attributes:
      annotations: the JSON files, a pattern below the raw folder.
      crowd: the class of annotations with `iscrowd`, "void" as COCO's own evaluation has it, or
        "" for that of their category.
      order: see `Ordered`; "area" goes by what the file says of it.
      fill: "coco" as COCO's own tools fill polygons, "v7" as V7 does: it exports COCO too.
    """

    annotations: str = "*.json"
    crowd: str = "void"
    fill: str = "coco"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fill not in ("coco", "v7"):
            raise DeclarationError(f"fill={self.fill!r}: write 'coco' or 'v7'")

    def table(self, classes: ClassTable) -> RawTable:
        """From categories to class ids."""
        return with_crowd(super().table(classes), classes, self.crowd)

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files, each as a stream."""
        read = functools.partial(_read, self, folder)
        return annotated.scan_files(self, folder, read, pattern=self.annotations)


def with_crowd(table: RawTable, classes: ClassTable, crowd: str) -> RawTable:
    """A table of labels that leads crowds to a class of their own."""
    if not crowd:
        return table
    return dataclasses.replace(table, labels={**table.labels, CROWD: classes.id_of(crowd)})


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """An image as a COCO file lists it."""

    name: str
    size: tuple[int, int] | None


@dataclasses.dataclass(frozen=True, slots=True)
class _Object:
    """One annotation, numbers packed.

    Attributes:
      category: the id of its category.
      crowd: whether it is one, and such have a class of their own.
      name: for messages.
      area: as stated.
      rings: of a polygon.
      runs: lengths, or COCO's string of them.
      runs_size: height and width that the runs are for.
    """

    category: Any
    crowd: bool
    name: str
    area: float
    rings: tuple[array, ...] = ()
    runs: array | bytes | None = None
    runs_size: tuple[int, int] = (0, 0)


def _read(source: Coco, folder: Folder, path: str, remarks: list[Remark]) -> Iterator[Annotated]:
    with foreign.reading(path, "COCO JSON"):
        listed: list[tuple[Any, str]] = []
        images: dict[Any, Image] = {}
        objects: dict[Any, list[_Object]] = defaultdict(list)
        empty, number = [], itertools.count()
        # The lists may stand in any order, so names are given to annotations at the end.
        for key, one in foreign.lists_of(folder, path, ("categories", "images", "annotations")):
            if key == "categories":
                listed.append((one["id"], str(one["name"])))
            elif key == "images":
                _add_image(images, one, path)
            else:
                read = _object(one, next(number), source)
                objects[one["image_id"]].append(read)
                if not read.rings and read.runs is None:
                    empty.append(f"{path}: {read.name}")
        remarks += category_faults([name for _, name in listed], path)
        _some(images, path)
        what = "0 points, it has no segmentation"
        remarks += [Remark(Fault.FEW_POINTS, where, what) for where in empty]
        names = dict(listed)
        for key, image in images.items():
            yield _annotated(source, image, objects.pop(key, []), names, path)
        for key, lost in objects.items():
            yield _annotated(source, Image(f"image_id {key}", None), lost, names, path)


def heading(folder: Folder, path: str) -> tuple[list[tuple[Any, str]], dict[Any, Image]]:
    """Id and name of each category of a COCO file, and its images by their ids."""
    listed: list[tuple[Any, str]] = []
    images: dict[Any, Image] = {}
    for key, one in foreign.lists_of(folder, path, ("categories", "images")):
        if key == "categories":
            listed.append((one["id"], str(one["name"])))
        else:
            _add_image(images, one, path)
    _some(images, path)
    return listed, images


def _add_image(images: dict[Any, Image], one: Any, path: str) -> None:
    known = "width" in one and "height" in one
    size = (int(one["width"]), int(one["height"])) if known else None
    image = Image(str(one["file_name"]), size)
    if images.setdefault(one["id"], image).name != image.name:
        raise AnnotationError(
            f"{path} has the image id {one['id']} twice, for {images[one['id']].name!r} and "
            f"{image.name!r}; number them anew"
        )


def _some(images: dict[Any, Image], path: str) -> None:
    if not images:
        raise AnnotationError(
            f"{path} lists no `images`, so it is no COCO JSON; export it anew, or name it in "
            "`ignore`"
        )


def _object(one: Any, number: int, source: Coco) -> _Object:
    category = one["category_id"]
    crowd = bool(source.crowd and one.get("iscrowd"))
    name = f"annotation {one.get('id', number)}"
    area = float(one.get("area") or 0)
    drawn = one.get("segmentation") or ()
    if not isinstance(drawn, dict):
        if drawn and not isinstance(drawn[0], list):  # a polygon that was not put into a list
            drawn = [drawn]
        return _Object(category, crowd, name, area, tuple(array("d", ring) for ring in drawn))
    counts, (height, width) = drawn["counts"], drawn["size"]
    runs = counts.encode("ascii") if isinstance(counts, str) else array("q", counts)
    return _Object(category, crowd, name, area, (), runs, (int(height), int(width)))


def _annotated(
    source: Coco, image: Image, objects: Sequence[_Object], names: dict[Any, str], path: str
) -> Annotated:
    objects = left_open.in_order(objects, source.order, area=lambda one: one.area)
    shapes, called = [], []
    for one in objects:
        label = CROWD if one.crowd else names.get(one.category, f"category_id {one.category}")
        for shape in _shapes(one, label, image.size, source.fill):
            shapes.append(shape)
            called.append(one.name)
    return Annotated(image.name, shapes, image.size, path, called)


def _shapes(one: _Object, label: str, size: tuple[int, int] | None, fill: str) -> Iterator[Shape]:
    if one.runs is not None:
        height, width = one.runs_size
        if size == (height, width):  # V7 writes them the other way round
            width, height = size
        runs = one.runs.tolist() if isinstance(one.runs, array) else lengths(one.runs)
        yield Shape(label, "columns", [width, height, runs])
    elif fill == "v7":
        for ring in one.rings:
            yield Shape(label, "rings", [ring.tolist()])
    elif one.rings:
        yield Shape(label, "coco", [ring.tolist() for ring in one.rings])


def lengths(text: bytes) -> list[int]:
    """The lengths of runs that COCO's string of runs stands for.

    Five bits a character, the lowest first, the sixth says that more follow; from the fourth run
    on it is the difference to the last run but one.

    Raises:
      ValueError: the string is none of that kind.
    """
    codes = np.frombuffer(text, np.uint8).astype(np.int64) - 48
    if not codes.size:
        return []
    ends = np.flatnonzero(codes & 32 == 0)
    if codes.min() < 0 or codes.max() > 63 or not ends.size or ends[-1] != codes.size - 1:
        raise ValueError("a string of runs that is broken")
    starts = np.concatenate([[0], ends[:-1] + 1])
    many = ends - starts + 1
    if many.max() > _MOST_CHARACTERS:
        raise ValueError("a string of runs that is broken")
    place = np.arange(codes.size) - np.repeat(starts, many)
    values = np.add.reduceat((codes & 31) << 5 * place, starts)
    values -= (codes[ends] & 16 != 0).astype(np.int64) << 5 * many
    # Each parity adds up for itself; the first run stands alone.
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    if values.min() < 0:
        raise ValueError("a string of runs that is broken")
    return list(values.tolist())
