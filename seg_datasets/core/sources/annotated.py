"""What all sources of annotated shapes share: finding images, groups, what is wrong with shapes.

A source reads its tool's files and hands on one `Annotated` for each image; `scan` makes Samples of
them.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from seg_datasets.core import drawing, shapes
from seg_datasets.core.classes import ClassTable, RawTable
from seg_datasets.core.drawing import Shape
from seg_datasets.core.remarks import Fault, Remark
from seg_datasets.core.sample import Sample, plain, same
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder, by_name, ignored
from seg_datasets.core.sources.image_mask_folders import (
    EXTENSIONS,
    GroupRule,
    group_files,
    with_groups,
)


class AnnotationError(ValueError):
    """An annotation file that cannot be read; says which, why, and what to do."""


@dataclasses.dataclass(frozen=True, slots=True)
class Annotated:
    """What an annotation says of one image.

    Attributes:
      image: as the annotation names it: a path, or a file name alone.
      shapes: in painting order.
      size: width and height, where the annotation tells them.
      file: the annotation file, below the raw folder.
      names: of the shapes, for messages ("shape 17"); their numbers if not given.
    """

    image: str
    shapes: Sequence[Shape]
    size: tuple[int, int] | None
    file: str
    names: Sequence[str] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShapeSource:
    """What every source of shapes can be told.

    Attributes:
      images: folder of the images below the raw folder, "." for the raw folder itself.
      labels: label → class name or "void", the same for every image. None says that labels are
        class names.
      ground: the class of pixels that no shape covers, or "void"; the first class if not given.
      group: see `ImageMaskFolders.group`.
      ignore: patterns of files to leave out.
      unannotated: whether images that no annotation names show nothing but `ground`. Otherwise
        they are an error: forgotten, or empty?
    """

    images: str = "."
    labels: Mapping[str, str] | None = None
    ground: str = ""
    group: GroupRule | None = None
    ignore: Sequence[str] = ()
    unannotated: bool = False

    @property
    def masks_follow_exif(self) -> bool | None:
        """Shapes are drawn on what a viewer shows."""
        return True

    def table(self, classes: ClassTable) -> RawTable:
        """From labels to class ids."""
        return classes.label_table(self.labels, ground=self.ground)


def files(folder: Folder, pattern: str, *, ignore: Sequence[str] = ()) -> list[str]:
    """Annotation files: the one that is named, or all that fit `*.json`, `labels/*.xml`.

    Raises:
      AnnotationError: there is none.
    """
    found = [
        path
        for path in folder.files()[0]
        if pathlib.PurePosixPath(plain(path)).match(pattern) and not ignored(path, ignore)
    ]
    if not found:
        raise AnnotationError(
            f"no file fits {pattern!r} in {folder.root}; look at `annotations` of SOURCE, or at "
            "--manual_dir"
        )
    return found


def scan(source: ShapeSource, folder: Folder, annotated: Iterable[Annotated]) -> Scan:
    """Samples of what annotations say, and remarks on what is wrong with them."""
    paths, outside = folder.files()
    below = "" if source.images == "." else source.images
    pictures = _Pictures([path for path in paths if _is_image(path, source)], below)
    samples: dict[str, Sample] = {}
    remarks: list[Remark] = []
    labels: dict[str, str] = {}
    clashes: dict[str, list[str]] = {}
    read: set[str] = set()
    for one in annotated:
        read.add(one.file)
        for number, shape in enumerate(one.shapes):
            labels.setdefault(plain(shape.label), f"{one.file}: {_name(one, number)}")
        image = pictures.find(one.image, beside=one.file)
        if image is None:
            remarks.append(Remark(Fault.NO_IMAGE, one.file, repr(one.image)))
            continue
        remarks += _faults(one)
        if image in samples:
            clashes.setdefault(plain(image), [f"{samples[image].mask}"]).append(one.file)
            continue
        samples[image] = Sample(
            id=pictures.id_of(image),
            image=image,
            mask=one.file,
            folder=pictures.id_of(image).rpartition("/")[0].partition("/")[0],
            drawing=drawing.dump(one.shapes, one.size),
        )
    for image in pictures.paths:
        if image not in samples:
            if source.unannotated:
                samples[image] = Sample(
                    id=pictures.id_of(image),
                    image=image,
                    mask=image,
                    drawing=drawing.dump([], None),
                )
            else:
                remarks.append(Remark(Fault.NO_ANNOTATION, image, "no annotation"))
    ordered = sorted(samples.values(), key=lambda sample: sample.id)
    for first, second in itertools.pairwise(ordered):
        if first.id == second.id:
            clashes.setdefault(first.id, [first.image]).append(second.image)
    unique = {same(sample.id): sample for sample in reversed(ordered)}
    ordered = sorted(unique.values(), key=lambda sample: sample.id)
    ordered, ungrouped = with_groups(ordered, source.group, folder)
    return Scan(
        samples=tuple(ordered),
        clashes={name: tuple(found) for name, found in clashes.items()},
        outside=tuple(outside),
        ungrouped=tuple(ungrouped),
        labels=labels,
        remarks=tuple(remarks),
        others=(*sorted(read, key=by_name), *group_files(source.group)),
    )


class _Pictures:
    """The image files of a raw folder, found by what annotations call them."""

    def __init__(self, paths: Sequence[str], below: str):
        prefix = f"{below.strip('/')}/" if below else ""
        self.paths = [path for path in paths if plain(path).startswith(plain(prefix))]
        self._prefix = plain(prefix)
        self._by_path: dict[str, list[str]] = {}
        for path in self.paths:
            parts = same(path).split("/")
            # A tool may name a file by the end of its path only.
            for start in range(len(parts)):
                self._by_path.setdefault("/".join(parts[start:]), []).append(path)

    def find(self, name: str, *, beside: str) -> str | None:
        """The image with this name: whole path, path below the images or the annotation, or end of
        a path if only one ends so; None if there is none. Never a file outside."""
        parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".")]
        if not parts or ".." in parts[1:]:
            parts = [p for p in parts if p != ".."][-1:]
        parts = [p for p in parts if p != ".."]
        if not parts:
            return None
        tail = same("/".join(parts))
        where = same(beside.rpartition("/")[0])
        for whole in (f"{same(self._prefix)}{tail}", f"{where}/{tail}" if where else tail, tail):
            exact = [path for path in self._by_path.get(whole, ()) if same(path) == whole]
            if len(exact) == 1:
                return exact[0]
        for start in range(len(parts)):  # an absolute path of another machine: by its end
            found = self._by_path.get(same("/".join(parts[start:])), ())
            if len(found) == 1:
                return found[0]
            if found:
                return None
        return None

    def id_of(self, path: str) -> str:
        """The image's path below the image folder, without extension."""
        return plain(path)[len(self._prefix) :].rpartition(".")[0]


def _is_image(path: str, source: ShapeSource) -> bool:
    extension = path.rpartition(".")[2].lower()
    return extension in EXTENSIONS and not ignored(path, source.ignore)


def _name(one: Annotated, number: int) -> str:
    return one.names[number] if number < len(one.names) else f"shape {number}"


def _faults(one: Annotated) -> list[Remark]:
    """What is wrong with the polygons of one image."""
    width, height = one.size or _extent(one)
    if not drawing.possible(width, height):
        return []
    every = [(_name(one, n), shape, r) for n, shape in enumerate(one.shapes) for r in rings(shape)]
    outlines = [
        shapes.Shape(name, shape.label, np.array(ring[: len(ring) // 2 * 2]).reshape(-1, 2))
        for name, shape, ring in every
    ]
    found = []
    for number in shapes.suspects([ring for *_, ring in every], width=width, height=height):
        outline = outlines[number]
        for fault, what in shapes.shape_faults(outline.points, width=width, height=height):
            if fault is Fault.OUTSIDE and one.size is None:
                continue
            found.append(Remark(fault, f"{one.file}: {one.image}: {outline.name}", what))
    for name, what in shapes.covered(outlines, width=width, height=height):
        found.append(Remark(Fault.COVERED, f"{one.file}: {one.image}: {name}", what))
    return found


def _extent(one: Annotated) -> tuple[int, int]:
    """A size that holds all outlines, for annotations that tell none."""
    every = [ring for shape in one.shapes for ring in rings(shape)]
    sides = (max((max(ring[axis::2], default=1) for ring in every), default=1) for axis in (0, 1))
    width, height = (math.ceil(min(max(side, 1), 1 << 31)) for side in sides)
    return width, height


def rings(shape: Shape) -> list[Sequence[Any]]:
    """The outlines of a shape that has such."""
    if shape.kind == "polygon":
        return [shape.data]
    return list(shape.data) if shape.kind in ("rings", "coco") else []
