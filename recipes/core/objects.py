"""Objects instead of pixels: how many were found, by size, and how many were made up.

An object is a patch of one class whose pixels hang together, corners included; touching things of
one class are one object. Two rules say what "found" means:

IoU      the IoU of a true and a predicted object is over 1/2 (panoptic quality, arXiv 1801.00868).
         There is never more than one such partner, so nothing depends on an order.
overlap  at least 10 % of the true object was predicted as its class; a predicted object is right if
         at least 10 % of it lies on its class. The usual question for lesions: seen or not seen?

Void pixels count for neither. A predicted object that is not right and more than half void is
nobody's error and is left out.
"""

import dataclasses

import numpy as np

from recipes.core import metrics
from recipes.core.dataset import VOID

SIZES = ("small", "medium", "large")
BOUNDS = (32**2, 96**2)  # pixels from which an object is medium and large, as COCO has them


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objects:
    """One image's counts of objects per class; by size (K, 3) for the true ones, else (K,)."""

    there: np.ndarray  # in the truth
    found: np.ndarray  # of these, by IoU
    met: np.ndarray  # of these, by overlap
    right: np.ndarray  # predicted objects, by IoU
    wrong: np.ndarray
    hits: np.ndarray  # predicted objects, by overlap
    strays: np.ndarray


def count(truth: np.ndarray, predicted: np.ndarray, *, classes: int) -> Objects:
    """Counts the objects of an image, and which of them were found.

    Args:
      truth: (height, width) of ids and void.
      predicted: (height, width) of ids, under void as well: void must not cut an object in two.
      classes: how many there are.
    """
    sized = np.zeros((3, classes, len(SIZES)), np.int64)
    whole = np.zeros((4, classes), np.int64)
    for class_id, box in metrics.boxes(truth, predicted, classes=classes):
        sized[:, class_id], whole[:, class_id] = _one_class(
            truth[box] == class_id, predicted[box] == class_id, truth[box] != VOID
        )
    there, found, met = sized
    right, wrong, hits, strays = whole
    return Objects(
        there=there, found=found, met=met, right=right, wrong=wrong, hits=hits, strays=strays
    )


def _one_class(
    truth: np.ndarray, predicted: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """(there, found, met) by size; right, wrong, hits, strays."""
    from scipy import ndimage

    corners = np.ones((3, 3), bool)
    true_ids, trues = ndimage.label(truth, corners)
    guess_ids, guesses = ndimage.label(predicted, corners)
    true_size = np.bincount(true_ids.ravel(), minlength=trues + 1)[1:]
    guess_whole = np.bincount(guess_ids.ravel(), minlength=guesses + 1)[1:]
    guess_size = np.bincount(guess_ids[known], minlength=guesses + 1)[1:]
    shared = truth & predicted
    pairs = true_ids[shared].astype(np.int64) * (guesses + 1) + guess_ids[shared]
    pairs, common = np.unique(pairs, return_counts=True)
    one, other = pairs // (guesses + 1) - 1, pairs % (guesses + 1) - 1
    partners = 2 * common > true_size[one] + guess_size[other] - common
    found, right = np.zeros(trues, bool), np.zeros(guesses, bool)
    found[one[partners]] = True
    right[other[partners]] = True
    covered, on_class = np.zeros(trues, np.int64), np.zeros(guesses, np.int64)
    np.add.at(covered, one, common)
    np.add.at(on_class, other, common)
    met = 10 * covered >= true_size
    hits = (10 * on_class >= guess_size) & (on_class > 0)
    judged = 2 * (guess_whole - guess_size) <= guess_whole
    size = np.digitize(true_size, BOUNDS)
    sized = [np.bincount(size[which], minlength=len(SIZES)) for which in (size >= 0, found, met)]
    return np.array(sized), (
        int(right.sum()),
        int((~right & judged).sum()),
        int(hits.sum()),
        int((~hits & judged).sum()),
    )
