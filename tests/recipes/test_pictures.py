"""Pictures show what was missed, what was made up, and what does not count."""

import dataclasses
import io
import pathlib

import numpy as np
from PIL import Image

from recipes.core import pictures
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


def test_best_median_and_worst_are_chosen_and_the_worst_are_most() -> None:
    chosen = pictures.choose([0.5, float("nan"), *np.linspace(0, 1, 30)], count=5)
    assert list(chosen) == [31, 0, 4, 3, 2]
    assert [str(rank) for rank in chosen.values()] == [
        *("best, 1 of 31", "median, 16 of 31"),
        *("worst, 29 of 31", "worst, 30 of 31", "worst, 31 of 31"),
    ]
    assert list(pictures.choose([0.1, 0.9])) == [1, 0]
    assert pictures.choose([]) == {}
    for count in range(1, 20):
        few = pictures.choose(list(np.linspace(0, 1, count)))
        assert [rank.place for rank in few.values()] == sorted({r.place for r in few.values()})
        assert len(few) == min(count, pictures.COUNT)


def made(name: str = "one") -> pictures.Picture:
    truth = np.array([[0, 1, VOID, VOID, VOID, VOID, 0, 2]], np.uint8)
    predicted = np.array([[0, 0, 1, 1, 1, 1, 2, 1]], np.uint8)
    return pictures.make(
        np.full((1, 8, 3), 90, np.uint8),
        truth,
        predicted,
        palette=PALETTE,
        top=255.0,
        name=name,
        rank=pictures.Rank(kind="best", place=1, count=1),
        class_iou=(0.5, float("nan"), 1.0),
    )


def test_layers_are_clear_where_there_is_nothing_to_say() -> None:
    picture = made()
    assert picture.iou == 0.75
    assert picture.layers.size == (8, 1)
    shown = {
        name: [
            pixel[:3] if pixel[3] else None
            for pixel in Image.open(io.BytesIO(data)).convert("RGBA").getdata()
        ]
        for name, data in dataclasses.asdict(picture.layers).items()
        if name in ("truth", "predicted", "error")
    }
    white = (255, 255, 255)
    assert shown["truth"] == [None, PALETTE[1], None, white, white, white, None, PALETTE[2]]
    assert shown["predicted"] == [None, None, *[PALETTE[1]] * 4, PALETTE[2], PALETTE[1]]
    void = [pictures.GREY] * 4
    assert shown["error"] == [None, pictures.MISSED, *void, pictures.FALSE, pictures.OTHER]


def test_many_classes_keep_their_colours_and_noise_stays_small() -> None:
    rng = np.random.default_rng(1)
    palette = [(i, 255 - i, 7) for i in range(254)]
    ids = rng.integers(0, 254, (700, 600), np.uint8)
    pixels = rng.integers(0, 256, (700, 600, 3), np.uint8)
    layers = pictures.layers(pixels, ids, ids, palette=palette, top=255.0)
    sizes = [len(data) for data in dataclasses.astuple(layers)[1:]]
    assert sum(sizes) <= pictures.HEAVIEST
    step = -(-700 // layers.size[1])
    truth = np.asarray(Image.open(io.BytesIO(layers.truth)).convert("RGB"))
    np.testing.assert_array_equal(truth, np.array(palette, np.uint8)[ids[::step, ::step]])
    assert Image.open(io.BytesIO(layers.image)).size == layers.size == truth.shape[1::-1]


def test_names_of_examples_cannot_leave_the_folder(tmp_path: pathlib.Path) -> None:
    (path,) = pictures.save([made("../a/b c")], tmp_path / "pictures")
    assert path.parent == tmp_path / "pictures"
    assert Image.open(path).size == (4 * 8 + 3 * pictures.GAP, 1)
