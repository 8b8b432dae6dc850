"""Damage: image files that Pillow would decode, and that must not be used as it does."""

from __future__ import annotations

import zlib

from PIL import Image

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

_PHOTOMETRIC, _SAMPLE_FORMAT = 262, 339
_WHITE_IS_ZERO, _SIGNED = 0, 2


def unidentified(data: bytes) -> str:
    """Why Pillow does not know a file."""
    if not data:
        return "is empty"
    for beginning, kind in _BEGINNINGS.items():
        if data.startswith(beginning):
            return (
                f"begins as a {kind}, but is damaged or of a kind that is not read (number of "
                "bands, depth or compression)"
            )
    return "is not an image this project reads (JPEG, PNG, TIFF, BMP, WebP, GIF, NPY)"


def unfit(data: bytes, image: Image.Image, kind: str) -> str:
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
    if kind == "TIFF" and tiff_tag(image, _SAMPLE_FORMAT, 1) == _SIGNED and image.mode == "L":
        return "holds signed 8-bit values, which are read as 128..255 where they are negative"
    if kind == "TIFF" and image.mode.startswith("I") and white_is_zero(image):
        # Pillow turns these only where they have 8 bits.
        return "is a TIFF of more than 8 bits in which 0 is white; save it with 0 as black"
    return ""


def white_is_zero(image: Image.Image) -> bool:
    """Whether the numbers of a TIFF run against its brightness."""
    return tiff_tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO


def tiff_tag(image: Image.Image, tag: int, default: int) -> int:
    """The first value of a TIFF tag."""
    value = image.tag_v2.get(tag, default)  # type: ignore[attr-defined]
    return int(value[0] if isinstance(value, tuple) else value)


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


def _bmp_bits(data: bytes) -> int:
    """Bits per pixel, which OS/2's short header has elsewhere."""
    at = 24 if data[14] == 12 else 28
    return int.from_bytes(data[at : at + 2], "little")
