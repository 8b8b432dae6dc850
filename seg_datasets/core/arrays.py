"""Arrays as pictures: NumPy's own files, read without pickle, and values no Pillow mode holds.

What is no plain picture file (a tile of a scene, a slice of DICOM) comes through here too, so that
all that follows sees one kind of bytes.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

# How NumPy's files begin.
MAGIC = b"\x93NUMPY"

# Bands of a picture; more of them, and (bands, height, width) is told from (height, width, bands).
MOST_BANDS = 16

# 8-bit arrays that Pillow has a mode for, by bands.
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}

_LONGEST_STORED = 65535


def dump(array: np.ndarray) -> bytes:
    """An array as a file of NumPy's: the same bytes for the same values everywhere."""
    out = io.BytesIO()
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    np.lib.format.write_array(out, little, version=(1, 0), allow_pickle=False)
    return out.getvalue()


def load(data: bytes) -> np.ndarray:
    """The array of a NumPy file: (H, W) or (H, W, bands) of numbers.

    Raises:
      ValueError: damaged, of objects, or no picture; says why.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, by_column, dtype = read(file)
    except Exception as error:  # its header is Python's literals, which fail in many ways
        raise ValueError(f"has no sound NumPy header ({error or type(error).__name__})") from None
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise ValueError(f"holds {dtype}, not numbers; save it as np.uint8 or np.uint16")
    if len(shape) not in (2, 3) or not all(shape):
        raise ValueError(f"has shape {shape}; save (height, width) or (height, width, bands)")
    size = dtype.itemsize
    for side in shape:
        size *= side
    if size != len(data) - file.tell():
        raise ValueError("is truncated or longer than its header says")
    flat = np.frombuffer(data, dtype, offset=file.tell())
    array = flat.reshape(shape, order="F" if by_column else "C")
    array = array.astype(dtype.newbyteorder("="), copy=False)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 3 and array.shape[2] > MOST_BANDS:
        raise ValueError(
            f"has {array.shape[2]} bands in the order (height, width, bands), at most {MOST_BANDS} "
            "are read; if bands come first, save it with np.moveaxis(array, 0, -1)"
        )
    return np.ascontiguousarray(array)


def picture(array: np.ndarray) -> tuple[Image.Image, str, np.ndarray | None]:
    """An array as a picture.

    Returns:
      (picture, mode, values): of what Pillow has a mode for, it with its mode and None. Otherwise a
      picture of 8 bits for the eye, what the mode would be called ("RGB;16", "6 bands;8"), and the
      values.

    Raises:
      ValueError: numbers of a kind that no picture or mask holds.
    """
    bands = array.shape[2] if array.ndim == 3 else 1
    if array.dtype == bool:
        if bands > 1:
            raise ValueError("holds truth values in several bands; save one, or numbers")
        return Image.fromarray(array), "1", None
    if bands == 1:
        if array.dtype in (np.uint8, np.uint16):
            image = Image.fromarray(array)
        elif array.dtype.kind == "f":
            image = Image.fromarray(array.astype(np.float32))
        else:
            low, high = int(array.min()), int(array.max())
            if low < -(1 << 31) or high >= 1 << 31:
                raise ValueError(f"holds values {low}..{high}")
            image = Image.fromarray(array.astype(np.int32))
        return image, image.mode, None
    if array.dtype == np.uint8 and bands in _MODES:
        return Image.fromarray(array), _MODES[bands], None
    if array.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"holds {array.dtype} in {bands} bands; save np.uint8 or np.uint16")
    depth = array.dtype.itemsize * 8
    mode = f"{_MODES[bands]};16" if bands in _MODES else f"{bands} bands;{depth}"
    shown = array[..., :3] if bands > 2 else array[..., 0]
    return Image.fromarray(np.ascontiguousarray(upper_bits(shown))), mode, array


def upper_bits(values: np.ndarray) -> np.ndarray:
    """The upper 8 of the bits that values fill, a few hot pixels apart.

    Sensors give 10, 12 or 14 of them: taken as 16, most such pictures are all but black.
    """
    if values.dtype == np.uint8:
        return values
    bits = next(b for b in range(8, 17) if np.count_nonzero(values >> b) * 1000 <= values.size)
    return (values >> (bits - 8)).clip(0, 255).astype(np.uint8)


def deep_png(array: np.ndarray) -> bytes:
    """Values of 16 bits in 3 or 4 bands as a PNG, which Pillow cannot write.

    They are stored, not squeezed: such values hardly shrink, and no encoder decides the bytes.
    """
    height, width, bands = array.shape
    rows = np.zeros((height, 1 + 2 * bands * width), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = array.astype(">u2").reshape(height, -1).view(np.uint8)
    raw = rows.tobytes()
    blocks = []
    for start in range(0, len(raw), _LONGEST_STORED):
        piece = raw[start : start + _LONGEST_STORED]
        last = start + _LONGEST_STORED >= len(raw)
        blocks += [struct.pack("<BHH", last, len(piece), len(piece) ^ 0xFFFF), piece]
    stream = b"\x78\x01" + b"".join(blocks) + struct.pack(">I", zlib.adler32(raw))
    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[bands], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", head), (b"IDAT", stream), (b"IEND", b""))
    )
