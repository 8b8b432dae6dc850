"""Checks of content: what images and masks show."""

from __future__ import annotations

from collections.abc import Iterator

from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.subject import Check, Row, Subject, readable, totals_of
from seg_datasets.core.checks.values import only_void
from seg_datasets.core.facts import SampleFacts


def _class_never(subject: Subject) -> Iterator[Row]:
    totals = totals_of(subject.facts)
    # Masks that could not be read whole have findings of their own; the class may be in them.
    unread = any(f.mask.problem or f.mask.misfit or _strays(f) for f in subject.facts)
    if subject.facts and not unread and not only_void(subject):
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


CHECKS = (
    Check("SD301", "class-never-occurs", Severity.WARNING, _class_never),
    Check("SD302", "mask-all-void", Severity.WARNING, _void_only),
    Check("SD303", "image-constant", Severity.WARNING, _constant),
)
