"""Inspection: a raw folder examined before, or without, a build, and what there is to say of it."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections import Counter
from typing import Any

from seg_datasets.core import checks
from seg_datasets.core.checks import Severity
from seg_datasets.core.classes import few
from seg_datasets.core.detection.corrections import Corrections
from seg_datasets.core.detection.guess import Guess, guess, widened
from seg_datasets.core.printing import printable
from seg_datasets.core.sources import Folder, ImageMaskFolders, Question, Source
from seg_datasets.core.sources.patterns import split_order
from seg_datasets.core.survey import Declaration, Examined, examine

# Raised when a field changes its meaning or goes; a field more is no new format.
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What was examined, and under which declaration.

    Attributes:
      raw: the folder, as the user wrote it.
      examined: all that was seen and found.
      guess: how the declaration came about; None where a dataset folder states it.
      dataset: the dataset folder whose declaration was taken, or "".
    """

    raw: str
    examined: Examined
    guess: Guess | None
    dataset: str = ""

    @property
    def questions(self) -> tuple[Question, ...]:
        """What is open."""
        if self.guess is not None:
            return self.guess.questions
        stated = self.examined.declaration.questions
        return tuple(Question("declaration", text, blocking=True) for text in stated)


def by_guess(raw: str | os.PathLike[str], given: Corrections | None = None) -> Inspection:
    """Examines a raw folder as it seems to be meant.

    Raises:
      GuessError: there is nothing that looks like images with masks of classes.
      DeclarationError: the corrections do not fit.
    """
    folder, given = Folder(raw), given or Corrections()
    found = guess(folder, given)
    examined = examine(found.declaration, folder)
    again = widened(found, examined.subject.facts, folder, given)
    if again is not found:
        found, examined = again, examine(again.declaration, folder)
    return Inspection(os.fspath(raw), examined, found)


def by_declaration(
    raw: str | os.PathLike[str], declaration: Declaration, *, dataset: str
) -> Inspection:
    """Examines a raw folder as a dataset folder declares it."""
    return Inspection(os.fspath(raw), examine(declaration, Folder(raw)), None, dataset)


def describe(one: Inspection) -> str:
    """What was detected, what is open, what was found, and a verdict, for people."""
    lines = [printable(f"{one.raw}, as {one.dataset} declares it" if one.dataset else one.raw)]
    saw = one.guess.saw if one.guess else _declared(one)
    lines += [f"  {printable(line)}" for line in saw]
    lines += [f"  splits: {_splits(one)}"]
    if one.examined.groups:
        lines += ["", one.examined.groups]
    if one.questions:
        lines += ["", "Open questions (* to answer before a build):"]
        lines += [f"  {'*' if q.blocking else '-'} {printable(str(q))}" for q in one.questions]
    if one.examined.findings:
        lines.append(checks.describe(one.examined.findings))
    if one.guess and not one.examined.errors:
        lines += ["", "To build it:", *(f"  {printable(line)}" for line in ways_to_build(one.raw))]
    return "\n".join([*lines, "", verdict(one)])


def ways_to_build(raw: str, typed: str = "") -> tuple[str, str]:
    """Commands that declare a folder which nobody has declared: in code, and without any.

    Args:
      raw: the folder.
      typed: flags that correct what is seen in it.
    """
    raw = shlex.quote(raw)
    return (
        f"python -m seg_datasets.new NAME --from={raw}{typed}  # writes a dataset folder",
        f"tfds build seg_datasets/seg_folder --manual_dir={raw}  # without code: proposes a config",
    )


def verdict(one: Inspection) -> str:
    """The last line."""
    errors = one.examined.errors
    warnings = len(one.examined.findings) - errors
    samples = _number(len(one.examined.subject.facts), "sample")
    counts = f"{_number(errors, 'error')}, {_number(warnings, 'warning')}"
    explained = "docs/checks.md explains each code"
    kinds: dict[Severity, set[str]] = {severity: set() for severity in Severity}
    for finding in one.examined.findings:
        kinds[finding.severity].add(finding.code)
    if errors:
        refused = few(sorted(kinds[Severity.ERROR]), 60)
        text = f"NOT CLEAN: {counts}. A build would be refused for {refused}; {explained}"
    elif warnings:
        codes = few(sorted(kinds[Severity.WARNING]), 60)
        text = f"NO ERRORS: {samples}, {counts}. Look at {codes} before you build; {explained}"
    else:
        text = f"CLEAN: {samples}, {counts}"
    blocking = sum(question.blocking for question in one.questions)
    if blocking:
        text += f". {_number(blocking, 'question')} to answer before a build"
    return text


def to_json(one: Inspection) -> dict[str, Any]:
    """The same as `describe`, for programs; docs/check.md has the fields."""
    examined = one.examined
    declaration = examined.declaration
    source = declaration.source
    layout = _told(source)
    return {
        "format": FORMAT,
        "raw": one.raw,
        "dataset": one.dataset,
        "clean": not examined.errors,
        "errors": examined.errors,
        "warnings": len(examined.findings) - examined.errors,
        "layout": layout,
        "values": _values(declaration),
        "classes": list(declaration.classes.names),
        "channels": declaration.channels,
        "bits": declaration.bits,
        "split_rule": declaration.splits.describe() if one.dataset or _has_splits(one) else "",
        "samples": len(examined.subject.facts),
        "splits": _counts(one),
        "groups": one.examined.groups,
        "annotations_not_read": list(one.guess.layout.exports) if one.guess else [],
        "saw": list(one.guess.saw if one.guess else _declared(one)),
        "questions": [dataclasses.asdict(question) for question in one.questions],
        "findings": [
            {**dataclasses.asdict(finding), "severity": finding.severity.value}
            for finding in examined.findings
        ],
    }


def _told(source: Source) -> dict[str, Any]:
    """What a source was told, but for what values and labels mean."""
    if type(source) is ImageMaskFolders:
        fields = ["images", "masks", "image_name", "mask_name", "ignore"]
    elif dataclasses.is_dataclass(source):
        fields = [field.name for field in dataclasses.fields(source)]
    else:
        return {}
    told = {
        name: list(value) if isinstance(value := getattr(source, name), tuple) else value
        for name in fields
        if name not in ("values", "labels", "group")
    }
    return told if type(source) is ImageMaskFolders else {"source": type(source).__name__, **told}


def _has_splits(one: Inspection) -> bool:
    return one.guess is None or one.guess.has_splits


def _counts(one: Inspection) -> dict[str, int]:
    if not _has_splits(one):
        return {}
    counts = Counter(one.examined.assignment.split_of.values())
    return {split: counts[split] for split in sorted(counts, key=split_order)}


def _splits(one: Inspection) -> str:
    if not _has_splits(one):
        return "none in the raw data; what can only be told between splits was not looked for"
    if not (counts := _counts(one)):
        return "none that could be made, see below"
    return ", ".join(f"{split} {n}" for split, n in counts.items())


def _declared(one: Inspection) -> list[str]:
    declaration = one.examined.declaration
    return [
        f"source: {declaration.source}",
        f"classes: {few(declaration.classes.names, 24)}",
        f"split rule: {declaration.splits.describe()}",
    ]


def _values(declaration: Declaration) -> Any:
    source = declaration.source
    table = source.table(declaration.classes)
    if not table.labels and getattr(source, "values", ...) is None:
        return None
    if table.threshold is not None:
        return dataclasses.asdict(table.threshold)
    if table.labels:
        return {label: declaration.classes.name_of(i) for label, i in table.labels.items()}
    return {table.label(v): declaration.classes.name_of(i) for v, i in table.ids.items()}


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"
