"""Losses over id masks in which some pixels are void, and sums of them: `ce+dice`, `0.5*focal`.

All are of Keras's own operations, so that every backend computes them. Void pixels cost nothing and
pull at nothing, whatever the logits say there.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras import ops

from recipes.core.dataset import VOID
from recipes.core.errors import RecipeError


class LossError(RecipeError):
    """A loss that does not exist."""


def cross_entropy(ids: Any, logits: Any, *, weights: Sequence[float]) -> Any:
    """Mean cross-entropy over the pixels that are not void, each weighted by its true class.

    The mean is over the weights, so weights that are all 2 cost what weights that are all 1 do.

    Args:
      ids: (batch, height, width) of 0..K-1 and 255 for void.
      logits: (batch, height, width, K).
      weights: one per class.
    """
    return focal(ids, logits, weights=weights, gamma=0.0)


def focal(ids: Any, logits: Any, *, weights: Sequence[float], gamma: float = 2.0) -> Any:
    """Cross-entropy in which a pixel counts (1 - p)**gamma, p being what its true class is given:
    what is easy is done with (arXiv 1708.02002)."""
    one_hot, valid = _targets(ids, logits)
    logs = ops.log_softmax(ops.cast(logits, "float32"))
    per_pixel = -ops.sum(one_hot * logs, axis=-1)
    weight = ops.sum(one_hot * ops.cast(ops.convert_to_tensor(weights), "float32"), axis=-1)
    weight = weight * valid
    if gamma:
        # 0 ** gamma has no gradient below 1; the sum of the others is never quite 0.
        wrong = ops.sum((1.0 - one_hot) * ops.exp(logs), axis=-1)
        per_pixel = per_pixel * ops.power(ops.maximum(wrong, 1e-7), gamma)
    return ops.sum(per_pixel * weight) / ops.maximum(ops.sum(weight), 1e-6)


def dice(ids: Any, logits: Any, *, pooled: bool = False) -> Any:
    """One minus Dice, taken per image and class, then averaged over the classes an image shows.

    A class that is absent from an image's truth is left out: its Dice is 0 whatever is predicted,
    so it would add a constant and no gradient, and punish an empty prediction that is right. False
    alarms still cost, through the Dice of the class whose pixels they take and cross-entropy.

    Args:
      ids: see `cross_entropy`.
      logits: see `cross_entropy`.
      pooled: per class over all pixels of the batch, as if it were one image; steadier where
        images show few pixels of a class.
    """
    return tversky(ids, logits, alpha=0.5, beta=0.5, pooled=pooled)


def tversky(
    ids: Any,
    logits: Any,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 1.0,
    pooled: bool = False,
) -> Any:
    """Like Dice, with a price for false alarms and another for what was missed (arXiv 1706.05721).

    Args:
      ids: see `cross_entropy`.
      logits: see `cross_entropy`.
      alpha: of false alarms; with `beta` of 0.5 each it is Dice.
      beta: of what was missed.
      gamma: power of what each class lost; below 1 the worst classes pull more (arXiv 1810.07842,
        whose gamma is the inverse).
      pooled: see `dice`.
    """
    one_hot, valid = _targets(ids, logits)
    shown = ops.softmax(ops.cast(logits, "float32")) * ops.expand_dims(valid, -1)
    axes = (0, 1, 2) if pooled else (1, 2)
    both = ops.sum(shown * one_hot, axis=axes)
    truth = ops.sum(one_hot, axis=axes)
    false = ops.sum(shown, axis=axes) - both
    total = both + alpha * false + beta * (truth - both)
    lost = 1.0 - both / ops.maximum(total, 1e-6)
    if gamma != 1.0:
        lost = ops.power(ops.maximum(lost, 1e-6), gamma)
    return _mean_of_present(lost, truth)


def boundary(ids: Any, logits: Any, *, width: int = 3) -> Any:
    """One minus the F1 of borders: how much of each border lies within `width` pixels of the other
    one, both ways (arXiv 1905.07852). Pixels next to void are no border.

    Args:
      ids: see `cross_entropy`.
      logits: see `cross_entropy`.
      width: pixels that a border may be off.
    """
    one_hot, valid = _targets(ids, logits)
    known = ops.expand_dims(valid, -1)
    inside = _erode(known)
    shown = ops.softmax(ops.cast(logits, "float32")) * known
    true_border, said_border = (_border(one_hot) * inside, _border(shown) * inside)
    near_true, near_said = _dilate(true_border, width), _dilate(said_border, width)
    length, said = ops.sum(true_border, axis=(1, 2)), ops.sum(said_border, axis=(1, 2))
    hit = ops.sum(said_border * near_true, axis=(1, 2)) / ops.maximum(said, 1e-6)
    found = ops.sum(true_border * near_said, axis=(1, 2)) / ops.maximum(length, 1e-6)
    lost = 1.0 - 2.0 * hit * found / ops.maximum(hit + found, 1e-6)
    return _mean_of_present(lost, length)


@dataclasses.dataclass(frozen=True)
class Term:
    """One loss of a sum."""

    name: str
    factor: float
    options: Mapping[str, float]


# Name → the loss, and what can be said of it with its usual value.
LOSSES: Mapping[str, tuple[Callable[..., Any], Mapping[str, float]]] = {
    "ce": (cross_entropy, {}),
    "focal": (focal, {"gamma": 2.0}),
    "dice": (dice, {"pooled": 0}),
    "tversky": (tversky, {"alpha": 0.3, "beta": 0.7, "gamma": 1.0, "pooled": 0}),
    "boundary": (boundary, {"width": 3}),
}
_WEIGHTED = ("ce", "focal")
_TERM = re.compile(r"(?:([\d.]+)\*)?([a-z]+)(?:\(([^()]*)\))?")


def parse(text: str) -> tuple[Term, ...]:
    """A sum of losses as a flag gives it: `ce+dice`, `ce+0.5*tversky(alpha=0.2,pooled=1)`.

    Raises:
      LossError: says what is not known, and what is.
    """
    terms = []
    for part in re.split(r"\+(?![^(]*\))", text.replace(" ", "")):
        match = _TERM.fullmatch(part)
        if not match or match[2] not in LOSSES:
            raise LossError(
                f"--loss={text}: {part!r} is no loss; there are {', '.join(LOSSES)}, and sums of "
                "them: ce+0.5*dice"
            )
        known = LOSSES[match[2]][1]
        options = {}
        for said in filter(None, (match[3] or "").split(",")):
            key, _, value = said.partition("=")
            if key not in known or not re.fullmatch(r"\d+(\.\d+)?", value):
                told = ", ".join(f"{k}={v:g}" for k, v in known.items()) or "nothing"
                raise LossError(f"--loss={text}: {said!r}; of {match[2]} can be said {told}")
            options[key] = float(value)
        try:
            terms.append(Term(match[2], float(match[1] or 1), options))
        except ValueError:
            raise LossError(f"--loss={text}: {match[1]!r} is no number") from None
    return tuple(terms)


def total(terms: Sequence[Term], ids: Any, logits: Any, *, weights: Sequence[float]) -> Any:
    """The sum of losses that a model is trained with.

    Args:
      terms: from `parse`.
      ids: see `cross_entropy`.
      logits: see `cross_entropy`.
      weights: one per class, for cross-entropy and focal loss.
    """
    loss: Any = 0.0
    for term in terms:
        options: dict[str, Any] = {
            **({"weights": weights} if term.name in _WEIGHTED else {}),
            **{k: _whole(k, v) for k, v in term.options.items()},
        }
        loss = loss + term.factor * LOSSES[term.name][0](ids, logits, **options)
    return loss


def _whole(key: str, value: float) -> float | int | bool:
    return bool(value) if key == "pooled" else int(value) if key == "width" else value


def _targets(ids: Any, logits: Any) -> tuple[Any, Any]:
    """One-hot truth and 1 where a pixel counts; a void pixel is 0 in both."""
    valid = ops.cast(ops.not_equal(ids, VOID), "float32")
    safe = ops.where(ops.equal(ids, VOID), ops.zeros_like(ids), ids)
    one_hot = ops.one_hot(ops.cast(safe, "int32"), logits.shape[-1], dtype="float32")
    return one_hot * ops.expand_dims(valid, -1), valid


def _mean_of_present(lost: Any, truth: Any) -> Any:
    """The mean over the classes that an image, or the batch, shows."""
    present = ops.cast(truth > 0, "float32")
    return ops.sum(lost * present) / ops.maximum(ops.sum(present), 1.0)


def _dilate(shown: Any, reach: int) -> Any:
    return ops.max_pool(shown, 2 * reach + 1, strides=1, padding="same")


def _erode(shown: Any) -> Any:
    return 1.0 - _dilate(1.0 - shown, 1)


def _border(shown: Any) -> Any:
    """The pixels of a class that touch another one; the picture's own rim is none."""
    return shown - _erode(shown)
