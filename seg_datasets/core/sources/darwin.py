"""V7 Darwin: one JSON file per image, polygons with holes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from seg_datasets.core.drawing import Shape
from seg_datasets.core.sources import annotated, foreign
from seg_datasets.core.sources.annotated import Annotated, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder

# What V7 has beside polygons; tags are of the whole image.
_WITHOUT_OUTLINE = (
    *("keypoint", "skeleton", "line", "ellipse", "cuboid", "simple_table", "bounding_box"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Darwin(ShapeSource):
    """V7's own export, versions 1 and 2.

    Attributes:
      annotations: the JSON files, a pattern below the raw folder.
    """

    annotations: str = "*.json"

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        return annotated.scan(self, folder, (_read(folder, path) for path in found))


def _read(folder: Folder, path: str) -> Annotated:
    with foreign.reading(path, "Darwin JSON"):
        fields = foreign.json_of(folder, path)
        item = fields["item"] if "item" in fields else fields["image"]
        slot = item["slots"][0] if "slots" in item else item
        name = item.get("name") or item.get("original_filename") or item["filename"]
        shapes = list(_shapes(fields["annotations"]))
        return Annotated(
            image=str(name),
            shapes=shapes,
            size=(int(slot["width"]), int(slot["height"])),
            file=path,
            unpainted=[*_unpainted(fields["annotations"])],
        )


def _unpainted(annotations: Any) -> Iterator[str]:
    for one in annotations:
        if not (one.get("polygon") or one.get("complex_polygon")):
            yield from [kind for kind in _WITHOUT_OUTLINE if one.get(kind)][:1]


def _shapes(annotations: Any) -> Iterator[Shape]:
    for one in annotations:
        polygon = one.get("polygon") or one.get("complex_polygon")
        if not polygon:
            continue
        paths = polygon.get("paths") or polygon["path"]
        rings = paths if paths and isinstance(paths[0], list) else [paths]
        rings += polygon.get("additional_paths", [])
        data = [[float(at[axis]) for at in ring for axis in "xy"] for ring in rings]
        yield Shape(str(one["name"]), "rings", data)
