"""NumPy's files as pictures and masks: read exactly, and never unpickled."""

import io
import pathlib
import pickle
import struct

import numpy as np
import pytest

import mutants
from seg_datasets.core import arrays, images, masks
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources import Folder, ImageMaskFolders

CHANCE = np.random.default_rng(0)
GREY = CHANCE.integers(0, 200, (7, 5), np.uint8)


def saved(array: np.ndarray, **options: bool) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def headed(header: str, data: bytes = b"") -> bytes:
    text = header.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize(
    "array",
    [
        GREY,
        GREY > 100,
        GREY.astype(">u2") * 300,
        np.asfortranarray(GREY),
        np.asfortranarray(np.dstack([GREY, GREY // 2, GREY // 3]).astype(">u2")),
        GREY.astype(">i4"),
        GREY.astype(np.int8),
        GREY.astype(np.int64),
        GREY.astype("<f8") / 7,
        np.dstack([GREY] * 16),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}{'F' * array.flags.fnc}",
)
def test_arrays_are_read_as_they_are(array):
    read = arrays.load(saved(array))
    np.testing.assert_array_equal(read, array)
    assert read.dtype.isnative
    assert read.flags.c_contiguous


def test_one_band_is_none():
    np.testing.assert_array_equal(arrays.load(saved(GREY[..., None])), GREY)


def test_the_same_values_are_the_same_bytes():
    deep = GREY.astype(np.uint16) * 300
    same = (deep, deep.astype(">u2"), np.asfortranarray(deep), np.dstack([deep, deep])[..., 0])
    assert len({arrays.dump(one) for one in same}) == 1
    np.testing.assert_array_equal(arrays.load(arrays.dump(deep)), deep)


class _Bait:
    def __reduce__(self):
        return (pathlib.Path.touch, (pathlib.Path("unpickled"),))


def test_objects_are_never_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bait = np.empty((2, 2), object)
    bait[:] = _Bait()
    for data in (
        saved(bait, allow_pickle=True),
        headed("{'descr': '|O', 'fortran_order': False, 'shape': (1, 1)}", pickle.dumps(_Bait())),
        headed("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1, 1)}"),
    ):
        with pytest.raises(ImageError, match="not numbers"):
            images.open_image(data)
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (saved(GREY)[:-1], "truncated"),
        (saved(GREY) + b"\0", "longer"),
        (saved(GREY[0]), "shape"),
        (saved(GREY[None, None]), "shape"),
        (saved(GREY[:0]), "shape"),
        (saved(GREY + 1j), "not numbers"),
        (saved(GREY.astype("S1")), "not numbers"),
        (saved(GREY.astype("M8[s]")), "not numbers"),
        (saved(np.ones((17, 3, 300), np.uint8)), "moveaxis"),
        (saved(np.dstack([GREY > 3] * 2)), "truth values"),
        (saved(np.dstack([GREY] * 2).astype(float)), "in 2 bands"),
        (saved(np.full((2, 2), 1 << 40)), "holds values"),
        (b"\x93NUMPY", "no sound NumPy header"),
        (b"\x93NUMPY\x09\x00", "no sound NumPy header"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "no sound NumPy header"),
        (headed("{" * 60000), "no sound NumPy header"),
        (headed("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, -1)}"), "truncated|header"),
        (headed("{'descr': '|u1', 'fortran_order': 0, 'shape': (1, 1)}"), "header"),
        (headed("{'descr': 'x' * 9, 'fortran_order': False, 'shape': (1, 1)}"), "header"),
        (headed(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({1 << 60}, 4)}}"), "trunc"),
        (headed(f"{{'descr': '<f8', 'fortran_order': True, 'shape': ({1 << 62}, 4)}}"), "trunc"),
        (headed("__import__('os').mkdir('x')"), "header"),
    ],
)
def test_damaged_and_hostile_files_are_refused(data, why):
    with pytest.raises(ImageError, match=why):
        images.open_image(data)


@pytest.mark.parametrize(
    "array", [GREY, np.asfortranarray(np.dstack([GREY] * 5).astype(">u2"))], ids=["grey", "bands"]
)
def test_2000_mutated_files_are_read_or_refused(array):
    table = ClassTable("a", "b").raw_table(None)
    mutants.try_all(saved(array), lambda data: masks.read(data, table))


@pytest.mark.parametrize(
    ("array", "mode"),
    [
        (GREY, "L"),
        (GREY > 3, "1"),
        (GREY.astype(np.uint16), "I;16"),
        (GREY.astype(np.int64), "I"),
        (GREY / 3, "F"),
        (np.dstack([GREY] * 3), "RGB"),
        (np.dstack([GREY] * 4), "RGBA"),
        (np.dstack([GREY] * 3).astype(np.uint16), "RGB;16"),
        (np.dstack([GREY] * 6), "6 bands;8"),
    ],
)
def test_modes_are_those_of_pictures(array, mode):
    opened = images.open_image(saved(array))
    assert (opened.format, opened.mode, opened.size) == ("NPY", mode, (5, 7))
    if opened.bands is not None:
        np.testing.assert_array_equal(opened.bands, array)


@pytest.mark.parametrize("dtype", [bool, np.uint8, ">u2", np.int8, np.int32, np.int64])
def test_masks_are_read_from_whole_numbers_of_any_kind(dtype):
    ids = GREY % 2
    table = ClassTable("a", "b").raw_table(None)
    read = masks.read(saved(ids.astype(dtype)), table)
    np.testing.assert_array_equal(read.ids, ids)
    assert read.counts == {i: int((ids == i).sum()) for i in (0, 1)}


def test_numbers_below_0_are_refused_as_ids():
    with pytest.raises(ImageError, match=r"-1\.\.1"):
        masks.read(saved(np.eye(3, dtype=int) * 2 - 1), ClassTable("a", "b").raw_table(None))


def test_folders_of_them_are_images_and_masks(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "a.npy", GREY)
    (sample,) = ImageMaskFolders().scan(Folder(tmp_path)).samples
    assert (sample.image, sample.mask) == ("images/a.npy", "masks/a.npy")


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (90, 130)])
def test_deep_png_is_exact_for_tensorflow(shape, bands):
    import tensorflow as tf

    values = CHANCE.integers(0, 65536, (*shape, bands), np.uint16)
    decoded = tf.io.decode_png(arrays.deep_png(values), dtype=tf.uint16).numpy()
    np.testing.assert_array_equal(decoded, values)


def test_upper_bits_are_those_that_a_sensor_fills():
    twelve = CHANCE.integers(0, 4096, (200, 200), np.uint16)
    np.testing.assert_array_equal(arrays.upper_bits(twelve), twelve >> 4)
    hot = twelve.copy()
    hot[0, :30] = 65535
    np.testing.assert_array_equal(arrays.upper_bits(hot)[1:], twelve[1:] >> 4)
    np.testing.assert_array_equal(arrays.upper_bits(GREY), GREY)


def test_numbers_below_0_may_be_declared():
    values = np.array([[-1, 0, 1], [1, -1, -2]])
    table = ClassTable("a", "b").raw_table({0: "a", 1: "b", -1: "void", 65535: "b"})
    for dtype in (np.int8, np.int16, np.int64):
        read = masks.read(saved(values.astype(dtype)), table)
        assert read.ids.tolist() == [[255, 0, 1], [1, 255, 0]]
        assert read.stray == {-2: 1}
        assert np.argwhere(~read.known).tolist() == [[1, 2]]
        assert not read.as_stored
    unsigned = masks.read(saved(np.array([[0, 65535]], np.uint16)), table)
    assert unsigned.ids.tolist() == [[0, 1]]
    for far in (-32769, 65536):
        with pytest.raises(ImageError, match="ids lie in"):
            masks.read(saved(np.array([[0, far]])), table)
    with pytest.raises(DeclarationError):
        ClassTable("a").raw_table({-32769: "a"})


def test_own_arrays_of_labelme_are_its_own_masks(real_data):
    below = real_data / "labelme" / "semantic_segmentation" / "data_dataset_voc"
    names = [f"c{i}" for i in range(21)]
    pictures = ClassTable(*names).raw_table(None)
    values = {-1: "void", **dict(enumerate(names))}
    table = ClassTable(*names).raw_table(values)
    for path in sorted((below / "SegmentationClassNpy").iterdir()):
        picture = below / "SegmentationClass" / f"{path.stem}.png"
        read = masks.read(path.read_bytes(), table)
        np.testing.assert_array_equal(read.ids, masks.read(picture.read_bytes(), pictures).ids)
        assert read.counts.get(255, 0) == np.count_nonzero(np.load(path) == -1)
