"""Folds are of whole groups, and each image is answered by a model that has not seen it."""

import dataclasses
import json
import pathlib
import shutil
from typing import Any

import keras
import numpy as np
import pytest

import recipes.evaluate
import recipes.unet
from recipes.core import conclude, data, describe, device, folds, planning, runs, training
from recipes.core import dataset as ds
from recipes.core import plan as plans
from recipes.core.plan import Plan, PlanError
from recipes.core.unseen import Unseen, each_fold

CPU = device.Device(kind="cpu", name="CPU", count=2, bfloat16=False)
TINY: dict[str, Any] = {"steps": 3, "epoch_steps": 3, "batch": 2, "crop": 32, "depth": 1}
TINY |= {"width": 4, "precision": "float32"}


def plan_of(name: str, **said: Any) -> Plan:
    return planning.make(describe.describe(name, mask_offset=said.pop("mask_offset", 0)), CPU, said)


def test_folds_are_even_and_split_no_group() -> None:
    rng = np.random.default_rng(0)
    groups = [f"g{i}" for i in rng.integers(0, 40, 500)]
    found = folds.deal(groups, 5)
    assert all(
        len({f for f, g in zip(found, groups, strict=True) if g == name}) == 1 for name in groups
    )
    sizes = np.bincount(found)
    assert len(sizes) == 5
    assert sizes.max() - sizes.min() <= max(groups.count(name) for name in groups)


def test_order_of_the_examples_does_not_move_a_group() -> None:
    groups = [f"town{i % 7}" for i in range(35)]
    one = dict(zip(groups, folds.deal(groups, 3), strict=True))
    other = dict(zip(groups[::-1], folds.deal(groups[::-1], 3), strict=True))
    assert one == other


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(PlanError, match="--folds=3: train and validation hold 2 groups"):
        folds.deal(["a", "b", "a"], 3)


def test_fold_is_what_training_does_not_see(shapes: str) -> None:
    plan = plan_of(shapes, folds=2, fold=0, batch=1, crop=80, depth=1, light=0.0, upright=True)
    builder = ds.open_builder(shapes)
    unseen = Unseen(builder, plan)
    held = list(unseen.images())
    assert len(held) == len(unseen) == 8
    assert len({image.group for image in held}) == 1
    assert unseen.name == "fold 0 of 2"
    batches = data.training_batches(builder, plan, held_out=unseen.held_out).take(8)
    # The crop holds each image whole, so its sorted pixels tell which one it is.
    seen = {tuple(np.sort(x.numpy().ravel())[::-1][:200]) for x, _ in batches}
    hidden = {tuple(np.sort(i.pixels.astype(np.float32).ravel())[::-1][:200]) for i in held}
    assert len(seen) == len(hidden) == 8
    assert not seen & hidden


def test_every_image_is_held_out_once(shapes: str) -> None:
    plan = plan_of(shapes, folds=2)
    builder = ds.open_builder(shapes)
    names = [image.name for unseen in each_fold(builder, plan) for image in unseen.images()]
    assert len(names) == len(set(names)) == 16
    known = {
        i.name: i for s in ("train", "validation") for i in data.images(builder, plan.dataset, s)
    }
    assert known.keys() == set(names)
    for unseen in each_fold(builder, plan):
        for image in unseen.images():
            np.testing.assert_array_equal(image.ids, known[image.name].ids)
            np.testing.assert_array_equal(image.pixels, known[image.name].pixels)


def test_dataset_without_groups_and_names_is_folded_by_example(foreign: str) -> None:
    plan = plan_of(foreign, folds=3, mask_offset=1)
    builder = ds.open_builder(foreign)
    found = folds.of(builder, plan)
    assert sorted(np.bincount(found.fold_of)) == [6, 7, 7]
    assert "knows no groups" in str(folds.note(found))


def test_whole_groups_are_held_out_as_many_as_asked_for() -> None:
    rng = np.random.default_rng(1)
    examples = [(f"i{i}", f"g{g}") for i, g in enumerate(rng.integers(0, 60, 400))]
    held = folds.hold_out(examples, 15)
    inside, outside = (
        {g for (_, g), h in zip(examples, held, strict=True) if h is side} for side in (True, False)
    )
    assert not inside & outside
    assert 0.13 <= held.mean() <= 0.15
    moved = folds.hold_out(examples[::-1], 15)
    np.testing.assert_array_equal(moved[::-1], held)


def test_large_groups_leave_one_to_hold_out() -> None:
    sizes = {"a": 30, "b": 50, "c": 40}
    examples = [(f"{g}{i}", g) for g, n in sizes.items() for i in range(n)]
    held = folds.hold_out(examples, 15)
    assert {g for (_, g), h in zip(examples, held, strict=True) if h} == {"a"}


def test_of_one_group_examples_are_held_out() -> None:
    held = folds.hold_out([(f"i{i}", "video") for i in range(20)], 15)
    assert held.sum() == 3


def test_groups_of_train_stand_in_for_a_validation_split(
    shapes: str, tmp_path: pathlib.Path
) -> None:
    found = describe.describe(shapes)
    plan = planning.make(
        dataclasses.replace(found, validation="train", held_out=50, train_examples=6), CPU, TINY
    )
    builder = ds.open_builder(shapes)
    unseen = Unseen(builder, plan)
    held, seen = list(unseen.images()), list(unseen.seen())
    assert len(held) == len(unseen) == 6
    assert {image.group for image in held}.isdisjoint({image.group for image in seen})
    train = {image.name for image in data.images(builder, found, "train")}
    assert {image.name for image in held} | {image.name for image in seen} == train
    run = runs.create(tmp_path / "run", plan)
    state = training.train(builder, plan, run, say=str)
    scores = recipes.evaluate.evaluate(workdir=run.folder, split="held_out", say=str)
    assert scores["split"] == "held_out"
    assert scores["images"] == 6
    assert scores["mean_iou"] == pytest.approx(state.best, abs=1e-6)
    assert "held out to choose" in plans.text(plan)


def test_final_scoring_of_a_fold_is_of_its_own_images_too(shapes: str) -> None:
    builder = ds.open_builder(shapes)
    plain, fold = (plan_of(shapes, **said) for said in ({}, {"folds": 2, "fold": 0}))
    alone = dataclasses.replace(fold, dataset=dataclasses.replace(fold.dataset, test=None))
    assert [Unseen(builder, plan).examined() for plan in (plain, fold, alone)] == [4, 4 + 8, 8]


def test_ensemble_keeps_the_time_and_is_scored_out_of_fold_once(
    shapes: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[float | None] = []
    scored: list[str] = []
    real = conclude._score

    def untrained(builder: Any, plan: Plan, run: runs.Run, **more: Any) -> None:
        began.append(more["began"])
        training.build(plan)[0].save(run.best)
        row = {"epoch": 1, "step": 1, "validation_miou": 0.5, "seconds": 1.0}
        row["train_miou"] = None if plan.fold else 0.25
        runs.write_lines(run.history, [row])

    def counted(plan: Plan, exam: Any, split: str) -> Any:
        scored.append(split)
        return real(plan, exam, split)

    monkeypatch.setattr(training, "train", untrained)
    monkeypatch.setattr(conclude, "_score", counted)
    monkeypatch.setattr(describe, "choose_splits", lambda *_, **__: ("train", "validation", None))
    folder, said = tmp_path / "run", {**TINY, "folds": 2}
    found = recipes.unet.train_and_evaluate(dataset=shapes, workdir=folder, overrides=said, say=str)
    assert scored == ["out of fold"]
    assert isinstance(began[0], float)
    assert began[1] is None
    assert found == json.loads((folder / "out_of_fold.json").read_text())
    assert found == json.loads((folder / "scores.json").read_text())
    (row,) = runs.read_lines(folder / "history.jsonl")
    assert (row["train_miou"], row["seconds"]) == (0.25, 2.0)


@pytest.fixture(scope="module")
def whole(shapes: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """An ensemble of two folds."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    said = {**TINY, "folds": 2}
    recipes.unet.train_and_evaluate(dataset=shapes, workdir=folder, overrides=said, say=str)
    return folder


def test_ensemble_is_the_mean_of_its_folds(whole: pathlib.Path) -> None:
    run = runs.Run(whole)
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    parts = [conclude.load_best(folds.run_of(run, fold)) for fold in range(2)]
    shown = [keras.ops.softmax(net(pixels)) for net in parts]
    joined = keras.ops.softmax(conclude.load_best(run)(pixels))
    np.testing.assert_allclose(joined, (shown[0] + shown[1]) / 2, atol=1e-5)
    assert not np.allclose(shown[0], shown[1], atol=1e-3)


def test_ensemble_has_a_page_and_scores_out_of_fold(whole: pathlib.Path) -> None:
    there = {path.name for path in whole.iterdir()}
    assert {"fold_0", "fold_1", "best.keras", "scores.json", "index.html"} <= there
    scores = json.loads((whole / "scores.json").read_text())
    beyond = json.loads((whole / "out_of_fold.json").read_text())
    assert (scores["split"], scores["images"]) == ("test", 4)
    assert (beyond["split"], beyond["images"]) == ("out of fold", 16)


def test_ensemble_is_evaluated_like_any_run(whole: pathlib.Path) -> None:
    found = recipes.evaluate.evaluate(workdir=whole, split="test", say=str)
    assert found["mean_iou"] == json.loads((whole / "scores.json").read_text())["mean_iou"]


@pytest.mark.parametrize(
    ("made", "told"),
    [((400, 300), []), ((400, 150), ["the folds made 400, 150 steps"]), ((90, 80), ["made 80 st"])],
)
def test_few_steps_and_folds_of_unlike_length_are_told(
    made: tuple[int, int], told: list[str], shapes: str, tmp_path: pathlib.Path
) -> None:
    run, plan = runs.Run(tmp_path), plan_of(shapes, folds=2)
    for fold, steps in enumerate(made):
        part = folds.run_of(run, fold)
        part.folder.mkdir()
        runs.write_lines(part.history, [{"step": 1}, {"step": steps}])
    found = conclude.doubts(plan, run)
    assert len(found) == len(told)
    assert all(line.startswith(start) for line, start in zip(found, told, strict=True))


def test_finished_ensemble_stays_the_same_model(whole: pathlib.Path) -> None:
    files = sorted(whole.rglob("best.keras"))
    before = [file.read_bytes() for file in files]
    assert len(before) == 3
    recipes.unet.train_and_evaluate(workdir=whole, resume=True, say=str)
    assert [file.read_bytes() for file in files] == before


def test_ensemble_goes_on_where_it_was_stopped(whole: pathlib.Path, tmp_path: pathlib.Path) -> None:
    stopped = tmp_path / "run"
    (stopped / "fold_0").mkdir(parents=True)
    shutil.copy(whole / "plan.json", stopped)
    for name in ("plan.json", "last.npz", "best.keras", "history.jsonl"):
        shutil.copy(whole / "fold_0" / name, stopped / "fold_0")
    recipes.unet.train_and_evaluate(workdir=stopped, resume=True, say=str)
    for name in ("scores.json", "out_of_fold.json"):
        assert (stopped / name).read_text() == (whole / name).read_text()
