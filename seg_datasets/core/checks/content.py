"""Checks of content: what images and masks show."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.misread import last_lost
from seg_datasets.core.checks.subject import Check, Row, Subject, readable, totals_of
from seg_datasets.core.checks.values import only_void
from seg_datasets.core.classes import VOID_ID, few
from seg_datasets.core.facts import SPECK, SampleFacts

# Nothing is said of a set of which fewer masks are known whole.
_MOST_OF_THEM = 0.9


def _class_never(subject: Subject) -> Iterator[Row]:
    totals = totals_of(subject.facts)
    # Masks that could not be read whole have findings of their own; the class may be in them.
    unread = any(f.mask.problem or f.mask.misfit or _strays(f) for f in subject.facts)
    if subject.facts and not unread and not only_void(subject) and not last_lost(subject):
        for class_id, name in enumerate(subject.classes.names):
            if not totals[class_id]:
                yield (
                    f"class {name!r}",
                    f"(id {class_id}) is in no mask",
                    "look at `values` of the source; a class without a pixel cannot be learnt or "
                    "scored",
                )


def _void_only(subject: Subject) -> Iterator[Row]:
    for facts in readable(subject):
        if facts.mask.void_only and not _strays(facts):
            yield (
                facts.sample.mask,
                "is void everywhere: nothing in it can be learnt or scored",
                "label the image, or take the pair out",
            )


def _strays(facts: SampleFacts) -> int:
    return facts.mask.stray_values + facts.mask.rim_values


def _constant(subject: Subject) -> Iterator[Row]:
    for facts in readable(subject):
        if facts.image.constant:
            yield (
                facts.sample.image,
                "has one colour everywhere: an empty tile, or a failed export?",
                "take the pair out, or fetch the image anew",
            )


def _nearly_constant(subject: Subject) -> Iterator[Row]:
    for facts in readable(subject):
        levels = bytes.fromhex(facts.image.thumb)
        if levels and not facts.image.constant:
            least, greatest = min(levels), max(levels)
            if greatest - least <= subject.limits.blank_range:
                yield (
                    facts.sample.image,
                    f"shows next to nothing: its greys lie between {least} and {greatest}, of 255",
                    "look at it: fog, a lens cap, an empty tile? Then take the pair out",
                )


def _class_rare(subject: Subject) -> Iterator[Row]:
    labelled = _labelled(subject)
    total = sum(labelled.values())
    scarce = {where for where, _, _ in _too_few_groups(subject)}
    for class_id in _rare(subject, labelled):
        where = f"class {subject.classes.name_of(class_id)!r}"
        if where not in scarce:
            share = labelled[class_id] / total
            yield (
                where,
                f"has {labelled[class_id]} pixels, {share:.2g} of all that have a class",
                "look if it is labelled everywhere; merge it with another class, or add images",
            )


def _rare(subject: Subject, labelled: Mapping[int, int]) -> list[int]:
    least = subject.limits.class_share * sum(labelled.values())
    return [i for i in sorted(labelled) if labelled[i] < least]


def _labelled(subject: Subject) -> dict[int, int]:
    """Class id → pixels, without void."""
    totals = totals_of(_set(subject))
    totals.pop(VOID_ID, None)
    return totals


def _set(subject: Subject) -> list[SampleFacts]:
    """Samples that stand for the set; none where they are few, or many masks are not known whole.

    Those have findings of their own, and what is said of the rest would be of the wrong classes.
    """
    whole = [f for f in readable(subject) if not _strays(f)]
    enough = max(subject.limits.few, _MOST_OF_THEM * len(subject.facts))
    return whole if len(whole) >= enough else []


def _too_few_groups(subject: Subject) -> Iterator[Row]:
    """A class that is in every split is in as many groups at least."""
    splits = len({*subject.split_of.values()})
    groups: dict[int, set[str]] = defaultdict(set)
    for facts in _set(subject):
        for class_id in facts.mask.counts:
            groups[class_id].add(facts.sample.group or facts.sample.id)
    if len(set().union(*groups.values())) < splits:
        return
    for class_id, name in enumerate(subject.classes.names):
        if 0 < len(here := groups[class_id]) < splits:
            yield (
                f"class {name!r}",
                f"is in {len(here)} group{'s' * (len(here) > 1)} only ({few(sorted(here), 3)}), "
                f"and there are {splits} splits: one at least is without it",
                "add images of it, or leave it out of what is scored",
            )


def _mostly_empty(subject: Subject) -> Iterator[Row]:
    alone, masks = _alone(subject)
    usual = _usual(_labelled(subject))
    # Of one class, every mask holds that class only.
    if len(subject.classes) > 1 and len(alone[usual]) > subject.limits.empty_share * masks:
        name = subject.classes.name_of(usual)
        yield (
            "all masks",
            f"{len(alone[usual])} of {masks} hold {name!r} only",
            "right where most images show nothing; else look if their labels were lost. Many of "
            "them slow training down: leave some out",
        )


def _full(subject: Subject) -> Iterator[Row]:
    alone, masks = _alone(subject)
    usual = _usual(_labelled(subject))
    for class_id, paths in sorted(alone.items()):
        if class_id != usual and len(paths) <= max(1, subject.limits.full_share * masks):
            name = subject.classes.name_of(class_id)
            fix = "look at it: a fill that went over the edge, or really a whole image of it?"
            yield from ((path, f"is {name!r} everywhere", fix) for path in paths)


def _alone(subject: Subject) -> tuple[dict[int, list[str]], int]:
    """Class id → masks that hold nothing else, void apart; and how many masks hold classes."""
    alone: dict[int, list[str]] = defaultdict(list)
    masks = 0
    for facts in _set(subject):
        here = facts.mask.counts.keys() - {VOID_ID}
        masks += bool(here)
        if len(here) == 1:
            alone[min(here)].append(facts.sample.mask)
    return alone, masks


def _usual(labelled: Mapping[int, int]) -> int:
    """The class with the most pixels."""
    return max(labelled, key=lambda i: (labelled[i], -i), default=0)


def _specks(subject: Subject) -> Iterator[Row]:
    seen = [
        (f, {i: n for i, n in f.mask.specks.items() if i != VOID_ID})
        for f in readable(subject)
        if not _strays(f)  # where values are unknown, specks are theirs
    ]
    middle = sorted(sum(s.values()) for _, s in seen)[len(seen) // 2] if seen else 0
    for facts, by_class in seen:
        if (count := sum(by_class.values())) > max(subject.limits.specks, 10 * middle):
            most = sorted(by_class, key=lambda i: (-by_class[i], i))
            parts = [f"{by_class[i]} of {subject.classes.name_of(i)!r}" for i in most]
            yield (
                facts.sample.mask,
                f"has {count} specks and pin-holes of at most {SPECK} pixels: {few(parts, 3)}",
                "look at it: what a model or a magic wand left behind, or a mask resized?",
            )


def _mostly_void(subject: Subject) -> Iterator[Row]:
    over = []
    if last_lost(subject):
        return
    for facts in readable(subject):
        void = facts.mask.counts.get(VOID_ID, 0) / max(1, sum(facts.mask.counts.values()))
        if subject.limits.void_share < void < 1:
            over.append((facts.sample.mask, void))
    fix = "label more of it, or take the pair out"
    if len(over) > max(subject.limits.few, len(subject.facts) / 2):
        least = min(void for _, void in over)
        yield "all masks", f"{len(over)} of {len(subject.facts)} are {least:.0%} void or more", fix
    else:
        yield from ((path, f"is {void:.0%} void", fix) for path, void in over)


def _imbalance(subject: Subject) -> Iterator[Row]:
    labelled = _labelled(subject)
    total = sum(labelled.values())
    usual = _usual(labelled)
    share = labelled.get(usual, 0) / max(1, total)
    others = labelled.keys() - {usual, *_rare(subject, labelled)}
    if others and share > subject.limits.one_class:
        yield (
            f"class {subject.classes.name_of(usual)!r}",
            f"has {share:.2%} of all pixels that have a class: a model that says nothing else is "
            "right as often",
            "train with a loss that weighs classes, and go by the scores of each class",
        )


def _copied(subject: Subject) -> Iterator[Row]:
    by_ids: dict[str, list[SampleFacts]] = defaultdict(list)
    for facts in readable(subject):
        if len(facts.mask.counts.keys() - {VOID_ID}) > 1:  # others are alike without being copied
            by_ids[facts.mask.ids].append(facts)
    for group in by_ids.values():
        other = [f for f in group[1:] if _look_apart(group[0], f) > subject.limits.copied_off]
        if other:
            yield (
                group[0].sample.mask,
                f"is the same mask as {few([f.sample.mask for f in other], 3)}, but their images "
                "show different scenes",
                "find out to which image it belongs, and label the other",
            )


def _look_apart(one: SampleFacts, other: SampleFacts) -> float:
    """Mean difference of two thumbnails."""
    greys = bytes.fromhex(one.image.thumb), bytes.fromhex(other.image.thumb)
    return sum(abs(a - b) for a, b in zip(*greys, strict=True)) / max(1, len(greys[0]))


def _shifted(subject: Subject) -> Iterator[Row]:
    told = {f.sample.id for f in _shifted_alike(subject)[0]}
    gains = sorted(f.pair.shift_gain for f in _with_borders(subject))
    # Where masks in general do not follow the edges of their images, one that does not is no news.
    if len(gains) < subject.limits.few or gains[len(gains) // 2] > subject.limits.shift_loose:
        return
    least = max(subject.limits.shift_gain, 5 * gains[3 * len(gains) // 4])
    for facts in _better_elsewhere(subject, least):
        if facts.sample.id in told:
            continue
        yield (
            facts.sample.mask,
            f"lies {facts.pair.shift_gain:.0%} better on its image's edges when it is moved "
            f"{_way(facts.pair.shift)}",
            "look at both, one over the other; export the mask again where it lies askew",
        )


def _all_shifted(subject: Subject) -> Iterator[Row]:
    alike, shift = _shifted_alike(subject)
    if alike:
        yield (
            "all masks",
            f"{len(alike)} of {len(subject.facts)} lie better on their images' edges when they are "
            f"moved {_way(shift)}",
            "look at one: a crop or an offset that only one of the two exports had?",
        )


def _with_borders(subject: Subject) -> list[SampleFacts]:
    """Samples whose masks have borders, and which no other finding calls askew."""
    return [
        f
        for f in readable(subject)
        if len(f.mask.counts.keys() - {VOID_ID}) > 1
        and (f.image.width, f.image.height) == (f.mask.width, f.mask.height)
        and f.image.orientation == f.mask.orientation
    ]


def _better_elsewhere(subject: Subject, gain: float) -> list[SampleFacts]:
    return [
        f
        for f in _with_borders(subject)
        if f.pair.shift_gain > gain
        and max(abs(step) for step in f.pair.shift) >= subject.limits.shift_least
    ]


def _shifted_alike(subject: Subject) -> tuple[Sequence[SampleFacts], tuple[int, int]]:
    """Masks that lie better in one and the same way, and that way; none where they are few."""
    seen = _better_elsewhere(subject, subject.limits.shift_loose)
    ways = Counter(f.pair.shift for f in seen)
    if not ways:
        return [], (0, 0)
    way = max(ways, key=lambda w: (ways[w], w))
    alike = [f for f in seen if max(abs(a - b) for a, b in zip(f.pair.shift, way, strict=True)) < 4]
    least = max(subject.limits.few, subject.limits.shift_alike * len(_with_borders(subject)))
    return (alike, way) if len(alike) >= least else ([], (0, 0))


def _way(shift: tuple[int, int]) -> str:
    """A shift in words."""
    rows, columns = shift
    down = f"{abs(rows)} pixels {'down' if rows > 0 else 'up'}" if rows else ""
    aside = f"{abs(columns)} {'right' if columns > 0 else 'left'}" if columns else ""
    return " and ".join(filter(None, (down, aside if down else aside.replace(" ", " pixels ", 1))))


CHECKS = (
    Check("SD301", "class-never-occurs", Severity.WARNING, _class_never),
    Check("SD302", "mask-all-void", Severity.WARNING, _void_only),
    Check("SD303", "image-constant", Severity.WARNING, _constant),
    Check("SD304", "image-nearly-constant", Severity.WARNING, _nearly_constant),
    Check("SD305", "class-hardly-there", Severity.WARNING, _class_rare),
    Check("SD306", "class-in-too-few-groups", Severity.WARNING, _too_few_groups),
    Check("SD307", "masks-mostly-empty", Severity.WARNING, _mostly_empty),
    Check("SD308", "mask-full", Severity.WARNING, _full),
    Check("SD309", "mask-specks", Severity.WARNING, _specks),
    Check("SD310", "mask-mostly-void", Severity.WARNING, _mostly_void),
    Check("SD311", "mask-shifted", Severity.WARNING, _shifted),
    Check("SD312", "masks-shifted-alike", Severity.WARNING, _all_shifted),
    Check("SD313", "class-imbalance", Severity.WARNING, _imbalance),
    Check("SD314", "mask-copied", Severity.WARNING, _copied),
)
