"""Polygons against what a plain look at every pair of edges says."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from seg_datasets.core.remarks import Fault
from seg_datasets.core.shapes import area, crosses_itself, shape_faults

RINGS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=4, max_size=9)


def _side(a: tuple, b: tuple, point: tuple) -> int:
    across = (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
    return (across > 0) - (across < 0)


def _crosses(ring: list[tuple[int, int]]) -> bool:
    edges = [*zip(ring, [*ring[1:], ring[0]], strict=True)]
    return any(
        _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0
        for (a, b), (c, d) in itertools.combinations(edges, 2)
    )


@hypothesis.given(RINGS)
def test_crossings_are_those_that_a_look_at_every_pair_of_edges_finds(ring: list) -> None:
    found = crosses_itself(ring)
    assert (found is not None) == _crosses(ring)
    if found:
        assert 0 <= found[0] <= 7
        assert 0 <= found[1] <= 7


@hypothesis.given(RINGS)
def test_area_does_not_depend_on_where_a_polygon_lies(ring: list) -> None:
    far = np.array(ring) + 1_000_000
    assert area(far) == area(ring)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(1, 1)],
        [(float("nan"), 1), (2, float("inf")), (3, 3)],
        [(1e300, -1e300), (5, 5), (0, 1e300), (-1e300, 1e300)],
        [(0, 0)] * 1000,
    ],
)
def test_points_that_no_tool_writes_end_in_a_fault(points: list) -> None:
    assert [*shape_faults(points, width=10, height=10)]


def test_far_border_may_be_written_as_the_width() -> None:
    assert [*shape_faults([(0, 0), (10, 0), (10, 10), (-0.5, 10)], width=10, height=10)] == []
    faults = shape_faults([(0, 0), (12, 0), (12, 10)], width=10, height=10)
    assert [kind for kind, _ in faults] == [Fault.OUTSIDE]


def test_outline_with_very_many_points_is_looked_at_whole() -> None:
    around = np.linspace(0, 2 * np.pi, 100_000, endpoint=False)
    ring = np.stack([500 + 400 * np.cos(around), 500 + 400 * np.sin(around)], axis=1)
    assert crosses_itself(ring) is None
    ring[[5, 50_000]] = ring[[50_000, 5]]
    assert crosses_itself(ring) is not None
