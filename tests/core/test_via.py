"""VGG Image Annotator: regions of all shapes, JSON and CSV."""

import csv
import json
import math
import pathlib

import numpy as np
import pytest
from PIL import Image

import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.remarks import Fault, label_fault
from seg_datasets.core.sources import AnnotationError, Folder, Via

CLASSES = ClassTable("ground", "roof", "road")
POLYGON = {"name": "polygon", "all_points_x": [2, 12, 12, 2], "all_points_y": [2, 2, 8, 8]}
SHAPES = {
    "polygon": (POLYGON, 60),
    "rect": ({"name": "rect", "x": 2, "y": 2, "width": 10, "height": 6}, 60),
    "circle": ({"name": "circle", "cx": 8, "cy": 8, "r": 5}, 80),
    "ellipse": ({"name": "ellipse", "cx": 10, "cy": 8, "rx": 6, "ry": 2, "theta": math.pi / 2}, 40),
    "polyline": ({"name": "polyline", "all_points_x": [2, 11], "all_points_y": [5, 5]}, 10),
    "point": ({"name": "point", "cx": 3, "cy": 4}, 0),
}


def _region(shape, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes or {"kind": "roof"}}


def _content(*regions):
    return {"a.png1": {"filename": "a.png", "size": 1, "regions": regions, "file_attributes": {}}}


def _raw(root: pathlib.Path, content) -> Folder:
    (root / "via.json").write_text(json.dumps(content), encoding="utf-8")
    Image.new("RGB", (20, 16)).save(root / "a.png")
    return Folder(root)


def _ids(source, folder):
    (sample,) = source.scan(folder).samples
    return drawing.paint(sample.drawing, source.table(CLASSES), size=(20, 16)).ids


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_covers_its_pixels(tmp_path, name):
    shape, pixels = SHAPES[name]
    ids = _ids(Via(), _raw(tmp_path, _content(_region(shape))))
    assert np.count_nonzero(ids == 1) == pixels
    assert np.count_nonzero(ids) == pixels


def test_a_turned_ellipse_stands_upright(tmp_path):
    rows, columns = np.nonzero(_ids(Via(), _raw(tmp_path, _content(_region(SHAPES["ellipse"][0])))))
    assert (np.ptp(rows), np.ptp(columns)) == (11, 3)


def test_older_and_project_files_are_read_alike(tmp_path):
    plain = _ids(Via(), _raw(tmp_path, _content(_region(POLYGON))))
    old = {"a.png1": {"filename": "a.png", "regions": {"0": _region(POLYGON)}}}
    project = {"_via_settings": {}, "_via_img_metadata": old}
    np.testing.assert_array_equal(plain, _ids(Via(), _raw(tmp_path, old)))
    np.testing.assert_array_equal(plain, _ids(Via(), _raw(tmp_path, project)))


def test_csv_says_what_json_says(tmp_path):
    plain = _ids(Via(), _raw(tmp_path, _content(_region(POLYGON))))
    with (tmp_path / "via.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["filename", "region_shape_attributes", "region_attributes"])
        rows.writerow(["a.png", json.dumps(POLYGON), '{"kind": "roof"}'])
    np.testing.assert_array_equal(plain, _ids(Via(annotations="*.csv"), Folder(tmp_path)))


def test_of_several_attributes_one_has_to_be_named(tmp_path):
    folder = _raw(tmp_path, _content(_region(POLYGON, kind="roof", sure="yes")))
    with pytest.raises(AnnotationError, match="`attribute`"):
        Via().scan(folder)
    assert Via(attribute="kind").scan(folder).labels.keys() == {"roof"}


def test_of_boxes_the_ticked_one_counts(tmp_path):
    folder = _raw(tmp_path, _content(_region(POLYGON, kind={"road": True, "roof": False})))
    assert Via().scan(folder).labels.keys() == {"road"}


def test_faults_of_regions_are_remarked_without_a_size(tmp_path):
    line = {"name": "polygon", "all_points_x": [2, 12], "all_points_y": [2, 2]}
    bow = {"name": "polygon", "all_points_x": [2, 12, 2, 12], "all_points_y": [2, 8, 8, 2]}
    folder = _raw(tmp_path, _content(_region(line), _region(bow)))
    remarks = Via().scan(folder).remarks
    assert {r.fault for r in remarks} == {Fault.FEW_POINTS, Fault.CROSSING}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"a": 1}', b"[" * 100_000, b"\xff", b'{"a": {}}']
)
def test_what_is_no_via_is_refused(tmp_path, content):
    (tmp_path / "via.json").write_bytes(content)
    with pytest.raises(AnnotationError, match=r"via\.json"):
        Via().scan(Folder(tmp_path))


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_2000_mutated_files_are_read_or_refused(tmp_path, ending):
    regions = [_region(shape) for shape, _ in SHAPES.values()]
    folder = _raw(tmp_path, _content(*regions))
    text = (tmp_path / "via.json").read_bytes()
    if ending == "csv":
        rows = [f'a.png,"{json.dumps(s)}","{{}}"'.replace('"', '""') for s, _ in SHAPES.values()]
        head = "filename,region_shape_attributes,region_attributes\n"
        text = (head + "\n".join(rows)).encode()
    source = Via(annotations=f"via.{ending}")

    def read(content):
        mutants.put(tmp_path / f"via.{ending}", content)
        for sample in source.scan(folder).samples:
            drawing.paint(sample.drawing, source.table(CLASSES), size=(20, 16))

    mutants.try_all(text, read)


def test_real_labels_with_a_line_break_and_empty_options_are_found(real_data):
    source = Via(annotations="*.json", attribute="name")
    scan = source.scan(Folder(real_data / "via_satellite"))
    assert len(scan.samples) == 6
    assert scan.labels.keys() == {"bina", "bina\n", "tree"}
    assert label_fault("bina\n", {"bina", "tree"})[0] is Fault.LABEL_PADDED
    (empty,) = [r for r in scan.remarks if r.fault is Fault.LABEL_EMPTY]
    assert empty.where.startswith("val/")
    assert "'image_quality'" in empty.where
