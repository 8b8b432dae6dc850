"""Labelbox: shapes of NDJSON, masks from a folder."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.sources import AnnotationError, Folder, Labelbox, foreign

SOURCE = Labelbox()
CLASSES = ClassTable("ground", "roof", "road")
SIZE = WIDTH, HEIGHT = 20, 14
ADDRESS = "https://api.labelbox.com/api/v1/tasks"

# What OpenCV makes of the points without what lies behind the point, as Labelbox's tools do.
SLANTED = [(2.9, 1.2), (16.5, 12.99), (17, 2), (3.1, 11.0)]
FILLED = """
....................
..#.................
..##.............#..
..####.........###..
..#####.......####..
..######....######..
..########.#######..
...##############...
...######..######...
...####.....#####...
...###.......####...
...#...........##...
................#...
....................
"""


def _object(name="roof", number=1, **drawn) -> dict:
    return {"feature_id": f"f{number}", "name": name, "classifications": [], **drawn}


def _polygon(points=SLANTED, **more) -> dict:
    return _object(polygon=[{"x": x, "y": y} for x, y in points], **more)


def _box(top=3, left=2, height=5, width=10, **more) -> dict:
    sides = {"top": top, "left": left, "height": height, "width": width}
    return _object(bounding_box=sides, **more)


def _label(*objects, by="a@x.org", at="2024-01-01") -> dict:
    details = {"created_by": by, "created_at": at}
    return {"id": "l", "label_details": details, "annotations": {"objects": list(objects)}}


def _row(*labels, name="a.png", project="p1") -> dict:
    return {
        "data_row": {"id": "row1", "external_id": name, "row_data": "https://x.org/up/b.png?k=1"},
        "media_attributes": {"height": HEIGHT, "width": WIDTH, "mime_type": "image/png"},
        "projects": {project: {"name": f"project {project}", "labels": list(labels)}},
    }


def _raw(root: pathlib.Path, *rows) -> Folder:
    (root / "e.ndjson").write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    Image.new("RGB", SIZE).save(root / "a.png")
    return Folder(root)


def _ids(folder: Folder, source=SOURCE) -> np.ndarray:
    (sample,) = source.scan(folder).samples
    return drawing.paint(sample.drawing, source.table(CLASSES), size=SIZE).ids


def test_a_polygon_is_filled_as_labelboxs_tools_do(tmp_path):
    expected = [[mark == "#" for mark in row] for row in FILLED.split()]
    assert (_ids(_raw(tmp_path, _row(_label(_polygon())))) == 1).tolist() == expected


def test_a_box_holds_both_its_corners(tmp_path):
    ids = _ids(_raw(tmp_path, _row(_label(_box()))))
    rows, columns = np.nonzero(ids)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (3, 8, 2, 12)
    assert np.count_nonzero(ids) == 6 * 11


def _masked(root: pathlib.Path) -> tuple[Folder, np.ndarray]:
    colours = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colours[2:5, 3:9] = 142, 220, 196
    colours[6:9, 1:4] = 255, 0, 0
    url = {"url": f"{ADDRESS}/composites/x/index/1"}
    folder = _raw(
        root,
        _row(
            _label(
                _object(composite_mask={**url, "color_rgb": [142, 220, 196]}),
                _object("road", 2, composite_mask={**url, "color_rgb": [255, 0, 0]}),
            )
        ),
    )
    return folder, colours


def test_masks_in_colours_are_told_apart(tmp_path):
    folder, colours = _masked(tmp_path)
    with pytest.raises(AnnotationError, match=r"download .* masks/f1.png, or .* masks/row1.png"):
        _ids(folder)
    (tmp_path / "masks").mkdir()
    Image.fromarray(colours).save(tmp_path / "masks" / "row1.png")
    folder = Folder(tmp_path)
    scan = Labelbox().scan(folder)
    assert scan.others == ("e.ndjson", "masks/row1.png")
    assert not scan.remarks
    ids = _ids(folder)
    assert (ids == 1).tolist() == (colours[..., 0] == 142).tolist()
    assert (ids == 2).tolist() == (colours[..., 0] == 255).tolist()
    Image.fromarray(np.eye(HEIGHT, WIDTH, dtype=bool)).save(tmp_path / "masks" / "f2.png")
    assert (_ids(Folder(tmp_path)) == 2).tolist() == np.eye(HEIGHT, WIDTH, dtype=bool).tolist()


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_a_broken_mask_is_refused(tmp_path, content):
    _masked(tmp_path)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "row1.png").write_bytes(content)
    with pytest.raises(AnnotationError, match=r"row1\.png"):
        _ids(Folder(tmp_path))


def test_a_mask_of_another_size_is_refused(tmp_path):
    _masked(tmp_path)
    (tmp_path / "masks").mkdir()
    Image.new("RGB", (HEIGHT, WIDTH)).save(tmp_path / "masks" / "row1.png")
    with pytest.raises(AnnotationError, match="14×20 pixels"):
        _ids(Folder(tmp_path))


def test_a_mask_never_leads_out_of_its_folder(tmp_path):
    (tmp_path / "raw").mkdir()
    Image.new("RGB", SIZE, "white").save(tmp_path / "secret.png")
    one = {**_object(mask={"url": ADDRESS}), "feature_id": "../../secret"}
    with pytest.raises(AnnotationError, match="download"):
        _ids(_raw(tmp_path / "raw", _row(_label(one))))


def test_lines_have_to_be_spoken_about(tmp_path):
    line = _object(line=[{"x": 2, "y": 5}, {"x": 11.4, "y": 5}])
    folder = _raw(tmp_path, _row(_label(line, _object(point={"x": 4, "y": 9}))))
    with pytest.raises(AnnotationError, match="line_width"):
        _ids(folder)
    assert not _ids(folder, Labelbox(line_width=0)).any()
    assert np.count_nonzero(_ids(folder, Labelbox(line_width=1))) == 11


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (Labelbox(take="first"), 2),
        (Labelbox(take="last"), 1),
        (Labelbox(annotator="b@x.org"), 2),
    ],
)
def test_one_of_several_labels_is_chosen(tmp_path, source, value):
    second = _label(_box(name="road"), by="b@x.org", at="2023-01-01")
    folder = _raw(tmp_path, _row(_label(_polygon()), second))
    assert _ids(folder, source).max() == value
    with pytest.raises(AnnotationError, match=r"2 times, by a@x\.org, b@x\.org"):
        _ids(folder)


def test_one_of_several_projects_is_chosen(tmp_path):
    row = _row(_label(_polygon()))
    row["projects"]["p2"] = {"name": "roads", "labels": [_label(_box(name="road"))]}
    folder = _raw(tmp_path, row)
    with pytest.raises(AnnotationError, match="2 times"):
        _ids(folder)
    assert _ids(folder, Labelbox(project="roads")).max() == 2
    assert _ids(folder, Labelbox(project="p1")).max() == 1


@pytest.mark.parametrize("name", ["a.png", "up\\a.png", "../../a.png", ""])
def test_images_are_found_by_one_of_their_names(tmp_path, name):
    row = _row(_label(_box()), name=name)
    if not name:
        row["data_row"]["row_data"] = "https://x.org/up/a.png?k=1"
    assert [s.image for s in Labelbox().scan(_raw(tmp_path, row)).samples] == ["a.png"]


def test_one_list_of_rows_is_read_too(tmp_path):
    folder = _raw(tmp_path)
    (tmp_path / "e.ndjson").write_text(json.dumps([_row(_label(_box()))], indent=2))
    assert np.count_nonzero(_ids(folder)) == 6 * 11


def test_a_line_without_end_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "_LONGEST_LINE", 100)
    with pytest.raises(AnnotationError, match="line 1 has more than 100 bytes"):
        _ids(_raw(tmp_path, _row(_label(_box()))))


@pytest.mark.parametrize("content", [b"1", b"[1]", b"{}", b"[" * 100_000, b"\xff", b'{"a": NaN}'])
def test_what_is_no_labelbox_is_refused(tmp_path, content):
    (tmp_path / "a.ndjson").write_bytes(content)
    with pytest.raises(AnnotationError, match=r"a\.ndjson"):
        Labelbox().scan(Folder(tmp_path))


def test_2000_mutated_files_are_read_or_refused(tmp_path):
    _, colours = _masked(tmp_path)
    (tmp_path / "masks").mkdir()
    Image.fromarray(colours).save(tmp_path / "masks" / "row1.png")
    mask = _object("road", composite_mask={"url": ADDRESS, "color_rgb": [255, 0, 0]})
    folder = _raw(tmp_path, _row(_label(_polygon(), _box(), mask)))
    source = Labelbox(line_width=1)

    def read(text):
        mutants.put(tmp_path / "e.ndjson", text)
        for sample in source.scan(folder).samples:
            drawing.paint(sample.drawing, source.table(CLASSES), size=SIZE)

    mutants.try_all((tmp_path / "e.ndjson").read_bytes(), read)
