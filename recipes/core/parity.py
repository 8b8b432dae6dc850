"""Whether an exported model gives the answers of the model it was made of, on real images."""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from recipes.core import tiling

Answers = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # pixels → ids, probabilities


class Limit(NamedTuple):
    """How far an export may be off."""

    equal: float  # least share of pixels that get the same id
    probability: float  # largest difference of a probability


# A SavedModel runs the same kernels. The others sum in another order; the limit on probabilities is
# for models that say the same everywhere, whose ids would not show a wrong export.
LIMITS = {
    "savedmodel": Limit(1.0, 1e-4),
    "tflite": Limit(0.999, 0.02),
    "onnx": Limit(0.999, 0.02),
    "float16": Limit(0.999, 0.1),
}


@dataclasses.dataclass(kw_only=True)
class Difference:
    """How far two models' answers are apart."""

    images: int = 0
    pixels: int = 0
    equal: int = 0  # pixels with the same id
    probability: float = 0.0  # largest difference
    total: float = 0.0  # of all differences
    values: int = 0

    def add(
        self, mine: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]
    ) -> None:
        """Counts one image; answers of other shapes or types are as far apart as can be."""
        self.images += 1
        self.pixels += mine[0].size
        self.values += mine[1].size
        alike = all(
            a.shape == b.shape and a.dtype == b.dtype for a, b in zip(mine, theirs, strict=True)
        )
        if not alike:
            self.probability = math.inf
            return
        self.equal += int((mine[0] == theirs[0]).sum())
        off = np.abs(mine[1].astype(np.float64) - theirs[1])
        self.total += float(off.sum())
        largest = float(off.max(initial=0.0))
        # A NaN is no small difference, whatever max() makes of it.
        self.probability = max(self.probability, math.inf if math.isnan(largest) else largest)

    def within(self, limit: Limit) -> bool:
        """Whether anything was compared, and nothing is further off than it may be."""
        equal = self.equal >= limit.equal * self.pixels
        return self.pixels > 0 and equal and self.probability <= limit.probability

    def facts(self) -> dict[str, Any]:
        """As JSON; None is "no number"."""
        mean = self.total / self.values if self.values else math.nan
        numbers = {"largest_difference": self.probability, "mean_difference": mean}
        return {
            "images": self.images,
            "pixels": self.pixels,
            "equal_ids": self.equal / self.pixels if self.pixels else None,
            "pixels_that_differ": self.pixels - self.equal,
            **{key: value if math.isfinite(value) else None for key, value in numbers.items()},
        }


def pieces(
    images: Iterable[np.ndarray], *, size: tuple[int, int] | None, multiple: int
) -> Iterator[np.ndarray]:
    """What is compared: images whole, or their middle where they are too large for one pass.

    With a free size every second image loses some rows and columns, so that padding is compared
    even where all images are multiples. With a fixed one, a small image is mirrored up to it.
    """
    for i, pixels in enumerate(images):
        height, width = size or (tiling.WINDOW, tiling.WINDOW)
        top, left = (
            max(0, a - b) // 2 for a, b in zip(pixels.shape, (height, width), strict=False)
        )
        piece = pixels[top : top + height, left : left + width]
        if size:
            more = [(0, height - piece.shape[0]), (0, width - piece.shape[1]), (0, 0)]
            piece = np.pad(piece, more, mode="symmetric")
        elif i % 2:
            rows, columns = (1 + (i // 2 * k) % max(multiple - 1, 1) for k in (1, 3))
            piece = piece[: max(1, piece.shape[0] - rows), : max(1, piece.shape[1] - columns)]
        yield np.ascontiguousarray(piece)


def of_keras(predict: Callable[[np.ndarray], np.ndarray]) -> Answers:
    """A model as `recipes.evaluate` runs it."""

    def answer(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probabilities = predict(pixels)
        return probabilities.argmax(-1).astype(np.uint8), probabilities

    return answer


def of_file(path: pathlib.Path) -> Answers:
    """An export as its user runs it, with nothing of this project."""
    run = {".tflite": _tflite, ".onnx": _onnx}.get(path.suffix, _savedmodel)(path)

    def answer(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = run(pixels[None])
        return np.asarray(found["ids"])[0], np.asarray(found["probabilities"])[0]

    return answer


def _savedmodel(path: pathlib.Path) -> Callable[[np.ndarray], Any]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]

    def run(image: np.ndarray) -> Any:
        assert loaded is not None  # the function holds its weights only while the module lives
        return serve(image=tf.constant(image))

    return run


def _tflite(path: pathlib.Path) -> Callable[[np.ndarray], Any]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner()
    return lambda image: runner(image=image)


def _onnx(path: pathlib.Path) -> Callable[[np.ndarray], Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda image: dict(zip(names, session.run(names, {"image": image}), strict=True))
