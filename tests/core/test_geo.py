"""Geo tags of TIFFs, which anybody may have written."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

import misreadings
from seg_datasets.core.geo import Geo, apart, geo_of
from seg_datasets.core.images import open_image

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
