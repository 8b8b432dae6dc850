"""Survey: all that comes before writing. Scan, facts, checks, splits and plan, or a refusal."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import auto as tqdm

from seg_datasets.core import checks, collecting, digests, ledger, plan
from seg_datasets.core.arrays import MOST_BANDS
from seg_datasets.core.cache import FactsCache
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.columns import Facts
from seg_datasets.core.neighbours import grouping
from seg_datasets.core.shards import Recipe
from seg_datasets.core.sources import Folder, Scan, Source
from seg_datasets.core.sources.image_mask_folders import AUTO, group_files, with_groups
from seg_datasets.core.splits import Assignment, SplitError, SplitRule, in_use
from seg_datasets.core.stages import Stages

# Pillow modes that a record can hold without loss, by channels and bits. Palettes and 1-bit
# pictures are spread to grey or colour by every decoder alike.
# What TFDS calls all splits together.
ALL = "all"

_MODES = {
    (1, 8): frozenset({"1", "L"}),
    (3, 8): frozenset({"1", "L", "P", "RGB"}),
    (4, 8): frozenset({"RGBA"}),
    (1, 16): frozenset({"I;16"}),
    (3, 16): frozenset({"RGB;16"}),
    (4, 16): frozenset({"RGBA;16"}),
}


@dataclasses.dataclass(frozen=True)
class Declaration:
    """What a dataset folder declares, see `SegmentationBuilder`."""

    classes: ClassTable
    source: Source
    splits: SplitRule
    channels: int = 3
    bits: int = 8
    accept: Mapping[str, str] = dataclasses.field(default_factory=dict)
    limits: checks.Limits = dataclasses.field(default_factory=checks.Limits)
    questions: Sequence[str] = ()

    @property
    def dtype(self) -> type:
        """Of image records."""
        return np.uint16 if self.bits == 16 else np.uint8

    @property
    def modes(self) -> frozenset[str]:
        """Pillow modes that image records can hold without loss."""
        if not 1 <= self.channels <= MOST_BANDS or self.bits not in (8, 16):
            raise DeclarationError(
                f"no image has CHANNELS = {self.channels} with {self.bits} bits; take 1 to "
                f"{MOST_BANDS} channels of np.uint8 or np.uint16"
            )
        many = frozenset({f"{self.channels} bands;{self.bits}"})
        return _MODES.get((self.channels, self.bits), many)


@dataclasses.dataclass(frozen=True)
class Examined:
    """A raw folder, looked at, split and checked, whatever was found.

    Attributes:
      groups: what `group="auto"` found, for a person to judge; "" where groups are stated.
    """

    declaration: Declaration
    folder: Folder
    subject: checks.Subject
    assignment: Assignment
    findings: Sequence[checks.Finding]
    groups: str = ""

    @property
    def errors(self) -> int:
        """How many findings would stop a build."""
        return sum(finding.severity is checks.Severity.ERROR for finding in self.findings)


@dataclasses.dataclass(frozen=True)
class Survey:
    """A raw folder that has passed, and the plan of its build; nothing written yet.

    Attributes:
      examined: what was seen; its findings are warnings, and errors that the declaration accepts.
    """

    examined: Examined
    plan: plan.BuildPlan
    entry: ledger.Entry
    recipe: Recipe


class OpenQuestionsError(Exception):
    """A dataset folder asks something that nobody has answered; nothing was written."""


def declared(builder: Any, config: Any = None) -> Declaration:
    """What a builder declares under its config; of a class, under this one or the default one.

    Raises:
      DeclarationError: something is not declared.
    """
    of = "default_builder_config" if isinstance(builder, type) else "builder_config"
    config = config or getattr(builder, of)
    if isinstance(own := getattr(config, "declaration", None), Declaration):
        return own

    def stated(name: str) -> Any:
        own = getattr(config, name.lower(), None)
        return getattr(builder, name, None) if own is None else own

    if not isinstance(builder.LIMITS, checks.Limits):
        raise DeclarationError(
            f"LIMITS = {builder.LIMITS!r}: write LIMITS = seg_datasets.Limits(few=10), with the "
            "limits that are other than usual"
        )
    if missing := [what for what in ("CLASSES", "SOURCE", "SPLITS") if stated(what) is None]:
        raise DeclarationError(f"{builder.name} declares no {' and no '.join(missing)}")
    return Declaration(
        classes=stated("CLASSES"),
        source=stated("SOURCE"),
        splits=stated("SPLITS"),
        channels=builder.CHANNELS,
        bits=np.dtype(builder.IMAGE_DTYPE).itemsize * 8,
        accept=stated("ACCEPT"),
        limits=builder.LIMITS,
        questions=builder.QUESTIONS,
    )


def examine(declaration: Declaration, folder: Folder, *, stages: Stages | None = None) -> Examined:
    """Looks at a raw folder and runs every check; raises for no finding."""
    stages = stages or Stages()
    with stages.stage("Find") as stage:
        scan = _grouped(declaration.source.scan(folder), declaration, folder)
        stage.samples = len(scan.samples)
    table = declaration.source.table(declaration.classes)
    with bar("Looking at samples", len(scan.samples)) as progress:
        seen = collecting.collect(
            scan.samples,
            folder=folder,
            table=table,
            masks_follow_exif=declaration.source.masks_follow_exif,
            cache=FactsCache(folder.where),
            progress=progress,
            stages=stages,
        )
    with stages.stage("Split") as stage:
        scan, seen, groups = _regrouped(scan, seen, declaration)
        assignment, problem = _assign(seen, declaration.splits, folder)
        stage.samples = len(seen)
    subject = checks.Subject(
        scan=scan,
        facts=seen,
        classes=declaration.classes,
        table=table,
        modes=declaration.modes,
        masks_follow_exif=declaration.source.masks_follow_exif,
        split_of=assignment.split_of,
        wanted=assignment.wanted,
        split_problem=problem,
        listed_nowhere=assignment.listed_nowhere,
        left_out=assignment.left_out,
        limits=declaration.limits,
    )
    with stages.stage("Check") as stage:
        findings = checks.run(subject, accept=declaration.accept)
        stage.samples, stage.findings = len(seen), len(findings)
    return Examined(declaration, folder, subject, assignment, findings, groups)


def survey(
    declaration: Declaration,
    folder: Folder,
    *,
    key: str,
    file_format: str,
    sharding: plan.Sharding,
    max_examples_per_split: int | None = None,
    stages: Stages | None = None,
) -> Survey:
    """Looks at a raw folder and plans a build.

    Args:
      declaration: what the dataset folder says.
      folder: the raw folder.
      key: name of the ledger's entry.
      file_format: of the records.
      sharding: how many shards.
      max_examples_per_split: plan for the first so many only.
      stages: who does what, and what is told of it.

    Raises:
      OpenQuestionsError: the declaration has questions that nobody has answered.
      DeclarationError: a split has a name that none can have.
      RefusedError: there are errors; carries all findings.
    """
    if declaration.questions:
        raise OpenQuestionsError(
            f"{len(declaration.questions)} to answer before anything is built:\n"
            + "".join(f"  {question}\n" for question in declaration.questions)
            + "Answer where it is marked in the dataset folder, then delete it from QUESTIONS."
        )
    if ALL in getattr(declaration.splits, "names", ()):
        raise DeclarationError(
            f"no split can be called {ALL!r}, by which TFDS means all of them; call it 'train'"
        )
    stages = stages or Stages()
    examined = examine(declaration, folder, stages=stages)
    if examined.errors:
        raise checks.RefusedError(examined.findings, str(folder))
    scan, seen = examined.subject.scan, Facts.of(examined.subject.facts)
    split_of = examined.assignment.split_of
    with stages.stage("Plan") as stage:
        build_plan = plan.make(
            seen,
            split_of,
            splits=in_use(split_of, seen),
            sharding=sharding,
            max_examples_per_split=max_examples_per_split,
        )
        entry = ledger.make_entry(
            key=key,
            plan=build_plan,
            files=digests.raw_files(seen, folder, (*scan.others, *examined.assignment.files)),
            classes=declaration.classes.names,
            image=f"{declaration.channels}x{declaration.bits}",
            partial=max_examples_per_split is not None,
            split_rule=declaration.splits.describe(),
        )
        stage.samples = sum(len(split.samples) for split in build_plan.splits)
    recipe = Recipe(
        raw=folder.where,
        table=examined.subject.table,
        masks_follow_exif=declaration.source.masks_follow_exif,
        file_format=file_format,
    )
    return Survey(examined, build_plan, entry, recipe)


@contextlib.contextmanager
def bar(title: str, total: int) -> Iterator[Callable[[int], object]]:
    """A progress bar's `update`."""
    with tqdm.tqdm(desc=title, total=total, unit=" samples", leave=False) as shown:
        yield shown.update


def _grouped(scan: Scan, declaration: Declaration, folder: Folder) -> Scan:
    """Groups by the split rule's own `group`, where it has one."""
    rule = declaration.splits.group
    if rule is None:
        return scan
    if getattr(declaration.source, "group", None) is not None:
        raise DeclarationError("both SOURCE and SPLITS have a `group`; state it once")
    samples, ungrouped = with_groups(scan.samples, rule, folder)
    return dataclasses.replace(
        scan,
        samples=tuple(samples),
        ungrouped=tuple(ungrouped),
        others=(*scan.others, *group_files(rule)),
    )


def _regrouped(scan: Scan, seen: Facts, declaration: Declaration) -> tuple[Scan, Facts, str]:
    """With the groups that `group="auto"` finds, and what to say of them."""
    stated = (declaration.splits.group, getattr(declaration.source, "group", None))
    if AUTO not in stated:
        return scan, seen, ""
    proposal = grouping.propose(seen, most=declaration.limits.near_duplicate)
    samples = tuple(
        dataclasses.replace(sample, group=proposal.group_of[sample.id]) for sample in scan.samples
    )
    seen = seen.with_groups([sample.group for sample in samples])
    return dataclasses.replace(scan, samples=samples), seen, proposal.describe()


def _assign(facts: Facts, rule: SplitRule, folder: Folder) -> tuple[Assignment, str]:
    """The splits, or why there are none: a finding among the others, not the end of the checks."""
    if not facts:
        return Assignment({}), ""
    try:
        return rule.assign(facts, folder), ""
    except SplitError as error:
        return Assignment({}), str(error)
