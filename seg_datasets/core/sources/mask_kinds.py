"""Mask kinds: what reads images and masks that were paired by their names, if not plain folders.

A kind more is an entry more in `KINDS`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

from seg_datasets.core import matfile
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.sources import patterns, scenes
from seg_datasets.core.sources.base import OfValues
from seg_datasets.core.sources.dicom import Dicom
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.geotiff import GeoTiff
from seg_datasets.core.sources.hypotheses import Hypothesis
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS, ImageMaskFolders
from seg_datasets.core.sources.layout import Question
from seg_datasets.core.sources.mat_masks import MatMasks
from seg_datasets.core.sources.public import CITYSCAPES, VOC, Cityscapes, PascalVoc

_CITYSCAPES = re.compile(
    r"\{stem\}_gt(?:Fine|Coarse)_(?:(labelIds)|label(TrainIds)|(instanceIds))", re.IGNORECASE
)
_KINDS = ("labelIds", "trainIds", "instanceIds")

# As Pascal VOC numbers its images: 2007_000032.
_VOC = re.compile(r"\d{4}_\d{6}")


@dataclasses.dataclass(frozen=True)
class Read:
    """What reads the pairs.

    Attributes:
      source: the declaration; its `values` are not known yet, or tell colours from numbers.
      saw: what the choice rests on, or "".
      questions: what it leaves open.
      classes: see `Layout`.
      alone: whether masks of other kinds beside it are known to mean the same.
    """

    source: OfValues
    saw: str = ""
    questions: Sequence[Question] = ()
    classes: ClassTable | None = None
    alone: bool = False


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Images and masks, paired by their names.

    Attributes:
      best: how.
      files: all of the raw folder.
      ignore: patterns of files that are no part of the data.
    """

    folder: Folder
    best: Hypothesis
    files: Sequence[str]
    ignore: tuple[str, ...]

    @property
    def images(self) -> list[str]:
        """Paths, sorted."""
        return sorted("/".join(filter(None, file)) for file in self.best.image_files)

    @property
    def masks(self) -> list[str]:
        """Paths, sorted."""
        return sorted("/".join(filter(None, file)) for file in self.best.mask_files)

    def plain(self) -> ImageMaskFolders:
        """What reads them where they are pictures of the plain kind."""
        best = self.best
        return ImageMaskFolders(
            best.images, best.masks, best.image_name, best.mask_name, ignore=self.ignore
        )


def read(pairs: Pairs) -> Read:
    """What reads the pairs."""
    for kind in KINDS:
        if found := kind(pairs):
            return found
    return Read(pairs.plain())


def _cityscapes(pairs: Pairs) -> Read | None:
    best = pairs.best
    match = _CITYSCAPES.fullmatch(best.mask_name)
    if match is None or best.image_name.lower() != "{stem}_leftimg8bit":
        return None
    annotations = _KINDS[(match.lastindex or 1) - 1]
    source = Cityscapes(
        images=best.images, masks=best.masks, annotations=annotations, ignore=pairs.ignore
    )
    if source.mask_name.lower() != best.mask_name.lower():
        return None
    text = (
        "Cityscapes' 19 classes are taken, all its other labels are void. Are other classes meant? "
        "Then say so with `labels` in SOURCE"
    )
    return Read(
        source,
        f"Cityscapes' own names and masks ({annotations})",
        [Question("classes", text)],
        CITYSCAPES,
        alone=True,
    )


def _pascal_voc(pairs: Pairs) -> Read | None:
    best = pairs.best
    above, _, folder = best.images.rpartition("/")
    sets = f"{above}/ImageSets/Segmentation".lstrip("/")
    if folder.lower() != "jpegimages" or not any(f.startswith(f"{sets}/") for f in pairs.files):
        return None
    source = PascalVoc(
        *(best.images, best.masks, best.image_name, best.mask_name),
        sets=sets,
        ignore=pairs.ignore,
    )
    names = [path.rpartition("/")[2].rpartition(".")[0] for path in pairs.images]
    own = all(map(_VOC.fullmatch, names))
    return Read(
        source,
        f"folders as Pascal VOC has them{', and its own names' * own}; images that no list in "
        f"{sets}/ names need no mask",
        classes=VOC if own else None,
    )


def _geotiff(pairs: Pairs) -> Read | None:
    found = scenes.look(pairs.folder, pairs.images, pairs.masks)
    if found is None:
        return None
    best = pairs.best
    source = GeoTiff(
        images=best.images,
        masks=best.masks,
        image_name=best.image_name,
        mask_name=best.mask_name,
        ignore=pairs.ignore,
        tile=found.tile,
        georeferenced=found.georeferenced,
        values=found.colours,
    )
    return Read(source, found.saw, scenes.ask_tile(found))


def _dicom(pairs: Pairs) -> Read | None:
    if all(_extension(path) in EXTENSIONS for path in (*pairs.images, *pairs.masks)):
        return None
    best = pairs.best
    source = Dicom(
        best.images, best.masks, best.image_name, best.mask_name, ignore=tuple(pairs.ignore)
    )
    text = (
        "DICOM values are taken as stored. Or are they meant to become brightness, by the file's "
        "own window?"
    )
    question = Question("values", text, "--option=window=file, or --option=window=CENTRE,WIDTH")
    return Read(source, "DICOM images with masks of their names", [question])


def _mat(pairs: Pairs) -> Read | None:
    if any(_extension(path) != "mat" for path in pairs.masks):
        return None
    places: dict[str, None] = {}
    for path in patterns.evenly(pairs.masks, 2):
        try:
            places.update(dict.fromkeys(matfile.planes(pairs.folder.read(path))))
        except (OSError, ValueError):  # who reads it says so
            continue
    best = pairs.best
    try:
        source = MatMasks(
            images=_pattern(best.images, best.image_name),
            masks=_pattern(best.masks, best.mask_name),
            variable=next(iter(places), MatMasks.variable),
            ignore=pairs.ignore,
        )
    except DeclarationError:
        return None
    questions = []
    if len(places) > 1:
        named = ", ".join([*places][:6])
        questions = [
            Question(
                "layout",
                f"The MATLAB files hold several arrays: {named}. {source.variable} is taken here. "
                "Which one is the mask?",
                f"--option=variable={source.variable}",
                blocking=True,
            )
        ]
    return Read(source, f"masks in MATLAB files, variable {source.variable}", questions)


def _pattern(folder: str, name: str) -> str:
    """As `stems.Pattern` has it."""
    whole = "/".join(part for part in (*folder.split("/"), name) if part != ".")
    return folder if name == "{stem}" else whole


def _extension(path: str) -> str:
    return path.rpartition(".")[2].lower()


# The first that knows the pairs reads them.
KINDS: tuple[Callable[[Pairs], Read | None], ...] = (
    _cityscapes,
    _pascal_voc,
    _mat,
    _dicom,
    _geotiff,
)
