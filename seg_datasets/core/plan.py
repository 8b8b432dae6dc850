"""BuildPlan: which samples, in which order, in which shard. Pure data, a function of the facts."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Mapping, Sequence

from seg_datasets.core.facts import SampleFacts

# What TFRecord and the protobuf around the two files cost, about.
_OVERHEAD = 16 + 80


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
    """One split: its samples in record order, cut into shards."""

    name: str
    shards: tuple[tuple[SampleFacts, ...], ...]

    @property
    def samples(self) -> list[SampleFacts]:
        """All samples in record order."""
        return [facts for shard in self.shards for facts in shard]

    @functools.cached_property  # the plan's digest and the ledger both ask for it
    def content(self) -> str:
        """Digest of what the split holds, however it is cut into shards."""
        return hashlib.sha256(b"".join(facts.content for facts in self.samples)).hexdigest()


@dataclasses.dataclass(frozen=True)
class BuildPlan:
    """All splits of a version."""

    splits: tuple[SplitPlan, ...]

    @property
    def digest(self) -> str:
        """Differs when anything that is written differs."""
        parts = [
            f"{split.name} {[len(shard) for shard in split.shards]} {split.content}"
            for split in self.splits
        ]
        raw = [f"{f.image.sha256} {f.mask.sha256}" for s in self.splits for f in s.samples]
        return hashlib.sha256("\n".join(parts + raw).encode()).hexdigest()


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
    by_split: dict[str, list[SampleFacts]] = {name: [] for name in splits}
    for one in facts:
        if one.sample.id in split_of:  # else the split rule left it out
            by_split[split_of[one.sample.id]].append(one)
    planned = []
    for name, members in by_split.items():
        members.sort(key=lambda f: _order(name, f.sample.id))
        members = members[:max_examples_per_split]
        count = sharding.count(
            examples=len(members), total_bytes=sum(record_bytes(f) for f in members)
        )
        ends = [round(len(members) * i / count) for i in range(count + 1)]
        shards = (tuple(members[a:b]) for a, b in itertools.pairwise(ends))
        planned.append(SplitPlan(name, tuple(shards)))
    return BuildPlan(tuple(planned))


def record_bytes(facts: SampleFacts) -> int:
    """About the size of a record, told before it is made and alike on every machine.

    A PNG that is encoded anew has a size that depends on the encoder's build, so it counts by its
    pixels here.
    """
    image, mask = facts.image, facts.mask
    pixels = image.width * image.height
    as_it_is = image.stored_as_is or image.format == "NPY"
    image_bytes = image.bytes if as_it_is else pixels * len(image.mode.partition(";")[0])
    mask_bytes = mask.bytes if mask.as_stored else pixels // 16
    return image_bytes + mask_bytes + len(facts.sample.id.encode()) + _OVERHEAD


def _order(split: str, sample_id: str) -> tuple[str, str]:
    # TFDS takes a backslash for a slash on every system, and two ids may then be alike.
    key = (split + sample_id).replace("\\", "/").encode()
    return hashlib.md5(key, usedforsecurity=False).hexdigest(), sample_id
