"""View "dicom": a frame of a DICOM file, or all tiles of one put together, as a picture or mask.

What is shown is stated: `window` None gives the stored values without loss; else the modality's
rescaling is applied, and then the window, rounded to the nearest whole number, halves up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from seg_datasets.core import views
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.views import View, dicom_file
from seg_datasets.core.views.dicom_file import Opened

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# How values become brightness: (centre, width), "file" for what the file itself states, or None
# for the stored values.
Window = tuple[float, float] | str | None

_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_GREY = ("MONOCHROME1", "MONOCHROME2")
_PALETTE = "PALETTE COLOR"


def read(
    folder: Folder,
    *,
    file: str,
    frame: int = 1,
    window: tuple[float, float] | str | None = None,
    bits: int = 8,
    labels: bool = False,
) -> View:
    """One view of a file.

    Args:
      folder: the raw folder.
      file: below it.
      frame: which, from 1; 0 for all tiles of a slide, put together.
      window: see `Window`.
      bits: 8 or 16, of what a window gives.
      labels: whether it is a mask: stored values, whatever they stand for, never from data that
        was compressed with loss.
    """
    with dicom_file.opened(folder, file) as opened:
        if labels and opened.lossy:
            raise ImageError(f"{file} is compressed with loss, which changes values; no mask is")
        if not frame:
            return _slide(opened, window, bits, labels)
        (pixels,) = opened.decode([frame - 1], raw=labels)
        return views.of_array(_shown(opened, pixels, window, bits, labels))


def tiles(header: Dataset) -> Iterator[tuple[int, int]]:
    """Where each frame of a slide lies in it: (left, top), in the order of frames."""
    groups = header.get("PerFrameFunctionalGroupsSequence")
    if groups:
        for group in groups:
            place = group.PlanePositionSlideSequence[0]
            yield (
                int(place.ColumnPositionInTotalImagePixelMatrix) - 1,
                int(place.RowPositionInTotalImagePixelMatrix) - 1,
            )
        return
    if header.get("DimensionOrganizationType") != "TILED_FULL":
        raise ImageError("does not say where its tiles lie")
    (width, height), (columns, rows) = _slide_size(header), (int(header.Columns), int(header.Rows))
    if -(-width // columns) * -(-height // rows) > int(header.get("NumberOfFrames") or 1):
        raise ImageError(f"has too few tiles for a slide of {width}×{height}")
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top


def _slide_size(header: Dataset) -> tuple[int, int]:
    size = matrix_size(header)
    if size is None or min(size) < 1:
        raise ImageError("is no slide")
    return size


def matrix_size(header: Dataset) -> tuple[int, int] | None:
    """Width and height of the slide that the frames are tiles of, where they are."""
    width, height = header.get("TotalPixelMatrixColumns"), header.get("TotalPixelMatrixRows")
    return (int(width), int(height)) if width and height else None


def _slide(opened: Opened, window: Window, bits: int, labels: bool) -> View:
    from seg_datasets.core.drawing import possible

    size = matrix_size(opened.header)
    if size is None or not possible(*size):
        raise ImageError(f"{opened.name} is no slide of a possible size")
    # As many tiles as the slide needs have been counted against the bytes that the file has.
    if size[0] * size[1] > 4 * opened.rows * opened.columns * opened.frames:
        raise ImageError(f"{opened.name} has {opened.frames} tiles, too few for its slide")
    width, height = size
    places = [*tiles(opened.header)]
    if len(places) != opened.frames or len({*places}) != len(places):
        raise ImageError(
            f"{opened.name} has {opened.frames} tiles for {len({*places})} places: several focal "
            "planes or optical paths; save the one that is meant"
        )
    whole: np.ndarray | None = None
    none = np.ones((height, width), bool)
    numbers = range(opened.frames)
    for (left, top), pixels in zip(places, opened.decode(numbers, raw=labels), strict=True):
        if not (0 <= left < width and 0 <= top < height):
            raise ImageError(f"{opened.name} has a tile at {left}, {top}, outside of its slide")
        tile = _shown(opened, pixels, window, bits, labels)
        if whole is None:
            whole = np.zeros((height, width, *tile.shape[2:]), tile.dtype)
        part = whole[top : top + opened.rows, left : left + opened.columns]
        part[...] = tile[: part.shape[0], : part.shape[1]]
        none[top : top + opened.rows, left : left + opened.columns] = False
    assert whole is not None
    return views.of_array(whole, none=none)


def _shown(
    opened: Opened, pixels: np.ndarray, window: Window, bits: int, labels: bool
) -> np.ndarray:
    """A frame as uint8 or uint16."""
    header = opened.header
    kind = str(header.get("PhotometricInterpretation", "")).strip()
    if kind in _COLOUR and opened.samples == 3:
        if labels and kind != "RGB":
            raise ImageError(f"{opened.name} is {kind}, whose colours are not exact; no mask is")
        return _unsigned(opened, pixels)
    if opened.samples != 1 or kind not in (*_GREY, _PALETTE):
        raise ImageError(
            f"{opened.name} has {opened.samples} samples as {kind or 'nothing that is named'}"
        )
    if labels:
        return _unsigned(opened, pixels)
    if kind == _PALETTE:
        return _coloured(header, pixels)
    if window is None:
        return _stored(opened, pixels, inverted=kind == "MONOCHROME1")
    return _windowed(opened, pixels, window, bits, inverted=kind == "MONOCHROME1")


def _unsigned(opened: Opened, pixels: np.ndarray) -> np.ndarray:
    """The values themselves, which must be those of a picture or mask."""
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > 65535:
        raise ImageError(f"{opened.name} holds values {low}..{high}; 0..65535 are read")
    return pixels.astype(np.uint8 if opened.bits <= 8 else np.uint16)


def _stored(opened: Opened, pixels: np.ndarray, *, inverted: bool) -> np.ndarray:
    """All that the stored bits tell: the least value they can hold is 0, greater is brighter."""
    low, high = _span(opened)
    if high - low > 65535:
        raise ImageError(
            f"{opened.name} stores {opened.bits} bits; say which `window` of them is seen"
        )
    if pixels.min() < low or pixels.max() > high:
        raise ImageError(f"{opened.name} holds values that do not fit its BitsStored")
    values = pixels.astype(np.int32)
    values = high - values if inverted else values - low
    return values.astype(np.uint8 if high - low <= 255 else np.uint16)


def _span(opened: Opened) -> tuple[int, int]:
    """The least and the greatest value that the stored bits can hold."""
    bits = int(opened.header.get("BitsStored") or opened.bits)
    if not 0 < bits <= opened.bits or int(opened.header.get("HighBit", bits - 1)) != bits - 1:
        raise ImageError(f"{opened.name} stores {bits} of {opened.bits} bits in an unusual way")
    if int(opened.header.get("PixelRepresentation", 0)):
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1


def _windowed(
    opened: Opened, pixels: np.ndarray, window: Window, bits: int, *, inverted: bool
) -> np.ndarray:
    low, high = _span(opened)
    if high - low < min(65536, pixels.size):  # once for each value rather than for each pixel
        table = _brightness(opened.header, np.arange(low, high + 1), window, bits)
        values = pixels.astype(np.int32)
        if values.min() < low or values.max() > high:
            raise ImageError(f"{opened.name} holds values that do not fit its BitsStored")
        shown = table[values - low]
    else:
        shown = _brightness(opened.header, pixels, window, bits)
    return np.asarray(shown.dtype.type((1 << bits) - 1) - shown if inverted else shown)


def _brightness(header: Dataset, values: np.ndarray, window: Window, bits: int) -> np.ndarray:
    from pydicom.pixels import apply_modality_lut, apply_voi

    most = (1 << bits) - 1
    measured = np.asarray(apply_modality_lut(values, header), np.float64)
    if not np.isfinite(measured).all():
        raise ImageError("is rescaled by what is no number")
    if window == "file" and not _has(header, "WindowCenter"):
        if not _has(header, "VOILUTSequence"):
            raise ImageError("states no window: say which one as window=(centre, width)")
        whole = measured.astype(np.int64)
        if not (whole == measured).all():
            raise ImageError("has a table of brightness for values that are no whole numbers")
        depth = int(header.VOILUTSequence[0].LUTDescriptor[2])
        if not 8 <= depth <= 16:
            raise ImageError(f"has a table of brightness of {depth} bits")
        lifted, span = np.asarray(apply_voi(whole, header), np.float64), float((1 << depth) - 1)
    else:
        lifted, span = _lifted(header, measured, window)
    # Divided last, so that halves are halves.
    shown = np.floor(lifted.clip(0, span) * most / span + 0.5)
    return shown.astype(np.uint8 if bits == 8 else np.uint16)


def _lifted(header: Dataset, values: np.ndarray, window: Window) -> tuple[np.ndarray, float]:
    """How far values lie above the lower end of a window, and its span, as DICOM's "linear"
    functions have it."""
    if window == "file":
        centre, width = (_first(header[key].value) for key in ("WindowCenter", "WindowWidth"))
        function = str(header.get("VOILUTFunction", "LINEAR") or "LINEAR")
    elif isinstance(window, (list, tuple)) and len(window) == 2:
        (centre, width), function = map(float, window), "LINEAR"
    else:
        raise ImageError(f"window={window!r}: write (centre, width), 'file' or None")
    if function not in ("LINEAR", "LINEAR_EXACT"):
        raise ImageError(f"has a {function} window; say one as window=(centre, width)")
    exact = function == "LINEAR_EXACT"
    if not (np.isfinite([centre, width]).all() and (width > 0 if exact else width >= 1)):
        raise ImageError(f"has a window of width {width}")
    if exact:
        return values - centre + width / 2, width
    if width == 1:
        return np.where(values > centre - 0.5, 1.0, 0.0), 1.0
    return values - (centre - 0.5) + (width - 1) / 2, width - 1


def _first(value: object) -> float:
    several = not isinstance(value, (str, int, float)) and hasattr(value, "__getitem__")
    return float(value[0] if several else value)  # type: ignore[index, arg-type]


def _has(header: Dataset, key: str) -> bool:
    return key in header and header[key].value not in (None, "") and bool(header[key].VM)


def _coloured(header: Dataset, pixels: np.ndarray) -> np.ndarray:
    """The colours of a palette; of 16 bits the upper 8."""
    from pydicom.pixels import apply_color_lut

    colours = np.asarray(apply_color_lut(pixels, header))
    if colours.ndim != 3 or colours.dtype not in (np.uint8, np.uint16):
        raise ImageError("has a palette that is none")
    return colours if colours.dtype == np.uint8 else (colours >> 8).astype(np.uint8)
