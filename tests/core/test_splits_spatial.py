"""No two samples of different splits are nearer than the gap, wherever their places come from."""

import fractions
import itertools
import pathlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kit
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sources import Folder
from seg_datasets.core.splits import Assignment, Spatial, SplitError, SplitRule

NOWHERE = Folder(pathlib.Path("/nowhere"))
TILES = r"^(?P<scene>\w+?)_x(?P<x>-?\d+)_y(?P<y>-?\d+)$"
SIZE = 16  # pixels


def _tiles(places: Sequence[tuple[int, int]], scene: str = "s", **more: Any) -> list[SampleFacts]:
    return [kit.seen(f"{scene}_x{x}_y{y}", counts={0: 9}, **more) for x, y in places]


def _geo(
    places: Sequence[tuple[float, float]], *, pixel: float = 0.3, crs: str = "EPSG:32633"
) -> list[SampleFacts]:
    """Samples of `SIZE` pixels with their upper left corner in a place."""
    return [
        kit.seen(
            f"t{i}",
            counts={0: 9},
            width=SIZE,
            height=SIZE,
            geo=(pixel, 0.0, x, 0.0, -pixel, y),
            crs=crs,
        )
        for i, (x, y) in enumerate(places)
    ]


def _assign(rule: SplitRule, facts: Sequence[SampleFacts]) -> Assignment:
    assignment = rule.assign(facts, NOWHERE)
    ids = {one.sample.id for one in facts}
    assert ids == assignment.split_of.keys() | {*assignment.left_out}
    assert not assignment.split_of.keys() & {*assignment.left_out}
    return assignment


def _distance_2(one: SampleFacts, other: SampleFacts) -> fractions.Fraction:
    """Squared distance of two footprints, -1 where they overlap; another way than the rule's."""

    def sides(facts: SampleFacts) -> list[tuple[fractions.Fraction, fractions.Fraction]]:
        a, _, c, _, e, f = map(fractions.Fraction, facts.image.geo)
        return [(c, c + a * SIZE), (f + e * SIZE, f)]

    gaps = []
    for (low, high), (low2, high2) in zip(sides(one), sides(other), strict=True):
        gaps.append(low2 - high if high <= low2 else low - high2 if high2 <= low else None)
    if all(gap is None for gap in gaps):
        return fractions.Fraction(-1)
    return sum(((gap or 0) ** 2 for gap in gaps), fractions.Fraction(0))


places = st.lists(
    st.tuples(st.floats(0, 60, width=32), st.floats(0, 60, width=32)),
    min_size=4,
    max_size=40,
    unique=True,
)


@settings(max_examples=150, deadline=None)
@given(places, st.sampled_from([0, 0.1, 1, 4.8, 10]), st.integers(0, 3))
def test_no_two_splits_are_nearer_than_the_gap(spots: Any, gap: float, seed: int) -> None:
    facts = _geo(spots)
    rule = Spatial(train=2, validation=1, test=1, block=10, gap=gap, seed=seed)
    try:
        split_of = _assign(rule, facts).split_of
    except SplitError:
        return
    inside = [one for one in facts if one.sample.id in split_of]
    for one, other in itertools.combinations(inside, 2):
        if split_of[one.sample.id] != split_of[other.sample.id]:
            distance = _distance_2(one, other)
            assert distance >= 0
            assert distance >= fractions.Fraction(str(gap)) ** 2


@settings(max_examples=80, deadline=None)
@given(
    st.sets(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=4, max_size=60),
    st.integers(0, 3),
)
def test_tiles_of_splits_have_so_many_tiles_between_them(spots: Any, gap: int) -> None:
    spots = sorted(spots)
    facts = _tiles(spots)
    try:
        split_of = _assign(Spatial(a=1, b=1, block=3, gap=gap, tiles=TILES), facts).split_of
    except SplitError:
        return
    for (p, one), (q, other) in itertools.combinations(zip(spots, facts, strict=True), 2):
        splits = {split_of.get(f.sample.id) for f in (one, other)}
        if splits == {"a", "b"}:
            between = [max(0, abs(i - j) - 1) for i, j in zip(p, q, strict=True)]
            assert sum(n * n for n in between) >= gap * gap


GRID = [(x, y) for x in range(20) for y in range(20)]


def test_shares_of_a_plain_grid_are_met_and_the_smallest_split_loses_nothing() -> None:
    rule = Spatial(train=70, validation=15, test=15, block=4, gap=1, tiles=TILES)
    assignment = _assign(rule, _tiles(GRID))
    counts = {n: [*assignment.split_of.values()].count(n) for n in rule.names}
    assert counts["test"] == 64  # four whole blocks of the 25
    assert all(counts.values())
    assert 0 < len(assignment.left_out) < 200


def test_without_a_gap_touching_tiles_stay_and_overlapping_ones_do_not() -> None:
    rule = Spatial(a=1, b=1, block=9.6, gap=0)
    side = 0.3 * SIZE
    touching = [(x * 4.75, 0.0) for x in range(16)]
    assert side > 4.75
    assert _assign(rule, _geo(touching)).left_out
    assert not _assign(rule, _geo([(x * 5.0, 0.0) for x in range(16)])).left_out
    assert not _assign(Spatial(a=1, b=1, block=2, gap=0, tiles=TILES), _tiles(GRID)).left_out


def test_tiles_of_other_scenes_have_no_distance() -> None:
    facts = [*_tiles([(0, 0), (1, 0)], scene="one"), *_tiles([(0, 0), (1, 0)], scene="two")]
    rule = Spatial(a=1, b=1, block=8, gap=5, tiles=TILES)
    assignment = _assign(rule, facts)
    assert not assignment.left_out
    of_scene = {name[:3]: split for name, split in assignment.split_of.items()}
    assert {*of_scene.values()} == {"a", "b"}


def test_groups_stay_whole() -> None:
    facts = [
        kit.seen(f"s_x{x}_y{y}", group=f"row{y // 5}", counts={0: 9})
        for x in range(8)
        for y in range(20)
    ]
    rule = Spatial(a=1, b=1, block=5, gap=0, tiles=TILES)
    split_of = _assign(rule, facts).split_of
    for row in range(4):
        assert len({split_of[f"s_x{x}_y{row * 5 + y}"] for x in range(8) for y in range(5)}) == 1


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(random: Any) -> None:
    rule = Spatial(train=3, test=1, block=4, gap=1, tiles=TILES)
    facts = _tiles(GRID)
    expected = rule.assign(facts, NOWHERE)
    random.shuffle(facts)
    found = rule.assign(facts, NOWHERE)
    assert found.split_of == expected.split_of
    assert found.left_out == expected.left_out


def test_deal_is_the_same_on_every_machine() -> None:
    """Written down once: another answer here would move samples in everybody's datasets."""
    rule = Spatial(a=2, b=1, block=2, gap=1, tiles=TILES)
    split_of = _assign(rule, _tiles([(x, y) for x in range(8) for y in range(4)])).split_of
    rows = ["".join(split_of.get(f"s_x{x}_y{y}", ".") for x in range(8)) for y in range(4)]
    assert rows == ["bbbbbb.a", "bbbbbb.a", ".......a", "aaaaaaaa"]


def test_turned_images_have_the_rectangle_around_them() -> None:
    """Squares of 16 pixels on their corners are 22.4 wide, and these 0.2 apart."""
    turned = [
        kit.seen(f"t{x}", counts={0: 1}, width=16, height=16, geo=(0.7, -0.7, x, 0.7, 0.7, 0.0))
        for x in (0.0, 22.6)
    ]
    assert not _assign(Spatial(a=1, b=1, block=22.5, gap=0.1), turned).left_out
    with pytest.raises(SplitError, match="leaves 1 of 2"):
        Spatial(a=1, b=1, block=22.5, gap=0.3).assign(turned, NOWHERE)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (_tiles([(0, 0)]), "1 of 1 images do not tell where they lie"),
        (_geo([(0, 0)], crs="") + _geo([(9, 9)]), "2 coordinate systems"),
        (_geo([(0, 0)], pixel=9), "block=10 is smaller than t0, which is 144 wide"),
        (_geo([(float("nan"), 0)]), "do not tell"),
        (_geo([(float("inf"), 0)]), "do not tell"),
        (_geo([(0, 0)], pixel=0), "do not tell"),
        (_geo([(0, 0), (1, 1)]), "2 splits need at least as many blocks, and there are 1"),
        (_geo([(1, 1), (11, 1)]), "the gap of 8 leaves 1 of 2"),
    ],
)
def test_places_that_cannot_be_split_are_refused(facts: list[SampleFacts], says: str) -> None:
    with pytest.raises(SplitError, match=says):
        Spatial(a=1, b=1, block=10, gap=8).assign(facts, NOWHERE)


@pytest.mark.parametrize("name", ["plain", "s_x_y1", "s_xa_y1"])
def test_name_without_a_tile_is_refused(name: str) -> None:
    facts = [*_tiles(GRID), kit.seen(name)]
    with pytest.raises(SplitError, match=f"1 of 401 ids tell no tile .*: {name}; mend"):
        Spatial(a=1, b=1, block=4, gap=1, tiles=r"_x(?P<x>\w*)_y(?P<y>\d+)").assign(facts, NOWHERE)


@pytest.mark.parametrize(
    "declared",
    [
        {"block": 0, "gap": 0, "a": 1},
        {"block": float("nan"), "gap": 0, "a": 1},
        {"block": 1, "gap": -1, "a": 1},
        {"block": 1, "gap": 0},
        {"block": 1, "gap": 0, "a": 1, "tiles": "("},
        {"block": 1, "gap": 0, "a": 1, "tiles": r"_(?P<x>\d+)"},
    ],
)
def test_rule_that_cannot_be_meant(declared: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        Spatial(**declared)


def test_rules_that_differ_are_described_differently() -> None:
    base: dict[str, Any] = {"a": 1, "b": 1, "block": 4, "gap": 1}
    others: list[dict[str, Any]] = [
        {},
        {"b": 2},
        {"block": 5},
        {"gap": 0.5},
        {"tiles": TILES},
        {"group": "x"},
        {"seed": 1},
    ]
    described = {Spatial(**{**base, **other}).describe() for other in others}
    assert len(described) == len(others)
