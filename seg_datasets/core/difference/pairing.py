"""Pairing: the same sample in two versions, by id, and by image where it was renamed."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

from seg_datasets.core.manifest import ManifestError, Row


def side_by_side(
    before: Iterable[Row], after: Iterable[Row]
) -> Iterator[tuple[Row, Row] | tuple[Row, None] | tuple[None, Row]]:
    """The rows of each sample in both versions; None where one has no such sample.

    Samples are the same by id; of those that are left, by their image: the same labels too where
    there is a choice, then in the order of ids.

    Raises:
      ManifestError: an id stands twice.
    """
    left, added = _Rows(), _Rows()
    for row in before:
        left.add(row)
    for row in after:
        if was := left.take(row.id):
            yield was, row
        elif row.id in left:
            raise ManifestError(f"the id {row.id!r} stands twice in a manifest; build again")
        else:
            added.add(row)
    for same in (lambda row: (row.image, row.ids), lambda row: row.image):
        waiting: dict[Any, list[str]] = {}
        for name in reversed(left.names()):
            waiting.setdefault(same(left.get(name)), []).append(name)
        for name in added.names():
            if names := waiting.get(same(added.get(name))):
                was, now = left.take(names.pop()), added.take(name)
                if was and now:
                    yield was, now
    for name in left.names():
        yield left.get(name), None
    for name in added.names():
        yield None, added.get(name)


class _Rows:
    """Rows by id, packed: about 270 bytes for each, of which there may be millions."""

    _LAYOUT = struct.Struct("<6I16s16s")
    _TAKEN = b""

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}
        self._number: dict[str, int] = {}
        self._word: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def names(self) -> list[str]:
        """Ids of the rows that were not taken, sorted."""
        return sorted(name for name, packed in self._rows.items() if packed)

    def add(self, row: Row) -> None:
        """Keeps a row."""
        if row.id in self._rows:
            raise ManifestError(f"the id {row.id!r} stands twice in a manifest; build again")
        # A group of its own has the sample's name, which is there already.
        group = 0 if row.group == row.id else 1 + self._numbered(row.group)
        self._rows[row.id] = self._LAYOUT.pack(
            *(self._numbered(row.split), row.shard, row.at, group, row.height, row.width),
            *(row.image, row.ids),
        )

    def get(self, name: str) -> Row:
        """A row that is there."""
        split, shard, at, group, *size, image, ids = self._LAYOUT.unpack(self._rows[name])
        group_name = self._word[group - 1] if group else name
        return Row(name, self._word[split], shard, at, group_name, image, ids, *size)

    def take(self, name: str) -> Row | None:
        """A row, which is then gone; None where it is not there."""
        if not self._rows.get(name):
            return None
        row = self.get(name)
        self._rows[name] = self._TAKEN
        return row

    def _numbered(self, word: str) -> int:
        if word not in self._number:
            self._number[word] = len(self._word)
            self._word.append(word)
        return self._number[word]
