"""Runs a model over a split, image by image on the original size, and says how good it is."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from recipes.core import metrics, tiling
from recipes.core.data import Image
from recipes.core.dataset import VOID

POLICY = (
    "One confusion matrix over all pixels of the split, on original sizes. Void is left out of "
    "truth and prediction. A class in neither has no score and is left out of the mean; in only "
    "one of them it scores 0."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """A model's counts on one split; every number reported follows from these."""

    split: str
    classes: tuple[str, ...]
    matrix: np.ndarray
    tallies: tuple[metrics.Tally, ...]
    void_pixels: int

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes that occur in truth or prediction."""
        return metrics.mean(metrics.iou(self.matrix))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """One image and what the model said of it."""

    image: Image
    predicted: np.ndarray
    tally: metrics.Tally
    matrix: np.ndarray


def predictor(model: Any, *, depth: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function from one image of any size to the class probabilities of its pixels."""
    import tensorflow as tf

    # One trace for all sizes: a trace per size would cost seconds on a dataset of mixed sizes.
    signature = [tf.TensorSpec([None, None, None, model.input_shape[-1]], tf.float32)]

    @tf.function(input_signature=signature)
    def forward(pixels: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(tf.cast(model(pixels, training=False), tf.float32))

    def whole(pixels: np.ndarray) -> np.ndarray:
        return forward(tf.constant(pixels[None], tf.float32)).numpy()[0]

    return lambda image: tiling.probabilities(image, whole, multiple=2**depth)


def answers(
    images: Iterable[Image], predict: Callable[[np.ndarray], np.ndarray], *, classes: int
) -> Iterator[Answer]:
    """The model's ids for each image, with its counts."""
    for image in images:
        predicted = predict(image.pixels).argmax(-1).astype(np.uint8)
        matrix = metrics.confusion(image.ids, predicted, classes=classes)
        tally = metrics.tally(matrix, name=image.name, group=image.group)
        yield Answer(image=image, predicted=predicted, tally=tally, matrix=matrix)


def score(found: Iterable[Answer], *, split: str, classes: Sequence[str]) -> Score:
    """Adds up the counts of a split."""
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    tallies, void = [], 0
    for answer in found:
        matrix += answer.matrix
        tallies.append(answer.tally)
        void += int((answer.image.ids == VOID).sum())
    return Score(
        split=split,
        classes=tuple(classes),
        matrix=matrix,
        tallies=tuple(tallies),
        void_pixels=void,
    )


def facts(result: Score) -> dict[str, Any]:
    """Everything known of a score, as JSON: what `scores.json` holds. None is "no such score"."""
    matrix, tallies = result.matrix, result.tallies
    per_class = {
        "iou": metrics.iou(matrix),
        "dice": metrics.dice(matrix),
        "precision": metrics.precision(matrix),
        "recall": metrics.recall(matrix),
        "mean_image_iou": _nanmean([t.iou for t in tallies], len(result.classes)),
    }
    ends = metrics.interval(tallies)
    classes = [
        {
            "name": name,
            **{key: _number(values[i]) for key, values in per_class.items()},
            "iou_interval": _interval(ends["iou"][:, i] if tallies else (np.nan, np.nan)),
            "truth_pixels": int(matrix[i].sum()),
            "predicted_pixels": int(matrix[:, i].sum()),
            "images_with_it": sum(bool(t.truth[i]) for t in tallies),
            "images_predicted_with_it": sum(bool(t.predicted[i]) for t in tallies),
        }
        for i, name in enumerate(result.classes)
    ]
    images = [
        {"name": t.name, "group": t.group, "iou": _number(metrics.mean(t.iou))} for t in tallies
    ]
    return {
        "split": result.split,
        "images": len(tallies),
        "groups": len({t.group for t in tallies}),
        "pixels": int(matrix.sum()),
        "void_pixels": result.void_pixels,
        "mean_iou": _number(result.mean_iou),
        "mean_iou_interval": _interval(ends["mean_iou"]),
        "mean_dice": _number(metrics.mean(per_class["dice"])),
        "mean_image_iou": _number(metrics.mean(np.array([metrics.mean(t.iou) for t in tallies]))),
        "pixel_accuracy": _number(metrics.accuracy(matrix)),
        "classes": classes,
        "confusion": matrix.tolist(),
        "per_image": images,
        "policy": POLICY,
    }


def table(found: dict[str, Any]) -> str:
    """The scores of a split as a table for the terminal."""
    width = max(len("mean"), *(len(row["name"]) for row in found["classes"]))
    lines = [f"{'class':<{width}}     IoU   95 % interval    Dice  precision  recall"]
    for row in found["classes"]:
        ends = interval_text(row["iou_interval"])
        lines.append(
            f"{row['name']:<{width}}  {text(row['iou']):>6}  {ends:>14}"
            f"  {text(row['dice']):>6}  {text(row['precision']):>9}  {text(row['recall']):>6}"
        )
    lines.append(
        f"{'mean':<{width}}  {text(found['mean_iou']):>6}  "
        f"{interval_text(found['mean_iou_interval']):>14}  {text(found['mean_dice']):>6}"
    )
    lines.append(
        f"{found['images']} images of {found['groups']} groups; pixel accuracy "
        f"{text(found['pixel_accuracy'])}, mean IoU image by image {text(found['mean_image_iou'])}"
    )
    return "\n".join(lines)


def text(value: float | None) -> str:
    """A score with four digits, a dash where there is none."""
    return "-" if value is None else f"{value:.4f}"


def interval_text(ends: Sequence[float | None]) -> str:
    """An interval, a dash where there are too few groups for one."""
    low, high = ends
    return "-" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _nanmean(rows: Sequence[np.ndarray], count: int) -> np.ndarray:
    return np.array([metrics.mean(np.array([row[i] for row in rows])) for i in range(count)])


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def _interval(ends: Sequence[float] | np.ndarray) -> list[float | None]:
    return [_number(float(ends[0])), _number(float(ends[1]))]
