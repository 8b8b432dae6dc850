"""Image files: opened once, safely, upright, and never re-encoded without need."""

from __future__ import annotations

import dataclasses
import io
import zlib

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from seg_datasets.core.geo import Geo, geo_of

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

# Formats whose bytes go into a record as they are: TensorFlow decodes both, alike everywhere.
STORED_AS_IS = ("JPEG", "PNG")

# Several channels of 16 bits: Pillow decodes their upper 8 bits only.
DEEP_COLOUR = ("LA;16", "RGB;16", "RGBA;16")

# How files of these formats begin.
_BEGINNINGS = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"RIFF": "WebP",
    b"GIF8": "GIF",
}

_ORIENTATION = 0x0112
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_SAMPLE_FORMAT = 258, 262, 339
_TIFF_WHITE_IS_ZERO, _TIFF_SIGNED = 0, 2
_PNG_DEPTH, _PNG_COLOUR_TYPE = 24, 25  # offsets into the file: IHDR comes first, which is checked

# Where a PNG may tell its orientation: the chunk, what older ImageMagick writes, XMP.
_PNG_EXIF = frozenset({"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"})

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# The least side of what `small` makes of a JPEG, for those that are not small as they are.
SMALL = 128


class ImageError(ValueError):
    """An image file that cannot be used, with the reason."""


@dataclasses.dataclass(frozen=True)
class Opened:
    """An image file, decoded and upright.

    Attributes:
      image: the pixels, upright; of a JPEG that was asked for `small`, grey and at a part of its
        size.
      format: PNG, JPEG, TIFF, BMP, WEBP or GIF, told by the bytes.
      mode: Pillow's mode, with the true depth where Pillow has none ("RGB;16").
      depth: bits per channel.
      orientation: the EXIF orientation, 1 when upright as stored.
      size: width and height, upright.
      lossy: whether its compression changes values: JPEG, also inside a TIFF, and lossy WebP.
      white_is_zero: whether it is a TIFF whose numbers run against its brightness; the pixels here
        are brightness.
      geo: what the tags of a GeoTIFF say; nothing where the picture was turned.
    """

    image: Image.Image
    format: str
    mode: str
    depth: int
    orientation: int
    size: tuple[int, int]
    lossy: bool
    white_is_zero: bool
    geo: Geo


def open_image(data: bytes, *, small: bool = False) -> Opened:
    """Decodes the bytes of an image file completely and turns it upright.

    Args:
      data: the file's bytes.
      small: make an upright JPEG grey and small while it is decoded, which takes two thirds of the
        time; all of its data is read even so.

    Raises:
      ImageError: not an image of a known format, truncated, damaged, of several frames, or of more
        pixels than any picture has.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        # A JPEG of several pictures: a phone's or drone's photo with its preview behind it, which
        # every viewer and decoder leaves alone.
        kind = "JPEG" if image.format == "MPO" else image.format or ""
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":
            raise ImageError(f"holds {frames} frames; save the one that is meant as a single image")
        mode, size = image.mode, image.size
        if reason := _unfit(data, image, kind):
            raise ImageError(reason)
        depth = _depth(data, image)
        # Pillow turns TIFFs while it loads them and forgets the tag, so it is read before.
        orientation = _orientation(image) if kind != "PNG" else 1
        lossy = _lossy(data, image, kind)
        white_is_zero = kind == "TIFF" and _white_is_zero(image)
        tags = image.tag_v2 if kind == "TIFF" and orientation == 1 else {}  # type: ignore[attr-defined]
        where = geo_of(tags)
        if small and kind == "JPEG" and orientation not in _TURNS:
            image.draft("L", (SMALL, SMALL))
        image.load()
        if kind == "PNG" and not _PNG_EXIF.isdisjoint(image.info):
            orientation = _orientation(image)  # its EXIF chunk may lie behind the pixels
    except UnidentifiedImageError:
        raise ImageError(_unidentified(data)) from None
    except Image.DecompressionBombError:
        raise ImageError(
            f"claims more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels: a damaged or hostile "
            "file, or a scene that has to be cut into tiles first"
        ) from None
    except (ImageError, MemoryError):
        raise
    # Pillow's decoders raise whatever their format's code does: SyntaxError, struct.error, …
    except Exception as error:
        raise ImageError(f"cannot be decoded: {error or type(error).__name__}") from None
    if kind == "TIFF":
        size = image.size
    else:
        image = turn(image, orientation)
        size = size[::-1] if orientation >= 5 else size
    if image.mode.startswith("I;16") and image.mode != "I;16":  # big-endian
        image, mode = Image.fromarray(np.asarray(image).astype(np.uint16)), "I;16"
    if depth == 16 and f"{mode};16" in DEEP_COLOUR:
        mode = f"{mode};16"
    return Opened(image, kind, mode, depth, orientation, size, lossy, white_is_zero, where)


def turn(image: Image.Image, orientation: int) -> Image.Image:
    """The image as a viewer shows it that honours this EXIF orientation."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def upright_png(data: bytes) -> bytes:
    """The pixels of an image file as a PNG without orientation: nothing is lost, nothing askew.

    Raises:
      ImageError: the pixels do not fit a PNG as they are.
    """
    opened = open_image(data)
    if opened.mode in DEEP_COLOUR:
        raise ImageError("has 16 bits per channel in several channels; store it as an upright PNG")
    image = storable(opened.image)
    if image.mode not in ("1", "L", "LA", "RGB", "RGBA", "I;16"):
        raise ImageError(f"is in mode {image.mode}, which a PNG cannot hold exactly")
    return encode_png(image)


def small_grey(image: Image.Image, *, deep: bool = False) -> np.ndarray:
    """The picture in grey, uint8, its shorter side about `SMALL` pixels or less.

    Args:
      image: from `open_image`.
      deep: whether its values are the upper 8 of 16 bits, see `DEEP_COLOUR`.
    """
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, np.float64)).clip(0, 65535)
        image = Image.fromarray(_upper_bits(values.astype(np.uint16)))
    elif image.mode == "1":  # which Pillow does not reduce
        image = image.convert("L")
    elif image.mode == "LAB":  # which Pillow does not convert
        image = image.getchannel("L")
    if (factor := min(image.size) // SMALL) > 1:
        image = storable(image).reduce(factor)
    if image.mode in ("RGBA", "PA", "LA"):
        image = storable(image).convert("RGBA").convert("RGB")
    grey = np.asarray(image.convert("L"))
    return _upper_bits(grey.astype(np.uint16) << 8) if deep else grey


def _upper_bits(values: np.ndarray) -> np.ndarray:
    """The upper 8 of the bits that values of 16 bits fill, a few hot pixels apart.

    Sensors give 10, 12 or 14 of them: taken as 16, most such pictures are all but black.
    """
    bits = next(b for b in range(8, 17) if np.count_nonzero(values >> b) * 1000 <= values.size)
    return (values >> (bits - 8)).clip(0, 255).astype(np.uint8)


def storable(image: Image.Image) -> Image.Image:
    """The pixels of a picture without its palette: the colours are the picture, not the indices."""
    if image.mode != "P":
        return image
    return image.convert("RGBA" if "transparency" in image.info else "RGB")


def alpha_kind(alpha: np.ndarray) -> str:
    """ "cut" where pixels are seen or not, "soft" where some are seen in part, "" all seen."""
    low = int(alpha.min())
    if low == 255:
        return ""
    return "soft" if low > 0 or ((alpha > 0) & (alpha < 255)).any() else "cut"


def encode_png(image: Image.Image | np.ndarray) -> bytes:
    """The one PNG encoder of the project, without any metadata."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.info.clear()
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()


def encoders() -> dict[str, str]:
    """What the bytes of a PNG made here depend on."""
    return {
        "pillow": str(features.version("pil")),
        "zlib": str(features.version_feature("zlib_ng") or features.version("zlib")),
    }


def is_plain_grey_png(data: bytes) -> bool:
    """Whether these are the bytes of an 8-bit grey PNG, whose values every decoder agrees on."""
    head = data[: _PNG_COLOUR_TYPE + 1]
    return head.startswith(b"\x89PNG") and head.endswith(b"\x08\x00")


def _unidentified(data: bytes) -> str:
    """Why Pillow does not know a file."""
    if not data:
        return "is empty"
    for beginning, kind in _BEGINNINGS.items():
        if data.startswith(beginning):
            return (
                f"begins as a {kind}, but is damaged or of a kind that is not read (number of "
                "bands, depth or compression)"
            )
    return "is not an image this project reads (JPEG, PNG, TIFF, BMP, WebP, GIF)"


def _unfit(data: bytes, image: Image.Image, kind: str) -> str:
    """Why a file that Pillow would decode must not be used, or ""."""
    if not all(image.size):
        return "has no pixels"
    if kind == "PNG":
        return _png_damage(data)
    if kind == "JPEG":
        # Zeros in place of the end, as broken downloads leave, decode as grey without complaint.
        # The end mark of a preview lies before the picture's own data.
        end = data.rfind(b"\xff\xd9")
        if end < len(data) - 2 and end < data.rfind(b"\xff\xda"):
            return "is truncated: its end is not there"
    if kind == "BMP" and image.mode == "1" and _bmp_bits(data) != 1:
        # Pillow takes each bit of it for a pixel (seen in 12.3).
        return "is a BMP with two colours in more than one bit, which is not read right; save a PNG"
    if (
        kind == "TIFF"
        and _tiff(image, _TIFF_SAMPLE_FORMAT, 1) == _TIFF_SIGNED
        and image.mode == "L"
    ):
        return "holds signed 8-bit values, which are read as 128..255 where they are negative"
    if kind == "TIFF" and image.mode.startswith("I") and _white_is_zero(image):
        # Pillow turns these only where they have 8 bits.
        return "is a TIFF of more than 8 bits in which 0 is white; save it with 0 as black"
    return ""


def _png_damage(data: bytes) -> str:
    """Why a PNG is not whole, or "".

    Pillow does not look at the checksums of pixel data, and a flipped bit can decode to other
    values without an error.
    """
    if data[12:16] != b"IHDR":
        return "is a PNG that does not begin with its header"
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return f"is damaged: the checksum of its {kind.decode('latin-1')} chunk is wrong"
        if kind == b"IEND":
            return ""
        at = end + 4
    return "is truncated: its end is not there"


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1 where there is none, or none that any viewer could read."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return orientation if orientation in _TURNS else 1


def _lossy(data: bytes, image: Image.Image, kind: str) -> bool:
    if kind == "WEBP":
        return b"VP8L" not in data
    if kind == "TIFF":
        return image.info.get("compression") in ("jpeg", "tiff_jpeg", "webp", "lerc")
    return kind == "JPEG"


def _white_is_zero(image: Image.Image) -> bool:
    return _tiff(image, _TIFF_PHOTOMETRIC, 1) == _TIFF_WHITE_IS_ZERO


def _tiff(image: Image.Image, tag: int, default: int) -> int:
    """The first value of a TIFF tag."""
    value = image.tag_v2.get(tag, default)  # type: ignore[attr-defined]
    return int(value[0] if isinstance(value, tuple) else value)


def _bmp_bits(data: bytes) -> int:
    """Bits per pixel, which OS/2's short header has elsewhere."""
    at = 24 if data[14] == 12 else 28
    return int.from_bytes(data[at : at + 2], "little")


def _depth(data: bytes, image: Image.Image) -> int:
    """Bits per channel; Pillow's mode hides 2 and 4 bits, and 16 in several channels."""
    if image.format == "PNG":
        return data[_PNG_DEPTH]
    if image.format == "TIFF":
        return _tiff(image, _TIFF_BITS, 1)
    return {"1": 1, "I;16": 16, "I": 32, "F": 32}.get(image.mode, 8)
