"""Runs a model over a split, image by image on the original size, and says how good it is."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from recipes.core import calibration, figures, metrics, objects, resampling, tiling
from recipes.core.data import Image
from recipes.core.dataset import VOID

POLICY = (
    "One confusion matrix over all pixels of the split, on original sizes. Void is left out of "
    "truth and prediction. A class in neither has no score and is left out of the mean; in only "
    "one of them it scores 0. So it is image by image for boundary IoU and NSD, which are means "
    "over the images that show the class; a class ends at void and at the image's rim."
)
WORST = 10  # images that are named
SHARES = ("recall", "precision", "overlap_recall", "overlap_precision")  # of objects


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """A model's counts on one split; every number reported follows from these."""

    split: str
    classes: tuple[str, ...]
    matrix: np.ndarray
    tallies: tuple[metrics.Tally, ...]
    void_pixels: int
    details: tuple[figures.Details, ...] = ()  # one per tally, or none at all
    reliability: np.ndarray | None = None  # by class given, bin and what calibration counts
    tolerance: float | None = None  # of NSD, in pixels

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
    details: figures.Details | None = None  # where they were asked for


def predictor(model: Any, *, depth: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function from one image of any size to the class probabilities of its pixels."""
    from recipes.core import steps  # it imports Keras

    whole = steps.forward(model)
    return lambda image: tiling.probabilities(
        image, whole, multiple=2**depth, classes=model.output_shape[-1]
    )


def answers(
    images: Iterable[Image],
    predict: Callable[[np.ndarray], np.ndarray],
    *,
    classes: int,
    nsd_tolerance: float | None = None,
) -> Iterator[Answer]:
    """The model's ids for each image, with its counts.

    Args:
      images: of one split.
      predict: from pixels to probabilities.
      classes: how many there are.
      nsd_tolerance: pixels; given, borders, objects and calibration are counted as well.
    """
    for image in images:
        probabilities = predict(image.pixels)
        predicted = probabilities.argmax(-1).astype(np.uint8)
        matrix = metrics.confusion(image.ids, predicted, classes=classes)
        tally = metrics.tally(matrix, name=image.name, group=image.group)
        details = None
        if nsd_tolerance is not None:
            details = figures.details(image.ids, probabilities, predicted, tolerance=nsd_tolerance)
        yield Answer(image=image, predicted=predicted, tally=tally, matrix=matrix, details=details)


def score(
    found: Iterable[Answer],
    *,
    split: str,
    classes: Sequence[str],
    nsd_tolerance: float | None = None,
) -> Score:
    """Adds up the counts of a split."""
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    reliability = np.zeros((len(classes), calibration.BINS, 3))
    tallies, details, void = [], [], 0
    for answer in found:
        matrix += answer.matrix
        tallies.append(answer.tally)
        void += int((answer.image.ids == VOID).sum())
        if answer.details is not None:
            table = answer.details.reliability
            reliability += table
            # By class it is kept for the split only: per image it would be the largest part.
            details.append(dataclasses.replace(answer.details, reliability=table.sum(0)))
    return Score(
        split=split,
        classes=tuple(classes),
        matrix=matrix,
        tallies=tuple(tallies),
        void_pixels=void,
        details=tuple(details),
        reliability=reliability if details else None,
        tolerance=nsd_tolerance,
    )


def facts(result: Score) -> dict[str, Any]:
    """Everything known of a score, as JSON: what `scores.json` holds. None is "no such score"."""
    matrix, tallies, table = result.matrix, result.tallies, result.reliability
    sums = figures.by_group(tallies, result.details, classes=len(result.classes))
    values, ends = figures.of(resampling.total(sums)), figures.intervals(sums)

    def known(key: str, i: int | None = None, *, name: str = "") -> dict[str, Any]:
        """A figure and its interval, under its own name or another."""
        value, low_high = values.get(key), ends.get(key)
        if value is None or low_high is None:
            value, low_high = np.array(np.nan), np.full(2, np.nan)
        elif i is not None:
            value, low_high = value[i], low_high[:, i]
        return {name or key: _number(float(value)), f"{name or key}_interval": _interval(low_high)}

    classes = [
        {
            "name": name,
            **known("iou", i),
            **known("dice", i),
            **known("precision", i),
            **known("recall", i),
            **known("image_iou", i, name="mean_image_iou"),
            **known("boundary_iou", i),
            **known("boundary_iou_pooled", i),
            **known("nsd", i),
            **known("nsd_pooled", i),
            "ece": None if table is None else _number(float(calibration.ece(table[i]))),
            "objects": _objects(
                result.details, [i], {key: known(f"object_{key}", i, name=key) for key in SHARES}
            ),
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
    for row, detail in zip(images, result.details, strict=False):
        row["boundary_iou"] = _number(metrics.mean(detail.borders.boundary_iou))
        row["nsd"] = _number(metrics.mean(detail.borders.nsd))
    scored = [row for row in images if row["iou"] is not None]
    return {
        "split": result.split,
        "images": len(tallies),
        "groups": len({t.group for t in tallies}),
        "pixels": int(matrix.sum()),
        "void_pixels": result.void_pixels,
        **known("mean_iou"),
        **known("mean_dice"),
        **known("mean_image_iou"),
        **known("mean_boundary_iou"),
        **known("mean_nsd"),
        "nsd_tolerance": result.tolerance,
        "pixel_accuracy": _number(metrics.accuracy(matrix)),
        **known("ece"),
        "reliability": None if table is None else calibration.rows(table.sum(0)),
        "objects": _objects(
            result.details,
            list(range(1, len(result.classes))),
            {key: known(f"all_{key}", name=key) for key in SHARES},
        ),
        "classes": classes,
        "confusion": matrix.tolist(),
        "worst_images": sorted(scored, key=lambda row: (row["iou"], row["name"]))[:WORST],
        "per_image": images,
        "policy": POLICY,
    }


def _objects(
    details: Sequence[figures.Details], ids: list[int], shares: Mapping[str, dict[str, Any]]
) -> dict[str, Any] | None:
    """What is said of the objects of some classes; None where none were counted."""
    if not details or not ids:
        return None
    counts = {
        key: np.sum([getattr(d.objects, key)[ids].sum(0) for d in details], axis=0)
        for key in ("there", "found", "met", "right", "wrong", "strays")
    }
    sizes = zip(objects.SIZES, counts["there"], counts["found"], counts["met"], strict=True)
    return {
        "objects": int(counts["there"].sum()),
        "predicted": int(counts["right"] + counts["wrong"]),
        **{name: value for pair in shares.values() for name, value in pair.items()},
        "false_per_image": _number(counts["wrong"] / len(details)),
        "overlap_false_per_image": _number(counts["strays"] / len(details)),
        "by_size": {
            name: {
                "objects": int(there),
                "recall": _number(found / there) if there else None,
                "overlap_recall": _number(met / there) if there else None,
            }
            for name, there, found, met in sizes
        },
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


def detail_table(found: dict[str, Any]) -> str:
    """Borders, calibration, objects and the worst images of a split, for the terminal."""
    width = max(len("mean"), *(len(row["name"]) for row in found["classes"]))
    lines = [
        f"{'class':<{width}}  boundary   95 % interval     NSD   95 % interval     ECE"
        "  objects   found    seen  false/image"
    ]
    for row in found["classes"]:
        lines.append(_detail_row(row["name"], row, row["objects"], width, mean=""))
    things = found["objects"]
    lines.append(_detail_row("mean", found, None, width, mean="mean_"))
    if things:
        lines.append(
            f"{things['objects']} objects, {found['classes'][0]['name']} left out: "
            f"{text(things['recall'])} found (IoU over 1/2), {text(things['overlap_recall'])} seen "
            f"(a tenth covered); {things['false_per_image']:.2f} false ones an image"
        )
        sizes = [
            f"{row['objects']} {size}: {text(row['recall'])} found, "
            f"{text(row['overlap_recall'])} seen"
            for size, row in things["by_size"].items()
        ]
        lines.append("; ".join(sizes))
    worst = [f"{row['name']} {row['iou']:.3f}" for row in found["worst_images"][:5]]
    if found["nsd_tolerance"] is not None:
        lines.append(f"NSD within {found['nsd_tolerance']:g} pixels")
    lines.append(f"worst images: {', '.join(worst) or 'none has a score'}")
    return "\n".join(lines)


def _detail_row(
    name: str, row: dict[str, Any], things: dict[str, Any] | None, width: int, *, mean: str
) -> str:
    line = (
        f"{name:<{width}}  {text(row[f'{mean}boundary_iou']):>8}"
        f"  {interval_text(row[f'{mean}boundary_iou_interval']):>14}"
        f"  {text(row[f'{mean}nsd']):>6}  {interval_text(row[f'{mean}nsd_interval']):>14}"
        f"  {text(row['ece']):>6}"
    )
    if things is None:
        return line
    return (
        f"{line}  {things['objects']:>7}  {text(things['recall']):>6}"
        f"  {text(things['overlap_recall']):>6}  {things['false_per_image']:>11.2f}"
    )


def text(value: float | None) -> str:
    """A score with four digits, a dash where there is none."""
    return "-" if value is None else f"{value:.4f}"


def interval_text(ends: Sequence[float | None]) -> str:
    """An interval, a dash where there are too few groups for one."""
    low, high = ends
    return "-" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def _interval(ends: Sequence[float] | np.ndarray) -> list[float | None]:
    return [_number(float(ends[0])), _number(float(ends[1]))]
