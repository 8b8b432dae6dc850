"""Mask files come back as exactly the ids that were meant, or not at all."""

import io
import itertools
import struct
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, PngImagePlugin

import kit
from seg_datasets.core import masks
from seg_datasets.core.classes import ClassTable, RawTable, Threshold
from seg_datasets.core.images import ImageError

CLASSES = ClassTable(*(f"class {i}" for i in range(21)))
IDS = CLASSES.raw_table(None)


def _voc_palette() -> list[int]:
    """The palette of PASCAL VOC: bits of the id, spread over the three channels."""
    palette = []
    for i in range(256):
        bands = [0, 0, 0]
        for place, band in itertools.product(range(8), range(3)):
            bands[band] |= (i >> (3 * place + band) & 1) << (7 - place)
        palette += bands
    return palette


VOC = _voc_palette()
COLOURS = np.array(VOC, np.uint8).reshape(256, 3)
VOC_VALUES = {tuple(COLOURS[i].tolist()): name for i, name in enumerate(CLASSES.names)}
BY_COLOUR = CLASSES.raw_table({**VOC_VALUES, tuple(COLOURS[255].tolist()): "void"})


def _ids(*values: int, shape: tuple[int, int] = (24, 32)) -> np.ndarray:
    """Noise: every border between two of these ids occurs."""
    return np.random.default_rng(len(values)).choice(np.array(values, np.uint8), shape)


MANY = _ids(0, 1, 2, 7, 15, 20, 255)


def _palette(ids: np.ndarray, extension: str, **options: Any) -> bytes:
    image = Image.frombytes("P", ids.shape[::-1], ids.tobytes())
    image.putpalette(VOC)
    return kit.encoded(image, extension, **options)


def _packed(ids: np.ndarray, bits: int, extra: bytes = b"") -> bytes:
    """A grey PNG of few bits, which Pillow cannot write."""
    digits = ("".join(f"{v:0{bits}b}" for v in row) for row in ids.tolist())
    rows = b"".join(b"\0" + int(d, 2).to_bytes(len(d) // 8, "big") for d in digits)
    return kit.png(bits, 0, ids.shape, rows, extra)


def _bmp(ids: np.ndarray, *, os2: bool = False, top_down: bool = False) -> bytes:
    """A BMP of 8 bits and a grey palette; OS/2's has a short header."""
    height, width = ids.shape
    rows = (ids if top_down else ids[::-1]).tobytes()
    grey = bytes(band for i in range(256) for band in ([i] * 3 if os2 else [i, i, i, 0]))
    if os2:
        header = struct.pack("<IHHHH", 12, width, height, 1, 8)
    else:
        shape = width, -height if top_down else height
        header = struct.pack("<IiiHHIIiiII", 40, *shape, 1, 8, 0, len(rows), 0, 0, 256, 0)
    start = 14 + len(header) + len(grey)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + grey + rows


def _tiff(values: np.ndarray, *, photometric: int = 1, signed: bool = False) -> bytes:
    """A TIFF without compression, in the byte order of its values."""
    big = values.dtype.byteorder == ">"
    order = ">" if big else "<"
    data = values.tobytes()
    height, width = values.shape
    bits = 8 * values.dtype.itemsize
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1}
    tags |= {278: height, 279: len(data), 339: 2 if signed else 1}
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, v) for tag, v in tags.items())
    head = struct.pack(order + "2sHI", b"MM" if big else b"II", 42, 8 + len(data))
    return head + data + struct.pack(order + "H", len(tags)) + entries + bytes(4)


def _expanded(ids: np.ndarray, mode: str) -> Image.Image:
    return Image.fromarray(ids).convert(mode)


def _with_chunk(chunk: bytes, data: bytes) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add(chunk, data)
    return kit.encoded(MANY, "png", pnginfo=info)


BINARY, FOUR, SIXTEEN = _ids(0, 1), _ids(0, 1, 2, 3), _ids(*range(16))

# What is in the file, its bytes, the ids it holds, whether TensorFlow reads just these in it.
MATRIX: list[tuple[str, bytes, np.ndarray, bool]] = [
    ("8-bit grey PNG", kit.encoded(MANY, "png"), MANY, True),
    ("grey PNG with gamma", _with_chunk(b"gAMA", struct.pack(">I", 45455)), MANY, True),
    ("grey PNG with a transparent value", _with_chunk(b"tRNS", b"\0\x0f"), MANY, True),
    ("grey PNG with a background", _with_chunk(b"bKGD", b"\0\x01"), MANY, True),
    ("palette PNG", _palette(MANY, "png"), MANY, False),
    ("palette PNG, transparent", _palette(MANY, "png", transparency=0), MANY, False),
    ("palette PNG of 4 bits", _palette(SIXTEEN, "png", bits=4), SIXTEEN, False),
    ("black-and-white palette PNG", kit.palette_mask(BINARY, [0, 255]), BINARY, False),
    ("1-bit PNG", kit.encoded(BINARY.astype(bool), "png"), BINARY, False),
    ("2-bit PNG", _packed(FOUR, 2), FOUR, False),
    ("4-bit PNG", _packed(SIXTEEN, 4), SIXTEEN, False),
    ("16-bit PNG", kit.encoded(MANY.astype(np.uint16), "png"), MANY, False),
    ("grey and alpha PNG", kit.encoded(_expanded(MANY, "LA"), "png"), MANY, False),
    ("RGB PNG of greys", kit.encoded(_expanded(MANY, "RGB"), "png"), MANY, False),
    ("RGBA PNG of greys", kit.encoded(_expanded(MANY, "RGBA"), "png"), MANY, False),
    ("GIF with a grey ramp", kit.encoded(_ids(*range(21)), "gif"), _ids(*range(21)), False),
    ("BMP", _bmp(MANY), MANY, False),
    ("BMP, top down", _bmp(MANY, top_down=True), MANY, False),
    ("BMP with OS/2's header", _bmp(MANY, os2=True), MANY, False),
    ("1-bit BMP", kit.encoded(BINARY.astype(bool), "bmp"), BINARY, False),
    ("palette BMP", _palette(MANY, "bmp"), MANY, False),
    ("TIFF", kit.encoded(MANY, "tif"), MANY, False),
    ("TIFF, LZW", kit.encoded(MANY, "tif", compression="tiff_lzw"), MANY, False),
    ("TIFF, deflate", kit.encoded(MANY, "tif", compression="tiff_deflate"), MANY, False),
    ("1-bit TIFF", kit.encoded(BINARY.astype(bool), "tif"), BINARY, False),
    (
        "1-bit TIFF, fax",
        kit.encoded(BINARY.astype(bool), "tif", compression="group4"),
        BINARY,
        False,
    ),
    ("16-bit TIFF", _tiff(MANY.astype("<u2")), MANY, False),
    ("16-bit TIFF, big-endian", _tiff(MANY.astype(">u2")), MANY, False),
    ("16-bit TIFF, signed", _tiff(MANY.astype("<i2"), signed=True), MANY, False),
    ("32-bit TIFF", _tiff(MANY.astype("<i4"), signed=True), MANY, False),
    ("palette TIFF", _palette(MANY, "tif"), MANY, False),
    ("WebP, lossless", kit.encoded(_expanded(MANY, "RGB"), "webp", lossless=True), MANY, False),
]

COLOURED: list[tuple[str, bytes]] = [
    ("RGB PNG", kit.encoded(COLOURS[MANY], "png")),
    ("RGBA PNG", kit.encoded(Image.fromarray(COLOURS[MANY]).convert("RGBA"), "png")),
    ("palette PNG", _palette(MANY, "png")),
    ("palette GIF", _palette(MANY, "gif")),
    ("BMP", kit.encoded(COLOURS[MANY], "bmp")),
    ("palette BMP", _palette(MANY, "bmp")),
    ("TIFF", kit.encoded(COLOURS[MANY], "tif", compression="tiff_lzw")),
    ("palette TIFF", _palette(MANY, "tif")),
    ("WebP, lossless", kit.encoded(COLOURS[MANY], "webp", lossless=True, exact=True)),
]


def _named(rows: list) -> Any:
    return pytest.mark.parametrize(
        "row", [pytest.param(row[1:], id=row[0].replace(" ", "-")) for row in rows]
    )


def _as_tensorflow_reads(data: bytes) -> np.ndarray:
    return tf.io.decode_png(data, channels=1).numpy()[..., 0]


@_named(MATRIX)
def test_mask_file_is_exactly_its_ids(row: tuple[bytes, np.ndarray, bool]) -> None:
    data, truth, as_stored = row
    mask = masks.read(data, IDS)
    np.testing.assert_array_equal(mask.ids, truth)
    assert mask.ids.dtype == np.uint8
    assert mask.known is None
    assert mask.stray == {}
    assert mask.counts == {i: int((truth == i).sum()) for i in np.unique(truth).tolist()}
    assert mask.as_stored is as_stored
    record = data if mask.as_stored else masks.encode(mask.ids)
    np.testing.assert_array_equal(_as_tensorflow_reads(record), truth)


@_named(COLOURED)
def test_mask_by_colour_is_exactly_its_ids(row: tuple[bytes]) -> None:
    mask = masks.read(row[0], BY_COLOUR)
    np.testing.assert_array_equal(mask.ids, MANY)
    assert not mask.as_stored
    assert mask.stray == {}


def test_colour_with_alpha_tells_classes_apart() -> None:
    colours = np.array([[9, 9, 9, 255], [9, 9, 9, 0], [9, 9, 9, 128]], np.uint8)
    ids = _ids(0, 1, 2)
    table = CLASSES.raw_table({"#090909ff": "class 0", "#09090900": "class 1", "#09090980": "void"})
    read = masks.read(kit.encoded(colours[ids], "png"), table).ids
    np.testing.assert_array_equal(read, np.array([0, 1, 255])[ids])


# The table in FACTS: what TensorFlow makes of mask files, and what must not happen here.
def test_voc_palette_is_ids_where_tensorflow_reads_luma() -> None:
    ids = _ids(0, 1, 15, 255)
    data = _palette(ids, "png")
    assert {*np.unique(_as_tensorflow_reads(data)).tolist()} == {0, 38, 147, 220}
    mask = masks.read(data, IDS)
    np.testing.assert_array_equal(mask.ids, ids)
    assert not mask.as_stored


def test_one_bit_is_ids_where_tensorflow_reads_255() -> None:
    data = kit.encoded(BINARY.astype(bool), "png")
    assert {*np.unique(_as_tensorflow_reads(data)).tolist()} == {0, 255}
    np.testing.assert_array_equal(masks.read(data, IDS).ids, BINARY)


def test_pure_red_is_refused_where_tensorflow_reads_76() -> None:
    data = kit.encoded(np.full((4, 4, 3), (255, 0, 0), np.uint8), "png")
    assert _as_tensorflow_reads(data).max() == 76
    with pytest.raises(masks.MisfitError, match="such as #ff0000"):
        masks.read(data, IDS)


def test_sixteen_bits_are_kept_apart_where_tensorflow_cuts_them() -> None:
    values = np.array([[0, 1], [300, 65535]], np.uint16)
    data = kit.encoded(values, "png")
    assert _as_tensorflow_reads(data).ravel().tolist() == [0, 0, 1, 255]
    mask = masks.read(data, IDS)
    assert mask.stray == {300: 1, 65535: 1}
    table = CLASSES.raw_table({0: "class 0", 1: "class 1", 300: "class 2", 65535: "void"})
    assert masks.read(data, table).ids.ravel().tolist() == [0, 1, 2, 255]


def test_jpeg_damage_is_stray() -> None:
    ids = np.kron(_ids(0, 255, shape=(4, 4)), np.ones((7, 7), np.uint8))
    data = kit.encoded(ids, "jpg")
    assert masks.read(data, IDS).stray


def test_255_is_void_or_stray_never_a_class_by_itself() -> None:
    data = kit.encoded(_ids(0, 255), "png")
    assert {*masks.read(data, IDS).counts} == {0, 255}
    table = CLASSES.raw_table({0: "class 0", 1: "class 1"})
    assert {*masks.read(data, table).stray} == {255}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (kit.encoded(MANY.astype(np.float32), "tif"), "mode F"),
        (kit.encoded(_expanded(MANY, "CMYK"), "tif"), "mode CMYK"),
        (kit.encoded(MANY, "gif"), "numbers the colours anew"),
        (_palette(MANY, "gif"), "numbers the colours anew"),
        (kit.encoded(MANY, "tif", compression="jpeg"), "with loss"),
        (kit.encoded(_expanded(MANY, "RGB"), "webp"), "with loss"),
        (_tiff(255 - MANY, photometric=0), "0 is white"),
        (_tiff(MANY.astype("<u2"), photometric=0), "0 is white"),
        (_tiff(MANY, signed=True), "signed"),
        (_tiff(MANY.astype("<i4") - 1, signed=True), "values -1"),
        (kit.palette_mask(_ids(0, 1, 2), [0, 5, 7]), "palette of greys"),
        (kit.palette_mask(BINARY, [255, 0]), "palette of greys"),
    ],
)
def test_mask_whose_numbers_mean_something_else_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        masks.read(data, IDS)


def test_grey_palette_is_read_where_its_numbers_and_greys_say_the_same() -> None:
    table = CLASSES.raw_table({0: "class 0", 1: "class 1", 255: "class 1"})
    assert masks.read(kit.palette_mask(BINARY, [0, 255]), table).stray == {}
    assert masks.read(kit.palette_mask(BINARY, [0, 1]), IDS).stray == {}


@pytest.mark.parametrize("table", [BY_COLOUR, IDS], ids=["colours", "numbers"])
def test_transparent_mask_is_refused_unless_its_alpha_is_declared(table: RawTable) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    with pytest.raises(masks.MisfitError, match="#rrggbbaa"):
        masks.read(kit.encoded(pixels, "png"), table)


def test_colour_that_is_transparent_by_a_chunk_is_refused() -> None:
    data = kit.encoded(COLOURS[MANY], "png", transparency=(0, 0, 0))
    with pytest.raises(masks.MisfitError, match="transparent"):
        masks.read(data, BY_COLOUR)


def test_number_beyond_the_palette_is_no_black() -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in _ids(0, 1, 5))
    palette = b"\0\0\0\x80\0\0"
    chunk = kit.chunk(b"PLTE", palette)
    with pytest.raises(masks.MisfitError, match="not in its palette"):
        masks.read(kit.png(8, 3, (24, 32), rows, chunk), BY_COLOUR)


def test_stray_values_are_counted_most_frequent_first_and_marked() -> None:
    values = np.array([[30, 30, 40], [0, 1, 30]], np.uint8)
    mask = masks.read(kit.encoded(values, "png"), IDS)
    assert [*mask.stray.items()] == [(30, 3), (40, 1)]
    assert mask.known is not None
    assert mask.known.tolist() == [[False, False, False], [True, True, False]]
    assert mask.counts == {0: 1, 1: 1}


def test_threshold_cuts_where_it_says() -> None:
    values = np.array([[0, 127, 128, 255]], np.uint8)
    table = CLASSES.raw_table(Threshold(at=128, below="class 3", above="class 4"))
    assert masks.read(kit.encoded(values, "png"), table).ids.tolist() == [[3, 3, 4, 4]]


def test_pixels_between_their_neighbours_are_marked() -> None:
    values = np.array([[0, 0, 0, 0], [0, 0, 4, 9], [0, 0, 5, 9], [0, 0, 9, 9]], np.uint8)
    assert np.argwhere(masks.between_neighbours(values)).tolist() == [[1, 2], [2, 2]]


def test_encoded_mask_has_no_metadata() -> None:
    data = masks.encode(MANY)
    assert [*Image.open(io.BytesIO(data)).info] == []
    np.testing.assert_array_equal(_as_tensorflow_reads(data), MANY)
