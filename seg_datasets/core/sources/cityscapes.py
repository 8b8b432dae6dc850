"""Cityscapes: the polygons that its masks were made from, one JSON file for each image."""

from __future__ import annotations

import dataclasses
from typing import Any

from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.drawing import Shape
from seg_datasets.core.sources import annotated, foreign
from seg_datasets.core.sources.annotated import Annotated, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.public import CITYSCAPES_LABELS

# Labels of their own, `polegroup` too: it is no pole.
_OWN = frozenset(CITYSCAPES_LABELS.values())

# What Cityscapes' own masks leave out, so that the car below is seen.
_NEVER_DRAWN = "license plate"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CityscapesPolygons(ShapeSource):
    """Cityscapes' polygons, `*_gtFine_polygons.json` or `*_gtCoarse_polygons.json`.

    A label that ends in "group" is that without it, but for `polegroup`, and license plates are not
    drawn, unless `labels` has them.

    Attributes:
      annotations: the JSON files, a pattern below the raw folder.
      image_name: what an image is called; `{frame}` is the annotation's name before `_gt`.
      ground: see `ShapeSource`; Cityscapes leaves out what no polygon covers, so void if not given.
    """

    images: str = "leftImg8bit"
    ground: str = "void"
    annotations: str = "*_gtFine_polygons.json"
    image_name: str = "{frame}_leftImg8bit.png"

    def __post_init__(self) -> None:
        if self.image_name.count("{frame}") != 1:
            raise DeclarationError(f"image_name={self.image_name!r} must hold {{frame}} once")

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        return annotated.scan(self, folder, (_read(self, folder, path) for path in found))


def _read(source: CityscapesPolygons, folder: Folder, path: str) -> Annotated:
    with foreign.reading(path, "Cityscapes JSON"):
        fields = foreign.json_of(folder, path)
        frame = path.rpartition("/")[2].rpartition("_polygons")[0].rpartition("_gt")[0]
        if not frame:
            raise ValueError("its name tells no frame: it must end in `_gtFine_polygons.json`")
        drawn = [
            (f"object {number}", Shape(_label(source, one), "filled", _points(one["polygon"])))
            for number, one in enumerate(fields["objects"])
            if not one.get("deleted")
        ]
        known = source.labels or ()
        drawn = [(n, s) for n, s in drawn if s.label != _NEVER_DRAWN or s.label in known]
        return Annotated(
            image=source.image_name.replace("{frame}", frame),
            shapes=[shape for _, shape in drawn],
            size=(int(fields["imgWidth"]), int(fields["imgHeight"])),
            file=path,
            names=[name for name, _ in drawn],
        )


def _label(source: CityscapesPolygons, one: Any) -> str:
    label = str(one["label"])
    if label in _OWN or label in (source.labels or ()):
        return label
    return label.removesuffix("group") or label


def _points(polygon: Any) -> list[float]:
    return [float(v) for x, y in polygon for v in (x, y)]
