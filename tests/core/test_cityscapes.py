"""Cityscapes: polygons painted as its own scripts paint them."""

import json
import pathlib
import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.sources import AnnotationError, CityscapesPolygons, Folder

CLASSES = ClassTable("unlabeled", "road", "car", "sky")
SIZE = WIDTH, HEIGHT = 40, 24
SQUARE = [[2, 2], [12, 2], [12, 8], [2, 8]]
GROUND = {"ground": "unlabeled"}
SOURCE = CityscapesPolygons(**GROUND)


def _object(label="car", polygon=SQUARE, **more) -> dict:
    return {"label": label, "polygon": polygon, **more}


def _raw(root: pathlib.Path, *objects, kind="gtFine") -> Folder:
    for folder in (f"{kind}/train/aachen", "leftImg8bit/train/aachen"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    content = {"imgWidth": WIDTH, "imgHeight": HEIGHT, "objects": list(objects)}
    frame = "aachen_000000_000019"
    file = root / kind / "train" / "aachen" / f"{frame}_{kind}_polygons.json"
    file.write_text(json.dumps(content))
    Image.new("L", SIZE).save(file.with_name(f"{frame}_{kind}_labelIds.png"))
    Image.new("RGB", SIZE).save(root / f"leftImg8bit/train/aachen/{frame}_leftImg8bit.png")
    return Folder(root)


def _ids(folder: Folder, source=SOURCE) -> np.ndarray:
    (sample,) = source.scan(folder).samples
    return drawing.paint(sample.drawing, source.table(CLASSES), size=SIZE).ids


def test_masks_are_those_of_the_scripts(tmp_path):
    chance = random.Random(0)
    for _ in range(60):
        objects, picture = [], Image.new("L", SIZE)
        for _ in range(6):
            points = [
                (chance.randint(-5, WIDTH + 5), chance.randint(-5, HEIGHT + 5))
                for _ in range(chance.randint(3, 8))
            ]
            value = chance.randint(1, 3)
            deleted = chance.random() < 0.2
            objects.append(_object(CLASSES.names[value], points, deleted=int(deleted)))
            if not deleted:
                ImageDraw.Draw(picture).polygon(points, fill=value)
        np.testing.assert_array_equal(_ids(_raw(tmp_path, *objects)), np.asarray(picture))


def test_a_sample_is_named_after_its_image(tmp_path):
    (sample,) = SOURCE.scan(_raw(tmp_path, _object())).samples
    assert sample.id == "train/aachen/aachen_000000_000019_leftImg8bit"
    assert sample.folder == "train"


def test_a_group_is_what_it_is_a_group_of(tmp_path):
    assert _ids(_raw(tmp_path, _object("cargroup"))).max() == 2
    known = CityscapesPolygons(labels={"cargroup": "void", "car": "car"})
    assert _ids(_raw(tmp_path, _object("cargroup")), known).max() == 255


def test_what_no_polygon_covers_is_void_unless_told(tmp_path):
    painted = _ids(_raw(tmp_path, _object("car")), CityscapesPolygons())
    assert set(np.unique(painted)) == {2, 255}


def test_a_group_of_poles_is_a_label_of_its_own_as_in_the_scripts(tmp_path):
    scan = SOURCE.scan(_raw(tmp_path, _object("polegroup"), _object("pole")))
    assert sorted(scan.labels) == ["pole", "polegroup"]


def test_license_plates_are_seen_only_if_asked_for(tmp_path):
    folder = _raw(tmp_path, _object("car"), _object("license plate"))
    scan = SOURCE.scan(folder)
    assert sorted(scan.labels) == ["car"]
    asked = CityscapesPolygons(labels={"car": "car", "license plate": "road"}, **GROUND)
    assert set(np.unique(_ids(folder, asked))) == {0, 1}


def test_coarse_annotations_are_read(tmp_path):
    folder = _raw(tmp_path, _object(), kind="gtCoarse")
    with pytest.raises(AnnotationError, match="annotations"):
        SOURCE.scan(folder)
    coarse = CityscapesPolygons(annotations="*_gtCoarse_polygons.json")
    assert _ids(folder, coarse).any()


def test_a_city_is_a_group_where_that_is_stated(tmp_path):
    source = CityscapesPolygons(group=r"^[^/]+/([^/]+)/")
    (sample,) = source.scan(_raw(tmp_path, _object())).samples
    assert sample.group == "aachen"


def test_an_image_name_without_a_frame_is_refused():
    with pytest.raises(DeclarationError, match="frame"):
        CityscapesPolygons(image_name="leftImg8bit.png")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"[" * 100_000, b"\xff"])
def test_what_is_no_cityscapes_is_refused(tmp_path, content):
    (tmp_path / "a_gtFine_polygons.json").write_bytes(content)
    with pytest.raises(AnnotationError, match="a_gtFine"):
        SOURCE.scan(Folder(tmp_path))


def test_2000_mutated_files_are_read_or_refused(tmp_path):
    folder = _raw(tmp_path, _object("road"), _object("cargroup", [[1, 1], [9, 2], [4, 9]]))
    (file,) = (tmp_path / "gtFine").rglob("*.json")

    def read(text):
        mutants.put(file, text)
        for sample in SOURCE.scan(folder).samples:
            drawing.paint(sample.drawing, SOURCE.table(CLASSES), size=SIZE)

    mutants.try_all(file.read_bytes(), read)
