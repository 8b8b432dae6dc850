"""KFold: folds for cross-validation, stratified, whole groups each."""

from __future__ import annotations

import fractions
from collections.abc import Sequence

from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sources import Folder
from seg_datasets.core.sources.image_mask_folders import GroupRule
from seg_datasets.core.splits.rule import Assignment
from seg_datasets.core.splits.stratified import assigned

_MOST = 100


class KFold:
    """Folds of equal size for cross-validation: the splits `fold_0`, `fold_1`, …

    Each fold is what `Stratified` makes of a split. Train on all folds but one with
    `tfds.load(name, split="fold_1+fold_2+fold_3+fold_4")` and score on `fold_0`.

    Args:
      folds: how many.
      group: see `ImageMaskFolders.group`; without it the groups of the source are taken.
      seed: any text; another seed is another deal among equally good ones.
      test: percent of the whole that is held out of all folds, as the split `test`.
    """

    def __init__(
        self,
        *,
        folds: int = 5,
        group: GroupRule | None = None,
        seed: str | int = "",
        test: float = 0,
    ):
        if isinstance(folds, bool) or not isinstance(folds, int) or not 2 <= folds <= _MOST:
            raise DeclarationError(f"KFold(folds={folds!r}): folds are a number from 2 to {_MOST}")
        if not 0 <= test < 100:
            raise DeclarationError(f"KFold(test={test!r}): test is in percent, from 0 to below 100")
        self.folds = folds
        self.group = group
        self.seed = str(seed)
        self.test = fractions.Fraction(str(test))
        self.shares = {f"fold_{i}": (100 - self.test) / folds for i in range(folds)}
        if test:
            self.shares["test"] = self.test

    @property
    def names(self) -> tuple[str, ...]:
        """The splits: the folds, then `test` where there is one."""
        return tuple(self.shares)

    def describe(self) -> str:
        """The rule in one line."""
        test = f"{float(self.test):g}"
        return f"KFold(folds={self.folds}, group={self.group!r}, seed={self.seed!r}, test={test})"

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns whole groups to folds.

        Raises:
          SplitError: see `Stratified.assign`.
        """
        del folder
        return assigned(facts, self.shares, seed=self.seed, pin={})
