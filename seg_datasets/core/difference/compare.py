"""Compare: two versions by their entries, their manifests and, where labels changed, their records.

Of a million samples, those whose digests agree are never read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seg_datasets.core import manifest
from seg_datasets.core.difference import pixels, tables
from seg_datasets.core.difference.changes import (
    Difference,
    Example,
    Listed,
    PairChange,
    RawChanges,
    SampleChanges,
)
from seg_datasets.core.difference.pairing import side_by_side
from seg_datasets.core.difference.tables import ClassChanges
from seg_datasets.core.difference.versions import Version
from seg_datasets.core.ledger import DIGITS
from seg_datasets.core.manifest import ManifestError, Row
from seg_datasets.core.survey import bar

_KINDS = (
    *("added", "removed", "renamed", "relabelled"),
    *("resized", "new_image", "moved", "regrouped"),
)


def between(before: Version, after: Version, *, most: int) -> Difference:
    """What changed between two versions.

    Args:
      before: the older one.
      after: the newer one.
      most: so many examples of each kind of change; 0 for all.

    Raises:
      ManifestError: a manifest is missing or damaged.
      RecordError: a record that has to be read is.
    """
    notes = []
    old, new = before.entry, after.entry
    classes = tables.compare(before, after)
    samples = None
    if before.folder and after.folder:
        samples = _samples(before, after, classes, most=most)
    else:
        absent = [v.name for v in (before, after) if not v.folder]
        notes.append(
            f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not prepared here, so "
            "the ledger is compared: samples, pixels and colours need both prepared"
        )
    splits = {
        name: (
            old.splits.get(name, {}).get("examples", 0),
            new.splits.get(name, {}).get("examples", 0),
            old.splits.get(name, {}).get("content") == new.splits.get(name, {}).get("content"),
        )
        for name in sorted({*old.splits, *new.splits})
    }
    if all(same for _, _, same in splits.values()) and old.splits != new.splits:
        notes.append(
            "record files differ (format, number of shards or the encoder's build), their content "
            "does not"
        )
    return Difference(
        before=before,
        after=after,
        classes=classes,
        split_rule=_unequal(old.split_rule, new.split_rule),
        image=_unequal(old.image, new.image),
        splits=splits,
        raw=_raw(before, after, most=most),
        samples=samples,
        notes=tuple(notes),
    )


class _Pile:
    """Counts examples and keeps the first ones by their rank: bounded memory, any order."""

    def __init__(self, most: int):
        self.count, self._most = 0, most
        self._kept: list[tuple[tuple[Any, ...], Example]] = []

    def add(self, *rank: Any, **example: Any) -> None:
        self.count += 1
        self._kept.append((rank, example))
        if self._most and len(self._kept) >= 2 * self._most + 100:
            self._trim()

    def listed(self) -> Listed:
        self._trim()
        return Listed(self.count, tuple(example for _, example in self._kept))

    def _trim(self) -> None:
        self._kept.sort(key=lambda kept: kept[0])
        del self._kept[self._most or len(self._kept) :]


def _samples(before: Version, after: Version, classes: ClassChanges, *, most: int) -> SampleChanges:
    piles = {kind: _Pile(most) for kind in _KINDS}
    moves: Counter[tuple[str, str]] = Counter()
    found: Counter[tuple[str, str]] = Counter()
    samples: Counter[tuple[str, str]] = Counter()
    compared = read = 0

    def same_size(progress: Callable[[int], object]) -> Iterator[tuple[Row, Row]]:
        """Sorts the samples into piles; hands on those whose masks have to be read."""
        nonlocal compared
        rows = (_rows(version, progress) for version in (before, after))
        for was, now in side_by_side(*rows):
            if was is None or now is None:
                _lone(piles, was, now)
                continue
            _pair(piles, was, now)
            if was.split != now.split:
                moves[was.split, now.split] += 1
            if (was.height, was.width) != (now.height, now.width):
                continue
            compared += now.height * now.width
            if was.ids != now.ids or not classes.same_ids:
                yield was, now

    total = sum(s["examples"] for v in (before, after) for s in v.entry.splits.values())
    with bar("Comparing samples", total) as progress:
        pairs = pixels.compare(same_size(progress), before, after, tables.id_after(before, after))
        for now, changed in pairs:
            read += 1
            named = _by_name(changed, before, after)
            if count := sum(named.values()):
                found.update(named)
                samples.update(named.keys())
                piles["relabelled"].add(
                    -count,
                    now.id,
                    id=now.id,
                    pixels=count,
                    of=now.height * now.width,
                    pairs=[[*pair, n] for pair, n in _most_first(named)],
                )
    return SampleChanges(
        **{kind: pile.listed() for kind, pile in piles.items()},
        moves=tuple((*pair, n) for pair, n in _most_first(moves)),
        pairs=tuple(PairChange(*pair, n, samples[pair]) for pair, n in _most_first(found)),
        compared=compared,
        read=read,
    )


def _lone(piles: Mapping[str, _Pile], was: Row | None, now: Row | None) -> None:
    kind, row = ("added", now) if now else ("removed", was)
    assert row
    piles[kind].add(row.id, id=row.id, split=row.split)


def _pair(piles: Mapping[str, _Pile], was: Row, now: Row) -> None:
    """Everything about a pair but its labels."""

    def note(kind: str, old: Any, new: Any) -> None:
        if old != new:
            piles[kind].add(now.id, id=now.id, before=old, after=new)

    note("renamed", was.id, now.id)
    note("moved", was.split, now.split)
    note("resized", [was.height, was.width], [now.height, now.width])
    note("new_image", was.image.hex(), now.image.hex())
    if (was.group, now.group) != (was.id, now.id):  # where each stands alone, groups are ids
        note("regrouped", was.group, now.group)


def _rows(version: Version, progress: Callable[[int], object]) -> Iterator[Row]:
    """The manifest's rows, which are as many as the records."""
    assert version.folder
    counts: Counter[str] = Counter()
    wanted = {name: fields["examples"] for name, fields in version.entry.splits.items()}
    for row in manifest.read(version.folder):
        counts[row.split] += 1
        if counts[row.split] > wanted.get(row.split, 0):
            break
        progress(1)
        yield row
    if counts != Counter(wanted):
        examples = ", ".join(f"{split} {n:,}" for split, n in sorted(wanted.items()))
        raise ManifestError(
            f"{version.folder / manifest.NAME} has other rows than the version has examples "
            f"({examples}); delete the version's folder and build it again"
        )


def _by_name(
    changed: pixels.Pixels, before: Version, after: Version
) -> Mapping[tuple[str, str], int]:
    return {
        (tables.name_of(old, before), tables.name_of(new, after)): count
        for (old, new), count in changed.items()
    }


def _most_first(counts: Mapping[tuple[str, str], int]) -> list[tuple[tuple[str, str], int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _raw(before: Version, after: Version, *, most: int) -> RawChanges:
    old, new = before.entry, after.entry
    named = bool(old.files and new.files)
    piles = {kind: _Pile(most) for kind in ("added", "removed", "altered")}
    if named:
        for name in {**old.files, **new.files}:
            was, now = old.files.get(name), new.files.get(name)
            if was is None:
                piles["added"].add(name, file=name)
            elif now is None:
                piles["removed"].add(name, file=name)
            elif was[:DIGITS] != now[:DIGITS]:
                piles["altered"].add(name, file=name)
    return RawChanges(
        (old.raw_files, new.raw_files),
        (old.raw_digest, new.raw_digest),
        named,
        **{kind: pile.listed() for kind, pile in piles.items()},
    )


def _unequal(old: str, new: str) -> tuple[str, str] | None:
    return None if old == new else (old, new)
