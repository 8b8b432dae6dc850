"""Where a training crop is cut: so that rare classes are seen, and never from void alone."""

import math
from collections.abc import Sequence

import tensorflow as tf

from recipes.core.dataset import VOID

ANYWHERE = (-1.0, -1.0)


def rarity(pixels: Sequence[int]) -> tuple[float, ...]:
    """How readily a class is drawn: by the inverse root of its share, so that of two classes in an
    image the rarer one comes first, and the other one still comes."""
    total = max(sum(pixels), 1)
    return tuple(math.sqrt(total / max(n, 1)) for n in pixels)


def place(
    ids: tf.Tensor, *, seed: tf.Tensor, share: float, rarity: Sequence[float], side: float
) -> tf.Tensor:
    """The pixel that a crop shall hold, as (row, column); `ANYWHERE` where any crop will do.

    Args:
      ids: (height, width, 1).
      seed: a pair of integers.
      share: of the crops that are cut near a pixel of a class that is drawn by its rarity.
      rarity: one weight per class, from `rarity`.
      side: of the smallest crop; as much void as fills one could be all that a crop shows.
    """
    flat, columns = tf.reshape(ids, [-1]), tf.shape(ids)[1]
    draws = tf.random.stateless_uniform([3], seed)

    def one_of(wanted: tf.Tensor) -> tf.Tensor:
        found = tf.where(wanted)[:, 0]
        chosen = tf.cast(draws[2] * tf.cast(tf.size(found), tf.float32), tf.int32)
        at = tf.cast(found[tf.minimum(chosen, tf.size(found) - 1)], tf.int32)
        return tf.cast(tf.stack([at // columns, at % columns]), tf.float32) + 0.5

    def labelled() -> tf.Tensor:
        void = tf.math.count_nonzero(flat == VOID, dtype=tf.int32)
        much = (tf.cast(void, tf.float32) >= side * side) & (void < tf.size(flat))
        return tf.cond(much, lambda: one_of(flat != VOID), lambda: tf.constant(ANYWHERE))

    def rare() -> tf.Tensor:
        counts = tf.math.bincount(
            tf.cast(flat, tf.int32), minlength=len(rarity), maxlength=len(rarity)
        )
        weights = tf.where(counts > 0, tf.constant(rarity, tf.float32), 0.0)
        ends = tf.cumsum(weights)
        chosen = tf.reduce_sum(tf.cast(ends <= draws[1] * ends[-1], tf.int32))

        def of_class() -> tf.Tensor:
            # Rounding may carry the draw past the last class that is there.
            last = tf.reduce_max(tf.where(weights > 0)[:, 0])
            return one_of(flat == tf.cast(tf.minimum(tf.cast(chosen, tf.int64), last), flat.dtype))

        return tf.cond(ends[-1] > 0, of_class, labelled)

    # A look at every pixel costs as much as a fifth of decoding the image: only where it is needed.
    return tf.cond(draws[0] < share, rare, labelled) if share else labelled()
