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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from seg_datasets.core import drawing
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
from seg_datasets.core.sources.pictures import Pictures
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
      unpainted: kinds of further shapes, which cover no pixel: points, key points.
    """

    image: str
    shapes: Sequence[Shape]
    size: tuple[int, int] | None
    file: str
    names: Sequence[str] = ()
    unpainted: Sequence[str] = ()

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
            f"no file fits {pattern!r} in {folder}; look at `annotations` of SOURCE, or at "
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


def scan_files(
    source: ShapeSource,
    folder: Folder,
    read: Callable[[str, list[Remark]], Iterable[Annotated]],
    *,
    pattern: str,
) -> Scan:
    """Samples of what all annotation files say.

    Args:
      source: what holds for all of them.
      folder: the raw folder.
      read: what a file says of images; what is wrong with it goes into the list.
      pattern: of the files.
    """
    remarks: list[Remark] = []
    found = files(folder, pattern, ignore=source.ignore)
    every = scan(source, folder, (one for path in found for one in read(path, remarks)))
    return dataclasses.replace(every, remarks=(*remarks, *every.remarks))


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
        pictures = Pictures([path for path in paths if _is_image(path, source)], below)
    else:
        pictures = Pictures([*ids], "", ids)
    found = _Found(pictures)
    labels: dict[str, str] = {}
    read: set[str] = set()
    unpainted: dict[str, Counter[str]] = {}
    for one, faults in judging.judged(annotated):
        read.add(one.file)
        if one.unpainted:
            unpainted.setdefault(one.file, Counter()).update(one.unpainted)
        for number, shape in enumerate(one.shapes):
            labels.setdefault(plain(shape.label), f"{one.file}: {one.name(number)}")
        found.put(one, faults)
    samples, remarks, clashes = found.samples, found.remarks, found.clashes
    remarks += [_unpainted(file, kinds) for file, kinds in unpainted.items()]
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


class _Found:
    """The annotated images of a raw folder.

    Attributes:
      samples: image → its sample.
      remarks: what is wrong.
      clashes: see `Scan`.
    """

    def __init__(self, pictures: Pictures):
        self.samples: dict[str, Sample] = {}
        self.remarks: list[Remark] = []
        self.clashes: dict[str, list[str]] = {}
        self._pictures = pictures
        self._loosely: dict[str, Remark] = {}

    def put(self, one: Annotated, faults: Sequence[Remark]) -> None:
        """Takes what an annotation says of its image.

        A name that fits in part stands back behind one that fits wholly, whichever comes first.
        """
        image = self._pictures.find(one.image, beside=one.file)
        missing = Remark(Fault.NO_IMAGE, one.file, repr(one.image))
        loose = image is not None and self._pictures.is_loose(one.image, image)
        if image is None or (loose and image in self.samples and image not in self._loosely):
            self.remarks.append(missing)
            return
        if loose:
            self._loosely.setdefault(image, missing)
        elif image in self._loosely:
            self.remarks.append(self._loosely.pop(image))
            del self.samples[image]
        self.remarks += faults
        if image in self.samples:
            first = f"{self.samples[image].mask}"
            self.clashes.setdefault(plain(image), [first]).append(one.file)
            return
        name = self._pictures.id_of(image)
        self.samples[image] = Sample(
            id=name,
            image=image,
            mask=one.file,
            folder=name.rpartition("/")[0].partition("/")[0],
            drawing=drawing.dump(one.shapes, one.size),
            parts=_parts(one.shapes),
        )


def _unpainted(file: str, kinds: Counter[str]) -> Remark:
    count = kinds.total()
    what = f"{count:,} shape{'s' * (count != 1)} without an outline ({', '.join(sorted(kinds))})"
    return Remark(Fault.NOT_PAINTED, file, what)


def _parts(shapes: Sequence[Shape]) -> tuple[str, ...]:
    """The files that shapes are read from."""
    return tuple(dict.fromkeys(shape.data[0] for shape in shapes if shape.kind == STENCIL))


def _twins(folder: Folder, bare: Sequence[str], others: Sequence[str]) -> dict[str, str]:
    """Image → another that is the same file, byte for byte: annotated there, forgotten here."""

    def size(path: str) -> int:
        try:
            return folder.size(path)
        except (OSError, ValueError):  # who reads it says so
            return -1

    def digest(path: str) -> str:
        try:
            return folder.digest(path)
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
