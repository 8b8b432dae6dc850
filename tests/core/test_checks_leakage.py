"""Checks of likeness: each finds its defect, and is silent on the clean counterpart."""

import dataclasses
import pathlib

import numpy as np
import pytest

import kit
import leaks
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sources import Folder
from seg_datasets.core.splits import Grouped
from seg_datasets.core.survey import examine


def _raw(root: pathlib.Path) -> kit.Raw:
    raw = kit.draw(root)
    for row, path in enumerate(sorted(root.glob("images/*"))):
        raw.put(path.stem, image=leaks.picture(row), width=96, height=96)
    return raw


def test_clean_pictures_are_silent(tmp_path: pathlib.Path) -> None:
    assert kit.findings(_raw(tmp_path).root) == []


@pytest.mark.parametrize("way", sorted(leaks.again(leaks.picture(0))))
def test_near_duplicate_in_one_split(tmp_path: pathlib.Path, way: str) -> None:
    raw = _raw(tmp_path)
    copy = leaks.again(leaks.picture(0))[way]
    raw.put("b_0", image=copy, width=copy.width, height=copy.height)
    found = kit.findings(raw.root)
    assert kit.said(found) == [("SD409", "images/a_0.png")]
    assert "images/b_0.png" in found[0].message


@pytest.mark.parametrize("way", sorted(leaks.again(leaks.picture(0))))
def test_near_duplicate_in_two_splits(tmp_path: pathlib.Path, way: str) -> None:
    raw = _raw(tmp_path)
    copy = leaks.again(leaks.picture(0))[way]
    raw.put("d_0", image=copy, width=copy.width, height=copy.height)
    found = kit.findings(raw.root)
    assert kit.said(found) == [("SD410", "images/a_0.png")]
    assert "images/d_0.png (test)" in found[0].message


def test_look_alikes_of_one_stated_group_are_expected(tmp_path: pathlib.Path) -> None:
    raw = _raw(tmp_path)
    raw.put("a_1", image=leaks.again(leaks.picture(0))["turned"], width=96, height=96)
    assert kit.findings(raw.root) == []


def _video(names: list[str], steps: float = 0.15) -> list[SampleFacts]:
    """Frames that drift from one scene to others."""
    scenes = [np.asarray(leaks.picture(seed).convert("L"), float) for seed in range(12)]
    facts = []
    for row, name in enumerate(names):
        at = row * steps % (len(scenes) - 1)
        mixed = scenes[int(at)] * (1 - at % 1) + scenes[int(at) + 1] * (at % 1)
        image = leaks.Image.fromarray(mixed.astype(np.uint8)).convert("RGB")
        facts.append(leaks.fact(name, shows=leaks.thumb(image)))
    return facts


def _at_random(facts: list[SampleFacts]) -> dict[str, str]:
    rng = np.random.default_rng(5)
    return {f.sample.id: "train" if rng.random() < 0.7 else "test" for f in facts}


def test_numbered_neighbours_that_look_alike_in_two_splits() -> None:
    facts = _video([f"ride_{row:04}" for row in range(60)])
    found = leaks.said(facts, _at_random(facts))
    assert [pair for pair in kit.said(found) if pair[0] > "SD410"] == [("SD411", "series 'ride_#'")]
    halves = {f.sample.id: "train" for f in facts}
    assert not [f for f in leaks.said(facts, halves) if f.code == "SD411"]


def test_numbers_without_meaning_are_silent() -> None:
    for pattern in ("{:06}", "img_{}", "satImage_{:03}", "2007_{:06}", "scratches_{}"):
        facts = [leaks.fact(pattern.format(i), shows=leaks.thumb(leaks.picture(i, 32)))
                 for i in range(1, 200)]  # fmt: skip
        assert leaks.said(facts, _at_random(facts)) == []


@pytest.mark.parametrize(
    "names",
    [
        [f"0016E5_{n:05}" for n in range(7959, 8200, 24)] + [f"0001TP_{n}" for n in (6690, 9420)],
        [f"clip{c}_frame_{n}" for c in "ab" for n in range(6)],
        [f"city_x{x}_y{y}" for x in range(4) for y in range(4)],
        [f"p{p}/slice_{n:03}" for p in range(3) for n in range(5)],
    ],
    ids=["steps", "frames", "tiles", "slices"],
)
def test_series_in_two_splits_by_names_alone(names: list[str]) -> None:
    facts = [leaks.fact(name) for name in names]
    found = leaks.said(facts, {n: ("train", "test")[i % 2] for i, n in enumerate(names)})
    assert {(f.code, f.where[:6]) for f in found} == {("SD412", "series")}
    whole = {n: ("train", "test")[n.split("_")[0].split("/")[0] > "a"] for n in names}
    if len({*whole.values()}) == 1:
        assert leaks.said(facts, whole) == []
    stated = [leaks.fact(name, group="stated") for name in names]
    assert leaks.said(stated, {n: ("train", "test")[i % 2] for i, n in enumerate(names)}) == []


def test_tiles_of_two_splits_with_a_gap_between_are_no_neighbours() -> None:
    names = [f"city_x{x}_y{y}" for x in range(6) for y in range(3)]
    facts = [leaks.fact(name) for name in names]
    splits = {n: "train" if n[6] in "012" else "test" for n in names if n[6] != "3"}
    assert leaks.said(facts, splits) == []
    assert [f.code for f in leaks.said(facts, {**splits, "city_x3_y0": "test"})] == ["SD412"]


def _tile(name: str, x: float, y: float, **image: object) -> SampleFacts:
    geo = (0.5, 0.0, x, 0.0, -0.5, y)
    given = {"geo": geo, "crs": "EPSG:32633", "width": 100, "height": 100, **image}
    return leaks.fact(name, **given)


def test_ground_in_two_splits() -> None:
    tiles = [_tile("a", 0, 0), _tile("b", 40, 0), _tile("c", 90, 0), _tile("d", 500, 0)]
    splits = {"a": "train", "b": "test", "c": "train", "d": "test"}
    found = leaks.said(tiles, splits)
    assert kit.said(found) == [("SD413", "a.png")]
    assert "b.png (test)" in found[0].message
    apart = [_tile("a", 0, 0), _tile("b", 50, 0), _tile("c", 0, 50), _tile("d", 49.9, -50)]
    assert leaks.said(apart, splits) == []


def test_turned_tiles_overlap_only_where_they_do() -> None:
    turned = {"geo": (0.5, 0.5, 0.0, 0.5, -0.5, 0.0)}
    corner = _tile("b", 80, 95)
    splits = {"a": "train", "b": "test"}
    assert leaks.said([_tile("a", 0, 0, **turned), corner], splits) == []
    inside = _tile("b", 40, 20)
    found = leaks.said([_tile("a", 0, 0, **turned), inside], splits)
    assert kit.said(found) == [("SD413", "a.png")]
    elsewhere = _tile("b", 40, 20, crs="EPSG:32634")
    assert leaks.said([_tile("a", 0, 0, **turned), elsewhere], splits) == []


def test_class_mix_that_differs() -> None:
    rng = np.random.default_rng(0)
    names = [f"{i}" for i in range(40)]

    def mixed(far: int) -> list[SampleFacts]:
        roofs = [int(rng.integers(5, 20)) + (far if i < 10 else 0) for i in range(40)]
        return [leaks.fact(n, counts={0: 100 - r, 1: r}) for n, r in zip(names, roofs, strict=True)]

    splits = {n: "test" if i < 10 else "train" for i, n in enumerate(names)}
    assert leaks.said(mixed(0), splits) == []
    found = leaks.said(mixed(40), splits)
    assert kit.said(found) == [("SD414", "split 'test'")]
    assert "'roof'" in found[0].message


def test_split_of_one_view() -> None:
    view = np.asarray(leaks.picture(99).convert("L"), float)
    facts = []
    for i in range(40):
        own = np.asarray(leaks.picture(i).convert("L"), float)
        shown = own if i < 20 else view * 0.85 + own * 0.15
        image = leaks.Image.fromarray(shown.astype(np.uint8)).convert("RGB")
        facts.append(leaks.fact(f"{i:02}", shows=leaks.thumb(image)))
    splits = {f.sample.id: "train" if i < 20 else "test" for i, f in enumerate(facts)}
    found = [f for f in leaks.said(facts, splits) if f.code not in ("SD409", "SD410")]
    assert kit.said(found) == [("SD415", "split 'test'")]
    mixed = {f.sample.id: ("train", "test")[i % 2] for i, f in enumerate(facts)}
    assert not [f for f in leaks.said(facts, mixed) if f.code == "SD415"]


def test_groups_that_are_found_keep_look_alikes_in_one_split(tmp_path: pathlib.Path) -> None:
    raw = _raw(tmp_path)
    raw.put("d_0", image=leaks.again(leaks.picture(0))["turned"], width=96, height=96)
    source = dataclasses.replace(kit.DECLARATION.source, group=None)
    auto = dataclasses.replace(source, group="auto")
    found = []
    for stated, group in ((source, "auto"), (auto, None)):
        splits = Grouped(train=1, test=1, group=group, seed=1)
        declaration = dataclasses.replace(kit.DECLARATION, source=stated, splits=splits)
        examined = examine(declaration, Folder(raw.root))
        assert not {f.code for f in examined.findings} & {"SD403", "SD409", "SD410"}
        assert "'a_0': 2 samples, such as a_0, d_0" in examined.groups
        groups = {f.sample.id: f.sample.group for f in examined.subject.facts}
        assert groups["d_0"] == groups["a_0"] == "a_0"
        assert {s.id: s.group for s in examined.subject.scan.samples} == groups
        found.append(examined.assignment)
    assert found[0] == found[1]


def test_groups_that_are_stated_are_not_described(tmp_path: pathlib.Path) -> None:
    assert examine(kit.DECLARATION, Folder(_raw(tmp_path).root)).groups == ""


def test_set_of_one_view_says_nothing_of_its_splits() -> None:
    view = np.asarray(leaks.picture(99).convert("L"), float)
    facts = []
    for i in range(40):
        own = np.asarray(leaks.picture(i).convert("L"), float)
        image = leaks.Image.fromarray((view * 0.85 + own * 0.15).astype(np.uint8)).convert("RGB")
        facts.append(leaks.fact(f"{i:02}", shows=leaks.thumb(image)))
    splits = {f.sample.id: ("train", "test")[i % 2] for i, f in enumerate(facts)}
    assert not [f for f in leaks.said(facts, splits) if f.code == "SD415"]


def test_class_mix_is_the_same_in_any_order_of_the_samples() -> None:
    rng = np.random.default_rng(0)
    facts = [
        leaks.fact(f"{i:03}", group=f"g{i // 2}", counts={0: int(rng.integers(1, 99)), 1: 33, 2: 1})
        for i in range(60)
    ]
    facts += [leaks.fact(f"x{i}", counts={0: 1, 1: 300 + i}) for i in range(8)]
    splits = {f.sample.id: "test" if f.sample.id[0] == "x" else "train" for f in facts}
    found = [f.message for f in leaks.said(facts, splits)]
    assert "the rest" in found[0]
    assert found == [f.message for f in leaks.said(facts[::-1], splits)]


def test_share_that_is_off_by_less_than_a_sample_is_as_near_as_can_be(
    tmp_path: pathlib.Path,
) -> None:
    raw = kit.Raw(tmp_path, np.random.default_rng(0))
    raw.put("a_0")
    raw.put("b_0")
    splits = Grouped(train=70, test=30, pin={"train": ["a"], "test": ["b"]})
    assert kit.findings(tmp_path, splits=splits) == []
