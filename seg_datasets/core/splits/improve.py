"""Improve: a deal of groups to splits, how far off its shares are, and how to mend that."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

# Products and sums in all rounds together: under a second, whatever the number of groups.
_WORK = 200_000_000
# Groups of each of two splits that are tried in swaps.
_SWAPPED = 200
_NEVER = np.iinfo(np.int64).max // 2


@dataclasses.dataclass
class Deal:
    """Groups in splits, and what each split has too much.

    Attributes:
      parts: parts of the whole for each split.
      having: group × needed class → whether it has it.
      held: the same as lists of classes.
      units: group × column → what it holds, in equal parts of the column's sum.
      weight: column → how much it counts.
      price: split → what a squared unit of distance costs there.
      surplus: split × column → units above its share.
      present: split × needed class → groups that have it.
      split_of: group → split, -1 for none yet.
    """

    parts: Sequence[int]
    having: np.ndarray
    held: list[list[int]]
    units: np.ndarray
    weight: np.ndarray
    price: np.ndarray
    surplus: np.ndarray
    present: np.ndarray
    split_of: np.ndarray

    def __post_init__(self) -> None:
        self.weighted = self.units * self.weight
        self.square = (self.weighted * self.units).sum(axis=1)

    @classmethod
    def make(cls, amounts: np.ndarray, parts: Sequence[int], having: np.ndarray) -> Deal:
        """A deal with no group placed yet."""
        columns = amounts.shape[1]
        # Samples count as much as all classes together.
        weight = np.ones(columns, np.int64)
        weight[-1] = max(1, columns - 1)
        price = [min(256, max(1, round(4 * max(parts) / part))) for part in parts]
        # So small that no sum of products below leaves 63 bits.
        bits = (62 - 4 - max(price).bit_length() - int(weight.sum()).bit_length()) // 2
        units = np.stack([_in_units(column, bits) for column in amounts.T], axis=1)
        whole = sum(parts)
        sums = [int(n) for n in units.sum(axis=0)]
        shares = [
            [-((total * part * 2 + whole) // (2 * whole)) for total in sums] for part in parts
        ]
        return cls(
            parts=parts,
            having=having,
            held=[np.flatnonzero(row).tolist() for row in having],
            units=units,
            weight=weight,
            price=np.array(price, np.int64),
            surplus=np.array(shares, np.int64),
            present=np.zeros((len(parts), having.shape[1]), np.int64),
            split_of=np.full(len(amounts), -1, np.int64),
        )

    def place(self, group: int, split: int) -> None:
        """Puts a group into a split, out of the one it was in."""
        before = int(self.split_of[group])
        if before >= 0:
            self.surplus[before] -= self.units[group]
            self.present[before] -= self.having[group]
        self.surplus[split] += self.units[group]
        self.present[split] += self.having[group]
        self.split_of[group] = split

    def prices(self, group: int) -> list[int]:
        """What it adds to the distance to put a group into each split."""
        added = 2 * (self.surplus @ self.weighted[group]) + self.square[group]
        return (self.price * added).tolist()

    def distance(self) -> int:
        """How far all splits are from their shares."""
        squares = (self.surplus * self.surplus * self.weight).sum(axis=1)
        return sum(int(p) * int(n) for p, n in zip(self.price, squares, strict=True))


def improve(deal: Deal, *, kept: Mapping[int, int]) -> None:
    """Moves groups, and swaps two, as long as that brings the splits nearer to their shares.

    Never takes the last group of a needed class out of a split.

    Args:
      deal: every group placed; changed in place.
      kept: groups that stay where they are.
    """
    groups, columns = deal.units.shape
    splits = len(deal.parts)
    free = np.ones(groups, bool)
    free[list(kept)] = False
    once = groups * columns * splits
    pairs = splits * (splits - 1) // 2 * min(groups, _SWAPPED) ** 2 * columns
    work = _WORK
    while work >= 0:
        gains = _gains(deal, free)
        work -= once
        group, split = divmod(int(gains.argmin()), splits)
        if gains[group, split] < 0:
            deal.place(group, split)
            continue
        work -= pairs
        if work < 0 or not _swap(deal, free, gains):
            return


def _gains(deal: Deal, free: np.ndarray) -> np.ndarray:
    """Group × split → what moving the group there adds to the distance; `_NEVER` where it may
    not."""
    rows = np.arange(len(deal.split_of))
    overlap = 2 * (deal.weighted @ deal.surplus.T)
    square = deal.square
    out = deal.price[deal.split_of] * (square - overlap[rows, deal.split_of])
    gains = deal.price * (overlap + square[:, None]) + out[:, None]
    last = deal.having & (deal.present[deal.split_of] == 1)
    gains[last.any(axis=1) | ~free] = _NEVER
    gains[rows, deal.split_of] = _NEVER
    return gains


def _swap(deal: Deal, free: np.ndarray, gains: np.ndarray) -> bool:
    """Makes the best swap of two groups; False where none is worth it."""
    best = (0, -1, -1)
    del gains
    for one in range(len(deal.parts)):
        for other in range(one + 1, len(deal.parts)):
            best = min(best, _best_swap(deal, free, one, other))
    if best[0] >= 0:
        return False
    _, group, partner = best
    here, there = int(deal.split_of[group]), int(deal.split_of[partner])
    deal.place(group, there)
    deal.place(partner, here)
    return True


def _best_swap(deal: Deal, free: np.ndarray, one: int, other: int) -> tuple[int, int, int]:
    """The swap between two splits that adds least to the distance: (what, group, group)."""
    first, second = (_candidates(deal, free, a, b) for a, b in ((one, other), (other, one)))
    if not (len(first) and len(second)):
        return (0, -1, -1)
    a, b = deal.weighted[first], deal.weighted[second]
    square = deal.square[first][:, None] + deal.square[second] - 2 * (a @ deal.units[second].T)
    pull = 2 * (deal.price[other] * deal.surplus[other] - deal.price[one] * deal.surplus[one])
    added = (a @ pull)[:, None] - (b @ pull) + (deal.price[one] + deal.price[other]) * square
    for here, there, split, flip in ((first, second, one, False), (second, first, other, True)):
        # Whether a group would take the last of a class away that its partner does not bring.
        last = (deal.having[here] & (deal.present[split] == 1)).astype(np.int64)
        robs = (last @ (~deal.having[there]).astype(np.int64).T) > 0
        added[robs.T if flip else robs] = _NEVER
    group, partner = divmod(int(added.argmin()), len(second))
    return int(added[group, partner]), int(first[group]), int(second[partner])


def _candidates(deal: Deal, free: np.ndarray, here: int, there: int) -> np.ndarray:
    """Groups of a split that would cost least in another; all of them where they are few."""
    rows = np.flatnonzero((deal.split_of == here) & free)
    if len(rows) <= _SWAPPED:
        return rows
    pull = deal.price[there] * deal.surplus[there] - deal.price[here] * deal.surplus[here]
    cost = deal.weighted[rows] @ pull
    return rows[np.argsort(cost, kind="stable")[:_SWAPPED]]


def _in_units(column: np.ndarray, bits: int) -> np.ndarray:
    """Amounts as whole numbers of 2**-bits of their sum, rounded."""
    total = int(column.sum())
    if not total:
        return np.zeros(len(column), np.int64)
    # Pixels of a large set times 2**bits would leave 63 bits.
    spare = max(0, total.bit_length() + bits + 1 - 62)
    total = max(1, total >> spare)
    return ((column >> spare) * (2 << bits) + total) // (2 * total)
