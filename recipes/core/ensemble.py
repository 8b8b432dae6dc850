"""Cross-validation as a whole: a run for each fold, and one model that is the mean of theirs."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from recipes.core import conclude, folds, runs, scoring, training
from recipes.core.plan import Plan


def train(
    builder: Any,
    plan: Plan,
    run: runs.Run,
    *,
    say: Callable[[str], None] = print,
    began: float | None = None,
) -> scoring.Score:
    """Trains a model per fold, from where each stands, and joins them.

    Writes, beside what every run has, `fold_0`, `fold_1`, … and `out_of_fold.json`: the scores of
    train and validation, each image answered by the one model that has not seen it.

    Args:
      builder: the dataset's, prepared.
      plan: of all folds.
      run: where to keep them.
      say: takes a line for the user.
      began: when the first fold's time began, see `training.train`.

    Returns:
      the score out of fold.
    """
    for fold in range(plan.folds):
        say(f"\nFold {fold} of {plan.folds}:")
        part = planned(plan, fold)
        opened = _opened(part, folds.run_of(run, fold))
        training.train(builder, part, opened, say=say, began=began)
        began = None
        keras.backend.clear_session()
    joined = join([conclude.load_best(folds.run_of(run, fold)) for fold in range(plan.folds)])
    conclude.keep_best(run, joined)
    runs.write_lines(run.history, _mean_history(run, plan.folds))
    result = conclude.score_out_of_fold(builder, plan, run)
    found = scoring.facts(result)
    runs.write_json(run.folder / "out_of_fold.json", found)
    say(f"\nOut of fold, each image by the model that has not seen it:\n{scoring.table(found)}")
    return result


def planned(plan: Plan, fold: int) -> Plan:
    """The plan of one fold, with its share of the budget."""
    return dataclasses.replace(plan, fold=fold, budget=plan.budget / plan.folds)


def join(models: list[keras.Model]) -> keras.Model:
    """One model whose logits are the logarithm of the mean of several models' probabilities, so
    that whoever takes their softmax has that mean."""
    pixels = keras.Input(models[0].input_shape[1:], dtype="float32", name="image")
    shown = []
    for i, net in enumerate(models):
        net.name = f"fold_{i}"
        shown.append(keras.layers.Softmax(dtype="float32", name=f"shown_{i}")(net(pixels)))
    mean = keras.layers.Average(dtype="float32", name="mean")(shown)
    logits = keras.ops.log(keras.ops.maximum(mean, 1e-12))
    return keras.Model(pixels, logits, name="ensemble")


def _opened(plan: Plan, run: runs.Run) -> runs.Run:
    return run if run.plan.exists() else runs.create(run.folder, plan)


def _mean_history(run: runs.Run, count: int) -> list[dict[str, Any]]:
    """One row per epoch: seconds of all folds together, and the mean of everything else."""
    histories = [runs.read_lines(folds.run_of(run, fold).history) for fold in range(count)]
    rows = []
    for i in range(max(map(len, histories))):
        there = [history[i] for history in histories if i < len(history)]
        row: dict[str, Any] = {"epoch": i + 1, "step": max(part["step"] for part in there)}
        for key in there[0].keys() - row.keys():
            known = [part[key] for part in there if part[key] is not None]
            total = sum(known)
            row[key] = total if key.endswith("seconds") else total / len(known) if known else None
        rows.append(row)
    return rows
