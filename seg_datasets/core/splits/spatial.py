"""Spatial: blocks of space to splits, with a gap between the splits."""

from __future__ import annotations

import fractions
import re
from collections.abc import Sequence

from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sample import plain
from seg_datasets.core.sources import Folder
from seg_datasets.core.sources.image_mask_folders import GroupRule
from seg_datasets.core.splits import balance, space
from seg_datasets.core.splits import rule as rules
from seg_datasets.core.splits.rule import Assignment, SplitError
from seg_datasets.core.splits.stratified import dealt, lacking, needed

# Deals tried until one leaves enough in every split when the gap is cut.
_DEALS = 20


class Spatial:
    """Blocks of space to splits, and no two samples of different splits nearer than a gap.

    Neighbours look alike: a test tile beside a training tile measures memory. Blocks are dealt as
    `Stratified` deals groups. Then samples that lie too near to one of a smaller split are left out
    of the version; of equal splits the one named last loses none.

    Args:
      block: side of the blocks, in units of the images' coordinate system, or in tiles.
      gap: least distance between the footprints of samples of different splits, in the same unit.
        With 0 they may touch, but not overlap.
      tiles: regular expression searched in ids, with groups `x` and `y` for column and row, and
        perhaps `scene`, where indices begin anew: r"^(?P<scene>.+)_x(?P<x>\\d+)_y(?P<y>\\d+)".
        Without it, places are read from the images' geo-transforms.
      group: see `ImageMaskFolders.group`; blocks that share a group are dealt as one.
      seed: any text; another seed is another deal among equally good ones.
      **shares: split → share, in any unit: `train=80, validation=10, test=10`.
    """

    def __init__(
        self,
        *,
        block: float,
        gap: float,
        tiles: str | None = None,
        group: GroupRule | None = None,
        seed: str | int = "",
        **shares: float,
    ):
        if not 0 < block < float("inf"):
            raise DeclarationError(f"Spatial(block={block!r}): the side of a block is above 0")
        if not 0 <= gap < float("inf"):
            raise DeclarationError(f"Spatial(gap={gap!r}): a gap is 0 or more")
        self.block = fractions.Fraction(str(block))
        self.gap = fractions.Fraction(str(gap))
        self.tiles = None if tiles is None else _pattern(tiles)
        self.group = group
        self.seed = str(seed)
        self.shares = rules.parse_shares("Spatial", shares)

    @property
    def names(self) -> tuple[str, ...]:
        """The splits."""
        return tuple(self.shares)

    def describe(self) -> str:
        """The rule in one line."""
        tiles = self.tiles.pattern if self.tiles else None
        return (
            f"Spatial({rules.written(self.shares)}, block={float(self.block):g}, "
            f"gap={float(self.gap):g}, tiles={tiles!r}, group={self.group!r}, seed={self.seed!r})"
        )

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns blocks, and leaves out what is too near.

        Raises:
          SplitError: places are not told or not comparable, blocks are too few, or the gap takes a
            split's last sample of a class that there are blocks enough of.
        """
        del folder
        if self.tiles:
            where = space.from_tiles(facts, self.tiles, block=self.block, gap=self.gap)
        else:
            where = space.from_geo(facts, block=self.block, gap=self.gap)
        groups = [plain(one.sample.group) for one in facts]
        regions = _regions(where.blocks(), groups)
        table = balance.table_of(facts, *balance.coded(regions))
        # The smaller a split, the dearer its samples.
        order = sorted(self.names, key=lambda n: (self.shares[n], -self.names.index(n)))
        problem = ""
        for turn in range(_DEALS):
            seed = f"{self.seed}\0{turn}" if turn else self.seed
            try:
                split_of = dealt(table, self.shares, seed=seed, pin={}, what="block")
            except SplitError as error:
                raise SplitError(f"{error}. A smaller `block` makes more blocks") from None
            splits = [split_of[region] for region in regions]
            out = where.left_out(splits, order)
            rest = [(f, r) for f, r, left in zip(facts, regions, out, strict=True) if not left]
            remaining = balance.table_of([f for f, _ in rest], *balance.coded([r for _, r in rest]))
            lacks = _lost(table, remaining, split_of, self.names)
            if not lacks:
                ids = [one.sample.id for one in facts]
                together = list(zip(ids, splits, out, strict=True))
                return Assignment(
                    split_of={name: split for name, split, left in together if not left},
                    wanted=rules.wanted(self.shares),
                    left_out=tuple(sorted(name for name, _, left in together if left)),
                )
            problem = problem or f"{lacks[0][0]} would stay without {lacks[0][1]}"
        raise SplitError(
            f"{problem}, since the gap of {float(self.gap):g} leaves {sum(out)} of {len(facts)} "
            "samples out; take a smaller `gap`, or larger blocks"
        )


def _lost(
    table: balance.Table,
    remaining: balance.Table,
    split_of: dict[str, str],
    names: Sequence[str],
) -> list[tuple[str, str]]:
    """(split, what the gap took all of), for what no split may be without."""
    still = {class_id: column for column, class_id in enumerate(remaining.classes)}
    found = []
    for column in needed(table, len(names)):
        if column == len(table.classes):
            found += lacking(remaining, split_of, names, [len(remaining.classes)])
        elif (class_id := table.classes[column]) in still:
            found += lacking(remaining, split_of, names, [still[class_id]])
        else:
            found.append((names[0], f"class {class_id}"))
    return found


def _regions(blocks: Sequence[tuple[str, int, int]], groups: Sequence[str]) -> list[str]:
    """For each sample, the name of its region: a block, or several that share groups."""
    names = [f"{scene}\0{x}\0{y}" for scene, x, y in blocks]
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while (up := above.get(name, name)) != name:
            above[name] = name = above.get(up, up)
        return name

    first: dict[str, str] = {}
    for name, group in zip(names, groups, strict=True):
        low, high = sorted((top(first.setdefault(group, name)), top(name)))
        if low != high:
            above[high] = low
    return [top(name) for name in names]


def _pattern(tiles: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(tiles)
    except re.error as error:
        raise DeclarationError(f"tiles={tiles!r} is no regular expression: {error}") from error
    if not {"x", "y"} <= pattern.groupindex.keys():
        raise DeclarationError(f"tiles={tiles!r} needs the groups (?P<x>…) and (?P<y>…)")
    return pattern
