"""DICOM images: with masks under the same names, and what all sources of DICOM share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar

from seg_datasets.core import views
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.images import ImageError
from seg_datasets.core.sample import Sample, plain
from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder, ignored
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS, ImageMaskFolders
from seg_datasets.core.views import dicom_file
from seg_datasets.core.views.dicom import Window, matrix_size

_DICOM = ("dcm", "dicom", "ima")


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """What the header of a DICOM file tells of its picture.

    Attributes:
      path: below the raw folder.
      uid: its SOPInstanceUID.
      kind: its SOPClassUID.
      frames: how many there are, 0 where the file holds no picture.
      size: width and height of a frame.
      slide: width and height of the slide that the frames are tiles of.
      patient: its PatientID.
      series: its SeriesDescription.
      space: its FrameOfReferenceUID.
      place: its position and orientation in that space, nine numbers.
    """

    path: str
    uid: str
    kind: str
    frames: int
    size: tuple[int, int]
    slide: tuple[int, int] | None
    patient: str
    series: str
    space: str
    place: tuple[float, ...]

    @property
    def names(self) -> list[str]:
        """What its frames are called: the file, or the file and the number of each."""
        if self.frames <= 1 or self.slide:
            return [self.path] * bool(self.frames)
        return [f"{self.path}#{number}" for number in range(1, self.frames + 1)]

    @property
    def ids(self) -> list[str]:
        """Ids of its frames."""
        folder, _, file = plain(self.path).rpartition("/")
        stem, dot, ending = file.rpartition(".")
        stem = stem if dot and ending.lower() in _DICOM else file
        whole = f"{folder}/{stem}" if folder else stem
        return [f"{whole}{name[len(self.path) :]}" for name in self.names]

    def view(
        self, number: int, *, window: Window = None, bits: int = 8, labels: bool = False
    ) -> str:
        """The view of a frame, counted from 0."""
        frame = 0 if self.slide else number + 1
        as_labels = {"labels": True} if labels else {"window": window, "bits": bits}
        return views.describe("dicom", file=self.path, frame=frame, **as_labels)


def look(folder: Folder, path: str) -> Picture:
    """Reads the header of a file.

    Raises:
      AnnotationError: it cannot be read.
    """
    try:
        with dicom_file.opened(folder, path) as opened:
            header = opened.header
            place = [header.get("ImagePositionPatient"), header.get("ImageOrientationPatient")]
            return Picture(
                path=path,
                uid=str(header.get("SOPInstanceUID", "")),
                kind=str(header.get("SOPClassUID", "")),
                frames=opened.frames,
                size=(opened.columns, opened.rows),
                slide=matrix_size(header),
                patient=plain(str(header.get("PatientID") or "").strip()),
                series=str(header.get("SeriesDescription") or ""),
                space=str(header.get("FrameOfReferenceUID", "")),
                place=tuple(float(v) for part in place for v in part) if all(place) else (),
            )
    except (OSError, ImageError) as error:
        raise refusal(path, error) from error


def refusal(path: str, error: Exception) -> AnnotationError:
    """What is said of a file that cannot be read."""
    told = str(error) if str(error).startswith(path) else f"{path} {error}"
    return AnnotationError(f"{told}; export it anew, or name it in `ignore`")


def found(folder: Folder, ignore: Sequence[str]) -> list[str]:
    """All DICOM files, told by how they begin."""
    dicom_file.needed()
    paths = [path for path in folder.files()[0] if not ignored(path, ignore)]
    return [path for path in paths if dicom_file.is_dicom(folder, path)]


def refuse_unclear(window: Window, bits: int) -> None:
    """Refuses windows and depths that cannot be meant.

    Raises:
      DeclarationError: says which are.
    """
    numbers = isinstance(window, (tuple, list)) and len(window) == 2
    if not (window in (None, "file") or (numbers and float(window[1]) >= 1)):
        raise DeclarationError(f"window={window!r}: write (centre, width), 'file' or None")
    if bits not in (8, 16):
        raise DeclarationError(f"bits={bits!r}: a window gives 8 or 16")


@dataclasses.dataclass(frozen=True)
class Dicom(ImageMaskFolders):
    """DICOM images with masks under the same names, as DICOM files or plain pictures.

    Names, `values` and groups are as in `ImageMaskFolders`; without a group rule, the PatientID is
    the group. Files of several frames give a sample for each frame, if their masks have as many.

    Attributes:
      window: how values become brightness: (centre, width) after the rescaling that the file
        states, "file" for the file's own window, or None for the stored values without loss.
      bits: 8 or 16, of what a window gives.
    """

    window: Window = None
    bits: int = 8

    extensions: ClassVar[tuple[str, ...]] = (*EXTENSIONS, *_DICOM)

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_unclear(self.window, self.bits)

    def scan(self, folder: Folder) -> Scan:
        """Pairs images and masks by their names, and counts the frames of DICOM files."""
        dicom_file.needed()
        scan = super().scan(folder)
        samples = [one for sample in scan.samples for one in self._frames(folder, sample)]
        return dataclasses.replace(scan, samples=tuple(samples))

    def _frames(self, folder: Folder, sample: Sample) -> Iterator[Sample]:
        image = look(folder, sample.image) if _named_so(sample.image) else None
        mask = look(folder, sample.mask) if _named_so(sample.mask) else None
        counts = [len(one.names) if one else 1 for one in (image, mask)]
        if counts[0] != counts[1]:
            raise AnnotationError(
                f"{sample.image} has {counts[0]} frames, its mask {sample.mask} {counts[1]}; save "
                "a mask for each frame, or name the image in `ignore`"
            )
        group = image.patient if image and self.group is None and image.patient else sample.group
        for number in range(counts[0]):
            suffix = f"#{number + 1}" if counts[0] > 1 else ""
            yield dataclasses.replace(
                sample,
                id=sample.id + suffix,
                image=sample.image + suffix if image else sample.image,
                mask=sample.mask + suffix if mask else sample.mask,
                group=group,
                view=image.view(number, window=self.window, bits=self.bits) if image else "",
                mask_view=mask.view(number, labels=True) if mask else "",
                parts=tuple(one.path for one in (image, mask) if one),
            )


def _named_so(path: str) -> bool:
    return path.rpartition(".")[2].lower() in _DICOM
