"""Checks of mask values: whatever is not exactly a class."""

from __future__ import annotations

from collections.abc import Iterator

from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.misread import misread
from seg_datasets.core.checks.subject import Check, Row, Subject, readable, totals_of
from seg_datasets.core.classes import VOID_ID, few
from seg_datasets.core.facts import SampleFacts

_SAY_255 = "state what 255 means in the source's `values`: {0: ..., 255: 'the class'}, or 'void'"

# Measured on five sets: of masks as drawn at most 14 % of borders are blended, of those resized to
# an eighth with nearest neighbour 39 %, of those resized with interpolation mostly 83 % and more.
_MOST_BLENDED = 0.5
_LEAST_BORDERS = 16

_FEW_BITS = {"1": 1, "L;2": 2, "L;4": 4}
_EIGHT_BITS = ("L", "LA", "RGB", "RGBA")


def _unknown_values(subject: Subject) -> Iterator[Row]:
    told = misread(subject)
    for facts in subject.facts:
        mask = facts.mask
        if facts.sample.id in told:
            continue
        if mask.stray and not _lossy(facts, subject) and not _zero_255(facts, subject):
            pixels = [f"{subject.table.label(v)} ({n} px)" for v, n in mask.stray.items()]
            more = mask.stray_values - len(mask.stray)
            yield (
                facts.sample.mask,
                f"holds {few(pixels)}{f' and {more} more' if more else ''}, which no class has; "
                f"the class table has {subject.table.describe()}",
                "export the mask again without blending; where all masks of the set are drawn in "
                "such greys, state a `Threshold` in the source's `values`"
                if mask.rim_values
                else "add the value to the source's `values`, or correct the mask",
            )


def _interpolated(subject: Subject) -> Iterator[Row]:
    told = misread(subject)
    for facts in subject.facts:
        mask = facts.mask
        if facts.sample.id not in told and mask.rim_values and not _lossy(facts, subject):
            yield (
                facts.sample.mask,
                f"{mask.rim_pixels} pixels hold {mask.rim_values} unknown values that stand at "
                "borders only, between their neighbours' values: resized with interpolation, or "
                "drawn with anti-aliasing",
                "export the mask again without either (nearest neighbour), or state a `Threshold` "
                "in the source's `values`",
            )


def _lossy_mask(subject: Subject) -> Iterator[Row]:
    told = misread(subject)
    for facts in subject.facts:
        if facts.sample.id not in told and _lossy(facts, subject):
            n = facts.mask.stray_values + facts.mask.rim_values
            done = f"has smeared {n} unknown values into it" if n else "may have changed its ids"
            yield (
                facts.sample.mask,
                f"is JPEG, whose compression {done}",
                "export the mask again as PNG; a JPEG cannot be repaired, only, where it has two "
                "classes, be cut by a stated `Threshold`",
            )


def _lossy(facts: SampleFacts, subject: Subject) -> bool:
    """A JPEG whose values are taken at their word: where ids lie close, damage is other ids."""
    return facts.mask.format == "JPEG" and subject.table.threshold is None


def _zero_255_masks(subject: Subject) -> Iterator[Row]:
    for facts in subject.facts:
        if _zero_255(facts, subject):
            yield (
                facts.sample.mask,
                "holds 0 and 255 only, where the class table expects "
                f"{subject.table.describe()}: a black-and-white mask?",
                _SAY_255,
            )


def _only_void(subject: Subject) -> Iterator[Row]:
    if only_void(subject):
        first = subject.classes.names[0]
        yield (
            "all masks",
            f"hold {first!r} and 255 only; 255 leads to void, so nothing but {first!r} is ever "
            "there: black-and-white masks?",
            _SAY_255,
        )


def only_void(subject: Subject) -> bool:
    """Whether a set of black-and-white masks may pass as "all background or unknown"."""
    present = {class_id for class_id, pixels in totals_of(subject.facts).items() if pixels}
    return _void_255(subject) and VOID_ID in present and present <= {0, VOID_ID}


def _some_only_void(subject: Subject) -> Iterator[Row]:
    """A few black-and-white masks among masks of ids lose their class without a trace."""
    if not _void_255(subject) or only_void(subject):
        return
    paths = [
        f.sample.mask
        for f in subject.facts
        if {*f.mask.counts} == {0, VOID_ID} and not f.mask.stray
    ]
    if paths:
        yield (
            paths[0],
            f"holds {subject.classes.names[0]!r} and 255 (void) only"
            + (f", like {few(paths[1:], 3)}" if paths[1:] else "")
            + ": right where the rest is unknown, wrong where 255 is a class there",
            "look at it; a mask whose 255 is a class has to be written in ids like the others",
        )


def depths_disagree(subject: Subject) -> Iterator[Row]:
    """Masks of few bits among masks of 8, where a number and its brightness are both known.

    A tool that makes PNGs small writes 0 and 255 in one bit, where they read as 0 and 1.
    """
    ids = subject.table.ids
    if subject.table.bands > 1 or not any(f.mask.mode in _EIGHT_BITS for f in readable(subject)):
        return
    for facts in readable(subject):
        if bits := _FEW_BITS.get(facts.mask.mode):
            spread = 255 // (2**bits - 1)
            torn = [
                v
                for v in range(1, 2**bits)
                if {v, v * spread} <= ids.keys() and ids[v] != ids[v * spread]
            ]
            if here := [v for v in torn if ids[v] in facts.mask.counts]:
                yield (
                    facts.sample.mask,
                    f"has {bits} bit{'s' * (bits > 1)} where other masks have 8: its {here[0]} may "
                    f"be the {here[0] * spread} of the others, and the class table has both",
                    "export all masks in 8 bits",
                )


def _blended(subject: Subject) -> Iterator[Row]:
    """Interpolation between ids that makes other ids: no value is unknown, and many are wrong."""
    for facts in subject.facts:
        mask = facts.mask
        known = not (mask.stray_values or mask.rim_values or _lossy(facts, subject))
        enough = mask.borders >= _LEAST_BORDERS
        if known and enough and mask.blended > _MOST_BLENDED * mask.borders:
            yield (
                facts.sample.mask,
                f"has a thin run of a third class on {mask.blended / mask.borders:.0%} of the "
                "borders between classes whose ids lie apart: resized with interpolation?",
                "export the mask again with nearest neighbour",
            )


def _palettes_disagree(subject: Subject) -> Iterator[Row]:
    """Tools that make PNGs small number the colours of each file anew.

    The other way round, one number in many colours, is common and harmless.
    """
    seen: dict[int, tuple[int, str]] = {}
    for facts in subject.facts:
        palette = facts.mask.palette
        for number, colour in palette.items():
            usual, path = seen.setdefault(colour, (number, facts.sample.mask))
            if number != usual and palette.get(usual) != colour:
                yield (
                    facts.sample.mask,
                    f"writes the colour #{colour:06x} as {number}, {path} as {usual}: were "
                    "the numbers of its palette dealt anew?",
                    "if the colours are right, state them ('#rrggbb') in the source's `values`",
                )
                break


def _void_255(subject: Subject) -> bool:
    return subject.table.ids.get(255) == VOID_ID and len(subject.classes) > 1


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
    told = misread(subject)
    for facts in subject.facts:
        if facts.mask.misfit and facts.sample.id not in told:
            yield facts.sample.mask, facts.mask.misfit, fix


def _ids_under_threshold(subject: Subject) -> Iterator[Row]:
    threshold = subject.table.threshold
    for facts in subject.facts:
        if threshold is not None and facts.mask.greatest == 1 < threshold.at:
            yield (
                facts.sample.mask,
                f"holds 0 and 1 only: ids, all of them below the threshold at {threshold.at}",
                "keep masks of ids and masks of greys apart, or write this one in 0 and 255",
            )


CHECKS = (
    Check("SD201", "mask-value-unknown", Severity.ERROR, _unknown_values, final=True),
    Check("SD202", "mask-looks-interpolated", Severity.ERROR, _interpolated, final=True),
    Check("SD203", "mask-jpeg-damaged", Severity.ERROR, _lossy_mask, final=True),
    Check("SD204", "mask-is-black-and-white", Severity.ERROR, _zero_255_masks, final=True),
    Check("SD205", "mask-mode-misfit", Severity.ERROR, _mask_misfit, final=True),
    Check("SD206", "only-background-and-void", Severity.ERROR, _only_void),
    Check("SD207", "mask-depths-disagree", Severity.ERROR, depths_disagree),
    Check("SD208", "some-masks-only-void", Severity.WARNING, _some_only_void),
    Check("SD209", "ids-look-interpolated", Severity.ERROR, _blended),
    Check("SD210", "palettes-disagree", Severity.ERROR, _palettes_disagree),
    Check("SD211", "ids-under-threshold", Severity.ERROR, _ids_under_threshold),
)
