"""Pictures show what was missed, what was made up, and what does not count."""

import pathlib

import numpy as np
from PIL import Image

from recipes.core import charts, pictures
from recipes.core.dataset import VOID

PALETTE = ((0, 0, 0), (200, 0, 0), (0, 0, 200))


def test_error_panel_tells_the_kinds_of_error_apart() -> None:
    truth = np.array([[0, 1, 0, 1, VOID, 2]], np.uint8)
    predicted = np.array([[0, 0, 1, 2, 1, 2]], np.uint8)
    pixels = np.full((1, 6, 3), 100, np.uint8)
    strip = pictures.draw(pixels, truth, predicted, palette=PALETTE, top=255.0)
    assert strip.shape == (1, 4 * 6 + 3 * pictures.GAP, 3)
    error = [tuple(int(v) for v in pixel) for pixel in strip[0, -6:]]
    assert error[1:5] == [pictures.MISSED, pictures.FALSE, pictures.OTHER, pictures.GREY]
    assert error[0] == error[5] == (139, 139, 139)
    shown = [tuple(int(v) for v in p) for p in strip[0, 6 + pictures.GAP :][:6]]
    assert shown == [PALETTE[0], PALETTE[1], PALETTE[0], PALETTE[1], pictures.GREY, PALETTE[2]]


def test_large_image_is_thinned_and_masks_keep_their_ids() -> None:
    truth = np.zeros((2000, 1000), np.uint8)
    strip = pictures.draw(
        np.zeros((2000, 1000, 4), np.uint8), truth, truth, palette=PALETTE, top=255.0
    )
    assert strip.shape[0] <= pictures.LARGEST


def test_any_bands_and_depth_become_visible() -> None:
    deep = np.linspace(0, 900, 16, dtype=np.uint16).reshape(4, 4, 1)
    shown = pictures.visible(deep, top=65535.0)
    assert shown.shape == (4, 4, 3)
    assert shown.max() == 255
    assert pictures.visible(np.zeros((2, 2, 7), np.uint16), top=65535.0).shape == (2, 2, 3)


def test_best_and_worst_are_among_the_chosen() -> None:
    chosen = pictures.choose([0.5, float("nan"), *np.linspace(0, 1, 30)], count=5)
    assert len(chosen) == 5
    assert chosen[31] == "best"
    assert chosen[2] == "worst"
    assert 1 not in chosen
    assert list(pictures.choose([0.1, 0.9])) == [1, 0]
    assert pictures.choose([]) == {}


def test_names_of_examples_cannot_leave_the_folder(tmp_path: pathlib.Path) -> None:
    strip = np.zeros((2, 2, 3), np.uint8)
    picture = pictures.Picture(name="../a/b c", iou=1.0, rank="best", strip=strip)
    (path,) = pictures.save([picture], tmp_path / "pictures")
    assert path.parent == tmp_path / "pictures"
    assert Image.open(path).size == (2, 2)


def test_chart_has_a_line_per_series_and_survives_one_point() -> None:
    found = charts.lines([1, 2, 3], {"a": [1, 2, 3], "b": [3, 2, 1]}, title="T")
    assert found.count("<polyline") == 2
    assert "<circle" in charts.lines([1], {"a": [0.5]}, title="T")
    assert charts.lines([], {"a": []}, title="T") == ""
