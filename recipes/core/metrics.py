"""Scores from one confusion matrix per split. NumPy in, plain numbers out.

The policy, the same for every number printed: void is removed from the truth and from the
prediction alike; a class that occurs neither in truth nor in prediction has no score (nan) and is
left out of every mean; a class that occurs in only one of the two scores 0.
"""

import dataclasses
import warnings
from collections.abc import Sequence

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
    return _ratio(np.diagonal(matrix), matrix.sum(0) + matrix.sum(1) - np.diagonal(matrix))


def dice(matrix: np.ndarray) -> np.ndarray:
    """Dice (F1) per class; nan for a class in neither truth nor prediction."""
    return _ratio(2 * np.diagonal(matrix), matrix.sum(0) + matrix.sum(1))


def precision(matrix: np.ndarray) -> np.ndarray:
    """Share of the pixels predicted as a class that are of it; nan where none was predicted."""
    return _ratio(np.diagonal(matrix), matrix.sum(0))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Share of a class's pixels that were found; nan where the truth has none."""
    return _ratio(np.diagonal(matrix), matrix.sum(1))


def accuracy(matrix: np.ndarray) -> float:
    """Share of the pixels predicted right; nan when there is no pixel."""
    return float(_ratio(np.trace(matrix), matrix.sum()))


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
        return _ratio(self.both, self.truth + self.predicted - self.both)


def tally(matrix: np.ndarray, *, name: str, group: str) -> Tally:
    """What is kept of one image: K times three numbers instead of K times K."""
    return Tally(
        name=name,
        group=group,
        truth=matrix.sum(1),
        predicted=matrix.sum(0),
        both=np.diagonal(matrix).copy(),
    )


def interval(
    tallies: Sequence[Tally], *, rounds: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, np.ndarray]:
    """Bootstrap interval of each class's IoU, and of their mean, drawn over whole groups.

    Images of one group (a city, a patient) err together, so drawing single images would make the
    interval too narrow.

    Returns:
      `iou` (2, K) and `mean_iou` (2,): lower and upper ends; nan when there are fewer than two
      groups, since one group says nothing of how groups differ.
    """
    names = sorted({t.group for t in tallies})
    classes = len(tallies[0].both) if tallies else 0
    if len(names) < 2:
        return {"iou": np.full((2, classes), np.nan), "mean_iou": np.full(2, np.nan)}
    sums = np.zeros((len(names), 3, classes))
    for t in tallies:
        sums[names.index(t.group)] += (t.truth, t.predicted, t.both)
    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=rounds
    )
    truth, predicted, both = np.moveaxis(np.tensordot(draws, sums, axes=(1, 0)), 1, 0)
    scores = _ratio(both, truth + predicted - both)
    ends = (50 - 50 * level, 50 + 50 * level)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return {
            "iou": np.nanpercentile(scores, ends, axis=0),
            "mean_iou": np.nanpercentile(np.nanmean(scores, axis=1), ends),
        }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.asarray(whole) > 0, np.divide(part, whole), np.nan)
