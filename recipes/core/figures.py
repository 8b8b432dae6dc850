"""From the counts of single images to figures of a split; the same sums serve every interval."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from recipes.core import boundaries, calibration, metrics, objects, resampling
from recipes.core.metrics import ratio
from recipes.core.resampling import Figures, Sums


@dataclasses.dataclass(frozen=True, kw_only=True)
class Details:
    """What one image shows beyond its pixels per class."""

    borders: boundaries.Borders
    objects: objects.Objects
    reliability: np.ndarray  # by class, bin and (pixels, confidence, right); later without class


def details(
    truth: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray, *, tolerance: float
) -> Details:
    """Borders, objects and calibration of one image.

    Args:
      truth: (height, width) of ids and void.
      probabilities: (height, width, classes).
      predicted: (height, width), the most probable class.
      tolerance: of NSD, in pixels.
    """
    classes = probabilities.shape[-1]
    return Details(
        borders=boundaries.borders(truth, predicted, classes=classes, tolerance=tolerance),
        objects=objects.count(truth, predicted, classes=classes),
        reliability=calibration.reliability(
            truth, predicted, probabilities.max(-1), classes=classes
        ),
    )


def by_group(
    tallies: Sequence[metrics.Tally], found: Sequence[Details] = (), *, classes: int
) -> Sums:
    """Sums over the images of each group, groups sorted by name; every figure follows from them."""
    place = {name: i for i, name in enumerate(sorted({t.group for t in tallies}))}
    nothing = metrics.tally(np.zeros((classes, classes), np.int64), name="", group="")
    sums = {key: np.zeros((len(place), *np.shape(v))) for key, v in _parts(nothing, None).items()}
    for tally, detail in zip(tallies, found or itertools.repeat(None, len(tallies)), strict=True):
        for key, value in _parts(tally, detail).items():
            total = sums.setdefault(key, np.zeros((len(place), *np.shape(value))))
            total[place[tally.group]] += value
    return sums


def of(sums: Sums) -> Figures:
    """The figures that follow from sums, over their last axes; nan where there is no such score.

    Per class: iou, dice, precision, recall, image_iou and, with details, boundary_iou, nsd, both
    once more as boundary_iou_pooled and nsd_pooled, and object_recall, object_precision,
    object_overlap_recall, object_overlap_precision. For the split: mean_iou, mean_dice,
    mean_image_iou, mean_boundary_iou, mean_nsd, ece, and the shares of objects as all_recall and so
    on, of all classes but the first, which is taken for the background.
    """
    truth, predicted, both = (sums[key] for key in ("truth", "predicted", "both"))
    found = {
        "iou": ratio(both, truth + predicted - both),
        "dice": ratio(2 * both, truth + predicted),
        "precision": ratio(both, predicted),
        "recall": ratio(both, truth),
        "image_iou": _mean_of(sums, "image_iou"),
        "mean_image_iou": _mean_of(sums, "image_mean"),
    }
    if "band_both" in sums:
        found |= {
            "boundary_iou": _mean_of(sums, "boundary_iou"),
            "boundary_iou_pooled": ratio(sums["band_both"], sums["band_either"]),
            "nsd": _mean_of(sums, "nsd"),
            "nsd_pooled": ratio(sums["near"], sums["length"]),
            "ece": calibration.ece(sums["reliability"]),
        }
        found |= _of_objects(sums)
    for key in ("iou", "dice", "boundary_iou", "nsd"):
        if key in found:
            scored = ~np.isnan(found[key])
            found[f"mean_{key}"] = ratio(np.nansum(found[key], -1), scored.sum(-1))
    return found


def intervals(sums: Sums, *, rounds: int = 1000, seed: int = 0, level: float = 0.95) -> Figures:
    """Bootstrap interval (2, …) of each figure, drawn over whole groups.

    All are nan with fewer than two groups: one group says nothing of how groups differ.
    """
    drawn = resampling.bootstrap(sums, of, rounds=rounds, seed=seed)
    ends = {key: resampling.ends(draws, level=level) for key, draws in drawn.items()}
    if resampling.groups(sums) < 2:
        return {key: np.full_like(value, np.nan) for key, value in ends.items()}
    return ends


def _of_objects(sums: Sums) -> Figures:
    there, found, met = (sums[key].sum(-1) for key in ("there", "found", "met"))
    right, wrong, hits, strays = (sums[key] for key in ("right", "wrong", "hits", "strays"))
    shares = {
        "recall": (found, there),
        "precision": (right, right + wrong),
        "overlap_recall": (met, there),
        "overlap_precision": (hits, hits + strays),
    }
    per_class = {f"object_{key}": ratio(*pair) for key, pair in shares.items()}
    return per_class | {
        f"all_{key}": ratio(part[..., 1:].sum(-1), whole[..., 1:].sum(-1))
        for key, (part, whole) in shares.items()
    }


def _parts(tally: metrics.Tally, detail: Details | None) -> dict[str, np.ndarray]:
    parts = {"truth": tally.truth, "predicted": tally.predicted, "both": tally.both}
    parts |= _scored("image_iou", tally.iou)
    parts |= _scored("image_mean", np.array(metrics.mean(tally.iou)))
    if detail is not None:
        borders, things = detail.borders, detail.objects
        parts |= {"band_both": borders.both, "band_either": borders.either}
        parts |= {"near": borders.near, "length": borders.length}
        parts |= _scored("boundary_iou", borders.boundary_iou) | _scored("nsd", borders.nsd)
        parts |= {f.name: getattr(things, f.name) for f in dataclasses.fields(things)}
        parts["reliability"] = detail.reliability
    return parts


def _scored(key: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """A sum and a count, so that images without a score are left out of the mean."""
    return {key: np.nan_to_num(values), f"{key}_images": ~np.isnan(values)}


def _mean_of(sums: Sums, key: str) -> np.ndarray:
    return ratio(sums[key], sums[f"{key}_images"])
