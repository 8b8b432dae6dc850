"""DICOM-SEG: segments as frames of bits, of fractions, or of numbers, over the images they name."""

from __future__ import annotations

import dataclasses
import fractions
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_datasets.core import drawing
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.drawing import Shape
from seg_datasets.core.images import ImageError
from seg_datasets.core.sample import plain
from seg_datasets.core.sources import annotated, dicom
from seg_datasets.core.sources.annotated import Annotated, AnnotationError, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.dicom import Picture
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.referenced import Images, Named
from seg_datasets.core.views import dicom_file
from seg_datasets.core.views.dicom import Window, matrix_size, tiles

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# Segmentation Storage and Label Map Segmentation Storage.
SEGMENTATIONS = frozenset(f"1.2.840.10008.5.1.4.1.1.66.{end}" for end in (4, 7))

# A file of noise has more runs than pixels have any use for.
_MOST_RUNS = 1 << 24


@dataclasses.dataclass(frozen=True, kw_only=True)
class DicomSeg(ShapeSource):
    """DICOM images with DICOM segmentation objects: binary, fractional, label maps, tiled.

    Attributes:
      annotations: the segmentation objects, a pattern below the raw folder; of the files that fit,
        those count that are such objects.
      threshold: the least share of its greatest value at which a pixel of a fractional object
        belongs to the segment, as 0.5. There is no default: where the edge lies is the label.
      name: what a segment's label is: "label", its SegmentLabel; or "type", the meaning of its
        SegmentedPropertyTypeCode.
      window: how values become brightness, see `Dicom`.
      bits: 8 or 16, of what a window gives.
    """

    annotations: str = "*"
    threshold: float | None = None
    name: str = "label"
    window: Window = None
    bits: int = 8

    def __post_init__(self) -> None:
        dicom.refuse_unclear(self.window, self.bits)
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise DeclarationError(f"threshold={self.threshold!r}: write a share, as 0.5")
        if self.name not in ("label", "type"):
            raise DeclarationError(f"name={self.name!r}: write 'label' or 'type'")

    def scan(self, folder: Folder) -> Scan:
        """Reads all segmentation objects, and the headers of all images."""
        every = [dicom.look(folder, path) for path in dicom.found(folder, self.ignore)]
        objects = [
            one.path
            for one in every
            if one.kind in SEGMENTATIONS
            and pathlib.PurePosixPath(plain(one.path)).match(self.annotations)
        ]
        if not objects:
            raise AnnotationError(
                f"no DICOM segmentation fits {self.annotations!r} in {folder}; look at "
                "`annotations` of SOURCE, or at --manual_dir"
            )
        below = "" if self.images == "." else f"{plain(self.images).strip('/')}/"
        images = Images(
            [
                one
                for one in every
                if one.kind not in SEGMENTATIONS and plain(one.path).startswith(below)
            ]
        )
        ids = {name: own[len(below) :] for name, own in images.ids.items()}
        scan = annotated.scan(self, folder, self._read_all(folder, objects, images), ids=ids)
        samples = []
        for sample in scan.samples:
            picture, number = images.by_name[sample.image]
            samples.append(
                dataclasses.replace(
                    sample,
                    group=_group(picture) if self.group is None else sample.group,
                    view=picture.view(number, window=self.window, bits=self.bits),
                    parts=(picture.path,),
                )
            )
        others = dict.fromkeys((*objects, *scan.others))
        return dataclasses.replace(scan, samples=tuple(samples), others=tuple(others))

    def _read_all(
        self, folder: Folder, objects: Sequence[str], images: Images
    ) -> Iterator[Annotated]:
        """What all objects say of each image, later ones over earlier ones."""
        drawn: dict[str, Annotated] = {}
        for path in objects:
            try:
                with dicom_file.opened(folder, path) as opened:
                    size = matrix_size(opened.header) or (opened.columns, opened.rows)
                    found = self._read(opened, images)
            except (OSError, ImageError) as error:
                raise dicom.refusal(path, error) from error
            for image, (shapes, names) in found.items():
                before = drawn.get(image)
                if before is None:
                    drawn[image] = Annotated(image, shapes, size, path, names)
                    continue
                if before.size != size:
                    raise AnnotationError(
                        f"{path} and {before.file} are of other sizes for {image}; name one in "
                        "`ignore`"
                    )
                drawn[image] = dataclasses.replace(
                    before, shapes=[*before.shapes, *shapes], names=[*before.names, *names]
                )
        yield from drawn.values()

    def _read(
        self, opened: dicom_file.Opened, images: Images
    ) -> dict[str, tuple[list[Shape], list[str]]]:
        """Image → its shapes in painting order, and how messages call them."""
        header = opened.header
        labels = self._labels(header)
        size = matrix_size(header) or (opened.columns, opened.rows)
        if not drawing.possible(*size):
            raise ImageError(f"is of a picture of {size[0]}×{size[1]} pixels")
        if opened.lossy:
            raise ImageError("is compressed with loss, which changes values; no mask is")
        frames = sorted(_frames(opened, labels, images), key=lambda frame: frame.segment)
        found: dict[str, list[tuple[int, Shape, str]]] = {frame.image: [] for frame in frames}
        runs = 0
        decoded = opened.decode([frame.number for frame in frames])
        for frame, pixels in zip(frames, decoded, strict=True):
            # A tile may hang over the edge of its slide.
            pixels = pixels[: size[1] - frame.top, : size[0] - frame.left]
            for number, mask in self._parts(header, frame, pixels, labels):
                if number not in labels:
                    raise ImageError(f"has pixels of segment {number}, which it does not describe")
                data = _runs(mask, frame.left, frame.top)
                runs += len(data[4])
                if runs > _MOST_RUNS:
                    raise ImageError("is noise: its segments have no areas")
                told = f"segment {number} of frame {frame.number + 1}"
                found[frame.image].append((number, Shape(labels[number], "runs", data), told))
        ordered = {image: sorted(own, key=lambda one: one[0]) for image, own in found.items()}
        return {i: ([s for _, s, _ in own], [t for *_, t in own]) for i, own in ordered.items()}

    def _labels(self, header: Dataset) -> dict[int, str]:
        """Segment number → label."""
        labels: dict[int, str] = {}
        for one in header.SegmentSequence:
            number = int(one.SegmentNumber)
            if number in labels:
                raise ImageError(f"describes segment {number} twice")
            kind = one.SegmentedPropertyTypeCodeSequence[0] if self.name == "type" else None
            labels[number] = str(kind.CodeMeaning if kind is not None else one.SegmentLabel)
        return labels

    def _parts(
        self, header: Dataset, frame: Frame, pixels: np.ndarray, labels: Mapping[int, str]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """The segments of a frame that cover any pixel."""
        kind = str(header.get("SegmentationType", ""))
        if kind == "LABELMAP":
            ground = header.get("PixelPaddingValue")
            for value in np.unique(pixels).tolist():
                if value != ground and (value or value in labels):
                    yield value, pixels == value
            return
        if kind == "BINARY":
            if pixels.size and pixels.max() > 1:
                raise ImageError("is binary, and holds other values")
            mask = pixels == 1
        elif kind == "FRACTIONAL":
            if self.threshold is None:
                raise ImageError(
                    "is fractional: say from which share on a pixel belongs to a segment, as "
                    "threshold=0.5 of SOURCE"
                )
            most = int(header.MaximumFractionalValue)
            if most < 1 or (pixels.size and pixels.max() > most):
                raise ImageError(f"is fractional, and holds values over its greatest, {most}")
            least = fractions.Fraction(str(self.threshold)) * most
            mask = pixels >= -(-least.numerator // least.denominator)
        else:
            raise ImageError(f"is of the SegmentationType {kind or 'none'}")
        if mask.any():
            yield frame.segment, mask


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a segmentation object.

    Attributes:
      number: from 0.
      segment: its number, 0 in label maps.
      image: the name of the image it lies on.
      left, top: where it lies on it.
    """

    number: int
    segment: int
    image: str
    left: int = 0
    top: int = 0


def _frames(
    opened: dicom_file.Opened, labels: Mapping[int, str], images: Images
) -> Iterator[Frame]:
    header = opened.header
    slide = matrix_size(header)
    map_of_labels = str(header.get("SegmentationType", "")) == "LABELMAP"
    groups = header.get("PerFrameFunctionalGroupsSequence") or ()
    named = Named.of(header)
    if slide and not groups:  # all tiles of one segment, then of the next
        places = [*tiles(header)]
        segments = [0] if map_of_labels else [*labels]
        if len(places) * len(segments) != opened.frames:
            raise ImageError(
                f"has {opened.frames} frames for {len(segments)} segments of {len(places)} tiles"
            )
        image = images.slide(named)
        for number in range(opened.frames):
            left, top = places[number % len(places)]
            yield Frame(number, segments[number // len(places)], image, left, top)
        return
    if len(groups) != opened.frames:
        raise ImageError(f"describes {len(groups)} of its {opened.frames} frames")
    places = [*tiles(header)] if slide else [(0, 0)] * opened.frames
    shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
    for number, (group, (left, top)) in enumerate(zip(groups, places, strict=True)):
        if slide and not (0 <= left < slide[0] and 0 <= top < slide[1]):
            raise ImageError(f"has a tile at {left}, {top}, outside of its slide")
        image = images.of_frame(named, group, shared)
        yield Frame(number, 0 if map_of_labels else _segment(group, shared), image, left, top)


def _segment(group: Dataset, shared: Dataset | None) -> int:
    for one in (group, shared):
        if one is not None and "SegmentIdentificationSequence" in one:
            return int(one.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
    raise ImageError("has a frame that names no segment")


def _runs(mask: np.ndarray, left: int, top: int) -> list[Any]:
    """A mask as a shape of runs, no larger than what it covers."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    flat = np.concatenate([[False], part.reshape(-1)])
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), part.size)
    runs = np.diff(ends, prepend=0).tolist()
    return [left + int(columns[0]), top + int(rows[0]), part.shape[1], part.shape[0], runs]


def _group(picture: Picture) -> str:
    """Frames of one patient, or at least of one file, belong together."""
    return picture.patient or picture.ids[0].partition("#")[0]
