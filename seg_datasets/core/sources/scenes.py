"""Scenes: whether TIFFs are scenes to be cut into tiles, told by a few of their headers."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from seg_datasets.core.classes import DeclarationError, RawValue, few
from seg_datasets.core.sources import foreign, grid
from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.ask import CLASS_WORDS, Asked
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.geotiff import GeoTiff
from seg_datasets.core.sources.layout import Question
from seg_datasets.core.sources.patterns import evenly
from seg_datasets.core.views import rasters
from seg_datasets.core.views.rasters import Raster

# Files of which the header is read.
_LOOKS = 8

# A picture without a place on the ground is a scene where a side is longer than this.
_LARGE = 4096

# Scenes up to this side are tiles already.
_TILE, _WHOLE = 512, 1024

# Values of a property that can be classes.
_MOST_VALUES = 64


@dataclasses.dataclass(frozen=True)
class Scenes:
    """What the headers tell.

    Attributes:
      tile: the side of tiles; that of the scenes where they are tiles already.
      georeferenced: whether all tell where they lie.
      largest: width and height of the largest.
      colours: for `GeoTiff.values` until they are known, where labels are colours.
    """

    tile: int
    georeferenced: bool
    largest: tuple[int, int]
    colours: Mapping[RawValue, str] | None = None

    @property
    def saw(self) -> str:
        """In one line."""
        where = "that tell where they lie" if self.georeferenced else "without a place"
        return (
            f"GeoTIFF scenes {where}, up to {self.largest[0]}×{self.largest[1]}, read in tiles "
            f"of {self.tile} pixels"
        )


def look(folder: Folder, scenes: Sequence[str], labels: Sequence[str] = ()) -> Scenes | None:
    """What the headers of a few tell; None where they are pictures like any other.

    Args:
      folder: the raw folder.
      scenes: paths.
      labels: paths of label rasters.
    """
    if not scenes or not all(is_tiff(path) for path in (*scenes, *labels)):
        return None
    told: list[tuple[int, int, bool]] = []
    bands = 0
    try:
        for path in (*evenly(scenes, _LOOKS), *evenly(labels, _LOOKS)):
            with rasters.opened(folder, path) as raster:
                told.append((raster.width, raster.height, _is_placed(raster)))
                bands = max(bands, raster.bands if path in labels else 0)
    except (OSError, ValueError, DeclarationError):  # no rasterio, or a file that is none
        return None
    finally:
        rasters.close()
    placed = all(is_placed for *_, is_placed in told)
    width, height = max((width, height) for width, height, _ in told)
    side = max(max(width, height) for width, height, _ in told)
    if not placed and side <= _LARGE:
        return None
    colours: dict[RawValue, str] | None = (
        {"#000000" + "00" * (bands - 3): "any"} if bands > 2 else None
    )
    return Scenes(_TILE if side > _WHOLE else side, placed, (width, height), colours)


def ask_tile(found: Scenes) -> list[Question]:
    """How large tiles are, where scenes are cut."""
    if max(found.largest) <= found.tile:
        return []
    text = f"Scenes are cut into tiles of {found.tile} pixels. Is another side meant?"
    return [Question("layout", text, f"--option=tile={found.tile}, and --option=overlap=PIXELS")]


def is_tiff(path: str) -> bool:
    """Whether a file is called so."""
    return path.rpartition(".")[2].lower() in ("tif", "tiff")


def ask_property(folder: Folder, source: GeoTiff) -> Asked:
    """Which property of footprints tells the class."""
    scenes = [path for path in folder.files()[0] if is_tiff(path)]
    found = look(folder, scenes)
    questions = ask_tile(found) if found else []
    if source.property:
        return source, questions
    held = _properties(folder, source.footprints.replace("{stem}", _stem(scenes)))
    order = sorted(held, key=lambda name: (_word(name), name))
    if not order:
        text = (
            "All footprints are of one class. Does a property (GeoPackage: a column) tell their "
            "class?"
        )
        return source, [*questions, Question("classes", text, "--option=property=NAME")]
    shown = [f"{name!r}, such as {few(sorted(held[name]), 3)}" for name in order]
    text = (
        f"Footprints have properties: {few(shown, 4)}. All are of one class here. Does one of them "
        "tell the class?"
    )
    answer = f"--option=property={order[0]}, or --source=footprints"
    blocking = _word(order[0]) < len(CLASS_WORDS)
    return source, [*questions, Question("classes", text, answer, blocking=blocking)]


def _properties(folder: Folder, path: str) -> dict[str, set[str]]:
    """Property → its texts, where several features share them; of GeoJSON."""
    held: dict[str, Counter[str]] = {}
    if path.lower().endswith(".gpkg"):
        return {}
    try:
        for key, value in foreign.lists_of(folder, path, ("features",)):
            properties: Any = value.get("properties") if key == "features" else None
            for name, text in (properties or {}).items():
                if isinstance(text, str):
                    held.setdefault(name, Counter())[text[:60]] += 1
    except (OSError, ValueError, LookupError, TypeError, AttributeError, AnnotationError):
        return {}  # who reads it says so
    return {
        name: set(texts)
        for name, texts in held.items()
        if 1 < len(texts) <= min(_MOST_VALUES, texts.total() - 1)
    }


def _word(name: str) -> int:
    low = name.strip().lower()
    return CLASS_WORDS.index(low) if low in CLASS_WORDS else len(CLASS_WORDS)


def _stem(scenes: Sequence[str]) -> str:
    return scenes[0].rpartition("/")[2].rpartition(".")[0] if scenes else ""


def _is_placed(raster: Raster) -> bool:
    try:
        grid.refuse_lost(raster)
    except AnnotationError:
        return False
    return True
