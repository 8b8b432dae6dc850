"""Image files: opened once, safely, upright, and never re-encoded without need."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from seg_datasets.core import arrays, damage
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
    "npy": "NPY",
}

# Formats whose bytes go into a record as they are: TensorFlow decodes both, alike everywhere.
STORED_AS_IS = ("JPEG", "PNG")

# Several channels of 16 bits: Pillow decodes their upper 8 bits only.
DEEP_COLOUR = ("LA;16", "RGB;16", "RGBA;16")

_ORIENTATION = 0x0112
_TIFF_BITS = 258
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
      bands: its values, where Pillow has no mode for them; `image` is then a picture of 8 bits of
        the first three bands, for the eye.
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
    bands: np.ndarray | None = None


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
    return _open_array(data) if data.startswith(arrays.MAGIC) else _open_picture(data, small)


def _open_picture(data: bytes, small: bool) -> Opened:
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        # A JPEG of several pictures: a phone's or drone's photo with its preview behind it, which
        # every viewer and decoder leaves alone.
        kind = "JPEG" if image.format == "MPO" else image.format or ""
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":
            raise ImageError(f"holds {frames} frames; save the one that is meant as a single image")
        mode, size = image.mode, image.size
        if reason := damage.unfit(data, image, kind):
            raise ImageError(reason)
        depth = _depth(data, image)
        # Pillow turns TIFFs while it loads them and forgets the tag, so it is read before.
        orientation = _orientation(image) if kind != "PNG" else 1
        lossy = _lossy(data, image, kind)
        white_is_zero = kind == "TIFF" and damage.white_is_zero(image)
        tags = image.tag_v2 if kind == "TIFF" and orientation == 1 else {}  # type: ignore[attr-defined]
        where = geo_of(tags)
        if small and kind == "JPEG" and orientation not in _TURNS:
            image.draft("L", (SMALL, SMALL))
        image.load()
        if kind == "PNG" and not _PNG_EXIF.isdisjoint(image.info):
            orientation = _orientation(image)  # its EXIF chunk may lie behind the pixels
    except UnidentifiedImageError:
        raise ImageError(damage.unidentified(data)) from None
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


def _open_array(data: bytes) -> Opened:
    """A file of NumPy's."""
    try:
        array = arrays.load(data)
        image, mode, bands = arrays.picture(array)
    except ValueError as error:
        raise ImageError(str(error)) from None
    depth = 1 if array.dtype == bool else array.dtype.itemsize * 8
    return Opened(image, "NPY", mode, depth, 1, image.size, False, False, Geo(), bands)


def turn(image: Image.Image, orientation: int) -> Image.Image:
    """The image as a viewer shows it that honours this EXIF orientation."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def upright_png(data: bytes) -> bytes:
    """The pixels of an image file as a PNG without orientation: nothing is lost, nothing askew.

    Raises:
      ImageError: the pixels do not fit a PNG as they are.
    """
    opened = open_image(data)
    if opened.bands is not None and opened.mode in DEEP_COLOUR:
        return arrays.deep_png(opened.bands)
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
        image = Image.fromarray(arrays.upper_bits(values.astype(np.uint16)))
    elif image.mode == "1":  # which Pillow does not reduce
        image = image.convert("L")
    elif image.mode == "LAB":  # which Pillow does not convert
        image = image.getchannel("L")
    if (factor := min(image.size) // SMALL) > 1:
        image = storable(image).reduce(factor)
    if image.mode in ("RGBA", "PA", "LA"):
        image = storable(image).convert("RGBA").convert("RGB")
    grey = np.asarray(image.convert("L"))
    return arrays.upper_bits(grey.astype(np.uint16) << 8) if deep else grey


def pixels(opened: Opened) -> Image.Image | np.ndarray:
    """What a record holds of a picture that is not stored as its file."""
    return storable(opened.image) if opened.bands is None else opened.bands


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


def _depth(data: bytes, image: Image.Image) -> int:
    """Bits per channel; Pillow's mode hides 2 and 4 bits, and 16 in several channels."""
    if image.format == "PNG":
        return data[_PNG_DEPTH]
    if image.format == "TIFF":
        return damage.tiff_tag(image, _TIFF_BITS, 1)
    return {"1": 1, "I;16": 16, "I": 32, "F": 32}.get(image.mode, 8)
