"""What could be lost without a word: images found elsewhere, shapes without an outline, nothing."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

import kit
from seg_datasets.core import drawing, scanline
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import (
    AnnotationError,
    Coco,
    Darwin,
    Folder,
    LabelMeXml,
    LabelStudio,
    ObjectMasks,
    Via,
    VocBoxes,
    Yolo,
)
from seg_datasets.core.sources.annotated import Annotated, ShapeSource, scan
from seg_datasets.core.sources.left_open import Ordered

BOX = drawing.Shape("roof", "box", [1, 1, 9, 9])


def image(root: pathlib.Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 12), len(path)).save(root / path)


def found(root: pathlib.Path, *names: str) -> tuple[dict[str, str], list[str]]:
    """Image → annotation file, and the names of those that are not there."""
    given = [Annotated(name, [BOX], (20, 12), f"{n}.json") for n, name in enumerate(names)]
    made = scan(ShapeSource(), Folder(root), given)
    missing = [remark.what for remark in made.remarks if remark.fault is Fault.NO_IMAGE]
    return {sample.image: sample.mask for sample in made.samples}, missing


def test_an_image_is_not_taken_for_its_namesake_in_another_folder(tmp_path: pathlib.Path) -> None:
    image(tmp_path, "A/other.png", "B/a.png")
    for name in ("A/a.png", "/elsewhere/somebody/A/a.png", "A\\a.png"):
        assert found(tmp_path, name) == ({}, [repr(name)])


@pytest.mark.parametrize("names", [("A/a.png", "B/a.png"), ("B/a.png", "A/a.png")])
def test_a_name_that_fits_in_part_stands_back(tmp_path: pathlib.Path, names: Any) -> None:
    image(tmp_path, "B/a.png")
    assert found(tmp_path, *names) == ({"B/a.png": f"{names.index('B/a.png')}.json"}, ["'A/a.png'"])


def test_paths_of_another_machine_find_their_image(tmp_path: pathlib.Path) -> None:
    image(tmp_path, "train/images/a.png", "b.png")
    for name in (
        "/elsewhere/data/a.png",
        "C:\\data\\images\\a.png",
        "images/a.png",
        "a.png",
    ):
        assert found(tmp_path, name) == ({"train/images/a.png": "0.json"}, [])
    assert found(tmp_path, "project/b.png") == ({"b.png": "0.json"}, [])


def via(root: pathlib.Path) -> Any:
    point = {"shape_attributes": {"name": "point", "cx": 1, "cy": 2}, "region_attributes": {}}
    return Via(), {"a": {"filename": "a.png", "regions": [point, point]}}


def darwin(root: pathlib.Path) -> Any:
    item = {"name": "a.png", "slots": [{"width": 20, "height": 12}]}
    point = {"name": "roof", "keypoint": {"x": 1, "y": 2}}
    return Darwin(), {"item": item, "annotations": [point, point, {"name": "day", "tag": {}}]}


def label_studio(root: pathlib.Path) -> Any:
    value = {"x": 1, "y": 2, "width": 1, "keypointlabels": ["roof"]}
    one = {"type": "keypointlabels", "value": value, "original_width": 20, "original_height": 12}
    result = [{**one, "id": "a"}, {**one, "id": "b"}]
    return LabelStudio(), [{"data": {"image": "a.png"}, "annotations": [{"result": result}]}]


@pytest.mark.parametrize("draw", [via, darwin, label_studio], ids=lambda draw: draw.__name__)
def test_points_are_told_once_for_each_file(draw: Any, tmp_path: pathlib.Path) -> None:
    image(tmp_path, "a.png")
    source, content = draw(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(content))
    (remark,) = [r for r in source.scan(Folder(tmp_path)).remarks if r.fault is Fault.NOT_PAINTED]
    assert remark.where == "a.json"
    assert remark.what.startswith("2 shapes without an outline (")


@pytest.mark.parametrize(
    ("more", "labels"),
    [
        ({}, ["", "roof"]),
        ({"x": 3}, ["", "roof"]),
        ({"choices": ["big"], "x": 9}, ["roof"]),
    ],
)
def test_shapes_of_json_min_without_a_label_are_kept(
    more: dict, labels: list[str], tmp_path: pathlib.Path
) -> None:
    image(tmp_path, "a.png")
    size = {"original_width": 20, "original_height": 12, "rotation": 0}
    box = {"x": 10, "y": 10, "width": 30, "height": 30, **size}
    bare = {**box, "x": 60, **more}
    labelled = {**box, "rectanglelabels": ["roof"]}
    record = {"image": "a.png", "id": 1, "annotation_id": 1, "label": [labelled]}
    (tmp_path / "a.json").write_text(json.dumps([{**record, "box": [box, bare]}]))
    (sample,) = LabelStudio().scan(Folder(tmp_path)).samples
    assert sorted(shape.label for shape in drawing.load(sample.drawing)[0]) == labels


@pytest.mark.parametrize(
    "text",
    [
        "names: {0: roof, 0: road}\n",
        "names: [roof]\nnames: [road]\n",
        "names: {1_0: roof}\n",
        "names: {-1: roof}\n",
    ],
)
def test_names_of_yolo_that_can_be_read_in_two_ways_are_refused(
    text: str, tmp_path: pathlib.Path
) -> None:
    image(tmp_path, "images/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .2 .2\n")
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(AnnotationError, match=r"there twice|no number of a class"):
        Yolo().scan(Folder(tmp_path))


def test_numbers_of_yolo_hold_no_underscores(tmp_path: pathlib.Path) -> None:
    image(tmp_path, "images/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("1_0 .5 .5 .2 .2\n")
    with pytest.raises(AnnotationError, match="'1_0', which is no number"):
        Yolo().scan(Folder(tmp_path))


def test_a_mask_of_an_object_that_holds_none_is_a_finding(tmp_path: pathlib.Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (12, 20, 3), np.uint8)
    for name in "abc":
        (tmp_path / "masks" / name).mkdir(parents=True)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels // (1 + ord(name) - 97)).save(tmp_path / "images" / f"{name}.png")
        mask = np.zeros((12, 20), np.uint8)
        Image.fromarray(mask).save(tmp_path / "masks" / name / "nothing.png")
        mask[2:9, 3:12] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / name / "one.png")
    source = ObjectMasks()
    for _ in range(2):  # the second time from the cache
        findings = kit.findings(tmp_path, source=source, classes=ClassTable("ground", "object"))
        where = [finding.where for finding in findings if finding.code == "SD507"]
        assert where == [f"masks/{name}/nothing.png" for name in "abc"]


def test_bands_of_rows_are_filled_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        rings = [rng.integers(0, 50, (n, 2)) for n in (3, 7, 12)]
        whole = scanline.fill(rings, 50, 50)
        with monkeypatch.context() as patched:
            patched.setattr(scanline, "_AT_A_TIME", 60)
            np.testing.assert_array_equal(scanline.fill(rings, 50, 50), whole)


@pytest.mark.parametrize("source", [Coco, LabelMeXml, VocBoxes, Yolo])
def test_an_order_of_painting_that_nobody_knows_is_refused(source: Any) -> None:
    assert issubclass(source, Ordered)
    with pytest.raises(ValueError, match="write 'file' or 'area'"):
        source(order="size")
