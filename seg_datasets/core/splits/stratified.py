"""Stratified: whole groups to splits so that each split gets its share of every class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seg_datasets.core.classes import few
from seg_datasets.core.columns import Facts
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sample import plain
from seg_datasets.core.sources import Folder
from seg_datasets.core.splits import balance, presence
from seg_datasets.core.splits import rule as rules
from seg_datasets.core.splits.rule import Assignment, ByRow, Shares, SplitError

# Groups placed in each search for what is in the way of a deal.
_TRIED = 200


class Stratified(rules.ByShares):
    """Whole groups to splits, each split with its share of every class's pixels and of the samples.

    Promises that no split stays without a class that at least as many groups have as there are
    splits; where that cannot be, the build is refused. The price: what is added to the raw data can
    move groups that were there. For a split that never moves take `Grouped`.

    Args:
      group: see `ImageMaskFolders.group`; without it the groups of the source are taken.
      seed: any text; another seed is another deal among equally good ones.
      pin: split → groups that are put there in any case.
      **shares: split → share, in any unit: `train=80, validation=10, test=10`.
    """

    _rule = "Stratified"

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns whole groups.

        Raises:
          SplitError: fewer groups than splits, a split that would stay without a class that there
            are groups enough of, or a pinned group that is not there.
        """
        del folder
        return assigned(facts, self.shares, seed=self.seed, pin=self.pin)


def assigned(
    facts: Sequence[SampleFacts], shares: Shares, *, seed: str, pin: Mapping[str, str]
) -> Assignment:
    """What `Stratified` with these shares and pins comes to."""
    facts = Facts.of(facts)
    spelled, of = facts.groups()
    groups = [*map(plain, spelled)]
    table = balance.table_of(facts, groups, of)
    rules.refuse_unknown_pins(pin, table.groups)
    split_of = dealt(table, shares, seed=seed, pin=pin)
    names = [*shares]
    codes = np.array([names.index(split_of[g]) if g in split_of else -1 for g in groups], np.int8)
    return Assignment(ByRow(facts, codes[of], names), wanted=rules.wanted(shares))


def dealt(
    table: balance.Table,
    shares: Shares,
    *,
    seed: str,
    pin: Mapping[str, str],
    what: str = "group",
) -> dict[str, str]:
    """Group → split, held against what `Stratified` promises.

    Args:
      table: what groups hold.
      shares: split → share.
      seed: any text.
      pin: group → split that is settled.
      what: what messages call a group.

    Raises:
      SplitError: see `Stratified.assign`.
    """
    names = list(shares)
    if len(table.groups) < len(names):
        raise SplitError(
            f"{len(names)} splits need at least as many {what}s, and there are "
            f"{len(table.groups)}; add raw data, or ask for fewer splits"
        )
    fixed = {table.groups.index(g): names.index(split) for g, split in pin.items()}
    parts = list(rules.whole_parts(shares).values())
    columns = needed(table, len(names))
    result = balance.deal(table, parts, fixed=fixed, seed=seed, needed=columns)
    if result.split_of is None:
        told = _in_the_way(table, parts, fixed=fixed, needed=columns, what=what)
        sure = "there is no way" if result.proven else "no way was found"
        raise SplitError(f"{sure} {told}, or take `Grouped`, which looks at no class")
    split_of = dict(zip(table.groups, (names[s] for s in result.split_of), strict=True))
    if lacks := lacking(table, split_of, names, columns):
        raise SplitError("; ".join(f"{split} would stay without {one}" for split, one in lacks))
    return split_of


def needed(table: balance.Table, splits: int) -> list[int]:
    """Columns that no split may be without: those that as many groups have as there are splits."""
    spread = (table.amounts > 0).sum(axis=0)
    return [int(column) for column in np.flatnonzero(spread >= splits)]


def lacking(
    table: balance.Table,
    split_of: Mapping[str, str],
    names: Sequence[str],
    columns: Sequence[int],
) -> list[tuple[str, str]]:
    """(split, what it has nothing of), as far as groups that are in `split_of` go."""
    found = []
    for name in names:
        rows = [split_of.get(group) == name for group in table.groups]
        sums = table.amounts[rows].sum(axis=0)
        found += [(name, _called(table, column)) for column in columns if not sums[column]]
    return found


def _called(table: balance.Table, column: int) -> str:
    return "samples" if column == len(table.classes) else f"class {table.classes[column]}"


def _in_the_way(
    table: balance.Table,
    parts: Sequence[int],
    *,
    fixed: Mapping[int, int],
    needed: Sequence[int],
    what: str,
) -> str:
    """Which classes stand in each other's way, and what would do."""
    having = table.amounts > 0

    def found(columns: Sequence[int], count: int) -> bool | None:
        """Whether there is a way for these columns and so many splits; None if unknown."""
        held = [np.flatnonzero(row).tolist() for row in having[:, list(columns)]]
        result = presence.search(
            held, classes=len(columns), splits=parts[:count], fixed=fixed, most=_TRIED
        )
        return True if result.placed is not None else False if result.complete else None

    # Leaves away what is not to blame, the most frequent class first.
    core = sorted(needed, key=lambda column: (int(having[:, column].sum()), column))
    for column in reversed(core[:]):
        rest = [one for one in core if one != column]
        if found(rest, len(parts)) is False:
            core = rest
    told = [
        f"{_called(table, column)} ({len(names)} {what}s: {few(names, 4)})"
        for column in core
        if (names := table.having(column))
    ]
    ways = ["add raw data with these classes", f"cut the {what}s finer"]
    if fixed:
        ways.append("pin fewer")
    elif fewer := next((n for n in range(len(parts) - 1, 1, -1) if found(core, n)), 0):
        ways.append(f"ask for {fewer} splits, which would do")
    return f"to give each of {len(parts)} splits something of {few(told, 4)}; {', '.join(ways)}"
