"""Labels: from those of annotated shapes to classes, with a question where they do not tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from seg_datasets.core.classes import MAX_CLASSES, VOID, ClassTable, DeclarationError, few
from seg_datasets.core.detection.class_files import MAYBE_VOID, VOID_NAMES, ClassFile
from seg_datasets.core.detection.corrections import Corrections, named
from seg_datasets.core.detection.meaning import MeaningError
from seg_datasets.core.sample import plain, same, tidy
from seg_datasets.core.sources import Question
from seg_datasets.core.sources.base import OfLabels
from seg_datasets.core.sources.coco import CROWD

# Names under which tools and authors have what no shape covers.
_GROUND = ("background", "_background_", "bg")


@dataclasses.dataclass(frozen=True)
class Labels:
    """Classes, and the source that leads labels to them.

    Attributes:
      classes: the class table.
      source: with `labels` and `ground`.
      saw: what it rests on, one line each.
      questions: what the labels do not tell.
    """

    classes: ClassTable
    source: OfLabels
    saw: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()


def find(
    source: OfLabels, found: Sequence[str], files: Sequence[ClassFile], given: Corrections
) -> Labels:
    """The classes of an export.

    Args:
      source: what reads it.
      found: its labels, as they stand.
      files: class names that lie beside.
      given: what the user states.

    Raises:
      MeaningError: there are more labels than there can be classes.
      DeclarationError: the corrections do not fit the labels.
    """
    labels = _spelled(found)
    saw = [
        f"{len(found)} label{'s' * (len(found) != 1)}: {few([repr(one[:60]) for one in found], 24)}"
    ]
    names = {label: VOID if _is_void(label) else label for label in labels}
    if given.labels is not None:
        stated = {plain(label): name for label, name in given.labels.items()}
        if unknown := [label for label in stated if label not in labels]:
            raise DeclarationError(
                f"--labels names {few(unknown)}; the annotations have {few(labels, 24)}"
            )
        names |= stated
    listed, path = _listed(names, files, given)
    ground = given.ground or source.ground or _ground([*names.values(), *listed])
    classes = listed or named(names.values())
    if path:
        saw.append(f"class names: {path}")
        names |= {name: name for name in listed if name not in (*names.values(), ground)}
    if ground not in (VOID, *classes):
        classes = [ground, *classes]
    if given.classes:
        classes = _stated(classes, given.classes)
    if len(classes) > MAX_CLASSES:
        raise MeaningError(
            f"the annotations have {len(labels)} labels, such as {few(labels, 6)}: texts, not "
            "classes? Lead them to classes with --labels, or name another attribute with --option"
        )
    if not classes:
        raise MeaningError("the annotations have no label but void")
    table = ClassTable(*classes)
    source = dataclasses.replace(source, ground=ground if ground != classes[0] else "")
    own = source.table(table).labels
    if any(own.get(label) != table.id_of(name) for label, name in names.items()):
        source = dataclasses.replace(source, labels=names)
    questions = [*_doubts(names, given), *_of_ground(ground, given), *_crowds(found, given)]
    return Labels(table, source, tuple(saw), tuple(questions))


def _spelled(found: Sequence[str]) -> list[str]:
    """Each label once, sorted; of spellings that differ in blanks and letter case, one."""
    once: dict[str, str] = {}
    for label in sorted(found, key=lambda one: (one != tidy(one), one)):
        if tidy(label) and label != CROWD:
            once.setdefault(same(tidy(label)), tidy(label))
    return sorted(once.values())


def _is_void(label: str) -> bool:
    return label.lower() in VOID_NAMES


def _listed(
    names: Mapping[str, str], files: Sequence[ClassFile], given: Corrections
) -> tuple[list[str], str]:
    """The names of a file that has those of all labels, and the file."""
    if given.labels or given.classes:
        return [], ""
    for file in files:
        listed = named(file.by_id[i] for i in sorted(file.by_id))
        if listed and set(names.values()) <= {VOID, *_GROUND, *listed}:
            return listed, file.path
    return [], ""


def _ground(names: Sequence[str]) -> str:
    """What stands for the ground among the classes, or "background"."""
    alike = [name for name in names if name.lower() in _GROUND]
    return alike[0] if alike else "background"


def _stated(classes: Sequence[str], stated: Sequence[str]) -> list[str]:
    if missing := [name for name in classes if name not in stated]:
        raise DeclarationError(
            f"--classes leaves out {few(missing, 24)}. Name all, in the order of their ids; what "
            "labels mean say with --labels, what no shape covers with --ground"
        )
    return list(stated)


def _doubts(names: Mapping[str, str], given: Corrections) -> list[Question]:
    stated = given.labels or {}
    doubtful = [
        label
        for label, name in names.items()
        if name != VOID and name.lower() in MAYBE_VOID and label not in stated
    ]
    if not doubtful:
        return []
    return [
        Question(
            "values",
            f"There is a label {few([repr(label) for label in doubtful])}. Is it a class, or void, "
            "which is neither learnt nor scored?",
            f"--labels={','.join(f'{label}={VOID}' for label in doubtful)}",
        )
    ]


def _of_ground(ground: str, given: Corrections) -> list[Question]:
    if given.ground or ground == VOID:
        return []
    return [
        Question(
            "values",
            f"Pixels that no shape covers are {ground!r}. Or are they void, which is neither "
            "learnt nor scored?",
            f"--ground={ground}, or --ground={VOID}",
        )
    ]


def _crowds(found: Sequence[str], given: Corrections) -> list[Question]:
    if CROWD not in found or "crowd" in given.options:
        return []
    return [
        Question(
            "values",
            "Some shapes are crowds (`iscrowd`), taken for void, as in COCO's own evaluation. Or "
            "are they of the class that they state?",
            "--option=crowd=void",
        )
    ]
