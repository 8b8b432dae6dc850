"""Writing: one shard from its list, by a pool here or by Beam workers there, to the same bytes."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import itertools
import json
import pathlib
import platform
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures

from seg_datasets.core import (
    atomic,
    columns,
    disks,
    features,
    masks,
    opening,
    records,
    shards,
    storage,
)
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.images import ImageError
from seg_datasets.core.sample import Sample
from seg_datasets.core.shards import Recipe, ShardDone, ShardJob
from seg_datasets.core.sources import Folder
from seg_datasets.core.stages import LostError, Stage, Stages, workers
from seg_datasets.core.views import View

# Ends the name of the file that tells a worker which samples to write.
_ASKED = ".samples"

# Records made ahead of the one being written, per thread: enough to keep threads busy, and all the
# memory that writing takes.
_AHEAD = 4


class ChangedError(RuntimeError):
    """A raw file is not what it was when it was looked at."""


def run(
    jobs: Sequence[ShardJob],
    *,
    stages: Stages | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[ShardDone]:
    """Writes all shards; those that an interrupted run has finished are not made twice.

    Args:
      jobs: the shards.
      stages: who writes, and what is told of it.
      progress: called with the number of records done, as they are.
    """
    stages = stages or Stages()
    with stages.stage("Write") as stage:
        done = shards.of_each(shards.finished, jobs)
        todo = [job for job in jobs if done[job.path] is None]
        stage.samples = sum(len(job.samples) for job in jobs)
        stage.kept = stage.samples - sum(len(job.samples) for job in todo)
        # Not by the workers: one that outlives a killed build would make them again when they are
        # gone.
        for folder in {job.path.rpartition("/")[0] for job in todo}:
            atomic.make_folder(folder)
        if progress:
            progress(stage.kept)
        if todo and stages.on_beam:
            _on_beam(todo, stages, stage, progress)
        elif todo:
            with futures.ThreadPoolExecutor(Folder(todo[0].recipe.raw).readers(workers())) as pool:
                for job in todo:
                    write_shard(job, pool=pool, progress=progress)
        done |= shards.of_each(shards.marked, todo)
        if lost := [path for path, shard in done.items() if shard is None]:
            raise LostError(f"{lost[0]} was written, and is not there or is not whole; build again")
        whole = [shard for shard in done.values() if shard is not None]
        stage.bytes = sum(shard.bytes for shard in whole)
        return whole


def write_shard(
    job: ShardJob,
    *,
    pool: futures.Executor | None = None,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Writes one shard under a temporary name, then moves it to its own and marks it done.

    Raises:
      FullError, ReadOnlyError: it cannot be written.
      FileNotFoundError: its folder is not there, for which `run` has seen.
    """
    if storage.is_remote(job.path):
        _write_remote_shard(job, pool, progress)
        return
    path = pathlib.Path(job.path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{path.parent} is not to be seen from {platform.node()}: workers have to share the "
            "file system of --data_dir. Where they do, the build that asked for this has ended"
        )
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    with disks.told(path.parent, elsewhere="--data_dir"):
        try:
            sha256, size = records.write(
                temporary, _records(job, pool, progress), file_format=job.recipe.file_format
            )
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        mark = {"sha256": sha256, "bytes": size, "samples": shards.names(job)}
        atomic.write(path.with_name(path.name + shards.DONE), json.dumps(mark))


def _write_remote_shard(
    job: ShardJob, pool: futures.Executor | None, progress: Callable[[int], object] | None
) -> None:
    """Writes one shard here, then puts it into its bucket in one piece and marks it done there."""
    with tempfile.TemporaryDirectory(prefix="seg_datasets-") as folder:
        temporary = pathlib.Path(folder, "shard")
        sha256, size = records.write(
            temporary, _records(job, pool, progress), file_format=job.recipe.file_format
        )
        tag = storage.upload(temporary, job.path).tag
    mark = {"sha256": sha256, "bytes": size, "samples": shards.names(job), "tag": tag}
    storage.write(job.path + shards.DONE, json.dumps(mark).encode())


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
    seen = _read(opening.image_file, sample, folder, sample.image)
    _refuse_changed(seen.data, facts.image.sha256, sample.image)
    raw = _read(opening.mask_file, sample, folder, sample.mask)
    _refuse_changed(raw.data, facts.mask.sha256, sample.mask)
    mask = raw.data
    if not facts.mask.as_stored:
        try:
            read = opening.mask(
                sample,
                raw,
                recipe.table,
                folder=folder,
                size=(facts.image.width, facts.image.height),
                drawn_on=facts.image.orientation if recipe.masks_follow_exif is False else 1,
                none=seen.none,
            ).mask
        except (OSError, ImageError) as error:  # of a file that a drawing reads
            raise changed(sample.mask, error) from error
        if read.stray:  # the checks have refused it; a record must not depend on that alone
            raise ValueError(f"{sample.mask} holds values that no class has: {[*read.stray][:5]}")
        if read.runs.digest() != facts.mask.ids:  # of what a drawing reads, no digest was kept
            raise changed(sample.mask)
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


def changed(name: str, error: Exception | None = None) -> ChangedError:
    """The refusal of a raw file that is not what it was when the build began."""
    return ChangedError(
        f"{name} changed while the dataset was being built{f' ({error})' if error else ''}; no "
        "version was written. Let the raw folder rest and build again. If it has rested, what is "
        "kept of it is stale: empty $SEG_DATASETS_CACHE, or ~/.cache/seg_datasets"
    )


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
    waiting, most = iter(job.samples), _AHEAD * folder.readers(workers())
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


@dataclasses.dataclass(frozen=True)
class _ByWorker:
    """What a worker does: writes the shard whose samples lie in a file beside it."""

    recipe: Recipe

    def __call__(self, path: str) -> Mapping[str, int]:
        job = ShardJob(path, columns.read(path + _ASKED), self.recipe)
        # A runner that begins again after a fault goes on with what is missing.
        if (done := shards.finished(job)) is None:
            write_shard(job)
            done = shards.marked(job)
        size = done.bytes if done else 0
        return {"samples": len(job.samples), "bytes": size, "shards": 1}


def _on_beam(
    jobs: Sequence[ShardJob],
    stages: Stages,
    stage: Stage,
    progress: Callable[[int], object] | None,
) -> None:
    """Each worker writes whole shards."""
    for job in jobs:
        atomic.write(job.path + _ASKED, job.samples.to_bytes())
    lengths = {job.path: len(job.samples) for job in jobs}
    by_path = {job.path: job for job in jobs}
    stages.run(
        stage,
        _ByWorker(jobs[0].recipe),
        [*lengths],
        made=lambda path: shards.marked(by_path[path]) is not None,
        progress=progress and (lambda paths: progress(sum(lengths[path] for path in paths))),
    )
    for job in jobs:
        atomic.remove(job.path + _ASKED)


def _read(
    read: Callable[[Sample, Folder], View], sample: Sample, folder: Folder, name: str
) -> View:
    try:
        return read(sample, folder)
    except (OSError, ValueError) as error:  # it could be read when it was looked at
        raise changed(name, error) from error


def _refuse_changed(data: bytes, sha256: str, name: str) -> None:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise changed(name)
