"""Which labels are most likely wrong: each held against a model that has not seen it.

For each kind of fault the label is corrected as if it had that fault, and what counts is how much
better it then agrees with the model: the gain in Dice of all things, by probability. Moving a
label, calling a class by another name, adding what is cut off along a line: nothing but such a
fault makes these gain much. A region that is missing, too many or of another class is found
wherever a model errs; it counts beyond what is far out in this data set, and as far as the rest of
the label agrees. Class 0 is what lies around things.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from recipes.core import runs
from recipes.core.data import Image, name_and_group
from recipes.core.dataset import VOID
from recipes.core.errors import RecipeError
from recipes.core.plan import Plan

SIDE = 1024  # pixels: of larger images every nth pixel is judged
MOVED = 256  # pixels: so large is what a label is moved about on
FARTHEST = 0.25  # of a side: a label is moved so far at most
NEAR = 0.015  # of the diagonal: disagreement so far from where it would be none counts in full
RIM = 2  # pixels beyond the last labelled one that may be of the same thing
SMALL = 0.1  # of the median area of things: on less than that a model and a label may well differ

Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two are not in it
Predict = Callable[[np.ndarray], np.ndarray]


class AuditError(RecipeError):
    """A run that cannot be audited."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Region:
    """Pixels of one kind of disagreement, and the largest of their connected parts."""

    weight: float  # of all of them: pixels, each by how suspicious it is
    labelled: int
    suspected: int
    box: Box


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cut:
    """Things that a model sees beyond where the label's things end, on one side of the image."""

    beyond: float  # pixels, each by how sure the model is
    within: float  # the same on this side of the line
    contact: float  # share of the label's columns at the line that go on beyond it
    suspected: int
    box: Box


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trace:
    """What is kept of one label until all have been seen; pixels are those of things."""

    name: str
    split: str
    group: str
    labelled: float  # pixels in the label
    shown: float  # pixels in the prediction, by probability
    agreed: float  # pixels of the label, by the probability of their class
    swapped: tuple[int, int, float, Box] | None  # from, to, what that adds to what is agreed
    moved: tuple[float, tuple[int, int]]  # gain in Dice; to the right, and down
    cuts: tuple[Cut, ...]
    regions: tuple[tuple[str, Region], ...]  # by kind


@dataclasses.dataclass(frozen=True)
class Source:
    """Images and who answers them."""

    name: str
    images: Callable[[], Iterator[tuple[str, Image, Predict]]]


def sources(
    builder: Any, plan: Plan, run: runs.Run, *, everything: bool = False
) -> tuple[list[Source], list[str]]:
    """What of a dataset can be judged by a run, and what a user should know of it.

    Args:
      builder: of the dataset, prepared.
      plan: of the run.
      run: where its models lie.
      everything: of a run without folds, also what it was trained on.

    Raises:
      AuditError: nothing that the run has not seen.
    """
    from recipes.core import conclude, data, folds, scoring
    from recipes.core.unseen import Unseen, each_fold

    dataset, found, notes = plan.dataset, list[Source](), list[str]()

    def of(split: str, images: Callable[[], Iterator[Image]], name: str = "") -> Source:
        def each() -> Iterator[tuple[str, Image, Predict]]:
            predict = scoring.predictor(conclude.load_best(run), depth=plan.depth)
            for image in images():
                yield split, image, predict

        return Source(name or split, each)

    def split_of(name: str) -> str:
        if not validation and not dataset.held_out:
            return data.pool(dataset)
        return dataset.validation if name in validation else dataset.train

    def of_fold(unseen: Unseen, model: runs.Run) -> Source:
        def each() -> Iterator[tuple[str, Image, Predict]]:
            predict = scoring.predictor(conclude.load_best(model), depth=plan.depth)
            for image in unseen.images():
                yield split_of(image.name), image, predict

        return Source(unseen.name, each)

    cut = plan.folds and not dataset.held_out
    validation = _ids(builder, dataset.validation) if cut else frozenset()
    if plan.folds:
        if plan.fold < 0:
            found += [of_fold(u, folds.run_of(run, u.plan.fold)) for u in each_fold(builder, plan)]
        else:
            found.append(of_fold(Unseen(builder, plan), run))
            notes.append(
                f"Only fold {plan.fold} of {plan.folds} was left out of this run: the others are "
                "not judged. A run with --fold=-1 judges all of them."
            )
    else:
        unseen = Unseen(builder, plan)
        found.append(of(dataset.validation, unseen.images, unseen.name))
        notes.append(
            f"The run has no folds: {dataset.train} was trained on and "
            + ("its labels look better than they are." if everything else "is not judged.")
            + " Train with --folds=3 to judge every label by a model that has not seen it."
        )
        if everything:
            found.append(of(dataset.train, unseen.seen))
    if (test := dataset.test) is not None:
        found.append(of(test, lambda: data.images(builder, dataset, test)))
    return found, notes


def paths(builder: Any) -> dict[str, tuple[str, str]]:
    """Image and mask files by id, where the build left a manifest."""
    manifest = pathlib.Path(str(builder.data_path)) / "manifest.jsonl"
    if not manifest.exists():
        return {}
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    return {row["id"]: (row["image"], row["mask"]) for row in rows}


def look(image: Image, probabilities: np.ndarray, *, split: str) -> Trace:
    """What one label and what a model says of its image have against each other."""
    step = -(-max(image.ids.shape) // SIDE)
    ids, shown = image.ids[::step, ::step], probabilities[::step, ::step]
    known = ids != VOID
    # Under void nothing is labelled and nothing is seen.
    shown = np.where(known[..., None], shown, 0).astype(np.float32)
    classes = shown.shape[-1]
    area = np.bincount(ids[known], minlength=classes).astype(float)
    seen = shown.reshape(-1, classes).sum(0, dtype=np.float64)
    among = np.zeros((classes, classes))  # by class labelled, what the model sees there
    for i in np.flatnonzero(area):
        among[i] = shown[ids == i].sum(0, dtype=np.float64)
    return Trace(
        name=image.name,
        split=split,
        group=image.group,
        labelled=float(area[1:].sum()),
        shown=float(seen[1:].sum()),
        agreed=float(np.trace(among[1:, 1:])),
        swapped=_swapped(ids, among, step),
        moved=_moved(ids, shown, step),
        cuts=tuple(_cuts(ids, shown, step)),
        regions=tuple(_regions(ids, shown, step)),
    )


def suspicion(ids: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """How suspicious each pixel of a label is, 0 to 1: by how sure the model is of another class,
    and how far the label is from what the model sees. Void never is."""
    known = ids != VOID
    predicted = probabilities.argmax(-1)
    said = np.take_along_axis(probabilities, np.where(known, ids, 0)[..., None], -1)[..., 0]
    wrong = known & (predicted != ids)
    away = np.zeros(ids.shape, np.float32)
    for i in np.unique(np.concatenate([ids[wrong], predicted[wrong]])):
        for where, other in (
            (wrong & (ids == i), (predicted == i) | ~known),
            (wrong & (predicted == i), (ids == i) | ~known),
        ):
            if where.any():
                away[where] = np.maximum(away[where], _distance(other)[where])
    # A border is off by a pixel in every label.
    sure = (probabilities.max(-1) - said) * wrong
    reach = max(NEAR * float(np.hypot(*ids.shape)), 1.0)
    return np.asarray(np.clip((away - 1) / reach, 0, 1) * sure, np.float32)


def _swapped(ids: np.ndarray, among: np.ndarray, step: int) -> tuple[int, int, float, Box] | None:
    gains = among - np.diag(among)[:, None]
    gains[0], gains[:, 0] = 0, 0
    i, j = (int(k) for k in np.unravel_index(gains.argmax(), gains.shape))
    if gains[i, j] <= 0:
        return None
    return i, j, float(gains[i, j]), _box(ids == i, step)


def _moved(ids: np.ndarray, shown: np.ndarray, step: int) -> tuple[float, tuple[int, int]]:
    """The gain in Dice where the label fits best, and how far that is."""
    from scipy import fft

    coarse = -(-max(ids.shape) // MOVED)
    ids, shown = ids[::coarse, ::coarse], shown[::coarse, ::coarse]
    height, width = ids.shape
    down, right = int(FARTHEST * height), int(FARTHEST * width)
    size = [fft.next_fast_len(n + m, real=True) for n, m in ((height, down), (width, right))]

    def spectrum(plane: np.ndarray) -> Any:
        return fft.rfft2(plane.astype(np.float32), size)

    there = spectrum(ids != VOID)
    fits = np.zeros((2 * down + 1, 2 * right + 1))
    total = 0
    for i in np.unique(ids):
        if i in (0, VOID):
            continue
        label = np.conj(spectrum(ids == i))
        both, inside = (
            np.roll(fft.irfft2(plane * label, size), (down, right), (0, 1))
            for plane in (spectrum(shown[..., i]), there)
        )
        area = int((ids == i).sum())
        dice = 2 * both / (np.maximum(inside, 0) + float(shown[..., i].sum()) + 1)
        fits += area * dice[: 2 * down + 1, : 2 * right + 1]
        total += area
    if not total:
        return 0.0, (0, 0)
    # Rounded: a tie in all but the last digits goes to the first, on every machine.
    fits = np.round(fits / total, 5)
    y, x = np.unravel_index(fits.argmax(), fits.shape)
    far = step * coarse
    gain = float(fits[y, x] - fits[down, right])
    return gain, (int(x - right) * far, int(y - down) * far)


def _cuts(ids: np.ndarray, shown: np.ndarray, step: int) -> Iterator[Cut]:
    """What lies beyond the label's things, above, to the right, below and to the left."""
    has = [int(i) for i in np.unique(ids) if i not in (0, VOID)]
    if not has:
        return
    best = np.argmax(shown, -1)
    things = np.isin(best, has)
    sure = np.where(things, shown.max(-1) - shown[..., 0], 0)
    for turns in range(4):
        label, also, weight = (np.rot90(a, turns) for a in (np.isin(ids, has), things, sure))
        edge = int(np.flatnonzero(label.any(1))[0])
        line = max(edge - RIM, 0)
        if not weight[:line].any():
            continue
        last = label[edge : edge + RIM + 1].any(0)
        on = last & also[max(line - RIM, 0) : line + 1].any(0)
        beyond = np.zeros(weight.shape, bool)
        beyond[:line] = weight[:line] > 0
        beyond = np.rot90(beyond, -turns)
        counts = np.bincount(best[beyond], weights=sure[beyond])
        yield Cut(
            beyond=float(weight[:line].sum()),
            within=float(weight[line:].sum()),
            contact=float(on.sum() / last.sum()),
            suspected=int(counts.argmax()),
            box=_box(beyond, step),
        )


def _regions(ids: np.ndarray, shown: np.ndarray, step: int) -> Iterator[tuple[str, Region]]:
    """Suspicious pixels by kind of fault."""
    from scipy import ndimage

    weight = suspicion(ids, shown)
    best = shown.argmax(-1)
    for kind, where in (
        ("missing", ids == 0),
        ("extra", (ids != 0) & (best == 0)),
        ("swapped", (ids != 0) & (best != 0)),
    ):
        where = where & (weight > 0)
        if not where.any():
            continue
        parts, count = ndimage.label(where, np.ones((3, 3)))
        sums = np.bincount(parts.ravel(), weights=weight.ravel(), minlength=count + 1)
        sums[0] = 0
        one = parts == int(np.round(sums, 3).argmax())
        pairs = ids[one].astype(np.int64) * shown.shape[-1] + best[one]
        labelled, suspected = divmod(int(np.bincount(pairs).argmax()), shown.shape[-1])
        yield (
            kind,
            Region(
                weight=float(weight[where].sum(dtype=np.float64)),
                labelled=labelled,
                suspected=suspected,
                box=_box(one, step),
            ),
        )


def _distance(plane: np.ndarray) -> np.ndarray:
    """Of every pixel to the nearest one of a plane, in moves of a king."""
    from scipy import ndimage

    if not plane.any():
        return np.full(plane.shape, np.float32(sum(plane.shape)))
    return np.asarray(ndimage.distance_transform_cdt(~plane, "chessboard"), np.float32)


def _box(where: np.ndarray, step: int) -> Box:
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    left, top = int(columns[0]) * step, int(rows[0]) * step
    return left, top, (int(columns[-1]) + 1) * step, (int(rows[-1]) + 1) * step


def _ids(builder: Any, split: str) -> frozenset[str]:
    """The ids of a split; none where the dataset has no ids."""
    import tensorflow_datasets as tfds

    if "id" not in builder.info.features:
        return frozenset()
    stream = builder.as_dataset(split=split, decoders=tfds.decode.PartialDecoding({"id": True}))
    found = stream.as_numpy_iterator()
    return frozenset(name_and_group(example, otherwise="")[0] for example in found)
