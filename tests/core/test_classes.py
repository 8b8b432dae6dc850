"""Class tables refuse what cannot be meant, and raw tables map what they list and nothing else."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kit
from seg_datasets.core import masks
from seg_datasets.core.classes import VOID_ID, ClassTable, DeclarationError, Threshold, few

TABLE = ClassTable("ground", "roof")

names = st.lists(st.text("abcdefgh", min_size=1, max_size=4), min_size=1, max_size=9, unique=True)


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ((), "at least one"),
        (("a", "b", "a"), "given twice: a"),
        (("a", ""), "without blanks"),
        (("a", " b"), "without blanks"),
        (("a", 1), "must be text"),
        (("a", "void"), "is not a class"),
        (tuple(f"c{i}" for i in range(256)), "256 classes"),
    ],
)
def test_class_names_that_cannot_be_meant(classes: tuple, says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        ClassTable(*classes)


def test_255_classes_leave_room_for_void() -> None:
    table = ClassTable(*(f"c{i}" for i in range(255)))
    assert table.id_of("c254") == 254
    assert table.id_of("void") == VOID_ID == 255
    assert (table.name_of(254), table.name_of(255)) == ("c254", "void")


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        ({0: "a", 2: "b"}, "1 is missing"),
        ({1: "a"}, "0 is missing"),
        ({-1: "a", 0: "b"}, "negative"),
        ({}, "at least one"),
    ],
)
def test_ids_with_gaps_are_refused(ids: dict[int, str], says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        ClassTable.from_ids(ids)


@given(names)
def test_table_from_ids_is_the_table(classes: list[str]) -> None:
    table = ClassTable.from_ids(dict(reversed([*enumerate(classes)])))
    assert table == ClassTable(*classes)
    assert [table.id_of(name) for name in table.names] == [*range(len(table))]


def test_colours_are_given_or_distinct() -> None:
    classes = [f"c{i}" for i in range(20)]
    table = ClassTable(*classes, colours={"c3": "#ff0080", "c4": (1, 2, 3)})
    assert table.colours[3:5] == ((255, 0, 128), (1, 2, 3))
    assert len({*table.colours}) == 20
    for colours in ({"c99": "#ff0000"}, {"c1": 7}, {"c1": "red"}):
        with pytest.raises(DeclarationError, match=r"c99|no colour|no raw value"):
            ClassTable(*classes, colours=colours)


@pytest.mark.parametrize(
    "values",
    [
        {-32769: "roof"},
        {65536: "roof"},
        {True: "roof"},
        {1.0: "roof"},
        {np.int64(1): "roof"},
        {"ff0000": "roof"},
        {"#ff00": "roof"},
        {(1, 2): "roof"},
        {(1, 2, 256): "roof"},
        {0: "ground", "#ff0000": "roof"},
        {"#ff0000": "ground", "#ff0000ff": "roof"},
        {"#ff0000": "ground", (255, 0, 0): "roof"},
        {"#FF0000": "ground", "#ff0000": "roof"},
        {0: "ground", 1: "river"},
        {},
        [0, 1],
    ],
)
def test_raw_values_that_cannot_be_meant(values: Any) -> None:
    with pytest.raises(DeclarationError):
        TABLE.raw_table(values)


@pytest.mark.parametrize("at", [0, -1, 65536, 128.5, "128", None])
def test_threshold_is_stated_as_a_whole_number(at: Any) -> None:
    with pytest.raises(DeclarationError, match="whole number"):
        Threshold(at=at, below="ground", above="roof")


def test_threshold_needs_two_sides_that_are_classes() -> None:
    with pytest.raises(DeclarationError, match="both sides"):
        Threshold(at=1, below="roof", above="roof")
    with pytest.raises(DeclarationError, match="river"):
        TABLE.raw_table(Threshold(at=1, below="ground", above="river"))


def test_masks_hold_ids_and_void_where_nothing_is_declared() -> None:
    assert dict(TABLE.raw_table(None).ids) == {0: 0, 1: 1, 255: 255}


@given(st.data(), names)
def test_raw_table_maps_what_it_lists_and_nothing_else(data: st.DataObject, classes: list) -> None:
    """Random tables over random masks, of 8 and of 16 bits, by number and by colour."""
    targets = st.sampled_from([*classes, "void"])
    bits = data.draw(st.sampled_from([8, 16, 24]))
    values = st.integers(0, 2**bits - 1)
    listed = data.draw(st.dictionaries(values, targets, min_size=1, max_size=12))
    others = data.draw(st.sets(values.filter(lambda v: v not in listed), max_size=4))
    pool = np.array([*listed, *others], np.uint32)
    seed = data.draw(st.integers(0, 2**32 - 1))
    raw = np.random.default_rng(seed).choice(pool, (5, 7))
    table = ClassTable(*classes)
    if bits == 24:
        written = table.raw_table({f"#{v:06x}": name for v, name in listed.items()})
        pixels = np.stack([raw >> 16, raw >> 8 & 255, raw & 255], axis=-1).astype(np.uint8)
    else:
        written = table.raw_table(listed)
        pixels = raw.astype(np.uint8 if bits == 8 else np.uint16)
    mask = masks.read(kit.encoded(pixels, "png"), written)
    expected = np.vectorize(lambda v: table.id_of(listed[v]) if v in listed else -1)(raw)
    np.testing.assert_array_equal(mask.raw, raw)
    np.testing.assert_array_equal(mask.ids[expected >= 0], expected[expected >= 0])
    assert sum(mask.stray.values()) == (expected < 0).sum()
    assert {*mask.stray} == {*raw[expected < 0].tolist()}
    known = np.ones_like(raw, bool) if mask.known is None else mask.known
    np.testing.assert_array_equal(known, expected >= 0)
    assert sum(mask.counts.values()) == (expected >= 0).sum()
    if mask.as_stored:
        np.testing.assert_array_equal(pixels, expected)


def test_tables_that_differ_have_signatures_that_differ() -> None:
    declared: list[Any] = [
        None,
        {0: "ground"},
        {0: "roof"},
        {"#000000": "ground"},
        {"#00000000": "ground"},
        Threshold(at=1, below="ground", above="roof"),
        Threshold(at=2, below="ground", above="roof"),
        Threshold(at=1, below="roof", above="ground"),
    ]
    assert len({TABLE.raw_table(values).signature() for values in declared}) == len(declared)


def test_table_travels_to_a_worker() -> None:
    table = TABLE.raw_table({0: "ground", 7: "roof"})
    _ = table.lut
    assert pickle.loads(pickle.dumps(table)) == table


def test_few_says_how_many_more() -> None:
    assert few(range(3)) == "0, 1, 2"
    assert few(range(11), 2) == "0, 1 and 9 more"
