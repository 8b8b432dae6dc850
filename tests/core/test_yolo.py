"""YOLO's text files: boxes and polygons as shares, the names of classes, files of strangers."""

import math
import pathlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.painting import KINDS
from seg_datasets.core.remarks import Fault, Remark
from seg_datasets.core.sources import AnnotationError, Folder, Yolo
from seg_datasets.core.sources.base import Scan

CLASSES = ClassTable("ground", "cat", "dog")
WIDTH, HEIGHT = 40, 30
SIZE = WIDTH, HEIGHT
YAML = "path: ../data # root\ntrain: images/train\nnames:\n  0: cat\n  1: dog\n"


def raw(root: pathlib.Path, **files: str | bytes) -> Folder:
    """A folder of images `images/train/NAME.png` and what is given: `labels/train/a.txt`."""
    (root / "images" / "train").mkdir(parents=True, exist_ok=True)
    Image.new("L", SIZE).save(root / "images" / "train" / "a.png")
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return Folder(root)


def scanned(root: pathlib.Path, text: str | bytes, *, names: str = YAML, **options) -> Scan:
    folder = raw(root, **{"labels/train/a.txt": text, "data.yaml": names})
    return Yolo(**options).scan(folder)


def ids(scan: Scan) -> np.ndarray:
    return drawing.paint(scan.samples[0].drawing, Yolo().table(CLASSES), size=SIZE).ids


def line(left: int, top: int, right: int, bottom: int, number: int = 0) -> str:
    """A box of whole pixels, as LabelImg writes it."""
    x, y = (left + right) / 2 / WIDTH, (top + bottom) / 2 / HEIGHT
    across, down = (right - left) / WIDTH, (bottom - top) / HEIGHT
    return f"{number} {x:.6f} {y:.6f} {across:.6f} {down:.6f}\n"


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    st.lists(
        st.tuples(
            st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, 50), st.booleans()
        ),
        max_size=6,
    )
)
def test_boxes_of_whole_pixels_are_those_pixels(tmp_path_factory, drawn):
    expected, lines = np.zeros((HEIGHT, WIDTH), np.uint8), ""
    for left, top, side, dog in drawn:
        right, bottom = min(left + side, WIDTH), min(top + side, HEIGHT)
        lines += line(left, top, right, bottom, int(dog))
        expected[top:bottom, left:right] = 1 + dog
    scan = scanned(tmp_path_factory.mktemp("raw"), lines)
    np.testing.assert_array_equal(ids(scan), expected)


def test_polygons_are_filled_as_coco_fills_them(tmp_path):
    ring = [0.1, 0.15, 0.62, 0.3, 0.9, 0.85, 0.2, 0.7]
    scan = scanned(tmp_path, "1 " + " ".join(map(str, ring)))
    pixels = [v * SIZE[n % 2] for n, v in enumerate(ring)]
    runs = coco.frPyObjects([pixels], HEIGHT, WIDTH)
    np.testing.assert_array_equal(ids(scan) == 2, coco.decode(runs)[..., 0])
    assert scan.remarks == ()


def test_boxes_are_said_to_be_weak_once(tmp_path):
    text = line(1, 1, 9, 9) + "0 0.5 0.5 0.9 0.5 0.9 0.9\n" + line(20, 2, 30, 9)
    scan = scanned(tmp_path, text)
    assert scan.remarks == (Remark(Fault.WEAK, "*.txt", "2 shapes that are boxes"),)


def test_empty_file_is_a_picture_that_shows_nothing_and_none_is_a_question(tmp_path):
    folder = raw(tmp_path, **{"labels/train/a.txt": "\n", "data.yaml": YAML})
    Image.new("L", SIZE).save(tmp_path / "images" / "train" / "b.png")
    scan = Yolo().scan(folder)
    assert [sample.image for sample in scan.samples] == ["images/train/a.png"]
    assert not ids(scan).any()
    assert [(r.fault, r.where) for r in scan.remarks] == [
        (Fault.NO_ANNOTATION, "images/train/b.png")
    ]
    assert len(Yolo(unannotated=True).scan(folder).samples) == 2


def test_order_is_that_of_the_file_or_of_size(tmp_path):
    text = line(5, 5, 9, 9, 1) + "0 0 0 1 0 1 1 0 1"
    assert ids(scanned(tmp_path, text))[6, 6] == 1
    assert ids(scanned(tmp_path, text, order="area"))[6, 6] == 2
    with pytest.raises(DeclarationError, match="'file' or 'area'"):
        Yolo(order="z")


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/val/b.jpg", "labels/val/b.txt"),
        ("val/images/b.jpg", "val/labels/b.txt"),
        ("set/images/labels/images/b.jpg", "set/images/labels/labels/b.txt"),
        ("val/labels/b.jpg", "val/labels/b.txt"),
        ("images/val/B.JPG", "labels/val/b.txt"),
    ],
)
def test_image_lies_in_the_parallel_tree_or_beside(tmp_path, image, label):
    folder = raw(tmp_path, **{image: b"", label: line(1, 1, 9, 9), "labels/train/a.txt": ""})
    pairs = {sample.image: sample.mask for sample in Yolo().scan(folder).samples}
    assert pairs[image] == label


def test_flat_folder_as_labelimg_and_darknet_leave_it(tmp_path):
    for name in ("a", "train"):
        Image.new("L", SIZE).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(line(0, 0, 40, 30, 1))
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "test.txt").write_text("data/a.png\n")
    (tmp_path / "gone.txt").write_text(line(1, 1, 2, 2))
    scan = Yolo().scan(Folder(tmp_path))
    assert [sample.mask for sample in scan.samples] == ["a.txt", "train.txt"]
    assert (ids(scan) == 2).all()
    assert Remark(Fault.NO_IMAGE, "gone.txt", "'gone'") in scan.remarks
    assert "classes.txt" in scan.others


def test_two_images_of_one_name_clash(tmp_path):
    folder = raw(tmp_path, **{"images/train/a.jpg": b"", "labels/train/a.txt": ""})
    clashes = Yolo().scan(folder).clashes
    assert {*clashes["images/train/a"]} == {"images/train/a.jpg", "images/train/a.png"}


NAMES = {
    "classes.txt": "cat\r\ndog\r\n",
    "obj.names": "\ufeffcat\ndog\n\n",
    "dataset.yaml": "nc: 2\nnames: ['cat', \"dog\"]",
    "data.yml": "names:\n- cat\n- dog\n",
    "data.yaml": YAML,
}


@pytest.mark.parametrize("file", NAMES)
@pytest.mark.parametrize("place", ["", "labels/", "labels/train/"])
def test_names_are_those_of_the_nearest_file(tmp_path, file, place):
    text = {"labels/train/a.txt": line(0, 0, 40, 30, 1), f"{place}{file}": NAMES[file]}
    scan = Yolo().scan(raw(tmp_path, **text))
    assert [*scan.labels] == ["dog"]
    assert f"{place}{file}" in scan.others


def test_names_can_be_stated_and_must_not_differ(tmp_path):
    text = {"labels/train/a.txt": line(0, 0, 40, 30, 1), "data.yaml": YAML}
    folder = raw(tmp_path, **text, **{"classes.txt": "dog\ncat\n"})
    with pytest.raises(AnnotationError, match="name the classes differently; say `names`"):
        Yolo().scan(folder)
    assert [*Yolo(names="classes.txt").scan(folder).labels] == ["cat"]


def test_classes_without_a_name_are_labelled_by_their_number(tmp_path):
    text = line(0, 0, 40, 30, 1) + line(0, 0, 4, 4, 7)
    scan = Yolo().scan(raw(tmp_path, **{"labels/train/a.txt": text}))
    assert [*scan.labels] == ["1", "7"]
    assert [*scanned(tmp_path, text).labels] == ["dog", "7"]


def test_names_are_what_is_written(tmp_path):
    scan = scanned(tmp_path, line(0, 0, 4, 4, 1), names="names: [yes, no]")
    assert [*scan.labels] == ["no"]


BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    "names",
    [
        "",
        "[",
        "names",
        "names: cat",
        "names: [[cat]]",
        "names: {cat: 0}",
        "nc: 2",
        f"{BOMB}names: *a8",
        "names: " + "[" * 20_000,
        "names: [cat]\nkpt_shape: [17, 2]",
        "names: [" + "cat, " * 300_000 + "]",
        b"\xff\xfe\x00",
    ],
)
def test_names_of_strangers_are_refused(tmp_path, names):
    with pytest.raises(AnnotationError, match=r"data\.yaml"):
        Yolo().scan(raw(tmp_path, **{"labels/train/a.txt": "", "data.yaml": names}))


def test_names_are_data_and_never_run(tmp_path):
    made = tmp_path / "made"
    names = f'names: !!python/object/apply:os.system ["touch {made}"]'
    assert [*scanned(tmp_path, line(1, 1, 9, 9), names=names).labels] == [f"touch {made}"]
    assert not made.exists()


@pytest.mark.parametrize("names", ["../secret.yaml", "/etc/passwd", "gone.yaml"])
def test_no_names_outside_are_reached(tmp_path, names):
    (tmp_path / "secret.yaml").write_text(YAML)
    (tmp_path / "raw").mkdir()
    folder = raw(tmp_path / "raw", **{"labels/train/a.txt": line(1, 1, 2, 2)})
    with pytest.raises(AnnotationError, match="cannot be read as the names"):
        Yolo(names=names).scan(folder)


def test_no_label_outside_is_reached(tmp_path):
    (tmp_path / "secret.txt").write_text(line(1, 1, 2, 2))
    folder = raw(tmp_path / "raw", **{"data.yaml": YAML, "labels/train/b.txt": ""})
    (tmp_path / "raw" / "labels" / "train" / "a.txt").symlink_to(tmp_path / "secret.txt")
    scan = Yolo().scan(folder)
    assert not scan.samples
    assert scan.outside == ("labels/train/a.txt",)


@pytest.mark.parametrize(
    "text",
    [
        "cat 0.5 0.5 0.1 0.1",
        "0.5 0.5 0.5 0.1 0.1",
        "0 0.5 0.5 0.1",
        "0 0.5 0.5 0.1 0.1 0.98",
        "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4",
        "0 12 14 20 20",
        "0 0.5 0.5 -0.005 0.1",
        "0 nan 0.5 0.1 0.1",
        "0 1e999 0.5 0.1 0.1",
        "0 0.5 0.5 x 0.1",
        b"\xff\xfe\x00",
        b"\x00",
        "9" * 5000 + " 0.5 0.5 0.1 0.1",
    ],
)
def test_what_is_no_yolo_is_refused(tmp_path, text):
    with pytest.raises(AnnotationError, match=r"labels/train/a\.txt"):
        scanned(tmp_path, text)


def test_faults_are_told_in_thousandths_of_the_picture(tmp_path):
    crossing = "0 0.1 0.1 0.9 0.9 0.9 0.1 0.1 0.9\n"
    scan = scanned(tmp_path, crossing + "0 0.5 0.5 0 0.1\n")
    assert [(r.fault, r.where, r.what) for r in scan.remarks[:2]] == [
        (Fault.CROSSING, "labels/train/a.txt: images/train/a.png: line 1", "near (500, 500)"),
        (
            Fault.NO_AREA,
            "labels/train/a.txt: images/train/a.png: line 2",
            "4 points around (500, 450)",
        ),
    ]
    assert np.count_nonzero(ids(scan)) > 0


def test_picture_of_claimed_size_takes_no_memory(tmp_path):
    scan = scanned(tmp_path, "0 0.5 0.5 1 1")
    with pytest.raises(drawing.DrawingError, match="pixels"):
        drawing.paint(scan.samples[0].drawing, Yolo().table(CLASSES), size=(10**9, 10**9))


def test_2000_mutated_files_are_read_or_refused(tmp_path):
    text = line(1, 1, 30, 20) + "1 0.1 0.15 0.62 0.3 0.9 0.85 0.2 0.7\n" + line(4, 4, 9, 9, 1)
    scanned(tmp_path, text)
    folder = Folder(tmp_path)
    file = tmp_path / "labels" / "train" / "a.txt"

    def read(content):
        mutants.put(file, content)
        for sample in Yolo().scan(folder).samples:
            drawing.paint(sample.drawing, Yolo().table(CLASSES), size=SIZE)

    mutants.try_all(text.encode(), read)
    file.write_text(text)
    file = tmp_path / "data.yaml"
    mutants.try_all(YAML.encode(), read, count=300)


def painted(kind: str, data: list) -> np.ndarray:
    left, top, mask = KINDS[kind](data, SIZE)
    whole = np.zeros((HEIGHT, WIDTH), bool)
    whole[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return whole


@pytest.mark.parametrize("degrees", [-190.0, -30.0, 0.0, 17.0, 90.0, 200.0])
def test_box_in_shares_turns_clockwise_about_its_upper_left_corner(degrees):
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    turn = math.radians(degrees)
    across, down = x - 0.5 * WIDTH, y - 0.4 * HEIGHT
    along = across * math.cos(turn) + down * math.sin(turn)
    aside = down * math.cos(turn) - across * math.sin(turn)
    inside = (along >= 0) & (along <= 12.3) & (aside >= 0) & (aside <= 7.7)
    data = [0.5, 0.4, 12.3 / WIDTH, 7.7 / HEIGHT, degrees]
    np.testing.assert_array_equal(painted("share_box", data), inside)


def test_ellipse_in_shares_has_radii_of_width_and_height():
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    inside = ((x - 20) / 8.2) ** 2 + ((y - 12) / 5.3) ** 2 <= 1
    data = [0.5, 0.4, 8.2 / WIDTH, 5.3 / HEIGHT]
    np.testing.assert_array_equal(painted("share_ellipse", data), inside)
    np.testing.assert_array_equal(painted("share_ellipse", [*data, 180]), inside)


@pytest.mark.parametrize("kind", ["share_box", "share_ellipse", "share_rings"])
@pytest.mark.parametrize("data", [[1], [0.1, 0.1, 0.2], ["x"] * 4, [[0.1]], [math.nan] * 4, [None]])
def test_shares_that_are_none_are_refused(kind, data):
    with pytest.raises((ValueError, TypeError)):
        KINDS[kind](data, SIZE)
