"""Label Studio's brush: masks as runs of RGBA values, packed bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from seg_datasets.core import drawing

# Red, green, blue, alpha: what is painted is what alpha says.
_CHANNELS = 4

# Bytes of what stands before the runs, and of the head of a run wherever in a byte it begins.
_HEAD, _PIECE = 8, 8


def window(packed: Any, width: int, height: int) -> list[Any]:
    """Where a brush mask covers the picture, as `drawing` has runs: [left, top, width, height,
    runs].

    Runs stay runs: however large a picture is claimed to be, this takes no more memory than the
    file.

    Args:
      packed: the bytes, as a list of numbers.
      width: of the picture.
      height: of the picture.

    Raises:
      ValueError: it is broken, or of another size.
    """
    if not isinstance(packed, list):
        raise ValueError("a brush mask that is no list of bytes")
    if not drawing.possible(width, height):
        raise ValueError(f"a picture of {width}×{height} pixels")
    runs = _runs(bytes(packed), width * height)
    if len(runs) == 1:
        return [0, 0, 1, 1, [1]]
    # Rows above and below are nothing to paint.
    top = runs[0] // width
    bottom = runs[-1] // width if len(runs) % 2 else 0
    runs[0] -= top * width
    runs[-1] -= bottom * width
    return [0, top, width, height - top - bottom, runs]


def _runs(packed: bytes, pixels: int) -> list[int]:
    """Pixels outside and inside by turns, outside first."""
    head = int.from_bytes(packed[:_HEAD].ljust(_HEAD, b"\0"), "big")
    # 32 bits for the number of values, 5 for the width of one, 4 for each of four widths of counts.
    told, word = head >> 32, (head >> 27 & 31) + 1
    widths = [(head >> shift & 15) + 1 for shift in (23, 19, 15, 11)]
    if told != _CHANNELS * pixels:
        raise ValueError(
            f"a brush mask of {told // _CHANNELS:,} pixels, the picture has {pixels:,}"
        )
    data, ends = packed + bytes(_PIECE), 8 * len(packed)
    bit, at, runs = 53, 0, [0]
    while at < told:
        # Whether values are equal, which width the count has, the count, and a value: 51 bits.
        piece = int.from_bytes(data[bit >> 3 : (bit >> 3) + _PIECE], "big") << (bit & 7)
        width = widths[piece >> 61 & 3]
        end = at + 1 + (piece >> 61 - width & (1 << width) - 1)
        equal = piece >> 63 & 1
        start, bit = bit + 3 + width, bit + 3 + width + word * (1 if equal else end - at)
        if end > told or bit > ends:
            raise ValueError("a brush mask that is cut off, or goes on after its end")
        if equal:
            value = piece >> 61 - width - word & (1 << word) - 1
            _add(runs, value > 0, end // _CHANNELS - at // _CHANNELS)
        else:
            values = _nonzero(data[start >> 3 : (bit + 7) >> 3], start & 7, end - at, word)
            for inside in values[(-1 - at) % _CHANNELS :: _CHANNELS].tolist():
                _add(runs, inside, 1)
        at = end
    return runs


def _nonzero(data: bytes, skip: int, count: int, word: int) -> np.ndarray:
    """Which of some numbers of `word` bits are not zero."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))[skip : skip + count * word]
    return np.asarray(bits.reshape(count, word).any(axis=1))


def _add(runs: list[int], inside: bool, pixels: int) -> None:
    if not pixels:
        return
    if inside == (len(runs) % 2 == 0):
        runs[-1] += pixels
    else:
        runs.append(pixels)
