"""Mask files to exact class ids, or a refusal: a value that is in no table is never mapped."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from PIL import Image

from seg_datasets.core.classes import VOID_ID, RawTable
from seg_datasets.core.geo import Geo
from seg_datasets.core.images import (
    DEEP_COLOUR,
    ImageError,
    Opened,
    alpha_kind,
    encode_png,
    is_plain_grey_png,
    open_image,
    turn,
)
from seg_datasets.core.runs import Runs

# Lines of a mask that are looked at for blended borders: enough of them, however large it is.
_LINES = 32

# A run of a third id between two others that is at most so long may come from blending.
_THIN = 4


class MisfitError(ImageError):
    """A mask file that is sound, but of a kind that cannot hold the values of the table."""


@dataclasses.dataclass(frozen=True)
class Mask:
    """One mask, decoded and upright.

    Attributes:
      raw: raw values (H, W): grey values, palette indices, or colours as 0xRRGGBB(AA).
      ids: class ids uint8 (H, W); 0 where `known` is False.
      runs: those of the ids.
      known: None where every value is in the table, else where it is.
      counts: class id → pixels.
      stray: raw value that is in no table → pixels, most frequent first.
      as_stored: whether the file's own bytes hold just these ids, for every decoder.
      mode: Pillow's mode, with the true depth where Pillow spreads few bits over 0..255 ("L;4").
      palette: number → colour 0xRRGGBB of the numbers that occur, where a palette's are read.
      geo: what the tags of a GeoTIFF say.
    """

    raw: np.ndarray
    ids: np.ndarray
    runs: Runs
    known: np.ndarray | None
    counts: Mapping[int, int]
    stray: Mapping[int, int]
    as_stored: bool
    format: str
    mode: str
    orientation: int
    palette: Mapping[int, int]
    geo: Geo


def read(data: bytes, table: RawTable, *, drawn_on: int = 1) -> Mask:
    """Decodes a mask file through the table of raw values.

    Args:
      data: the file's bytes.
      table: raw value → class id.
      drawn_on: the EXIF orientation of the image, where the mask was drawn on its pixels as stored.

    Raises:
      ImageError: the file cannot be decoded.
      MisfitError: its mode cannot hold the values of the table.
    """
    opened = open_image(data)
    image = turn(opened.image, drawn_on) if opened.orientation == 1 else opened.image
    if reason := _unfit(opened, table):
        raise MisfitError(reason)
    few_bits = image.mode == "L" and opened.depth in (2, 4)
    by_number = table.bands == 1
    depth = opened.depth if few_bits else 8
    raw = _grey(image, depth, signed=table.signed) if by_number else _colours(image, table)
    of_raw = Runs.of(raw)
    present = of_raw.counts()
    counts, stray = _by_class(present, table)
    # The table changes nothing in the raw array: it is the ids.
    same = raw.dtype == np.uint8 and all(table.ids.get(value) == value for value in present)
    runs = of_raw if same else of_raw.to(_ids_of(of_raw.values, table))
    known = None
    if stray:
        by_lut = by_number and raw.dtype.kind == "u"
        known = table.lut[raw] >= 0 if by_lut else np.isin(raw, list(table.ids))
    turned = opened.orientation != 1 or drawn_on != 1
    return Mask(
        raw=raw,
        ids=raw if same else runs.pixels(),
        runs=runs,
        known=known,
        counts=counts,
        stray=stray,
        as_stored=same and not turned and is_plain_grey_png(data),
        format=opened.format,
        mode=f"L;{opened.depth}" if few_bits else opened.mode,
        orientation=opened.orientation,
        palette=_palette(image) if image.mode == "P" and table.bands == 1 else {},
        geo=opened.geo,
    )


def emptied(mask: Mask, none: np.ndarray) -> Mask:
    """The mask with void where there is no data.

    Raises:
      MisfitError: the two are not of one size.
    """
    if none.shape != mask.ids.shape:
        raise MisfitError("is not of the size of its image, which has pixels without data")
    ids = np.where(none, np.uint8(VOID_ID), mask.ids)
    known, stray = mask.known, {}
    if known is not None:
        known = known | none
        values, found = np.unique(mask.raw[~known], return_counts=True)
        rows = zip(values.tolist(), found.tolist(), strict=True)
        stray = dict(sorted(rows, key=lambda row: (-row[1], row[0])))
    values, found = np.unique(ids if known is None else ids[known], return_counts=True)
    return dataclasses.replace(
        mask,
        ids=ids,
        runs=Runs.of(ids),
        known=known if stray else None,
        counts=dict(zip(values.tolist(), found.tolist(), strict=True)),
        stray=stray,
        as_stored=False,
    )


def kind(data: bytes) -> tuple[str, str]:
    """Mode and transparency of a mask file, "cut" or "soft" or "", whatever the table is.

    Raises:
      ImageError: the file cannot be decoded.
    """
    image = open_image(data).image
    if image.mode not in ("LA", "RGBA"):
        return image.mode, ""
    return image.mode, alpha_kind(np.asarray(image)[..., -1])


def between_neighbours(raw: np.ndarray) -> np.ndarray:
    """Where a pixel's value lies strictly between the least and greatest of its eight neighbours.

    That is what resizing and anti-aliasing leave at the borders of a drawn mask, and what no area
    of a class has. Of colours, the middle channel is looked at.
    """
    grey = (raw >> 8 & 255) if raw.dtype == np.uint32 else raw
    padded = np.pad(grey, 1, mode="edge")
    low, high = grey.copy(), grey.copy()
    rows, columns = grey.shape
    for row in range(3):
        for column in range(3):
            near = padded[row : row + rows, column : column + columns]
            np.minimum(low, near, out=low)
            np.maximum(high, near, out=high)
    return (low < grey) & (grey < high)


def borders_and_blends(ids: np.ndarray) -> tuple[int, int]:
    """How many borders between ids that lie apart some rows and columns cross, and how many of them
    have a thin run of an id between the two.

    Blending 0 and 2 makes 1, a class like any other. In a mask as drawn few borders look so, in one
    that was resized with interpolation most.
    """
    lines = ids[:: -(-ids.shape[0] // _LINES)], ids[:, :: -(-ids.shape[1] // _LINES)].T
    values = np.concatenate([some.reshape(-1) for some in lines]).astype(np.int16)
    begins = np.zeros(values.size, bool)  # a line
    begins[: lines[0].size : ids.shape[1]] = begins[lines[0].size :: ids.shape[0]] = True
    starts = np.flatnonzero(begins | (np.diff(values, prepend=values[0]) != 0))
    runs, length = values[starts], np.diff(starts, append=values.size)
    # 0 where a line begins, or void: nothing is told by either.
    steps = np.diff(runs) * ~begins[starts[1:]]
    steps[(runs[1:] == VOID_ID) | (runs[:-1] == VOID_ID)] = 0
    sharp = int(((abs(steps) > 1) & (length[1:] > 1) & (length[:-1] > 1)).sum())
    blended = int(((steps[:-1] * steps[1:] > 0) & (length[1:-1] <= _THIN)).sum())
    return sharp + blended, blended


def encode(ids: np.ndarray) -> bytes:
    """The PNG that goes into a record."""
    return encode_png(np.ascontiguousarray(ids))


def _unfit(opened: Opened, table: RawTable) -> str:
    """Why the numbers of a mask file must not be trusted to be what the table means, or ""."""
    image, depth = opened.image, opened.depth
    if opened.mode in DEEP_COLOUR or opened.bands is not None:
        return f"is {opened.mode}: several channels, deep ones or more than 4; save ids as one"
    if opened.lossy and opened.format != "JPEG" and table.threshold is None:
        # A JPEG has a check of its own, which counts the damage.
        return f"is a {opened.format} compressed with loss, which changes values; export it as PNG"
    if table.bands > 1:
        return ""
    if opened.white_is_zero and depth > 1:
        return "is a TIFF in which 0 is white: its numbers run against what one sees; save it anew"
    if table.threshold is not None:
        if image.mode == "P":
            return "has a palette, and a `Threshold` cuts grey values; save it as grey"
        if image.mode in ("1", "L") and depth < 8 and table.threshold.at >= 2**depth:
            return (
                f"has {depth} bits, so all its values lie below the `Threshold` at "
                f"{table.threshold.at}; state the values themselves in the source's `values`"
            )
    return _palette_unfit(image, table, opened.format) if image.mode == "P" else ""


def _palette(image: Image.Image) -> dict[int, int]:
    colours = np.array(image.getpalette("RGB"), np.uint32).reshape(-1, 3)
    used = np.flatnonzero(np.array(image.histogram()))
    codes = colours @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    return {int(n): int(codes[n]) for n in used if n < len(codes)}


def _palette_unfit(image: Image.Image, table: RawTable, kind: str) -> str:
    """Why the numbers of a palette image may have been dealt anew by a tool, or ""."""
    palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    used = np.flatnonzero(np.array(image.histogram()))
    if used[-1] >= len(palette):
        return ""  # nothing but numbers
    greys = palette[used, 0].astype(int)
    if (palette[used] == used[:, None]).all():
        return ""  # numbers and greys are the same
    if kind == "GIF":
        return (
            "is a GIF with a palette: whoever writes a GIF numbers the colours anew. State the "
            "colours ('#rrggbb') in the source's `values`"
        )
    if (palette == palette[:, :1]).all() and _greys_disagree(used, greys, table):
        return (
            "has a palette of greys whose numbers say other classes than the greys do, as tools "
            "leave that make PNGs small; state the colours ('#rrggbb') in the source's `values`, "
            "or save it as grey"
        )
    return ""


def _greys_disagree(numbers: np.ndarray, greys: np.ndarray, table: RawTable) -> bool:
    """Whether a palette of greys leaves open if its numbers or its greys are meant.

    The plain black-and-white palette does not: there 0 and 1 are meant, as in a 1-bit file.
    """
    if len(set(greys)) == len(greys) and (np.diff(greys) < 0).any():
        return True
    if numbers[-1] <= 1 and (greys == 255 * numbers).all():
        return False
    by_number, by_grey = table.lut[numbers], table.lut[greys]
    return bool((by_number >= 0).all() and (by_grey >= 0).all() and (by_number != by_grey).any())


def _grey(image: Image.Image, depth: int, *, signed: bool) -> np.ndarray:
    """Grey values and palette indices as the file holds them."""
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8)
    if image.mode in ("L", "P"):
        raw = np.asarray(image)
        if depth < 8:
            # Pillow spreads 2- and 4-bit grey over 0..255, exactly; the file holds the quotient.
            raw = raw // (255 // (2**depth - 1))
        return raw
    if image.mode.startswith("I"):
        raw = np.asarray(image)
        if signed and raw.min() >= -32768 and raw.max() <= 65535:
            return raw.astype(np.int32)
        if raw.min() < 0 or raw.max() > 65535:
            below = raw.min() < 0 and not signed
            raise MisfitError(
                f"holds values {raw.min()}..{raw.max()}; ids lie in 0..65535"
                + (", those below 0 have to stand in the source's `values`" if below else "")
            )
        return raw.astype(np.uint16)
    if image.mode in ("LA", "RGB", "RGBA"):
        channels = np.asarray(image)
        grey = channels[..., 0]
        opaque = image.mode == "RGB" or (channels[..., -1] == 255).all()
        if not opaque:
            raise MisfitError(
                "has transparent pixels, but the table has grey values only; state the colours "
                "with alpha ('#rrggbbaa') in the source's `values`, or save the mask without alpha"
            )
        colours = channels[..., : 1 if image.mode == "LA" else 3]
        coloured = (colours != grey[..., None]).any(axis=-1)
        if coloured.any():
            example = bytes(colours[coloured][0]).hex()
            raise MisfitError(
                f"has {np.count_nonzero(coloured)} coloured pixels, such as #{example}, but the "
                "table has grey values only; state the colours in the source's `values`"
            )
        return np.ascontiguousarray(grey)
    raise MisfitError(f"is in mode {image.mode}, which holds no ids; save it as 8- or 16-bit grey")


def _colours(image: Image.Image, table: RawTable) -> np.ndarray:
    """Colours as integers 0xRRGGBB or 0xRRGGBBAA."""
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        raise MisfitError(f"is in mode {image.mode}; masks by colour are RGB, RGBA or palette PNGs")
    if image.mode == "P" and np.asarray(image).max() >= len(image.getpalette("RGB") or ()) // 3:
        # Decoders make such pixels black.
        raise MisfitError("has pixels of a number that is not in its palette; save it anew")
    channels = np.asarray(image.convert("RGBA")).astype(np.uint32)
    if table.bands == 3 and not (channels[..., 3] == 255).all():
        raise MisfitError(
            "has transparent pixels, but the table has colours without alpha; write '#rrggbbaa' in "
            "the source's `values`, or save the mask without alpha"
        )
    code: np.ndarray = np.zeros(channels.shape[:2], np.uint32)
    for band in range(table.bands):
        code = code << 8 | channels[..., band]
    return code


def _by_class(present: Mapping[int, int], table: RawTable) -> tuple[dict[int, int], dict[int, int]]:
    """Pixels by class id, and pixels of the values that are in no table, most frequent first."""
    counts: dict[int, int] = {}
    stray: dict[int, int] = {}
    for value, pixels in present.items():
        class_id = table.ids.get(value)
        if class_id is None:
            stray[value] = pixels
        else:
            counts[class_id] = counts.get(class_id, 0) + pixels
    return counts, dict(sorted(stray.items(), key=lambda item: (-item[1], item[0])))


def _ids_of(values: np.ndarray, table: RawTable) -> np.ndarray:
    """Class ids of raw values; 0 for those that are in no table."""
    if table.bands == 1 and values.dtype.kind == "u":
        return np.maximum(table.lut[values], 0).astype(np.uint8)
    found, which = np.unique(values, return_inverse=True)
    return np.array([table.ids.get(int(value), 0) for value in found], np.uint8)[which]
