"""Masks in MATLAB's files: as SciPy writes them, and as strangers do."""

import io
import pathlib
import struct
import zlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from PIL import Image

import mutants
from seg_datasets.core import masks, matfile, opening, views
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources import Folder, MatMasks

CLASSES = ClassTable("ground", "road", "car")
IDS = np.array([[0, 1, 2], [2, 2, 255]], np.uint8)


def mat(compress: bool = True, **variables: object) -> bytes:
    out = io.BytesIO()
    scipy.io.savemat(out, variables, do_compression=compress)
    return out.getvalue()


def cells(*content: object) -> np.ndarray:
    array = np.empty((1, len(content)), object)
    array[0] = content
    return array


BSDS = {"groundTruth": cells(*({"Segmentation": IDS + n, "Boundaries": IDS > 0} for n in range(3)))}
SBD = {
    "GTcls": {
        "Boundaries": cells(*(scipy.sparse.csc_matrix(n == IDS) for n in range(3))),
        "Segmentation": IDS,
        "CategoriesPresent": np.array([1, 2]),
    }
}


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("content", "variable", "values"),
    [
        ({"x": "text", "mask": IDS}, "mask", IDS),
        ({"LabelMap": IDS.astype(np.uint16) + 300}, "LabelMap", IDS.astype(np.uint16) + 300),
        ({"mask": IDS.astype(float)}, "mask", IDS),
        ({"mask": IDS > 1}, "mask", IDS > 1),
        (SBD, "GTcls.Segmentation", IDS),
        (SBD, "GTcls(1).Segmentation", IDS),
        (BSDS, "groundTruth{1}.Segmentation", IDS),
        (BSDS, "groundTruth{3}.Segmentation", IDS + 2),
        ({"a": cells(1, cells("t", IDS))}, "a{2}{2}", IDS),
        ({"s": np.array([[(1, IDS), (2, IDS + 1)]], [("n", "O"), ("m", "O")])}, "s(2).m", IDS + 1),
    ],
)
def test_arrays_are_found_wherever_they_lie(compress, content, variable, values):
    np.testing.assert_array_equal(matfile.read(mat(compress, **content), variable), values)


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    st.sampled_from(["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8", "?"]),
    st.lists(st.integers(1, 5), min_size=2, max_size=3),
    st.booleans(),
)
def test_every_kind_of_numbers_is_what_scipy_reads(dtype, shape, compress):
    array = (np.arange(np.prod(shape)).reshape(shape) % 100).astype(dtype)
    data = mat(compress, mask=array)
    np.testing.assert_array_equal(matfile.read(data, "mask"), array)
    np.testing.assert_array_equal(
        matfile.read(data, "mask"), scipy.io.loadmat(io.BytesIO(data))["mask"]
    )


def _element(kind: int, data: bytes, order: str = ">") -> bytes:
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def _matrix(
    kind: int = 9, sides: tuple[int, ...] = (2, 3), content: bytes = b"", order: str = ">"
) -> bytes:
    head = _element(6, struct.pack(f"{order}II", kind, 0), order)
    head += _element(5, struct.pack(f"{order}{len(sides)}i", *sides), order)
    return _element(14, head + _element(1, b"mask", order) + content, order)


def _file(content: bytes, mark: bytes = b"\x01\x00MI") -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + content


def test_files_of_big_endian_machines_are_read():
    data = _file(_matrix(content=_element(2, IDS.tobytes(order="F"))))
    np.testing.assert_array_equal(matfile.read(data, "mask"), IDS)


def _packed(matrix: bytes) -> bytes:
    packed = zlib.compress(matrix)
    return struct.pack(">II", 15, len(packed)) + packed


_NESTED = _matrix(sides=(1, 1), content=_element(2, b"\0"))
for _ in range(3000):
    _NESTED = _matrix(kind=1, sides=(1, 1), content=_NESTED)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no MATLAB file"),
        (b"MATLAB 7.3 MAT-file, Platform".ljust(600), "save it anew"),
        (bytes(512) + b"\x89HDF\r\n\x1a\n", "save it anew"),
        (_file(b"\0" * 5), "truncated"),
        (_file(_element(14, b"")), "truncated"),
        (_file(_matrix()), "truncated"),
        (_file(_matrix(content=_element(2, b"\0" * 5))), "not as large"),
        (_file(_matrix(sides=(1 << 30, 1 << 30), content=_element(2, b"\0"))), "not as large"),
        (_file(_matrix(sides=(-2, -3), content=_element(2, b"\0" * 6))), "sizes"),
        (_file(_matrix(sides=(2,) * 40, content=_element(2, b"\0"))), "sizes"),
        (_file(_matrix(kind=1, sides=(1 << 30, 1 << 30))), "cells"),
        (_file(_matrix(kind=2)), "structure"),
        (_file(_NESTED), "cells"),
        (_file(_packed(struct.pack(">II", 14, 1 << 31))), "truncated|claims"),
        (_file(_packed(_matrix()[:4] + b"\xff" * 4 + _matrix()[8:] + bytes(1 << 20))), "claims"),
        (_file(struct.pack(">II", 15, 4) + b"\0\0\0\0"), "damaged"),
        (mat(mask=IDS * 1j), "complex"),
        (mat(mask=IDS[:0]), "no picture"),
        (mat(mask=IDS / 2), "between whole ones"),
        (mat(mask=IDS * np.nan), "numbers that are none"),
        (mat(mask=np.full((2, 2), 1e30)), "holds values"),
        (mat(mask=np.zeros((2, 2, 30))), "30 bands"),
        (mat(mask=np.zeros((2, 2, 2, 2))), "no picture"),
        (mat(mask="text"), "but text"),
        (mat(mask=scipy.sparse.csc_matrix(IDS)), "but a sparse matrix"),
        (mat(mask=cells(IDS)), "cells; go on with"),
        (mat(mask={"a": IDS}), "a structure; go on"),
        (mat(other=IDS), r"no variable 'mask'; it has other"),
    ],
)
def test_damaged_hostile_and_other_files_are_refused(tmp_path, data, why):
    (tmp_path / "a.mat").write_bytes(data)
    view = views.describe("mat", file="a.mat", variable="mask")
    with pytest.raises(ImageError, match=why):
        views.read(Folder(tmp_path), "a.mat", view)


@pytest.mark.parametrize(
    ("variable", "why"),
    [
        ("GTcls.Nothing", "the fields there are Boundaries, Segmentation"),
        ("GTcls(2).Segmentation", "no GTcls"),
        ("GTcls{1}", "a structure"),
        ("GTcls.Boundaries{4}", "3 cells"),
        ("GTcls.Boundaries{1}", "sparse"),
        ("GTcls.Segmentation.x", "an array of numbers"),
    ],
)
def test_paths_that_lead_nowhere_are_told(variable, why):
    with pytest.raises(ValueError, match=why):
        matfile.read(mat(**SBD), variable)


def test_one_of_several_structures_has_to_be_named():
    several = np.zeros((1, 3), [("seg", object)])
    for number in range(3):
        several[0, number]["seg"] = IDS + number
    with pytest.raises(ValueError, match="3 structures"):
        matfile.read(mat(s=several), "s.seg")
    np.testing.assert_array_equal(matfile.read(mat(s=several), "s(2).seg"), IDS + 1)


@pytest.mark.parametrize("variable", ["", "a b", "a{0}", "a.", "a{1", "1a", "a;b", "a{-1}"])
def test_what_is_no_variable_is_refused(variable):
    with pytest.raises(DeclarationError, match="write it as MATLAB does"):
        MatMasks(variable=variable)


def test_a_compressed_bomb_takes_no_memory():
    packed = _packed(_matrix(content=_element(2, bytes(1 << 24))))
    with pytest.raises(ValueError, match="not as large"):
        matfile.read(_file(packed), "mask")
    with pytest.raises(ValueError, match="claims"):
        matfile.read(_file(_packed(struct.pack(">II", 14, 1 << 30) + _matrix()[8:])), "mask")


@pytest.mark.parametrize("compress", [False, True])
def test_2000_mutated_files_are_read_or_refused(tmp_path, compress):
    folder = Folder(tmp_path)
    view = views.describe("mat", file="a.mat", variable="groundTruth{2}.Segmentation")
    table = CLASSES.raw_table(None)

    def read(data):
        mutants.put(tmp_path / "a.mat", data)
        masks.read(views.read(folder, "a.mat", view).data, table)

    whole = mat(compress, **BSDS)
    mutants.try_all(whole, read, count=1000)
    # Most of a file is its head, which says little.
    mutants.try_all(whole[128:], lambda data: read(whole[:128] + data), count=1000)


def raw(root: pathlib.Path, *names: str, **content: object) -> Folder:
    for name in names:
        for path in (f"images/{name}.jpg", f"groundTruth/{name}.mat"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (3, 2)).save(root / f"images/{name}.jpg")
        (root / f"groundTruth/{name}.mat").write_bytes(mat(**content))
    return Folder(root)


def test_masks_of_a_folder_are_those_of_their_files(tmp_path):
    folder = raw(tmp_path, "train/1", "test/2", **BSDS)
    source = MatMasks(masks="groundTruth", variable="groundTruth{1}.Segmentation")
    scan = source.scan(folder)
    assert [(s.id, s.folder, s.parts) for s in scan.samples] == [
        ("test/2", "test", ("groundTruth/test/2.mat",)),
        ("train/1", "train", ("groundTruth/train/1.mat",)),
    ]
    sample = scan.samples[0]
    seen = opening.mask_file(sample, folder)
    read = opening.mask(sample, seen, source.table(CLASSES), folder=folder, size=(3, 2))
    np.testing.assert_array_equal(read.mask.ids, IDS)


def test_raw_values_lead_to_classes(tmp_path):
    folder = raw(tmp_path, "a", LabelMap=IDS.astype(float) + 300)
    values = {300: "ground", 301: "car", 302: "road", 555: "void"}
    source = MatMasks(masks="groundTruth", variable="LabelMap", values=values)
    (sample,) = source.scan(folder).samples
    seen = opening.mask_file(sample, folder)
    read = opening.mask(sample, seen, source.table(CLASSES), folder=folder, size=(3, 2))
    assert read.mask.ids.tolist() == [[0, 2, 1], [1, 1, 255]]


def test_what_stands_alone_or_twice_is_told(tmp_path):
    folder = raw(tmp_path, "a", "b", "c", mask=IDS)
    (tmp_path / "images" / "a.jpg").rename(tmp_path / "images" / "d.jpg")
    Image.new("RGB", (3, 2)).save(tmp_path / "images" / "c.png")
    scan = MatMasks(masks="groundTruth").scan(folder)
    assert scan.images_without_mask == ("images/d.jpg",)
    assert scan.masks_without_image == ("groundTruth/a.mat",)
    assert scan.clashes == {"c": ("images/c.jpg", "images/c.png")}
    assert [s.id for s in scan.samples] == ["b", "c"]


def test_no_file_outside_is_read(tmp_path):
    folder = raw(tmp_path / "raw", "a", mask=IDS)
    (tmp_path / "raw" / "groundTruth" / "a.mat").rename(tmp_path / "a.mat")
    (tmp_path / "raw" / "groundTruth" / "a.mat").symlink_to(tmp_path / "a.mat")
    scan = MatMasks(masks="groundTruth").scan(folder)
    assert not scan.samples
    assert scan.outside == ("groundTruth/a.mat",)
    with pytest.raises(ValueError, match="leads out"):
        views.read(folder, "", views.describe("mat", file="../a.mat", variable="mask"))
