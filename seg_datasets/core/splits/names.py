"""The splits that names tell, or whoever reads them: a pattern for each split."""

from __future__ import annotations

import re
from collections.abc import Sequence

from seg_datasets.core.classes import DeclarationError, few
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sources import Folder
from seg_datasets.core.sources.image_mask_folders import GroupRule
from seg_datasets.core.splits.rule import Assignment, SplitError


class FromNames:
    """The splits that names tell: `train="^(rome|oslo)_", test="^lima_"`.

    Args:
      group: see `ImageMaskFolders.group`; groups in two splits are an error.
      **patterns: split → regular expression that is searched in the id. Every sample has to fit
        exactly one.
    """

    def __init__(self, *, group: GroupRule | None = None, **patterns: str):
        if not patterns:
            raise DeclarationError("FromNames needs a pattern for each split: train='^rome', ...")
        self.group = group
        self.patterns = patterns
        try:
            for text in patterns.values():
                re.compile(text)
        except (re.error, TypeError) as error:
            raise DeclarationError(f"FromNames: no regular expression: {error}") from error

    @property
    def names(self) -> tuple[str, ...]:
        """The splits."""
        return tuple(self.patterns)

    def describe(self) -> str:
        """The rule in one line."""
        return f"FromNames({self.patterns}, group={self.group!r})"

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns samples by their ids.

        Raises:
          SplitError: a sample fits no pattern, or several; or a split has no sample.
        """
        del folder
        ids = [one.sample.id for one in facts]
        fits = {i: [s for s, text in self.patterns.items() if re.search(text, i)] for i in ids}
        if none := [name for name, splits in fits.items() if not splits]:
            raise SplitError(
                f"{few(none)} fit{'s' * (len(none) == 1)} no pattern of the splits; every sample "
                "has to be in one, or its files moved away"
            )
        if several := {name: splits for name, splits in fits.items() if len(splits) > 1}:
            name, splits = min(several.items())
            raise SplitError(f"{name} fits the patterns of {few(splits)}: which one is meant?")
        split_of = {name: splits[0] for name, splits in fits.items()}
        if empty := sorted(self.patterns.keys() - set(split_of.values())):
            raise SplitError(f"no sample is in {few([f'{s} ({self.patterns[s]})' for s in empty])}")
        return Assignment(split_of)
