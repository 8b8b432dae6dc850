"""Checks of likeness: pictures that are nearly one, neighbours by number or ground, and what splits
look like beside each other."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.subject import Check, Row, Subject, readable
from seg_datasets.core.classes import VOID_ID, few
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.neighbours import footprints, lookalikes
from seg_datasets.core.neighbours.components import Components
from seg_datasets.core.neighbours.series import Series

_TOGETHER = 'give them one group (group="auto" finds such groups), and split by groups'

# The mix of a split is compared where it and the rest have so many groups, and a difference has to
# be so many standard errors of their means.
_UNITS = 5
_ERRORS = 4.0

# The pictures of a split are of one view where those of others are so many times as unlike them.
_STANDS_OUT = 2


def _near(subject: Subject) -> Iterator[Row]:
    for cluster in _near_duplicates(subject):
        if not _torn(cluster, subject) and not _one_group(cluster):
            yield (
                cluster[0].sample.image,
                f"shows nearly the same as {few([f.sample.image for f in cluster[1:]])}: "
                "re-compressed, resized, turned, flipped, or the next frame?",
                "keep one of them, or give them one group",
            )


def _near_across_splits(subject: Subject) -> Iterator[Row]:
    for cluster in _near_duplicates(subject):
        if (torn := _torn(cluster, subject)) and not _one_group(cluster):
            one, other = torn
            rest = len(cluster) - 2
            yield (
                one.sample.image,
                f"({subject.split_of[one.sample.id]}) shows nearly the same as "
                f"{other.sample.image} ({subject.split_of[other.sample.id]})"
                + (f", and so do {rest} more" if rest > 1 else ", and so does one more" * rest)
                + ": scores would be of pictures learnt by heart",
                _TOGETHER,
            )


def _near_duplicates(subject: Subject) -> Iterator[list[SampleFacts]]:
    """Clusters of look-alikes; pictures that are all equal have findings of their own."""
    for cluster in subject.lookalikes:
        if len({_picture(facts) for facts in cluster}) > 1:
            yield cluster


def _neighbours_measured(subject: Subject) -> Iterator[Row]:
    if subject.numbering.measured:
        yield from _torn_series(subject)


def _neighbours_named(subject: Subject) -> Iterator[Row]:
    # Who states groups has said what belongs together; a name alone does not outweigh that.
    stated = any(not _alone(facts) for facts in subject.facts)
    if not subject.numbering.measured and not stated:
        yield from _torn_series(subject)


def _torn_series(subject: Subject) -> Iterator[Row]:
    for series in subject.numbering.series:
        why = subject.numbering.evidence(series)
        members = [subject.facts[row] for row in series.rows]
        if not why or _one_group(members):
            continue
        if torn := _first_torn(series, subject):
            counts = Counter(
                subject.split_of[f.sample.id] for f in members if f.sample.id in subject.split_of
            )
            shares = ", ".join(f"{n} in {split}" for split, n in sorted(counts.items()))
            one, other = torn
            yield (
                f"series {series.name!r}",
                f"is in several splits ({shares}): {one.sample.id} "
                f"({subject.split_of[one.sample.id]}) is next to {other.sample.id} "
                f"({subject.split_of[other.sample.id]}); {why}",
                _TOGETHER,
            )


def _first_torn(series: Series, subject: Subject) -> tuple[SampleFacts, SampleFacts] | None:
    for one, other in series.neighbours():
        pair = subject.facts[one], subject.facts[other]
        if _torn(pair, subject):
            return pair
    return None


def _shared_ground(subject: Subject) -> Iterator[Row]:
    found, torn = Components(len(subject.facts)), []
    splits = [subject.split_of.get(f.sample.id, "") for f in subject.facts]
    for one, other in footprints.overlapping(subject.facts, kinds=splits):
        found.join([(one, other)])
        if _torn((subject.facts[one], subject.facts[other]), subject):
            torn.append((one, other))
    by_place: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pair in sorted(torn):
        by_place[found.first(pair[0])].append(pair)
    for pairs in by_place.values():
        left, right = (subject.facts[row] for row in pairs[0])
        if not _one_group([subject.facts[row] for pair in pairs for row in pair]):
            yield (
                left.sample.image,
                f"({subject.split_of[left.sample.id]}) shows ground that {right.sample.image} "
                f"({subject.split_of[right.sample.id]}) shows as well"
                + (f", like {len(pairs) - 1} more pairs around" if len(pairs) > 1 else ""),
                "cut tiles without overlap, split with `Spatial`, or give them one group",
            )


def _mix_off(subject: Subject) -> Iterator[Row]:
    """Classes whose share of a picture differs between a split and the rest, beyond chance."""
    units: dict[str, dict[str, list[SampleFacts]]] = defaultdict(lambda: defaultdict(list))
    for facts in readable(subject):
        if (split := subject.split_of.get(facts.sample.id)) and not facts.mask.void_only:
            units[split][facts.sample.group or facts.sample.id].append(facts)
    largest = max(units, key=lambda split: (len(units[split]), split), default="")
    mixes = {split: _Mix.of(units[split].values()) for split in sorted(units)}
    for split in sorted(units.keys() - {largest}):
        here, rest = mixes[split], _Mix()
        for beside in mixes.keys() - {split}:
            rest.add(mixes[beside])
        if min(here.groups, rest.groups) < _UNITS:
            continue
        for class_id, name in enumerate(subject.classes.names):
            one, other = here.mean(class_id), rest.mean(class_id)
            apart = abs(one - other)
            error = math.sqrt(here.error(class_id) + rest.error(class_id))
            off = apart > subject.limits.mix_off and max(one, other) >= 2 * min(one, other)
            if off and apart > _ERRORS * error:
                yield (
                    f"split {split!r}",
                    f"is {one:.1%} class {name!r} on average, the rest {other:.1%}",
                    "let `Stratified` deal the groups; where the split is given, say so beside "
                    "its scores",
                )


# A share is a whole number of such parts: sums of them are exact in any order.
_PARTS = 1 << 20


@dataclasses.dataclass
class _Mix:
    """How much of a picture each class fills, over groups.

    Attributes:
      groups: how many.
      sums: class id → sum over groups of its mean share in the labelled pixels of a picture.
      squares: the same of its square.
    """

    groups: int = 0
    sums: Counter[int] = dataclasses.field(default_factory=Counter)
    squares: Counter[int] = dataclasses.field(default_factory=Counter)

    @classmethod
    def of(cls, groups: Collection[Sequence[SampleFacts]]) -> _Mix:
        mix = cls(len(groups))
        for group in groups:
            shares: Counter[int] = Counter()
            for facts in group:
                pixels = {i: n for i, n in facts.mask.counts.items() if i != VOID_ID}
                total = sum(pixels.values()) or 1
                for class_id, count in pixels.items():
                    shares[class_id] += _PARTS * count // total
            for class_id, share in shares.items():
                mix.sums[class_id] += share // len(group)
                mix.squares[class_id] += (share // len(group)) ** 2
        return mix

    def add(self, other: _Mix) -> None:
        self.groups += other.groups
        self.sums.update(other.sums)
        self.squares.update(other.squares)

    def mean(self, class_id: int) -> float:
        return self.sums[class_id] / (self.groups * _PARTS)

    def error(self, class_id: int) -> float:
        """The square of the mean's standard error."""
        spread = self.groups * self.squares[class_id] - self.sums[class_id] ** 2
        return spread / (self.groups**2 * (self.groups - 1) * _PARTS**2)


def _all_alike(subject: Subject) -> Iterator[Row]:
    """Splits of one view. In a set of one view, such as X-rays, that says nothing of a split."""
    thumbs: dict[str, list[str]] = defaultdict(list)
    for facts in readable(subject):
        if split := subject.split_of.get(facts.sample.id):
            thumbs[split].append(facts.image.thumb)
    shown = {split: lookalikes.pixels(some) for split, some in sorted(thumbs.items())}
    for split, here in shown.items():
        usual = lookalikes.usual_unlikeness(here)
        if usual is None or usual >= subject.limits.alike or len(shown) < 2:
            continue
        rest = np.concatenate([some for other, some in shown.items() if other != split])
        across = lookalikes.usual_unlikeness(here, rest)
        if across is not None and across >= _STANDS_OUT * usual:
            yield (
                f"split {split!r}",
                f"holds {len(here)} pictures of nearly one view: any two of them are usually "
                f"{1 - usual:.0%} alike, and {max(0, 1 - across):.0%} like one of another split",
                "take pictures of more scenes; a score on one view says little about others",
            )


def _torn(facts: Sequence[SampleFacts], subject: Subject) -> tuple[SampleFacts, SampleFacts] | None:
    """Two pictures that differ and are in two splits, the first in the order given."""
    splits = subject.split_of
    placed = [f for f in facts if f.sample.id in splits]
    for one in placed[:1]:
        elsewhere = [f for f in placed if splits[f.sample.id] != splits[one.sample.id]]
        others = [f for f in placed if _picture(f) != _picture(one)]
        if not (elsewhere and others):
            return None
        both = [f for f in elsewhere if _picture(f) != _picture(one)]
        # Where all that lie elsewhere are equal to the first, another one of its split differs.
        return (one, both[0]) if both else (others[0], elsewhere[0])
    return None


def _picture(facts: SampleFacts) -> str:
    return facts.image.key or facts.sample.id


def _alone(facts: SampleFacts) -> bool:
    return facts.sample.group in ("", facts.sample.id)


def _one_group(facts: Sequence[SampleFacts]) -> bool:
    """Whether several are all of one group; torn, it has a finding of its own."""
    return {f.sample.group for f in facts} == {facts[0].sample.group} != {""}


CHECKS = (
    Check("SD409", "near-duplicates", Severity.WARNING, _near),
    Check("SD410", "near-duplicates-in-two-splits", Severity.ERROR, _near_across_splits),
    Check("SD411", "neighbours-in-two-splits", Severity.ERROR, _neighbours_measured),
    Check("SD412", "series-in-two-splits", Severity.WARNING, _neighbours_named),
    Check("SD413", "ground-in-two-splits", Severity.ERROR, _shared_ground),
    Check("SD414", "class-mix-off", Severity.WARNING, _mix_off),
    Check("SD415", "split-all-alike", Severity.WARNING, _all_alike),
)
