"""COCO: polygons, runs and segments as COCO's own tools have them, from one long file."""

import json
import pathlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import AnnotationError, Coco, CocoPanoptic, Folder
from seg_datasets.core.sources.coco import CROWD, lengths

CLASSES = ClassTable("ground", "roof", "road")
SQUARE = [2, 2, 12, 2, 12, 8, 2, 8]


def _file(*annotations, **more):
    return {
        "annotations": list(annotations),
        "images": [{"id": 1, "file_name": "a.png", "width": 20, "height": 16}],
        "categories": [{"id": 1, "name": "roof"}, {"id": 2, "name": "road"}],
        **more,
    }


def _one(segmentation, category=1, **more):
    fields = {"id": 7, "image_id": 1, "category_id": category, "iscrowd": 0}
    return {**fields, "segmentation": segmentation, **more}


def _raw(root: pathlib.Path, content, size=(20, 16)) -> Folder:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (root / "all.json").write_bytes(text)
    Image.new("RGB", size).save(root / "a.png")
    return Folder(root)


def _ids(source, folder, classes=CLASSES):
    (sample,) = source.scan(folder).samples
    return drawing.paint(sample.drawing, source.table(classes), size=(20, 16)).ids


def test_a_polygon_is_filled_as_coco_does(tmp_path):
    folder = _raw(tmp_path, _file(_one([SQUARE])))
    oracle = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([SQUARE], 16, 20)))
    np.testing.assert_array_equal(_ids(Coco(), folder), oracle)


@pytest.mark.parametrize("compressed", [False, True])
def test_runs_are_read_down_the_columns(tmp_path, compressed):
    mask = np.zeros((16, 20), np.uint8, order="F")
    mask[3:9, 4:15], mask[5, 6] = 1, 0
    runs = coco_mask.encode(mask)
    counts = runs["counts"].decode() if compressed else lengths(runs["counts"])
    folder = _raw(tmp_path, _file(_one({"size": [16, 20], "counts": counts})))
    np.testing.assert_array_equal(_ids(Coco(), folder), mask)


def test_runs_whose_size_stands_turned_around_are_those_of_the_image(tmp_path):
    counts = [16 * 4 + 3, 5, 16 * 20 - (16 * 4 + 8)]
    folder = _raw(tmp_path, _file(_one({"size": [20, 16], "counts": counts})))
    assert np.argwhere(_ids(Coco(), folder)).tolist() == [[y, 4] for y in range(3, 8)]


@hypothesis.settings(max_examples=150)
@hypothesis.given(st.integers(0, 2**32), st.floats(0.01, 0.99), st.integers(1, 90))
def test_strings_of_runs_are_those_of_coco(seed, share, side):
    mask = np.random.default_rng(seed).random((side, 40)) < share
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    runs = lengths(encoded["counts"])
    painted = np.repeat(np.arange(len(runs)) % 2, runs).reshape(40, side).T
    np.testing.assert_array_equal(painted, mask)


@pytest.mark.parametrize("text", ["P", "oooooooooo0", "~", "0@", "00000O"])
def test_a_broken_string_of_runs_is_refused_or_does_not_fit(tmp_path, text):
    folder = _raw(tmp_path, _file(_one({"size": [16, 20], "counts": text})))
    with pytest.raises((AnnotationError, drawing.DrawingError)):
        _ids(Coco(), folder)


def test_runs_that_claim_a_giant_picture_are_refused_before_they_are_painted(tmp_path):
    huge = 1 << 40
    one = _one({"size": [1 << 20, 1 << 20], "counts": [0, huge]})
    images = [{"id": 1, "file_name": "a.png", "width": 1 << 20, "height": 1 << 20}]
    with pytest.raises(drawing.DrawingError, match="picture of"):
        _ids(Coco(), _raw(tmp_path, _file(one, images=images)))


@pytest.mark.parametrize(("crowd", "value"), [("void", 255), ("road", 2), ("", 1)])
def test_a_crowd_leads_to_the_class_it_is_told(tmp_path, crowd, value):
    folder = _raw(tmp_path, _file(_one([SQUARE], iscrowd=1)))
    source = Coco(crowd=crowd)
    assert set(np.unique(_ids(source, folder))) == {0, value}
    assert source.scan(folder).labels.keys() == ({CROWD} if crowd else {"roof"})


def test_later_lies_over_earlier_unless_the_larger_is_to_be_below(tmp_path):
    small = _one([[4, 4, 8, 4, 8, 6, 4, 6]], 2, area=8)
    folder = _raw(tmp_path, _file(small, _one([SQUARE], 1, area=60)))
    assert set(np.unique(_ids(Coco(), folder))) == {0, 1}
    assert set(np.unique(_ids(Coco(order="area"), folder))) == {0, 1, 2}


def test_what_does_not_add_up_is_remarked(tmp_path):
    content = _file(
        _one([]),
        _one([[1, 1, 2, 2]]),
        _one([SQUARE], 9),
        _one([SQUARE], image_id=5),
        categories=[{"id": 1, "name": "roof"}, {"id": 2, "name": "Roof "}],
    )
    scan = Coco().scan(_raw(tmp_path, content))
    assert {r.fault for r in scan.remarks} == {
        Fault.FEW_POINTS,
        Fault.CATEGORY_TWICE,
        Fault.NO_IMAGE,
    }
    assert "category_id 9" in scan.labels
    assert not _ids(Coco(), Folder(tmp_path)).any()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"{}", b'{"images": 3}', b"\xff\xfe"])
def test_what_is_no_coco_is_refused(tmp_path, content):
    with pytest.raises(AnnotationError, match=r"all\.json"):
        Coco().scan(_raw(tmp_path, content))


def test_an_image_id_that_stands_for_two_files_is_refused(tmp_path):
    images = [{"id": 1, "file_name": name} for name in ("a.png", "b.png")]
    with pytest.raises(AnnotationError, match="twice"):
        Coco().scan(_raw(tmp_path, _file(images=images)))


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "b/../../secret.png"])
def test_no_image_outside_is_found(tmp_path, name):
    (tmp_path / "raw").mkdir()
    Image.new("RGB", (20, 16)).save(tmp_path / "secret.png")
    images = [{"id": 1, "file_name": name, "width": 20, "height": 16}]
    scan = Coco().scan(_raw(tmp_path / "raw", _file(_one([SQUARE]), images=images)))
    assert not scan.samples
    assert Fault.NO_IMAGE in {r.fault for r in scan.remarks}


def test_options_that_there_are_not_are_refused():
    for wrong in ({"order": "size"}, {"fill": "labelme"}):
        with pytest.raises(DeclarationError, match="write"):
            Coco(**wrong)


def test_2000_mutated_files_are_read_or_refused(tmp_path):
    runs = coco_mask.encode(np.asfortranarray(np.eye(16, 20, dtype=np.uint8)))["counts"].decode()
    packed = _one({"size": [16, 20], "counts": runs}, 2, iscrowd=1)
    plain = _one({"size": [16, 20], "counts": [100, 20, 200]}, 2, area=3.5)
    content = json.dumps(_file(_one([SQUARE, [1.5, 2, 3, 4, 5, 6]]), packed, plain)).encode()
    _raw(tmp_path, content)

    def read(text):
        mutants.put(tmp_path / "all.json", text)
        for sample in Coco(order="area").scan(Folder(tmp_path)).samples:
            drawing.paint(sample.drawing, Coco().table(CLASSES), size=(20, 16))

    mutants.try_all(content, read)


@pytest.mark.parametrize("name", ["instances", "rle"])
def test_real_shapes_have_the_pixels_that_coco_gives_them(real_data, name):
    root = real_data / "coco_panoptic"
    content = json.loads((root / f"{name}.json").read_text())
    sizes = {i["id"]: (i["height"], i["width"]) for i in content["images"]}
    source = Coco(annotations=f"{name}.json", images="images", unannotated=True, crowd="")
    shapes = {}
    for sample in source.scan(Folder(root)).samples:
        loaded, size = drawing.load(sample.drawing)
        if size:
            shapes[pathlib.Path(sample.image).name] = loaded, size
    files = {i["id"]: i["file_name"] for i in content["images"]}
    for key, file in files.items():
        own = [a for a in content["annotations"] if a["image_id"] == key]
        loaded, size = shapes[file]
        assert len(loaded) == len(own)
        for one, shape in zip(own, loaded, strict=True):
            _, _, mask = drawing.KINDS[shape.kind](shape.data, size)
            form = one["segmentation"]
            if isinstance(form, dict):
                assert mask.sum() == sum(form["counts"][1::2])
            else:
                oracle = coco_mask.merge(coco_mask.frPyObjects(form, *sizes[key]))
                assert mask.sum() == coco_mask.area(oracle)


def test_real_panoptic_areas_are_exact(real_data):
    root = real_data / "coco_panoptic"
    content = json.loads((root / "panoptic.json").read_text())
    source = CocoPanoptic(annotations="panoptic.json", images="images", crowd="")
    names = {c["id"]: c["name"] for c in content["categories"]}
    table = source.table(ClassTable("ground", *dict.fromkeys(names.values())))
    areas: dict[str, dict[str, int]] = {}
    files = {i["id"]: i["file_name"] for i in content["images"]}
    for one in content["annotations"]:
        each = areas.setdefault(files[one["image_id"]], {})
        for segment in one["segments_info"]:
            name = names[segment["category_id"]]
            each[name] = each.get(name, 0) + segment["area"]
    scan = source.scan(Folder(root))
    assert len(scan.samples) == 20
    assert not scan.remarks
    for sample in scan.samples:
        painted = drawing.paint(sample.drawing, table, size=(1, 1))
        assert not painted.lost
        counts = np.bincount(painted.ids.ravel(), minlength=256)
        expected = areas[pathlib.Path(sample.image).name]
        assert {n: counts[table.id_of(n)] for n in expected} == expected


def _panoptic(root: pathlib.Path, ids: np.ndarray, **more) -> Folder:
    segments = [{"id": 300, "category_id": 1}, {"id": 5, "category_id": 2, "iscrowd": 1}]
    one = {"image_id": 1, "file_name": "a.png", "segments_info": segments, **more}
    (root / "masks").mkdir(exist_ok=True)
    red, green = ids & 255, ids >> 8
    coded = np.stack([red, green, ids * 0], axis=-1).astype(np.uint8)
    Image.fromarray(coded).save(root / "masks" / "a.png")
    _raw(root, _file(one))
    return Folder(root)


def test_segments_are_where_their_ids_are(tmp_path):
    ids = np.zeros((16, 20), np.int64)
    ids[2:6, 3:9], ids[10:, 15:], ids[0, 0] = 300, 5, 300
    source = CocoPanoptic(annotations="all.json")
    painted = _ids(source, _panoptic(tmp_path, ids))
    np.testing.assert_array_equal(painted, np.where(ids == 300, 1, np.where(ids == 5, 255, 0)))
    assert source.scan(Folder(tmp_path)).others == ("all.json", "masks/a.png")


def test_segments_of_png_and_json_that_differ_are_found(tmp_path):
    ids = np.full((16, 20), 77)
    scan = CocoPanoptic(annotations="all.json").scan(_panoptic(tmp_path, ids))
    assert scan.labels.keys() == {"segment 77 of no category"}
    assert [r.fault for r in scan.remarks] == [Fault.NO_AREA, Fault.NO_AREA]


def test_an_id_of_two_segments_is_refused(tmp_path):
    segments = [{"id": 5, "category_id": 1}, {"id": 5, "category_id": 2}]
    folder = _panoptic(tmp_path, np.full((16, 20), 5), segments_info=segments)
    with pytest.raises(AnnotationError, match="twice"):
        CocoPanoptic(annotations="all.json").scan(folder)


@pytest.mark.parametrize("name", ["../../a.png", "/etc/passwd", "b.png", "../all.json"])
def test_segments_are_read_from_nowhere_else(tmp_path, name):
    folder = _panoptic(tmp_path, np.zeros((16, 20), np.int64), file_name=name)
    with pytest.raises(AnnotationError):
        CocoPanoptic(annotations="all.json").scan(folder)


def _paint_panoptic(folder: Folder) -> None:
    source = CocoPanoptic(annotations="all.json")
    for sample in source.scan(folder).samples:
        drawing.paint(sample.drawing, source.table(CLASSES), size=(20, 16))


def test_2000_mutated_panoptic_files_are_read_or_refused(tmp_path):
    ids = np.zeros((16, 20), np.int64)
    ids[2:6, 3:9], ids[10:, 15:] = 300, 5
    folder = _panoptic(tmp_path, ids)

    def read(text):
        mutants.put(tmp_path / "all.json", text)
        _paint_panoptic(folder)

    mutants.try_all((tmp_path / "all.json").read_bytes(), read)


def test_2000_mutated_pngs_of_segments_are_read_or_refused(tmp_path):
    ids = np.arange(16 * 20).reshape(16, 20) // 40
    folder = _panoptic(tmp_path, ids)

    def read(png):
        mutants.put(tmp_path / "masks" / "a.png", png)
        _paint_panoptic(folder)

    mutants.try_all((tmp_path / "masks" / "a.png").read_bytes(), read)
