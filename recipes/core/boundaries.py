"""How well borders are met: boundary IoU and the normalised surface Dice (NSD) of one image.

Void and what lies outside the image are alike: no class is there, in truth and prediction, and a
class ends where they begin. On masks without void this is what the code published with Boundary IoU
(arXiv 2103.16562) does, and MONAI's surface Dice in pixels.
"""

import dataclasses
import math

import numpy as np

from recipes.core import metrics
from recipes.core.dataset import VOID

SHARE = 0.02  # of the image's diagonal: the width of the band, as published
TOLERANCE = 2.0  # pixels a border may be off and still count as met


@dataclasses.dataclass(frozen=True, kw_only=True)
class Borders:
    """One image's counts of border pixels, each (K,)."""

    both: np.ndarray  # in the band of the truth and of the prediction
    either: np.ndarray  # in one of the bands or in both
    near: np.ndarray  # of the two borders, within the tolerance of the other one
    length: np.ndarray  # of the two borders, all

    @property
    def boundary_iou(self) -> np.ndarray:
        """Boundary IoU per class; nan for a class in neither truth nor prediction."""
        return metrics.ratio(self.both, self.either)

    @property
    def nsd(self) -> np.ndarray:
        """Normalised surface Dice per class; nan for a class in neither."""
        return metrics.ratio(self.near, self.length)


def width(height: int, columns: int) -> int:
    """Pixels the band of boundary IoU is wide in an image of this size."""
    return max(1, round(SHARE * math.hypot(height, columns)))


def borders(
    truth: np.ndarray, predicted: np.ndarray, *, classes: int, tolerance: float = TOLERANCE
) -> Borders:
    """Counts an image's border pixels.

    Args:
      truth: (height, width) of ids and void.
      predicted: (height, width) of ids.
      classes: how many there are.
      tolerance: pixels, from centre to centre, within which a border pixel is met.
    """
    counts = np.zeros((4, classes), np.int64)
    predicted = np.where(truth == VOID, VOID, predicted)
    reach = width(*truth.shape)
    # A box around both masks is enough: beyond it the class is not, just as outside the image.
    for class_id, box in metrics.boxes(truth, predicted, classes=classes):
        one, other = truth[box] == class_id, predicted[box] == class_id
        one_band, other_band = band(one, reach), band(other, reach)
        one_edge, other_edge = edge(one), edge(other)
        near = np.count_nonzero(one_edge & around(other_edge, tolerance))
        near += np.count_nonzero(other_edge & around(one_edge, tolerance))
        counts[:, class_id] = (
            np.count_nonzero(one_band & other_band),
            np.count_nonzero(one_band | other_band),
            near,
            np.count_nonzero(one_edge) + np.count_nonzero(other_edge),
        )
    both, either, near_it, length = counts
    return Borders(both=both, either=either, near=near_it, length=length)


def band(mask: np.ndarray, reach: int) -> np.ndarray:
    """Pixels of a mask that `reach` erosions by a 3 x 3 square take away."""
    outside = _spread(_spread(~mask, reach, axis=0), reach, axis=1)
    outside[:reach] = outside[-reach:] = True
    outside[:, :reach] = outside[:, -reach:] = True
    return mask & outside


def edge(mask: np.ndarray) -> np.ndarray:
    """Pixels of a mask with one of their four neighbours outside it."""
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = (
        mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:] & mask[1:-1, 1:-1]
    )
    return mask & ~inner


def around(mask: np.ndarray, tolerance: float) -> np.ndarray:
    """Pixels whose centre lies within `tolerance` of one of the mask's, exactly.

    Disc by rows instead of a distance transform: the same answer, and several times faster for the
    few pixels a tolerance has.
    """
    square = tolerance * tolerance
    found = np.zeros_like(mask)
    for rows in range(min(math.isqrt(int(square)), len(mask) - 1) + 1):
        line = _spread(mask, math.isqrt(int(square - rows * rows)), axis=1)
        found[rows:] |= line[: len(mask) - rows]
        found[: len(mask) - rows] |= line[rows:]
    return found


def _spread(mask: np.ndarray, reach: int, *, axis: int) -> np.ndarray:
    """True within `reach` of a true pixel along an axis, by windows that double in length."""
    found = mask.copy()
    turned = np.moveaxis(found, axis, 0)
    for line in (turned, turned[::-1]):
        length = 1
        while length <= min(reach, len(line)):
            step = min(length, reach + 1 - length)
            line[step:] |= line[: len(line) - step]
            length += step
    return found
