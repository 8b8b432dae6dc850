"""The end of a run: the best model's scores on original sizes, its pictures, its page."""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from recipes.core import (
    boundaries,
    data,
    folds,
    metrics,
    norm,
    page,
    pictures,
    runs,
    scoring,
    unseen,
)
from recipes.core.plan import Plan
from recipes.core.unseen import Unseen, each_fold

Predict = Callable[[np.ndarray], np.ndarray]
Exam = Callable[[], Iterable[tuple[data.Image, Predict]]]
FEW = 100  # steps; a model of fewer says nothing about a dataset
UNLIKE = 2  # times the steps of another fold


def load_best(run: runs.Run) -> Any:
    """The best model of a run.

    Raises:
      RunError: the run has none yet.
    """
    if not run.best.exists():
        raise runs.RunError(f"{run.folder} has no best.keras yet: no epoch was finished.")
    return keras.saving.load_model(
        run.best,
        compile=False,
        custom_objects={"FusedBatchNormalization": norm.FusedBatchNormalization},
    )


def keep_best(run: runs.Run, net: Any) -> None:
    """Writes the best model of a run unless it lies there already.

    Another file of the same weights would be another model to `recipes.predict`, which knows a run
    by the bytes of its best.keras.
    """
    if not _holds(run, net.get_weights()):
        runs.write_whole(run.best, net.save)


def _holds(run: runs.Run, weights: list[np.ndarray]) -> bool:
    try:
        found = load_best(run).get_weights()
    except (runs.RunError, OSError, ValueError, zipfile.BadZipFile):
        return False
    return len(found) == len(weights) and all(map(np.array_equal, found, weights))


def doubts(plan: Plan, run: runs.Run) -> list[str]:
    """Why the scores of a run tell little: hardly any steps, or folds of unlike length."""
    folded = plan.is_ensemble
    parts = [folds.run_of(run, fold) for fold in range(plan.folds)] if folded else [run]
    made = [runs.read_lines(part.history)[-1]["step"] for part in parts]
    found = []
    if min(made) < FEW:
        found.append(
            f"made {min(made)} steps{' in a fold' if folded else ''}: too few to judge anything "
            "by; start a new run with a longer --budget, or more --steps."
        )
    if max(made) > UNLIKE * min(made):
        found.append(
            f"the folds made {', '.join(map(str, made))} steps: some models learnt far less than "
            "others, and scores out of fold mix them."
        )
    return found


def score_split(
    builder: Any,
    plan: Plan,
    predict: Callable[[np.ndarray], np.ndarray],
    split: str,
    *,
    nsd_tolerance: float = boundaries.TOLERANCE,
) -> scoring.Score:
    """Scores a split on original sizes, unpadded, with all there is to say of it.

    Raises:
      DatasetError: no such split, or a mask value that no class has.
    """
    classes = plan.dataset.classes
    images = unseen.images(builder, plan, split)
    found = scoring.answers(images, predict, classes=len(classes), nsd_tolerance=nsd_tolerance)
    return scoring.score(found, split=split, classes=classes, nsd_tolerance=nsd_tolerance)


def out_of_fold(builder: Any, plan: Plan, run: runs.Run) -> Iterator[tuple[data.Image, Predict]]:
    """Every image of train and validation, and the model of an ensemble that has not seen it."""
    for held in each_fold(builder, plan):
        predict = scoring.predictor(load_best(folds.run_of(run, held.plan.fold)), depth=plan.depth)
        for image in held.images():
            yield image, predict


def score_out_of_fold(builder: Any, plan: Plan, run: runs.Run) -> scoring.Score:
    """Scores an ensemble on what it was made of, each image by the model that has not seen it."""
    return _score(plan, out_of_fold(builder, plan, run), "out of fold")


def conclude(
    builder: Any, plan: Plan, run: runs.Run, *, scored: scoring.Score | None = None
) -> dict[str, Any]:
    """Scores the best model on the test split and writes scores, pictures and page.

    Without a test split the scores are of what the model was chosen by; those of an ensemble are
    then out of fold.

    Args:
      builder: the dataset's, prepared.
      plan: of the run.
      run: where it lies.
      scored: an ensemble's score out of fold, which need not be found twice.

    Returns:
      the scores, as `scores.json` holds them.
    """
    split, exam = _exam(builder, plan, run)
    result = scored if scored and scored.split == split else _score(plan, exam(), split)
    found = scoring.facts(result)
    runs.write_json(run.scores, found)
    chosen = pictures.choose([metrics.mean(tally.iou) for tally in result.tallies])
    drawn = {}
    for i, (image, predict) in enumerate(exam()):
        if i in chosen:
            drawn[i] = pictures.make(
                image.pixels,
                image.ids,
                predict(image.pixels).argmax(-1).astype(np.uint8),
                palette=plan.dataset.palette,
                top=plan.dataset.pixel_top,
                name=image.name,
                rank=chosen[i],
                class_iou=result.tallies[i].iou,
                group=image.group,
            )
    ordered = [drawn[i] for i in chosen]
    paths = pictures.save(ordered, run.pictures)
    history = runs.read_lines(run.history)
    html = page.render(
        plan=plan,
        scores=found,
        history=history,
        pictures=list(zip(ordered, paths, strict=True)),
        folder=run.folder,
        metadata=builder.info.metadata,
    )
    runs.write_text(run.page, html)
    return found


def _exam(builder: Any, plan: Plan, run: runs.Run) -> tuple[str, Exam]:
    """What the final scores are of, and its images with who answers them."""
    dataset = plan.dataset
    if dataset.test is None and plan.is_ensemble:
        return "out of fold", lambda: out_of_fold(builder, plan, run)
    predict = scoring.predictor(load_best(run), depth=plan.depth)
    if dataset.test is not None:
        test = dataset.test
        return test, lambda: ((i, predict) for i in data.images(builder, dataset, test))
    held = Unseen(builder, plan)
    return held.name, lambda: ((image, predict) for image in held.images())


def _score(plan: Plan, exam: Iterable[tuple[data.Image, Predict]], split: str) -> scoring.Score:
    classes, tolerance = plan.dataset.classes, boundaries.TOLERANCE
    answers = (
        answer
        for image, predict in exam
        for answer in scoring.answers(
            [image], predict, classes=len(classes), nsd_tolerance=tolerance
        )
    )
    return scoring.score(answers, split=split, classes=classes, nsd_tolerance=tolerance)
