"""More defects, one per function: numbers that mean something else, places, what pictures show."""

import numpy as np
from PIL import Image, TiffImagePlugin

import kit
from kit import Raw

_SCALE, _TIEPOINT, _KEYS, _NODATA = 33550, 33922, 34735, 42113


def empty_folder(raw: Raw, name: str) -> str:
    (raw.root / "images" / f"{name}_empty").mkdir()
    return f"images/{name}_empty"


def on_the_ground(
    image: Image.Image, *, east: float = 5e5, north: float = 4e6, epsg: int = 32633, none: str = ""
) -> bytes:
    """A GeoTIFF with pixels of half a metre."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[_SCALE], tags.tagtype[_SCALE] = (0.5, 0.5, 0.0), 12
    tags[_TIEPOINT], tags.tagtype[_TIEPOINT] = (0.0, 0.0, 0.0, east, north, 0.0), 12
    tags[_KEYS], tags.tagtype[_KEYS] = (1, 1, 0, 1, 3072, 0, 1, epsg), 3
    if none:
        tags[_NODATA], tags.tagtype[_NODATA] = none, 2
    return kit.encoded(image, "tif", tiffinfo=tags)


def mask_beside_its_image_on_the_ground(raw: Raw, name: str) -> str:
    image = on_the_ground(raw.picture())
    mask = on_the_ground(Image.fromarray(raw.labels()), east=5e5 + 2)
    return raw.put(name, image=image, mask=mask, image_as="tif", mask_as="tif")[1]


def mask_in_another_coordinate_system(raw: Raw, name: str) -> str:
    image = on_the_ground(raw.picture())
    mask = on_the_ground(Image.fromarray(raw.labels()), epsg=32632)
    return raw.put(name, image=image, mask=mask, image_as="tif", mask_as="tif")[1]


def nodata_under_a_class(raw: Raw, name: str) -> str:
    pixels = np.maximum(np.asarray(raw.picture()), 1)
    pixels[:4] = 0
    image = on_the_ground(Image.fromarray(pixels), none="0")
    return raw.put(name, image=image, image_as="tif")[1]


def ids_counted_from_one(raw: Raw, name: str) -> str:
    return raw.put(name, mask=raw.labels() + np.uint8(1))[1]


def half_transparent_mask(raw: Raw, name: str) -> str:
    ids = raw.labels()
    pixels = np.stack([ids, np.where(ids == 1, 128, 255).astype(np.uint8)], axis=-1)
    return raw.put(name, mask=Image.fromarray(pixels, "LA"))[1]


def ids_plus_256(raw: Raw, name: str) -> str:
    ids = raw.labels().astype(np.uint16)
    return raw.put(name, mask=np.where(ids == 2, ids + 256, ids).astype(np.uint16))[1]


def bytes_in_the_wrong_order(raw: Raw, name: str) -> str:
    return raw.put(name, mask=raw.labels().astype(np.uint16) * 256)[1]


def minus_one_in_16_bits(raw: Raw, name: str) -> str:
    ids = raw.labels().astype(np.uint16)
    ids[:2] = 65535
    return raw.put(name, mask=ids)[1]


def ids_spread_to_be_seen(raw: Raw, name: str) -> str:
    return raw.put(name, mask=raw.labels() * np.uint8(127))[1]


def ids_times_ten(raw: Raw, name: str) -> str:
    return raw.put(name, mask=raw.labels() * np.uint8(10))[1]


def mask_of_ids(raw: Raw, name: str) -> str:
    return raw.put(name, mask=raw.labels())[1]


def image_in_place_of_the_mask(raw: Raw, name: str) -> str:
    image = kit.encoded(raw.picture(), "png")
    return raw.put(name, image=image, mask=image)[1]


def image_and_mask_in_each_others_place(raw: Raw, name: str) -> str:
    return raw.put(name, image=Image.fromarray(raw.labels()), mask=raw.picture())[1]


def blank_image(raw: Raw, name: str) -> str:
    pixels = raw.rng.integers(250, 254, (24, 32, 3), np.uint8)
    return raw.put(name, image=Image.fromarray(pixels))[0]


def mask_full_of_specks(raw: Raw, name: str) -> str:
    ids = raw.labels(96, 72)
    ids[30::4, ::4] = 1
    return raw.put(name, mask=ids, width=96, height=72)[1]


def mask_mostly_void(raw: Raw, name: str) -> str:
    ids = raw.labels()
    ids[:, 12:] = 255
    return raw.put(name, mask=ids)[1]


def mask_of_another_image(raw: Raw, name: str) -> str:
    _, mask = raw.put(name)
    raw.put(name + "z", mask=raw.read(mask))
    return mask


def inverted_mask(raw: Raw, name: str) -> str:
    swapped = np.array([1, 0, 2], np.uint8)
    return raw.put(name, mask=swapped[raw.labels()])[1]


def full_mask(raw: Raw, name: str) -> str:
    return raw.put(name, mask=np.full((24, 32), 2, np.uint8))[1]


def image_of_another_size(raw: Raw, name: str) -> str:
    return raw.put(name, width=32 * 6, height=24 * 6)[0]
