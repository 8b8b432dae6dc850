"""Checks of mask values: whatever is not exactly a class."""

from __future__ import annotations

from collections.abc import Iterator

from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.subject import Check, Row, Subject, totals_of
from seg_datasets.core.classes import VOID_ID, few
from seg_datasets.core.facts import SampleFacts


def _unknown_values(subject: Subject) -> Iterator[Row]:
    for facts in subject.facts:
        mask = facts.mask
        if mask.stray and not _lossy(facts) and not _zero_255(facts, subject):
            pixels = [f"{subject.table.label(v)} ({n} px)" for v, n in mask.stray.items()]
            more = mask.stray_values - len(mask.stray)
            yield (
                facts.sample.mask,
                f"holds {few(pixels)}{f' and {more} more' if more else ''}, which no class has; "
                f"the class table has {subject.table.describe()}",
                "add the value to the source's `values`, or correct the mask",
            )


def _interpolated(subject: Subject) -> Iterator[Row]:
    for facts in subject.facts:
        mask = facts.mask
        if mask.rim_values and not _lossy(facts):
            yield (
                facts.sample.mask,
                f"{mask.rim_pixels} pixels hold {mask.rim_values} unknown values that only stand at "
                "borders, between their neighbours' values: resized with interpolation, or drawn "
                "with anti-aliasing",
                "export the mask again without either (nearest neighbour), or state a `Threshold` "
                "in the source's `values`",
            )


def _lossy_mask(subject: Subject) -> Iterator[Row]:
    for facts in subject.facts:
        if _lossy(facts):
            n = facts.mask.stray_values + facts.mask.rim_values
            yield (
                facts.sample.mask,
                f"is JPEG, whose compression has smeared {n} unknown values into it",
                "export the mask again as PNG; a JPEG cannot be repaired, only cut by a stated "
                "`Threshold`",
            )


def _lossy(facts: SampleFacts) -> bool:
    return facts.mask.format == "JPEG" and bool(facts.mask.stray_values + facts.mask.rim_values)


def _zero_255_masks(subject: Subject) -> Iterator[Row]:
    fix = (
        "state what 255 means in the source's `values`: {0: ..., 255: 'the class'}, or 'void' if "
        "it is that"
    )
    for facts in subject.facts:
        if _zero_255(facts, subject):
            yield (
                facts.sample.mask,
                "holds 0 and 255 only, where the class table expects "
                f"{subject.table.describe()}: a black-and-white mask?",
                fix,
            )
    # Where 255 leads to void, a black-and-white set would pass as "all background or unknown".
    totals = totals_of(subject.facts)
    if (
        totals[VOID_ID]
        and subject.table.ids.get(255) == VOID_ID
        and len(subject.classes) > 1
        and not any(n for i, n in totals.items() if i not in (0, VOID_ID))
    ):
        yield (
            "all masks",
            f"hold {subject.classes.names[0]} and 255 only; 255 leads to void, so no class but "
            f"{subject.classes.names[0]} is ever there: black-and-white masks?",
            fix,
        )


def _zero_255(facts: SampleFacts, subject: Subject) -> bool:
    """A grey mask of 0 and 255 where 255 is in no table."""
    mask = facts.mask
    return (
        subject.table.bands == 1
        and [*mask.stray] == [255]
        and not mask.rim_values
        and sum(mask.counts.values()) == mask.counts.get(subject.table.ids.get(0, -1), 0)
    )


def _mask_misfit(subject: Subject) -> Iterator[Row]:
    fix = "state in the source's `values` how these masks write their classes, or convert them"
    for facts in subject.facts:
        if facts.mask.misfit:
            yield facts.sample.mask, facts.mask.misfit, fix


CHECKS = (
    Check("SD201", "mask-value-unknown", Severity.ERROR, _unknown_values),
    Check("SD202", "mask-looks-interpolated", Severity.ERROR, _interpolated),
    Check("SD203", "mask-jpeg-damaged", Severity.ERROR, _lossy_mask),
    Check("SD204", "mask-is-black-and-white", Severity.ERROR, _zero_255_masks),
    Check("SD205", "mask-mode-misfit", Severity.ERROR, _mask_misfit),
)
