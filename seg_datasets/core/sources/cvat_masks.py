"""CVAT: its export of drawn masks, and the colours that its labels have there."""

from __future__ import annotations

import dataclasses
import re

from seg_datasets.core.classes import VOID, ClassTable, RawTable
from seg_datasets.core.drawing import Shape
from seg_datasets.core.sources import annotated, foreign, stems
from seg_datasets.core.sources.annotated import Annotated, AnnotationError, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.object_masks import with_pairs
from seg_datasets.core.sources.stems import Pattern
from seg_datasets.core.stencils import STENCIL

# What CVAT calls the pixels that nobody labelled, and their colour.
_BACKGROUND, _BLACK = "background", "#000000"

_NUMBER = re.compile(r"\s*[0-9]{1,3}\s*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CvatMasks(ShapeSource):
    """CVAT's export "Segmentation mask 1.1". Its label `background` is `ground`, unless `labels`
    has it.

    Attributes:
      images: folder of the images, or a pattern.
      masks: folder of the masks, or a pattern: `SegmentationClass/{stem}`.
      labelmap: the file that says which colour a label has.
    """

    images: str = "JPEGImages"
    masks: str = "SegmentationClass"
    labelmap: str = "labelmap.txt"

    def __post_init__(self) -> None:
        Pattern(self.images)
        Pattern(self.masks)

    def scan(self, folder: Folder) -> Scan:
        """Reads the colours, and pairs images and masks by their names."""
        colours = _colours(self, folder)
        ignore = (*self.ignore, "*SegmentationObject/*")
        paired = stems.pair(folder, Pattern(self.images), Pattern(self.masks), ignore=ignore)
        drawn = (
            Annotated(
                image=one.image,
                shapes=[Shape(n, STENCIL, [one.path, None, None, c]) for c, n in colours.items()],
                size=None,
                file=one.path,
                names=[f"colour {colour}" for colour in colours],
            )
            for one in paired.masks
            if one.image
        )
        scan = with_pairs(annotated.scan(self, folder, drawn, ids=paired.ids), paired)
        return dataclasses.replace(scan, others=(*scan.others, self.labelmap))

    def table(self, classes: ClassTable) -> RawTable:
        """From labels to class ids."""
        names = (*classes.names, VOID)
        named = {name: name for name in names} if self.labels is None else self.labels
        own = {_BACKGROUND: self.ground or classes.names[0]}
        return classes.label_table({**own, **named}, ground=self.ground)


def _colours(source: CvatMasks, folder: Folder) -> dict[str, str]:
    """Colour "#rrggbb" → label, in the order of the file."""
    path = source.labelmap
    found: dict[str, str] = {}
    with foreign.reading(path, "CVAT's labelmap.txt"):
        for number, line in enumerate(folder.read_text(path).splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            label, numbers = line.rsplit(":", 3)[:2]
            parts = numbers.split(",")
            if not all(map(_NUMBER.fullmatch, parts)):
                raise ValueError(f"line {number} gives {label!r} no colour")
            red, green, blue = bytes(map(int, parts))
            colour = f"#{red:02x}{green:02x}{blue:02x}"
            other = found.setdefault(colour, label)
            if _leads(source, other) != _leads(source, label):
                raise AnnotationError(
                    f"{path}: {other!r} and {label!r} have one colour, {colour}; lead them to one "
                    "class by `labels`, or give them two colours in CVAT and export anew"
                )
        if not found:
            raise ValueError("no label in it")
    found.setdefault(_BLACK, _BACKGROUND)
    return found


def _leads(source: CvatMasks, label: str) -> str:
    return (source.labels or {}).get(label, label)
