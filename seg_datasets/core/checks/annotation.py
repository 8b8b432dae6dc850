"""Checks of annotations: what a source of shapes and labels remarked on while it read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.subject import Check, Row, Subject
from seg_datasets.core.remarks import Fault, Remark, label_fault

_LABEL_FIX = "correct the label, or lead it to a class or to void in the source's `values`"


def _said(fault: Fault, message: str, fix: str) -> Callable[[Subject], Iterator[Row]]:
    """The rows of one kind of remark; `{}` in the message is what is particular to it."""

    def rows(subject: Subject) -> Iterator[Row]:
        for remark in (
            *subject.scan.remarks,
            *_label_remarks(subject),
            *_empty_stencils(subject),
        ):
            if remark.fault is fault:
                yield remark.where, message.format(remark.what), fix

    return rows


def _empty_stencils(subject: Subject) -> Iterator[Remark]:
    """Masks of single objects without a pixel."""
    for facts in subject.facts:
        for name in facts.mask.nothing:
            yield Remark(Fault.NO_AREA, name, "the object's own mask holds 0 alone")


def _label_remarks(subject: Subject) -> Iterator[Remark]:
    """Labels that sources hand on as they stand: where each is first."""
    for label, where in subject.scan.labels.items():
        if fault := label_fault(label, subject.table.labels):
            yield Remark(fault[0], where, fault[1])


def _overlaps(subject: Subject) -> Iterator[Row]:
    """Pixels lost to shapes of another class, one row for each pair of classes."""
    pixels: Counter[int] = Counter()
    images: Counter[int] = Counter()
    most: dict[int, tuple[int, str]] = {}
    for facts in subject.facts:
        for pair, lost in facts.mask.lost.items():
            pixels[pair] += lost
            images[pair] += 1
            most[pair] = max(most.get(pair, (0, "")), (lost, facts.sample.id))
    for pair, lost in sorted(pixels.items()):
        below, top = (subject.classes.name_of(i) for i in divmod(pair, 256))
        yield (
            f"class {below!r}",
            f"lies under {top!r} on {lost:,} pixels in {images[pair]} "
            f"image{'s' * (images[pair] != 1)}, most of them in {most[pair][1]}",
            "right where one thing stands before the other; else mend the order of the shapes",
        )


def _check(code: str, fault: Fault, severity: Severity, message: str, fix: str) -> Check:
    final = fault in (Fault.LABEL_UNKNOWN, Fault.LABEL_EMPTY)
    return Check(code, fault.value, severity, _said(fault, message, fix), final)


CHECKS: tuple[Check, ...] = (
    _check(
        "SD501",
        Fault.LABEL_UNKNOWN,
        Severity.ERROR,
        "has the label {}, which leads to no class",
        _LABEL_FIX,
    ),
    _check("SD502", Fault.LABEL_EMPTY, Severity.ERROR, "has no label", _LABEL_FIX),
    _check(
        "SD503",
        Fault.LABEL_PADDED,
        Severity.ERROR,
        "has the label {}, with blanks or line breaks too many",
        "correct the label; accepted, the blanks do not count",
    ),
    _check(
        "SD504",
        Fault.LABEL_CASE,
        Severity.ERROR,
        "has the label {}",
        "write it in one way; accepted, letter case does not count",
    ),
    _check(
        "SD505",
        Fault.CATEGORY_TWICE,
        Severity.ERROR,
        "has the category {} twice",
        "give them one id; accepted, both lead to the class of that name",
    ),
    _check(
        "SD506",
        Fault.FEW_POINTS,
        Severity.ERROR,
        "is a polygon of {}",
        "finish or remove the shape; accepted, it is left out",
    ),
    _check(
        "SD507",
        Fault.NO_AREA,
        Severity.ERROR,
        "is a shape without area: {}",
        "finish or remove the shape; accepted, it is left out",
    ),
    _check(
        "SD508",
        Fault.CROSSING,
        Severity.WARNING,
        "is a polygon that crosses itself: {}",
        "draw it anew; what lies inside twice is filled by one tool and left out by the next",
    ),
    _check(
        "SD509",
        Fault.OUTSIDE,
        Severity.WARNING,
        "leaves its image: {}",
        "look at it: what leaves the image is cut off; a shape for another size lies askew",
    ),
    _check(
        "SD510",
        Fault.COVERED,
        Severity.WARNING,
        "is covered by a shape of another class: {}",
        "remove one of the two, or change their order; the mask shows the upper one only",
    ),
    _check(
        "SD511",
        Fault.NO_IMAGE,
        Severity.ERROR,
        "annotates {}, which is not there",
        "add the image, or remove its annotation; accepted, it is left out",
    ),
    _check(
        "SD512",
        Fault.NO_ANNOTATION,
        Severity.ERROR,
        "has no annotation{}",
        "annotate it, also if it shows nothing, or move it away; accepted, it is left out",
    ),
    Check("SD513", "classes-overlap", Severity.WARNING, _overlaps),
    _check(
        "SD514",
        Fault.WEAK,
        Severity.WARNING,
        "holds {}: masks of them are weak labels",
        "draw outlines where borders matter; a model learns the corners of the boxes, too",
    ),
    _check(
        "SD515",
        Fault.CUT_OFF,
        Severity.WARNING,
        "loses {}: no whole tiles",
        "state partial='shift' or 'pad' in the source to keep them",
    ),
    _check(
        "SD516",
        Fault.NOT_PAINTED,
        Severity.WARNING,
        "holds {}, which no mask shows",
        "right where they are no part of the classes; else outline those things in the tool",
    ),
)
