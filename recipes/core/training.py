"""The training loop: steps, a validation after every epoch, the best model kept; resumable."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tqdm

from recipes.core import checkpoint, curves, data, losses, metrics, model, runs, scoring
from recipes.core.dataset import VOID, Dataset
from recipes.core.errors import RecipeError
from recipes.core.plan import Plan

Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
SHOWN = 10  # steps between two looks at the loss: each look waits for the device


class TrainingError(RecipeError):
    """Training came to something it cannot go on from."""


def train(
    builder: Any, plan: Plan, run: runs.Run, *, say: Callable[[str], None] = print
) -> checkpoint.State:
    """Trains by the plan, from where the run stands, until it is finished.

    Args:
      builder: the dataset's, prepared.
      plan: what to do.
      run: where to keep it; goes on after the last whole epoch that lies there.
      say: takes a line for the user.

    Raises:
      DatasetError: a mask holds a value that no class has.
      TrainingError: the loss is no number any more, or there is nothing to validate on.
    """
    net, optimizer = build(plan)
    state = checkpoint.State()
    if run.last.exists():
        state = checkpoint.load(run.last, net, optimizer)
        say(f"Going on after epoch {state.epoch}, step {state.step}.")
        # The run may have been killed between its checkpoint and what is written after it.
        runs.write_lines(run.history, state.history)
        if state.best_epoch == state.epoch:
            runs.write_whole(run.best, net.save)
    step, predict = make_step(net, optimizer, plan), scoring.predictor(net, depth=plan.depth)
    batches = _told_plainly(iter(data.training_batches(builder, plan, first_step=state.step)), plan)
    reserve = 0.0  # seconds the validation will take
    with tqdm.tqdm(
        total=plan.steps or None, initial=state.step, unit="step", disable=None, mininterval=0.5
    ) as bar:
        while not state.finished:
            began = time.monotonic()
            row = _epoch(batches, step, optimizer, plan, state, reserve=reserve, bar=bar)
            validated = time.monotonic()
            found = validate(builder, plan.dataset, predict)
            now = time.monotonic()
            reserve = now - validated
            row |= {"validation_miou": found.mean_iou, "validation_seconds": reserve}
            _enter(state, row, plan, seconds=now - began)
            runs.write_whole(run.last, lambda part: checkpoint.save(part, net, optimizer, state))
            if state.best_epoch == state.epoch:
                runs.write_whole(run.best, net.save)
            runs.write_lines(run.history, state.history)
            curves.write(run.tensorboard, row)
            if bar.disable:  # no terminal to draw in: a line per epoch for the log
                say(
                    f"epoch {state.epoch:3d}  step {state.step:5d}  {state.seconds:5.0f} s  loss "
                    f"{row['loss']:.4f}  mIoU {row['train_miou']:.4f}  validation "
                    f"{row['validation_miou']:.4f}"
                )
    say(
        f"Training ended after {state.seconds:.0f} s and {state.step} steps: {state.finished}. "
        f"Best validation mIoU {state.best:.4f}, epoch {state.best_epoch}."
    )
    return state


def build(plan: Plan) -> tuple[Any, Any]:
    """The plan's model and its optimizer."""
    net = model.unet(
        channels=plan.dataset.channels,
        classes=len(plan.dataset.classes),
        depth=plan.depth,
        width=plan.width,
        mean=plan.dataset.pixel_mean,
        std=plan.dataset.pixel_std,
        precision=plan.precision,
        seed=plan.seed,
    )
    optimizer = keras.optimizers.AdamW(
        learning_rate=0.0, weight_decay=plan.weight_decay, global_clipnorm=plan.clip or None
    )
    # Decay would pull the scale of a batch norm to 0, and its whole channel with it.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    optimizer.build(net.trainable_variables)
    return net, optimizer


def make_step(net: Any, optimizer: Any, plan: Plan) -> Step:
    """One step of gradient descent: from a batch to its loss and its confusion matrix."""
    classes, terms = len(plan.dataset.classes), losses.parse(plan.loss)

    @tf.function
    def step(pixels: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = net(pixels, training=True)
            loss = losses.total(terms, ids, logits, weights=plan.class_weights)
        gradients = tape.gradient(loss, net.trainable_variables)
        optimizer.apply(gradients, net.trainable_variables)
        cells = tf.cast(ids, tf.int32) * classes + tf.argmax(logits, -1, output_type=tf.int32)
        counts = tf.math.bincount(
            tf.boolean_mask(cells, ids != VOID), minlength=classes**2, maxlength=classes**2
        )
        return loss, tf.reshape(counts, (classes, classes))

    return step


def validate(
    builder: Any, dataset: Dataset, predict: Callable[[np.ndarray], np.ndarray]
) -> scoring.Score:
    """The model's score on the validation split, whole images on their original size."""
    images = data.images(builder, dataset, dataset.validation)
    found = scoring.score(
        scoring.answers(images, predict, classes=len(dataset.classes)),
        split=dataset.validation,
        classes=dataset.classes,
    )
    if not found.matrix.any():
        raise TrainingError(f"Split {dataset.validation} has no pixel to validate on.")
    return found


def _epoch(
    batches: Iterator[Any],
    step: Step,
    optimizer: Any,
    plan: Plan,
    state: checkpoint.State,
    *,
    reserve: float,
    bar: Any,
) -> dict[str, Any]:
    """Steps until the next validation is due, moving `state.step` on."""
    began, budget = time.monotonic(), plan.minutes * 60
    counts = np.zeros((len(plan.dataset.classes),) * 2, np.int64)
    waiting: list[tuple[tf.Tensor, tf.Tensor]] = []
    total, first = 0.0, state.step
    rate = 0.0
    while True:
        passed = state.seconds + time.monotonic() - began
        progress = max(
            state.step / plan.steps if plan.steps else 0.0,
            # By the clock itself, not by a guess of the step time: it cannot run over.
            passed / max(budget - reserve, 1e-9) if budget else 0.0,
        )
        done = state.step - first
        over = done >= plan.epoch_steps or (done > 0 and progress >= 1)
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
        if over:
            break
        # The step about to be made counts: the first one must not be wasted on a rate of 0.
        rate = plan.learning_rate_at(progress + (1 / plan.steps if plan.steps else 1e-3))
        optimizer.learning_rate.assign(rate)
        waiting.append(step(*next(batches)))
        state.step += 1
        bar.update()
    if progress >= 1:
        state.finished = "all its steps are done" if not budget else "its time is over"
    return {
        "epoch": state.epoch + 1,
        "step": state.step,
        "loss": total / done,
        "train_miou": miou,
        "learning_rate": float(rate),
        "seconds": time.monotonic() - began,
    }


def _enter(state: checkpoint.State, row: dict[str, Any], plan: Plan, *, seconds: float) -> None:
    """Writes an epoch into the state and decides whether it was the best, and the last."""
    state.seconds += seconds
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
