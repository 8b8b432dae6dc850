"""Label Studio: brush masks bit by bit, shapes in hundredths, who drew what."""

import json
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
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import AnnotationError, Folder, LabelStudio, brush

SOURCE = LabelStudio()
CLASSES = ClassTable("ground", "roof", "road")
SIZE = WIDTH, HEIGHT = 20, 16
SQUARE = {"points": [[10, 12.5], [60, 12.5], [60, 50], [10, 50]], "polygonlabels": ["roof"]}
BOX = {"x": 10, "y": 12.5, "width": 50, "height": 37.5, "rotation": 0, "rectanglelabels": ["road"]}
ELLIPSE = {"x": 50, "y": 50, "radiusX": 30, "radiusY": 12.5, "ellipselabels": ["roof"]}


def _packed(values: np.ndarray, widths=(3, 4, 8, 16)) -> list[int]:
    """Values as Label Studio packs them: equal ones as a run, others one by one."""
    bits = f"{values.size:032b}" + f"{7:05b}" + "".join(f"{width - 1:04b}" for width in widths)
    at = 0
    while at < values.size:
        run = 1
        while at + run < values.size and values[at + run] == values[at]:
            run += 1
        if run == 1:  # up to where two are equal
            while at + run + 1 < values.size and values[at + run] != values[at + run + 1]:
                run += 1
            which = min(n for n, width in enumerate(widths) if run <= 2**width or n == 3)
            run = min(run, 2 ** widths[which])
            bits += f"0{which:02b}{run - 1:0{widths[which]}b}"
            bits += "".join(f"{value:08b}" for value in values[at : at + run])
        else:
            which = min(n for n, width in enumerate(widths) if run <= 2**width or n == 3)
            run = min(run, 2 ** widths[which])
            bits += f"1{which:02b}{run - 1:0{widths[which]}b}{values[at]:08b}"
        at += run
    bits += "0" * (-len(bits) % 8)
    return [int(bits[n : n + 8], 2) for n in range(0, len(bits), 8)]


def _rgba(alpha: np.ndarray, colour=(255, 76, 37)) -> np.ndarray:
    pixels = np.zeros((*alpha.shape, 4), np.uint8)
    pixels[alpha > 0, :3] = colour
    pixels[..., 3] = alpha
    return pixels.reshape(-1)


def _brush(mask: np.ndarray) -> dict:
    packed = _packed(_rgba(mask.astype(np.uint8) * 180))
    return {"format": "rle", "rle": packed, "brushlabels": ["roof"]}


def _region(value, number=0, **more) -> dict:
    named = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    kind = next((key for key in value if key.endswith("labels")), "choices")
    names = {"id": f"r{number}", "from_name": "tag", "to_name": "image", "type": kind}
    return {**names, **named, "value": value, **more}


def _task(*values, **more) -> dict:
    result = [_region(value, n) for n, value in enumerate(values)]
    data = {"image": "/data/upload/1/0a1b2c3d-a.png"}
    return {"id": 7, "data": data, "annotations": [{"result": result, "completed_by": 1}], **more}


def _raw(root: pathlib.Path, content, name="a.png") -> Folder:
    (root / "tasks.json").write_text(json.dumps(content), encoding="utf-8")
    Image.new("RGB", SIZE).save(root / name)
    return Folder(root)


def _ids(folder: Folder, source=SOURCE) -> np.ndarray:
    (sample,) = source.scan(folder).samples
    return drawing.paint(sample.drawing, source.table(CLASSES), size=SIZE).ids


def _coco(points: list[float]) -> np.ndarray:
    return coco.decode(coco.merge(coco.frPyObjects([points], HEIGHT, WIDTH)))


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(st.integers(0, 2**32 - 1), st.sampled_from([(3, 4, 8, 16), (1, 2, 5, 9)]))
def test_any_brush_mask_comes_back(seed, widths):
    chance = np.random.default_rng(seed)
    height, width = chance.integers(1, 24, 2).tolist()
    alpha = chance.choice([0, 0, 0, 1, 180, 255], (height, width)).repeat(2, 0).repeat(3, 1)
    colour = chance.integers(0, 256, 3)
    packed = _packed(_rgba(alpha.astype(np.uint8), colour), widths)
    left, top, across, down, runs = brush.window(packed, 3 * width, 2 * height)
    mask = np.zeros(alpha.shape, bool)
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask[top : top + down, left : left + across] = flat.reshape(down, across)
    np.testing.assert_array_equal(mask, alpha > 0)


def test_runs_of_a_brush_stay_runs_however_large_the_picture():
    bits = f"{4 * 2**29:032b}" + f"{7:05b}" + f"{15:04b}" * 4 + ("100" + "1" * 16 + "0" * 8) * 2**15
    packed = [int(bits[n : n + 8].ljust(8, "0"), 2) for n in range(0, len(bits), 8)]
    assert brush.window(packed, 2**15, 2**14) == [0, 0, 1, 1, [1]]
    with pytest.raises(ValueError, match="cut off"):
        brush.window(packed[:-9], 2**15, 2**14)
    with pytest.raises(ValueError, match="pixels"):
        brush.window(packed, 2**16, 2**16)


@pytest.mark.parametrize(
    "packed", [10**12, "1", [0] * 4, [256], [-1], [None], [0, 0, 5, 0, 0, 0, 0, 0]]
)
def test_a_broken_brush_mask_is_refused(tmp_path, packed):
    folder = _raw(tmp_path, [_task({"rle": packed, "format": "rle", "brushlabels": ["roof"]})])
    with pytest.raises(AnnotationError, match=r"tasks\.json"):
        _ids(folder)


def test_a_polygon_is_filled_as_its_coco_export(tmp_path):
    ids = _ids(_raw(tmp_path, [_task(SQUARE)]))
    np.testing.assert_array_equal(ids, _coco([2, 2, 12, 2, 12, 8, 2, 8]))


@pytest.mark.parametrize("degrees", [0, 17, 90, 200, -33.5])
def test_a_turned_box_lies_where_label_studio_has_it(tmp_path, degrees):
    ids = _ids(_raw(tmp_path, [_task({**BOX, "rotation": degrees})]))
    # Its converter goes by way of the middle, half a diagonal, and angles.
    across, down, turn = 10.0, 6.0, math.radians(degrees)
    alpha, radius = math.atan2(down, across), math.hypot(across, down) / 2
    middle = 2 + radius * math.cos(alpha + turn), 2 + radius * math.sin(alpha + turn)
    angles = (math.pi + alpha, -alpha, alpha, math.pi - alpha)
    corners = [
        round(at + radius * function(angle + turn), 9)
        for angle in angles
        for at, function in zip(middle, (math.cos, math.sin), strict=True)
    ]
    expected = _coco(corners) * 2
    assert np.count_nonzero(ids != expected) <= 1


def test_an_ellipse_turns_about_its_middle(tmp_path):
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    flat = ((x - 10) / 6) ** 2 + ((y - 8) / 2) ** 2 <= 1
    np.testing.assert_array_equal(_ids(_raw(tmp_path, [_task(ELLIPSE)])), flat)
    upright = ((x - 10) / 2) ** 2 + ((y - 8) / 6) ** 2 <= 1
    turned = {**ELLIPSE, "rotation": 90}
    np.testing.assert_array_equal(_ids(_raw(tmp_path, [_task(turned)])), upright)


def test_later_regions_lie_above(tmp_path):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[3:5, 3:5] = True
    ids = _ids(_raw(tmp_path, [_task(BOX, _brush(mask))]))
    assert (ids == 1).tolist() == mask.tolist()
    assert np.count_nonzero(ids) == 60


def test_what_is_no_shape_paints_nothing(tmp_path):
    point = {"x": 10, "y": 10, "width": 0.5, "keypointlabels": ["roof"]}
    box = {key: BOX[key] for key in ("x", "y", "width", "height")}
    folder = _raw(tmp_path, [_task(point, {**box, "choices": ["new"]}, {"text": ["hello"]})])
    assert not _ids(folder).any()


def test_a_label_of_a_second_tag_counts_once(tmp_path):
    box = {key: BOX[key] for key in ("x", "y", "width", "height")}
    task = _task()
    task["annotations"][0]["result"] = [
        _region(box, type="rectangle"),
        _region({**box, "labels": ["road"]}, type="labels"),
        _region(box, 1, type="rectangle"),
    ]
    scan = LabelStudio().scan(_raw(tmp_path, [task]))
    shapes, _ = drawing.load(scan.samples[0].drawing)
    assert [shape.label for shape in shapes] == ["road", ""]


def test_a_shape_whose_label_was_taken_away_is_told(tmp_path):
    box = {key: BOX[key] for key in ("x", "y", "width", "height")}
    task = _task()
    task["annotations"][0]["result"] = [_region(box, type="rectanglelabels")]
    assert "" in LabelStudio().scan(_raw(tmp_path, [task])).labels


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("/data/upload/1/0a1b2c3d-a.png", "a.png"),
        ("/data/upload/1/0a1b2c3d-a.png", "0a1b2c3d-a.png"),
        ("/data/local-files/?d=roofs/a%20b.png", "a b.png"),
        ("https://x.org/p/a%20b.png?token=1", "a b.png"),
        ("s3://bucket/p/a.png", "a.png"),
        ("/tasks/3/resolve/?fileuri=czM6Ly9iL2EucG5n", "a.png"),
        ("../../../etc/a.png", "a.png"),
        ("C:\\data\\a.png", "a.png"),
    ],
)
def test_images_are_found_by_their_address(tmp_path, address, file):
    folder = _raw(tmp_path, [_task(SQUARE, data={"image": address})], file)
    assert [sample.image for sample in LabelStudio().scan(folder).samples] == [file]


def test_a_file_outside_is_never_the_image(tmp_path):
    (tmp_path / "raw").mkdir()
    Image.new("RGB", SIZE).save(tmp_path / "b.png")
    folder = _raw(
        tmp_path / "raw", [_task(SQUARE, data={"image": "/data/local-files/?d=../b.png"})]
    )
    scan = LabelStudio().scan(folder)
    assert not scan.samples
    assert Fault.NO_IMAGE in {remark.fault for remark in scan.remarks}


def _two() -> dict:
    task = _task(SQUARE)
    first = {**task["annotations"][0], "created_at": "2024-02-01T10:00:00Z", "completed_by": 1}
    second = {"result": [_region(BOX)], "created_at": "2024-01-01T10:00:00Z"}
    second["completed_by"] = {"id": 2, "email": "b@x.org"}
    return {**task, "annotations": [first, second]}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (LabelStudio(take="first"), 2),
        (LabelStudio(take="last"), 1),
        (LabelStudio(annotator=1), 1),
        (LabelStudio(annotator="b@x.org"), 2),
        (LabelStudio(annotator=2), 2),
    ],
)
def test_one_of_several_annotations_is_chosen(tmp_path, source, value):
    assert _ids(_raw(tmp_path, [_two()]), source).max() == value


def test_several_annotations_without_a_choice_are_refused(tmp_path):
    with pytest.raises(AnnotationError, match=r"2 times, by 1, b@x.org; .*take='first'"):
        _ids(_raw(tmp_path, [_two()]))
    with pytest.raises(DeclarationError, match="take"):
        LabelStudio(take="best")


def test_a_cancelled_annotation_does_not_count(tmp_path):
    task = _two()
    task["annotations"][1]["was_cancelled"] = True
    assert _ids(_raw(tmp_path, [task])).max() == 1
    task["annotations"][0]["was_cancelled"] = True
    scan = LabelStudio().scan(_raw(tmp_path, [task]))
    assert {remark.fault for remark in scan.remarks} == {Fault.NO_ANNOTATION}


def test_an_empty_annotation_says_that_there_is_nothing(tmp_path):
    assert not _ids(_raw(tmp_path, [_task()])).any()


def _min(*values, **more) -> dict:
    regions = [{**v, "original_width": WIDTH, "original_height": HEIGHT} for v in values]
    told = {"annotator": 1, "annotation_id": 3, "created_at": "2024-01-01", "lead_time": 2.5}
    return {"image": "a.png", "id": 7, "tag": regions, **told, **more}


def test_json_min_gives_the_same_mask(tmp_path):
    mask = np.eye(HEIGHT, WIDTH, dtype=bool)
    values = SQUARE, {**BOX, "rotation": 20}, ELLIPSE, _brush(mask)
    full = _ids(_raw(tmp_path, [_task(*values)]))
    np.testing.assert_array_equal(_ids(_raw(tmp_path, [_min(*values)])), full)


def test_json_min_has_annotators_too(tmp_path):
    records = [_min(SQUARE), _min(BOX, annotator=2, annotation_id=4, created_at="2024-01-02")]
    assert _ids(_raw(tmp_path, records), LabelStudio(annotator=2)).max() == 2
    with pytest.raises(AnnotationError, match="annotated 2 times, by 1, 2"):
        _ids(_raw(tmp_path, records))


def test_a_file_for_each_annotation_is_read(tmp_path):
    task = _task(SQUARE)
    content = {**task["annotations"][0], "task": {"id": 7, "data": {"image": "a.png"}}}
    assert np.count_nonzero(_ids(_raw(tmp_path, content))) == 60


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image_rotation": 90}, "turned"),
        ({"item_index": 1}, "pages"),
        ({"to_name": "other"}, "several images"),
        ({"original_width": 19}, "several images"),
        ({"value": {**SQUARE, "vertices": []}}, "of the kind"),
        ({"value": {**_brush(np.ones((2, 2))), "format": "png"}}, "format"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, change, reason):
    task = _task(SQUARE, SQUARE)
    task["annotations"][0]["result"][1].update(change)
    with pytest.raises(AnnotationError, match=reason):
        _ids(_raw(tmp_path, [task]))


def test_the_image_is_asked_for_where_there_are_two(tmp_path):
    task = _task(SQUARE, data={"image": "a.png", "mask": "b.png"})
    with pytest.raises(AnnotationError, match="'image', 'mask'"):
        _ids(_raw(tmp_path, [task]))
    assert _ids(_raw(tmp_path, [task]), LabelStudio(image="image")).any()


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b"[{}]", b"[" * 100_000, b"\xff", b"[[]]"])
def test_what_is_no_label_studio_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(AnnotationError, match=r"a\.json"):
        LabelStudio().scan(Folder(tmp_path))


def test_2000_mutated_files_are_read_or_refused(tmp_path):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[3:5, 3:5] = True
    folder = _raw(tmp_path, [_task(SQUARE, {**BOX, "rotation": 20}, ELLIPSE, _brush(mask))])

    def read(text):
        mutants.put(tmp_path / "tasks.json", text)
        for sample in LabelStudio().scan(folder).samples:
            drawing.paint(sample.drawing, LabelStudio().table(CLASSES), size=SIZE)

    mutants.try_all((tmp_path / "tasks.json").read_bytes(), read)
