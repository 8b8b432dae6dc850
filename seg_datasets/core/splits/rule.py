"""What a split rule is and gives, and the shares and pins that several rules share."""

from __future__ import annotations

import dataclasses
import fractions
import functools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Protocol

import numpy as np

from seg_datasets.core.classes import DeclarationError, few
from seg_datasets.core.columns import Facts
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sample import plain
from seg_datasets.core.sources import Folder
from seg_datasets.core.sources.image_mask_folders import GroupRule

Shares = Mapping[str, fractions.Fraction]


class SplitError(ValueError):
    """The samples cannot be split as the rule says."""


class ByRow(Mapping[str, str]):
    """Id → split as one number for each sample; names are looked up only where somebody asks."""

    def __init__(self, facts: Facts, codes: np.ndarray, names: Sequence[str]):
        """`codes` say which of the names each of the facts has; -1 is none."""
        self.facts, self.codes, self.names = facts, codes, names

    @functools.cached_property
    def _of(self) -> dict[str, str]:
        return dict(self._rows())

    def _rows(self) -> Iterator[tuple[str, str]]:
        for name, code in zip(self.facts.values("sample.id"), self.codes.tolist(), strict=True):
            if code >= 0:
                yield name, self.names[code]

    def __getitem__(self, name: str) -> str:
        return self._of[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return int((self.codes >= 0).sum())


def codes_of(split_of: Mapping[str, str], facts: Facts, splits: Sequence[str]) -> np.ndarray:
    """Which of the splits each sample is in; -1 for none."""
    code_of = {name: code for code, name in enumerate(splits)}
    if isinstance(split_of, ByRow) and split_of.facts is facts:
        return np.array([*(code_of.get(n, -1) for n in split_of.names), -1])[split_of.codes]
    found = (code_of.get(split_of.get(name, ""), -1) for name in facts.values("sample.id"))
    return np.fromiter(found, np.int64, len(facts))


def in_use(split_of: Mapping[str, str], facts: Facts) -> list[str]:
    """The splits that samples are in, by their first ones."""
    row = isinstance(split_of, ByRow) and split_of.facts is facts
    names = split_of.names if row else sorted({*split_of.values()})  # type: ignore[attr-defined]
    codes, first = np.unique(codes_of(split_of, facts, names), return_index=True)
    return [names[code] for code in codes[np.argsort(first)].tolist() if code >= 0]


@dataclasses.dataclass(frozen=True)
class Assignment:
    """Which sample goes where.

    Attributes:
      split_of: id → split; a sample that is not in it is in no split.
      wanted: split → share the rule asked for, empty where it asks for none.
      listed_nowhere: names in split lists that no sample has.
      files: raw files that decided it.
      left_out: ids that the rule puts in no split, on purpose.
    """

    split_of: Mapping[str, str]
    wanted: Mapping[str, float] = dataclasses.field(default_factory=dict)
    listed_nowhere: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class SplitRule(Protocol):
    """What stands in SPLITS of a dataset folder."""

    @property
    def group(self) -> GroupRule | None:
        """How samples are grouped, or None where the source says so."""

    @property
    def names(self) -> tuple[str, ...]:
        """The splits, in the order they are declared in."""

    def assign(self, facts: Sequence[SampleFacts], folder: Folder) -> Assignment:
        """Assigns every sample to a split, or raises SplitError."""

    def describe(self) -> str:
        """The rule in one line, for metadata and the ledger."""


class ByShares:
    """What the rules are told that deal groups by shares alone."""

    _rule: ClassVar[str]

    def __init__(
        self,
        *,
        group: GroupRule | None = None,
        seed: str | int = "",
        pin: Mapping[str, Sequence[str]] | None = None,
        **shares: float,
    ):
        self.group = group
        self.seed = str(seed)
        self.shares = parse_shares(self._rule, shares)
        self.pin = parse_pin(self._rule, pin, self.shares)

    @property
    def names(self) -> tuple[str, ...]:
        """The splits."""
        return tuple(self.shares)

    def describe(self) -> str:
        """The rule in one line."""
        shares, pin = written(self.shares), written_pin(self.pin)
        return f"{self._rule}({shares}, group={self.group!r}, seed={self.seed!r}{pin})"


def parse_shares(rule: str, shares: Mapping[str, float]) -> dict[str, fractions.Fraction]:
    """Split → share, exactly as it is written."""
    if not shares or not all(0 < share < float("inf") for share in shares.values()):
        raise DeclarationError(f"{rule} needs shares above 0: train=80, validation=10, test=10")
    return {name: fractions.Fraction(str(share)) for name, share in shares.items()}


def parse_pin(
    rule: str, pin: Mapping[str, Sequence[str]] | None, splits: Iterable[str]
) -> dict[str, str]:
    """Group → the split it is pinned to."""
    if lone := [split for split, groups in (pin or {}).items() if isinstance(groups, str)]:
        raise DeclarationError(f"pin: write a list of groups for {few(lone)}")
    if twice := _repeated(plain(g) for groups in (pin or {}).values() for g in groups):
        raise DeclarationError(f"pin names the group {few(twice)} more than once")
    pinned = {plain(g): split for split, groups in (pin or {}).items() for g in groups}
    if strange := sorted(set(pinned.values()) - set(splits)):
        raise DeclarationError(f"pin names {few(strange)}, which {rule} has no share for")
    return pinned


def refuse_unknown_pins(pin: Mapping[str, str], groups: Iterable[str]) -> None:
    """Raises SplitError where a pinned group is not there."""
    if missing := sorted(pin.keys() - set(groups)):
        raise SplitError(f"pin names the group {few(missing)}, which no sample has")


def whole_parts(shares: Shares) -> dict[str, int]:
    """The shares as whole numbers in the same proportion."""
    whole = math.lcm(*(share.denominator for share in shares.values()))
    parts = {name: int(share * whole) for name, share in shares.items()}
    least = math.gcd(*parts.values())
    return {name: part // least for name, part in parts.items()}


def wanted(shares: Shares) -> dict[str, float]:
    """Split → share of 1."""
    total = sum(shares.values())
    return {name: float(share / total) for name, share in shares.items()}


def written(shares: Shares) -> str:
    """Shares as they stand in a description."""
    return ", ".join(f"{name}={float(share):g}" for name, share in shares.items())


def written_pin(pin: Mapping[str, str]) -> str:
    """Pins as they stand in a description, with a comma before them."""
    return f", pin={dict(sorted(pin.items()))}" if pin else ""


def _repeated(names: Iterable[str]) -> list[str]:
    return sorted(name for name, times in Counter(names).items() if times > 1)
