"""What a model says of windows, and of whole images that are written as they are answered."""

import contextlib
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from recipes.core import outputs, tiling
from recipes.core.dataset import VOID
from recipes.core.inputs import Input
from recipes.core.plan import Plan


def windows(model: Any, *, turns: int = 1) -> tiling.Predict:
    """A function from a window's pixels to its class probabilities.

    Args:
      model: from raw pixels to logits.
      turns: views to average over: 1, 2 with the mirror image, 8 with all flips and quarter turns.
    """
    from recipes.core import steps  # it imports Keras

    one = steps.forward(model)

    def several(pixels: np.ndarray) -> np.ndarray:
        total = np.zeros(0, np.float32)
        for mirrored in (False, True):
            for quarters in range(max(1, turns // 2)):
                view = np.rot90(pixels[:, ::-1] if mirrored else pixels, quarters)
                back = np.rot90(one(np.ascontiguousarray(view)), -quarters)
                back = back[:, ::-1] if mirrored else back
                total = total + back if total.size else back
        return total / (2 * max(1, turns // 2))

    return one if turns == 1 else several


def turns(plan: Plan) -> int:
    """Views to average over: those that training has seen."""
    return 2 if plan.upright else 8


def answer(
    image: Input,
    predict: tiling.Predict,
    *,
    folder: pathlib.Path,
    name: str,
    classes: int,
    multiple: int,
    window: int,
    keep: bool = False,
    progress: Callable[[float], object] | None = None,
) -> None:
    """Predicts one image and writes its mask.

    Args:
      image: what to predict.
      predict: from `windows`.
      folder: of the outputs.
      name: of the image.
      classes: that the model tells apart.
      multiple: 2**depth of the model.
      window: side of the windows.
      keep: also write the probabilities.
      progress: called with the share that is done.
    """
    with contextlib.ExitStack() as stack:
        write = stack.enter_context(outputs.masks(folder / "masks" / name, image))
        if keep:
            where = folder / "probabilities" / name
            save = stack.enter_context(outputs.probabilities(where, image, classes))
        for part in tiling.stream(
            image.read,
            (image.height, image.width),
            predict,
            multiple=multiple,
            classes=classes,
            window=window,
        ):
            ids = part.probabilities.argmax(-1).astype(np.uint8)
            if image.none:
                ids[image.none(part.rows, part.columns)] = VOID
            write(part, ids)
            if keep:
                save(part)
            if progress:
                progress(ids.size / (image.height * image.width))
