"""Checks of likeness: pictures that are nearly one, neighbours by number or ground, and what splits
look like beside each other."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

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
    for one, other in footprints.overlapping(subject.facts):
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
    for split in sorted(units.keys() - {largest}):
        here = [*units[split].values()]
        rest = [group for other in units if other != split for group in units[other].values()]
        if min(len(here), len(rest)) < _UNITS:
            continue
        for class_id, name in enumerate(subject.classes.names):
            ours, theirs = (_shares(groups, class_id) for groups in (here, rest))
            one, other = _mean(ours), _mean(theirs)
            apart = abs(one - other)
            error = math.sqrt(_spread(ours) / len(ours) + _spread(theirs) / len(theirs))
            off = apart > subject.limits.mix_off and max(one, other) >= 2 * min(one, other)
            if off and apart > _ERRORS * error:
                yield (
                    f"split {split!r}",
                    f"is {one:.1%} class {name!r} on average, the rest {other:.1%}",
                    "let `Stratified` deal the groups; where the split is given, say so beside "
                    "its scores",
                )


def _shares(groups: Sequence[Sequence[SampleFacts]], class_id: int) -> list[float]:
    """The mean share of a class in the labelled pixels of each group."""
    return [
        _mean(
            [
                facts.mask.counts.get(class_id, 0)
                / (sum(n for id_, n in facts.mask.counts.items() if id_ != VOID_ID) or 1)
                for facts in group
            ]
        )
        for group in groups
    ]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _spread(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _all_alike(subject: Subject) -> Iterator[Row]:
    thumbs: dict[str, list[str]] = defaultdict(list)
    for facts in readable(subject):
        if split := subject.split_of.get(facts.sample.id):
            thumbs[split].append(facts.image.thumb)
    for split, shown in sorted(thumbs.items()):
        usual = lookalikes.usual_unlikeness(lookalikes.pixels(shown))
        if usual is not None and usual < subject.limits.alike:
            yield (
                f"split {split!r}",
                f"holds {len(shown)} pictures of nearly one view: any two of them are usually "
                f"{1 - usual:.0%} alike",
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
