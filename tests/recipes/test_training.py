"""A step means the same on every device and backend; a killed run ends where the whole one ends."""

import importlib.util
import pathlib
import signal
import subprocess
import sys
import textwrap
from typing import Any

import keras
import numpy as np
import pytest

import recipes.unet
from recipes.core import conclude, device, losses, model, planning, runs, steps, training
from recipes.core.clock import Clock
from recipes.core.dataset import Dataset
from recipes.core.plan import Plan

ROOT = pathlib.Path(__file__).parents[2]
CPU = device.Device(kind="cpu", name="CPU", count=2, bfloat16=False)
TINY: dict[str, Any] = {"steps": 8, "epoch_steps": 3, "batch": 2, "crop": 32, "depth": 1}
TINY |= {"width": 4, "precision": "float32", "patience": 0}


def plan_of(facts: Dataset, **said: Any) -> Plan:
    return planning.make(facts, CPU, {**TINY, **said})


def batch(count: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 2, (count, 32, 32)).astype(np.uint8)
    ids[0, :20] = 255  # the parts of a batch do not have the same number of pixels that count
    return rng.uniform(0, 255, (count, 32, 32, 3)).astype(np.float32), ids


def parts_of(plan: Plan) -> tuple[Any, Any, Any]:
    net, optimizer = training.build(plan)
    return net, training.following(net, plan), optimizer


def in_another_process(code: str, *arguments: object, **environment: str) -> Any:
    import os

    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )


KILLED = """
    import ast, os, signal, sys
    import recipes.unet
    from recipes.core import steps
    real, made = steps.TensorFlowStep.__call__, []

    def call(self, *args):
        made.append(1)
        if len(made) == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *args)

    steps.TensorFlowStep.__call__ = call
    recipes.unet.train_and_evaluate(
        dataset=sys.argv[1], workdir=sys.argv[2], overrides=ast.literal_eval(sys.argv[3])
    )
"""


def test_run_that_was_killed_ends_with_the_weights_of_the_whole_one(
    shapes: str, tmp_path: pathlib.Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    recipes.unet.train_and_evaluate(dataset=shapes, workdir=whole, overrides=TINY, say=str)
    found = in_another_process(KILLED, shapes, killed, TINY)
    assert found.returncode == -signal.SIGKILL, found.stderr
    assert len(runs.read_lines(killed / "history.jsonl")) == 1
    scores = recipes.unet.train_and_evaluate(workdir=killed, resume=True, say=str)
    with np.load(whole / "last.npz") as one, np.load(killed / "last.npz") as other:
        assert one.files == other.files
        for key in set(one.files) - {"state"}:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)
    assert scores == runs.read_json(whole / "scores.json")
    for key in ("step", "loss", "train_miou", "validation_miou", "learning_rate"):
        curves = [
            [row[key] for row in runs.read_lines(f / "history.jsonl")] for f in (whole, killed)
        ]
        assert curves[0] == curves[1], key
    for a, b in zip(
        conclude.load_best(runs.Run(whole)).get_weights(),
        conclude.load_best(runs.Run(killed)).get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_average_follows_weights_and_moments(plain: Dataset) -> None:
    plan = plan_of(plain, ema=0.9)
    net, average, optimizer = parts_of(plan)
    step = steps.make(net, average, optimizer, plan)
    expected = [np.array(v) for v in net.get_weights()]
    for i in range(3):
        step(*batch(), 1e-2)
        stays = min(0.9, (2 + i) / (11 + i))
        expected = [
            old + (1 - stays) * (new - old)
            for old, new in zip(expected, net.get_weights(), strict=True)
        ]
    for found, meant in zip(average.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, meant, rtol=1e-4, atol=1e-5)
    assert "moving_mean" in " ".join(v.path for v in average.variables)


def test_a_step_weighs_classes_as_it_is_told(plain: Dataset) -> None:
    told = {}
    for weights in (None, (1.0, 1.0), (1.0, 9.0)):
        plan = plan_of(plain, class_weights=[1.0, 9.0], loss="ce")
        net, average, optimizer = parts_of(plan)
        told[weights] = float(steps.make(net, average, optimizer, plan)(*batch(), 0.0, weights)[0])
    assert told[None] == told[1.0, 9.0]
    assert abs(told[1.0, 1.0] - told[1.0, 9.0]) > 1e-3


def test_without_an_average_the_model_follows_itself(plain: Dataset) -> None:
    net, average, _ = parts_of(plan_of(plain, ema=0.0))
    assert average is net


def test_gradient_is_cut_to_its_limit() -> None:
    gradients = [np.full((3, 3), 4.0, np.float32), np.full(4, -3.0, np.float32)]
    cut = [np.asarray(g) for g in steps.clipped(gradients, 1.0)]
    assert np.sqrt(sum((g**2).sum() for g in cut)) == pytest.approx(1.0)
    assert cut[0][0, 0] / cut[1][0] == pytest.approx(-4 / 3)
    for kept, given in zip(steps.clipped(gradients, 100.0), gradients, strict=True):
        np.testing.assert_allclose(kept, given)


def test_coarser_levels_count_half_as_much(plain: Dataset) -> None:
    terms, (_, ids) = losses.parse("ce+dice"), batch()
    rng = np.random.default_rng(1)
    levels = [rng.normal(size=(4, 32 >> i, 32 >> i, 2)).astype(np.float32) for i in range(3)]
    weights = (1.0, 2.0)
    alone = [
        float(losses.total(terms, seen, logits, weights=weights))
        for seen, logits in zip((ids, ids[:, 1::2, 1::2], ids[:, 2::4, 2::4]), levels, strict=True)
    ]
    found = float(steps.cost(terms, ids, levels, weights))
    assert found == pytest.approx((alone[0] + alone[1] / 2 + alone[2] / 4) / 1.75, rel=1e-5)


def test_confusion_of_a_step_leaves_void_out() -> None:
    _, ids = batch()
    logits = np.random.default_rng(2).normal(size=(4, 32, 32, 2)).astype(np.float32)
    said = logits.argmax(-1)
    meant = [[((ids == t) & (said == p)).sum() for p in range(2)] for t in range(2)]
    np.testing.assert_array_equal(steps.counted(ids, logits, 2), meant)


def test_deep_supervision_leaves_one_output_and_residual_blocks_add(plain: Dataset) -> None:
    plan = plan_of(plain, deep_supervision=True, residual=True, depth=3)
    net, average, optimizer = parts_of(plan)
    assert [tuple(output.shape)[-1] for output in net.outputs] == [2, 2, 2]
    step = steps.make(net, average, optimizer, plan)
    assert np.isfinite(float(step(*batch(), 1e-3)[0]))
    best = model.finished(average)
    pixels, _ = batch()
    np.testing.assert_array_equal(best(pixels), average(pixels)[0])
    assert any(isinstance(layer, keras.layers.Add) for layer in best.layers)
    assert not any(layer.name.startswith("logits_") for layer in best.layers)


def test_clock_keeps_time_for_scoring_and_ends_in_time(
    plain: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("recipes.core.clock.time.monotonic", lambda: now[0])
    plan = plan_of(plain, budget="100s", steps=None, epoch_steps=None)
    clock = Clock(plan, began=90.0, before=0)
    assert clock.passed() == 10
    clock.start()
    clock.start_epoch(0)
    assert clock.progress(0) == 0
    now[0] += 37.5  # half of the 75 s that are left when 15 are set aside for scoring
    assert clock.progress(9) == pytest.approx(0.5)
    assert not clock.due(9, clock.progress(9))  # nothing is known yet of what a validation takes
    assert not clock.known
    clock.note_step(0.04, 30, validation=100, test=275)
    assert clock.known
    assert clock.left() == pytest.approx(100 - 47.5 - 2 - 19)
    assert not clock.due(30, clock.progress(30))
    now[0] += 14  # a validation of 2 s may be had for each 20 s, of 100 s or of 70
    assert clock.due(60, clock.progress(60))
    now[0] = 90 + 78  # but none just before the last one, which comes at the end
    clock.start_epoch(80)
    assert clock.progress(80) == pytest.approx(0.986, abs=1e-3)
    assert not clock.due(9, 0.999)
    now[0] = 90 + 79
    assert clock.progress(60) == pytest.approx(1)
    clock.note_validation(8.0, scoring=16.0)
    assert clock.progress(60) > 1
    assert clock.due(1, clock.progress(61))


SEVERAL = """
    import sys
    sys.path[:0] = ["tests", "tests/recipes"]
    import numpy as np, tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    import test_training as t
    from recipes.core import device, runs, steps, training
    plan = runs.open_run(__import__("pathlib").Path(sys.argv[1]))[1]
    strategy = device.strategy()
    assert strategy.num_replicas_in_sync == 2
    found = []
    for one in (None, strategy):
        if one is None:
            net, average, optimizer = t.parts_of(plan)
        else:
            with one.scope():
                net, average, optimizer = t.parts_of(plan)
        step = steps.make(net, average, optimizer, plan, strategy=one)
        told = [step(*map(tf.constant, t.batch()), 1e-3) for _ in range(3)]
        found.append((told, net.get_weights(), average.get_weights()))
    (one, *weights), (two, *others) = found
    for (loss, counts), (again, recounts) in zip(one, two):
        np.testing.assert_allclose(float(loss), float(again), rtol=1e-5)
        assert np.abs(counts.numpy() - recounts.numpy()).sum() <= 4
    for mine, theirs in zip(weights, others):
        for a, b in zip(mine, theirs):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-4)
    print("the same")
"""


def test_two_devices_learn_what_one_does(plain: Dataset, tmp_path: pathlib.Path) -> None:
    plan = plan_of(plain, batch=4, depth=2)
    runs.create(tmp_path / "run", plan)
    found = in_another_process(SEVERAL, tmp_path / "run")
    assert found.stdout.strip() == "the same", found.stderr


JAX = """
    import sys
    sys.path[:0] = ["tests", "tests/recipes"]
    import numpy as np, keras
    assert keras.backend.backend() == "jax"
    import test_training as t
    from recipes.core import runs, steps
    plan = runs.open_run(__import__("pathlib").Path(sys.argv[1]))[1]
    with np.load(sys.argv[2]) as known:
        net, average, optimizer = t.parts_of(plan)
        for one in (net, average):
            one.set_weights([known[f"begin{i}"] for i in range(len(one.weights))])
        step = steps.make(net, average, optimizer, plan)
        told = [step(*t.batch(), 1e-3) for _ in range(3)]
        step.settle()
        for (loss, counts), meant in zip(told, known["losses"]):
            np.testing.assert_allclose(float(loss), meant, rtol=1e-4)
        for name, one in (("end", net), ("average", average)):
            for i, found in enumerate(one.get_weights()):
                np.testing.assert_allclose(found, known[f"{name}{i}"], rtol=1e-2, atol=1e-3)
        pixels, ids = t.batch()
        shown = steps.forward(average)(pixels[0])
        np.testing.assert_allclose(shown, known["shown"], atol=5e-3)
    print("the same")
"""


@pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed: pip install jax"
)
def test_jax_learns_what_tensorflow_does(
    plain: Dataset, shapes: str, tmp_path: pathlib.Path
) -> None:
    plan = plan_of(plain, depth=2)
    runs.create(tmp_path / "run", plan)
    net, average, optimizer = parts_of(plan)
    known = {f"begin{i}": value for i, value in enumerate(net.get_weights())}
    step = steps.make(net, average, optimizer, plan)
    known["losses"] = np.array([float(step(*batch(), 1e-3)[0]) for _ in range(3)])
    known |= {f"end{i}": value for i, value in enumerate(net.get_weights())}
    known |= {f"average{i}": value for i, value in enumerate(average.get_weights())}
    known["shown"] = steps.forward(average)(batch()[0][0])
    np.savez(tmp_path / "known.npz", **known)
    found = in_another_process(JAX, tmp_path / "run", tmp_path / "known.npz", KERAS_BACKEND="jax")
    assert found.stdout.strip() == "the same", found.stderr
    said = [f"--{key}={value}" for key, value in TINY.items()]
    command = [sys.executable, "-m", "recipes.unet", f"--dataset={shapes}", *said]
    command += [f"--workdir={tmp_path / 'whole'}"]
    told = in_another_process(
        "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)",
        *command,
        KERAS_BACKEND="jax",
    )
    assert "Best model on test" in told.stdout, told.stderr
