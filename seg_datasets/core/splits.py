"""Splits: which sample goes where, whole groups at a time, the same answer on every machine."""

from __future__ import annotations

import dataclasses
import fractions
import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from seg_datasets.core.classes import DeclarationError, few
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sample import Sample, plain, same
from seg_datasets.core.sources import Folder
from seg_datasets.core.sources.image_mask_folders import GroupRule

# Seeds tried for a proposal when a rule leaves a split empty, and groups dealt for it altogether.
_SEEDS_TRIED = 1000
_DEALS_TRIED = 200_000


class SplitError(ValueError):
    """The samples cannot be split as the rule says."""


@dataclasses.dataclass(frozen=True)
class Assignment:
    """Which sample goes where.

    Attributes:
      split_of: id → split; a sample that is not in it is in no split.
      wanted: split → share the rule asked for, empty where it asks for none.
      listed_nowhere: names in split lists that no sample has.
      files: raw files that decided it.
    """

    split_of: Mapping[str, str]
    wanted: Mapping[str, float] = dataclasses.field(default_factory=dict)
    listed_nowhere: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class SplitRule(Protocol):
    """What stands in SPLITS of a dataset folder."""

    @property
    def group(self) -> GroupRule | None:
        """How samples are grouped, or None where the source says so."""

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns every sample to a split, or raises SplitError."""

    def describe(self) -> str:
        """The rule in one line, for metadata and the ledger."""


class Grouped:
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

    def __init__(
        self,
        *,
        group: GroupRule | None = None,
        seed: str | int = "",
        pin: Mapping[str, Sequence[str]] | None = None,
        **shares: float,
    ):
        if not shares or not all(0 < share < float("inf") for share in shares.values()):
            raise DeclarationError("Grouped needs shares above 0: train=80, validation=10, test=10")
        if lone := [split for split, groups in (pin or {}).items() if isinstance(groups, str)]:
            raise DeclarationError(f"pin: write a list of groups for {few(lone)}")
        if twice := _repeated(plain(g) for groups in (pin or {}).values() for g in groups):
            raise DeclarationError(f"pin names the group {few(twice)} more than once")
        self.group = group
        self.seed = str(seed)
        self.shares = {name: fractions.Fraction(str(share)) for name, share in shares.items()}
        whole = math.lcm(*(share.denominator for share in self.shares.values()))
        ends = itertools.accumulate(int(share * whole) for share in self.shares.values())
        self._ends = dict(zip(self.shares, ends, strict=True))
        self.pin = {plain(g): split for split, groups in (pin or {}).items() for g in groups}
        if strange := sorted(set(self.pin.values()) - shares.keys()):
            raise DeclarationError(f"pin names {few(strange)}, which Grouped has no share for")

    def describe(self) -> str:
        """The rule in one line."""
        shares = ", ".join(f"{name}={float(share):g}" for name, share in self.shares.items())
        pin = f", pin={dict(sorted(self.pin.items()))}" if self.pin else ""
        return f"Grouped({shares}, group={self.group!r}, seed={self.seed!r}{pin})"

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns whole groups.

        Raises:
          SplitError: a split stays empty, or a pinned group is not there.
        """
        del folder
        samples = [one.sample for one in facts]
        sizes = Counter(sample.group for sample in samples)
        if missing := sorted(self.pin.keys() - sizes.keys()):
            raise SplitError(f"pin names the group {few(missing)}, which no sample has")
        deal = self._deal(sizes, self.seed)
        if empty := sorted(self.shares.keys() - set(deal.values())):
            raise SplitError(
                f"{few(empty)} would stay empty: {len(sizes)} groups are dealt by the hash of "
                f"their names. {self._proposal(sizes)}"
            )
        total = sum(self.shares.values())
        return Assignment(
            split_of={sample.id: deal[sample.group] for sample in samples},
            wanted={name: float(share / total) for name, share in self.shares.items()},
        )

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


class FromFolders:
    """The splits the raw data comes in: one folder each.

    Args:
      group: see `ImageMaskFolders.group`; groups in two splits are an error.
      **folders: split → folder name: `train="training", test="test"`. A sample's folder is what
        `{split}` stands for in the source, or the first folder of its id.
    """

    def __init__(self, *, group: GroupRule | None = None, **folders: str):
        if not folders:
            raise DeclarationError("FromFolders needs a folder for each split: train='train', ...")
        self.group = group
        self.folders = folders

    def describe(self) -> str:
        """The rule in one line."""
        return f"FromFolders({self.folders}, group={self.group!r})"

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns samples by their folders.

        Raises:
          SplitError: a sample is in a folder that no split has, or a split has no sample.
        """
        del folder
        samples = [one.sample for one in facts]
        split_of_folder = {same(name): split for split, name in self.folders.items()}
        strange = Counter(s.folder for s in samples if same(s.folder) not in split_of_folder)
        if strange:
            raise SplitError(
                f"samples are in {few([f'{f or chr(46)}/ ({n})' for f, n in strange.items()])}; "
                f"the splits have the folders {few(sorted(self.folders.values()))}"
            )
        split_of = {s.id: split_of_folder[same(s.folder)] for s in samples}
        _refuse_empty(self.folders, split_of)
        return Assignment(split_of)


class FromLists:
    """The splits the raw data comes with: text files of names, one per line.

    A line is an id, the path of an image, or its file name with or without extension; where the
    whole line is none, the first of its columns counts.

    Args:
      group: see `ImageMaskFolders.group`; groups in two splits are an error.
      **lists: split → list, relative to the raw folder: `train="splits/train.txt"`.
    """

    def __init__(self, *, group: GroupRule | None = None, **lists: str):
        if not lists:
            raise DeclarationError("FromLists needs a list for each split: train='train.txt', ...")
        self.group = group
        self.lists = lists

    def describe(self) -> str:
        """The rule in one line."""
        return f"FromLists({self.lists}, group={self.group!r})"

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns samples by the lists.

        Raises:
          SplitError: a list is missing, a sample is in two lists or in none, a name fits several
            samples.
        """
        samples = [one.sample for one in facts]
        ids = _names(samples)
        split_of: dict[str, str] = {}
        nowhere: list[str] = []
        for split, path in self.lists.items():
            try:
                lines = folder.read_text(path).splitlines()
            except (OSError, ValueError) as error:
                raise SplitError(f"the list of {split} cannot be read: {error}") from error
            for line in filter(str.strip, lines):
                name = line.strip() if same(line.strip()) in ids else line.split()[0]
                found = ids.get(same(name), ())
                if not found:
                    nowhere.append(f"{path}: {name}")
                elif len(found) > 1:
                    raise SplitError(f"{path}: {name!r} fits {few(sorted(found))}; write the id")
                elif split_of.setdefault(min(found), split) != split:
                    raise SplitError(
                        f"{name!r} is in the lists of {split_of[min(found)]} and {split}"
                    )
        if left := [s.id for s in samples if s.id not in split_of]:
            unknown = f" (no sample is called {few(nowhere)})" if nowhere else ""
            raise SplitError(
                f"{len(left)} sample{'s are' if len(left) > 1 else ' is'} in no list: {few(left)}; "
                f"add to the lists, or move away{unknown}"
            )
        _refuse_empty(self.lists, split_of)
        return Assignment(split_of, {}, tuple(nowhere), tuple(self.lists.values()))


def _names(samples: Sequence[Sample]) -> dict[str, set[str]]:
    """Every name a sample may have in a list → ids."""
    names: dict[str, set[str]] = {}
    for sample in samples:
        image = sample.image
        file = image.rpartition("/")[2]
        for name in (sample.id, image, image.rpartition(".")[0], file, file.rpartition(".")[0]):
            names.setdefault(same(name), set()).add(sample.id)
        names.setdefault(same(sample.id.rpartition("/")[2]), set()).add(sample.id)
    # An id that is also the file name of another sample means the sample with that id.
    return {**names, **{same(s.id): {s.id} for s in samples}}


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, times in Counter(names).items() if times > 1)


def _refuse_empty(splits: Mapping[str, str], split_of: Mapping[str, str]) -> None:
    if empty := sorted(splits.keys() - set(split_of.values())):
        raise SplitError(f"no sample is in {few([f'{s} ({splits[s]})' for s in empty])}")
