"""Masks of single objects: a file for each, as large as the picture or cut out of it."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping

from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.drawing import Shape
from seg_datasets.core.remarks import Fault, Remark
from seg_datasets.core.sources import annotated, foreign, stems
from seg_datasets.core.sources.annotated import Annotated, AnnotationError, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder, by_name, ignored
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS, is_text
from seg_datasets.core.sources.stems import MaskFile, Paired, Pattern
from seg_datasets.core.stencils import STENCIL

_COLUMNS = ("file", "image", "left", "top", "label")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ObjectMasks(ShapeSource):
    """A mask file for each object: 0 outside, one other value inside.

    Attributes:
      images: folder of the images, or a pattern: `stage1_train/{stem}/images/{stem}.png`.
      masks: pattern of the mask files; `{label}` is the label, `{left}` and `{top}` say where a
        mask lies that is smaller than the picture, `*` is anything.
      label: of all objects, where no name tells it.
    """

    images: str = "images"
    masks: str = "masks/{stem}/*"
    label: str = "object"

    def __post_init__(self) -> None:
        names = self._masks().names
        if ("left" in names) != ("top" in names):
            raise DeclarationError(f"masks={self.masks!r} must hold {{left}} and {{top}}, or none")
        Pattern(self.images)

    def scan(self, folder: Folder) -> Scan:
        """Pairs images and mask files by their names."""
        paired = stems.pair(folder, Pattern(self.images), self._masks(), ignore=self.ignore)
        drawn = (
            Annotated(
                image=image,
                shapes=[self._shape(one) for one in masks],
                size=None,
                file=masks[0].path,
                names=[one.path.rpartition("/")[2] for one in masks],
            )
            for image, masks in paired.of_images().items()
        )
        return with_pairs(annotated.scan(self, folder, drawn, ids=paired.ids), paired)

    def _masks(self) -> Pattern:
        return Pattern(self.masks, also=("label", "left", "top"))

    def _shape(self, one: MaskFile) -> Shape:
        at = [int(one.fields[key]) if key in one.fields else None for key in ("left", "top")]
        return Shape(one.fields.get("label", self.label), STENCIL, [one.path, *at, None])


def with_pairs(scan: Scan, paired: Paired) -> Scan:
    """A scan that tells which files found no partner."""
    alone = [one for one in paired.masks if not one.image]
    orphans = [Remark(Fault.NO_IMAGE, one.path, repr(one.fields["stem"])) for one in alone]
    return dataclasses.replace(
        scan,
        remarks=(*orphans, *scan.remarks),
        foreign=tuple(paired.foreign),
        undecodable=tuple(paired.undecodable),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CroppedMasks(ShapeSource):
    """Masks of objects, cut out of the picture; a CSV file says what and where each one is.

    Attributes:
      images: folder of the images, or a pattern.
      annotations: the CSV files, a pattern below the raw folder.
      masks: folder of the mask files below the raw folder.
      columns: what a column is called, where it is called otherwise: `{"left": "x0"}`. There are
        `file`, `image`, `left`, `top` and `label`.
      label: of all objects, where no column tells it.
    """

    images: str = "images"
    annotations: str = "*.csv"
    masks: str = "masks"
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    label: str = ""

    def __post_init__(self) -> None:
        if strange := sorted(self.columns.keys() - {*_COLUMNS}):
            raise DeclarationError(
                f"columns: {strange[0]!r} is none of {', '.join(_COLUMNS)}, which have a meaning"
            )
        Pattern(self.images)

    def scan(self, folder: Folder) -> Scan:
        """Reads all CSV files."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        files = [path for path in folder.files()[0] if is_text(path)]
        drawn = [one for path in found for one in _read(self, folder, path, frozenset(files))]
        masks = {shape.data[0] for one in drawn for shape in one.shapes}
        pictures = [p for p in files if p not in masks and not ignored(p, self.ignore)]
        ids = stems.find(sorted(pictures, key=by_name), Pattern(self.images))
        scan = annotated.scan(self, folder, drawn, ids=ids)
        below = f"{self.masks.strip('/')}/" * (self.masks != ".")
        unnamed = [path for path in pictures if path not in ids and path.startswith(below)]
        alone = [path for path in unnamed if path.rpartition(".")[2].lower() in EXTENSIONS]
        return dataclasses.replace(scan, masks_without_image=tuple(alone))


def _read(
    source: CroppedMasks, folder: Folder, path: str, files: frozenset[str]
) -> list[Annotated]:
    """What a CSV file says of each image."""
    shapes: dict[str, list[Shape]] = {}
    names: dict[str, list[str]] = {}
    with foreign.reading(path, "CSV of objects"):
        reader = csv.DictReader(io.StringIO(folder.read_text(path), newline=""), strict=True)
        try:
            rows = [(reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise ValueError(str(error)) from error
        column = {name: source.columns.get(name, name) for name in _COLUMNS}
        needed = [column[n] for n in _COLUMNS if n != "label" or not source.label]
        if lacking := [name for name in needed if name not in (reader.fieldnames or ())]:
            raise AnnotationError(
                f"{path} has no column {lacking[0]!r}; it has "
                f"{', '.join(map(repr, reader.fieldnames or ()))}. Say `columns` of SOURCE"
                + (", or `label`" if lacking == [column["label"]] else "")
            )
        for line, row in rows:
            told = {n: (row.get(column[n]) or "").strip() for n in _COLUMNS}
            image, label = told["image"], told["label"] or source.label
            below = told["file"].replace("\\", "/").removeprefix("./")
            tried = [f"{source.masks.strip('/')}/{below}", below]
            file = next((one for one in tried if one in files), None)
            if file is None:
                raise AnnotationError(
                    f"{path}: line {line} names {told['file']!r}, which is not there; put it "
                    "there, or say `masks` of SOURCE"
                )
            at = [int(told[side].removesuffix(".0")) for side in ("left", "top")]
            shapes.setdefault(image, []).append(Shape(label, STENCIL, [file, *at, None]))
            names.setdefault(image, []).append(f"line {line}")
        return [Annotated(i, each, None, path, names[i]) for i, each in shapes.items()]
