"""Balance: whole groups to splits, so that each split gets its share of every class.

First greedy, the groups with the rarest class first: they have the fewest ways to go. Then moves of
one group and swaps of two, as long as one brings the splits nearer to their shares. What counts is
the squared distance from the share over the share, of each class and of the samples; a small split
that is off by a hundredth is further off than a large one.

All of it in whole numbers: a class's pixels are counted in equal parts of the whole, so sums do not
depend on their order, ties are ties, and the answer is the same on every machine.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from seg_datasets.core.classes import VOID_ID
from seg_datasets.core.columns import Facts
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.splits import presence
from seg_datasets.core.splits.improve import Deal, improve

# Deals tried, up to so many groups; the nearest to the shares is taken.
_DEALS = ((64, 16), (512, 4))


@dataclasses.dataclass(frozen=True)
class Table:
    """What each group holds.

    Attributes:
      groups: their names, sorted.
      classes: ids of the classes that occur.
      amounts: group × class → pixels; the last column counts samples.
    """

    groups: tuple[str, ...]
    classes: tuple[int, ...]
    amounts: np.ndarray

    def having(self, column: int) -> list[str]:
        """Groups that have something of a column."""
        return [self.groups[row] for row in np.flatnonzero(self.amounts[:, column])]


def table_of(facts: Sequence[SampleFacts], groups: Sequence[str], of: np.ndarray) -> Table:
    """What groups hold, given their names and which of these each sample has.

    Names may be there twice, and groups without a sample are left out.
    """
    names = sorted({groups[code] for code in np.unique(of).tolist()})
    row_of = {name: row for row, name in enumerate(names)}
    rows = np.array([row_of.get(name, -1) for name in groups], np.int64)[of]
    at, ids, pixels = Facts.of(facts).amounts()
    classes = sorted({*np.unique(ids[pixels > 0]).tolist()} - {VOID_ID})
    known = np.isin(ids, classes)
    amounts = np.zeros((len(names), len(classes) + 1), np.int64)
    np.add.at(amounts, (rows[at[known]], np.searchsorted(classes, ids[known])), pixels[known])
    amounts[:, -1] = np.bincount(rows, minlength=len(names))
    return Table(tuple(names), tuple(classes), amounts)


def coded(groups: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The names of groups, and which of them each sample has."""
    names = sorted({*groups})
    code_of = {name: code for code, name in enumerate(names)}
    return names, np.array([code_of[group] for group in groups], np.int64)


@dataclasses.dataclass(frozen=True)
class Dealt:
    """Groups in splits.

    Attributes:
      split_of: row of the table → index of the split; None where there is no way.
      proven: whether there is none, or none was found.
    """

    split_of: np.ndarray | None
    proven: bool = True


def deal(
    table: Table,
    parts: Sequence[int],
    *,
    fixed: Mapping[int, int],
    seed: str,
    needed: Sequence[int],
) -> Dealt:
    """Deals whole groups to splits.

    Args:
      table: what groups hold.
      parts: how many parts of the whole each split gets.
      fixed: row of the table → split that is settled.
      seed: any text.
      needed: columns that no split may be without.
    """
    having = table.amounts[:, list(needed)] > 0
    rare = _rarity(table.amounts)
    starts = next((deals for most, deals in _DEALS if len(table.groups) <= most), 1)
    best: tuple[int, np.ndarray] | None = None
    rescue: presence.Found | None = None
    for start in range(starts):
        order, hashes = _order(table, rare, f"{seed}\0{start}" if start else seed)
        ordered = Deal.make(table.amounts[order], parts, having[order])
        place = {int(row): i for i, row in enumerate(order)}
        settled = {place[row]: split for row, split in fixed.items()}
        if not _fill(ordered, settled, hashes):
            if rescue is None:
                rescue = presence.search(
                    ordered.held, classes=len(needed), splits=parts, fixed=settled
                )
                if rescue.placed is None:
                    return Dealt(None, rescue.complete)
                rescued = {int(order[i]): split for i, split in rescue.placed.items()}
            ordered = Deal.make(table.amounts[order], parts, having[order])
            _fill(ordered, settled | {place[row]: s for row, s in rescued.items()}, hashes)
        improve(ordered, kept=settled)
        distance = ordered.distance()
        if best is None or distance < best[0]:
            split_of = np.empty(len(order), np.int64)
            split_of[order] = ordered.split_of
            best = (distance, split_of)
    return Dealt(best[1] if best else None)


def _rarity(amounts: np.ndarray) -> np.ndarray:
    """For each group, how many groups have the rarest of its classes."""
    spread = (amounts > 0).sum(axis=0)
    return np.where(amounts > 0, spread, len(amounts) + 1).min(axis=1)


def _order(table: Table, rare: np.ndarray, seed: str) -> tuple[np.ndarray, list[int]]:
    """Groups in the order they are dealt in: rare ones first, then large ones, then by hash."""
    hashes = [
        int.from_bytes(hashlib.sha256(f"{seed}\0{name}".encode()).digest()[:8], "big")
        for name in table.groups
    ]
    # By the size's order of magnitude: within it, another seed is another deal.
    totals = [max(int(total), 1) for total in table.amounts.sum(axis=0)]
    sizes = [
        max(int(n) * 1024 // total for n, total in zip(row, totals, strict=True)).bit_length()
        for row in table.amounts.tolist()
    ]
    order = sorted(range(len(hashes)), key=lambda i: (rare[i], -sizes[i], hashes[i], i))
    return np.array(order, np.int64), [hashes[i] for i in order]


def _fill(deal: Deal, settled: Mapping[int, int], hashes: Sequence[int]) -> bool:
    """Places every group where it is needed most; False where a need could not be met."""
    needs = presence.Needs(deal.held, classes=deal.having.shape[1], splits=len(deal.parts))
    for group, split in settled.items():
        needs.place(group, split)
        deal.place(group, split)
    splits = range(len(deal.parts))
    for group in range(len(hashes)):
        if group in settled:
            continue
        allowed = needs.allowed(group) if needs.unmet else needs.everywhere
        if not allowed:
            return False
        price, turn = deal.prices(group), hashes[group]
        split = min(
            (s for s in splits if allowed >> s & 1),
            # Between equal splits the hash decides, so that the first is not always the fuller.
            key=lambda s: (price[s], (s + turn) % len(splits)),
        )
        if needs.unmet:
            needs.place(group, split)
        deal.place(group, split)
    return not needs.unmet
