"""Checks of masks whose numbers were meant another way than the table reads them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.subject import Check, Row, Subject, readable, totals_of
from seg_datasets.core.classes import VOID_ID, few
from seg_datasets.core.facts import SampleFacts

# What a mask is taken for, which its unknown values alone would not tell.
FROM_ONE, OVERFLOW, SCALED, IDS, SOFT, SWAPPED = (
    "from one",
    "overflow",
    "scaled",
    "ids",
    "soft",
    "swapped",
)

# Of a set whose masks all hold so much void, and never the last class, ids may be one too low.
_VOID_EVERYWHERE, _VOID_MUCH = 0.9, 0.2

# One class has most of the pixels in so many masks, where a mask without is worth a remark.
_USUAL = 0.75

# Spreads between the middle and a quarter, of a normal distribution; and the least that counts.
_QUARTER, _LEAST_SPREAD = 0.674, 0.2

_FROM_HIGH = 256  # values that 8 bits do not hold
_MINUS_ONE = 65535


def misread(subject: Subject) -> dict[str, str]:
    """Sample id → what its mask is taken for, where that is clear. Other checks leave these be."""
    swapped = _swapped(subject)
    really_there = any(
        len(subject.classes) in f.mask.stray and 0 in f.mask.counts and f.mask.format != "JPEG"
        for f in subject.facts
    )
    kinds: dict[str, str] = {}
    for facts in subject.facts:
        if facts.sample.id in swapped:
            kinds[facts.sample.id] = SWAPPED
        elif facts.mask.misfit and facts.mask.alpha == "soft":
            kinds[facts.sample.id] = SOFT
        else:
            kind = _numbers_meant(facts, subject)
            if kind and not (kind == FROM_ONE and really_there):
                kinds[facts.sample.id] = kind
    return kinds


def _numbers_meant(facts: SampleFacts, subject: Subject) -> str:
    mask, classes = facts.mask, len(subject.classes)
    stray = {*mask.stray}
    if not stray or mask.stray_values > len(stray) or mask.rim_values:
        return ""
    if subject.table.threshold is not None or mask.format == "JPEG":
        return ""
    if _holds_ids(subject):
        classes_there = mask.counts.keys() - {VOID_ID}
        if stray == {classes} and classes_there and 0 not in classes_there:
            return FROM_ONE
        if classes_there <= {0} and _scaled(stray | (mask.counts.keys() & {VOID_ID}), classes):
            return SCALED
    else:
        greys = {_grey(value, subject.table.bands) for value in stray}
        black = subject.table.ids.get(255 if subject.table.bands == 4 else 0, -1)
        if greys <= {*range(classes)} and mask.counts.keys() <= {black}:
            return IDS
    if subject.table.bands == 1 and all(_overflown(value, subject) for value in stray):
        return OVERFLOW
    return ""


def _holds_ids(subject: Subject) -> bool:
    """Whether masks are declared to hold ids as they are."""
    table = subject.table
    classes = {value: i for value, i in table.ids.items() if i != VOID_ID}
    return table.bands == 1 and classes == {i: i for i in range(len(subject.classes))}


def _scaled(values: set[int], classes: int) -> bool:
    """Whether values are ids 0..K-1, spread over 0..255 or multiplied."""
    if classes < 3 or max(values) > 255 or values == {255}:
        return False
    steps = range(1, classes)
    down = {255 * i // (classes - 1) for i in steps}
    nearest = {(510 * i + classes - 1) // (2 * (classes - 1)) for i in steps}
    factor = math.gcd(*values)
    multiplied = len(values) > 1 and factor > 1 and max(values) // factor < classes
    return values <= down or values <= nearest or multiplied


def _grey(value: int, bands: int) -> int:
    """The grey that a colour is, -1 where it is none."""
    if bands == 1:
        return value
    if bands == 4:
        if value & 255 != 255:
            return -1
        value >>= 8
    return value & 255 if value == (value & 255) * 0x010101 else -1


def _overflown(value: int, subject: Subject) -> bool:
    ids = subject.table.ids
    low, high = value & 255, value >> 8
    return value >= _FROM_HIGH and (value == _MINUS_ONE or low in ids or (not low and high in ids))


def _swapped(subject: Subject) -> set[str]:
    """Samples whose image and mask are in each other's place, or are one file."""
    ids = {f.sample.id for f in subject.facts if f.image.sha256 and _same_file(f)}
    images = Counter(f.image.mode for f in readable(subject)).most_common(1)
    masks = Counter(f.mask.mode for f in readable(subject)).most_common(1)
    if images and masks and images[0][0] != masks[0][0]:
        crossed = masks[0][0], images[0][0]
        ids |= {
            f.sample.id
            for f in subject.facts
            if (f.image.mode, f.mask.mode) == crossed
            and (f.mask.misfit or f.mask.stray_values + f.mask.rim_values)
        }
    return ids


def _same_file(facts: SampleFacts) -> bool:
    return facts.image.sha256 == facts.mask.sha256 and not facts.image.problem


def _of_kind(subject: Subject, *kinds: str) -> Iterator[SampleFacts]:
    told = misread(subject)
    yield from (f for f in subject.facts if told.get(f.sample.id) in kinds)


def _from_one(subject: Subject) -> Iterator[Row]:
    classes = len(subject.classes)
    for facts in _of_kind(subject, FROM_ONE):
        yield (
            facts.sample.mask,
            f"holds {classes} and no 0, where ids run 0..{classes - 1}: counted from 1?",
            f"if so, say it in the source's `values`: {{1: {subject.classes.names[0]!r}, ...}}",
        )


def last_lost(subject: Subject) -> bool:
    """Whether all ids may be one too low: 0 became 255, which is void, and the last is nowhere."""
    facts = [*readable(subject)]
    totals = totals_of(facts)
    last = len(subject.classes) - 1
    if not (_holds_ids(subject) and last >= 2 and len(facts) >= subject.limits.few):
        return False
    if subject.table.ids.get(255) != VOID_ID or totals[last]:
        return False
    everywhere = sum(VOID_ID in f.mask.counts for f in facts) >= _VOID_EVERYWHERE * len(facts)
    much = totals[VOID_ID] >= _VOID_MUCH * sum(totals.values())
    return everywhere and much and all(totals[i] for i in range(last))


def _ids_too_low(subject: Subject) -> Iterator[Row]:
    if last_lost(subject):
        first, last = subject.classes.names[0], subject.classes.names[-1]
        yield (
            "all masks",
            f"have much void (255) and never {last!r}: was 1 taken from every id, so that "
            f"{first!r} (0) became 255?",
            f"look at one; if so, say it in `values`: {{255: {first!r}, 0: "
            f"{subject.classes.names[1]!r}, ...}}",
        )


def _soft_alpha(subject: Subject) -> Iterator[Row]:
    for facts in _of_kind(subject, SOFT):
        yield (
            facts.sample.mask,
            "has half transparent pixels: what they show is a blend, and no class",
            "export the mask without transparency and without soft edges",
        )


def _inverted(subject: Subject) -> Iterator[Row]:
    whole = (f for f in readable(subject) if not f.mask.stray_values + f.mask.rim_values)
    shares = [(f, _shares(f)) for f in whole]
    # Masks of one class have a finding of their own.
    shares = [(f, by_class) for f, by_class in shares if len(by_class) > 1]
    if len(shares) < subject.limits.few:
        return
    most = Counter(max(by, key=lambda i: (by[i], -i)) for _, by in shares if max(by.values()) > 0.5)
    usual, times = most.most_common(1)[0] if most else (0, 0)
    if times < _USUAL * len(shares):
        return
    there = sorted(_odds(by.get(usual, 0.0)) for _, by in shares)
    middle = there[len(there) // 2]
    spread = max((middle - there[len(there) // 4]) / _QUARTER, _LEAST_SPREAD)
    for facts, by_class in shares:
        large = max(by_class, key=lambda i: (by_class[i], -i))
        share = by_class.get(usual, 0.0)
        far = middle - _odds(share) > subject.limits.inverted_far * spread
        if share < 0.5 < by_class[large] and far:
            yield (
                facts.sample.mask,
                f"is {by_class[large]:.0%} {subject.classes.name_of(large)!r} and {share:.0%} "
                f"{subject.classes.name_of(usual)!r}, of which half of all masks have "
                f"{1 / (1 + math.exp(-middle)):.0%} or more: inverted?",
                "look at it; if so, export it again",
            )


def _odds(share: float) -> float:
    """The logarithm of the odds: as far from 1/2 for a share as for what is left of the whole."""
    share = min(max(share, 0.001), 0.999)
    return math.log(share / (1 - share))


def _shares(facts: SampleFacts) -> dict[int, float]:
    """Class id → share of the pixels that have a class."""
    pixels = {i: n for i, n in facts.mask.counts.items() if i != VOID_ID}
    total = sum(pixels.values())
    return {i: n / total for i, n in pixels.items()}


def _overflow(subject: Subject) -> Iterator[Row]:
    for facts in _of_kind(subject, OVERFLOW):
        values = sorted(facts.mask.stray)
        if values == [_MINUS_ONE]:
            what = f"holds {_MINUS_ONE}, which is -1 in 16 bits"
        elif all(not value & 255 for value in values):
            what = f"holds {few(values)}: ids times 256, as bytes in the wrong order give"
        else:
            what = f"holds {few(values)}, which are known ids plus multiples of 256: an overflow?"
        yield facts.sample.mask, what, "export the mask again in 8 bits, with 255 for void"


def _scaled_ids(subject: Subject) -> Iterator[Row]:
    for facts in _of_kind(subject, SCALED):
        classes = len(subject.classes)
        yield (
            facts.sample.mask,
            f"holds {few(sorted(facts.mask.stray))}: ids 0..{classes - 1} multiplied, to be seen?",
            "save the ids themselves, or state the greys in the source's `values`",
        )


def _ids_instead(subject: Subject) -> Iterator[Row]:
    written = "greys" if subject.table.bands == 1 else "colours"
    for facts in _of_kind(subject, IDS):
        values = sorted(_grey(value, subject.table.bands) for value in facts.mask.stray)
        yield (
            facts.sample.mask,
            f"holds {few(values)}, ids as it seems, where the class table has {written}: "
            f"{subject.table.describe()}",
            f"export the mask in the {written} of the others, or state ids in `values` for all",
        )


def _in_each_others_place(subject: Subject) -> Iterator[Row]:
    for facts in _of_kind(subject, SWAPPED):
        if _same_file(facts):
            what = f"is the same file as its image {facts.sample.image}"
        else:
            what = (
                f"is {facts.mask.mode} like the images, and its image {facts.image.mode} like the "
                "masks: in each other's place?"
            )
        yield facts.sample.mask, what, "put each file where it belongs"


CHECKS = (
    Check("SD212", "ids-from-one", Severity.ERROR, _from_one, final=True),
    Check("SD213", "ids-one-too-low", Severity.WARNING, _ids_too_low),
    Check("SD214", "mask-soft-alpha", Severity.ERROR, _soft_alpha, final=True),
    Check("SD215", "mask-inverted", Severity.WARNING, _inverted),
    Check("SD216", "ids-overflow", Severity.ERROR, _overflow, final=True),
    Check("SD217", "ids-scaled", Severity.ERROR, _scaled_ids, final=True),
    Check("SD218", "ids-among-colours", Severity.ERROR, _ids_instead, final=True),
    Check("SD219", "mask-is-a-picture", Severity.ERROR, _in_each_others_place, final=True),
)
