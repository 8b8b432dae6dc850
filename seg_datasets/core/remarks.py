"""Remarks: what is wrong with an annotation, told by the source that read it.

A source of shapes reads an annotation once, hands each shape to these functions and to `shapes`,
and keeps the remarks alone: 200,000 shapes come down to the few that are wrong.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Iterable, Iterator

from seg_datasets.core.sample import same, tidy


class Fault(enum.Enum):
    """What can be wrong with an annotation; each has a check with a code."""

    LABEL_UNKNOWN = "label-unknown"
    LABEL_EMPTY = "label-empty"
    LABEL_PADDED = "label-padded"
    LABEL_CASE = "label-in-other-case"
    CATEGORY_TWICE = "category-twice"
    FEW_POINTS = "shape-of-few-points"
    NO_AREA = "shape-without-area"
    CROSSING = "shape-crosses-itself"
    OUTSIDE = "shape-outside"
    COVERED = "shape-covered"
    NO_IMAGE = "annotation-without-image"
    NO_ANNOTATION = "image-without-annotation"
    WEAK = "boxes-as-masks"
    CUT_OFF = "pixels-left-out"
    NOT_PAINTED = "shapes-not-painted"


@dataclasses.dataclass(frozen=True, slots=True)
class Remark:
    """One fault of an annotation.

    Attributes:
      fault: its kind.
      where: the file, and the shape in it: `train.json: shape 17`.
      what: what is particular to it: the label, the number of points.
    """

    fault: Fault
    where: str
    what: str = ""


def label_fault(label: str, known: Collection[str]) -> tuple[Fault, str] | None:
    """What is wrong with a label.

    Args:
      label: as the annotation has it.
      known: the labels that the dataset folder states.

    Returns:
      The fault and what it is about, or None.
    """
    if label in known:
        return None
    if not tidy(label):
        return Fault.LABEL_EMPTY, ""
    if tidy(label) in known:
        return Fault.LABEL_PADDED, repr(label)
    if alike := [other for other in known if same(tidy(other)) == same(tidy(label))]:
        return Fault.LABEL_CASE, f"{label!r}, elsewhere {min(alike)!r}"
    return Fault.LABEL_UNKNOWN, repr(label)


def category_faults(names: Iterable[str], where: str) -> Iterator[Remark]:
    """Names that a list of categories has twice, letter case and blanks around apart."""
    first: dict[str, str] = {}
    for name in names:
        key = same(name.strip())
        if key in first:
            again = "" if first[key] == name else f" and {name!r}"
            yield Remark(Fault.CATEGORY_TWICE, where, f"{first[key]!r}{again}")
        first.setdefault(key, name)


def unmatched(
    images: Collection[str], annotated: Collection[str], *, where: str
) -> Iterator[Remark]:
    """Images that an annotation file does not know, and images it knows that are not there.

    Args:
      images: paths of the images of the raw folder.
      annotated: paths that the annotation file names.
      where: the annotation file.
    """
    for path in sorted(set(annotated) - set(images)):
        yield Remark(Fault.NO_IMAGE, where, path)
    for path in sorted(set(images) - set(annotated)):
        yield Remark(Fault.NO_ANNOTATION, path, f" in {where}")
