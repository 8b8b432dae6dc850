"""The training loop: steps, a validation after every epoch, the best model kept; resumable."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tqdm

from recipes.core import (
    checkpoint,
    conclude,
    curves,
    data,
    device,
    metrics,
    model,
    runs,
    scoring,
    steps,
)
from recipes.core.clock import LEARNT, Clock
from recipes.core.errors import RecipeError
from recipes.core.plan import Plan, duration
from recipes.core.unseen import Unseen

SHOWN = 10  # steps between two looks at the loss: each look waits for the device


class TrainingError(RecipeError):
    """Training came to something it cannot go on from."""


def train(
    builder: Any,
    plan: Plan,
    run: runs.Run,
    *,
    say: Callable[[str], None] = print,
    began: float | None = None,
) -> checkpoint.State:
    """Trains by the plan, from where the run stands, until it is finished.

    Args:
      builder: the dataset's, prepared.
      plan: what to do.
      run: where to keep it; goes on after the last whole epoch that lies there.
      say: takes a line for the user.
      began: when the budget's time began, by `time.monotonic`; now when None.

    Raises:
      DatasetError: a mask holds a value that no class has.
      TrainingError: the loss is no number any more, there is nothing to validate on, or the budget
        was used up before the first step.
    """
    began = time.monotonic() if began is None else began
    # What tf.data shuffles follows the process's seed, too, which others may have set.
    keras.utils.set_random_seed(plan.seed)
    tensorflow = keras.backend.backend() == "tensorflow"
    strategy = device.strategy() if tensorflow else None
    with strategy.scope() if strategy else contextlib.nullcontext():
        net, optimizer = build(plan)
        average = following(net, plan)
    parts = {"model": net, "average": average, "optimizer": optimizer}
    if average is net:
        del parts["average"]
    best = model.finished(average)
    state = checkpoint.State()
    if run.last.exists():
        state = checkpoint.load(run.last, **parts)
        say(f"Going on after epoch {state.epoch}, step {state.step}.")
        # The run may have been killed between its checkpoint and what is written after it.
        runs.write_lines(run.history, state.history)
        if state.best_epoch == state.epoch:
            conclude.keep_best(run, best)
    step = steps.make(net, average, optimizer, plan, strategy=strategy)
    predict = scoring.predictor(best, depth=plan.depth)
    unseen = Unseen(builder, plan)
    batches = data.training_batches(builder, plan, first_step=state.step, held_out=unseen.held_out)
    drawn = _told_plainly(iter(batches), plan)
    clock = Clock(plan, began=began, before=state.seconds)
    scoring_seconds = 0.0
    with tqdm.tqdm(
        total=plan.steps or None, initial=state.step, unit="step", disable=None, mininterval=0.5
    ) as bar:
        if bar.disable and not state.finished:
            say("The first step takes longest: the graph is compiled for it.")
        while not state.finished:
            row = _epoch(drawn, step, unseen, state, clock=clock, bar=bar, say=say)
            step.settle()
            validated = time.monotonic()
            found = validate(unseen, predict)
            seconds = time.monotonic() - validated
            if plan.budget and not scoring_seconds:
                scoring_seconds = unseen.rehearse(predict)
            clock.note_validation(seconds, scoring=scoring_seconds)
            row |= {"validation_miou": found.mean_iou, "validation_seconds": seconds}
            _enter(state, row, plan, seconds=clock.passed())
            runs.write_whole(run.last, lambda part: checkpoint.save(part, state, **parts))
            if state.best_epoch == state.epoch:
                runs.write_whole(run.best, best.save)
            runs.write_lines(run.history, state.history)
            curves.write(run.tensorboard, row)
            if bar.disable:  # no terminal to draw in: a line per epoch for the log
                say(
                    f"epoch {state.epoch:3d}  step {state.step:5d}  {state.seconds:5.0f} s  loss "
                    f"{row['loss']:.4f}  mIoU {scoring.text(row['train_miou'])}  validation "
                    f"{row['validation_miou']:.4f}"
                )
    say(
        f"Training ended after {state.seconds:.0f} s and {state.step} steps: {state.finished}. "
        f"Best validation mIoU {state.best:.4f}, epoch {state.best_epoch}."
    )
    return state


def validate(unseen: Unseen, predict: Callable[[np.ndarray], np.ndarray]) -> scoring.Score:
    """The model's score on what it does not see, whole images on their original size."""
    classes = unseen.plan.dataset.classes
    answers = scoring.answers(unseen.images(), predict, classes=len(classes))
    found = scoring.score(answers, split=unseen.name, classes=classes)
    if not found.matrix.any():
        raise TrainingError(f"Split {unseen.name} has no pixel to validate on.")
    return found


def following(net: Any, plan: Plan) -> Any:
    """A model for the average of the weights, as yet the same; `net` itself for no average."""
    if not plan.ema:
        return net
    average = model.of_plan(plan)
    average.set_weights(net.get_weights())
    return average


def build(plan: Plan) -> tuple[Any, Any]:
    """The plan's model and its optimizer."""
    net = model.of_plan(plan)
    optimizer = keras.optimizers.AdamW(learning_rate=0.0, weight_decay=plan.weight_decay)
    # Decay would pull the scale of a batch norm to 0, and its whole channel with it.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    optimizer.build(net.trainable_variables)
    return net, optimizer


def _epoch(
    batches: Iterator[Any],
    step: steps.Step,
    unseen: Unseen,
    state: checkpoint.State,
    *,
    clock: Clock,
    bar: Any,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Steps until the next validation is due, moving `state.step` on."""
    began, plan = time.monotonic(), unseen.plan
    counts = np.zeros((len(plan.dataset.classes),) * 2, np.int64)
    waiting: list[tuple[Any, Any]] = []
    total, first = 0.0, state.step
    rate = miou = 0.0
    warm = 0.0  # when the first steps, which trace the graph, were done
    clock.start_epoch(state.step)
    while True:
        progress = clock.progress(state.step)
        done = state.step - first
        over = clock.due(done, progress)
        if waiting and (over or done % SHOWN == 0):
            for loss, matrix in waiting:
                total += float(loss)
                counts += np.asarray(matrix)
            waiting.clear()
            miou = metrics.mean(metrics.iou(counts))
            bar.set_postfix(
                loss=f"{total / done:.3f}", mIoU=f"{miou:.3f}", best=f"{max(state.best, 0):.3f}"
            )
            if not math.isfinite(total):
                raise TrainingError(
                    f"The loss became {total} before step {state.step}. Try a --learning_rate "
                    f"below {plan.learning_rate}, or --precision=float32."
                )
            if done == SHOWN:
                warm = time.monotonic()
            elif done == LEARNT and plan.budget and not clock.known:
                speed = (time.monotonic() - warm) / (LEARNT - SHOWN)
                image = plan.dataset.height * plan.dataset.width / (plan.batch * plan.crop**2)
                ahead = {"validation": len(unseen) * image, "test": unseen.examined() * image}
                clock.note_step(speed, state.step, **ahead)
                say(
                    f"{speed:.3f} s a step: some {state.step + clock.left() / speed:.0f} steps in "
                    f"all, with the {clock.left():.0f} s that are left."
                )
        if over:
            break
        pixels, ids = next(batches)
        if not state.step:  # the first batch has waited for the cache to fill
            clock.start()
            clock.start_epoch(0)
            progress = clock.progress(0)
            if progress >= 1:
                raise TrainingError(
                    f"The budget of {duration(plan.budget)} was used up before the first step: it "
                    f"took {clock.passed():.1f} s to read the first batch, and some of it is kept "
                    "for scoring. Start a new run with a longer --budget."
                )
        # The step about to be made counts: the first one must not be wasted on a rate of 0.
        rate = plan.learning_rate_at(progress + (1 / plan.steps if plan.steps else 1e-3))
        waiting.append(step(pixels, ids, rate, plan.class_weights_at(progress)))
        state.step += 1
        bar.update()
    if progress >= 1:
        by_steps = plan.steps and state.step >= plan.steps
        state.finished = "all its steps are done" if by_steps else "its time is over"
    return {
        "epoch": state.epoch + 1,
        "step": state.step,
        "loss": total / done,
        # Sparse labels and short epochs can leave nothing but void; NaN is no JSON.
        "train_miou": miou if math.isfinite(miou) else None,
        "learning_rate": float(rate),
        "seconds": time.monotonic() - began,
    }


def _enter(state: checkpoint.State, row: dict[str, Any], plan: Plan, *, seconds: float) -> None:
    """Writes an epoch into the state and decides whether it was the best, and the last."""
    state.seconds = seconds
    state.history.append(row)
    if row["validation_miou"] > state.best:
        state.best, state.best_epoch = row["validation_miou"], state.epoch
    elif plan.patience and state.epoch - state.best_epoch >= plan.patience and not state.finished:
        state.finished = f"no better validation in {plan.patience} epochs"


def _told_plainly(batches: Iterator[Any], plan: Plan) -> Iterator[Any]:
    """The same batches; a mask value without a class stops them in the user's words."""
    try:
        yield from batches
    except tf.errors.InvalidArgumentError as error:
        raise data.unknown_values(str(error), plan.dataset) or error from error
