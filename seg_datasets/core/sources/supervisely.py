"""Supervisely: one JSON file for each image, with polygons and bitmaps."""

from __future__ import annotations

import base64
import dataclasses
import math
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from seg_datasets.core import drawing, images
from seg_datasets.core.drawing import Shape
from seg_datasets.core.runs import alternating
from seg_datasets.core.sample import same
from seg_datasets.core.sources import annotated, foreign, left_open
from seg_datasets.core.sources.annotated import Annotated, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS

_WITHOUT_AREA = ("line", "polyline", "point", "graph", "keypoint", "cuboid", "cuboid_2d")

_PNG = b"\x89PNG\r\n\x1a\n"
# Where a PNG tells its width and height.
_PNG_SIZE = slice(16, 24)

# Bytes of a bitmap's PNG, whatever the size of its picture: masks are small.
_MOST_BYTES = 1 << 26


@dataclasses.dataclass(frozen=True, kw_only=True)
class Supervisely(ShapeSource):
    """Supervisely's own project format: `<dataset>/ann/NAME.jpg.json`, `<dataset>/img/NAME.jpg`.

    Attributes:
      annotations: the JSON files, a pattern below the raw folder.
      line_width: of lines, and of points, in pixels. 0 leaves out both, and graphs and cuboids.
        Must be said where there are any.
      opacity: from which value on (1..255) a pixel of an alpha mask belongs to it.
    """

    annotations: str = "ann/*.json"
    line_width: int | None = None
    opacity: int = 128

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        stems = _stems(folder)
        return annotated.scan(self, folder, (_read(self, folder, path, stems) for path in found))


def _stems(folder: Folder) -> dict[str, str]:
    """Images by their path without extension, for annotations that are named so."""
    paths = folder.files()[0]
    return {
        same(path.rpartition(".")[0]): path
        for path in reversed(paths)
        if path.rpartition(".")[2].lower() in EXTENSIONS
    }


def _read(source: Supervisely, folder: Folder, path: str, stems: Mapping[str, str]) -> Annotated:
    with foreign.reading(path, "Supervisely JSON"):
        fields = foreign.json_of(folder, path)
        size = int(fields["size"]["width"]), int(fields["size"]["height"])
        if not drawing.possible(*size):
            raise ValueError(f"a picture of {size[0]}×{size[1]} pixels")
        named = [
            (f"object {one.get('id', number)}", shape)
            for number, one in enumerate(fields["objects"])
            for shape in _shapes(source, one, size, path)
        ]
        return Annotated(
            image=_image(path, stems),
            shapes=[shape for _, shape in named],
            size=size,
            file=path,
            names=[name for name, _ in named],
        )


def _image(path: str, stems: Mapping[str, str]) -> str:
    above, _, name = path.rpartition("/")
    dataset = above.rpartition("/")[0]
    image = "/".join(part for part in (dataset, "img", name[: -len(".json")]) if part)
    if image.rpartition(".")[2].lower() in EXTENSIONS:
        return image
    return stems.get(same(image), image)


def _shapes(
    source: Supervisely, one: Mapping[str, Any], size: tuple[int, int], path: str
) -> Iterator[Shape]:
    label, kind = str(one["classTitle"]), one["geometryType"]
    if kind in _WITHOUT_AREA and not left_open.paints_lines(source.line_width, kind, path=path):
        return
    if kind == "polygon":
        outer, holes = one["points"]["exterior"], one["points"].get("interior") or ()
        yield Shape(label, "opencv", [_whole(ring) for ring in (outer, *holes)])
    elif kind == "rectangle":
        (left, top), (right, bottom) = (map(_round, at) for at in one["points"]["exterior"])
        yield Shape(label, "opencv", [[left, top, right, top, right, bottom, left, bottom]])
    elif kind == "bitmap":
        yield Shape(label, "runs", _bitmap(one["bitmap"], size, 0))
    elif kind == "alpha_mask":
        data = one.get("alpha_mask") or one["bitmap"]
        yield Shape(label, "runs", _bitmap(data, size, source.opacity))
    elif kind in ("line", "polyline"):
        points = _whole(one["points"]["exterior"])
        yield Shape(label, "line", [source.line_width, *points])
    elif kind == "point":
        x, y = _whole(one["points"]["exterior"])
        half = (source.line_width or 1) / 2
        yield Shape(label, "ellipse", [x + 0.5, y + 0.5, half, half])
    else:
        raise ValueError(f"a shape of the kind {str(kind)[:40]!r}")


def _whole(points: Any) -> list[float]:
    """As Supervisely's own tools draw them: what lies behind the point is cut off."""
    return [float(math.trunc(v)) for x, y in points for v in (x, y)]


def _round(value: float) -> float:
    return float(round(value))


def _bitmap(one: Mapping[str, Any], size: tuple[int, int], opacity: int) -> list[Any]:
    """Where a PNG covers the picture, as `drawing` has runs."""
    left, top = (int(v) for v in one["origin"])
    png = base64.b64decode(one["data"], validate=True)
    if not png.startswith(_PNG):  # older files have it without compression
        png = _inflated(png, size)
    if not png.startswith(_PNG):
        raise ValueError("a bitmap that is no PNG")
    told = png[_PNG_SIZE]
    width, height = int.from_bytes(told[:4], "big"), int.from_bytes(told[4:], "big")
    if left < 0 or top < 0 or left + width > size[0] or top + height > size[1]:
        raise ValueError(f"a bitmap of {width}×{height} pixels that leaves the picture")
    covered = _covered(images.open_image(png).image, opacity)
    return [left, top, covered.shape[1], covered.shape[0], alternating(covered)]


def _inflated(data: bytes, size: tuple[int, int]) -> bytes:
    most = min(4 * (size[0] + 1) * (size[1] + 1) + (1 << 16), _MOST_BYTES)
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(data, most)
    except zlib.error as error:
        raise ValueError(f"a bitmap that is broken: {error}") from error
    if inflate.unconsumed_tail or not inflate.eof:
        raise ValueError(f"a bitmap that is cut off, or of more than {most:,} bytes")
    return content


def _covered(picture: Image.Image, opacity: int) -> np.ndarray:
    """Which pixels a PNG covers: the opaque ones, or those that are not black."""
    if opacity:
        alpha = "A" in picture.getbands()
        values = np.asarray(picture.getchannel("A") if alpha else picture.convert("L"))
        return values >= opacity
    if "A" in picture.getbands() or "transparency" in picture.info:
        return np.asarray(picture.convert("RGBA"))[..., 3] > 0
    if picture.mode == "P":
        picture = picture.convert("RGB")
    values = np.asarray(picture)
    return np.asarray(values.reshape(*values.shape[:2], -1).any(axis=2))
