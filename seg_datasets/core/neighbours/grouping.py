"""Grouping: groups that nobody has stated, from names, look-alikes and places on the ground."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from seg_datasets.core.classes import few
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.neighbours import footprints, lookalikes, series
from seg_datasets.core.neighbours.components import Components

_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Proposal:
    """Groups for a set.

    Attributes:
      group_of: id → group; a sample that belongs to no other is its own.
      reasons: what joined samples, in words, with how many groups of several it made.
    """

    group_of: Mapping[str, str]
    reasons: tuple[str, ...] = ()

    def describe(self) -> str:
        """The groups for a person to judge before they are used."""
        sizes = Counter(self.group_of.values())
        several = sorted(
            ((n, name) for name, n in sizes.items() if n > 1), key=lambda s: (-s[0], s[1])
        )
        alone = len(sizes) - len(several)
        lines = [
            f'group="auto" makes {len(sizes)} groups of {len(self.group_of)} samples: '
            f"{len(several)} of several, {alone} of one."
        ]
        lines += [f"  {reason}" for reason in self.reasons]
        members: dict[str, list[str]] = defaultdict(list)
        for name, group in self.group_of.items():
            members[group].append(name)
        lines += [
            f"  {group!r}: {size} samples, such as {few(sorted(members[group]), 3)}"
            for size, group in several[:_SHOWN]
        ]
        if len(several) > _SHOWN:
            lines.append(f"  … and {len(several) - _SHOWN} more")
        lines.append("  If they are wrong, state a `group` of your own: a pattern, or `CsvGroups`.")
        return "\n".join(lines)


def propose(facts: Sequence[SampleFacts], *, most: float) -> Proposal:
    """Groups whose members show that they belong together; the same answer on every machine.

    Args:
      facts: of the whole set.
      most: see `lookalikes.clusters`.
    """
    found = Components(len(facts))
    reasons = []
    for what, joined in (
        ("the same picture", _equal(facts)),
        ("one file", _of_one_file(facts)),
        (
            "look-alikes",
            lookalikes.clusters(lookalikes.pixels([f.image.thumb for f in facts]), most=most),
        ),
        ("ground that overlaps", footprints.overlapping(facts)),
    ):
        one = Components(len(facts))
        for rows in joined:
            one.join((rows[0], row) for row in rows[1:])
        if clusters := one.several():
            found.join((rows[0], row) for rows in clusters for row in rows[1:])
            reasons.append(f"{what}: {sum(map(len, clusters))} samples in {len(clusters)} groups")
    names: dict[int, list[str]] = defaultdict(list)
    numbers = series.numbering(facts)
    counted = [(one, why) for one in numbers.series if (why := numbers.evidence(one))]
    for run, _ in counted:
        found.join((run.rows[0], row) for row in run.rows[1:])
    for run, _ in counted:
        names[found.first(run.rows[0])].append(run.name)
    for why, times in Counter(why for _, why in counted).items():
        samples = sum(len(run.rows) for run, reason in counted if reason == why)
        reasons.append(f"names: {samples} samples in {times} series; {why}")
    ids = [one.sample.id for one in facts]
    uses = Counter(name for called in names.values() for name in called)
    least: dict[int, str] = {}  # by id, not by row: the order of the samples names nothing
    for row, name in enumerate(ids):
        least[found.first(row)] = min(name, least.get(found.first(row), name))
    taken = {*ids, *(name for name, times in uses.items() if times > 1)}
    group_of = {}
    for row, name in enumerate(ids):
        called = names.get(found.first(row), [])
        group_of[name] = (
            called[0] if len(called) == 1 and called[0] not in taken else least[found.first(row)]
        )
    return Proposal(group_of, tuple(reasons))


def _equal(facts: Sequence[SampleFacts]) -> Iterable[list[int]]:
    by_key: dict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(facts):
        if one.image.key and not (one.image.problem or one.image.constant):
            by_key[one.image.key].append(row)
    return by_key.values()


def _of_one_file(facts: Sequence[SampleFacts]) -> Iterable[list[int]]:
    """Views of one file: tiles of a scene, frames of a series."""
    by_file: dict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(facts):
        if one.sample.view:
            by_file[one.sample.image.rpartition("#")[0]].append(row)
    return by_file.values()
