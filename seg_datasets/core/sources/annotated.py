"""What all sources of annotated shapes share: finding images, groups, what is wrong with shapes.

A source reads its tool's files and hands on one `Annotated` for each image; `scan` makes Samples of
them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import itertools
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from seg_datasets.core import drawing, records
from seg_datasets.core.classes import ClassTable, RawTable
from seg_datasets.core.drawing import Shape
from seg_datasets.core.remarks import Fault, Remark
from seg_datasets.core.sample import Sample, plain, same
from seg_datasets.core.sources import judging
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder, by_name, ignored
from seg_datasets.core.sources.image_mask_folders import (
    EXTENSIONS,
    GroupRule,
    group_files,
    with_groups,
)
from seg_datasets.core.stencils import STENCIL


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

    def name(self, number: int) -> str:
        """How one of its shapes is called."""
        return self.names[number] if number < len(self.names) else f"shape {number}"


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

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files."""
        raise NotImplementedError

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


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of garbage, which would go through all that was read again and again;
    nothing that is read refers to itself."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@_uncollected()
def scan(
    source: ShapeSource,
    folder: Folder,
    annotated: Iterable[Annotated],
    *,
    ids: Mapping[str, str] | None = None,
) -> Scan:
    """Samples of what annotations say, and remarks on what is wrong with them.

    Args:
      source: what holds for all of them.
      folder: the raw folder.
      annotated: what they say.
      ids: image → id, of a source that finds its images by itself.
    """
    paths, outside = folder.files()
    if ids is None:
        below = "" if source.images == "." else source.images
        pictures = _Pictures([path for path in paths if _is_image(path, source)], below)
    else:
        pictures = _Pictures([*ids], "", ids)
    samples: dict[str, Sample] = {}
    remarks: list[Remark] = []
    labels: dict[str, str] = {}
    clashes: dict[str, list[str]] = {}
    read: set[str] = set()
    for one, faults in judging.judged(annotated):
        read.add(one.file)
        for number, shape in enumerate(one.shapes):
            labels.setdefault(plain(shape.label), f"{one.file}: {one.name(number)}")
        image = pictures.find(one.image, beside=one.file)
        if image is None:
            remarks.append(Remark(Fault.NO_IMAGE, one.file, repr(one.image)))
            continue
        remarks += faults
        if image in samples:
            clashes.setdefault(plain(image), [f"{samples[image].mask}"]).append(one.file)
            continue
        samples[image] = Sample(
            id=pictures.id_of(image),
            image=image,
            mask=one.file,
            folder=pictures.id_of(image).rpartition("/")[0].partition("/")[0],
            drawing=drawing.dump(one.shapes, one.size),
            parts=_parts(one.shapes),
        )
    bare = [image for image in pictures.paths if image not in samples]
    if source.unannotated:
        for image in bare:
            samples[image] = Sample(
                id=pictures.id_of(image),
                image=image,
                mask=image,
                folder=pictures.id_of(image).rpartition("/")[0].partition("/")[0],
                drawing=drawing.dump([], None),
            )
    else:
        twins = _twins(folder, bare, [*samples])
        for image in bare:
            twin = f"; it is the same file as {twins[image]}, which has" if image in twins else ""
            remarks.append(Remark(Fault.NO_ANNOTATION, image, twin))
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

    def __init__(self, paths: Sequence[str], below: str, ids: Mapping[str, str] | None = None):
        self._ids = ids or {}
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
        return self._ids.get(path) or plain(path)[len(self._prefix) :].rpartition(".")[0]


def _parts(shapes: Sequence[Shape]) -> tuple[str, ...]:
    """The files that shapes are read from."""
    return tuple(dict.fromkeys(shape.data[0] for shape in shapes if shape.kind == STENCIL))


def _twins(folder: Folder, bare: Sequence[str], others: Sequence[str]) -> dict[str, str]:
    """Image → another that is the same file, byte for byte: annotated there, forgotten here."""

    def size(path: str) -> int:
        try:
            return folder.path(path).stat().st_size
        except (OSError, ValueError):  # who reads it says so
            return -1

    def digest(path: str) -> str:
        try:
            return records.digest(folder.path(path))[0]
        except (OSError, ValueError):
            return path

    sizes = {image: size(image) for image in bare}
    wanted = set(sizes.values()) - {-1}
    alike = {path: length for path in others if (length := size(path)) in wanted} if bare else {}
    known = {digest(path): path for path in sorted(alike, key=by_name, reverse=True)}
    shared = set(alike.values())
    hashed = {image: digest(image) for image in bare if sizes[image] in shared}
    return {image: known[own] for image, own in hashed.items() if own in known}


def _is_image(path: str, source: ShapeSource) -> bool:
    extension = path.rpartition(".")[2].lower()
    return extension in EXTENSIONS and not ignored(path, source.ignore)
