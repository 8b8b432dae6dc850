"""Pascal VOC's XML, as LabelImg writes it: boxes, counted from 1."""

import pathlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from PIL import Image

import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.remarks import Fault, Remark
from seg_datasets.core.sources import AnnotationError, Folder, VocBoxes
from seg_datasets.core.sources.base import Scan

CLASSES = ClassTable("ground", "cat", "dog")
WIDTH, HEIGHT = 40, 30


def box(left, top, right, bottom, name="cat", *, more="") -> str:
    return (
        f"\t<object>\n\t\t<name>{name}</name>\n\t\t<pose>Unspecified</pose>\n\t\t<truncated>0"
        f"</truncated>\n\t\t<difficult>0</difficult>\n\t\t<bndbox>\n\t\t\t<xmin>{left}</xmin>"
        f"<ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox>{more}</object>\n"
    )


def outline(*points: tuple[int, int]) -> str:
    dots = (f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(points, start=1))
    return f"<polygon>{''.join(dots)}</polygon>"


def annotation(*objects: str, size=(WIDTH, HEIGHT), filename="a.png", path="", folder="pics"):
    width, height = size
    return (
        f"<annotation><folder>{folder}</folder><filename>{filename}</filename><path>{path}</path>"
        f"<source><database>Unknown</database></source><size><width>{width}</width><height>"
        f"{height}</height><depth>3</depth></size><segmented>0</segmented>{''.join(objects)}"
        "</annotation>"
    )


def scanned(root: pathlib.Path, text: str | bytes, **options) -> Scan:
    root.mkdir(exist_ok=True)
    Image.new("L", (WIDTH, HEIGHT)).save(root / "a.png")
    (root / "a.xml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return VocBoxes(**options).scan(Folder(root))


def ids(scan: Scan) -> np.ndarray:
    table = VocBoxes().table(CLASSES)
    return drawing.paint(scan.samples[0].drawing, table, size=(WIDTH, HEIGHT)).ids


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    st.lists(
        st.tuples(st.integers(1, WIDTH), st.integers(1, HEIGHT), st.integers(0, 50), st.booleans()),
        max_size=6,
    )
)
def test_boxes_hold_their_first_and_last_pixel_counted_from_1(tmp_path_factory, drawn):
    expected, objects = np.zeros((HEIGHT, WIDTH), np.uint8), []
    for left, top, side, dog in drawn:
        right, bottom = min(left + side, WIDTH), min(top + side, HEIGHT)
        objects.append(box(left, top, right, bottom, "dog" if dog else "cat"))
        for y in range(top, bottom + 1):
            expected[y - 1, left - 1 : right] = 1 + dog
    scan = scanned(tmp_path_factory.mktemp("raw"), annotation(*objects))
    np.testing.assert_array_equal(ids(scan), expected)


def test_boxes_are_said_to_be_weak_once(tmp_path):
    scan = scanned(tmp_path, annotation(box(1, 1, 9, 9), box(20, 20, 30, 28), box(2, 20, 9, 25)))
    assert scan.remarks == (Remark(Fault.WEAK, "*.xml", "3 shapes that are boxes"),)
    one = scanned(tmp_path, annotation(box(1, 1, 9, 9))).remarks
    assert one == (Remark(Fault.WEAK, "*.xml", "1 shape that is a box"),)
    assert scanned(tmp_path, annotation()).remarks == ()


def test_outlines_are_painted_in_place_of_their_boxes(tmp_path):
    square = outline((3, 4), (12, 4), (12, 9), (3, 9))
    scan = scanned(tmp_path, annotation(box(1, 1, 30, 30, more=square)))
    assert np.argwhere(ids(scan)).tolist() == [[y, x] for y in range(3, 9) for x in range(2, 12)]
    assert scan.remarks == ()


def test_order_is_that_of_the_file_or_of_size(tmp_path):
    text = annotation(box(5, 5, 9, 9, "dog"), box(1, 1, 30, 30))
    assert ids(scanned(tmp_path, text))[6, 6] == 1
    assert ids(scanned(tmp_path, text, order="area"))[6, 6] == 2
    with pytest.raises(DeclarationError, match="'file' or 'area'"):
        VocBoxes(order="")


def test_parts_of_an_object_are_no_objects(tmp_path):
    head = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    scan = scanned(tmp_path, annotation(box(1, 1, 2, 2, more=head)))
    assert np.count_nonzero(ids(scan)) == 4
    assert [*scan.labels] == ["cat"]


def test_image_is_found_without_extension_and_without_its_folder(tmp_path):
    for more in (
        {"filename": "a", "path": "C:\\pics\\a.png"},
        {"filename": "a", "path": "/elsewhere/me/pics/a.png"},
        {"folder": "VOC2007"},
        {"folder": ""},
    ):
        scan = scanned(tmp_path, annotation(**more))
        assert [sample.image for sample in scan.samples] == ["a.png"]


def test_image_beside_its_annotation_comes_first(tmp_path):
    for place in ("train", "valid"):
        (tmp_path / place).mkdir()
        Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / place / "a.png")
        (tmp_path / place / "a.xml").write_text(annotation())
    scan = VocBoxes().scan(Folder(tmp_path))
    assert [(s.image, s.mask) for s in scan.samples] == [
        ("train/a.png", "train/a.xml"),
        ("valid/a.png", "valid/a.xml"),
    ]


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd.png", "..\\secret.png", ".."])
def test_no_image_outside_is_reached(tmp_path, name):
    Image.new("L", (4, 4)).save(tmp_path / "secret.png")
    for more in ({"filename": name}, {"filename": "x", "path": name}):
        try:
            scan = scanned(tmp_path / "raw", annotation(folder="..", **more))
        except AnnotationError:
            continue
        assert not scan.samples
        assert Fault.NO_IMAGE in [remark.fault for remark in scan.remarks]


def test_entities_are_refused(tmp_path):
    for entity in ('<!ENTITY x SYSTEM "file:///etc/passwd">', '<!ENTITY x "ha">'):
        text = f"<!DOCTYPE a [{entity}]>{annotation(filename='&x;')}"
        with pytest.raises(AnnotationError, match=r"a\.xml"):
            scanned(tmp_path, text)


def test_picture_of_claimed_size_takes_no_memory(tmp_path):
    for size in ((10**9, 10**9), (10**300, 9), (-4, 4)):
        scan = scanned(tmp_path, annotation(box(1, 1, 9, 9), size=size))
        with pytest.raises(drawing.DrawingError, match="pixels"):
            ids(scan)
    far = scanned(tmp_path, annotation(box(1, 1, 1e300, 1e300)))
    assert ids(far).all()
    assert Fault.OUTSIDE in [remark.fault for remark in far.remarks]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        "<annotations/>",
        "<annotation/>",
        annotation(filename=""),
        annotation(box("x", 1, 2, 2)),
        annotation(box("nan", 1, 2, 2)),
        annotation(box(1, 1, "inf", 2)),
        annotation(box(9, 1, 2, 2)),
        annotation(box(1, 1, 2, 2).replace("bndbox", "robndbox")),
        annotation(box(1, 1, 2, 2, more="<polygon><pt><x>1</x><y>1</y></pt></polygon>")),
        annotation(box(1, 1, 2, 2, more="<polygon/>")),
        annotation(size=("wide", 3)),
        b"\xff\xfe\x00",
        "<annotation>" * 5000,
    ],
)
def test_what_is_no_voc_is_refused(tmp_path, text):
    with pytest.raises(AnnotationError, match=r"a\.xml"):
        scanned(tmp_path, text)


def test_2000_mutated_files_are_read_or_refused(tmp_path):
    square = outline((3, 4), (12, 4), (12, 9), (3, 9))
    text = annotation(box(1, 1, 30, 20), box(4, 4, 9, 9, "dog", more=square))
    scanned(tmp_path, text)
    folder = Folder(tmp_path)

    def read(content):
        mutants.put(tmp_path / "a.xml", content)
        for sample in VocBoxes().scan(folder).samples:
            drawing.paint(sample.drawing, VocBoxes().table(CLASSES), size=(WIDTH, HEIGHT))

    mutants.try_all(text.encode(), read)
