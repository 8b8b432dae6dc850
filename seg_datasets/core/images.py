"""Image files: opened once, safely, upright, and never re-encoded without need."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
from PIL import Image, UnidentifiedImageError

# What Pillow may try on a stranger's file. Others (EPS runs Ghostscript) are never looked at.
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")

# Extension → format as Pillow names it.
FORMAT_OF = {
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "png": "PNG",
    "tif": "TIFF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "webp": "WEBP",
    "gif": "GIF",
}

# Formats whose bytes go into a record as they are: TensorFlow decodes both, exactly alike everywhere.
STORED_AS_IS = ("JPEG", "PNG")

_ORIENTATION = 0x0112
_TIFF_BITS = 258
_PNG_DEPTH, _PNG_COLOUR_TYPE = 24, 25  # offsets into the file: IHDR comes first, always

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(ValueError):
    """An image file that cannot be used, with the reason."""


@dataclasses.dataclass(frozen=True)
class Opened:
    """An image file, decoded and upright.

    Attributes:
      image: the pixels, upright; for a `sketch` an eighth of the size.
      format: PNG, JPEG, TIFF, BMP, WEBP or GIF, told by the bytes.
      mode: Pillow's mode, with the true depth where Pillow has none ("RGB;16").
      depth: bits per channel.
      orientation: the EXIF orientation, 1 when upright as stored.
      size: width and height, upright.
    """

    image: Image.Image
    format: str
    mode: str
    depth: int
    orientation: int
    size: tuple[int, int]


def open_image(data: bytes, *, sketch: bool = False) -> Opened:
    """Decodes the bytes of an image file completely and turns it upright.

    Args:
      data: the file's bytes.
      sketch: for a JPEG, decode an eighth of the size: all of the file is still read through, which
        is what finds a truncated one, at a third of the time.

    Raises:
      ImageError: not an image of a known format, truncated, damaged, of several frames, or of more
        pixels than any picture has.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise ImageError(f"holds {frames} frames; save the one that is meant as a single image")
        kind, mode, size = image.format or "", image.mode, image.size
        depth = _depth(data, image)
        # Pillow turns TIFFs while it loads them and forgets the tag, so it is read before.
        orientation = image.getexif().get(_ORIENTATION, 1) if kind != "PNG" else 1
        if sketch and kind == "JPEG":
            image.draft(None, (max(1, size[0] // 8), max(1, size[1] // 8)))
        image.load()
        if kind == "PNG":
            # Its EXIF chunk may lie behind the pixels.
            orientation = image.getexif().get(_ORIENTATION, 1) if "exif" in image.info else 1
    except UnidentifiedImageError:
        raise ImageError(
            "is not an image this project reads (JPEG, PNG, TIFF, BMP, WebP, GIF), or its beginning "
            "is damaged"
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"claims to be larger than any picture: {error}") from None
    except ImageError:
        raise
    # Pillow's decoders raise whatever their format's code does: SyntaxError, struct.error, …
    except Exception as error:
        raise ImageError(f"cannot be decoded: {error or type(error).__name__}") from None
    if orientation not in _TURNS:
        orientation = 1
    if kind != "TIFF":
        image = turn(image, orientation)
    if orientation >= 5:
        size = size[::-1]
    mode = mode + ";16" if depth == 16 and mode in ("RGB", "RGBA", "LA") else mode
    return Opened(image, kind, mode, depth, orientation, size)


def turn(image: Image.Image, orientation: int) -> Image.Image:
    """The image as a viewer shows it that honours this EXIF orientation."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def upright_png(data: bytes) -> bytes:
    """The pixels of an image file as a PNG without orientation: nothing is lost, nothing askew.

    Raises:
      ImageError: the pixels do not fit a PNG as they are.
    """
    opened = open_image(data)
    if opened.mode.endswith(";16") and opened.format in ("PNG", "TIFF"):
        raise ImageError("has 16 bits per channel in several channels; store it as an upright PNG")
    image = opened.image
    if image.mode not in ("1", "L", "P", "LA", "RGB", "RGBA", "I;16"):
        raise ImageError(f"is in mode {image.mode}, which a PNG cannot hold exactly")
    if image.mode == "P":
        # Palettes of GIF and BMP: the colours are the picture, the indices are not.
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    return encode_png(image)


def encode_png(image: Image.Image | np.ndarray) -> bytes:
    """The one PNG encoder of the project, without any metadata."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.info.clear()
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()


def is_plain_grey_png(data: bytes) -> bool:
    """Whether these are the bytes of an 8-bit grey PNG, whose values every decoder agrees on."""
    return data[_PNG_DEPTH : _PNG_COLOUR_TYPE + 1] == b"\x08\x00"


def _depth(data: bytes, image: Image.Image) -> int:
    """Bits per channel; Pillow's mode hides 2 and 4 bits, and 16 in several channels."""
    if image.format == "PNG":
        return data[_PNG_DEPTH]
    if image.format == "TIFF":
        bits = image.tag_v2.get(_TIFF_BITS, (1,))  # type: ignore[attr-defined]
        return int(bits[0] if isinstance(bits, tuple) else bits)
    return {"1": 1, "I;16": 16, "I": 32, "F": 32}.get(image.mode, 8)
