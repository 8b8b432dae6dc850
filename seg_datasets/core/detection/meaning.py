"""Meaning: from what masks hold to classes, with a question wherever the files do not tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from seg_datasets.core.classes import (
    VOID,
    VOID_ID,
    ClassTable,
    DeclarationError,
    RawValue,
    Threshold,
    Values,
    few,
)
from seg_datasets.core.detection.class_files import MAYBE_VOID, ClassFile
from seg_datasets.core.detection.corrections import Corrections, named
from seg_datasets.core.detection.encoding import Encoding
from seg_datasets.core.sources import Question

# The colour in which Pascal VOC draws what is not scored.
_VOC_VOID = 0xE0E0C0


class MeaningError(ValueError):
    """What the masks hold cannot be classes."""


@dataclasses.dataclass(frozen=True)
class Meaning:
    """Classes, and how raw values lead to them.

    Attributes:
      classes: the class table.
      values: as `ImageMaskFolders` takes it.
      saw: what it rests on, one line each.
      questions: what the files do not tell.
    """

    classes: ClassTable
    values: Values | None
    saw: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()


def find(encoding: Encoding, files: Sequence[ClassFile], given: Corrections) -> Meaning:
    """The classes of masks that were looked at.

    Raises:
      MeaningError: the masks hold numbers of objects, or more values than there can be classes.
      DeclarationError: the corrections do not fit the masks.
    """
    saw = [sentence(encoding)]
    if given.values is not None:
        return Meaning(ClassTable(*named(given.values.values())), given.values, tuple(saw))
    if given.threshold is not None:
        below, above = given.classes or ("class_0", "class_1")
        cut = Threshold(given.threshold, below, above)
        unnamed = () if given.classes else (_naming({}),)
        return Meaning(ClassTable(below, above), cut, tuple(saw), unnamed)
    if encoding.kind == "segments" or len(encoding.levels) > VOID_ID:
        raise MeaningError(
            f"the masks hold {len(encoding.pixels)} different "
            f"{'numbers' if encoding.bands == 1 else 'colours'}, as numbers of objects do "
            "(instance or panoptic masks): which class each has stands elsewhere. Give the folder "
            "of class masks with --masks, or export such masks"
        )
    if not encoding.levels:
        raise MeaningError("the masks hold no value that covers an area: are they masks?")
    names, questions, source = _names(encoding, files, given)
    saw += [source] if source else []
    if encoding.kind == "blended":
        questions = [_blended(encoding, names), *questions]
    if encoding.odd:
        questions.append(_odd(encoding))
    found = named(names.values())
    if not found:
        raise MeaningError("the masks hold void only")
    classes = ClassTable(*found)
    return Meaning(classes, _values(encoding, names, classes), tuple(saw), tuple(questions))


def _names(
    encoding: Encoding, files: Sequence[ClassFile], given: Corrections
) -> tuple[dict[int, str], list[Question], str]:
    """Raw value → name, what is open about them, and where they come from."""
    levels = encoding.levels
    if given.classes:
        return _stated(levels, given.classes, encoding), [], ""
    unfit = []
    for file in files:
        if names := _from_file(encoding, file):
            return names, _doubts(names, file, encoding), f"class names: {file.path}"
        unfit.append(f"{file.path} ({len(file.by_id) or len(file.by_colour)} names)")
    void = _void_of(encoding)
    names = {v: _placeholder(index, v, encoding) for index, v in enumerate(levels)}
    if void is not None:
        names[void] = VOID
    saw = f"does not fit the masks, not used: {few(unfit)}" if unfit else ""
    return names, [_naming(names, encoding)], saw


def _doubts(names: Mapping[int, str], file: ClassFile, encoding: Encoding) -> list[Question]:
    """What a file of names leaves open."""
    doubts = []
    if doubtful := {v: VOID for v, n in names.items() if n.lower() in MAYBE_VOID}:
        doubts.append(
            Question(
                "values",
                f"{file.path} has a class {few([names[v] for v in doubtful])}. Is it a class, or "
                "void, which is neither learnt nor scored?",
                _values_flag({**names, **doubtful}, encoding),
            )
        )
    if encoding.bands == 1 and file.by_id and names.get(0) == VOID and file.by_id.get(0) != VOID:
        doubts.append(
            Question(
                "values",
                f"{file.path} names {len(file.by_id)} classes, and the masks hold 0 and "
                f"1..{max(encoding.levels)}. Is 0 void, and 1 the first class?",
                _values_flag(names, encoding),
                blocking=True,
            )
        )
    return doubts


def _stated(levels: Sequence[int], classes: Sequence[str], encoding: Encoding) -> dict[int, str]:
    void = [v for v in levels if v == VOID_ID] if encoding.bands == 1 else []
    others = [v for v in levels if v not in void]
    ids = encoding.bands == 1 and max(others, default=0) < len(classes)
    if len(classes) == len(levels):
        return dict(zip(levels, classes, strict=True))
    if len(classes) == len(others) or ids:  # 255 beside ids that all have a name
        names = dict(zip(range(len(classes)) if ids else others, classes, strict=True))
        return names | dict.fromkeys(void, VOID)
    raise DeclarationError(
        f"--classes names {len(classes)} classes, and the masks hold {len(levels)} values: "
        f"{few([encoding.label(v) for v in levels], 24)}. Write 'void' for a value that is none"
    )


def _from_file(encoding: Encoding, file: ClassFile) -> dict[int, str]:
    """Raw value → name, where the names of a file fit the masks."""
    levels = encoding.levels
    if encoding.bands == 3:
        known = file.by_colour
        return dict(known) if all(v in known for v in levels) else {}
    if encoding.bands == 1 and file.by_colour and encoding.palette:
        colours = {v: encoding.palette.get(v) for v in levels}
        if all(c in file.by_colour for v, c in colours.items() if v != VOID_ID):
            return {v: file.by_colour.get(c or 0, VOID) for v, c in colours.items()}
    ids = file.by_id
    if not ids or encoding.bands > 1:
        return {}
    others = [v for v in levels if v != VOID_ID or v in ids]
    rest = {v: VOID for v in levels if v not in others}
    if all(v in ids for v in others):
        return {**ids, **rest}
    if others[0] == 0 and all(v in ids for v in others[1:]):
        return {0: VOID, **ids, **rest}
    if len(levels) == len(ids):
        return dict(zip(levels, (ids[i] for i in sorted(ids)), strict=True))
    if sorted(ids) == [*range(len(ids))] and max(others) == len(ids):
        return {0: VOID, **{i + 1: name for i, name in ids.items()}, **rest}
    return {}


def _void_of(encoding: Encoding) -> int | None:
    """The value that is void by custom: 255 beside small ids."""
    levels = encoding.levels
    if encoding.bands != 1 or VOID_ID not in levels or len(levels) < 3:
        return None
    others = [v for v in levels if v != VOID_ID]
    close = any(v + 1 in others for v in others)
    by_custom = encoding.palette.get(VOID_ID) == _VOC_VOID
    return VOID_ID if by_custom or (close and max(others) < 200) else None


def _values(
    encoding: Encoding, names: Mapping[int, str], classes: ClassTable
) -> dict[RawValue, str] | None:
    ids = all(
        v == VOID_ID if name == VOID else v == classes.id_of(name) for v, name in names.items()
    )
    if encoding.bands == 1 and ids:
        return None
    return {v if encoding.bands == 1 else encoding.label(v): name for v, name in names.items()}


def _placeholder(index: int, value: int, encoding: Encoding) -> str:
    return f"class_{value if encoding.bands == 1 else index}"


def _values_flag(names: Mapping[int, str], encoding: Encoding) -> str:
    pairs = [f"{encoding.label(v)}={name}" for v, name in names.items()]
    shown = ",".join(pairs[:12]) + (",…" if len(pairs) > 12 else "")
    return f"--values='{shown}'"


def _naming(names: Mapping[int, str], encoding: Encoding | None = None) -> Question:
    if encoding is None:
        text, flag = "What are the two classes called?", "--classes=LOWER,UPPER"
    else:
        held = [f"{encoding.label(v)} ({_occurrence(v, encoding)})" for v in names]
        text = f"What are the classes called? The masks hold {few(held, 24)}"
        if VOID in names.values():
            text += (
                f"; {encoding.label(VOID_ID)} is taken for void, which is neither learnt nor scored"
            )
        text += ". Write void for a value that is no class."
        flag = _values_flag({v: VOID if n == VOID else "NAME" for v, n in names.items()}, encoding)
        if encoding.kind == "blended" and encoding.bands == 1:
            flag = f"--classes={','.join('NAME' for _ in names)}"
    return Question("classes", text, flag, blocking=True)


def _occurrence(value: int, encoding: Encoding) -> str:
    rare = encoding.rare.get(value)
    return f"{encoding.share(value):.1%}{f', {rare}' if rare else ''}"


def _blended(encoding: Encoding, names: Mapping[int, str]) -> Question:
    levels = [encoding.label(v) for v in encoding.levels]
    what = "colours" if encoding.bands > 1 else "grey values"
    text = (
        f"The masks hold {len(encoding.pixels)} {what}, most of them blends at the edges of "
        f"{few(levels, 24)}"
    )
    if encoding.bands == 1 and len(levels) == 2:
        middle = (sum(encoding.levels) + 1) // 2
        return Question(
            "values",
            f"{text}: the background is {levels[0]}, the foreground {levels[1]}. From which grey "
            "value on is a pixel foreground? The edge is the label: state a `Threshold`.",
            f"--threshold={middle} --classes={','.join(names.values())}",
            blocking=True,
        )
    return Question(
        "values",
        f"{text}. Blends belong to no class: can the masks be exported again without smoothing, as "
        "PNG?",
        blocking=True,
    )


def _odd(encoding: Encoding) -> Question:
    odd = [f"{encoding.label(v)} ({n} px)" for v, n in encoding.odd.items()]
    return Question(
        "values",
        f"{few(odd)} stand{'s' * (len(odd) == 1)} in one mask each, on less than a hundredth of "
        "it, and are taken for mistakes. Are they classes?",
        "--values",
    )


def sentence(encoding: Encoding) -> str:
    """What masks hold, in one line."""
    formats = few([f"{n} {name}" for name, n in encoding.formats.items()])
    values = sorted(encoding.levels, key=lambda v: (-encoding.pixels[v], v))
    shown = few([f"{encoding.label(v)} ({encoding.share(v):.1%})" for v in values], 12)
    kind = {1: "grey values", 3: "colours", 4: "colours with alpha"}[encoding.bands]
    if encoding.palette and encoding.bands == 1:
        kind = "palette indices"
    how = {
        "values": "",
        "blended": ", with soft edges or loss",
        "segments": ", as numbers of objects",
    }[encoding.kind]
    of = f"{encoding.looked_at} of {encoding.of} masks looked at ({formats})"
    levels = "levels" if encoding.kind == "blended" else "values"
    return f"{of}: {len(encoding.pixels)} {kind}{how}; {levels} {shown}"
