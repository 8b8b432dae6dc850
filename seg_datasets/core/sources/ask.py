"""Ask: what an export of a tool does not tell, found by a look through it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from seg_datasets.core.classes import few
from seg_datasets.core.sample import same
from seg_datasets.core.sources import annotated, object_masks, via
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.layout import Question

# The source, with what it needs to be read at all, and the questions behind that.
Asked = tuple[Any, list[Question]]

# Attributes that are called so hold the class more often than others, the first most often.
CLASS_WORDS = ("class", "label", "category", "name", "type")


def nothing(folder: Folder, source: Any) -> Asked:
    """A tool whose files tell all."""
    del folder
    return source, []


def name_of_objects(folder: Folder, source: object_masks.ObjectMasks) -> Asked:
    """What the objects are whose masks tell no label."""
    del folder
    if source.label != object_masks.ObjectMasks().label:
        return source, []
    text = f"The masks tell no label, {source.label!r} is taken here. What are the objects called?"
    return source, [Question("classes", text, "--option=label=NAME", blocking=True)]


def attribute(folder: Folder, source: via.Via) -> Asked:
    """Which region attribute of VIA holds the class."""
    if source.attribute:
        return source, []
    held: dict[str, Counter[str]] = {}
    kinds: Counter[tuple[tuple[str, str], ...]] = Counter()
    for path in annotated.files(folder, source.annotations, ignore=source.ignore):
        for given in via.labels_of(folder, path):
            texts = {name: label for name, label in given.items() if name.strip()}
            kinds[tuple((name, same(label.strip())) for name, label in texts.items())] += 1
            for name, label in texts.items():
                held.setdefault(name, Counter())[label] += 1
    if len(held) < 2:
        return dataclasses.replace(source, attribute=next(iter(held), "")), []
    order = sorted(held, key=lambda name: (-held[name].total(), _word(name), name))
    regions = kinds.total()
    rivals = [name for name in order if 2 * held[name].total() > held[order[0]].total()]
    alike = all(len({said for name, said in one if name in rivals}) < 2 for one in kinds)
    shown = [
        f"{name!r} (of {held[name].total()} of {regions} regions, such as "
        f"{few([repr(label) for label in sorted(held[name])], 3)})"
        for name in order
    ]
    return dataclasses.replace(source, attribute=order[0]), [
        Question(
            "classes",
            f"Regions have several attributes: {few(shown, 6)}. Which holds the class? "
            f"{order[0]!r} is taken here.",
            f"--option=attribute={order[0]}",
            blocking=not alike,
        )
    ]


def _word(name: str) -> int:
    low = name.strip().lower()
    return CLASS_WORDS.index(low) if low in CLASS_WORDS else len(CLASS_WORDS)
