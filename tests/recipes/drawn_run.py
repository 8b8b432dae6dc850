"""A run that nobody trained: a plan, a history, and a model that errs on purpose."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from recipes.core import data, folds, metrics, page, pictures, planning, runs, scoring
from recipes.core.dataset import VOID, Dataset
from recipes.core.device import Device
from recipes.core.plan import Plan

MACHINE = Device(kind="cpu", name="CPU", count=2, bfloat16=False)


def planned(dataset: Dataset, classes: Sequence[str], **said: Any) -> Plan:
    """A plan for a dataset of these classes."""
    colours = tuple((0, 0, 0) if i == 0 else (40 + 6 * i, 255 - 6 * i, 90) for i in range(99))
    facts = dataclasses.replace(
        dataset,
        classes=tuple(classes),
        palette=colours[: len(classes)],
        class_pixels=tuple(range(900, 900 + len(classes))),
    )
    return planning.make(facts, MACHINE, {"steps": 40, **said})


def images(classes: int, *, count: int = 14, names: Sequence[str] = ()) -> list[data.Image]:
    """Images of squares, each of another class and size, with a strip of void."""
    rng = np.random.default_rng(7)
    drawn = []
    for i in range(count):
        ids = np.zeros((48, 64), np.uint8)
        for j in range(4):
            y, x = rng.integers(0, 34), rng.integers(0, 50)
            ids[y : y + 12, x : x + 12] = (4 * i + j) % classes
        ids[:2] = VOID
        pixels = rng.integers(0, 256, (48, 64, 3), np.uint8)
        name = names[i] if i < len(names) else f"image {i}"
        drawn.append(data.Image(pixels=pixels, ids=ids, name=name, group=f"town {i % 5}"))
    return drawn


def scored(plan: Plan, some: Sequence[data.Image]) -> tuple[scoring.Score, list[np.ndarray]]:
    """What a model scores that sees everything two pixels too far to the left."""
    classes = len(plan.dataset.classes)
    answers = []
    for image in some:
        wrong = np.roll(np.where(image.ids == VOID, 0, image.ids), -2, axis=1)
        sure = np.full((*wrong.shape, classes), 0.2 / (classes - 1))
        np.put_along_axis(sure, wrong[..., None].astype(np.int64), 0.8, axis=-1)
        answers.extend(
            scoring.answers([image], lambda _, p=sure: p, classes=classes, nsd_tolerance=2.0)
        )
    result = scoring.score(answers, split="test", classes=plan.dataset.classes, nsd_tolerance=2.0)
    return result, [answer.predicted for answer in answers]


def rendered(
    plan: Plan,
    some: Sequence[data.Image],
    folder: pathlib.Path,
    *,
    without: Sequence[str] = (),
    metadata: dict[str, Any] | None = None,
) -> str:
    """The page of the run.

    Args:
      plan: of the run.
      some: images of the test split.
      folder: for the strips.
      without: facts that are not in the scores, as in those of an older version.
      metadata: of the dataset.
    """
    result, predicted = scored(plan, some)
    facts = {key: v for key, v in scoring.facts(result).items() if key not in without}
    facts["classes"] = [
        {key: v for key, v in row.items() if key not in without} for row in facts["classes"]
    ]
    chosen = pictures.choose([metrics.mean(tally.iou) for tally in result.tallies])
    made = [
        pictures.make(
            some[i].pixels,
            some[i].ids,
            predicted[i],
            palette=plan.dataset.palette,
            top=255.0,
            name=some[i].name,
            rank=rank,
            class_iou=result.tallies[i].iou,
            group=some[i].group,
        )
        for i, rank in chosen.items()
    ]
    paths = pictures.save(made, folder / "pictures")
    return page.render(
        plan=plan,
        scores=facts,
        history=history(),
        pictures=list(zip(made, paths, strict=True)),
        folder=folder,
        metadata=metadata,
    )


def leave_folds(plan: Plan, folder: pathlib.Path) -> None:
    """What the folds of an ensemble leave in its folder; each ran for as long as it could."""
    for number in range(plan.folds):
        run = folds.run_of(runs.Run(folder), number)
        run.folder.mkdir(parents=True)
        runs.write_lines(run.history, history()[: 3 - 2 * (number % 2)])
    found = scoring.facts(scored(plan, images(len(plan.dataset.classes)))[0])
    runs.write_json(folder / "out_of_fold.json", {**found, "split": "out of fold"})


def history() -> list[dict[str, Any]]:
    """Three epochs, the second the best."""
    return [
        {
            "epoch": i + 1,
            "step": 10 * (i + 1),
            "loss": 1.5 - 0.3 * i,
            "train_miou": 0.3 + 0.2 * i,
            "learning_rate": 0.005 - 0.002 * i,
            "seconds": 2.0,
            "validation_miou": miou,
            "validation_seconds": 1.0,
        }
        for i, miou in enumerate((0.3, 0.5, 0.4))
    ]
