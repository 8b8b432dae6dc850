"""What a model is not trained on: the validation split, or what is held out in its place."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from recipes.core import boundaries, data, folds, planning, scoring
from recipes.core.dataset import HELD_OUT
from recipes.core.plan import Plan

REHEARSED = 8  # images whose full scoring is timed, for a budget


class Unseen:
    """The images that a run is validated on."""

    def __init__(self, builder: Any, plan: Plan):
        self.plan, self._builder = plan, builder
        self._folds, fold = None, plan.fold
        if plan.folds:
            self._folds = folds.of(builder, plan)
        elif plan.dataset.held_out:
            self._folds, fold = folds.instead_of_validation(builder, plan.dataset), 0
        # For what reads the others: see `data.training_batches`.
        self.held_out = self._folds.held_out(fold) if self._folds else None

    @property
    def name(self) -> str:
        """As scores tell it."""
        if self.plan.folds:
            return f"fold {self.plan.fold} of {self.plan.folds}"
        dataset = self.plan.dataset
        return HELD_OUT if dataset.held_out else dataset.validation

    def images(self) -> Iterator[data.Image]:
        """Each of them, whole, its mask as ids."""
        dataset = self.plan.dataset
        if self._folds is None or self.held_out is None:
            return data.images(self._builder, dataset, dataset.validation)
        return data.chosen_images(self._builder, dataset, self._folds.names, self.held_out)

    def seen(self) -> Iterator[data.Image]:
        """Each image that the model is trained on instead."""
        dataset = self.plan.dataset
        if self._folds is None or self.held_out is None:
            return data.images(self._builder, dataset, dataset.train)
        return data.chosen_images(self._builder, dataset, self._folds.names, ~self.held_out)

    def rehearse(self, predict: Callable[[np.ndarray], np.ndarray]) -> float:
        """Seconds that the final scoring will take, from what some images take now."""
        classes, taken = len(self.plan.dataset.classes), list[float]()
        began = time.monotonic()
        for _ in scoring.answers(
            self.images(), predict, classes=classes, nsd_tolerance=boundaries.TOLERANCE
        ):
            taken.append(time.monotonic() - began)
            if len(taken) > REHEARSED:
                break
            began = time.monotonic()
        # The first one also loads what scoring needs.
        rest = taken[1:] or taken
        return planning.FINISHING + self.examined() * sum(rest) / max(len(rest), 1)

    def examined(self) -> int:
        """How many images the final scores are of; those of a fold are scored out of fold, too."""
        test, own = self.plan.dataset.test, len(self)
        if test is None:
            return own
        others = int(self._builder.info.splits[test].num_examples)
        return others + own if self.plan.folds else others

    def __len__(self) -> int:
        if self.held_out is None:
            return int(self._builder.info.splits[self.plan.dataset.validation].num_examples)
        return int(self.held_out.sum())


def validated_on(plan: Plan) -> str:
    """The split, or `held_out`, that a model's best epoch is chosen on; empty for an ensemble, of
    which each fold has its own."""
    alone = plan.fold >= 0 if plan.folds else plan.dataset.held_out
    return HELD_OUT if alone else "" if plan.folds else plan.dataset.validation


def images(builder: Any, plan: Plan, split: str) -> Iterator[data.Image]:
    """The images of a split, or of `held_out`, what the run was not trained on instead of one.

    Raises:
      DatasetError: no such split, or a mask value that no class has.
    """
    if split == HELD_OUT == validated_on(plan):
        return Unseen(builder, plan).images()
    return data.images(builder, plan.dataset, split)


def each_fold(builder: Any, plan: Plan) -> Iterator[Unseen]:
    """What each fold of an ensemble has not seen; together every image once."""
    for fold in range(plan.folds):
        yield Unseen(builder, dataclasses.replace(plan, fold=fold))
