"""One run against another: pairs of groups, drawn again and swapped."""

import dataclasses
import itertools
import json
import pathlib

import numpy as np
import pytest

import recipes.evaluate
from recipes.core import (
    comparison,
    describe,
    device,
    figures,
    metrics,
    planning,
    resampling,
    runs,
    scoring,
    training,
)
from recipes.core.dataset import Dataset
from recipes.core.errors import RecipeError
from recipes.core.plan import Plan


def score(right: dict[str, list[int]], *, of: int = 100) -> scoring.Score:
    """A split of images by group, each with so many of its 100 pixels of class 1 found."""
    matrices = {
        f"{group}{i}": np.array([[100, 0], [of - found, found]])
        for group, images in right.items()
        for i, found in enumerate(images)
    }
    return scoring.Score(
        split="test",
        classes=("ground", "disc"),
        matrix=sum(matrices.values(), np.zeros((2, 2), np.int64)),
        tallies=tuple(metrics.tally(m, name=name, group=name[:-1]) for name, m in matrices.items()),
        void_pixels=0,
    )


def mean_iou(tallies: list[metrics.Tally]) -> float:
    truth, said, both = (
        sum(getattr(t, key) for t in tallies) for key in ("truth", "predicted", "both")
    )
    return float(np.mean(both / (truth + said - both)))


GOOD = {f"g{i}": [90 - i, 80 + 2 * i] for i in range(8)}
BAD = {f"g{i}": [70 + i, 75 - i] for i in range(8)}


def test_better_run_is_told_with_difference_interval_and_p() -> None:
    found = comparison.compare(score(GOOD), score(BAD))
    json.dumps(found, allow_nan=False)
    row = found["mean_iou"]
    assert row["difference"] == pytest.approx(row["run"] - row["against"], abs=2e-6)
    assert row["run"] == pytest.approx(score(GOOD).mean_iou, abs=1e-6)
    assert 0 < row["interval"][0] < row["difference"] < row["interval"][1]
    assert row["better_share"] == 1.0
    assert row["worse_share"] == 0.0
    assert row["p"] == pytest.approx(2 / 2**8, abs=1e-6)
    assert found["all_swaps"]
    assert found["swaps"] == 2**8
    assert "The run is better by 0.1" in comparison.table(found)
    other_way = comparison.compare(score(BAD), score(GOOD))
    assert other_way["mean_iou"]["difference"] == -row["difference"]
    assert other_way["mean_iou"]["p"] == row["p"]
    assert "The run is worse by 0.1" in comparison.table(other_way)


def test_run_against_itself_differs_in_nothing() -> None:
    found = comparison.compare(score(GOOD), score(GOOD))
    row = found["mean_iou"]
    assert (row["difference"], row["interval"], row["p"]) == (0.0, [0.0, 0.0], 1.0)
    assert row["better_share"] == row["worse_share"] == 0.0
    assert "No difference in mean IoU is shown" in comparison.table(found)


def test_p_is_the_share_of_swaps_made_by_hand() -> None:
    rng = np.random.default_rng(4)
    one = score({f"g{i}": rng.integers(40, 90, 2).tolist() for i in range(6)})
    other = score({f"g{i}": rng.integers(40, 80, 2).tolist() for i in range(6)})
    names = sorted({t.group for t in one.tallies})
    observed = abs(mean_iou(list(one.tallies)) - mean_iou(list(other.tallies)))
    as_much = 0
    for sides in itertools.product((False, True), repeat=6):
        side = dict(zip(names, sides, strict=True))
        pairs = [
            (b, a) if side[a.group] else (a, b)
            for a, b in zip(one.tallies, other.tallies, strict=True)
        ]
        difference = mean_iou([a for a, _ in pairs]) - mean_iou([b for _, b in pairs])
        as_much += abs(difference) >= observed - 1e-12
    assert comparison.compare(one, other)["mean_iou"]["p"] == pytest.approx(as_much / 64, abs=1e-6)


def test_interval_draws_the_same_groups_for_both() -> None:
    # Groups differ far more than the runs do: unpaired intervals would hide the difference.
    easy = {f"g{i}": [10 + 10 * i] for i in range(8)}
    better = {name: [found + 1 for found in images] for name, images in easy.items()}
    row = comparison.compare(score(better), score(easy))["mean_iou"]
    assert 0 < row["interval"][0] <= row["interval"][1] < 0.02
    assert row["p"] < 0.05


def test_many_groups_are_swapped_at_random_and_always_alike() -> None:
    rng = np.random.default_rng(1)
    one, other = (
        score({f"g{i}": rng.integers(20, 90, 1).tolist() for i in range(40)}) for _ in range(2)
    )
    found = comparison.compare(one, other)
    assert not found["all_swaps"]
    assert found["swaps"] == 9999
    assert found == comparison.compare(one, other)
    assert 0 < found["mean_iou"]["p"] <= 1


def test_p_of_equal_models_is_as_often_small_as_it_should_be() -> None:
    rng = np.random.default_rng(0)
    small = 0
    for _ in range(200):
        one, other = (
            score({f"g{i}": rng.integers(20, 90, 1).tolist() for i in range(6)}) for _ in range(2)
        )
        a, b = (figures.by_group(s.tallies, classes=2) for s in (one, other))
        swaps, exact = resampling.swapped(a, b, figures.of)
        difference = one.mean_iou - other.mean_iou
        small += resampling.p_value(difference, swaps["mean_iou"], exact=exact) <= 0.1
    assert 5 <= small <= 35


def test_one_group_gives_neither_interval_nor_p_and_says_so() -> None:
    found = comparison.compare(score({"g": [90, 80]}), score({"g": [70, 60]}))
    row = found["mean_iou"]
    assert row["difference"] > 0
    assert (row["interval"], row["p"], row["better_share"]) == ([None, None], None, None)
    assert "1 group says nothing" in comparison.table(found)


def test_few_groups_cannot_show_a_difference_and_that_is_said() -> None:
    good = {f"g{i}": [90] for i in range(4)}
    bad = {f"g{i}": [50] for i in range(4)}
    told = comparison.table(comparison.compare(score(good), score(bad)))
    assert "p cannot be below 0.125" in told


def test_class_without_a_score_has_no_difference() -> None:
    empty = {f"g{i}": [0] for i in range(3)}
    found = comparison.compare(score(empty, of=0), score(empty, of=0))
    assert found["classes"][1]["difference"] is None
    assert found["classes"][1]["interval"] == [None, None]
    comparison.table(found)


def test_other_images_or_masks_are_refused() -> None:
    with pytest.raises(comparison.ComparisonError, match="16 images for one run and 15"):
        comparison.compare(score(GOOD), score(GOOD | {"g7": [1]}))
    with pytest.raises(comparison.ComparisonError, match="has another mask"):
        comparison.compare(score(GOOD), score(GOOD, of=101))
    renamed = {f"h{name}": images for name, images in GOOD.items()}
    with pytest.raises(comparison.ComparisonError, match="g00 of one run is not hg00"):
        comparison.compare(score(GOOD), score(renamed))


class Planned:
    """As much of a plan as is looked at."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset


def test_other_datasets_versions_and_classes_are_refused(plain: Dataset) -> None:
    one: Plan = Planned(plain)  # type: ignore[assignment]
    comparison.refuse_strangers(one, one, ("aerial/1.0.0", "aerial/1.0.0"))
    with pytest.raises(comparison.ComparisonError, match=r"aerial/1.0.0 and the other on aerial/2"):
        comparison.refuse_strangers(one, one, ("aerial/1.0.0", "aerial/2.0.0"))
    other: Plan = Planned(dataclasses.replace(plain, mask_offset=1))  # type: ignore[assignment]
    with pytest.raises(comparison.ComparisonError, match="mask_offset is 0 in one and 1"):
        comparison.refuse_strangers(one, other, ("aerial/1.0.0", "aerial/1.0.0"))


def untrained(shapes: str, folder: pathlib.Path, seed: int) -> pathlib.Path:
    """A run that ended before its first step."""
    said = {"seed": seed, "crop": 32, "depth": 1, "width": 4, "precision": "float32"}
    plan = planning.make(describe.describe(shapes), device.find(), said)
    run = runs.create(folder, plan)
    training.build(plan)[0].save(run.best)
    return folder


def test_command_compares_two_runs_and_writes_both(shapes: str, tmp_path: pathlib.Path) -> None:
    folders = [untrained(shapes, tmp_path / f"run{seed}", seed) for seed in (1, 2)]
    told: list[str] = []
    found = recipes.evaluate.evaluate(
        workdir=folders[0], against=folders[1], json=tmp_path / "found.json", say=told.append
    )
    assert found == json.loads((tmp_path / "found.json").read_text())
    row = found["comparison"]["mean_iou"]
    assert (row["run"], row["against"]) == (found["mean_iou"], found["against"]["mean_iou"])
    assert found["comparison"]["groups"] == 2
    assert "ECE" in told[-1]
    alone = recipes.evaluate.evaluate(workdir=folders[1], nsd_tolerance=5, say=told.append)
    assert alone["mean_iou"] == row["against"]
    assert alone["mean_nsd"] > found["against"]["mean_nsd"]


def test_command_refuses_a_run_of_another_dataset_and_a_senseless_tolerance(
    shapes: str, foreign: str, tmp_path: pathlib.Path
) -> None:
    one, other = untrained(shapes, tmp_path / "one", 1), tmp_path / "other"
    plan = runs.open_run(one)[1]
    moved = dataclasses.replace(plan, dataset=dataclasses.replace(plan.dataset, name=foreign))
    runs.create(other, moved)
    with pytest.raises(comparison.ComparisonError, match=r"shapes/1.0.0 and the other on foreign"):
        recipes.evaluate.evaluate(workdir=one, against=other)
    with pytest.raises(RecipeError, match="--nsd_tolerance=-1"):
        recipes.evaluate.evaluate(workdir=one, nsd_tolerance=-1)


@pytest.mark.parametrize(
    ("said", "split", "told"),
    [
        ({}, "test", ""),
        ({}, "validation[:50%]", "was chosen by its score on validation[:50%]"),
        ({}, "test[:2]+train", "was trained on train: test[:2]+train may hold the same images"),
        ({"folds": 3}, "test", ""),
        ({"folds": 3}, "validation", "was trained on train+validation"),
        ({"folds": 3, "fold": 1}, "validation[:9]", "was trained on train+validation"),
        ({"folds": 3, "fold": 1}, "held_out", "was chosen by its score on held_out"),
        ({"held_out": 15}, "held_out", "was chosen by its score on held_out"),
        ({"held_out": 15}, "train[5:]", "was trained on train: train[5:]"),
        ({"held_out": 15, "folds": 3, "fold": 0}, "train", "was trained on train: train"),
    ],
)
def test_score_that_looks_better_than_it_is_says_so(
    plain: Dataset, said: dict[str, int], split: str, told: str
) -> None:
    share = said.get("held_out", 0)
    facts = dataclasses.replace(
        plain, held_out=share, validation="train" if share else "validation"
    )
    overrides = {key: value for key, value in said.items() if key != "held_out"}
    plan = planning.make(
        facts, device.Device(kind="cpu", name="CPU", count=2, bfloat16=False), overrides
    )
    found = recipes.evaluate._seen_before(plan, split)
    assert found.startswith(f"the model {told}") if told else found == ""


def test_score_on_images_of_training_is_told(shapes: str, tmp_path: pathlib.Path) -> None:
    run, told = untrained(shapes, tmp_path / "run", 1), list[str]()
    recipes.evaluate.evaluate(workdir=run, split="train[:2]", say=told.append)
    assert any("train[:2] may hold the same images" in line for line in told)
    told.clear()
    recipes.evaluate.evaluate(workdir=run, split="validation", say=told.append)
    assert any("was chosen by its score on validation" in line for line in told)
    told.clear()
    recipes.evaluate.evaluate(workdir=run, say=told.append)
    assert not any("note" in line for line in told)
