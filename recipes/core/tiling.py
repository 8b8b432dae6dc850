"""An image of any size through a model that wants multiples of 2**depth: pad, cut, stitch."""

from collections.abc import Callable, Iterator

import numpy as np

WINDOW = 1024  # pixels a side; what a 16-filter U-Net holds of it stays well under a gigabyte
OVERLAP = 128  # more than half of what the deepest level sees to each side of a pixel

Predict = Callable[[np.ndarray], np.ndarray]


def probabilities(
    image: np.ndarray,
    predict: Predict,
    *,
    multiple: int,
    window: int = WINDOW,
    overlap: int = OVERLAP,
) -> np.ndarray:
    """Class probabilities of every real pixel of an image.

    Args:
      image: (height, width, channels).
      predict: from (h, w, channels), both sides multiples of `multiple`, to (h, w, classes).
      multiple: 2**depth of the model.
      window: largest side that goes through the model at once.
      overlap: how far neighbouring windows reach into each other.

    Returns:
      (height, width, classes), float32: exactly the image's size, no padded pixel.
    """
    height, width = image.shape[:2]
    if height <= window and width <= window:
        return _padded(image, predict, multiple)
    total, weights = np.zeros(0, np.float32), np.zeros((height, width, 1), np.float32)
    for rows in spans(height, window=window, overlap=overlap):
        for columns in spans(width, window=window, overlap=overlap):
            part = _padded(image[rows, columns], predict, multiple)
            weight = _ramp(rows, height, overlap)[:, None] * _ramp(columns, width, overlap)[None]
            if not total.size:
                total = np.zeros((height, width, part.shape[-1]), np.float32)
            total[rows, columns] += part * weight[..., None]
            weights[rows, columns] += weight[..., None]
    return total / weights


def spans(length: int, *, window: int, overlap: int) -> Iterator[slice]:
    """Windows that cover 0..length, each `window` long unless the whole is shorter."""
    start = 0
    while start + window < length:
        yield slice(start, start + window)
        start += window - overlap
    yield slice(max(0, length - window), length)


def _padded(image: np.ndarray, predict: Predict, multiple: int) -> np.ndarray:
    height, width = image.shape[:2]
    more = [(0, -height % multiple), (0, -width % multiple), (0, 0)]
    # Mirrored rather than zero: a black rim is an edge, and the model would answer to it.
    padded = np.pad(image, more, mode="symmetric") if any(m for _, m in more) else image
    return predict(padded)[:height, :width]


def _ramp(span: slice, length: int, overlap: int) -> np.ndarray:
    """Weights that fade where a neighbour takes over, and stay 1 at the image's own edge."""
    count = span.stop - span.start
    ramp = np.ones(count, np.float32)
    rise = (np.arange(min(overlap, count), dtype=np.float32) + 0.5) / max(overlap, 1)
    if span.start > 0:
        ramp[: len(rise)] = np.minimum(ramp[: len(rise)], rise)
    if span.stop < length:
        ramp[-len(rise) :] = np.minimum(ramp[-len(rise) :], rise[::-1])
    return ramp
