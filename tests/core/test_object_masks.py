"""Masks of single objects: paired by names, told by CSV files, and those of strangers."""

import csv
import io
import pathlib

import numpy as np
import pytest
from PIL import Image

import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import AnnotationError, CroppedMasks, Folder, ObjectMasks
from seg_datasets.core.sources.base import Scan

CLASSES = ClassTable("ground", "cell", "wall")
SIZE = (20, 16)


def picture(root: pathlib.Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE).save(root / name)


def square(root: pathlib.Path, name: str, left: int, top: int, *, value: int = 255) -> np.ndarray:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[top : top + 4, left : left + 5] = value
    Image.fromarray(mask).save(root / name)
    return mask > 0


def cut(root: pathlib.Path, name: str, width: int = 3, height: int = 2) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width), 255, np.uint8)).save(root / name)


def ids(source, scan: Scan, root: pathlib.Path, sample: int = 0) -> np.ndarray:
    drawn, table = scan.samples[sample].drawing, source.table(CLASSES)
    return drawing.paint(drawn, table, size=SIZE, folder=Folder(root)).ids


def labels(scan: Scan) -> dict[str, list[str]]:
    return {s.id: [shape.label for shape in drawing.load(s.drawing)[0]] for s in scan.samples}


BOWL = ObjectMasks(
    images="stage1_train/{stem}/images/{stem}",
    masks="stage1_train/{stem}/masks/*",
    label="nucleus",
    labels={"nucleus": "cell"},
)


def test_a_folder_of_objects_for_each_image_as_in_the_data_science_bowl(tmp_path):
    both = np.zeros(SIZE[::-1], bool)
    for name in ("0a1b", "2c3d"):
        picture(tmp_path, f"stage1_train/{name}/images/{name}.png")
    for number, left in enumerate((2, 9)):
        both |= square(tmp_path, f"stage1_train/0a1b/masks/{number}f.png", left, 3)
    square(tmp_path, "stage1_train/2c3d/masks/9.png", 0, 0)
    scan = BOWL.scan(Folder(tmp_path))
    assert not scan.remarks
    assert labels(scan) == {"0a1b": ["nucleus", "nucleus"], "2c3d": ["nucleus"]}
    assert scan.samples[0].image == "stage1_train/0a1b/images/0a1b.png"
    assert scan.samples[0].parts == tuple(f"stage1_train/0a1b/masks/{n}f.png" for n in (0, 1))
    np.testing.assert_array_equal(ids(BOWL, scan, tmp_path), both)


def test_objects_of_one_class_may_overlap_and_classes_are_told(tmp_path):
    picture(tmp_path, "images/a.png")
    for name, left in (("1_cell", 2), ("2_cell", 4), ("3_wall", 8)):
        square(tmp_path, f"masks/a/{name}.png", left, 3)
    source = ObjectMasks(masks="masks/{stem}/*_{label}")
    scan = source.scan(Folder(tmp_path))
    assert labels(scan) == {"a": ["cell", "cell", "wall"]}
    made = drawing.paint(
        scan.samples[0].drawing, source.table(CLASSES), size=SIZE, folder=Folder(tmp_path)
    )
    assert made.lost == {(1, 2): 4}


@pytest.mark.parametrize(
    ("patterns", "files", "name", "label"),
    [
        (("images", "masks/{stem}/*"), ("images/a.png", "masks/a/1.png"), "a", "object"),
        (("images", "masks/{stem}/*"), ("images/x/a.png", "masks/x/a/1.png"), "x/a", "object"),
        (("images", "masks/{stem}_*"), ("images/a_1.png", "masks/a_1_1.png"), "a_1", "object"),
        (("images", "masks/{label}/{stem}"), ("images/a.png", "masks/wall/a.png"), "a", "wall"),
        (("images", "{stem}_{label}_*"), ("images/a_b.png", "a_b_wall_7.png"), "a_b", "wall"),
        ((".", "{stem}_{label}_*"), ("a.png", "a_a_b_7.png"), "a", "a_b"),
        (("{stem}.jpg", "{stem}_*.png"), ("a.jpg", "a_1.png"), "a", "object"),
        (("{split}/i/{stem}", "{split}/m/{stem}_*"), ("val/i/a.png", "VAL/m/A_1.png"), "val/a", ""),
        (("i", "m/{stem}_*"), ("i/u\u0308.png", "m/\u00fc_1.png"), "\u00fc", "object"),
        (("i", "m/{label}_{stem}.tif"), ("i/a.png", "m/wall_a.TIF"), "a", "wall"),
    ],
)
def test_names_tell_what_belongs_together(tmp_path, patterns, files, name, label):
    picture(tmp_path, files[0])
    square(tmp_path, files[1], 0, 0)
    scan = ObjectMasks(images=patterns[0], masks=patterns[1]).scan(Folder(tmp_path))
    assert not scan.remarks
    assert labels(scan) == {name: [label or "object"]}


def test_the_longest_name_of_an_image_is_meant(tmp_path):
    picture(tmp_path, "images/a.png", "images/a_1.png")
    square(tmp_path, "masks/a_1.png", 0, 0)
    square(tmp_path, "masks/a_1_2.png", 5, 0)
    scan = ObjectMasks(masks="masks/{stem}_*").scan(Folder(tmp_path))
    assert [s.parts for s in scan.samples] == [("masks/a_1.png",), ("masks/a_1_2.png",)]


def test_one_folder_for_all_that_numbers_its_images(tmp_path):
    picture(tmp_path, "img_01.png", "img_02.png")
    for name in ("img_01_1.png", "img_01_2.png", "img_01_10.png", "img_02_1.png"):
        square(tmp_path, name, 0, 0)
    scan = ObjectMasks(images=".", masks="{stem}_*").scan(Folder(tmp_path))
    assert [len(s.parts) for s in scan.samples] == [3, 1]
    assert not scan.remarks


def test_images_and_masks_that_stand_alone_are_told(tmp_path):
    picture(tmp_path, "images/x/a.png")
    square(tmp_path, "images/b.png", 1, 1)
    square(tmp_path, "masks/y/a/1.png", 0, 0)
    square(tmp_path, "masks/b/1.png", 0, 0)
    scan = ObjectMasks().scan(Folder(tmp_path))
    assert [s.id for s in scan.samples] == ["b"]
    assert [(r.fault, r.where, r.what) for r in scan.remarks] == [
        (Fault.NO_IMAGE, "masks/y/a/1.png", "'y/a'"),
        (Fault.NO_ANNOTATION, "images/x/a.png", ""),
    ]
    scan = ObjectMasks(unannotated=True).scan(Folder(tmp_path))
    assert labels(scan) == {"b": ["object"], "x/a": []}


def test_files_beside_masks_whose_names_fit_no_pattern_are_told(tmp_path):
    picture(tmp_path, "images/a.png")
    square(tmp_path, "masks/a_car_1.png", 0, 0)
    square(tmp_path, "masks/a_2.png", 2, 2)
    (tmp_path / "masks" / "notes.txt").touch()
    scan = ObjectMasks(masks="masks/{stem}_{label}_*").scan(Folder(tmp_path))
    assert scan.foreign == ("masks/a_2.png",)


def test_a_pattern_may_leave_two_places_open(tmp_path):
    picture(tmp_path, "images/a.png")
    square(tmp_path, "masks/by_x/a_car_7.png", 0, 0)
    scan = ObjectMasks(masks="masks/*/{stem}_{label}_*").scan(Folder(tmp_path))
    assert labels(scan) == {"a": ["car"]}


def test_masks_with_their_place_in_the_name(tmp_path):
    picture(tmp_path, "images/a.png")
    cut(tmp_path, "masks/a_cell_4_7.png")
    source = ObjectMasks(masks="masks/{stem}_{label}_{left}_{top}")
    made = ids(source, source.scan(Folder(tmp_path)), tmp_path)
    assert np.argwhere(made == 1).tolist() == [[y, x] for y in (7, 8) for x in (4, 5, 6)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"masks": "masks/{stem}_{left}"},
        {"masks": "masks/{name}_{stem}"},
        {"masks": "/masks/{stem}"},
        {"masks": "../{stem}/*"},
        {"images": "{label}/{stem}"},
        {"images": "../images"},
    ],
)
def test_patterns_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(DeclarationError):
        ObjectMasks(**wrong)


def test_one_pattern_with_splits_needs_the_other(tmp_path):
    with pytest.raises(DeclarationError, match="both patterns"):
        ObjectMasks(images="{split}/images").scan(Folder(tmp_path))


def test_links_out_of_the_folder_are_no_masks(tmp_path):
    raw = tmp_path / "raw"
    picture(raw, "images/a.png")
    square(raw, "masks/a/1.png", 0, 0)
    square(tmp_path, "secret.png", 0, 0)
    (raw / "masks/a/2.png").symlink_to(tmp_path / "secret.png")
    scan = ObjectMasks().scan(Folder(raw))
    assert scan.samples[0].parts == ("masks/a/1.png",)
    assert scan.outside == ("masks/a/2.png",)


HEADING = "file,image,left,top,label"


def table(root: pathlib.Path, *rows: str, heading: str = HEADING) -> Folder:
    (root / "objects.csv").write_text("\n".join((heading, *rows)) + "\n", encoding="utf-8")
    return Folder(root)


def test_a_csv_tells_what_and_where(tmp_path):
    picture(tmp_path, "images/a.png", "images/x/b.png")
    for name in ("1.png", "2.png", "deep/3.png"):
        cut(tmp_path, f"masks/{name}")
    folder = table(
        tmp_path, "1.png,a.png,4,7,cell", "2.png,b.png,0,0,wall", "./deep/3.png,a.png,5.0,8,wall"
    )
    scan = CroppedMasks().scan(folder)
    assert not scan.remarks
    assert labels(scan) == {"a": ["cell", "wall"], "x/b": ["wall"]}
    assert scan.samples[0].parts == ("masks/1.png", "masks/deep/3.png")
    assert "objects.csv" in scan.others
    made = ids(CroppedMasks(), scan, tmp_path)
    assert np.argwhere(made == 2).tolist() == [[y, x] for y in (8, 9) for x in (5, 6, 7)]
    assert np.argwhere(made == 1).tolist() == [[7, 4], [7, 5], [7, 6], [8, 4]]


def test_masks_that_no_row_names_are_told(tmp_path):
    picture(tmp_path, "images/a.png")
    cut(tmp_path, "masks/1.png")
    cut(tmp_path, "masks/2.png")
    scan = CroppedMasks().scan(table(tmp_path, "1.png,a.png,0,0,car"))
    assert scan.masks_without_image == ("masks/2.png",)


def test_other_names_of_columns_and_one_label_for_all(tmp_path):
    picture(tmp_path, "a.png")
    cut(tmp_path, "m1.png")
    folder = table(tmp_path, "m1.png,a.png,4,7", heading="path,image,x0,y0")
    columns = {"file": "path", "left": "x0", "top": "y0"}
    source = CroppedMasks(images=".", masks=".", columns=columns, label="cell")
    scan = source.scan(folder)
    assert labels(scan) == {"a": ["cell"]}
    assert not scan.remarks
    with pytest.raises(AnnotationError, match="no column 'label'"):
        CroppedMasks(images=".", masks=".", columns=columns).scan(folder)
    with pytest.raises(DeclarationError, match="'x'"):
        CroppedMasks(columns={"x": "left"})


@pytest.mark.parametrize(
    "row",
    [
        "../secret.png,a.png,0,0,cell",
        "/etc/passwd,a.png,0,0,cell",
        "gone.png,a.png,0,0,cell",
        ",a.png,0,0,cell",
        "1.png,a.png,zero,0,cell",
        "1.png,a.png,0.5,0,cell",
        "1.png,a.png,nan,0,cell",
        "1.png,a.png,,0,cell",
        "1.png,a.png",
        '1.png,"a.png,0,0,cell',
        f"{'x' * 200_000},a.png,0,0,cell",
    ],
)
def test_rows_that_cannot_be_meant_are_refused(tmp_path, row):
    picture(tmp_path / "raw", "images/a.png")
    square(tmp_path, "secret.png", 0, 0)
    cut(tmp_path / "raw", "masks/1.png")
    with pytest.raises(AnnotationError, match=r"objects\.csv"):
        CroppedMasks().scan(table(tmp_path / "raw", row))


@pytest.mark.parametrize("image", ["../a.png", "/a.png", "", "..", "b.png"])
def test_images_outside_are_not_there(tmp_path, image):
    picture(tmp_path, "a.png")
    cut(tmp_path, "raw/masks/1.png")
    scan = CroppedMasks().scan(table(tmp_path / "raw", f"1.png,{image},0,0,cell"))
    assert not scan.samples
    assert [r.fault for r in scan.remarks] == [Fault.NO_IMAGE]


@pytest.mark.parametrize("at", ["-1,0", "18,0", "0,15", f"{10**30},0"])
def test_masks_that_leave_the_picture_are_refused(tmp_path, at):
    picture(tmp_path, "images/a.png")
    cut(tmp_path, "masks/1.png")
    scan = CroppedMasks().scan(table(tmp_path, f"1.png,a.png,{at},cell"))
    with pytest.raises(drawing.DrawingError, match="does not lie within"):
        ids(CroppedMasks(), scan, tmp_path)


def test_2000_mutated_files_are_read_or_refused(tmp_path):
    picture(tmp_path, "images/a.png", "images/b.png")
    for name in ("1.png", "2.png"):
        cut(tmp_path, f"masks/{name}")
    out = io.StringIO()
    csv.writer(out).writerows(
        [HEADING.split(","), ("1.png", "a.png", 4, 7, "cell"), ("2.png", "b.png", 0, 0, "wall, b")]
    )
    folder, source = Folder(tmp_path), CroppedMasks()

    def read(text):
        mutants.put(tmp_path / "objects.csv", text)
        for sample in source.scan(folder).samples:
            drawing.paint(sample.drawing, source.table(CLASSES), size=SIZE, folder=folder)

    mutants.try_all(out.getvalue().encode(), read)
