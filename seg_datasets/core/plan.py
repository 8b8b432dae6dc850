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
        return hashlib.sha256(self.samples.contents.data).hexdigest()


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
            for name in ("image.sha256", "mask.sha256"):
                for digest in split.samples.values(name):
                    whole.update(digest)
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
    planned = []
    for code, name in enumerate(splits):
        members = facts.take(np.flatnonzero(split_at == code))
        members = members.take(_order(name, members)[:max_examples_per_split])
        total = int(members.record_bytes.sum())
        count = sharding.count(examples=len(members), total_bytes=total)
        ends = tuple(round(len(members) * i / count) for i in range(1, count + 1))
        planned.append(SplitPlan(name, members, ends))
    return BuildPlan(tuple(planned))


def _order(split: str, facts: Facts) -> np.ndarray:
    """The rows in the order of their records."""
    digests = bytearray()
    for name in facts.values("sample.id"):
        # TFDS takes a backslash for a slash on every system, and two ids may then be alike.
        key = (split + name).replace("\\", "/").encode()
        digests += hashlib.md5(key, usedforsecurity=False).digest()
    halves = np.frombuffer(bytes(digests), ">u8").reshape(-1, 2).astype(np.uint64)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    same = (np.diff(halves[order], axis=0) == 0).all(axis=1)
    for start in np.flatnonzero(same).tolist():  # rare, and mostly pairs: sorted by id, one by one
        at = start
        while at >= 0 and same[at]:
            one, other = order[at : at + 2].tolist()
            if facts[one].sample.id > facts[other].sample.id:
                order[at], order[at + 1] = other, one
            at -= 1
    return order
