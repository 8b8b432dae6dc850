"""CBIS-DDSM: mammograms as The Cancer Imaging Archive delivers them, a mask for each lesion."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from seg_datasets.core import views
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.drawing import Shape
from seg_datasets.core.images import ImageError
from seg_datasets.core.remarks import Fault, Remark
from seg_datasets.core.sample import Sample, same
from seg_datasets.core.sources import annotated, dicom, foreign
from seg_datasets.core.sources.annotated import Annotated, AnnotationError, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.dicom import Picture
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.stencils import STENCIL
from seg_datasets.core.views.dicom import Window

# Folders are named after the set, the patient, the breast and the view: `Calc-Test_P_00038_LEFT_CC`
# holds a mammogram, `Calc-Test_P_00038_LEFT_CC_1` the mask and the crop of its first lesion.
_NAME = re.compile(
    r"(?:mass|calc)-(?:training|test)_(?P<of>(?P<patient>P_\d+)_(?:left|right)_(?:CC|MLO))"
    r"(?P<lesion>_\d+)?",
    re.IGNORECASE,
)
_TYPE, _PATHOLOGY, _NUMBER = "abnormality type", "pathology", "abnormality id"
_PATHS = _IMAGE, *_LESION = "image file path", "ROI mask file path", "cropped image file path"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CbisDdsm(ShapeSource):
    """CBIS-DDSM: mammograms, and the masks of their lesions, painted in the order of their numbers.

    A mammogram that is in the sets of masses and of calcifications is one sample with the lesions
    of both. Without a group rule, the patient is the group.

    Attributes:
      annotations: the CSV files, a pattern below the raw folder.
      label: what a lesion's label is: "type", mass or calcification; or "pathology", as MALIGNANT.
      window: how values become brightness, see `Dicom`.
      bits: 8 or 16, of what a window gives.
    """

    annotations: str = "*_case_description_*_set.csv"
    label: str = "type"
    window: Window = None
    bits: int = 8

    def __post_init__(self) -> None:
        dicom.refuse_unclear(self.window, self.bits)
        if self.label not in ("type", "pathology"):
            raise DeclarationError(f"label={self.label!r}: write 'type' or 'pathology'")

    def scan(self, folder: Folder) -> Scan:
        """Reads the CSV files, and the headers of all DICOM files."""
        tables = annotated.files(folder, self.annotations, ignore=self.ignore)
        lesions = _by_image(row for path in tables for row in self._rows(folder, path))
        named: dict[str, list[Picture]] = defaultdict(list)
        for path in dicom.found(folder, self.ignore):
            if name := _folder_of(path):
                named[name].append(dicom.look(folder, path))
        wholes = {n: _mammogram(own) for n, own in named.items() if not _match(n)["lesion"]}
        remarks = [
            Remark(Fault.NO_IMAGE, own[0].file, f"the mammogram {name}")
            for name, own in sorted(lesions.items())
            if name not in wholes
        ]
        found: list[Annotated] = []
        pictures: dict[str, Picture] = {}
        ids: dict[str, str] = {}
        for names in _views(wholes):
            picture = wholes[names[0]]
            own = [lesion for name in names for lesion in lesions.get(name, ())]
            lacking = [*_lacking(folder, [wholes[name] for name in names], own, named)]
            if lacking:  # a lesion that is left out would be taught as ground
                remarks += lacking
                continue
            shapes = [_shape(lesion, _files(lesion, named), picture) for lesion in own]
            pictures[picture.path] = picture
            ids[picture.path] = _match(names[0])["of"].upper()
            if own:
                told = [f"lesion {lesion.number} of {lesion.image}" for lesion in own]
                found.append(Annotated(picture.path, shapes, picture.size, own[0].file, told))
        scan = annotated.scan(self, folder, found, ids=ids)
        samples = tuple(self._seen(sample, pictures[sample.image]) for sample in scan.samples)
        others = tuple(dict.fromkeys((*tables, *scan.others)))
        return dataclasses.replace(
            scan, samples=samples, remarks=(*scan.remarks, *remarks), others=others
        )

    def _seen(self, sample: Sample, picture: Picture) -> Sample:
        patient = "_".join(sample.id.split("_")[:2])
        return dataclasses.replace(
            sample,
            group=patient if self.group is None else sample.group,
            view=picture.view(0, window=self.window, bits=self.bits),
            parts=(picture.path, *sample.parts),
        )

    def _rows(self, folder: Folder, path: str) -> Iterator[_Lesion]:
        with foreign.reading(path, "a CSV file of CBIS-DDSM"):
            reader = csv.DictReader(io.StringIO(folder.read_text(path), newline=""), strict=True)
            for row in _sound(reader):
                # Quoted paths end in line breaks.
                fields = {str(k).strip(): str(v or "").strip() for k, v in row.items()}
                (image, *masks) = (_folder_of(fields[column]) for column in _PATHS)
                number = int(fields[_NUMBER])
                if not image or _match(image)["lesion"]:
                    raise ValueError(f"line {reader.line_num} names no mammogram")
                yield _Lesion(
                    image=image,
                    number=number,
                    label=fields[_TYPE if self.label == "type" else _PATHOLOGY],
                    folders=tuple(sorted({m for m in masks if m and _match(m)["lesion"]})),
                    file=path,
                )


@dataclasses.dataclass(frozen=True, slots=True)
class _Lesion:
    """A row of a CSV file.

    Attributes:
      image: the folder of the mammogram.
      number: of the lesion on it.
      label: its type or pathology.
      folders: those that hold its mask and its crop: which is which is often told wrongly.
      file: the CSV file.
    """

    image: str
    number: int
    label: str
    folders: tuple[str, ...]
    file: str


def _sound(reader: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None


def _match(name: str) -> re.Match[str]:
    match = _NAME.fullmatch(name)
    assert match is not None
    return match


def _folder_of(path: str) -> str:
    """The folder of a path that is named as those of CBIS-DDSM are, "" where there is none."""
    parts = path.replace("\\", "/").split("/")
    return next((same(part) for part in parts if _NAME.fullmatch(part)), "")


def _by_image(lesions: Iterable[_Lesion]) -> dict[str, list[_Lesion]]:
    """Folder of a mammogram → its lesions in the order of their numbers."""
    found: dict[str, dict[int, _Lesion]] = defaultdict(dict)
    for one in lesions:
        before = found[one.image].setdefault(one.number, one)
        if (before.label, before.folders) != (one.label, one.folders):
            raise AnnotationError(
                f"{one.file} and {before.file} tell of lesion {one.number} of {one.image} in two "
                "ways; name one of them in `ignore`, or mend it"
            )
    return {image: [own[number] for number in sorted(own)] for image, own in found.items()}


def _mammogram(pictures: Sequence[Picture]) -> Picture:
    """The one picture of a mammogram's folder."""
    if len(pictures) > 1:
        raise AnnotationError(
            f"{pictures[0].path} and {pictures[1].path} are two pictures for one mammogram; name "
            "one of them in `ignore`"
        )
    (picture,) = pictures
    if len(picture.names) != 1:
        raise AnnotationError(f"{picture.path} has {picture.frames} frames, a mammogram has one")
    return picture


def _views(wholes: Mapping[str, Picture]) -> Iterator[list[str]]:
    """Mammograms, those together that are one view of one breast in several sets, masses first."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(wholes, key=lambda name: (name.startswith("calc"), name)):
        found[same(_match(name)["of"])].append(name)
    yield from (found[view] for view in sorted(found))


def _lacking(
    folder: Folder,
    pictures: Sequence[Picture],
    lesions: Sequence[_Lesion],
    named: Mapping[str, list[Picture]],
) -> Iterator[Remark]:
    """Why a mammogram's mask cannot be made, where it cannot."""
    first = pictures[0]
    for other in pictures[1:]:
        if _pixels(folder, other) != _pixels(folder, first):
            why = f": {other.path} is the same view with other pixels, and has lesions of its own"
            yield Remark(Fault.NO_ANNOTATION, first.path, why)
    for one in lesions:
        files = _files(one, named)
        fit = _fitting(files, first)
        if not files:
            what = f"lesion {one.number} of {one.image}, whose mask"
            yield Remark(Fault.NO_IMAGE, one.file, what)
        elif len(fit) != 1:
            sizes = ", ".join(f"{each.path} is {each.size[0]}×{each.size[1]}" for each in files)
            why = (
                f": no mask or no single one of lesion {one.number} is as large as it is, "
                f"{first.size[0]}×{first.size[1]}: {sizes}"
            )
            yield Remark(Fault.NO_ANNOTATION, first.path, why)


def _pixels(folder: Folder, picture: Picture) -> str:
    """A digest of what is seen; of what cannot be read, its path: who reads it says so."""
    try:
        return hashlib.sha256(views.read(folder, picture.path, picture.view(0)).data).hexdigest()
    except (OSError, ImageError):
        return picture.path


def _files(lesion: _Lesion, named: Mapping[str, list[Picture]]) -> list[Picture]:
    """The files of a lesion: its mask, and a crop of the mammogram."""
    folders = lesion.folders or (f"{lesion.image}_{lesion.number}",)
    return [one for name in folders for one in named.get(name, ())]


def _fitting(files: Sequence[Picture], mammogram: Picture) -> list[Picture]:
    """The mask: what is as large as the mammogram, whatever CSV files or series call it."""
    return [one for one in files if one.size == mammogram.size]


def _shape(lesion: _Lesion, files: Sequence[Picture], mammogram: Picture) -> Shape:
    (mask,) = _fitting(files, mammogram)
    view = mask.view(0, labels=True)
    return Shape(lesion.label, STENCIL, [mask.path, None, None, None, view])
