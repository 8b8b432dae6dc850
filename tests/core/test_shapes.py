"""Polygons against what a plain look at every pair of edges says."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from seg_datasets.core import shapes, suspects
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


def _covered(polygons: list[shapes.Shape], width: int, height: int) -> list[tuple[str, str]]:
    """A plain look at every pixel of every polygon."""
    scale = min(1.0, 256 / max(width, height, 1))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    rings = [shapes._ring(one.points) * scale for one in polygons]
    masks, top = [], np.zeros(size[::-1], int)
    for number, ring in enumerate(rings, start=1):
        picture = Image.new("1", size)
        if len(ring) >= 3:
            ring = ring.clip(-4 * max(size), 4 * max(size))
            ImageDraw.Draw(picture).polygon(ring.ravel().tolist(), fill=1)
        masks.append(np.asarray(picture))
        top[masks[-1]] = number
    found = []
    for number, (one, ring, mask) in enumerate(zip(polygons, rings, masks, strict=True), start=1):
        seen = np.count_nonzero(top == number)
        if len(ring) < 3 or abs(area(ring)) < max(12, seen / 0.05) or mask.sum() < 12:
            continue
        others = [
            (np.count_nonzero(top[mask] == n), -n)
            for n, other in enumerate(polygons, start=1)
            if n > number and other.label != one.label
        ]
        hidden = sum(pixels for pixels, _ in others)
        if seen <= 0.05 * np.prod(np.ptp(ring, axis=0)) and hidden > 0.9 * mask.sum():
            other = polygons[-max(others)[1] - 1]
            found.append((one.name, f"{one.label!r} by {other.label!r} ({other.name})"))
    return found


def _polygons(chance: np.random.Generator, width: int, height: int) -> list[shapes.Shape]:
    """Some that cover others, that cross themselves, lie outside, go around twice."""
    found = []
    for number in range(chance.integers(1, 12)):
        points = chance.integers(3, 12)
        turn = np.sort(chance.uniform(0, 2 * np.pi, points))
        around = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        around *= chance.uniform(0.1, 1, (points, 1)) if chance.random() < 0.4 else 1
        ring = chance.uniform(-0.1, 1.1, 2) * (width, height)
        ring = ring + around * chance.uniform(0.05, 0.6, 2) * (width, height)
        kind = chance.integers(8)
        if kind == 0:
            ring = chance.permutation(ring)
        elif kind == 1:
            ring = np.concatenate([ring, ring])
        elif kind == 2 and found:
            ring = np.array(found[-1].points)
        elif kind == 3:
            ring[chance.integers(points)] = chance.choice([np.nan, 1e12, -1e300, -3])
        ring = ring.round() if chance.random() < 0.5 else ring
        found.append(shapes.Shape(f"shape {number}", "ab c"[chance.integers(4)], ring))
    return found


def test_covered_are_those_that_a_look_at_every_pixel_finds() -> None:
    chance = np.random.default_rng(0)
    sizes = [(640, 480), (100, 60), (30, 300), (9, 7), (2000, 1500)]
    images = [(_polygons(chance, *sizes[n % 5]), sizes[n % 5]) for n in range(600)]
    found = 0
    every = [(n, one) for n, (polygons, _) in enumerate(images) for one in polygons]
    rings = suspects.Rings.of(
        [np.asarray(one.points).ravel().tolist() for _, one in every],
        labels=[one.label for _, one in every],
        image=[n for n, _ in every],
        sizes=sizes * 120,
    )
    hidden, seen = suspects.hidden(rings)
    assert 0.05 < hidden.mean() < 0.7
    of = np.array([n for n, _ in every])
    for number, (polygons, (width, height)) in enumerate(images):
        expected = _covered(polygons, width, height)
        assert [*shapes.covered(polygons, width=width, height=height)] == expected
        own = [
            (polygons[p], hidden[r]) for p, r in enumerate(np.flatnonzero(of == number)) if seen[r]
        ]
        which = {place for place, (_, one) in enumerate(own) if one}
        drawn = [one for one, _ in own]
        assert [*shapes.covered(drawn, width=width, height=height, which=which)] == expected
        found += len(expected)
    assert found > 100


def test_no_fault_is_missed_among_many_polygons() -> None:
    chance = np.random.default_rng(1)
    images = [_polygons(chance, 64, 48) for _ in range(400)]
    every = [(n, one) for n, polygons in enumerate(images) for one in polygons]
    rings = suspects.Rings.of(
        [np.asarray(one.points).ravel().tolist() for _, one in every],
        labels=[one.label for _, one in every],
        image=[n for n, _ in every],
        sizes=[(64, 48)] * 400,
    )
    for (_, one), suspected in zip(every, suspects.faulty(rings).tolist(), strict=True):
        assert suspected or not [*shape_faults(one.points, width=64, height=48)]
