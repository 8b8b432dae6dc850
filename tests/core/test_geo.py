"""Geo tags of TIFFs, which anybody may have written."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

import kit
import misreadings
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.geo import Geo, apart, geo_of
from seg_datasets.core.images import open_image
from seg_datasets.core.neighbours import footprints

SCALE, TIE, MATRIX, KEYS, NODATA = 33550, 33922, 34264, 34735, 42113
UTM = (1, 1, 0, 1, 3072, 0, 1, 32633)

NUMBERS = st.one_of(st.floats(), st.integers(), st.text(max_size=3))
VALUES = st.one_of(NUMBERS, st.lists(NUMBERS, max_size=20).map(tuple))


def test_scale_and_tie_point_place_the_upper_left_corner() -> None:
    tags = {SCALE: (0.5, 0.5, 0.0), TIE: (2.0, 4.0, 0.0, 1000.0, 2000.0, 0.0), KEYS: UTM}
    assert geo_of(tags) == Geo((0.5, 0.0, 999.0, 0.0, -0.5, 2002.0), "EPSG:32633")


def test_matrix_may_turn_the_picture() -> None:
    tags = {MATRIX: (0.4, 0.1, 0, 10, 0.1, -0.4, 0, 20, 0, 0, 0, 0, 0, 0, 0, 1)}
    assert geo_of(tags).transform == (0.4, 0.1, 10, 0.1, -0.4, 20)


def test_numbers_that_are_of_pixel_middles_are_moved_to_corners() -> None:
    keys = (1, 1, 0, 1, 1025, 0, 1, 2)
    tags = {SCALE: (2.0, 2.0, 0.0), TIE: (0.0, 0.0, 0.0, 100.0, 200.0, 0.0), KEYS: keys}
    assert geo_of(tags).transform == (2, 0, 99, 0, -2, 201)


def test_geographic_system_stands_where_there_is_no_projected_one() -> None:
    assert geo_of({KEYS: (1, 1, 0, 1, 2048, 0, 1, 4326)}).crs == "EPSG:4326"
    assert geo_of({KEYS: (1, 1, 0, 2, 2048, 0, 1, 4326, 3072, 0, 1, 32767)}).crs == "EPSG:4326"


@hypothesis.given(st.dictionaries(st.sampled_from([SCALE, TIE, MATRIX, KEYS, NODATA]), VALUES))
def test_damaged_tags_are_as_good_as_none(tags: dict) -> None:
    geo = geo_of(tags)
    assert len(geo.transform) in (0, 6)
    assert np.isfinite(geo.transform).all()
    if geo.transform:
        assert apart(geo.transform, geo.transform, width=5, height=7) == 0


def test_distance_is_in_pixels_and_at_the_worst_corner() -> None:
    here = (0.5, 0.0, 100.0, 0.0, -0.5, 200.0)
    assert apart(here, (0.5, 0.0, 101.0, 0.0, -0.5, 200.0), width=10, height=10) == 2
    assert apart(here, (0.55, 0.0, 100.0, 0.0, -0.5, 200.0), width=10, height=10) == (
        pytest.approx(1)
    )


def test_tags_of_a_file_are_read() -> None:
    image = Image.fromarray(np.zeros((4, 5), np.uint8))
    geo = open_image(misreadings.on_the_ground(image, east=10, north=20, none="-9999")).geo
    assert geo == Geo((0.5, 0.0, 10.0, 0.0, -0.5, 20.0), "EPSG:32633", "-9999")


@pytest.mark.parametrize(
    "tags",
    [
        {SCALE: (1e200, 1e200), TIE: (1e200, 0.0, 0.0, 0.0, 0.0, 0.0)},
        {SCALE: (1e-200, 1e-200), TIE: (0.0,) * 6},
        {MATRIX: (1e308, 1e308, 0, 0, 1e308, 1e308, *[0] * 10)},
    ],
)
def test_numbers_that_nothing_can_be_reckoned_with_count_as_not_there(tags: dict) -> None:
    assert geo_of(tags).transform == ()


def _images(places: list[tuple[float, float, int]]) -> list[SampleFacts]:
    """Upright images of 10 columns and so many rows, by their upper left corners."""
    return [
        kit.seen(f"{i}", geo=(1.0, 0.0, x, 0.0, -1.0, y), crs="EPSG:1", width=10, height=height)
        for i, (x, y, height) in enumerate(places)
    ]


PLACES = st.tuples(st.sampled_from([0.0, 6.0, 10.0]), st.integers(0, 90).map(float),
                   st.sampled_from([1, 10, 80]))  # fmt: skip


@hypothesis.given(st.lists(PLACES, max_size=12, unique=True))
def test_images_that_share_ground_are_those_of_a_pass_over_all_pairs(
    places: list[tuple[float, float, int]],
) -> None:
    expected = {
        (i, j)
        for (i, (x, top, high)), (j, (u, other, tall)) in itertools.combinations(
            enumerate(places), 2
        )
        if abs(x - u) < 10 and min(top, other) - max(top - high, other - tall) > 0
    }
    kinds = ["ab"[i % 2] for i in range(len(places))]
    assert {*footprints.overlapping(_images(places), kinds=kinds)} == expected


def test_where_very_many_overlap_each_is_held_against_a_few_of_each_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(footprints, "_MANY", 50)
    facts = _images([(i / 100, 90.0, 80) for i in range(200)])
    kinds = ["train"] * 199 + ["test"]
    found = [*footprints.overlapping(facts, kinds=kinds)]
    assert len(found) < 1000
    assert {199} < {row for pair in found if 199 in pair for row in pair}
