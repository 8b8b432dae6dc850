"""What only a set can tell: one that is unlike the others, and what is wrong with all of them."""

import dataclasses
import math
import pathlib
import types
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

import defects
import kit
import misreadings
from kit import CLASSES, Raw, said
from seg_datasets.core.checks import Limits
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.survey import declared

SOURCE = kit.DECLARATION.source
NAMES = [f"{group}_{index}" for group in kit.GROUPS for index in range(6)]
RIVER = ClassTable(*CLASSES.names, "river")


@pytest.fixture
def raw(tmp_path: pathlib.Path) -> Raw:
    return kit.draw(tmp_path / "raw", each=6)


def test_clean_set_is_silent(raw: Raw) -> None:
    assert kit.findings(raw.root) == []


@pytest.mark.parametrize(
    ("code", "plant"),
    [
        ("SD107", misreadings.image_of_another_size),
        ("SD215", misreadings.inverted_mask),
        ("SD308", misreadings.full_mask),
        ("SD309", misreadings.mask_full_of_specks),
        ("SD310", misreadings.mask_mostly_void),
    ],
)
def test_one_unlike_the_others_is_the_one_finding(
    raw: Raw, code: str, plant: defects.Plant
) -> None:
    where = plant(raw, "a_1")
    assert said(kit.findings(raw.root)) == [(code, where)]


def test_small_sets_tell_nothing_of_the_kind(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    misreadings.image_of_another_size(raw, "a_0")
    misreadings.inverted_mask(raw, "a_1")
    misreadings.full_mask(raw, "b_0")
    assert kit.findings(tmp_path) == []
    assert said(kit.findings(tmp_path, limits=Limits(few=8))) != []


def test_sets_of_several_sizes_have_no_outlier(raw: Raw) -> None:
    for name in NAMES[:3]:
        misreadings.image_of_another_size(raw, name)
    assert kit.findings(raw.root) == []


def test_ids_from_which_one_was_taken(raw: Raw) -> None:
    for name in NAMES:
        raw.put(name, mask=raw.labels() - np.uint8(1))
    found = kit.findings(raw.root)
    assert said(found) == [("SD213", "all masks")]
    assert "{255: 'ground', 0: 'roof', ...}" in found[0].fix


def test_unknown_value_that_stands_beside_0_is_no_count_from_one(raw: Raw) -> None:
    ids = raw.labels()
    ids[ids == 2] = 3
    raw.put("a_0", mask=ids)
    misreadings.ids_counted_from_one(raw, "a_1")
    assert said(kit.findings(raw.root)) == [("SD201", "masks/a_0.png"), ("SD201", "masks/a_1.png")]


def test_mask_of_ids_among_masks_of_colours(raw: Raw) -> None:
    colours = np.array([[0, 0, 0], [200, 0, 0], [0, 0, 200]], np.uint8)
    for name in NAMES:
        raw.put(name, mask=colours[raw.labels()])
    values = {"#000000": "ground", "#c80000": "roof", "#0000c8": "road"}
    source = dataclasses.replace(SOURCE, values=values)
    assert kit.findings(raw.root, source=source) == []
    misreadings.mask_of_ids(raw, "a_0")
    assert said(kit.findings(raw.root, source=source)) == [("SD218", "masks/a_0.png")]


def _with_river(raw: Raw, names: list[str], pixels: int) -> None:
    for name in names:
        ids = raw.labels()
        ids[23, :pixels] = 3
        raw.put(name, mask=ids)


def test_class_that_is_hardly_there(raw: Raw) -> None:
    _with_river(raw, NAMES[::6], 1)
    limits = Limits(class_share=0.001)
    found = kit.findings(raw.root, classes=RIVER, limits=limits)
    assert said(found) == [("SD305", "class 'river'")]
    _with_river(raw, NAMES, 20)
    assert kit.findings(raw.root, classes=RIVER, limits=limits) == []


def test_class_in_fewer_groups_than_splits(raw: Raw) -> None:
    _with_river(raw, NAMES[:6], 20)
    found = kit.findings(raw.root, classes=RIVER)
    assert said(found) == [("SD306", "class 'river'")]
    assert "1 group only (a)" in found[0].message


def test_masks_that_are_mostly_empty(raw: Raw) -> None:
    for name in NAMES[::2]:
        raw.put(name, mask=np.zeros((24, 32), np.uint8))
    assert kit.findings(raw.root) == []
    raw.put(NAMES[1], mask=np.zeros((24, 32), np.uint8))
    found = kit.findings(raw.root)
    assert said(found) == [("SD307", "all masks")]
    assert found[0].message == "13 of 24 hold 'ground' only"


def test_class_that_outweighs_all_others(raw: Raw) -> None:
    for name in NAMES:
        ids = np.zeros((24, 32), np.uint8)
        ids[(*raw.rng.integers(0, 12, 2),)] = 1
        ids[(*raw.rng.integers(12, 24, 2),)] = 2
        raw.put(name, mask=ids)
    assert said(kit.findings(raw.root)) == [("SD313", "class 'ground'")]


def test_sets_that_are_mostly_void_say_so_once(raw: Raw) -> None:
    for name in NAMES:
        misreadings.mask_mostly_void(raw, name)
    assert said(kit.findings(raw.root)) == [("SD310", "all masks")]


def _scene(raw: Raw, name: str, *, move: tuple[int, int] = (0, 0)) -> str:
    """A picture whose edges are where its classes end, and its mask, moved."""
    ids = np.zeros((120, 160), np.uint8)
    for number in range(6):
        top, left = raw.rng.integers(10, 80), raw.rng.integers(10, 110)
        high, wide = raw.rng.integers(14, 30, 2)
        ids[top : top + high, left : left + wide] = 1 + number % 2
    shown = 70 * ids[..., None] + raw.rng.integers(0, 40, (120, 160, 3), np.uint8)
    return raw.put(
        name, image=Image.fromarray(shown.astype(np.uint8)), mask=np.roll(ids, move, (0, 1))
    )[1]


def test_mask_that_is_shifted_against_its_image(raw: Raw) -> None:
    for name in NAMES:
        _scene(raw, name)
    assert kit.findings(raw.root) == []
    where = _scene(raw, "a_1", move=(6, -4))
    found = kit.findings(raw.root)
    assert said(found) == [("SD311", where)]
    assert "moved 6 pixels up and 4 right" in found[0].message


def test_masks_that_are_all_shifted_in_one_way_say_so_once(raw: Raw) -> None:
    for name in NAMES:
        _scene(raw, name, move=(0, 5))
    found = kit.findings(raw.root)
    assert said(found) == [("SD312", "all masks")]
    assert "moved 5 pixels left" in found[0].message


def test_masks_that_follow_no_edges_are_not_called_shifted(raw: Raw) -> None:
    for name in NAMES:
        _scene(raw, name, move=tuple(raw.rng.integers(-7, 8, 2)))
    assert kit.findings(raw.root) == []


def _with_alpha(alpha: Callable[[np.ndarray], np.ndarray]) -> defects.Plant:
    def plant(raw: Raw, name: str) -> str:
        ids = raw.labels()
        picture = raw.picture()
        picture.putalpha(Image.fromarray(alpha(ids).astype(np.uint8)))
        return raw.put(name, image=picture, mask=ids)[0]

    return plant


@pytest.mark.parametrize(
    ("alpha", "said_of_it"),
    [
        (lambda ids: np.full(ids.shape, 255), []),
        (lambda ids: 255 - 100 * ids, [("SD106", "images/a_1.png")]),
        (lambda ids: 255 * (ids != 2), [("SD109", "masks/a_1.png")]),
    ],
    ids=["opaque", "soft", "cut"],
)
def test_transparency_of_images_of_four_channels(
    raw: Raw, alpha: Callable[[np.ndarray], np.ndarray], said_of_it: list[tuple[str, str]]
) -> None:
    for name in NAMES:
        _with_alpha(lambda ids: np.full(ids.shape, 255))(raw, name)
    _with_alpha(alpha)(raw, "a_1")
    assert said(kit.findings(raw.root, channels=4)) == said_of_it


def test_transparent_pixels_that_are_void_are_right(raw: Raw) -> None:
    for name in NAMES:
        _with_alpha(lambda ids: np.full(ids.shape, 255))(raw, name)
    picture, ids = raw.picture(), raw.labels()
    picture.putalpha(Image.fromarray(np.uint8(255) * (ids != 2)))
    ids[ids == 2] = 255
    raw.put("a_1", image=picture, mask=ids)
    assert kit.findings(raw.root, channels=4) == []


def test_geotiffs_that_lie_on_each_other_are_silent(raw: Raw) -> None:
    pixels = np.asarray(raw.picture()).copy()
    pixels[:4] = 0
    ids = raw.labels()
    ids[:4] = 255
    image = misreadings.on_the_ground(Image.fromarray(pixels), none="0")
    mask = misreadings.on_the_ground(Image.fromarray(ids))
    raw.put("a_1", image=image, mask=mask, image_as="tif", mask_as="tif")
    assert kit.findings(raw.root) == []


def test_palettes_that_number_colours_differently(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    for path in sorted(tmp_path.glob("masks/*")):
        raw.put(path.stem, mask=kit.voc_like(raw.labels()))
    assert kit.findings(tmp_path) == []
    raw.put("a_1", mask=kit.voc_like(raw.labels(), dealt=(2, 1, 0)))
    assert said(kit.findings(tmp_path)) == [("SD210", "masks/a_1.png")]


def test_specks_of_unknown_values_are_no_finding_of_their_own(raw: Raw) -> None:
    ids = raw.labels(96, 96)
    ids[::3, ::3] = 7
    raw.put("a_0", mask=ids, width=96, height=96)
    found = kit.findings(raw.root, limits=Limits(size_off=math.inf))
    assert said(found) == [("SD201", "masks/a_0.png")]


def test_masks_of_the_one_class_there_is_are_not_empty(raw: Raw) -> None:
    for name in NAMES:
        raw.put(name, mask=np.where(raw.labels() == 1, 0, 255).astype(np.uint8))
    found = kit.findings(raw.root, classes=ClassTable("roof"))
    assert {finding.code for finding in found} == {"SD310"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"few": 0},
        {"few": "20"},
        {"shift_gain": -0.1},
        {"alike": float("nan")},
        {"specks": True},
        {"size_off": 0.5},
        {"near_duplicate": 2},
        {"mix_off": None},
    ],
)
def test_limits_that_cannot_be_meant_are_a_mistake_of_the_declaration(wrong: dict) -> None:
    with pytest.raises(DeclarationError, match=f"{next(iter(wrong))}=.*write a number from"):
        Limits(**wrong)


def test_limit_that_nothing_meets_silences_its_check(raw: Raw) -> None:
    misreadings.mask_full_of_specks(raw, "a_1")
    assert kit.findings(raw.root, limits=Limits(specks=math.inf)) == []


def test_limits_that_are_no_limits_are_a_mistake_of_the_declaration() -> None:
    stated = dict.fromkeys(("CLASSES", "SOURCE", "SPLITS"), "stated")
    builder = types.SimpleNamespace(LIMITS={"few": 10}, builder_config=None, **stated)
    with pytest.raises(DeclarationError, match=r"write LIMITS = seg_datasets.Limits\(few=10\)"):
        declared(builder)
