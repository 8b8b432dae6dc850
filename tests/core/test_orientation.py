"""Images and masks with an EXIF orientation come back upright, alike."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from PIL import Image

import kit
from seg_datasets.core import images, masks
from seg_datasets.core.classes import ClassTable

IDS = ClassTable(*(f"class {i}" for i in range(21))).raw_table(None)
MANY = np.random.default_rng(0).choice(np.array([0, 1, 7, 20, 255], np.uint8), (24, 32))

# Upright pixels from pixels as stored, for each EXIF orientation: written down from the standard.
UPRIGHT: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: a.T[:, ::-1],
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: a.T[::-1],
}


def _stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels that this orientation turns into these."""
    return UPRIGHT[{6: 8, 8: 6}.get(orientation, orientation)](upright)


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("extension", ["png", "tif", "webp"])
def test_oriented_mask_comes_back_upright(extension: str, orientation: int) -> None:
    stored = _stored(MANY, orientation)
    np.testing.assert_array_equal(UPRIGHT[orientation](stored), MANY)
    webp = extension == "webp"
    image = Image.fromarray(np.ascontiguousarray(stored)).convert("RGB" if webp else "L")
    options = {"lossless": True} if webp else {}
    data = kit.encoded(image, extension, exif=kit.exif(orientation), **options)
    mask = masks.read(data, IDS)
    np.testing.assert_array_equal(mask.ids, MANY)
    assert mask.orientation == orientation
    assert mask.as_stored == (extension == "png" and orientation == 1)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_mask_drawn_on_the_stored_pixels_is_turned_with_its_image(orientation: int) -> None:
    data = kit.encoded(np.ascontiguousarray(_stored(MANY, orientation)), "png")
    mask = masks.read(data, IDS, drawn_on=orientation)
    np.testing.assert_array_equal(mask.ids, MANY)
    assert mask.as_stored == (orientation == 1)


def test_orientation_behind_the_pixels_is_seen() -> None:
    data = kit.encoded(MANY, "png", exif=kit.exif(6))
    at = data.index(b"eXIf") - 4
    size = 12 + int.from_bytes(data[at : at + 4], "big")
    end = data.index(b"IEND") - 4
    behind = data[:at] + data[at + size : end] + data[at : at + size] + data[end:]
    assert masks.read(behind, IDS).orientation == 6


def test_unreadable_orientation_is_none() -> None:
    data = kit.encoded(MANY, "png", exif=b"Exif\0\0no TIFF header")
    assert masks.read(data, IDS).orientation == 1


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("extension", ["png", "tif", "webp"])
def test_oriented_image_is_stored_upright(extension: str, orientation: int) -> None:
    upright = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    bands = [_stored(upright[..., band], orientation) for band in range(3)]
    options = {"lossless": True} if extension == "webp" else {}
    tags = kit.exif(orientation)
    data = kit.encoded(np.stack(bands, axis=-1), extension, exif=tags, **options)
    opened = images.open_image(data)
    assert (opened.orientation, opened.size) == (orientation, (32, 24))
    np.testing.assert_array_equal(np.asarray(opened.image), upright)
    record = images.open_image(images.upright_png(data))
    assert record.orientation == 1
    np.testing.assert_array_equal(np.asarray(record.image), upright)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_oriented_jpeg_is_never_made_small(orientation: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (520, 600, 3), np.uint8)
    data = kit.encoded(picture, "jpg", exif=kit.exif(orientation))
    whole, small = images.open_image(data), images.open_image(data, small=True)
    assert whole.size == small.size == whole.image.size
    assert (small.image.mode == "L") == (small.image.size == (150, 130)) == (orientation == 1)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_that_is_none_is_upright(orientation: int) -> None:
    data = kit.encoded(MANY, "png", exif=kit.exif(orientation))
    assert images.open_image(data).orientation == 1
