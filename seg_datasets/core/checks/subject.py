"""Subject: all that checks look at; and Check, one rule over it."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.limits import Limits
from seg_datasets.core.classes import ClassTable, RawTable
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.neighbours import lookalikes, series
from seg_datasets.core.sources import Scan


@dataclasses.dataclass(frozen=True)
class Subject:
    """All that checks look at.

    Attributes:
      modes: Pillow modes that image records can hold without loss.
      split_of: id → split, as far as splits could be assigned.
      wanted: split → share that the rule asked for, where it asked.
      split_problem: why they could not, or "".
      listed_nowhere: names in split lists that no sample has.
      left_out: ids that the split rule puts in no split, on purpose.
      limits: thresholds.
    """

    scan: Scan
    facts: Sequence[SampleFacts]
    classes: ClassTable
    table: RawTable
    modes: frozenset[str]
    masks_follow_exif: bool | None = None
    split_of: Mapping[str, str] = dataclasses.field(default_factory=dict)
    wanted: Mapping[str, float] = dataclasses.field(default_factory=dict)
    split_problem: str = ""
    listed_nowhere: Sequence[str] = ()
    left_out: Sequence[str] = ()
    limits: Limits = dataclasses.field(default_factory=Limits)

    @functools.cached_property
    def lookalikes(self) -> list[list[SampleFacts]]:
        """Clusters of pictures that show nearly the same, of readable samples."""
        facts = [*readable(self)]
        thumbs = lookalikes.pixels([one.image.thumb for one in facts])
        rows = lookalikes.clusters(thumbs, most=self.limits.near_duplicate)
        return [[facts[row] for row in cluster] for cluster in rows]

    @functools.cached_property
    def numbering(self) -> series.Numbering:
        """What the numbers in the names are worth, for series whose rows are those of `facts`."""
        return series.numbering(self.facts)


# What a check yields: where, what, and what to do.
Row = tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Check:
    """One rule, with the code and name its findings carry.

    Attributes:
      final: whether an error of this kind cannot be accepted, because there is no record to be made
        of such a sample, or only a wrong one.
    """

    code: str
    name: str
    severity: Severity
    rows: Callable[[Subject], Iterable[Row]]
    final: bool = False


def readable(subject: Subject) -> Iterator[SampleFacts]:
    """Samples whose files both could be decoded; the others have their own finding."""
    for facts in subject.facts:
        if not (facts.image.problem or facts.mask.problem or facts.mask.misfit):
            yield facts


def totals_of(facts: Iterable[SampleFacts]) -> dict[int, int]:
    """Class id → pixels in all masks."""
    totals: dict[int, int] = defaultdict(int)
    for one in facts:
        for class_id, pixels in one.mask.counts.items():
            totals[class_id] += pixels
    return totals
