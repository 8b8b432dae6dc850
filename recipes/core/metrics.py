"""Scores from one confusion matrix per split, or per image. NumPy in, plain numbers out.

The policy, the same for every number printed: void is removed from the truth and from the
prediction alike; a class that occurs neither in truth nor in prediction has no score (nan) and is
left out of every mean; a class that occurs in only one of the two scores 0.
"""

import dataclasses
import warnings
from collections.abc import Iterator

import numpy as np

from recipes.core.dataset import VOID
from recipes.core.errors import RecipeError


class UnknownIds(RecipeError):
    """A mask or a prediction holds ids that no class has."""


def confusion(truth: np.ndarray, predicted: np.ndarray, *, classes: int) -> np.ndarray:
    """Counts pixels by true class (row) and predicted class (column), void left out.

    Raises:
      UnknownIds: a pixel is neither 0..classes-1 nor void; never masked, never clipped.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"truth is {truth.shape} and prediction {predicted.shape}")
    valid = truth != VOID
    truth = truth[valid].astype(np.int64)
    predicted = predicted[valid].astype(np.int64)
    for what, ids in (("truth", truth), ("prediction", predicted)):
        stray = np.unique(ids[(ids < 0) | (ids >= classes)])
        if stray.size:
            raise UnknownIds(
                f"{what} holds {', '.join(map(str, stray[:8]))}; "
                f"the classes are 0..{classes - 1} and void is {VOID}"
            )
    counts = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes)


def iou(matrix: np.ndarray) -> np.ndarray:
    """Intersection over union per class; nan for a class in neither truth nor prediction."""
    return ratio(np.diagonal(matrix), matrix.sum(0) + matrix.sum(1) - np.diagonal(matrix))


def dice(matrix: np.ndarray) -> np.ndarray:
    """Dice (F1) per class; nan for a class in neither truth nor prediction."""
    return ratio(2 * np.diagonal(matrix), matrix.sum(0) + matrix.sum(1))


def precision(matrix: np.ndarray) -> np.ndarray:
    """Share of the pixels predicted as a class that are of it; nan where none was predicted."""
    return ratio(np.diagonal(matrix), matrix.sum(0))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Share of a class's pixels that were found; nan where the truth has none."""
    return ratio(np.diagonal(matrix), matrix.sum(1))


def accuracy(matrix: np.ndarray) -> float:
    """Share of the pixels predicted right; nan when there is no pixel."""
    return float(ratio(np.trace(matrix), matrix.sum()))


def mean(values: np.ndarray) -> float:
    """Mean over the classes that have a score; nan when none has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmean(values))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tally:
    """One image's pixels per class: in truth, in the prediction, and in both."""

    name: str
    group: str
    truth: np.ndarray
    predicted: np.ndarray
    both: np.ndarray

    @property
    def iou(self) -> np.ndarray:
        """IoU of the image per class; nan for a class in neither truth nor prediction."""
        return ratio(self.both, self.truth + self.predicted - self.both)


def tally(matrix: np.ndarray, *, name: str, group: str) -> Tally:
    """What is kept of one image: K times three numbers instead of K times K."""
    return Tally(
        name=name,
        group=group,
        truth=matrix.sum(1),
        predicted=matrix.sum(0),
        both=np.diagonal(matrix).copy(),
    )


def boxes(
    truth: np.ndarray, predicted: np.ndarray, *, classes: int
) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """Each class that an image shows, in truth or prediction, and the box around all of it."""
    from scipy import ndimage

    if not truth.size:
        return
    found = [
        ndimage.find_objects(np.where(ids < classes, ids, -1).astype(np.int32) + 1, classes)
        for ids in (truth, predicted)
    ]
    for class_id, places in enumerate(zip(*found, strict=True)):
        there = [place for place in places if place is not None]
        if there:
            rows, columns = (
                slice(min(s.start for s in axis), max(s.stop for s in axis))
                for axis in zip(*there, strict=True)
            )
            yield class_id, (rows, columns)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """A share, nan where there is nothing to have a share of."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.asarray(whole) > 0, np.divide(part, whole), np.nan)
