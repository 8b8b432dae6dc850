"""Beam pipelines that end, also when a process of theirs does not live to see it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# What Beam calls the thread that waits for a worker process.
_WAITING = "run_worker"


class WorkerError(RuntimeError):
    """A worker process of Beam died."""


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Breaks off the pipeline that is run in here when one of its worker processes dies.

    Beam's DirectRunner would wait for its answer for ever (apache/beam#19674): the process's end is
    an error in a thread that nobody looks at. Other runners have no such threads.

    Raises:
      WorkerError: a worker process died. Others have finished what they had begun.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield  # no other can be woken
        return
    died: list[BaseException | None] = []
    unseen = threading.excepthook

    def seen(args: threading.ExceptHookArgs) -> None:
        if args.thread is None or args.thread.name != _WAITING:
            unseen(args)
        elif not died:
            died.append(args.exc_value)
            # A real signal: nothing else wakes a thread that waits for a lock. Not SIGINT, which
            # would look like Ctrl-C.
            signal.pthread_kill(main.ident or 0, signal.SIGUSR1)

    def woken(number: int, frame: FrameType | None) -> None:
        raise WorkerError(
            f"a worker process died ({died[0]}), for want of memory perhaps. Shards that are "
            "finished are kept; the same command goes on with them. Fewer workers need less "
            "memory: direct_num_workers in --beam_pipeline_options"
        )

    before = signal.signal(signal.SIGUSR1, woken)
    threading.excepthook = seen
    try:
        yield
    finally:
        threading.excepthook = unseen
        signal.signal(signal.SIGUSR1, before)
