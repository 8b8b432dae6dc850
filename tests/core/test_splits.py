"""Whole groups to splits: stable, independent of order, and refused where it cannot be."""

import pathlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kit
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder
from seg_datasets.core.splits import FromFolders, FromLists, Grouped, SplitError, SplitRule

NOWHERE = Folder(pathlib.Path("/nowhere"))

groups = st.sets(st.text(min_size=1, max_size=6), min_size=1, max_size=40)


def _samples(names: Sequence[str]) -> list[SampleFacts]:
    return [
        kit.unseen(Sample(id=f"{n}/{i}", image="i", mask="m", group=n))
        for n in names
        for i in (0, 1)
    ]


def _splits(rule: SplitRule, names: Sequence[str]) -> dict[str, str]:
    """Group → split; empty where the rule refuses."""
    try:
        split_of = rule.assign(_samples(names), NOWHERE).split_of
    except SplitError:
        return {}
    assert all(split_of[f"{n}/0"] == split_of[f"{n}/1"] for n in names)
    return {n: split_of[f"{n}/0"] for n in names}


@given(groups, groups, st.randoms(use_true_random=False))
def test_adding_groups_moves_none_that_was_there(old: set, new: set, random: Any) -> None:
    rule = Grouped(train=3, test=1, seed=7)
    before = _splits(rule, sorted(old))
    together = sorted(old | new)
    random.shuffle(together)
    after = _splits(rule, together)
    assert all(after[name] == split for name, split in before.items())


@given(groups, st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(names: set, random: Any) -> None:
    rule = Grouped(a=1, b=1)
    shuffled = sorted(names)
    random.shuffle(shuffled)
    assert _splits(rule, shuffled) == _splits(rule, sorted(names))


def test_deal_is_the_same_on_every_machine() -> None:
    """Written down once: another answer here would move groups in everybody's datasets."""
    names = [f"city {i}" for i in range(12)]
    deal = _splits(Grouped(a=70, b=15, c=15), names)
    assert "".join(deal[n] for n in names) == "cbabccbcacaa"
    assert _splits(Grouped(a=7, b=1.5, c=1.5), names) == deal
    assert _splits(Grouped(a=70, b=15, c=15, seed="1"), names) != deal


def test_shares_are_met_on_average() -> None:
    counts = Counter(_splits(Grouped(train=80, test=20), [str(i) for i in range(4000)]).values())
    assert counts["train"] == pytest.approx(3200, abs=100)


def test_pinned_groups_stay_where_they_are_put() -> None:
    names = [str(i) for i in range(30)]
    free = _splits(Grouped(train=1, test=1), names)
    pin = {"test": [n for n in names if free[n] == "train"][:3]}
    pinned = _splits(Grouped(train=1, test=1, pin=pin), names)
    assert {n for n in names if pinned[n] != free[n]} == {*pin["test"]}


def test_proposal_fills_every_split() -> None:
    names = ["a", "b", "c", "d"]
    with pytest.raises(SplitError, match="would stay empty") as refused:
        Grouped(train=98, validation=1, test=1).assign(_samples(names), NOWHERE)
    seed = str(refused.value).partition("seed='")[2].partition("'")[0]
    assert {*_splits(Grouped(train=98, validation=1, test=1, seed=seed), names).values()} == {
        "train",
        "validation",
        "test",
    }


@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"train": 0},
        {"train": -1},
        {"train": float("nan")},
        {"train": float("inf")},
        {"train": 1, "pin": {"test": ["a"]}},
        {"train": 1, "pin": {"train": "a"}},
        {"train": 1, "test": 1, "pin": {"train": ["a"], "test": ["a"]}},
    ],
)
def test_grouped_that_cannot_be_meant(declared: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        Grouped(**declared)


@pytest.mark.parametrize("rule", [FromFolders, FromLists])
def test_rule_without_a_split_cannot_be_meant(rule: Any) -> None:
    with pytest.raises(DeclarationError):
        rule()


def test_rules_that_differ_are_described_differently() -> None:
    rules: list[SplitRule] = [
        Grouped(train=1, test=1),
        Grouped(train=1, test=2),
        Grouped(test=1, train=1),
        Grouped(train=1, test=1, seed=1),
        Grouped(train=1, test=1, group="x"),
        Grouped(train=1, test=1, pin={"test": ["a"]}),
        FromFolders(train="a"),
        FromLists(train="a"),
    ]
    assert len({rule.describe() for rule in rules}) == len(rules)


def _in_folders(*folders: str) -> list[SampleFacts]:
    return [
        kit.unseen(Sample(f"{f}/{i}", f"{f}/{i}.png", "m", f, f)) for i, f in enumerate(folders)
    ]


def test_folders_are_found_whatever_their_letter_case() -> None:
    rule = FromFolders(train="training", test="test")
    split_of = rule.assign(_in_folders("Training", "TEST"), NOWHERE).split_of
    assert [*split_of.values()] == ["train", "test"]


@pytest.mark.parametrize(
    ("folders", "says"),
    [
        (("training", "extra", "extra"), r"extra/ \(2\)"),
        (("training", ""), r"\./ \(1\)"),
        (("training",), r"no sample is in test \(test\)"),
    ],
)
def test_folders_that_do_not_fit(folders: tuple[str, ...], says: str) -> None:
    with pytest.raises(SplitError, match=says):
        FromFolders(train="training", test="test").assign(_in_folders(*folders), NOWHERE)


LISTED = [
    kit.unseen(Sample("x/a", "images/x/a.jpg", "m", "g1")),
    kit.unseen(Sample("y/b c", "images/y/b c.jpg", "m", "g2")),
    kit.unseen(Sample("é", "images/é.jpg", "m", "g3")),
]


def _lists(tmp_path: pathlib.Path, **texts: str | bytes) -> dict[str, str]:
    for split, text in texts.items():
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / f"{split}.txt").write_bytes(data)
    rule = FromLists(**{split: f"{split}.txt" for split in texts})
    return dict(rule.assign(LISTED, Folder(tmp_path)).split_of)


@pytest.mark.parametrize(
    "train",
    [
        "x/a\ny/b c\n",
        "images/x/a.jpg\nimages/y/b c.jpg\n",
        "a.jpg\r\nb c.jpg\r\n\r\n",
        "\ufeffA\nB C",
        "  a  \n\tb c\n",
        "x/a.jpg masks/x/a.png\nb c\n",
        "images/x/a 1 0 1\nimages/y/b c",
    ],
    ids=["ids", "paths", "file names", "byte-order mark", "blanks", "columns", "numbers"],
)
def test_names_in_lists_may_be_written_in_many_ways(tmp_path: pathlib.Path, train: str) -> None:
    if "x/a.jpg " in train:
        train = train.replace("x/a.jpg ", "a.jpg ")
    expected = {"x/a": "train", "y/b c": "train", "é": "test"}
    assert _lists(tmp_path, train=train, test="é") == expected


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"train": "a\nb c", "test": "a\né"}, "'a' is in the lists of train and test"),
        ({"train": "a", "test": "é"}, "1 sample is in no list: y/b c"),
        ({"train": "a\nb", "test": "é"}, r"\(no sample is called train.txt: b\)"),
        ({"train": "a\nb c\né", "test": ""}, "no sample is in test"),
        ({"train": b"\xff\xfea\0"}, "not UTF-8"),
    ],
)
def test_lists_that_do_not_fit(
    tmp_path: pathlib.Path, texts: dict[str, str | bytes], says: str
) -> None:
    with pytest.raises(SplitError, match=says):
        _lists(tmp_path, **texts)


def test_name_that_fits_two_samples_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "all.txt").write_text("1")
    twins = [kit.unseen(Sample(f"{f}/1", f"{f}/1.png", "m", f)) for f in ("a", "b")]
    with pytest.raises(SplitError, match="fits a/1, b/1"):
        FromLists(all="all.txt").assign(twins, Folder(tmp_path))


def test_name_without_a_sample_is_handed_on(tmp_path: pathlib.Path) -> None:
    (tmp_path / "all.txt").write_text("a\nb c\né\nz\n")
    assignment = FromLists(all="all.txt").assign(LISTED, Folder(tmp_path))
    assert assignment.listed_nowhere == ("all.txt: z",)
    assert assignment.files == ("all.txt",)


def test_list_outside_the_folder_is_not_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "secret").write_text("a")
    (tmp_path / "raw").mkdir()
    with pytest.raises(SplitError, match="leads out"):
        FromLists(all="../secret").assign(LISTED, Folder(tmp_path / "raw"))
