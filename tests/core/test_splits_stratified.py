"""Each split gets its share of every class, or the build is told why it cannot be."""

import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kit
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sources import Folder
from seg_datasets.core.splits import KFold, SplitError, SplitRule, Stratified

NOWHERE = Folder(pathlib.Path("/nowhere"))
NAMES = ("a", "b", "c", "d")

# Group → which of up to six classes it holds.
small = st.lists(st.sets(st.integers(0, 5)), min_size=2, max_size=8)


def _facts(groups: Mapping[str, Sequence[Mapping[int, int]]]) -> list[SampleFacts]:
    """A sample for each mapping of class to pixels."""
    return [
        kit.seen(f"{name}/{i}", group=name, counts=counts)
        for name, masks in groups.items()
        for i, counts in enumerate(masks)
    ]


def _deal(rule: SplitRule, facts: Sequence[SampleFacts]) -> dict[str, str]:
    """Group → split."""
    split_of = rule.assign(facts, NOWHERE).split_of
    assert split_of.keys() == {one.sample.id for one in facts}
    dealt: dict[str, str] = {}
    for one in facts:
        assert (
            dealt.setdefault(one.sample.group, split_of[one.sample.id]) == split_of[one.sample.id]
        )
    return dealt


def _there_is_a_way(
    groups: Sequence[set[int]], splits: int, pinned: Mapping[int, int] | None = None
) -> bool:
    """Brute force over all deals."""
    needed = [c for c in range(6) if sum(c in held for held in groups) >= splits]
    for deal in itertools.product(range(splits), repeat=len(groups)):
        if any(deal[g] != split for g, split in (pinned or {}).items()):
            continue
        parts = [[h for h, at in zip(groups, deal, strict=True) if at == s] for s in range(splits)]
        if all(part and all(any(c in h for h in part) for c in needed) for part in parts):
            return True
    return False


@settings(max_examples=150, deadline=None)
@given(small, st.integers(2, 4))
def test_a_way_is_found_wherever_there_is_one(groups: list[set[int]], splits: int) -> None:
    facts = _facts({f"g{i}": [dict.fromkeys(held, 10)] for i, held in enumerate(groups)})
    rule = Stratified(**dict.fromkeys(NAMES[:splits], 1))
    if not _there_is_a_way(groups, splits):
        with pytest.raises(SplitError, match=r"no way|need at least"):
            rule.assign(facts, NOWHERE)
        return
    dealt = _deal(rule, facts)
    assert {*dealt.values()} == {*NAMES[:splits]}
    for c in range(6):
        having = [f"g{i}" for i, held in enumerate(groups) if c in held]
        if len(having) >= splits:
            assert {dealt[g] for g in having} == {*NAMES[:splits]}


@settings(max_examples=100, deadline=None)
@given(small, st.dictionaries(st.integers(0, 7), st.integers(0, 2), max_size=3))
def test_a_way_is_found_around_pins(groups: list[set[int]], pinned: dict[int, int]) -> None:
    pinned = {g: split for g, split in pinned.items() if g < len(groups)}
    facts = _facts({f"g{i}": [dict.fromkeys(held, 10)] for i, held in enumerate(groups)})
    pin: dict[str, list[str]] = {}
    for g, split in pinned.items():
        pin.setdefault(NAMES[split], []).append(f"g{g}")
    rule = Stratified(a=1, b=1, c=1, pin=pin)
    if _there_is_a_way(groups, 3, pinned):
        dealt = _deal(rule, facts)
        assert all(dealt[f"g{g}"] == NAMES[split] for g, split in pinned.items())
    else:
        with pytest.raises(SplitError):
            rule.assign(facts, NOWHERE)


@pytest.mark.parametrize("seed", range(25))
def test_overlapping_rare_classes_are_in_every_split(seed: int) -> None:
    """Planted: a way exists, and it is narrow: each class is in three groups of forty."""
    rng = np.random.default_rng(seed)
    home = rng.permutation(np.arange(40) % 3)
    groups: dict[str, list[dict[int, int]]] = {f"g{i}": [{0: 1000}] for i in range(40)}
    for class_id in range(1, 25):
        for split in range(3):
            group = int(rng.choice(np.flatnonzero(home == split)))
            groups[f"g{group}"][0][class_id] = int(rng.integers(1, 100))
    dealt = _deal(Stratified(a=8, b=1, c=1), _facts(groups))
    for class_id in range(1, 25):
        having = [name for name, masks in groups.items() if class_id in masks[0]]
        assert {dealt[name] for name in having} == {"a", "b", "c"}


def _many(count: int = 60, seed: int = 0) -> dict[str, list[dict[int, int]]]:
    rng = np.random.default_rng(seed)
    return {
        f"g{i}": [
            {0: 5000, 1: int(rng.integers(1, 3000)), 2 + i % 7: int(rng.integers(1, 400))}
            for _ in range(int(rng.integers(1, 9)))
        ]
        for i in range(count)
    }


def test_every_split_gets_its_share_of_pixels_and_samples() -> None:
    groups = _many(200)
    dealt = _deal(Stratified(train=80, validation=10, test=10), _facts(groups))
    for class_id in range(9):
        sums = dict.fromkeys(("train", "validation", "test"), 0)
        for name, masks in groups.items():
            sums[dealt[name]] += sum(mask.get(class_id, 0) for mask in masks)
        shares = [n / sum(sums.values()) for n in sums.values()]
        assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)
    counts = dict.fromkeys(("train", "validation", "test"), 0)
    for name, masks in groups.items():
        counts[dealt[name]] += len(masks)
    total = sum(counts.values())
    assert [n / total for n in counts.values()] == pytest.approx([0.8, 0.1, 0.1], abs=0.01)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 5))
def test_order_of_samples_does_not_matter(random: Any, seed: int) -> None:
    facts = _facts(_many(20, seed))
    expected = Stratified(a=3, b=1).assign(facts, NOWHERE).split_of
    random.shuffle(facts)
    assert Stratified(a=3, b=1).assign(facts, NOWHERE).split_of == expected


def test_deal_is_the_same_on_every_machine() -> None:
    """Written down once: another answer here would move groups in everybody's datasets."""
    facts = _facts(_many(24))
    dealt = _deal(Stratified(a=70, b=15, c=15), facts)
    assert "".join(dealt[f"g{i}"] for i in range(24)) == "aaacbccbcbbcbbcbaaaaaaac"
    assert _deal(Stratified(a=7, b=1.5, c=1.5), facts) == dealt
    alike = _facts({f"g{i}": [{0: 10}] for i in range(12)})
    dealt = _deal(KFold(folds=3, seed=1), alike)
    assert "".join(dealt[f"g{i}"][-1] for i in range(12)) == "211100120022"
    assert _deal(KFold(folds=3, seed=2), alike) != dealt


def test_unicode_forms_of_a_group_stay_together() -> None:
    facts = [kit.seen("é/0", group="é", counts={0: 1}), kit.seen("é/1", group="é", counts={0: 1})]
    facts += [kit.seen("x/0", group="x", counts={0: 1})]
    split_of = Stratified(a=1, b=1).assign(facts, NOWHERE).split_of
    assert split_of["é/0"] == split_of["é/1"] != split_of["x/0"]


def test_class_in_too_few_groups_for_the_splits_is_no_reason_to_refuse() -> None:
    groups = {f"g{i}": [{0: 9}] for i in range(6)}
    groups["g0"].append({1: 9})
    groups["g1"].append({1: 9})
    assert {*_deal(Stratified(a=1, b=1, c=1), _facts(groups)).values()} == {"a", "b", "c"}


def test_void_is_no_class() -> None:
    groups = {f"g{i}": [{255: 10_000} if i < 3 else {0: 5}] for i in range(6)}
    assert len({*_deal(Stratified(a=1, b=1, c=1), _facts(groups)).values()}) == 3


def test_refusal_names_the_classes_in_the_way_and_what_would_do() -> None:
    # Whatever two of the four groups share a split, a class is missing in another.
    held = {"p": {1, 2, 3}, "q": {1, 4, 5}, "r": {2, 4, 3}, "s": {3, 5, 1}, "t": {2, 5}, "u": {4}}
    assert not _there_is_a_way([*held.values()], 3)
    facts = _facts({name: [dict.fromkeys(classes, 5)] for name, classes in held.items()})
    with pytest.raises(SplitError, match="there is no way to give each of 3 splits") as refused:
        Stratified(a=1, b=1, c=1).assign(facts, NOWHERE)
    assert "ask for 2 splits, which would do" in str(refused.value)
    assert {*_deal(Stratified(a=1, b=1), facts).values()} == {"a", "b"}


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (Stratified(a=1, b=1, c=1, d=1), "4 splits need at least as many groups"),
        (Stratified(a=1, b=1, pin={"a": ["no"]}), "pin names the group no"),
        (Stratified(a=1, b=1, pin={"a": ["g0", "g1", "g2"]}), "pin fewer"),
        (KFold(folds=4), "4 splits need"),
    ],
)
def test_what_cannot_be_split_is_refused(rule: SplitRule, says: str) -> None:
    facts = _facts({f"g{i}": [{0: 1}] for i in range(3)})
    with pytest.raises(SplitError, match=says):
        rule.assign(facts, NOWHERE)


def test_folds_are_of_equal_size_beside_a_held_out_share() -> None:
    facts = _facts({f"g{i}": [{0: 10, 1: 1}] for i in range(100)})
    dealt = _deal(KFold(folds=4, test=20), facts)
    counts = {name: [*dealt.values()].count(name) for name in KFold(folds=4, test=20).names}
    assert counts == {"fold_0": 20, "fold_1": 20, "fold_2": 20, "fold_3": 20, "test": 20}


@pytest.mark.parametrize("pixels", [1, 10**6, 10**15])
def test_pixels_of_any_number_are_dealt_alike(pixels: int) -> None:
    groups = {f"g{i}": [{0: (i + 1) * pixels, 1: 3}] for i in range(9)}
    dealt = _deal(Stratified(a=1, b=1), _facts(groups))
    a = sum(i + 1 for i in range(9) if dealt[f"g{i}"] == "a")
    assert a in {22, 23}


@pytest.mark.parametrize(
    "declare",
    [
        Stratified,
        lambda: Stratified(a=0),
        lambda: Stratified(a=1, pin={"b": ["x"]}),
        lambda: KFold(folds=1),
        lambda: KFold(folds=True),
        lambda: KFold(test=100),
        lambda: KFold(test=-1),
        lambda: KFold(test=float("nan")),
    ],
)
def test_rule_that_cannot_be_meant(declare: Any) -> None:
    with pytest.raises(DeclarationError):
        declare()


def test_rules_that_differ_are_described_differently() -> None:
    rules: list[SplitRule] = [
        Stratified(a=1, b=1),
        Stratified(b=1, a=1),
        Stratified(a=1, b=2),
        Stratified(a=1, b=1, seed=1),
        Stratified(a=1, b=1, group="x"),
        Stratified(a=1, b=1, pin={"a": ["x"]}),
        KFold(),
        KFold(folds=4),
        KFold(seed=1),
        KFold(group="x"),
        KFold(test=10),
    ]
    described = {rule.describe() for rule in rules}
    assert len(described) == len(rules)
    assert not any("\n" in line for line in described)
    assert KFold(folds=2, test=10).names == ("fold_0", "fold_1", "test")
