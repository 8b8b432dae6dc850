"""Cross-entropy and Dice over id masks in which some pixels are void."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from recipes.core.dataset import VOID


def cross_entropy(ids: Any, logits: Any, *, weights: Sequence[float]) -> Any:
    """Mean cross-entropy over the pixels that are not void, each weighted by its true class.

    The mean is over the weights, so weights that are all 2 cost what weights that are all 1 do.

    Args:
      ids: (batch, height, width) of 0..K-1 and 255 for void.
      logits: (batch, height, width, K).
      weights: one per class.
    """
    one_hot, valid = _targets(ids, logits)
    per_pixel = -ops.sum(one_hot * ops.log_softmax(ops.cast(logits, "float32")), axis=-1)
    weight = ops.sum(one_hot * ops.cast(ops.convert_to_tensor(weights), "float32"), axis=-1)
    weight = weight * valid
    return ops.sum(per_pixel * weight) / ops.maximum(ops.sum(weight), 1e-6)


def dice(ids: Any, logits: Any) -> Any:
    """One minus Dice, taken per image and class, then averaged over the classes an image shows.

    A class that is absent from an image's truth is left out: its Dice is 0 whatever is predicted,
    so it would add a constant and no gradient, and punish an empty prediction that is right. False
    alarms still cost, through the Dice of the class whose pixels they take and cross-entropy.
    """
    one_hot, valid = _targets(ids, logits)
    shown = ops.softmax(ops.cast(logits, "float32")) * ops.expand_dims(valid, -1)
    both = ops.sum(shown * one_hot, axis=(1, 2))
    truth = ops.sum(one_hot, axis=(1, 2))
    total = ops.sum(shown, axis=(1, 2)) + truth
    present = ops.cast(truth > 0, "float32")
    lost = present * (1.0 - 2.0 * both / ops.maximum(total, 1e-6))
    return ops.sum(lost) / ops.maximum(ops.sum(present), 1.0)


def combined(ids: Any, logits: Any, *, weights: Sequence[float], dice_weight: float) -> Any:
    """Cross-entropy plus `dice_weight` times Dice, the loss the U-Net is trained with."""
    loss = cross_entropy(ids, logits, weights=weights)
    return loss + dice_weight * dice(ids, logits) if dice_weight else loss


def _targets(ids: Any, logits: Any) -> tuple[Any, Any]:
    """One-hot truth and 1 where a pixel counts; a void pixel is 0 in both."""
    valid = ops.cast(ops.not_equal(ids, VOID), "float32")
    safe = ops.where(ops.equal(ids, VOID), ops.zeros_like(ids), ids)
    one_hot = ops.one_hot(ops.cast(safe, "int32"), logits.shape[-1], dtype="float32")
    return one_hot * ops.expand_dims(valid, -1), valid
