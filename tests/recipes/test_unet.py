"""The recipe from end to end: a run, its folder, going on with it, scoring it again."""

import itertools
import json
import pathlib
import re
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest

import browsing
import recipes.evaluate
import recipes.unet
import ticking
from recipes.core import checkpoint, conclude, describe, device, plan, planning, runs, training
from recipes.core import dataset as ds
from recipes.core.errors import RecipeError

TINY: dict[str, Any] = {"steps": 8, "epoch_steps": 3, "batch": 2, "crop": 32, "depth": 1}
TINY |= {"width": 4, "precision": "float32", "patience": 0}


def quietly(line: str) -> None:
    """Takes what a run would say."""


def start(name: str, folder: pathlib.Path, **said: Any) -> dict[str, Any]:
    return recipes.unet.train_and_evaluate(
        dataset=name, workdir=folder, overrides={**TINY, **said}, say=quietly
    )


def weights_of(folder: pathlib.Path) -> dict[str, np.ndarray]:
    with np.load(folder / "last.npz") as arrays:
        return {key: arrays[key] for key in arrays.files if key != "state"}


@pytest.fixture(scope="module")
def finished(shapes: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A whole small run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    start(shapes, folder)
    return folder


def test_run_leaves_its_whole_folder(finished: pathlib.Path) -> None:
    there = {path.name for path in finished.iterdir()}
    assert there == {
        *("plan.json", "history.jsonl", "best.keras", "last.npz", "scores.json", "index.html"),
        *("pictures", "tensorboard"),
    }
    history = runs.read_lines(finished / "history.jsonl")
    assert [row["step"] for row in history] == [3, 6, 8]
    assert all(np.isfinite(row["loss"]) for row in history)
    assert len(list((finished / "pictures").glob("*.png"))) == 4
    assert len(list((finished / "tensorboard").iterdir())) == 3


def test_scores_are_of_original_sizes_without_void(finished: pathlib.Path) -> None:
    scores = json.loads((finished / "scores.json").read_text())
    assert scores["images"] == 4
    assert scores["split"] == "test"
    assert scores["pixels"] + scores["void_pixels"] == pixels_of_test_split(finished)
    assert scores["void_pixels"] > 0
    assert np.array(scores["confusion"]).sum() == scores["pixels"]


def pixels_of_test_split(folder: pathlib.Path) -> int:
    from recipes.core import data
    from recipes.core import dataset as ds

    facts = runs.open_run(folder)[1].dataset
    return sum(i.ids.size for i in data.images(ds.open_builder(facts.name), facts, "test"))


def test_page_needs_nothing_from_outside(finished: pathlib.Path) -> None:
    page = (finished / "index.html").read_text()
    assert page.index("verdict") < page.index("<h2>")
    assert page.count("data:image/jpeg;base64,") == 4
    for outside in ("http://", "https://", 'src="/', "<script src", "<link"):
        assert outside not in page.replace("http://www.w3.org", "")
    for word in ("disc", "prefers-color-scheme: dark", "python -m recipes.evaluate", "polyline"):
        assert word in page


def test_page_opens_in_light_and_dark_without_complaint(
    finished: pathlib.Path, browser: browsing.Browser
) -> None:
    papers = set()
    for scheme in ("light", "dark"):
        browser.open(finished / "index.html", scheme=scheme)
        papers.add(browser.ask("getComputedStyle(document.body).backgroundColor"))
        assert browser.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        assert browser.complaints() == []
    assert len(papers) == 2


def test_evaluate_gives_the_scores_of_the_run_again(
    finished: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    found = recipes.evaluate.evaluate(
        workdir=finished, split="test", json=tmp_path / "scores.json", say=quietly
    )
    assert found == json.loads((finished / "scores.json").read_text())
    assert found == json.loads((tmp_path / "scores.json").read_text())
    part = recipes.evaluate.evaluate(workdir=finished, split="train[:5]", say=quietly)
    assert part["images"] == 5


def test_evaluate_refuses_what_is_not_there(finished: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(RecipeError, match="no split 'exam'"):
        recipes.evaluate.evaluate(workdir=finished, split="exam", say=quietly)
    with pytest.raises(RecipeError, match="holds no run"):
        recipes.evaluate.evaluate(workdir=tmp_path, say=quietly)


def test_taken_folder_is_refused_and_left_alone(shapes: str, finished: pathlib.Path) -> None:
    before = (finished / "plan.json").read_bytes()
    with pytest.raises(RecipeError, match="holds another run"):
        start(shapes, finished)
    assert (finished / "plan.json").read_bytes() == before


def test_resume_of_a_finished_run_only_scores_it(finished: pathlib.Path) -> None:
    before, best = weights_of(finished), (finished / "best.keras").read_bytes()
    told: list[str] = []
    recipes.unet.train_and_evaluate(workdir=finished, resume=True, say=told.append)
    assert (finished / "best.keras").read_bytes() == best
    assert "made 8 steps: too few to judge anything by" in told[-1]
    assert not any("The first step takes longest" in line for line in told)
    for key, value in weights_of(finished).items():
        np.testing.assert_array_equal(value, before[key])


def test_best_model_that_is_not_the_checkpoints_is_written_anew(
    finished: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    run, best = runs.Run(tmp_path), runs.Run(finished).best.read_bytes()
    net = conclude.load_best(runs.Run(finished))
    conclude.keep_best(run, net)
    assert run.best.exists()
    run.best.write_bytes(best)
    conclude.keep_best(run, net)
    assert run.best.read_bytes() == best
    net.set_weights([weight + 1 for weight in net.get_weights()])
    for before in (best, b"half a file"):
        run.best.write_bytes(before)
        conclude.keep_best(run, net)
        np.testing.assert_array_equal(
            conclude.load_best(run).get_weights()[0], net.get_weights()[0]
        )


def test_resume_refuses_another_plan_and_a_missing_run(
    finished: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(RecipeError, match="--seed=5"):
        recipes.unet.train_and_evaluate(workdir=finished, resume=True, overrides={"seed": 5})
    with pytest.raises(RecipeError, match="holds no run"):
        recipes.unet.train_and_evaluate(workdir=tmp_path, resume=True)
    with pytest.raises(RecipeError, match="--workdir"):
        recipes.unet.train_and_evaluate(resume=True)
    with pytest.raises(RecipeError, match="--dataset"):
        recipes.unet.train_and_evaluate(workdir=tmp_path)


def test_foreign_dataset_trains_in_bfloat16_by_the_clock(
    foreign: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticking.tick(monkeypatch)
    told: list[str] = []
    scores = recipes.unet.train_and_evaluate(
        dataset=foreign,
        workdir=tmp_path / "run",
        described={"mask_offset": 1},
        overrides={**TINY, "precision": "bfloat16", "budget": "1.2s", "steps": None},
        say=told.append,
    )
    assert 0 < scores["mean_iou"] <= 1
    assert "No validation split" in told[0]
    assert any("its time is over" in line for line in told)
    assert any("The first step takes longest" in line for line in told)


def test_budget_that_reading_uses_up_is_refused(shapes: str, tmp_path: pathlib.Path) -> None:
    said = {**TINY, "budget": "0.01s", "steps": None}
    with pytest.raises(training.TrainingError, match=r"0\.01s was used up .* a longer --budget"):
        recipes.unet.train_and_evaluate(
            dataset=shapes, workdir=tmp_path / "run", overrides=said, say=quietly
        )
    assert not (tmp_path / "run" / "scores.json").exists()


def test_run_on_a_budget_that_goes_on_validates_and_saves_as_before(
    shapes: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticking.tick(monkeypatch)
    said = {**TINY, "budget": "20s", "steps": None, "epoch_steps": None}
    plan = planning.make(describe.describe(shapes), device.find(), said)
    run, builder = runs.create(tmp_path / "run", plan), ds.open_builder(shapes)

    told: list[str] = []

    def stop(line: str) -> None:
        told.append(line)
        if line.startswith("epoch"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(builder, plan, run, say=stop)
    assert any(re.search(r"some \d+ steps in all, with the \d+ s that are left", s) for s in told)
    before = runs.read_lines(run.history)
    assert len(before) == 1
    state = training.train(builder, plan, run, say=quietly)
    assert state.finished == "its time is over"
    assert len(state.history) >= 5


def test_epoch_of_void_alone_has_no_score_and_the_run_goes_on(
    shapes: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    void = (np.zeros((2, 32, 32, 3), np.float32), np.full((2, 32, 32), 255, np.uint8))
    monkeypatch.setattr(training.data, "training_batches", lambda *_, **__: itertools.repeat(void))
    start(shapes, tmp_path / "run")
    history = runs.read_lines(tmp_path / "run" / "history.jsonl")
    assert [row["train_miou"] for row in history] == [None] * 3
    assert "on the varied crops of training it was -." in (tmp_path / "run/index.html").read_text()
    recipes.unet.train_and_evaluate(workdir=tmp_path / "run", resume=True, say=quietly)


def test_unknown_mask_value_stops_training_and_is_named(
    foreign: str, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(RecipeError, match=r"a mask holds \[3\]; its 3 classes are the values 0..2"):
        recipes.unet.train_and_evaluate(
            dataset=foreign,
            workdir=tmp_path / "run",
            described={"num_classes": 3},
            overrides=TINY,
            say=quietly,
        )


def test_missing_dataset_leaves_no_folder(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RecipeError, match="tfds build"):
        recipes.unet.train_and_evaluate(
            dataset="nowhere", data_dir=str(tmp_path), workdir=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


def test_patience_ends_a_run_that_gets_no_better(
    shapes: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, first = training.validate, []

    def always_the_first(*args: Any) -> Any:
        first.append(first[0] if first else real(*args))
        return first[-1]

    monkeypatch.setattr(training, "validate", always_the_first)
    said = {**TINY, "steps": 40, "epoch_steps": 1, "patience": 3}
    planned = planning.make(describe.describe(shapes), device.find(), said)
    run = runs.create(tmp_path / "run", planned)
    state = training.train(ds.open_builder(shapes), planned, run, say=quietly)
    assert state.finished == "no better validation in 3 epochs"
    assert len(runs.read_lines(run.history)) == 4


def test_loss_that_is_no_number_ends_the_run_with_a_reason(
    shapes: str, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(RecipeError, match=r"became (nan|inf).*--learning_rate"):
        start(shapes, tmp_path / "run", learning_rate=1e30, clip=0.0, warmup=0.0, steps=40)


def test_checkpoint_puts_everything_back(finished: pathlib.Path, tmp_path: pathlib.Path) -> None:
    planned: plan.Plan = runs.open_run(finished)[1]
    net, optimizer = training.build(planned)
    parts = {"model": net, "average": training.following(net, planned), "optimizer": optimizer}
    state = checkpoint.load(finished / "last.npz", **parts)
    assert state.step == 8
    assert state.finished
    assert int(optimizer.iterations.numpy()) == 8
    checkpoint.save(tmp_path / "again.npz", state, **parts)
    for key, value in weights_of(finished).items():
        with np.load(tmp_path / "again.npz") as arrays:
            np.testing.assert_array_equal(arrays[key], value)


def test_best_model_can_be_used_without_this_project(finished: pathlib.Path) -> None:
    net = keras.saving.load_model(finished / "best.keras", compile=False)
    assert net(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 32, 32, 3)


@pytest.mark.parametrize("verb", [recipes.unet, recipes.evaluate])
def test_leftover_arguments_are_refused(verb: Any) -> None:
    from absl import app

    with pytest.raises(app.UsageError, match="aerial"):
        verb.main(["prog", "aerial"])


def test_every_entry_of_the_plan_is_a_flag() -> None:
    command = [sys.executable, "-m", "recipes.unet", "--helpfull"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for name in (*planning.OVERRIDES, *recipes.unet.DESCRIBED):
        assert re.search(rf"--(\[no\])?{name}:", told), name


def test_command_refuses_in_one_line_without_a_traceback(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "recipes.evaluate", f"--workdir={tmp_path}"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr.startswith("error: ")
    assert "Traceback" not in found.stderr
