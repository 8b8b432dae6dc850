"""A raw folder without fault, drawn from a seed, and what a build would find in one."""

import dataclasses
import io
import pathlib
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from seg_datasets.core import checks
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.facts import ImageFacts, MaskFacts, SampleFacts
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder, ImageMaskFolders
from seg_datasets.core.splits import Grouped
from seg_datasets.core.survey import Declaration, examine

CLASSES = ClassTable("ground", "roof", "road")
GROUPS = ("a", "b", "c", "d")

DECLARATION = Declaration(
    classes=CLASSES,
    source=ImageMaskFolders(group=r"^(?P<group>[^_]+)_"),
    splits=Grouped(train=75, test=25, pin={"train": GROUPS[:3], "test": GROUPS[3:]}),
)


@dataclasses.dataclass
class Raw:
    """A raw folder whose pairs can be written anew, one by one.

    Attributes:
      scale: what an id is multiplied with in the mask files.
    """

    root: pathlib.Path
    rng: np.random.Generator
    scale: int = 1

    def picture(self, width: int = 32, height: int = 24) -> Image.Image:
        return Image.fromarray(self.rng.integers(0, 256, (height, width, 3), np.uint8))

    def labels(self, width: int = 32, height: int = 24) -> np.ndarray:
        """Ids with an area of each class; no two masks are alike."""
        ids = np.zeros((height, width), np.uint8)
        top, left = self.rng.integers(1, 6, 2)
        high, wide = self.rng.integers(6, 9, 2)
        ids[top : top + high, left : left + wide] = 1
        top, high = self.rng.integers(14, 18), self.rng.integers(2, 7)
        left, wide = self.rng.integers(0, 11), self.rng.integers(6, 13)
        ids[top : top + high, left : left + wide] = 2
        return ids

    def put(
        self,
        name: str,
        *,
        image: Image.Image | bytes | None = None,
        mask: Image.Image | np.ndarray | bytes | None = None,
        image_as: str = "png",
        mask_as: str = "png",
        width: int = 32,
        height: int = 24,
        **options: Any,
    ) -> tuple[str, str]:
        """Writes a pair in place of what was there; its two paths below the root."""
        for old in [*self.root.glob(f"images/{name}.*"), *self.root.glob(f"masks/{name}.*")]:
            old.unlink()
        if image is None:
            image = self.picture(width, height)
        if mask is None:
            mask = self.labels(width, height) * self.scale
        if isinstance(mask, np.ndarray):
            mask = Image.fromarray(mask)
        paths = f"images/{name}.{image_as}", f"masks/{name}.{mask_as}"
        for path, what in zip(paths, (image, mask), strict=True):
            data = what if isinstance(what, bytes) else encoded(what, path.rpartition(".")[2])
            self.write(path, data)
        return paths

    def write(self, path: str, data: bytes) -> str:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)
        return path

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()


def draw(root: pathlib.Path, *, each: int = 2, scale: int = 1) -> Raw:
    """`each` pairs of every group: `images/a_0.png` or `.jpg`, `masks/a_0.png`."""
    raw = Raw(root, np.random.default_rng(0), scale)
    for group in GROUPS:
        for index in range(each):
            size = {"width": 24} if index % 2 else {}
            raw.put(f"{group}_{index}", image_as="jpg" if index % 2 else "png", **size)
    return raw


def encoded(image: Image.Image | np.ndarray, extension: str, **options: Any) -> bytes:
    """An image file's bytes."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(extension, extension.upper())
    out = io.BytesIO()
    image.save(out, kind, **({"quality": 90} if kind == "JPEG" else {}) | options)
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def palette_mask(numbers: np.ndarray, greys: list[int]) -> bytes:
    mask = Image.frombytes("P", numbers.shape[::-1], numbers.tobytes())
    mask.putpalette([band for grey in greys for band in (grey,) * 3])
    return encoded(mask, "png")


def voc_like(ids: np.ndarray, dealt: tuple[int, ...] = (0, 1, 2)) -> Image.Image:
    """A palette mask whose colours are those of the ids, whatever numbers they were dealt."""
    colours = ((0, 0, 0), (200, 0, 0), (0, 0, 200))
    image = Image.fromarray(np.argsort(dealt).astype(np.uint8)[ids]).convert("P")
    image.putpalette([band for i in dealt for band in colours[i]])
    return image


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + checksum


def png(depth: int, kind: int, shape: tuple[int, ...], rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG as the specification says, for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", shape[1], shape[0], depth, kind, 0, 0, 0)
    out = io.BytesIO()
    out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
    out.write(extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return out.getvalue()


def unseen(sample: Sample) -> SampleFacts:
    """Facts of a sample that nobody has looked at, for what goes by names alone."""
    return SampleFacts(sample, ImageFacts("", 0), MaskFacts("", 0))


def seen(
    name: str, *, group: str = "", counts: Mapping[int, int] | None = None, **image: Any
) -> SampleFacts:
    """Facts of a sample as if its mask had these pixels of each class."""
    sample = Sample(name, f"{name}.png", f"{name}_mask.png", group or name)
    return SampleFacts(sample, ImageFacts("", 0, **image), MaskFacts("", 0, counts=counts or {}))


def findings(root: pathlib.Path, **declared: Any) -> list[checks.Finding]:
    """All that a build of this folder would say, errors and warnings alike."""
    declaration = dataclasses.replace(DECLARATION, **declared)
    return list(examine(declaration, Folder(root)).findings)


def said(found: list[checks.Finding]) -> list[tuple[str, str]]:
    """Code and place of each finding."""
    return sorted((finding.code, finding.where) for finding in found)
