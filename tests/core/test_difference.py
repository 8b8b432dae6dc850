"""What changed between two versions: the parts that are functions of plain data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_datasets.core.difference import pixels
from seg_datasets.core.difference.pairing import side_by_side
from seg_datasets.core.difference.tables import counterparts
from seg_datasets.core.manifest import Row


def _row(name, split, image, label):
    return Row(name, split, 0, 0, name, bytes([image]) * 16, bytes([label]) * 16, 4, 4)


_manifests = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.tuples(st.sampled_from(("train", "test")), st.integers(0, 3), st.integers(0, 2)),
).flatmap(lambda rows: st.permutations([_row(k, *v) for k, v in rows.items()]))


@given(_manifests, _manifests)
def test_pairing_takes_each_row_once_and_renames_only_equal_images(before, after):
    pairs = list(side_by_side(before, after))
    assert sorted(was for was, _ in pairs if was) == sorted(before)
    assert sorted(now for _, now in pairs if now) == sorted(after)
    both = {row.id for row in before} & {row.id for row in after}
    renamed = [(a, b) for a, b in pairs if a and b and a.id != b.id]
    assert {a.id for a, b in pairs if a and b and a.id == b.id} == both
    assert all(a.image == b.image for a, b in renamed)
    # Nothing that could be a rename is left as removed and added.
    removed = {a.image for a, b in pairs if b is None}
    assert not removed & {b.image for a, b in pairs if a is None}
    # As many as can be keep their labels.
    keys = lambda rows: [(r.image, r.ids) for r in rows if r.id not in both]  # noqa: E731
    alike = sum(min(keys(before).count(k), keys(after).count(k)) for k in set(keys(before)))
    assert sum(a.ids == b.ids for a, b in renamed) == alike


@given(_manifests, _manifests, st.randoms(use_true_random=False))
def test_pairing_does_not_depend_on_the_order_of_manifests(before, after, random):
    expected = set(side_by_side(before, after))
    random.shuffle(before)
    random.shuffle(after)
    assert set(side_by_side(before, after)) == expected


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 2), min_size=1), st.permutations(range(4)))
def test_changed_pixels_are_those_a_loop_counts(cells, order):
    id_after = np.full(256, pixels.GONE, np.int16)
    id_after[:4] = order
    before, after = (np.array(side, np.uint8) for side in zip(*cells, strict=True))
    expected: dict[tuple[int, int], int] = {}
    for old, new in cells:
        if old == 4 or order[old] != new:
            expected[old, new] = expected.get((old, new), 0) + 1
    assert pixels.changed(before, after, id_after) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a b", "a b", {0: 0, 1: 1}),
        ("a b", "b a", {0: 1, 1: 0}),
        ("a b", "a c", {0: 0, 1: 1}),
        ("a b c", "a c", {0: 0, 2: 1}),
        ("a Road", "a x road", {0: 0, 1: 2}),
        ("a b", "a c d", {0: 0, 1: 1}),
        ("a b c", "c x", {2: 0, 1: 1}),
    ],
)
def test_classes_are_matched_by_name_then_spelling_then_id(old, new, expected):
    assert counterparts(tuple(old.split()), tuple(new.split())) == expected


@given(*[st.lists(st.sampled_from(["a", "A", "b", "B", "c", "d"]), unique=True)] * 2)
def test_no_class_is_matched_twice(old, new):
    found = counterparts(tuple(old), tuple(new))
    assert len(set(found.values())) == len(found)
    assert all(found[i] == new.index(name) for i, name in enumerate(old) if name in new)
