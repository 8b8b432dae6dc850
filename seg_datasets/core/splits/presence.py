"""Presence: that no split stays without a class that there are groups enough of.

A bounded search with forward checking. Groups are placed one after the other; a class that has just
as many unplaced groups as splits that still lack it is *tight*, and its groups may go to those
splits only. A group that could go nowhere ends a branch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

# Groups placed in a search, those taken back counted again, before it gives up; and groups looked
# at for each.
_PLACED = 20_000
_SEEN = 32


class Needs:
    """Which splits still lack which classes, while groups are placed one by one.

    Args:
      held: for each group, the classes that every split must have.
      classes: how many such classes there are.
      splits: how many splits.
    """

    def __init__(self, held: Sequence[Sequence[int]], *, classes: int, splits: int):
        self.held = held
        self.everywhere = (1 << splits) - 1
        self.lacking = [self.everywhere] * classes  # class → splits that lack it, as bits
        self.unplaced = [0] * classes  # class → groups that have it and are nowhere yet
        for group in held:
            for one in group:
                self.unplaced[one] += 1
        self.unmet = sum(map(bool, self.lacking))

    def place(self, group: int, split: int) -> tuple[int, ...]:
        """Places a group; returns the classes that the split had lacked."""
        bit, gained = 1 << split, []
        for one in self.held[group]:
            self.unplaced[one] -= 1
            if self.lacking[one] & bit:
                self.lacking[one] ^= bit
                self.unmet -= not self.lacking[one]
                gained.append(one)
        return tuple(gained)

    def take_back(self, group: int, split: int, gained: Sequence[int]) -> None:
        """Undoes `place`."""
        for one in self.held[group]:
            self.unplaced[one] += 1
        for one in gained:
            self.unmet += not self.lacking[one]
            self.lacking[one] ^= 1 << split

    def allowed(self, group: int) -> int:
        """Splits, as bits, that the group can go to without one class falling short at once."""
        allowed = self.everywhere
        for one in self.held[group]:
            if self.slack(one) <= 0:
                allowed &= self.lacking[one]
        return allowed

    def slack(self, one: int) -> int:
        """How many groups with this class may go to splits that have it already."""
        lacking = self.lacking[one]
        return self.unplaced[one] - lacking.bit_count() if lacking else 1 << 60


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
      placed: group → split for as many groups as meet all needs; None where there is no way.
      complete: whether the search saw all ways; else it gave up.
    """

    placed: dict[int, int] | None
    complete: bool = True


def search(
    held: Sequence[Sequence[int]],
    *,
    classes: int,
    splits: Sequence[int],
    fixed: Mapping[int, int],
    most: int = _PLACED,
) -> Found:
    """Places groups until every split has every class, or shows that it cannot be.

    Args:
      held: for each group, the classes that every split must have; groups first that are to be
        placed first.
      classes: how many such classes there are.
      splits: how many parts of the whole each split gets; the larger is tried first.
      fixed: group → split that is settled.
      most: groups placed before it gives up.
    """
    needs = Needs(held, classes=classes, splits=len(splits))
    for group, split in fixed.items():
        needs.place(group, split)
    members: list[list[int]] = [[] for _ in range(classes)]
    for group, having in enumerate(held):
        for one in having:
            members[one].append(group)
    by_size = sorted(range(len(splits)), key=lambda split: (-splits[split], split))
    placed = dict(fixed)
    if any(needs.slack(one) < 0 for one in range(classes)):
        return Found(None)
    stack: list[tuple[int, Iterator[int], int, tuple[int, ...]]] = []
    moves = 0
    while needs.unmet:
        bound = _most_bound(needs, members, placed)
        if bound is not None:
            stack.append((bound, _ways(needs, bound, by_size, placed), -1, ()))
        # On to the next way of this group, or back to one that has another.
        while stack:
            group, ways, split, gained = stack.pop()
            if split >= 0:
                needs.take_back(group, split, gained)
                del placed[group]
            split = next(ways, -1)
            if split >= 0:
                gained = needs.place(group, split)
                placed[group] = split
                stack.append((group, ways, split, gained))
                break
        else:
            return Found(None)
        moves += 1
        if moves > most:
            return Found(None, complete=False)
    return Found(placed)


def _most_bound(needs: Needs, members: list[list[int]], placed: dict[int, int]) -> int | None:
    """The group with the fewest ways to go, of the scarcest classes; None where one has none."""
    slacks = [needs.slack(one) for one in range(len(members))]
    least = min(slacks)
    best: tuple[int, int, int] | None = None
    for one, slack in enumerate(slacks):
        if slack != least:
            continue
        free = (group for group in members[one] if group not in placed)
        for _, group in zip(range(_SEEN), free, strict=False):
            ways = needs.allowed(group).bit_count()
            if not ways:
                return None
            key = (ways, -len(needs.held[group]), group)
            best = key if best is None else min(best, key)
    return None if best is None else best[2]


def _ways(needs: Needs, group: int, by_size: list[int], placed: dict[int, int]) -> Iterator[int]:
    """Splits to try: first where the group meets most needs. Of empty ones, which are alike as far
    as presence goes, only the first."""
    allowed = needs.allowed(group)
    used = set(placed.values())
    empty = [split for split in by_size if split not in used and allowed >> split & 1]
    ways = [split for split in by_size if split in used and allowed >> split & 1] + empty[:1]
    met = {s: sum(needs.lacking[one] >> s & 1 for one in needs.held[group]) for s in ways}
    yield from sorted(ways, key=lambda split: (-met[split], by_size.index(split)))
