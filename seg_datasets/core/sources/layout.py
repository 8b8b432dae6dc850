"""Layout: what a look at the names of a raw folder tells, and what it leaves open."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from seg_datasets.core.classes import ClassTable
from seg_datasets.core.sources.base import OfLabels, OfValues, Scan


class LayoutError(ValueError):
    """Nothing with masks is to be seen in a raw folder; says what there is instead."""


@dataclasses.dataclass(frozen=True)
class Question:
    """Something a raw folder does not tell.

    Attributes:
      about: what it is about: "layout", "values", "classes", "splits" or "groups".
      text: the question, with what was seen.
      answer: the flag that answers it, as one would type it.
      blocking: whether a wrong answer makes wrong records, so that nothing is built before one.
    """

    about: str
    text: str
    answer: str = ""
    blocking: bool = False

    def __str__(self) -> str:
        return self.text + (f" Answer with {self.answer}" if self.answer else "")


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where images and masks, or annotations, lie.

    Attributes:
      source: the declaration; its `values` or `labels` are not known yet.
      scan: what it finds.
      split_folders: split → folder, where the raw data comes in such folders.
      split_lists: split → text file, where it comes with lists.
      split_files: split → annotation file, where each split has one of its own.
      exports: annotation files that were recognised and are not read.
      saw: what the choice rests on, one line each.
      questions: what names do not tell.
      classes: those of a public set, whose source knows what its masks hold.
    """

    source: OfValues | OfLabels
    scan: Scan
    split_folders: Mapping[str, str] = dataclasses.field(default_factory=dict)
    split_lists: Mapping[str, str] = dataclasses.field(default_factory=dict)
    split_files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    exports: Sequence[str] = ()
    saw: Sequence[str] = ()
    questions: Sequence[Question] = ()
    classes: ClassTable | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether its masks are shapes with labels, and no files of numbers or colours."""
        return any(sample.drawing for sample in self.scan.samples)
