"""Stencils: objects and classes in mask files of their own."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.drawing import Shape
from seg_datasets.core.sources import Folder

TABLE = ClassTable("ground", "cell", "wall").label_table(None)
SIZE = (12, 9)


def painted(root: pathlib.Path, *shapes: tuple) -> drawing.Painted:
    drawn = [Shape(label, "stencil", list(data)) for label, *data in shapes]
    return drawing.paint(drawing.dump(drawn, None), TABLE, size=SIZE, folder=Folder(root))


def save(path: pathlib.Path, values: object, **options: object) -> None:
    image = values if isinstance(values, Image.Image) else Image.fromarray(np.asarray(values))
    image.save(path, **options)


def square(top: int, left: int, side: int = 3, *, value: int = 255, dtype: type = np.uint8):
    mask = np.zeros(SIZE[::-1], dtype)
    mask[top : top + side, left : left + side] = value
    return mask


def test_objects_as_large_as_the_picture(tmp_path):
    save(tmp_path / "a.png", square(1, 2))
    save(tmp_path / "b.png", square(2, 3, value=1))
    ids = painted(
        tmp_path, ("cell", "a.png", None, None, None), ("wall", "b.png", None, None, None)
    )
    assert ids.ids[1, 2] == 1
    assert (ids.ids[2:5, 3:6] == 2).all()
    assert np.count_nonzero(ids.ids) == 14
    assert ids.lost == {(1, 2): 4}


def test_objects_of_one_class_lose_nothing_to_each_other(tmp_path):
    save(tmp_path / "a.png", square(1, 2))
    save(tmp_path / "b.png", square(2, 3))
    both = (("cell", name, None, None, None) for name in ("a.png", "b.png"))
    assert not painted(tmp_path, *both).lost


@pytest.mark.parametrize(
    "mask",
    [
        square(1, 2) > 0,
        square(1, 2, value=65535, dtype=np.uint16),
        np.dstack([square(1, 2)] * 3),
        np.dstack([square(1, 2), np.full(SIZE[::-1], 255, np.uint8)]),
    ],
    ids=["bits", "16 bits", "grey RGB", "grey and opaque"],
)
def test_what_is_not_0_is_the_object_however_it_is_stored(tmp_path, mask):
    save(tmp_path / "a.png", mask)
    ids = painted(tmp_path, ("cell", "a.png", None, None, None)).ids
    np.testing.assert_array_equal(ids, square(1, 2, value=1))


def test_black_of_a_palette_is_outside_whatever_its_number(tmp_path):
    image = Image.fromarray(1 - square(1, 2, value=1), mode="P")
    image.putpalette([255, 255, 255, 0, 0, 0])
    save(tmp_path / "a.png", image)
    ids = painted(tmp_path, ("cell", "a.png", None, None, None)).ids
    np.testing.assert_array_equal(ids, square(1, 2, value=1))


def test_numpy_files_are_stencils_too(tmp_path):
    np.save(tmp_path / "a.npy", square(1, 2) > 0)
    ids = painted(tmp_path, ("cell", "a.npy", None, None, None)).ids
    np.testing.assert_array_equal(ids, square(1, 2, value=1))


def test_cut_out_masks_lie_where_they_are_said_to(tmp_path):
    save(tmp_path / "a.png", np.array([[0, 255], [255, 255]], np.uint8))
    ids = painted(tmp_path, ("cell", "a.png", 10, 7, None)).ids
    assert np.argwhere(ids).tolist() == [[7, 11], [8, 10], [8, 11]]


@pytest.mark.parametrize("at", [(11, 7), (10, 8), (-1, 0), (0, -1), (10**12, 0)])
def test_cut_out_masks_that_leave_the_picture_are_refused(tmp_path, at):
    save(tmp_path / "a.png", np.full((2, 2), 255, np.uint8))
    with pytest.raises(drawing.DrawingError, match="does not lie within"):
        painted(tmp_path, ("cell", "a.png", *at, None))


def test_numbers_of_one_file_are_classes(tmp_path):
    save(tmp_path / "a.png", square(0, 0, value=7) + square(4, 4, value=9))
    where = ("a.png", None, None)
    ids = painted(tmp_path, ("ground", *where, 0), ("cell", *where, 7), ("wall", *where, 9)).ids
    np.testing.assert_array_equal(ids, square(0, 0, value=1) + square(4, 4, value=2))
    with pytest.raises(drawing.DrawingError, match=r"a\.png holds 9, which stands for no label"):
        painted(tmp_path, ("ground", *where, 0), ("cell", *where, 7))


def test_colours_of_one_file_are_classes(tmp_path):
    save(tmp_path / "a.png", np.dstack([square(0, 0), square(4, 4), square(4, 4) // 5]))
    where = ("a.png", None, None)
    shapes = (("ground", *where, "#000000"), ("cell", *where, "#ff0000"))
    ids = painted(tmp_path, *shapes, ("wall", *where, "#00ff33")).ids
    np.testing.assert_array_equal(ids, square(0, 0, value=1) + square(4, 4, value=2))
    with pytest.raises(drawing.DrawingError, match="#00ff33"):
        painted(tmp_path, *shapes)


def test_colours_of_16_bits_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.dstack([square(0, 0, value=300, dtype=np.uint16)] * 3))
    for value in (None, "#ff0000", 300):
        with pytest.raises(drawing.DrawingError, match="16 bits"):
            painted(tmp_path, ("cell", "a.npy", None, None, value))


def _jpeg(path: pathlib.Path) -> None:
    save(path, square(1, 2), format="JPEG")


def _soft(path: pathlib.Path) -> None:
    save(path, square(1, 2) + square(6, 6, value=128))


def _small(path: pathlib.Path) -> None:
    save(path, square(1, 2)[:-1])


def _coloured(path: pathlib.Path) -> None:
    save(path, np.dstack([square(1, 2), square(1, 2), square(5, 5)]))


def _clear(path: pathlib.Path) -> None:
    save(path, np.dstack([square(1, 2)] * 4))


def _broken(path: pathlib.Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n nothing")


def _missing(path: pathlib.Path) -> None:
    del path


def _bomb(path: pathlib.Path) -> None:
    save(path, square(1, 2))
    data = bytearray(path.read_bytes())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    path.write_bytes(data)


@pytest.mark.parametrize(
    "write", [_jpeg, _soft, _small, _coloured, _clear, _broken, _missing, _bomb]
)
def test_what_is_no_mask_of_an_object_is_refused(tmp_path, write):
    write(tmp_path / "a.png")
    with pytest.raises(drawing.DrawingError):
        painted(tmp_path, ("cell", "a.png", None, None, None))


def test_no_file_outside_the_folder_is_read(tmp_path):
    (tmp_path / "raw").mkdir()
    save(tmp_path / "a.png", square(1, 2))
    (tmp_path / "raw" / "b.png").symlink_to(tmp_path / "a.png")
    for name in ("../a.png", str(tmp_path / "a.png"), "b.png"):
        with pytest.raises(drawing.DrawingError, match="leads out"):
            painted(tmp_path / "raw", ("cell", name, None, None, None))


def test_without_a_folder_nothing_is_read():
    shape = Shape("cell", "stencil", ["a.png", None, None, None])
    with pytest.raises(drawing.DrawingError, match="without its folder"):
        drawing.paint(drawing.dump([shape], None), TABLE, size=SIZE)
