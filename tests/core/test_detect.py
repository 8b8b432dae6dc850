"""The layouts of published sets are found, and what is none is told."""

import pathlib
import shutil
from typing import Any

import pytest

from layouts import LAYOUTS, Drawing, drive
from seg_datasets.core.sources import LayoutError, detect


@pytest.mark.parametrize("draw", LAYOUTS, ids=lambda draw: draw.__name__)
def test_a_published_layout_is_declared_as_a_person_would(
    draw: Any, tmp_path: pathlib.Path
) -> None:
    draw(Drawing(tmp_path))
    source, splits = LAYOUTS[draw]
    found = detect(tmp_path)
    assert found.source == source
    assert {**found.split_folders, **found.split_lists} == splits


@pytest.mark.parametrize("draw", LAYOUTS, ids=lambda draw: draw.__name__)
def test_the_same_is_found_in_a_copy_elsewhere(draw: Any, tmp_path: pathlib.Path) -> None:
    draw(Drawing(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b" / "elsewhere")
    one, other = detect(tmp_path / "a"), detect(tmp_path / "b" / "elsewhere")
    assert one == other


def test_another_kind_of_mask_is_asked_about(tmp_path: pathlib.Path) -> None:
    d = Drawing(tmp_path)
    for number in range(4):
        d.image(f"images/{number}.png")
        d.mask(f"gt_first/{number}.png")
        d.mask(f"gt_second/{number}.png")
    (asked,) = detect(tmp_path).questions
    assert asked.blocking
    assert "gt_second/{stem} (4)" in asked.text
    assert detect(tmp_path, masks="gt_second").source.masks == "gt_second"
    assert detect(tmp_path, masks="gt_second", mask_name="{stem}").questions == ()


def test_what_is_stated_is_taken(tmp_path: pathlib.Path) -> None:
    drive(Drawing(tmp_path))
    found = detect(tmp_path, masks="training/mask")
    assert found.source.masks == "training/mask"
    assert found.source.images == "training/images"
    assert len(found.scan.samples) == 20


def test_numbers_of_objects_are_not_taken_for_images(tmp_path: pathlib.Path) -> None:
    d = Drawing(tmp_path)
    for number in range(20):
        d.image(f"VOC2012/JPEGImages/{number}.jpg")
        if number < 8:
            d.mask(f"VOC2012/SegmentationClass/{number}.png", mode="P")
            d.mask(f"VOC2012/SegmentationObject/{number}.png", mode="P")
    found = detect(tmp_path)
    assert found.source.images == "VOC2012/JPEGImages"
    assert found.source.masks == "VOC2012/SegmentationClass"
    assert "pictures that are not read: VOC2012/SegmentationObject/ (8)" in found.saw


def test_pictures_elsewhere_that_take_no_part_are_told(tmp_path: pathlib.Path) -> None:
    d = Drawing(tmp_path)
    for number in range(4):
        d.image(f"train/images/{number}.png")
        d.mask(f"train/gt/{number}.png")
        d.image(f"test/images/x{number}.png")
    assert "pictures that are not read: test/images/ (4)" in detect(tmp_path).saw


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"mask_name": "mask"}, "--mask_name=mask does not say where the name stands"),
        ({"images": "elsewhere"}, "--images=elsewhere: the raw folder has no such folder"),
        ({"mask_name": "{stem}_m"}, "as image and mask under --mask_name={stem}_m"),
    ],
)
def test_what_is_misstated_is_told(given: Any, told: str, tmp_path: pathlib.Path) -> None:
    d = Drawing(tmp_path)
    for number in range(4):
        d.image(f"images/{number}.png")
        d.mask(f"masks/{number}.png")
    with pytest.raises(LayoutError) as refused:
        detect(tmp_path, **given)
    assert told in str(refused.value)


def images_only(d: Drawing) -> None:
    for number in range(4):
        d.image(f"train/{number}.png")
        d.image(f"test/{number}.png")


def masks_only(d: Drawing) -> None:
    for number in range(4):
        d.mask(f"masks/{number}.png")


def nothing_of_use(d: Drawing) -> None:
    d.text("notes.md", "hello")
    d.text("a.npz", "")


def coco(d: Drawing) -> None:
    d.image("images/1.jpg")
    listed = '{"id": 1, "file_name": "2.jpg"}'
    d.text("annotations.json", f'{{"images": [{listed}], "annotations": [], "categories": []}}')


def labelme(d: Drawing) -> None:
    for number in range(5):
        d.image(f"{number}.jpg")
        d.text(f"{number}.json", '{"shapes": [], "imagePath": "a.jpg"}')


def yolo(d: Drawing) -> None:
    for number in range(5):
        d.image(f"elsewhere/{number}.jpg")
        d.text(f"labels/{number}a.txt", "0 0.1 0.1 0.2 0.2 0.3 1\n3 .5 .5 .25 1e-3\n")


def cvat(d: Drawing) -> None:
    d.image("images/1.jpg")
    d.text("annotations.xml", "<annotations><version>1.1</version><meta>")


def old_labelbox(d: Drawing) -> None:
    d.image("images/1.jpg")
    d.text("export.json", '[{"Labeled Data": "1.jpg"}]')


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda d: None, "is empty"),
        (images_only, "holds pictures, but no two files that go together"),
        (masks_only, "holds masks, but no two files"),
        (nothing_of_use, "holds no picture"),
        (coco, "COCO (annotations.json) annotates 1 image, none of which is there: '2.jpg'"),
        (labelme, "LabelMe (0.json and 4 more) annotates 5 images, none of which is there"),
        (yolo, "YOLO (labels/0a.txt and 4 more) annotates 5 images, none"),
        (cvat, "annotations.xml cannot be read as CVAT XML"),
        (old_labelbox, "Labelbox's old JSON (export.json) beside 1 picture"),
    ],
)
def test_what_is_no_set_of_images_and_masks_is_told(
    draw: Any, told: str, tmp_path: pathlib.Path
) -> None:
    draw(Drawing(tmp_path))
    with pytest.raises(LayoutError) as refused:
        detect(tmp_path)
    assert told in str(refused.value)
