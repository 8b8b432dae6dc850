"""An image of any size through a model that wants multiples of 2**depth: pad, cut, blend.

Windows reach into each other by what the model sees around a pixel, and what they say of their own
rims is not used: the answer is that of the whole image at once, but for the noise of floats. Memory
grows with the width of a strip of windows, not with the image.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

WINDOW = 1024  # pixels a side; what a 16-filter U-Net holds of it stays well under a gigabyte
BLEND = 64  # over so many pixels a window gives way to the next, beyond what it does not see
MEMORY = 1 << 26  # bytes of sums that are kept; strips are as wide as that allows

Predict = Callable[[np.ndarray], np.ndarray]
Read = Callable[[slice, slice], np.ndarray]


class Part(NamedTuple):
    """A piece of an answer: where it lies, and its (h, w, classes) probabilities."""

    rows: slice
    columns: slice
    probabilities: np.ndarray


def sight(depth: int) -> int:
    """How many pixels around a pixel a U-Net of two convolutions a level looks at: a pixel for each
    convolution of its level, and up to a cell of the deepest one for where in it the pixel lies."""
    return 7 * 2**depth - 5


def probabilities(
    image: np.ndarray,
    predict: Predict,
    *,
    multiple: int,
    classes: int,
    window: int = WINDOW,
    context: int | None = None,
) -> np.ndarray:
    """Class probabilities of every real pixel of an image.

    Args:
      image: (height, width, channels).
      predict: from (h, w, channels), both sides multiples of `multiple`, to (h, w, classes).
      multiple: 2**depth of the model.
      classes: that the model tells apart.
      window: largest side that goes through the model at once.
      context: see `stream`.

    Returns:
      (height, width, classes), float32: exactly the image's size, no padded pixel.
    """
    height, width = image.shape[:2]
    if height <= window and width <= window:
        return _padded(image, predict, multiple)
    whole = np.empty((height, width, classes), np.float32)
    for part in stream(
        lambda rows, columns: image[rows, columns],
        (height, width),
        predict,
        multiple=multiple,
        classes=classes,
        window=window,
        context=context,
    ):
        whole[part.rows, part.columns] = part.probabilities
    return whole


def stream(
    read: Read,
    size: tuple[int, int],
    predict: Predict,
    *,
    multiple: int,
    classes: int,
    window: int = WINDOW,
    context: int | None = None,
    memory: int = MEMORY,
) -> Iterator[Part]:
    """The answer for an image that is read and answered window by window.

    Args:
      read: gives (rows, columns) of the image.
      size: height and width.
      predict: see `probabilities`.
      multiple: see `probabilities`; windows begin at multiples of it.
      classes: see `probabilities`.
      window: side of the windows; more if `context` leaves too little of it.
      context: pixels along a window's inner rims that are not used; what a U-Net sees around a
        pixel if not given.
      memory: bytes of sums to keep.

    Yields:
      parts that cover each pixel once, strip by strip, in each from top to bottom.
    """
    height, width = size
    context = sight(multiple.bit_length() - 1) if context is None else context
    context = _up(context, multiple)
    blend = _up(BLEND, multiple)
    window = max(_up(window, multiple), 2 * context + 2 * blend)
    step = window - 2 * context - blend
    strip = max(step, memory // (4 * classes * window))
    for first in range(0, width, strip):
        wanted = slice(first, min(first + strip, width))
        left = max(0, wanted.start - context) // multiple * multiple
        right = min(wanted.stop + context, width)
        yield from _strip(
            read,
            size,
            predict,
            multiple=multiple,
            classes=classes,
            wanted=wanted,
            down=[*spans(0, height, length=height, window=window, step=step)],
            across=[*spans(left, right, length=width, window=window, step=step)],
            context=context,
        )


def spans(first: int, last: int, *, length: int, window: int, step: int) -> Iterator[slice]:
    """Windows from `first` until one reaches `last`, none beyond `length`."""
    while True:
        yield slice(first, min(first + window, length))
        if first + window >= last:
            return
        first += step


def _strip(
    read: Read,
    size: tuple[int, int],
    predict: Predict,
    *,
    multiple: int,
    classes: int,
    wanted: slice,
    down: Sequence[slice],
    across: Sequence[slice],
    context: int,
) -> Iterator[Part]:
    """The parts of one strip; `wanted` are its columns."""
    height, width = size
    sums = np.zeros((0, wanted.stop - wanted.start, classes), np.float32)
    weights = np.zeros((*sums.shape[:2], 1), np.float32)
    done = 0  # rows that were handed out; the sums begin with the next one
    for rows, after in itertools.zip_longest(down, down[1:]):
        more = rows.stop - done - len(sums)
        sums, weights = (
            np.concatenate([a, np.zeros((more, *a.shape[1:]), np.float32)]) for a in (sums, weights)
        )
        for columns in across:
            answer = _padded(read(rows, columns), predict, multiple)
            own = slice(max(columns.start, wanted.start), min(columns.stop, wanted.stop))
            top = max(rows.start, done)
            weight = (
                _bell(rows, height, context)[top - rows.start :, None, None]
                * _bell(columns, width, context)[None, :, None]
            )[:, own.start - columns.start : own.stop - columns.start]
            here = slice(top - done, rows.stop - done)
            there = slice(own.start - wanted.start, own.stop - wanted.start)
            answer = answer[
                top - rows.start :, own.start - columns.start : own.stop - columns.start
            ]
            sums[here, there] += answer * weight
            weights[here, there] += weight
        until = after.start + context if after else height
        ready = until - done
        yield Part(slice(done, until), wanted, sums[:ready] / weights[:ready])
        sums, weights, done = sums[ready:], weights[ready:], until


def _bell(span: slice, length: int, context: int) -> np.ndarray:
    """Nothing where the window does not see enough around a pixel, from there half a Gaussian up to
    1, which it keeps to the image's own edge."""
    count = span.stop - span.start
    at = np.arange(count, dtype=np.float32) + 0.5
    weights = np.ones(count, np.float32)
    for inner, away in ((span.start > 0, at - context), (span.stop < length, count - context - at)):
        if inner:
            rise = np.exp(-0.5 * np.square(np.minimum(away / BLEND - 1, 0) * 3))
            weights = weights * np.where(away > 0, rise, 0)
    return weights.astype(np.float32)


def _padded(image: np.ndarray, predict: Predict, multiple: int) -> np.ndarray:
    height, width = image.shape[:2]
    more = [(0, -height % multiple), (0, -width % multiple), (0, 0)]
    # Mirrored rather than zero: a black rim is an edge, and the model would answer to it.
    padded = np.pad(image, more, mode="symmetric") if any(m for _, m in more) else image
    return predict(padded)[:height, :width]


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
