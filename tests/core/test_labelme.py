"""LabelMe: its own masks, all of its shapes, and files of strangers."""

import base64
import io
import json
import pathlib
import random
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import AnnotationError, Folder, LabelMe
from seg_datasets.core.sources.base import Scan

CLASSES = ClassTable("ground", "roof", "road")
WIDTH, HEIGHT = 40, 30


def png(mask: np.ndarray, mode: str = "L") -> str:
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).convert(mode).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def shape(kind: str | None, *points: tuple, label: str = "roof", **more: Any) -> dict:
    return {"label": label, "shape_type": kind, "points": points, "group_id": None, **more}


def annotation(*shapes: dict, **more: Any) -> dict:
    size = {"imagePath": "a.png", "imageWidth": WIDTH, "imageHeight": HEIGHT}
    return {"version": "5.5.0", "flags": {}, **size, "shapes": shapes, "imageData": "x", **more}


def scanned(root: pathlib.Path, fields: Any, **options: Any) -> Scan:
    root.mkdir(exist_ok=True)
    Image.new("L", (WIDTH, HEIGHT)).save(root / "a.png")
    text = fields if isinstance(fields, str | bytes) else json.dumps(fields)
    (root / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    return LabelMe(**options).scan(Folder(root))


def ids(scan: Scan, source: LabelMe | None = None) -> np.ndarray:
    table = (source or LabelMe()).table(CLASSES)
    return drawing.paint(scan.samples[0].drawing, table, size=(WIDTH, HEIGHT)).ids


def drawn(draw: str, *args: Any, **more: Any) -> np.ndarray:
    image = Image.new("L", (WIDTH, HEIGHT))
    getattr(ImageDraw.Draw(image), draw)(*args, fill=1, **more)
    return np.asarray(image)


CASES = {
    "polygon": (
        shape("polygon", (3.5, 4.2), (20.9, 6), (11, 25.5)),
        drawn("polygon", [(3.5, 4.2), (20.9, 6), (11, 25.5)], outline=1),
    ),
    "polygon of old files": (
        shape(None, (3, 4), (20, 6), (11, 25)),
        drawn("polygon", [(3, 4), (20, 6), (11, 25)], outline=1),
    ),
    "rectangle": (
        shape("rectangle", (3.5, 4.2), (20.9, 16.1)),
        drawn("rectangle", (3.5, 4.2, 20.9, 16.1), outline=1),
    ),
    "rectangle from below": (
        shape("rectangle", (20.9, 16.1), (3.5, 4.2)),
        drawn("rectangle", (3.5, 4.2, 20.9, 16.1), outline=1),
    ),
    "circle": (shape("circle", (15, 12), (18, 16)), drawn("ellipse", (10, 7, 20, 17), outline=1)),
    "circle over the border": (
        shape("circle", (1, 2), (7, 10)),
        drawn("ellipse", (-9, -8, 11, 12), outline=1),
    ),
    "line": (shape("line", (3, 4), (30, 20)), drawn("line", [(3, 4), (30, 20)], width=10)),
    "linestrip": (
        shape("linestrip", (3, 4), (30, 20), (5, 22)),
        drawn("line", [(3, 4), (30, 20), (5, 22)], width=10),
    ),
    "point": (shape("point", (15, 12)), drawn("ellipse", (10, 7, 20, 17), outline=1)),
}


@pytest.mark.parametrize("case", CASES)
def test_shapes_are_painted_as_labelme_paints_them(tmp_path: pathlib.Path, case: str) -> None:
    given, expected = CASES[case]
    assert (ids(scanned(tmp_path, annotation(given))) == expected).all()


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_mask_lies_where_its_points_say(tmp_path: pathlib.Path, mode: str) -> None:
    inside = np.random.default_rng(1).integers(0, 2, (7, 5)).astype(bool)
    inside[0, 0] = True
    fields = annotation(shape("mask", (3.0, 4.0), (7.9, 10.2), mask=png(inside, mode)))
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[4:11, 3:8] = inside
    assert (ids(scanned(tmp_path, fields)) == expected).all()


def test_ignored_shapes_are_void_and_later_ones_lie_on_top(tmp_path: pathlib.Path) -> None:
    fields = annotation(
        shape("rectangle", (0, 0), (9, 9)),
        shape("rectangle", (5, 5), (9, 9), label="__ignore__"),
        shape("rectangle", (8, 8), (9, 9), label="_background_"),
    )
    painted = ids(scanned(tmp_path, fields))
    assert [painted[i, i] for i in (0, 5, 8)] == [1, 255, 0]


def test_labels_of_the_source_come_first() -> None:
    source = LabelMe(labels={"__ignore__": "road", "house": "roof"}, ground="road")
    table = source.table(CLASSES)
    assert table.id_of("__ignore__") == 2
    assert table.id_of("house") == 1
    assert table.id_of("_background_") == table.ground == 2
    assert table.id_of("roof") is None


def test_width_of_lines_and_points_can_be_told(tmp_path: pathlib.Path) -> None:
    fields = annotation(shape("line", (3, 4), (30, 20)), shape("point", (9, 22)))
    expected = drawn("line", [(3, 4), (30, 20)], width=2)
    expected = expected | drawn("ellipse", (7, 20, 11, 24), outline=1)
    assert (ids(scanned(tmp_path, fields, line_width=2, point_radius=2)) == expected).all()


def test_image_of_another_machine_is_found_by_its_name(tmp_path: pathlib.Path) -> None:
    for path in ("..\\pictures\\a.png", "C:\\Users\\me\\a.png", "/elsewhere/me/a.png", "../a.png"):
        scan = scanned(tmp_path / "raw", annotation(imagePath=path))
        assert [sample.image for sample in scan.samples] == ["a.png"]


def test_embedded_image_does_not_stand_for_the_file(tmp_path: pathlib.Path) -> None:
    scan = scanned(tmp_path, annotation(imagePath="b.png", imageData=png(np.ones((3, 3)))))
    assert [remark.fault for remark in scan.remarks] == [Fault.NO_IMAGE, Fault.NO_ANNOTATION]
    assert not scan.samples


def test_no_image_outside_is_reached(tmp_path: pathlib.Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "secret.png")
    for path in ("../secret.png", str(tmp_path / "secret.png"), "..", "", "\0", "\ud800"):
        scan = scanned(tmp_path / "raw", annotation(imagePath=path))
        assert Fault.NO_IMAGE in [remark.fault for remark in scan.remarks]
        assert not scan.samples


def test_size_may_be_left_to_the_image(tmp_path: pathlib.Path) -> None:
    fields = annotation(shape("rectangle", (0, 0), (4, 4)), imageWidth=None, imageHeight=None)
    assert ids(scanned(tmp_path, fields)).sum() == 25


def bomb() -> str:
    """A PNG of few bytes that claims 40,000 × 40,000 pixels."""
    data = bytearray(base64.b64decode(png(np.ones((2, 2)))))
    data[16:24] = (40_000).to_bytes(4, "big") * 2
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"\xff\xfe{",
        "no JSON",
        "[" * 100_000,
        [],
        {},
        annotation(shapes=None),
        annotation(shapes=[[]]),
        annotation(shape("cuboid", (1, 1))),
        annotation(shape("circle", (1, 1))),
        annotation(shape("point", (1, 1), (2, 2))),
        annotation(shape("polygon", (1, 1, 1))),
        annotation(shape("polygon", ("x", "y"))),
        annotation(shape(["polygon"], (1, 1))),  # type: ignore[arg-type]
        annotation(shape("mask", (1, 1), (2, 2))),
        annotation(shape("mask", (1, 1), (2, 2), mask="?")),
        annotation(shape("mask", (1, 1), (2, 2), mask=None)),
        annotation(shape("mask", (1, 1), (2, 2), mask=bomb())),
        annotation(shape("mask", (1, 1), (4, 2), mask=png(np.ones((2, 2))))),
        annotation(shape("mask", (1, 1), (1e300, 2), mask=png(np.ones((2, 2))))),
        annotation(imageWidth="wide"),
        annotation(imageWidth=float("nan")),
    ],
)
def test_damaged_and_hostile_files_are_refused(tmp_path: pathlib.Path, fields: Any) -> None:
    with pytest.raises(AnnotationError, match=r"a\.json"):
        scanned(tmp_path, fields)


def test_mask_that_leaves_its_picture_is_refused(tmp_path: pathlib.Path) -> None:
    for at in ((-1, 0), (WIDTH - 1, 0), (0, HEIGHT)):
        to = (at[0] + 1, at[1] + 1)
        scan = scanned(tmp_path, annotation(shape("mask", at, to, mask=png(np.ones((2, 2))))))
        with pytest.raises(drawing.DrawingError):
            ids(scan)


def test_picture_of_claimed_size_takes_no_memory(tmp_path: pathlib.Path) -> None:
    fields = annotation(shape("rectangle", (0, 0), (4, 4)), imageWidth=10**300, imageHeight=9)
    scan = scanned(tmp_path, fields)
    with pytest.raises(drawing.DrawingError, match="pixels"):
        ids(scan)


VALUES = [None, True, -1, 0, 1e308, -1e308, 10**40, 0.5, "", "x", "\ud800", [], [[]], {}, "mask"]


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Everything in a JSON value that can be put in place of: its holder and its key."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    own = [(value, key) for key in keys]
    return own + [s for k in keys if isinstance(value[k], dict | list) for s in spots(value[k])]


def test_mutated_files_bring_no_other_error(tmp_path: pathlib.Path) -> None:
    inside = np.random.default_rng(1).integers(0, 2, (7, 5))
    shapes = [given for given, _ in CASES.values()]
    shapes.append(shape("mask", (3, 4), (7, 10), mask=png(inside)))
    whole = json.dumps(annotation(*shapes))
    rng = random.Random(5)
    good = 0
    for number in range(2000):
        text = whole
        if number % 4 == 0:
            at = rng.randrange(len(whole))
            text = whole[:at] + rng.choice('0{["],:}e-') + whole[at + rng.randint(0, 3) :]
        else:
            fields = json.loads(whole)
            for _ in range(rng.randint(1, 3)):
                holder, key = rng.choice(spots(fields))
                holder[key] = rng.choice(VALUES)
            text = json.dumps(fields)
        try:
            scan = scanned(tmp_path, text)
            if scan.samples:
                ids(scan)
                good += 1
        except (AnnotationError, drawing.DrawingError):
            continue
    assert good > 300


@pytest.mark.parametrize("kind", ["semantic_segmentation", "instance_segmentation"])
def test_own_masks_of_labelme_are_met_but_for_a_pixel(real_data: pathlib.Path, kind: str) -> None:
    base = real_data / "labelme" / kind
    _, background, *names = (base / "labels.txt").read_text().splitlines()
    source = LabelMe(annotations="data_annotated/*.json", images="data_annotated")
    table = source.table(ClassTable(background, *names))
    scan = source.scan(Folder(base))
    off = []
    for sample in scan.samples:
        expected = np.load(base / "data_dataset_voc" / "SegmentationClassNpy" / f"{sample.id}.npy")
        painted = drawing.paint(sample.drawing, table, size=(1, 1)).ids
        off.append(int((painted != expected.astype(np.uint8)).sum()))
    assert len(off) == 3
    assert max(off) <= 1, off
