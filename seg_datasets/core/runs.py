"""Runs: a mask as its stretches of equal values. Masks are large areas, so these are few."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np


def alternating(inside: np.ndarray) -> list[int]:
    """How many pixels of a shape, row after row, lie outside and inside by turns, outside first."""
    flat = inside.reshape(-1)
    turns = np.flatnonzero(np.diff(flat, prepend=False))
    lengths: list[int] = np.diff(turns, prepend=0, append=flat.size).tolist()
    return lengths


@dataclasses.dataclass(frozen=True, slots=True)
class Runs:
    """The rows of a mask as one line, cut wherever the value changes.

    What can be told of runs need not be told of each pixel, at a hundredth of the time.

    Attributes:
      shape: (H, W).
      last: place of each run's last pixel.
      values: value of each run.
    """

    shape: tuple[int, ...]
    last: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, pixels: np.ndarray) -> Runs:
        """The runs of an array (H, W)."""
        flat = np.ascontiguousarray(pixels).reshape(-1)
        ends = np.empty(flat.size, bool)
        np.not_equal(flat[1:], flat[:-1], out=ends[:-1])
        ends[-1] = True
        last = np.flatnonzero(ends)
        return cls(pixels.shape, last, flat[last])

    @property
    def lengths(self) -> np.ndarray:
        """Pixels of each run."""
        lengths = self.last.copy()
        lengths[0] += 1
        lengths[1:] -= self.last[:-1]
        return lengths

    def counts(self) -> dict[int, int]:
        """Value → pixels, of the values that are there."""
        if self.values.itemsize > 2:  # colours
            found, which = np.unique(self.values, return_inverse=True)
            pixels = np.bincount(which, weights=self.lengths)
            return {int(v): int(n) for v, n in zip(found, pixels, strict=True)}
        pixels = np.bincount(self.values, weights=self.lengths)
        return {int(value): int(pixels[value]) for value in np.flatnonzero(pixels)}

    def to(self, values: np.ndarray) -> Runs:
        """The same mask with other values for the runs; neighbours that are equal now are one."""
        ends = np.empty(values.size, bool)
        np.not_equal(values[1:], values[:-1], out=ends[:-1])
        ends[-1] = True
        return Runs(self.shape, self.last[ends], values[ends])

    def pixels(self) -> np.ndarray:
        """The array again."""
        return np.repeat(self.values, self.lengths).reshape(self.shape)

    def digest(self) -> str:
        """Digest of shape and values."""
        digest = hashlib.sha256(f"ids {self.shape}\n".encode())
        digest.update(self.last[:-1].astype("<i8").data)
        digest.update(np.ascontiguousarray(self.values).data)
        return digest.hexdigest()
