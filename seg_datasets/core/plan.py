"""BuildPlan: which samples, in which order, in which shard. Pure data, a function of the facts."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from seg_datasets.core.columns import Facts
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.splits import codes_of


class PlanError(ValueError):
    """The samples cannot be laid out as asked."""


@dataclasses.dataclass(frozen=True)
class Sharding:
    """How many shards: TFDS's rule and options.

    Attributes:
      num_shards: this many, or None for the rule.
      min_bytes: no shard smaller, as long as one is enough.
      max_bytes: no shard larger.
    """

    num_shards: int | None = None
    min_bytes: int = 64 << 20
    max_bytes: int = 1 << 30

    def count(self, *, examples: int, total_bytes: int) -> int:
        """Number of shards for a split: a power of two, beyond 1,024 a multiple of it.

        Where examples are too few for that, shards are as small as they can be.

        Raises:
          PlanError: more shards than examples are asked for.
        """
        if self.num_shards:
            if self.num_shards > examples:
                raise PlanError(f"{self.num_shards} shards for {examples} examples; ask for fewer")
            return self.num_shards
        # TFDS keeps its own least size even where a smaller greatest one is asked for, and then
        # ignores the latter.
        least = -(-total_bytes // self.max_bytes)
        most = total_bytes // min(self.min_bytes, self.max_bytes)
        if least > 1024:
            return min(-(-least // 1024) * 1024, examples)
        enough = [n for n in (2**p for p in range(11)) if least <= n <= max(1, examples)]
        fitting = [n for n in enough if n <= most]
        return max(fitting, default=min(enough, default=min(least, examples)))


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """One split: its samples in record order, and where its shards end."""

    name: str
    samples: Facts
    ends: tuple[int, ...]

    @property
    def lengths(self) -> list[int]:
        """Samples of each shard."""
        return np.diff(self.ends, prepend=0).tolist()

    @property
    def shards(self) -> Iterator[Facts]:
        """The samples of each shard, in record order."""
        for start, end in zip((0, *self.ends), self.ends, strict=False):
            yield self.samples[start:end]

    @functools.cached_property  # the plan's digest and the ledger both ask for it
    def content(self) -> str:
        """Digest of what the split holds, however it is cut into shards."""
        return hashlib.sha256(np.ascontiguousarray(self.samples.contents).data).hexdigest()


@dataclasses.dataclass(frozen=True)
class BuildPlan:
    """All splits of a version."""

    splits: tuple[SplitPlan, ...]

    @functools.cached_property
    def digest(self) -> str:
        """Differs when anything that is written differs."""
        whole = hashlib.sha256()
        for split in self.splits:
            whole.update(f"{split.name} {split.lengths} {split.content}\n".encode())
            whole.update(np.ascontiguousarray(split.samples.raw).data)
        return whole.hexdigest()


def make(
    facts: Sequence[SampleFacts],
    split_of: Mapping[str, str],
    *,
    splits: Sequence[str],
    sharding: Sharding,
    max_examples_per_split: int | None = None,
) -> BuildPlan:
    """Lays samples out in splits and shards.

    The order inside a split is that of md5(split ‖ id), TFDS's own: a shuffle that is the same
    everywhere and does not move when samples are added.
    """
    facts = Facts.of(facts)
    split_at = codes_of(split_of, facts, splits)
    keys = _keys(facts, split_at, splits)
    _ = facts.record_bytes, facts.contents, facts.raw  # of all at once, see `Facts.take`
    planned = []
    for code, name in enumerate(splits):
        rows = np.flatnonzero(split_at == code)
        members = facts.take(rows[_order(keys[rows], facts, rows)[:max_examples_per_split]])
        total = int(members.record_bytes.sum())
        count = sharding.count(examples=len(members), total_bytes=total)
        ends = tuple(round(len(members) * i / count) for i in range(1, count + 1))
        planned.append(SplitPlan(name, members, ends))
    return BuildPlan(tuple(planned))


def _keys(facts: Facts, split_at: np.ndarray, splits: Sequence[str]) -> np.ndarray:
    """md5(split ‖ id) of each sample, as two numbers that sort as it does."""
    digests = bytearray()
    names = [*splits, ""]  # the last for those that are in none
    for code, name in zip(split_at.tolist(), facts.values("sample.id"), strict=True):
        # TFDS takes a backslash for a slash on every system, and two ids may then be alike.
        key = (names[code] + name).replace("\\", "/").encode()
        digests += hashlib.md5(key, usedforsecurity=False).digest()
    return np.frombuffer(digests, ">u8").reshape(-1, 2).astype(np.uint64)


def _order(keys: np.ndarray, facts: Facts, rows: np.ndarray) -> np.ndarray:
    """The order of records; `rows` of the facts have these keys, and ids settle what is alike."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    same = (np.diff(keys[order], axis=0) == 0).all(axis=1)
    for start in np.flatnonzero(same).tolist():  # rare, and mostly pairs: sorted one by one
        at = start
        while at >= 0 and same[at]:
            one, other = order[at : at + 2].tolist()
            if facts[rows[one]].sample.id > facts[rows[other]].sample.id:
                order[at], order[at + 1] = other, one
            at -= 1
    return order
