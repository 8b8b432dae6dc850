"""Facts: what one look at a sample tells. Pure data, and the digests of what a record holds."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from seg_datasets.core import images
from seg_datasets.core.classes import VOID_ID
from seg_datasets.core.runs import Runs
from seg_datasets.core.sample import Sample

# Side of the thumbnails that look-alikes are told by.
THUMB = 16

# Pixels that a lone area of a class may have and still be called a speck.
SPECK = 4


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFacts:
    """One look at an image file.

    Attributes:
      sha256: of the file's bytes.
      pixels: digest of the upright pixels, except for a JPEG stored as it is, whose bytes say as
        much at a fifth of the time; there it is "".
      opaque: whether no pixel is transparent.
      constant: whether all pixels are equal.
      problem: why the file cannot be used, or "".
      thumb: the picture as 16×16 means of grey, 0..255, row after row, in hex; see `lookalikes`.
      geo: where its pixels lie, for a GeoTIFF: (a, b, c, d, e, f), x = a·column + b·row + c and
        y = d·column + e·row + f of a pixel's upper left corner; () where nothing is told.
      crs: its coordinate system as the file names it ("EPSG:32633"), or "".
    """

    sha256: str
    bytes: int
    format: str = ""
    mode: str = ""
    depth: int = 8
    width: int = 0
    height: int = 0
    orientation: int = 1
    pixels: str = ""
    opaque: bool = True
    constant: bool = False
    problem: str = ""
    thumb: str = ""
    geo: tuple[float, ...] = ()
    crs: str = ""

    @property
    def stored_as_is(self) -> bool:
        """Whether the record holds the file's own bytes."""
        return self.format in images.STORED_AS_IS and self.orientation == 1

    @property
    def content(self) -> str:
        """What the image is, for digests of content: independent of any PNG encoder's build."""
        return self.sha256 if self.stored_as_is else self.pixels

    @property
    def key(self) -> str:
        """Equal for equal pictures, as far as one look can tell."""
        return self.pixels or self.sha256


@dataclasses.dataclass(frozen=True, slots=True)
class MaskFacts:
    """One look at a mask file through the class table.

    Attributes:
      sha256: of the file's bytes.
      ids: digest of the upright class ids and their shape.
      counts: class id (255 for void) → pixels.
      stray: raw value that is in no table → pixels, the most frequent ones.
      stray_values: how many different ones there are.
      rim_values: how many more there are that only stand at borders, between their neighbours'
        values: what interpolation and anti-aliasing leave.
      rim_pixels: how many pixels those cover.
      as_stored: whether the record can hold the file's own bytes.
      borders: borders between two ids that lie apart, along some lines of the mask.
      blended: how many of them have a pixel of an id between the two.
      greatest: greatest raw value.
      palette: number → colour 0xRRGGBB, where numbers of a palette are read.
      specks: lone areas of at most `SPECK` pixels, class id → how many.
      alpha: "cut" where the mask has pixels that are all transparent, "soft" where some are partly.
      geo, crs: as those of the image.
      lost: of drawn masks, id painted over << 8 | id on top → pixels.
      nothing: mask files of single objects that hold no object.
      misfit: why a sound file cannot hold the values of the table, or "".
      problem: why the file cannot be read, or "".
    """

    sha256: str
    bytes: int
    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    ids: str = ""
    counts: Mapping[int, int] = dataclasses.field(default_factory=dict)
    stray: Mapping[int, int] = dataclasses.field(default_factory=dict)
    stray_values: int = 0
    rim_values: int = 0
    rim_pixels: int = 0
    as_stored: bool = False
    greatest: int = 0
    borders: int = 0
    blended: int = 0
    palette: Mapping[int, int] = dataclasses.field(default_factory=dict)
    misfit: str = ""
    problem: str = ""
    specks: Mapping[int, int] = dataclasses.field(default_factory=dict)
    alpha: str = ""
    geo: tuple[float, ...] = ()
    crs: str = ""
    lost: Mapping[int, int] = dataclasses.field(default_factory=dict)
    nothing: tuple[str, ...] = ()

    @property
    def void_only(self) -> bool:
        """Whether no pixel has a class."""
        return set(self.counts) == {VOID_ID}


@dataclasses.dataclass(frozen=True, slots=True)
class PairFacts:
    """What image and mask tell together.

    Attributes:
      shift: (rows, columns) by which the mask's borders, moved, lie best on the image's edges.
      shift_gain: how much better they lie there than where they are, 0 for no better: the mean
        edge strength under the borders, moved over unmoved, less one.
      nodata: pixels of the value that the image declares to be none ("nodata"), under a class.
      nodata_value: that value as the file names it, or "".
    """

    shift: tuple[int, int] = (0, 0)
    shift_gain: float = 0.0
    nodata: int = 0
    nodata_value: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class SampleFacts:
    """A sample and what one look at its two files told."""

    sample: Sample
    image: ImageFacts
    mask: MaskFacts
    pair: PairFacts = PairFacts()

    @property
    def georeferenced(self) -> bool:
        """Whether the record tells where its pixels lie."""
        return bool(self.sample.view and self.image.geo)

    @property
    def content(self) -> bytes:
        """Digest of what a record holds: id, group, image, ids; and where it lies, if it tells."""
        where = place_of(self.image.geo, self.image.crs) if self.georeferenced else ""
        return content_digest(
            self.sample.id, self.sample.group, self.image.content, self.mask.ids, where
        )


def place_of(transform: Sequence[float], crs: str) -> str:
    """Where pixels lie, as a line for digests."""
    return f"{[float(v) for v in transform]} {crs}"


def content_digest(name: str, group: str, image: str, ids: str, where: str = "") -> bytes:
    """What a sample is, whatever build of an encoder its record was made with."""
    parts = (name, group, image, ids, where) if where else (name, group, image, ids)
    return hashlib.sha256("\0".join(parts).encode()).digest()


def pixel_digest(pixels: Image.Image | np.ndarray) -> str:
    """Digest of the pixels a record would hold."""
    kind = str(pixels.dtype) if isinstance(pixels, np.ndarray) else pixels.mode
    return _digest(np.asarray(pixels), kind)


def ids_digest(ids: np.ndarray) -> str:
    """Digest of class ids and their shape."""
    return Runs.of(ids).digest()


def thumbnail(grey: np.ndarray) -> str:
    """A grey picture as 16×16 means, in hex: what look-alikes are told by."""
    small = Image.fromarray(grey).resize((THUMB, THUMB), Image.Resampling.BOX)
    return small.tobytes().hex()


def _digest(pixels: np.ndarray, kind: str) -> str:
    digest = hashlib.sha256(f"{kind} {pixels.shape}\n".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
