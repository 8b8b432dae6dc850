"""Checks of duplicates and leakage: what is there twice, and on which sides of a split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from seg_datasets.core.checks import neighbours
from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.subject import Check, Row, Subject, readable
from seg_datasets.core.classes import few
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sample import same


def _equal_images(subject: Subject) -> Iterator[Row]:
    for group in _twins(subject):
        if _agree(group) and len(_splits_of(group, subject)) < 2:
            yield (
                group[0].sample.image,
                f"is the same picture as {few([f.sample.image for f in group[1:]])}",
                "keep one of them",
            )


def _equal_images_differ(subject: Subject) -> Iterator[Row]:
    for group in _twins(subject):
        if not _agree(group):
            yield (
                group[0].sample.image,
                f"is the same picture as {few([f.sample.image for f in group[1:]])}, but their "
                "masks differ",
                "find out which mask is right and keep that pair only",
            )


def _equal_across_splits(subject: Subject) -> Iterator[Row]:
    for group in _twins(subject):
        if len(splits := _splits_of(group, subject)) > 1:
            yield (
                group[0].sample.image,
                f"is the same picture as {few([f.sample.image for f in group[1:]])}, and they are "
                f"in {' and '.join(splits)}: scores would be of pictures learnt by heart",
                "keep one of them, or give them one group",
            )


def _group_torn(subject: Subject) -> Iterator[Row]:
    splits: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for sample in subject.scan.samples:
        # Samples without a group have a finding of their own.
        if sample.group and sample.id in subject.split_of:
            splits[sample.group][subject.split_of[sample.id]] += 1
    for group, counts in splits.items():
        if len(counts) > 1:
            shares = ", ".join(f"{n} in {split}" for split, n in sorted(counts.items()))
            yield (
                f"group {group!r}",
                f"is in several splits: {shares}",
                "move the group to one split, or let `Grouped` assign whole groups",
            )


def _group_spelt_twice(subject: Subject) -> Iterator[Row]:
    spellings: dict[str, set[str]] = defaultdict(set)
    clashing = {path for paths in subject.scan.clashes.values() for path in paths}
    for sample in subject.scan.samples:
        if not clashing & {sample.image, sample.mask}:  # those have their own finding
            spellings[same(sample.group)].add(sample.group)
    for names in spellings.values():
        if len(names) > 1:
            first, *others = sorted(names)
            yield (
                f"group {first!r}",
                f"is also written {few([repr(name) for name in others])}: one group or several?",
                "write it in one way in the names of the files, or give groups with `CsvGroups`",
            )


def _ungrouped(subject: Subject) -> Iterator[Row]:
    fix = "mend the `group` rule; a sample without a group may leak into another split"
    yield from ((name, "the group rule finds no group", fix) for name in subject.scan.ungrouped)


def _split_problem(subject: Subject) -> Iterator[Row]:
    if subject.split_problem:
        yield "SPLITS", subject.split_problem, "change SPLITS in the dataset folder"


def _shares_off(subject: Subject) -> Iterator[Row]:
    counts = Counter(subject.split_of.values())
    total = sum(counts.values())
    for split, wanted in subject.wanted.items():
        share = counts[split] / total
        if abs(counts[split] - wanted * total) < 1:
            continue  # nearer than a sample is not to be had
        if abs(share - wanted) > subject.limits.share_off and abs(share - wanted) > wanted / 2:
            yield (
                f"split {split!r}",
                f"has {share:.0%} of the samples, asked for were {wanted:.0%}",
                "few or uneven groups are dealt unevenly: try another `seed`, or `pin` some groups",
            )


def _left_out(subject: Subject) -> Iterator[Row]:
    if count := len(subject.left_out):
        yield (
            "SPLITS",
            f"leaves out {count} of {len(subject.facts)} samples, which lie too near to one of "
            f"another split: {few(subject.left_out)}",
            "larger blocks or a smaller gap leave out fewer",
        )


def _twins(subject: Subject) -> list[list[SampleFacts]]:
    by_key: dict[str, list[SampleFacts]] = defaultdict(list)
    for facts in readable(subject):
        # Constant pictures are equal without being the same; they have their own finding.
        if not facts.image.constant:
            by_key[facts.image.key].append(facts)
    return [group for group in by_key.values() if len(group) > 1]


def _agree(group: Sequence[SampleFacts]) -> bool:
    return len({facts.mask.ids for facts in group}) == 1


def _splits_of(group: Sequence[SampleFacts], subject: Subject) -> list[str]:
    return sorted({subject.split_of[f.sample.id] for f in group if f.sample.id in subject.split_of})


CHECKS = (
    Check("SD401", "equal-images", Severity.WARNING, _equal_images),
    Check("SD402", "equal-images-different-masks", Severity.ERROR, _equal_images_differ),
    Check("SD403", "group-in-two-splits", Severity.ERROR, _group_torn),
    Check("SD404", "equal-images-in-two-splits", Severity.ERROR, _equal_across_splits),
    Check("SD405", "sample-without-group", Severity.ERROR, _ungrouped),
    Check("SD406", "splits-impossible", Severity.ERROR, _split_problem, final=True),
    Check("SD407", "split-share-off", Severity.WARNING, _shares_off),
    Check("SD408", "group-spelt-twice", Severity.ERROR, _group_spelt_twice),
    *neighbours.CHECKS,
    Check("SD420", "samples-left-out", Severity.WARNING, _left_out),
)
