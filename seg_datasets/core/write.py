"""Writing: one shard from its list, by a pool here or by Beam workers there, to the same bytes."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import itertools
import json
import pathlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from typing import Any

from seg_datasets.core import features, images, masks, opening, records
from seg_datasets.core.classes import RawTable
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.looking import workers
from seg_datasets.core.sources import Folder

_DONE = ".done"

# Records made ahead of the one being written, per thread: enough to keep threads busy, and all the
# memory that writing takes.
_AHEAD = 4


class ChangedError(RuntimeError):
    """A raw file is not what it was when it was looked at."""


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
    samples: tuple[SampleFacts, ...]
    recipe: Recipe


@dataclasses.dataclass(frozen=True)
class ShardDone:
    """A shard that is there and whole."""

    path: str
    sha256: str
    bytes: int


def run(
    jobs: Sequence[ShardJob],
    *,
    beam_options: Any = None,
    beam_runner: Any = None,
    progress: Callable[[int], object] | None = None,
) -> list[ShardDone]:
    """Writes all shards; those that an interrupted run has finished are not made twice.

    Args:
      jobs: the shards.
      beam_options: `PipelineOptions`; given, Beam workers write, otherwise threads of this process.
      beam_runner: the same, a runner.
      progress: called with the number of records done, as they are.
    """
    done = {job.path: _finished(job) for job in jobs}
    todo = [job for job in jobs if done[job.path] is None]
    if progress:
        progress(sum(len(job.samples) for job in jobs if done[job.path]))
    if todo and (beam_options is not None or beam_runner is not None):
        _run_on_beam(todo, beam_options, beam_runner)
        if progress:
            progress(sum(len(job.samples) for job in todo))
    else:
        with futures.ThreadPoolExecutor(workers()) as pool:
            for job in todo:
                write_shard(job, pool=pool, progress=progress)
    done |= {job.path: _marked(job) for job in todo}
    if lost := [path for path, shard in done.items() if shard is None]:
        raise RuntimeError(
            f"workers reported success, but {lost[0]} is not there as this process would make it; do "
            "they share this file system, and have the same versions of seg_datasets and Pillow?"
        )
    return [shard for shard in done.values() if shard is not None]


def write_shard(
    job: ShardJob,
    *,
    pool: futures.Executor | None = None,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Writes one shard under a temporary name, then moves it to its own and marks it done."""
    path = pathlib.Path(job.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        sha256, size = records.write(
            temporary, _records(job, pool, progress), file_format=job.recipe.file_format
        )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    mark = {"sha256": sha256, "bytes": size, "samples": _names(job)}
    write_atomically(path.with_name(path.name + _DONE), json.dumps(mark))


def record(facts: SampleFacts, recipe: Recipe, folder: Folder | None = None) -> bytes:
    """One serialised record: the same bytes for the same sample, always.

    Raises:
      ChangedError: a raw file changed after it was looked at.
    """
    import tensorflow as tf

    def feature(data: features.Value) -> tf.train.Feature:
        if isinstance(data, list):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=data))
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))

    example = {name: feature(data) for name, data in encoded(facts, recipe, folder).items()}
    # Without `deterministic` the map's order is that of a hash that differs in every process.
    return tf.train.Example(features=tf.train.Features(feature=example)).SerializeToString(
        deterministic=True
    )


def encoded(
    facts: SampleFacts, recipe: Recipe, folder: Folder | None = None
) -> dict[str, features.Value]:
    """What a record holds: image, mask, id, group, and where it lies on the ground, if it tells.

    Raises:
      ChangedError: a raw file changed after it was looked at.
    """
    folder = folder or Folder(recipe.raw)
    sample = facts.sample
    seen = opening.image_file(sample, folder)
    _refuse_changed(seen.data, facts.image.sha256, sample.image)
    raw = opening.mask_file(sample, folder)
    _refuse_changed(raw.data, facts.mask.sha256, sample.mask)
    mask = raw.data
    if not facts.mask.as_stored:
        read = opening.mask(
            sample,
            raw,
            recipe.table,
            folder=folder,
            size=(facts.image.width, facts.image.height),
            drawn_on=facts.image.orientation if recipe.masks_follow_exif is False else 1,
            none=seen.none,
        ).mask
        if read.stray:  # the checks have refused it; a record must not depend on that alone
            raise ValueError(f"{sample.mask} holds values that no class has: {[*read.stray][:5]}")
        if read.runs.digest() != facts.mask.ids:  # of what a drawing reads, no digest was kept
            raise _changed(sample.mask)
        mask = masks.encode(read.ids)
    image: dict[str, features.Value] = {"image": seen.data}
    if not facts.image.stored_as_is:
        image = features.image(seen.data)
    return {
        **image,
        "mask": mask,
        "id": sample.id.encode(),
        "group": sample.group.encode(),
        **features.place(facts),
    }


def write_atomically(path: pathlib.Path, text: str) -> None:
    """Writes a text file so that a reader sees the old one or the new one, never a part."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _records(
    job: ShardJob, pool: futures.Executor | None, progress: Callable[[int], object] | None
) -> Iterator[bytes]:
    """Records in order, made ahead by the pool."""
    folder = Folder(job.recipe.raw)
    if pool is None:
        for facts in job.samples:
            yield record(facts, job.recipe, folder)
        return
    ahead: collections.deque[futures.Future[bytes]] = collections.deque()
    waiting, most = iter(job.samples), _AHEAD * workers()
    try:
        for _ in job.samples:
            for facts in itertools.islice(waiting, most - len(ahead)):
                ahead.append(pool.submit(record, facts, job.recipe, folder))
            yield ahead.popleft().result()
            if progress:
                progress(1)
    finally:
        for future in ahead:
            future.cancel()


def _run_on_beam(jobs: Sequence[ShardJob], options: Any, runner: Any) -> None:
    """Each worker writes whole shards; nothing but their lists crosses the pipeline."""
    import apache_beam as beam

    # Workers have working directories of their own.
    todo = [dataclasses.replace(j, path=str(pathlib.Path(j.path).absolute())) for j in jobs]
    with beam.Pipeline(runner=runner, options=options) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(todo)
            # Without it the runner fuses both steps, and one worker writes everything.
            | "Spread" >> beam.Reshuffle()
            | "Write" >> beam.Map(_write_missing)
        )


def _write_missing(job: ShardJob) -> None:
    """What a worker does; a runner that begins again after a fault goes on with what is missing."""
    if _finished(job) is None:
        write_shard(job)


def _marked(job: ShardJob) -> ShardDone | None:
    """The shard as its worker marked it done, where it is there."""
    path = pathlib.Path(job.path)
    try:
        mark = json.loads(path.with_name(path.name + _DONE).read_text(encoding="utf-8"))
        if mark["samples"] == _names(job) and mark["bytes"] == path.stat().st_size:
            return ShardDone(job.path, mark["sha256"], mark["bytes"])
    except (OSError, ValueError, KeyError):
        pass
    return None


def _finished(job: ShardJob) -> ShardDone | None:
    """The shard, where an earlier run has finished just this one; its bytes are read again."""
    shard = _marked(job)
    return shard if shard and records.digest(pathlib.Path(job.path))[0] == shard.sha256 else None


def _names(job: ShardJob) -> str:
    """Differs when the shard's list, or what is made of it, does."""
    made_with = json.dumps(images.encoders(), sort_keys=True)
    parts = [made_with, job.recipe.table.signature(), job.recipe.file_format]
    for facts in job.samples:
        parts += [facts.content.hex(), facts.image.sha256, facts.mask.sha256]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _refuse_changed(data: bytes, sha256: str, name: str) -> None:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _changed(name)


def _changed(name: str) -> ChangedError:
    return ChangedError(
        f"{name} changed while the dataset was being built; nothing was written. Let the raw "
        "folder rest and build again"
    )
