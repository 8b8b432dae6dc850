"""One defect per function: each spoils one pair of a clean folder and says which file is named."""

import os
import struct
import unicodedata
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

import kit
from kit import Raw

# Spoils the pair with this name; the file that the finding is about.
Plant = Callable[[Raw, str], str]


def image_without_mask(raw: Raw, name: str) -> str:
    image, mask = raw.put(name)
    (raw.root / mask).unlink()
    return image


def mask_without_image(raw: Raw, name: str) -> str:
    image, mask = raw.put(name)
    (raw.root / image).unlink()
    return mask


def image_in_two_formats(raw: Raw, name: str) -> str:
    raw.put(name)
    return raw.write(f"images/{name}.bmp", kit.encoded(raw.picture(), "bmp"))


def names_that_differ_in_case(raw: Raw, name: str) -> str:
    image, _ = raw.put(name)
    return raw.write(image.replace(name, name.upper()), raw.read(image))


def names_that_differ_in_unicode_form(raw: Raw, name: str) -> str:
    image, _ = raw.put(name + "é")
    return raw.write(unicodedata.normalize("NFD", image), raw.read(image))


def truncated_jpeg(raw: Raw, name: str) -> str:
    data = kit.encoded(raw.picture(), "jpg")
    return raw.put(name, image=data[: len(data) * 2 // 3], image_as="jpg")[0]


def jpeg_with_zeros_for_its_end(raw: Raw, name: str) -> str:
    data = kit.encoded(raw.picture(), "jpg")
    half = len(data) // 2
    return raw.put(name, image=data[:half] + bytes(len(data) - half), image_as="jpg")[0]


def jpeg_with_a_damaged_head(raw: Raw, name: str) -> str:
    data = kit.encoded(raw.picture(), "jpg")
    table = data.index(b"\xff\xc4") + 5  # how many codes of each length
    return raw.put(name, image=data[:table] + b"\xff" * 8 + data[table + 8 :], image_as="jpg")[0]


def truncated_png(raw: Raw, name: str) -> str:
    return raw.put(name, image=kit.encoded(raw.picture(), "png")[:-300])[0]


def png_mask_without_its_end(raw: Raw, name: str) -> str:
    return raw.put(name, mask=kit.encoded(raw.labels(), "png")[:-8])[1]


def png_mask_with_a_flipped_bit(raw: Raw, name: str) -> str:
    data = bytearray(kit.encoded(raw.labels(), "png"))
    data[data.index(b"IDAT") + 20] ^= 1
    return raw.put(name, mask=bytes(data))[1]


def text_named_png(raw: Raw, name: str) -> str:
    return raw.put(name, image=b"404: not found\n")[0]


def empty_file(raw: Raw, name: str) -> str:
    return raw.put(name, mask=b"")[1]


def broken_link(raw: Raw, name: str) -> str:
    image, _ = raw.put(name)
    (raw.root / image).unlink()
    (raw.root / image).symlink_to(raw.root / "images" / "gone.png")
    return image


def decompression_bomb(raw: Raw, name: str) -> str:
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    data = bytearray(kit.encoded(raw.labels(), "png"))
    data[16:33] = header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return raw.put(name, mask=bytes(data))[1]


def animated_gif(raw: Raw, name: str) -> str:
    data = kit.encoded(raw.picture(), "gif", save_all=True, append_images=[raw.picture()])
    return raw.put(name, image=data, image_as="gif")[0]


def bmp_that_pillow_misreads(raw: Raw, name: str) -> str:
    data = bytearray(kit.encoded(raw.labels(), "bmp"))
    data[46:50] = struct.pack("<I", 2)  # two colours, 8 bits each
    data[58:62] = b"\xff\xff\xff\0"
    return raw.put(name, mask=bytes(data), mask_as="bmp")[1]


def jpeg_named_png(raw: Raw, name: str) -> str:
    return raw.put(name, image=kit.encoded(raw.picture(), "jpg"))[0]


def png_named_jpg(raw: Raw, name: str) -> str:
    return raw.put(name, mask=kit.encoded(raw.labels(), "png"), mask_as="jpg")[1]


def foreign_file(raw: Raw, name: str) -> str:
    return raw.write(f"images/{name}.txt", b"notes")


def link_out_of_the_folder(raw: Raw, name: str) -> str:
    outside = raw.root.with_name("outside.png")
    outside.write_bytes(b"")
    (raw.root / "images" / f"{name}_link.png").symlink_to(outside)
    return f"images/{name}_link.png"


def name_in_latin_1(raw: Raw, name: str) -> str:
    raw.put(name)
    path = os.fsencode(raw.root / "images" / name) + b"\xe9.png"
    with open(path, "wb") as file:  # noqa: PTH123 - pathlib takes no bytes
        file.write(kit.encoded(raw.picture(), "png"))
    return f"images/{name}\\xe9.png"


def mask_of_another_size(raw: Raw, name: str) -> str:
    return raw.put(name, mask=raw.labels(31, 24))[1]


def oriented(extension: str, **options: Any) -> Callable[[Raw, str], str]:
    def plant(raw: Raw, name: str) -> str:
        paths = raw.put(name, image_as=extension, **options)
        image = kit.encoded(raw.picture(**options), extension, exif=kit.exif(6))
        raw.write(paths[0], image)
        return paths[1]

    return plant


def oriented_mask(raw: Raw, name: str) -> str:
    return raw.put(name, mask=kit.encoded(raw.labels(), "png", exif=kit.exif(3)))[1]


def oriented_image_with_upright_mask(raw: Raw, name: str) -> str:
    image = kit.encoded(raw.picture(32, 24), "jpg", exif=kit.exif(6))
    return raw.put(name, image=image, image_as="jpg", mask=raw.labels(24, 32))[0]


def image_as(mode: str, extension: str = "png", **options: Any) -> Plant:
    def plant(raw: Raw, name: str) -> str:
        image = raw.picture().convert(mode)
        data = kit.encoded(image, extension, **options)
        return raw.put(name, image=data, image_as=extension)[0]

    return plant


def image_of_16_bits(raw: Raw, name: str) -> str:
    pixels = raw.rng.integers(0, 65536, (24, 32), np.uint16)
    return raw.put(name, image=kit.encoded(pixels, "png"))[0]


def image_with_a_hole(raw: Raw, name: str) -> str:
    pixels = raw.rng.integers(0, 256, (24, 32, 4), np.uint8)
    return raw.put(name, image=kit.encoded(pixels, "png"))[0]


def unknown_value(raw: Raw, name: str) -> str:
    ids = raw.labels()
    ids[16:22, 24:30] = 7
    return raw.put(name, mask=ids)[1]


def anti_aliased_mask(raw: Raw, name: str) -> str:
    ids = np.zeros((96, 128), np.uint8)
    ids[10:51, 13:54], ids[61:90, 30:90] = 1, 2
    return raw.put(name, mask=Image.fromarray(ids * raw.scale).reduce(4))[1]


def mask_resized_bilinearly(raw: Raw, name: str) -> str:
    ids = np.zeros((17, 23), np.uint8)
    ids[3:8, 4:10], ids[10:14, 12:20] = 1, 2
    resized = Image.fromarray(ids * raw.scale).resize((32, 24), Image.Resampling.BILINEAR)
    return raw.put(name, mask=resized)[1]


def jpeg_mask(raw: Raw, name: str) -> str:
    return raw.put(name, mask=raw.labels() * raw.scale, mask_as="jpg")[1]


def black_and_white_mask(raw: Raw, name: str) -> str:
    return raw.put(name, mask=np.uint8(255) * (raw.labels() > 0))[1]


def mask_as(mode: str, extension: str = "png", **options: Any) -> Plant:
    def plant(raw: Raw, name: str) -> str:
        mask = Image.fromarray(raw.labels()).convert(mode)
        data = kit.encoded(mask, extension, **options)
        return raw.put(name, mask=data, mask_as=extension)[1]

    return plant


def coloured_mask(raw: Raw, name: str) -> str:
    ids = raw.labels()
    colours = np.array([[0, 0, 0], [200, 0, 0], [0, 0, 200]], np.uint8)[ids]
    return raw.put(name, mask=colours)[1]


def mask_with_a_hole(raw: Raw, name: str) -> str:
    ids = raw.labels()
    pixels = np.stack([ids, np.where(ids == 1, 0, 255).astype(np.uint8)], axis=-1)
    return raw.put(name, mask=Image.fromarray(pixels, "LA"))[1]


def mask_of_three_times_16_bits(raw: Raw, name: str) -> str:
    ids = raw.labels()
    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in ids)
    return raw.put(name, mask=kit.png(16, 2, ids.shape, rows))[1]


def gif_mask_with_a_palette(raw: Raw, name: str) -> str:
    mask = Image.fromarray(raw.labels()).convert("P")
    mask.putpalette([0, 0, 0, 200, 0, 0, 0, 0, 200])
    return raw.put(name, mask=mask, mask_as="gif")[1]


def grey_mask_made_small(raw: Raw, name: str) -> str:
    """What a tool makes of ids 0, 1, 2 that counts colours and not values: 0 is now class 2."""
    return raw.put(name, mask=kit.palette_mask(2 - raw.labels(), [2, 1, 0]))[1]


def mask_made_one_bit(raw: Raw, name: str) -> str:
    return raw.put(name, mask=Image.fromarray(raw.labels() > 0))[1]


def void_in_place_of_a_class(raw: Raw, name: str) -> str:
    return black_and_white_mask(raw, name)


def ids_resized_bilinearly(raw: Raw, name: str) -> str:
    """From 0 to 2 by way of 1: all values are known."""
    ids = np.zeros((12, 16), np.uint8)
    ids[2:9, 3:12], ids[10:, :] = 2, 1
    resized = Image.fromarray(ids).resize((64, 48), Image.Resampling.BILINEAR)
    return raw.put(name, width=64, height=48, mask=resized)[1]


def void_mask(raw: Raw, name: str) -> str:
    return raw.put(name, mask=np.full((24, 32), 255, np.uint8))[1]


def constant_image(raw: Raw, name: str) -> str:
    return raw.put(name, image=Image.new("RGB", (32, 24), (9, 9, 9)))[0]


def same_picture_and_mask(raw: Raw, name: str) -> str:
    image, mask = raw.put(name)
    raw.write(image.replace(name, name + "z"), raw.read(image))
    raw.write(mask.replace(name, name + "z"), raw.read(mask))
    return image


def same_picture_other_mask(raw: Raw, name: str) -> str:
    image, _ = raw.put(name)
    raw.put(name + "z", image=raw.read(image))
    return image
