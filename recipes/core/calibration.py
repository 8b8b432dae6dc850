"""Whether a model is right as often as it is sure: reliability and expected calibration error.

The confidence of a pixel is the probability of the class it was given. Bins are equally wide and
closed above, (0, 1/15], (1/15, 2/15] and so on, as in arXiv 1706.04599. Void does not count.
"""

from typing import Any

import numpy as np

from recipes.core import metrics
from recipes.core.dataset import VOID

BINS = 15


def reliability(
    truth: np.ndarray, predicted: np.ndarray, confidence: np.ndarray, *, classes: int
) -> np.ndarray:
    """Counts an image's pixels by the class they were given and how sure the model was.

    Returns:
      (classes, BINS, 3): pixels, the sum of their confidences, how many of them are right.
    """
    known = truth != VOID
    ids, right = predicted[known].astype(np.int64), (truth == predicted)[known]
    sure = confidence[known].astype(np.float64)
    cells = ids * BINS + np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    count = classes * BINS
    columns = (
        np.bincount(cells, minlength=count),
        np.bincount(cells, weights=sure, minlength=count),
        np.bincount(cells[right], minlength=count),
    )
    return np.stack(columns, axis=-1).astype(np.float64).reshape(classes, BINS, 3)


def ece(table: np.ndarray) -> np.ndarray:
    """Expected calibration error of each table (…, BINS, 3); nan where it has no pixel."""
    pixels, sure, right = np.moveaxis(table, -1, 0)
    return metrics.ratio(np.abs(right - sure).sum(-1), pixels.sum(-1))


def rows(table: np.ndarray) -> list[dict[str, Any]]:
    """The bins of a reliability plot: bounds, pixels, mean confidence and accuracy, or None."""
    return [
        {
            "low": place / BINS,
            "high": (place + 1) / BINS,
            "pixels": int(pixels),
            "confidence": float(sure / pixels) if pixels else None,
            "accuracy": float(right / pixels) if pixels else None,
        }
        for place, (pixels, sure, right) in enumerate(table.tolist())
    ]
