"""Each kind of painting, against a picture that is written down or a count of pixel by pixel."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.drawing import DrawingError, Shape
from seg_datasets.core.painting import KINDS

TABLE = ClassTable("ground", "roof", "road").label_table(None)
WIDTH, HEIGHT = 12, 9

INSIDE = st.floats(-4, 16).map(lambda v: round(v, 2))
BOXES = st.tuples(INSIDE, INSIDE, INSIDE, INSIDE)


def painted(*shapes: Shape, size: tuple[int, int] = (WIDTH, HEIGHT)) -> drawing.Painted:
    return drawing.paint(drawing.dump(shapes, size), TABLE, size=(1, 1))


def covered(kind: str, data: Sequence[Any], size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    return painted(Shape("roof", kind, data), size=size).ids == 1


def picture(text: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in text.split()])


TRIANGLE = [1, 1, 6, 1, 1, 6]


def test_polygon_is_filled_with_its_outline() -> None:
    expected = picture("""
        ........ .######. .#####.. .####... .###.... .##..... .#...... ........""")
    expected[1, 6] = True
    assert (covered("polygon", TRIANGLE, (8, 8)) == expected).all()


@pytest.mark.parametrize("kind", ["polygon", "rings"])
def test_polygon_of_one_pixel(kind: str) -> None:
    data: list = [3, 4, 3, 4, 3, 4]
    mask = covered(kind, data if kind == "polygon" else [data])
    assert np.argwhere(mask).tolist() == [[4, 3]]


@hypothesis.given(st.lists(st.tuples(INSIDE, INSIDE), min_size=3, max_size=8))
def test_polygon_is_what_pillow_draws_on_the_whole_picture(points: list) -> None:
    whole = Image.new("1", (WIDTH, HEIGHT))
    ImageDraw.Draw(whole).polygon(points, fill=1, outline=1)
    assert (covered("polygon", [v for p in points for v in p]) == np.asarray(whole)).all()


@hypothesis.given(BOXES)
def test_rectangle_as_polygon_is_pillows_rectangle(box: tuple) -> None:
    left, right = sorted(box[:2])
    top, bottom = sorted(box[2:])
    whole = Image.new("1", (WIDTH, HEIGHT))
    ImageDraw.Draw(whole).rectangle((left, top, right, bottom), fill=1, outline=1)
    corners = [left, top, right, top, right, bottom, left, bottom]
    assert (covered("polygon", corners) == np.asarray(whole)).all()


@hypothesis.given(BOXES)
def test_oval_is_what_pillow_draws_on_the_whole_picture(box: tuple) -> None:
    left, right = sorted(box[:2])
    top, bottom = sorted(box[2:])
    whole = Image.new("1", (WIDTH, HEIGHT))
    ImageDraw.Draw(whole).ellipse((left, top, right, bottom), fill=1, outline=1)
    assert (covered("oval", [left, top, right, bottom]) == np.asarray(whole)).all()


@hypothesis.given(st.lists(st.tuples(INSIDE, INSIDE), min_size=2, max_size=5), st.integers(1, 4))
def test_line_is_what_pillow_draws_on_the_whole_picture(points: list, width: int) -> None:
    whole = Image.new("1", (WIDTH, HEIGHT))
    ImageDraw.Draw(whole).line(points, fill=1, width=width)
    data = [width, *(v for p in points for v in p)]
    assert (covered("line", data) == np.asarray(whole)).all()


def test_hole_stays_open_and_keeps_its_outline() -> None:
    outer, inner = [1, 1, 9, 1, 9, 7, 1, 7], [3, 3, 7, 3, 7, 5, 3, 5]
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[1:8, 1:10] = True
    expected[4, 4:7] = False
    assert (covered("rings", [outer, inner]) == expected).all()


def test_coco_polygon_of_pixel_corners_covers_those_pixels() -> None:
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[2:5, 3:8] = True
    expected[6:8, 0:2] = True
    rings = [[3, 2, 8, 2, 8, 5, 3, 5], [0, 6, 2, 6, 2, 8, 0, 8]]
    assert (covered("coco", rings) == expected).all()


@hypothesis.given(st.lists(st.tuples(INSIDE, INSIDE), min_size=3, max_size=8))
def test_coco_polygon_is_what_its_own_tool_decodes(points: list) -> None:
    from pycocotools import mask as coco

    ring = [v for p in points for v in p]
    whole = coco.decode(coco.frPyObjects([ring], HEIGHT, WIDTH)[0]).astype(bool)
    assert (covered("coco", [ring]) == whole).all()


@hypothesis.given(
    st.integers(0, 5), st.integers(0, 4), st.integers(1, 7), st.integers(1, 5), st.data()
)
def test_runs_go_row_after_row_and_begin_outside(
    left: int, top: int, width: int, height: int, data: st.DataObject
) -> None:
    pixels = width * height
    bits = data.draw(st.lists(st.booleans(), min_size=pixels, max_size=pixels))
    runs = [len([*same]) for _, same in itertools.groupby(bits)]
    runs = [0, *runs] if bits[0] else runs
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[top : top + height, left : left + width] = np.reshape(bits, (height, width))
    assert (covered("runs", [left, top, width, height, runs]) == expected).all()


def test_columns_go_column_after_column() -> None:
    expected = picture("..#. #.#. #...")
    assert (covered("columns", [4, 3, [1, 2, 3, 2, 4]], (4, 3)) == expected).all()


@hypothesis.given(BOXES, st.floats(-400, 400))
def test_turned_box_covers_the_middles_in_it(box: tuple, degrees: float) -> None:
    mask = covered("box", [*box, degrees])
    left, top, right, bottom = box
    turn = math.radians(degrees)
    for y, x in np.ndindex(mask.shape):
        across, down = x + 0.5 - (left + right) / 2, y + 0.5 - (top + bottom) / 2
        u = abs(across * math.cos(turn) + down * math.sin(turn)) - abs(right - left) / 2
        v = abs(down * math.cos(turn) - across * math.sin(turn)) - abs(bottom - top) / 2
        if min(abs(u), abs(v)) > 1e-6:
            assert mask[y, x] == (u < 0 and v < 0)


@hypothesis.given(INSIDE, INSIDE, st.floats(0.1, 9), st.floats(0.1, 9), st.floats(-400, 400))
def test_ellipse_covers_the_middles_in_it(
    x: float, y: float, wide: float, high: float, degrees: float
) -> None:
    mask = covered("ellipse", [x, y, wide, high, degrees])
    turn = math.radians(degrees)
    for row, column in np.ndindex(mask.shape):
        across, down = column + 0.5 - x, row + 0.5 - y
        u = (across * math.cos(turn) + down * math.sin(turn)) / wide
        v = (down * math.cos(turn) - across * math.sin(turn)) / high
        if abs(u * u + v * v - 1) > 1e-6:
            assert mask[row, column] == (u * u + v * v < 1)


def test_large_turned_shapes_are_told_in_bands() -> None:
    size = 2600, 1300
    mask = covered("ellipse", [1300, 650, 1200, 600, 0], size)
    assert (mask == mask[::-1]).all()
    assert (mask == mask[:, ::-1]).all()
    assert abs(mask.sum() / (math.pi * 1200 * 600) - 1) < 1e-4


def test_later_shapes_lie_over_earlier_ones_and_lost_pixels_are_told() -> None:
    roof = Shape("roof", "box", [0, 0, 4, 4])
    road = Shape("road", "box", [2, 0, 6, 4])
    one = painted(roof, road)
    assert (one.ids[:4, :6] == [[1, 1, 2, 2, 2, 2]] * 4).all()
    assert one.lost == {(1, 2): 8}
    other = painted(road, roof)
    assert (other.ids[:4, :6] == [[1, 1, 1, 1, 2, 2]] * 4).all()
    assert other.lost == {(2, 1): 8}


def test_ground_and_shapes_of_one_class_lose_nothing() -> None:
    box = Shape("roof", "box", [0, 0, 4, 4])
    assert painted(box, box, Shape("roof", "box", [1, 1, 9, 9])).lost == {}


def test_ground_that_was_drawn_is_lost_as_any_class() -> None:
    drawn = [Shape("ground", "box", [0, 0, 4, 4]), Shape("roof", "box", [0, 0, 2, 2])]
    assert painted(*drawn).lost == {(0, 1): 4}


def test_shape_of_an_unknown_label_is_left_to_its_finding() -> None:
    assert not painted(Shape("boat", "box", [0, 0, 4, 4])).ids.any()


@pytest.mark.parametrize(
    ("kind", "data"),
    [("polygon", [1, 1]), ("polygon", []), ("coco", [[1, 1, 5, 5]]), ("coco", [])],
)
def test_shape_of_few_points_is_left_to_its_finding(kind: str, data: list) -> None:
    assert not covered(kind, data).any()


FAR = 1e300
HOSTILE = [
    ("runs", [0, 0, 4, 4, [1 << 62, 1 << 62, 1 << 62, (1 << 62) + 16]]),
    ("runs", [0, 0, 4, 4, [-4, 20]]),
    ("runs", [0, 0, 4, 4, [10**30, 16]]),
    ("runs", [0, 0, 4, 4, [15]]),
    ("runs", [0, 0, 4, 4, [[16]]]),
    ("runs", [0, 0, 4, 4, ["x"]]),
    ("runs", [0, 0, 10**9, 10**9, [10**18]]),
    ("runs", [-1, 0, 4, 4, [16]]),
    ("runs", [0, 0, 0, 4, [0]]),
    ("runs", [math.nan, 0, 4, 4, [16]]),
    ("runs", [math.inf, 0, 4, 4, [16]]),
    ("runs", []),
    ("columns", [10**6, 10**6, [10**12]]),
    ("columns", [WIDTH, HEIGHT, [107]]),
    ("polygon", [0, 0, math.nan, 4, 4, 4]),
    ("polygon", [0, 0, math.inf, 4, 4, 4]),
    ("polygon", [0, 0, FAR, 4, 4, FAR]),
    ("polygon", [0, 0, -FAR, 4, 4, FAR]),
    ("polygon", [0, 0, 1e9, 4, 4, 4]),
    ("polygon", [0, 1e6, 1e6, 0] * 1000),
    ("polygon", [1, 2, 3]),
    ("polygon", ["x", "y", 1, 1, 2, 2]),
    ("polygon", [None, 1, 2, 3, 4, 5]),
    ("coco", [[0, 0, math.nan, 4, 4, 4]]),
    ("coco", [[0, 0, FAR, 4, 4, 4]]),
    ("coco", [[0, 1e6, 1e6, 0] * 1000]),
    ("coco", [[1e9, 1e9, 1e9, 1e9 + 1, 1e9 + 1, 1e9]]),
    ("coco", [1, 2, 3]),
    ("box", [0, 0, math.inf, 4]),
    ("box", [0, 0, 4]),
    ("box", [0, 0, 4, 4, math.nan]),
    ("ellipse", [0, 0, math.inf, 4]),
    ("oval", [0, 0, math.inf, 4]),
    ("oval", [0, 0, 1e9, 1e9]),
    ("oval", [4, 4, 0, 0]),
    ("line", [1e300, 0, 0, 4, 4]),
    ("line", [0, 0, 0, 4, 4]),
    ("line", [2, 0, 0, FAR, FAR]),
    ("line", [2, *[0, 1e6, 1e6, 0] * 1000]),
    ("line", [2, 0, 0]),
]


@pytest.mark.parametrize(("kind", "data"), HOSTILE)
def test_hostile_numbers_are_refused(kind: str, data: list) -> None:
    with pytest.raises(DrawingError):
        covered(kind, data)


@pytest.mark.parametrize(("kind", "data"), [("box", [-1e9, -1e9, 1e9, 1e9])])
def test_shape_far_larger_than_the_picture_covers_it(kind: str, data: list) -> None:
    assert covered(kind, data).all()


def test_shape_beside_the_picture_covers_nothing() -> None:
    shapes = [
        ("polygon", [50, 50, 60, 50, 60, 60]),
        ("coco", [[50, 50, 60, 50, 60, 60]]),
        ("coco", [[-60, -50, -50, -50, -60, -60]]),
        ("box", [50, 50, 60, 60]),
        ("box", [3, 3, 3, 9]),
        ("ellipse", [50, -50, 9, 9]),
        ("oval", [50, 50, 60, 60]),
        ("line", [2, 50, 50, 60, 60]),
    ]
    for kind, data in shapes:
        assert not covered(kind, data).any(), kind


@pytest.mark.parametrize("size", [(0, 4), (-3, -3), (1 << 20, 1 << 20), (10**400, 1)])
def test_picture_of_impossible_size_is_refused_before_memory_is_taken(size: tuple) -> None:
    with pytest.raises(DrawingError):
        painted(size=size)


def test_shapes_over_and_over_the_same_pixels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_MOST_PAINT", 10 * WIDTH * HEIGHT)
    box = Shape("roof", "box", [0, 0, WIDTH, HEIGHT])
    assert painted(*[box] * 10).ids.all()
    with pytest.raises(DrawingError, match="11 shapes"):
        painted(*[box] * 11)


NUMBERS = st.one_of(
    st.floats(), st.integers(-30, 30), st.integers(), st.none(), st.text(max_size=2)
)
LISTS = st.recursive(NUMBERS, lambda inner: st.lists(inner, max_size=8), max_leaves=30)


@hypothesis.settings(max_examples=300)
@hypothesis.given(st.sampled_from(sorted(KINDS)), st.lists(LISTS, max_size=8))
def test_no_numbers_bring_another_error(kind: str, data: list) -> None:
    try:
        mask = covered(kind, data)
    except DrawingError:
        return
    assert mask.shape == (HEIGHT, WIDTH)
