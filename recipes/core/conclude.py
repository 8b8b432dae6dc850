"""The end of a run: the best model's scores on original sizes, its pictures, its page."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from recipes.core import data, metrics, norm, page, pictures, runs, scoring
from recipes.core.plan import Plan


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


def score_split(
    builder: Any, plan: Plan, predict: Callable[[np.ndarray], np.ndarray], split: str
) -> scoring.Score:
    """Scores a split on original sizes, unpadded.

    Raises:
      DatasetError: no such split, or a mask value that no class has.
    """
    classes = plan.dataset.classes
    images = data.images(builder, plan.dataset, split)
    found = scoring.answers(images, predict, classes=len(classes))
    return scoring.score(found, split=split, classes=classes)


def conclude(builder: Any, plan: Plan, run: runs.Run) -> dict[str, Any]:
    """Scores the best model on the test split and writes scores, pictures and page.

    Returns:
      the scores, as `scores.json` holds them.
    """
    dataset = plan.dataset
    split = dataset.test or dataset.validation
    predict = scoring.predictor(load_best(run), depth=plan.depth)
    result = score_split(builder, plan, predict, split)
    found = scoring.facts(result)
    runs.write_json(run.scores, found)
    chosen = pictures.choose([metrics.mean(tally.iou) for tally in result.tallies])
    drawn = {}
    for i, image in enumerate(data.images(builder, dataset, split)):
        if i in chosen:
            strip = pictures.draw(
                image.pixels,
                image.ids,
                predict(image.pixels).argmax(-1).astype(np.uint8),
                palette=dataset.palette,
                top=dataset.pixel_top,
            )
            iou = metrics.mean(result.tallies[i].iou)
            drawn[i] = pictures.Picture(name=image.name, iou=iou, rank=chosen[i], strip=strip)
    ordered = [drawn[i] for i in chosen]
    paths = pictures.save(ordered, run.pictures)
    history = runs.read_lines(run.history)
    html = page.render(
        plan=plan,
        scores=found,
        history=history,
        pictures=list(zip(ordered, paths, strict=True)),
        folder=run.folder,
    )
    runs.write_text(run.page, html)
    return found
