"""Components: what hangs together by pairs, in an order of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


class Components:
    """Numbers 0, 1, … that are joined in pairs."""

    def __init__(self, count: int):
        self._above = list(range(count))

    def join(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Joins the two of each pair."""
        for one, other in pairs:
            low, high = sorted((self.first(one), self.first(other)))
            self._above[high] = low

    def first(self, member: int) -> int:
        """The least number that hangs together with this one."""
        path = []
        while self._above[member] != member:
            path.append(member)
            member = self._above[member]
        for passed in path:
            self._above[passed] = member
        return member

    def several(self) -> list[list[int]]:
        """Those of two and more, each sorted, in the order of their first."""
        found: dict[int, list[int]] = defaultdict(list)
        for member in range(len(self._above)):
            found[self.first(member)].append(member)
        return [members for members in found.values() if len(members) > 1]
