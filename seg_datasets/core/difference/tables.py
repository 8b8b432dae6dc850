"""Tables: what became of the classes between two versions, and which id stands for which."""

from __future__ import annotations

import dataclasses

import numpy as np

from seg_datasets.core.classes import VOID
from seg_datasets.core.difference.pixels import GONE
from seg_datasets.core.difference.versions import Version
from seg_datasets.core.sample import same


@dataclasses.dataclass(frozen=True)
class ClassChanges:
    """What became of the classes.

    Attributes:
      added: (name, id).
      removed: (name, id).
      renamed: (name before, name after): a name that differs in case or Unicode form only, or a
        new name at the id of one that is gone.
      renumbered: (name after, id before, id after).
      recoloured: (name after, colour before, colour after); () where colours are not known.
      void_id: (before, after), or None where it is the same.
    """

    added: tuple[tuple[str, int], ...] = ()
    removed: tuple[tuple[str, int], ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    renumbered: tuple[tuple[str, int, int], ...] = ()
    recoloured: tuple[tuple[str, str, str], ...] = ()
    void_id: tuple[int, int] | None = None

    @property
    def differ(self) -> bool:
        """Whether the class table changed."""
        return self != ClassChanges()

    @property
    def same_ids(self) -> bool:
        """Whether an id that both versions have means the same class in both."""
        return not self.renumbered and self.void_id is None


def compare(before: Version, after: Version) -> ClassChanges:
    """What became of the classes."""
    old, new = before.entry.classes, after.entry.classes
    ids = counterparts(old, new)
    colours = (
        (new[j], _hex(before.palette[i]), _hex(after.palette[j]))
        for i, j in sorted(ids.items())
        if before.palette is not None and after.palette is not None
    )
    return ClassChanges(
        added=tuple((name, j) for j, name in enumerate(new) if j not in ids.values()),
        removed=tuple((name, i) for i, name in enumerate(old) if i not in ids),
        renamed=tuple((old[i], new[j]) for i, j in sorted(ids.items()) if old[i] != new[j]),
        renumbered=tuple((new[j], i, j) for i, j in sorted(ids.items()) if i != j),
        recoloured=tuple(row for row in colours if row[1] != row[2]),
        void_id=(before.void_id, after.void_id) if before.void_id != after.void_id else None,
    )


def counterparts(old: tuple[str, ...], new: tuple[str, ...]) -> dict[int, int]:
    """Id before → id after of the same class: by name, by its spelling, then by id."""
    ids = {i: new.index(name) for i, name in enumerate(old) if name in new}
    for alike in (same, None):
        free = [j for j in range(len(new)) if j not in ids.values()]
        for i in (i for i in range(len(old)) if i not in ids):
            found = [j for j in free if (alike(new[j]) == alike(old[i]) if alike else j == i)]
            if len(found) == 1:
                ids[i] = found[0]
                free.remove(found[0])
    return ids


def id_after(before: Version, after: Version) -> np.ndarray:
    """For each id of a mask before, what it is after, or GONE."""
    table = np.full(256, GONE, np.int16)
    for i, j in counterparts(before.entry.classes, after.entry.classes).items():
        table[i] = j
    table[before.void_id] = after.void_id
    return table


def name_of(class_id: int, version: Version) -> str:
    """What an id means in a version."""
    if class_id == version.void_id:
        return VOID
    names = version.entry.classes
    return names[class_id] if class_id < len(names) else f"id {class_id}"


def _hex(colour: tuple[int, int, int]) -> str:
    return "#" + bytes(colour).hex()
