"""Grouped: whole groups to splits by a hash of their names."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from seg_datasets.core.classes import few
from seg_datasets.core.columns import Facts
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sources import Folder
from seg_datasets.core.splits import rule as rules
from seg_datasets.core.splits.rule import Assignment, ByRow, SplitError

# Seeds tried for a proposal when a rule leaves a split empty, and groups dealt for it altogether.
_SEEDS_TRIED = 1000
_DEALS_TRIED = 200_000


class Grouped(rules.ByShares):
    """Whole groups to splits by a hash of the group's name.

    Stable: a group's split depends on its name and the rule alone, so adding raw files never moves
    a group that was there. The price is that shares are met on average, not exactly; few groups can
    miss them by far, and `pin` then places some by hand.

    Args:
      group: see `ImageMaskFolders.group`; without it the groups of the source are taken.
      seed: any text; another seed is another deal.
      pin: split → groups that are put there whatever their hash says.
      **shares: split → share, in any unit: `train=80, validation=10, test=10`.
    """

    _rule = "Grouped"

    @functools.cached_property
    def _ends(self) -> dict[str, int]:
        ends = itertools.accumulate(rules.whole_parts(self.shares).values())
        return dict(zip(self.shares, ends, strict=True))

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns whole groups.

        Raises:
          SplitError: a split stays empty, or a pinned group is not there.
        """
        del folder
        facts = Facts.of(facts)
        groups, of = facts.groups()
        counts = np.bincount(of, minlength=len(groups)).tolist()
        sizes = {group: count for group, count in zip(groups, counts, strict=True) if count}
        rules.refuse_unknown_pins(self.pin, sizes)
        deal = self._deal(sizes, self.seed)
        if empty := sorted(self.shares.keys() - set(deal.values())):
            raise SplitError(
                f"{few(empty)} would stay empty: {len(sizes)} groups are dealt by the hash of "
                f"their names. {self._proposal(sizes)}"
            )
        names = [*self.shares]
        codes = np.array([names.index(deal[g]) if g in deal else -1 for g in groups], np.int8)
        return Assignment(ByRow(facts, codes[of], names), wanted=rules.wanted(self.shares))

    def _deal(self, groups: Mapping[str, int], seed: str) -> dict[str, str]:
        return {group: self.pin.get(group) or self._split(group, seed) for group in groups}

    def _split(self, group: str, seed: str) -> str:
        digest = hashlib.sha256(f"{seed}\0{group}".encode()).digest()
        # 0 ≤ place < the last end, in whole numbers: no rounding, on no machine.
        place = int.from_bytes(digest[:8], "big") * max(self._ends.values()) >> 64
        return next(name for name, end in self._ends.items() if place < end)

    def _proposal(self, sizes: Mapping[str, int]) -> str:
        """A seed that fills all splits, nearest to the shares asked for."""
        if len(sizes) < len(self.shares):
            return f"{len(self.shares)} splits need at least as many groups; add raw data"
        total, whole = sum(sizes.values()), sum(self.shares.values())
        best: tuple[float, str, Counter] | None = None
        for seed in map(str, range(min(_SEEDS_TRIED, _DEALS_TRIED // len(sizes) + 1))):
            counts: Counter = Counter()
            for group, split in self._deal(sizes, seed).items():
                counts[split] += sizes[group]
            if counts.keys() == self.shares.keys():
                off = sum(abs(counts[n] / total - float(s / whole)) for n, s in self.shares.items())
                if best is None or off < best[0]:
                    best = (off, seed, counts)
        if best is None:
            return "Place some groups with pin={'test': [...]}"
        shares = ", ".join(f"{n} {best[2][n] / total:.0%}" for n in self.shares)
        return f"Grouped(..., seed={best[1]!r}) gives {shares}; or place groups with pin={{...}}"
