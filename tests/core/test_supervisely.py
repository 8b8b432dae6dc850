"""Supervisely: polygons as OpenCV fills them, bitmaps as compressed PNGs."""

import base64
import io
import json
import pathlib
import zlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from PIL import Image

import mutants
from seg_datasets.core import drawing, painting
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources import AnnotationError, Folder, Supervisely

SOURCE = Supervisely()
CLASSES = ClassTable("ground", "roof", "road")
SIZE = WIDTH, HEIGHT = 20, 14

# What OpenCV 4.11 and 5.0 make of these: the second ring is drawn with 0.
SLANTED = [[1, 2], [17, 0], [19, 9], [8, 13], [3, 10]]
HOLE = [[6, 4], [14, 3], [12, 9], [7, 8]]
HOLED = """
..............####..
......############..
.#################..
.##########....####.
.#####.........####.
..####........#####.
..####........#####.
..#####.......######
..#####......#######
...#######...#######
...###############..
....###########.....
......#######.......
........##..........
"""
CROSSED = [[2, 1], [16, 12], [17, 2], [3, 11]]
CROSSING = """
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


def _polygon(outer, *holes, **more) -> dict:
    points = {"exterior": outer, "interior": list(holes)}
    return {"classTitle": "roof", "geometryType": "polygon", "points": points, **more}


def _png(picture: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", **options)
    return file.getvalue()


def _bitmap(png: bytes, origin=(3, 2), kind="bitmap", *, packed=True) -> dict:
    data = base64.b64encode(zlib.compress(png) if packed else png).decode()
    bitmap = {"origin": list(origin), "data": data}
    return {"classTitle": "road", "geometryType": kind, kind: bitmap}


def _palette(mask: np.ndarray) -> Image.Image:
    picture = Image.fromarray(mask.astype(np.uint8))
    picture.putpalette([0, 0, 0, 255, 255, 255])
    return picture


MASK = np.eye(5, 7, dtype=bool) | np.eye(5, 7, 2, dtype=bool)


def _raw(root: pathlib.Path, *objects, name="a.png.json", size=SIZE) -> Folder:
    content = {"description": "", "tags": [], "size": {"width": size[0], "height": size[1]}}
    (root / "ds" / "ann").mkdir(parents=True, exist_ok=True)
    (root / "ds" / "img").mkdir(exist_ok=True)
    (root / "meta.json").write_text('{"classes": [], "tags": []}')
    text = json.dumps({**content, "objects": list(objects)})
    (root / "ds" / "ann" / name).write_text(text, encoding="utf-8")
    Image.new("RGB", SIZE).save(root / "ds" / "img" / "a.png")
    return Folder(root)


def _ids(folder: Folder, source=SOURCE) -> np.ndarray:
    (sample,) = source.scan(folder).samples
    return drawing.paint(sample.drawing, source.table(CLASSES), size=SIZE).ids


def _rows(text: str) -> list[list[bool]]:
    return [[mark == "#" for mark in row] for row in text.split()]


def test_a_polygon_is_filled_as_opencv_does(tmp_path):
    assert (_ids(_raw(tmp_path, _polygon(SLANTED, HOLE))) == 1).tolist() == _rows(HOLED)
    assert (_ids(_raw(tmp_path, _polygon(CROSSED))) == 1).tolist() == _rows(CROSSING)


def _line(start, end) -> set[tuple[int, int]]:
    """Bresenham's line, step by step from the left."""
    (x, y), (x2, y2) = sorted([start, end])
    across, down, way = x2 - x, abs(y2 - y), 1 if y2 > y else -1
    steep = down > across
    long, short = max(across, down), min(across, down)
    error = long - 2 * short
    found = {(x, y)}
    for _ in range(long):
        aside = error < 0
        error += 2 * (long if aside else 0) - 2 * short
        x, y = x + (1 if not steep or aside else 0), y + (way if steep or aside else 0)
        found.add((x, y))
    return found


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), min_size=3, max_size=8)
)
def test_opencv_is_even_odd_with_all_of_the_outline(points):
    expected = np.zeros((21, 31), bool)
    for y in range(21):
        crossings = sorted(
            x1 + (x2 - x1) * (y - y1) / (y2 - y1)
            for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True)
            if min(y1, y2) <= y < max(y1, y2)
        )
        for left, right in zip(crossings[::2], crossings[1::2], strict=True):
            expected[y, int(np.ceil(left - 1e-9)) : int(np.floor(right + 1e-9)) + 1] = True
    for start, end in zip(points, points[1:] + points[:1], strict=True):
        for x, y in _line(start, end):
            expected[y, x] = True
    flat = [float(v) for point in points for v in point]
    left, top, mask = painting.KINDS["opencv"]([flat], (31, 21))
    found = np.zeros((21, 31), bool)
    found[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    np.testing.assert_array_equal(found, expected)


def test_rings_take_no_more_time_than_what_is_seen_of_them():
    paint, size = painting.KINDS["opencv"], (1000, 1000)
    whole = [0, 0, 999, 0, 999, 999, 0, 999]
    aside = [-3000, -3000, -5, -3000, -5, -5, -3000, -5]
    assert not paint([aside], size)[2].size
    assert paint([whole, aside], size)[2].all()
    with pytest.raises(ValueError, match="outside"):
        paint([[-3000, -3000, 1, -3000, 1, 1, -3000, 1]], size)
    with pytest.raises(ValueError, match="over and over"):
        paint([whole] * 30, size)


def test_what_leaves_the_picture_is_cut_off(tmp_path):
    ids = _ids(
        _raw(
            tmp_path,
            _polygon([[-6, -4], [8, -4], [8, 5], [-6, 5]], [[-9, 1], [3, 1], [3, 3], [-9, 3]]),
        )
    )
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[:6, :9] = True
    expected[1:4, :4] = False
    assert (ids == 1).tolist() == expected.tolist()
    assert not _ids(_raw(tmp_path, _polygon([[30, 3], [35, 3], [33, 9]]))).any()


def test_a_rectangle_holds_both_its_corners(tmp_path):
    points = {"exterior": [[12, 8], [2.4, 3]], "interior": []}
    box = {"classTitle": "roof", "geometryType": "rectangle", "points": points}
    ids = _ids(_raw(tmp_path, box))
    assert np.argwhere(ids).min(axis=0).tolist() == [3, 2]
    assert np.count_nonzero(ids) == 11 * 6


@pytest.mark.parametrize(
    "png",
    [
        _png(_palette(MASK), transparency=0, optimize=0),
        _png(_palette(MASK)),
        _png(Image.fromarray(MASK)),
        _png(Image.fromarray(MASK.astype(np.uint8) * 255)),
        _png(Image.fromarray(np.dstack([MASK * np.uint8(0)] * 3 + [MASK * np.uint8(255)]))),
    ],
)
def test_each_way_to_keep_a_bitmap_is_read(tmp_path, png):
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[2:7, 3:10] = MASK
    for packed in (True, False):
        ids = _ids(_raw(tmp_path, _bitmap(png, packed=packed)))
        assert (ids == 2).tolist() == expected.tolist()


def test_an_alpha_mask_is_cut_at_its_opacity(tmp_path):
    grey = np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5)
    one = _bitmap(_png(Image.fromarray(grey), transparency=0), kind="alpha_mask")
    for source in (Supervisely(), Supervisely(opacity=1)):
        ids = _ids(_raw(tmp_path, one), source)
        assert (ids[2:7, 3:8] == 2).tolist() == (grey >= source.opacity).tolist()


def test_lines_have_to_be_spoken_about(tmp_path):
    line = {"exterior": [[2, 5], [11, 5]], "interior": []}
    one = {"classTitle": "road", "geometryType": "line", "points": line}
    point = {**one, "geometryType": "point", "points": {"exterior": [[4, 9]], "interior": []}}
    folder = _raw(tmp_path, one, point)
    with pytest.raises(AnnotationError, match="line_width"):
        _ids(folder)
    assert not _ids(folder, Supervisely(line_width=0)).any()
    assert np.argwhere(_ids(folder, Supervisely(line_width=1))).tolist() == [
        *([5, x] for x in range(2, 12)),
        [9, 4],
    ]


def test_an_image_is_that_of_its_own_dataset(tmp_path):
    folder = _raw(tmp_path, _polygon(SLANTED))
    (tmp_path / "other" / "img").mkdir(parents=True)
    Image.new("RGB", SIZE).save(tmp_path / "other" / "img" / "a.png")
    scan = Supervisely().scan(folder)
    assert [sample.image for sample in scan.samples] == ["ds/img/a.png"]


def test_older_names_leave_out_the_extension(tmp_path):
    scan = Supervisely().scan(_raw(tmp_path, _polygon(SLANTED), name="a.json"))
    assert [sample.image for sample in scan.samples] == ["ds/img/a.png"]


@pytest.mark.parametrize(
    "one",
    [
        _bitmap(_png(_palette(MASK)), (15, 2)),
        _bitmap(_png(_palette(MASK)), (-1, 2)),
        _bitmap(b"\0" * 10**7),
        _bitmap(b"no PNG"),
        _bitmap(_png(Image.new("1", (9000, 9000)))),
        {**_bitmap(b""), "bitmap": {"origin": [0, 0], "data": "eJz//w=="}},
        {**_bitmap(b""), "bitmap": {"origin": [0, 0], "data": "?"}},
        {**_polygon(SLANTED), "geometryType": "mesh"},
        _polygon([[0, 0], [10**400, 3], [3, 9]]),
        {"classTitle": "road"},
    ],
)
def test_a_hostile_object_is_refused(tmp_path, one):
    with pytest.raises(AnnotationError, match=r"a\.png\.json"):
        _ids(_raw(tmp_path, one))


def test_a_bomb_is_not_unpacked(tmp_path):
    packed = zlib.compress(b"\x89PNG\r\n\x1a\n" + b"\0" * (1 << 27), 9)
    one = _bitmap(b"")
    one["bitmap"]["data"] = base64.b64encode(packed).decode()
    with pytest.raises(AnnotationError, match="more than"):
        _ids(_raw(tmp_path, one, size=(20_000, 20_000)))


def test_points_far_outside_are_refused(tmp_path):
    with pytest.raises(ImageError, match="far outside"):
        _ids(_raw(tmp_path, _polygon([[0, 0], [3_000_000, 3], [3, 3_000_000]])))
    with pytest.raises(AnnotationError, match="pixels"):
        _ids(_raw(tmp_path, size=(1 << 20, 1 << 20)))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"[" * 100_000, b"\xff"])
def test_what_is_no_supervisely_is_refused(tmp_path, content):
    folder = _raw(tmp_path)
    (tmp_path / "ds" / "ann" / "a.png.json").write_bytes(content)
    with pytest.raises(AnnotationError, match=r"a\.png\.json"):
        Supervisely().scan(folder)


def test_2000_mutated_files_are_read_or_refused(tmp_path):
    png = _png(_palette(MASK), transparency=0)
    folder = _raw(tmp_path, _polygon(SLANTED, HOLE), _bitmap(png), _bitmap(png, packed=False))
    source = Supervisely(line_width=1)
    file = tmp_path / "ds" / "ann" / "a.png.json"

    def read(text):
        mutants.put(file, text)
        for sample in source.scan(folder).samples:
            drawing.paint(sample.drawing, source.table(CLASSES), size=SIZE)

    mutants.try_all(file.read_bytes(), read)
