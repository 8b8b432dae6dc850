"""Stages: what a build does one after the other, where that is done, and what came of it.

A stage is done here, by threads, or by Beam's workers. To a worker goes the name of a file that
says what to do, and it leaves its answer in a file beside that: what is known of samples, or a
shard. So nothing but names crosses a shuffle, nothing comes back through the pipeline, and what a
killed build has done is found by the next one. All the files lie in the workspace of the build,
which workers and driver have to share.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from seg_datasets.core import atomic, pipelines, storage

# What a worker does with the file it is told of. What it returns is counted.
Work = Callable[[str], Mapping[str, int]]

NAME = "build_log.json"

# Seconds between two looks at how many answers there are: here, and in a bucket.
_POLL, _POLL_THERE = 0.5, 10.0


_WORKERS = "SEG_DATASETS_WORKERS"


def workers() -> int:
    """Threads to use: `SEG_DATASETS_WORKERS`, or one per processor this process may use."""
    if given := os.environ.get(_WORKERS):
        if not given.isdigit() or int(given) < 1:
            raise ValueError(f"{_WORKERS}={given!r}: give a number of threads, 1 or more")
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LostError(RuntimeError):
    """What workers have made is not there."""


@dataclasses.dataclass
class Stage:
    """What came of one stage.

    Attributes:
      samples: that it went through; of them `kept` were known from an earlier build.
      bytes: that it read or wrote.
      findings: of checks.
      where: "here", or the runner.
      files: that were handed to workers.
      handed: bytes that crossed a shuffle for that: their names.
      counted: what Beam's counters say, where the runner tells.
    """

    name: str
    samples: int = 0
    kept: int = 0
    bytes: int = 0
    findings: int = 0
    seconds: float = 0.0
    where: str = "here"
    files: int = 0
    handed: int = 0
    counted: dict[str, int] = dataclasses.field(default_factory=dict)

    def line(self) -> str:
        """In one line."""
        told = [f"{self.samples:,} samples"] if self.samples else []
        told += [f"{self.kept:,} of them known"] if self.kept else []
        told += [f"{self.bytes / 1e6:,.1f} MB"] if self.bytes else []
        told += [f"{self.findings:,} findings"] if self.findings else []
        told.append(f"{self.seconds:.1f} s")
        fresh = self.samples - self.kept
        told += [f"{fresh / self.seconds:,.0f} a second"] if fresh and self.seconds else []
        told += [f"{self.files:,} files by {self.where}"] if self.files else []
        return f"{self.name}: {', '.join(told)}"


class Stages:
    """The stages of one build."""

    def __init__(self, *, beam_options: Any = None, beam_runner: Any = None, room: str = ""):
        """`beam_options` or `beam_runner`, given, let Beam's workers do what they can in `room`."""
        self.done: list[Stage] = []
        self.room = room
        self._options, self._runner = beam_options, beam_runner

    @property
    def on_beam(self) -> bool:
        """Whether workers do what they can."""
        return bool(self.room) and not (self._options is None and self._runner is None)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Times a stage, which fills in what it did, and says it in one line."""
        stage, began = Stage(name), time.monotonic()
        yield stage
        stage.seconds = time.monotonic() - began
        self.done.append(stage)
        logging.getLogger(__name__).info("%s", stage.line())

    def run(
        self,
        stage: Stage,
        work: Work,
        paths: Sequence[str],
        *,
        made: Callable[[str], bool],
        progress: Callable[[Collection[str]], object] | None = None,
    ) -> None:
        """Lets workers do the work for each path.

        Args:
          stage: gains what was handed out and counted.
          work: what a worker does; it is sent to them.
          paths: of what to do.
          made: whether the answer for a path is there.
          progress: called with the paths whose answers have come.

        Raises:
          LostError: workers say that they are done, and an answer is not there.
        """
        import apache_beam as beam

        pipeline = beam.Pipeline(runner=self._runner, options=self._options)
        _ = (
            pipeline
            # Workers have working directories of their own.
            | "Names" >> beam.Create([atomic.from_anywhere(path) for path in paths])
            # Without it the runner fuses both steps, and one worker does everything.
            | "Spread" >> beam.Reshuffle()
            | stage.name >> beam.Map(functools.partial(_counting, work, stage.name))
        )
        with pipelines.watched(), _watching(paths, made, progress):
            result = pipeline.run()
            result.wait_until_finish()
        if lost := [path for path in paths if not made(path)]:
            raise LostError(
                f"workers reported success, but {lost[0]} is not there as this process would make "
                "it; do they share this file system, and have the same versions of seg_datasets "
                "and Pillow?"
            )
        stage.where = type(pipeline.runner).__name__
        stage.files = len(paths)
        stage.handed = sum(len(path.encode()) for path in paths)
        with contextlib.suppress(Exception):  # not every runner tells
            counters = result.metrics().query()["counters"]
            stage.counted = {c.key.metric.name: c.result for c in counters}

    def to_json(self) -> str:
        """All stages, for scripts."""
        return json.dumps([dataclasses.asdict(stage) for stage in self.done], indent=1) + "\n"


def _counting(work: Work, stage: str, path: str) -> None:
    """Works, and adds what was done to Beam's counters, which runners show while they run."""
    from apache_beam.metrics import Metrics

    for name, count in work(path).items():
        Metrics.counter(f"seg_datasets.{stage}", name).inc(count)


@contextlib.contextmanager
def _watching(
    paths: Sequence[str],
    made: Callable[[str], bool],
    progress: Callable[[Collection[str]], object] | None,
) -> Iterator[None]:
    """Tells of answers as they come."""
    over, waiting = threading.Event(), set(paths)
    pause = _POLL_THERE if any(map(storage.is_remote, paths)) else _POLL

    def tell() -> None:
        there = {path for path in waiting if made(path)}
        waiting.difference_update(there)
        if progress and there:
            progress(there)

    def watch() -> None:
        while not over.wait(pause):
            tell()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        tell()
