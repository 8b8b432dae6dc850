"""Shards: what is to be written, and which are there already and whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from seg_datasets.core import images, records, storage
from seg_datasets.core.classes import RawTable
from seg_datasets.core.columns import Facts

# Ends the name of the file that tells of a shard that it is whole.
DONE = ".done"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What turns a sample into a record."""

    raw: str
    table: RawTable
    masks_follow_exif: bool | None
    file_format: str


@dataclasses.dataclass(frozen=True)
class ShardJob:
    """One shard to write: plain data, so that any worker anywhere can do it."""

    path: str
    samples: Facts
    recipe: Recipe


@dataclasses.dataclass(frozen=True)
class ShardDone:
    """A shard that is there and whole."""

    path: str
    sha256: str
    bytes: int


def of_each(
    ask: Callable[[ShardJob], ShardDone | None], jobs: Sequence[ShardJob]
) -> dict[str, ShardDone | None]:
    """Path → what is known of a shard; several at a time where a bucket is asked."""
    there = bool(jobs) and storage.is_remote(jobs[0].path)
    found = storage.each(ask, jobs) if there else map(ask, jobs)
    return dict(zip((job.path for job in jobs), found, strict=True))


def marked(job: ShardJob) -> ShardDone | None:
    """The shard as its worker marked it done, where it is there."""
    if storage.is_remote(job.path):
        return _there(job)
    path = pathlib.Path(job.path)
    try:
        mark = json.loads(path.with_name(path.name + DONE).read_text(encoding="utf-8"))
        if mark["samples"] == names(job) and mark["bytes"] == path.stat().st_size:
            return ShardDone(job.path, mark["sha256"], mark["bytes"])
    except (OSError, ValueError, KeyError):
        pass
    return None


def _there(job: ShardJob) -> ShardDone | None:
    """The same in a bucket: an object with the tag that it was put with has the bytes of then."""
    try:
        mark = json.loads(storage.read(job.path + DONE))
        put = storage.Stat(mark["bytes"], mark["tag"])
        if mark["samples"] == names(job) and storage.stat(job.path) == put:
            return ShardDone(job.path, mark["sha256"], mark["bytes"])
    except (FileNotFoundError, ValueError, KeyError):
        pass
    return None


def finished(job: ShardJob) -> ShardDone | None:
    """The shard, where an earlier run has finished just this one; its bytes are read again."""
    shard = marked(job)
    if storage.is_remote(job.path):
        return shard
    return shard if shard and records.digest(pathlib.Path(job.path))[0] == shard.sha256 else None


def names(job: ShardJob) -> str:
    """Differs when the shard's list, or what is made of it, does."""
    made_with = json.dumps(images.encoders(), sort_keys=True)
    parts = [made_with, job.recipe.table.signature(), job.recipe.file_format]
    whole = hashlib.sha256("\n".join(parts).encode())
    for digests in (job.samples.contents, job.samples.raw):
        whole.update(np.ascontiguousarray(digests).data)
    return whole.hexdigest()
