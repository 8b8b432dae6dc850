"""The ways in which `faults.py` breaks builds, and which endings of them are clear."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import pathlib
import resource
import shutil
import signal
import time
from collections.abc import Callable
from typing import Any

from tensorflow_datasets.core.download import GenerateMode

import faulty
from faulty import Ended
from faulty_builds import Roofs, Town, Try, changed_file, on_beam
from seg_datasets.core import ledger
from seg_datasets.core.sources import Folder

_NOBODY = 65534


@dataclasses.dataclass(frozen=True)
class Fault:
    """A way to break builds.

    Attributes:
      act: breaks one, and tells how it ended, and what was built beside it.
      fine: the endings that are clear, beside a whole version.
      of_kills: its part of all kills; 0 for as many tries as of other faults.
      most: at most so many tries.
      needs: "beam" or "disks"; "no disks" where it stands in for one that needs them.
    """

    name: str
    act: Callable[[Try], list[Ended]]
    fine: tuple[str, ...] = ()
    of_kills: float = 0
    most: int = 1000
    needs: str = ""


def _killed(one: Try, number: int, *, wall: float, **options: Any) -> list[Ended]:
    def interruptible() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # not so below `nohup`

    pid = one.start(interruptible, **options)
    time.sleep(one.random.uniform(0, wall))
    if not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        # Ctrl-C reaches all processes of a terminal, other signals only the one that is meant.
        (os.killpg if number == signal.SIGINT else os.kill)(pid, number)
    return [faulty.ended(one.place, pid)]


def _at_any_moment(one: Try, *, number: int) -> list[Ended]:
    return _killed(one, number, wall=one.room.wall)


def _on_beam(one: Try, *, number: int) -> list[Ended]:
    return _killed(one, number, wall=one.room.beam_wall, beam_options=on_beam())


def _at_any_change(one: Try, **options: Any) -> list[Ended]:
    one.again = lambda: one.build(**options)
    return [one.run(one.at_a_change(signal.SIGKILL), **options)]


def _recording(one: Try) -> list[Ended]:
    one.again = lambda: one.build(register_checksums=True)
    return [one.run(one.at_a_change(signal.SIGKILL, last=60), register_checksums=True)]


def _replacing(one: Try) -> list[Ended]:
    overwrite = {"download_mode": GenerateMode.REUSE_CACHE_IF_EXISTS}
    return [one.run(), one.run(one.at_a_change(signal.SIGKILL), **overwrite)]


def _worker_killed(one: Try) -> list[Ended]:
    with faulty.dying_worker(one.place, one.random.randint(1, one.room.shards)):
        return [one.run(beam_options=on_beam())]


def _small(one: Try, folder: str, options: str, more: str, **build: Any) -> list[Ended]:
    """A disk, of which the next build finds more."""
    change = one.stack.enter_context(faulty.disk(one.place.root / folder, options))
    one.mend.append(lambda: change(more))
    again = {key: value for key, value in build.items() if key != "beam_options"}
    one.again = lambda: one.build(**again)
    return [one.run(**build)]


def _full(one: Try, *, beam: bool = False, **build: Any) -> list[Ended]:
    size = f"size={4 * one.random.randint(1, one.room.pages)}k"
    if beam:
        build["beam_options"] = on_beam()
    return _small(one, "data", size, "size=64m", **build)


def _no_inodes(one: Try) -> list[Ended]:
    inodes = f"nr_inodes={one.random.randint(2, one.room.inodes)}"
    return _small(one, "data", f"size=64m,{inodes}", "nr_inodes=9999")


def _full_ledger(one: Try) -> list[Ended]:
    return _small(one, "checksums", "size=4k", "size=64m", register_checksums=True)


def _full_cache(one: Try) -> list[Ended]:
    return _small(one, "cache", f"size={4 * one.random.randint(1, 16)}k", "size=64m")


def _limited(one: Try) -> list[Ended]:
    """Files may not grow beyond a size: what is left of full disks where none can be made."""
    limit = one.random.randint(1, 4096 * one.room.pages // (3 * one.room.shards))

    def limited() -> None:
        null = os.open(os.devnull, os.O_WRONLY)  # the log is a file, too
        os.dup2(null, 1)
        os.dup2(null, 2)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))

    return [one.run(limited)]


def _read_only(one: Try, *, folder: str, **build: Any) -> list[Ended]:
    change = one.stack.enter_context(faulty.disk(one.place.root / folder, "size=64m"))
    change("ro")
    one.mend.append(lambda: change("rw"))
    one.again = lambda: one.build(**build)
    return [one.run(**build)]


def _read_only_but_prepared(one: Try) -> list[Ended]:
    change = one.stack.enter_context(faulty.disk(one.place.data, "size=64m"))
    before = one.run()
    change("ro")
    return [before, one.run()]


def _forbidden(one: Try) -> list[Ended]:
    for folder in (one.place.cache, one.place.ledger, one.place.data):
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    one.place.data.chmod(0o555)
    one.mend.append(lambda: one.place.data.chmod(0o777))

    def as_nobody() -> None:
        if os.geteuid() == 0:  # whom no mode of a folder stops
            os.seteuid(_NOBODY)

    return [one.run(as_nobody)]


def _replace(path: pathlib.Path, new: bytes) -> None:
    beside = path.with_name(".new")
    beside.write_bytes(new)
    beside.replace(path)


def _disguise(path: pathlib.Path, new: bytes) -> None:
    """Same size, same modification time."""
    times = path.stat()
    path.write_bytes(new)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _truncate(path: pathlib.Path, new: bytes) -> None:
    os.truncate(path, len(new) // 2)


def _remove(path: pathlib.Path, new: bytes) -> None:
    path.unlink()


def _put_a_folder(path: pathlib.Path, new: bytes) -> None:
    path.unlink()
    path.mkdir()


def _own_raw(one: Try, pristine: pathlib.Path) -> tuple[pathlib.Path, bytes]:
    """Raw data that this try may change: the file to change, and its new bytes.

    Before the next build, the file is what it was, or what a version was built of.
    """
    raw = one.place.root / "raw"
    shutil.copytree(pristine, raw)
    one.place = dataclasses.replace(one.place, raw=raw)
    name, new = changed_file(pristine)
    old = (raw / name).read_bytes()

    def mend() -> None:
        built = [ledger.load_entry(p.parent) for p in one.place.data.glob("*/*/ledger_entry.json")]
        if (raw / name).is_dir():
            (raw / name).rmdir()
        as_new = hashlib.sha256(new).hexdigest()[: ledger.DIGITS]
        (raw / name).write_bytes(new if built and built[0].files[name] == as_new else old)

    one.mend.append(mend)
    one.new_plan = True
    return raw / name, new


def _changed(one: Try, *, how: Callable[[pathlib.Path, bytes], None]) -> list[Ended]:
    path, new = _own_raw(one, one.room.raw)
    moment = one.random.randint(1, one.room.raw_files)
    act = lambda count: how(path, new) if count == moment else None  # noqa: E731
    return [one.run(lambda: faulty.on_each_raw_file(one.place, act))]


def _shapes_changed(one: Try) -> list[Ended]:
    path, new = _own_raw(one, one.room.town)
    moment = one.random.randint(1, 40)  # openings of 9 pictures and their shapes
    act = lambda count: _replace(path, new) if count == moment else None  # noqa: E731
    one.again = lambda: one.build(Town, num_shards=1)
    return [one.run(lambda: faulty.on_each_raw_file(one.place, act), cls=Town, num_shards=1)]


def _torn(one: Try) -> list[Ended]:
    """One reading finds the beginning of the old file and the end of the new one."""
    path, new = _own_raw(one, one.room.raw)
    left = one.random.randint(1, 2)  # a file is read to be looked at, then to be written
    cut = one.random.randint(1, len(new) - 1)
    read = Folder.read

    def torn(folder: Folder, name: str) -> bytes:
        nonlocal left
        data = read(folder, name)
        if folder.root / name == path:
            left -= 1
            if not left:
                path.write_bytes(new)
                return data[:cut] + new[cut:]
        return data

    return [one.run(lambda: setattr(Folder, "read", torn))]


def _at_once(one: Try, *options: dict[str, Any]) -> list[Ended]:
    pids = []
    for build in options:
        pids.append(one.start(**build))
        time.sleep(one.random.uniform(0, one.room.wall / 2))
    return [faulty.ended(one.place, pid) for pid in pids]


def _while_one_stands_still(one: Try, *options: dict[str, Any]) -> list[Ended]:
    pid = one.start(one.at_a_change(signal.SIGSTOP), **options[0])
    faulty.stopped(pid)
    meanwhile = one.run(**options[1])
    os.kill(pid, signal.SIGCONT)
    return [faulty.ended(one.place, pid), meanwhile]


def _configs(one: Try, *, act: Callable[..., list[Ended]], **more: Any) -> list[Ended]:
    near, far = ({"cls": Roofs, "config": name, **more} for name in ("near", "far"))

    def again() -> None:
        one.build(**near)
        one.build(**far)
        if more and len(ledger.load(one.place.ledger / "roofs.json")) < 2:
            raise AssertionError("a config is missing in the ledger")

    one.again = again
    return act(one, near, far)


_with = functools.partial
_DIED, _FULL, _CLOSED = ("SIGKILL",), ("FullError",), ("ReadOnlyError",)
_BAD_RAW = ("ChangedError", "RefusedError")
_STOPPED = ("KeyboardInterrupt",)

FAULTS = (
    Fault("kill -9 at any moment", _with(_at_any_moment, number=signal.SIGKILL), _DIED, 0.36),
    Fault("kill -9 before any change of a file", _at_any_change, _DIED, 0.36),
    Fault("the same, of a config", _with(_at_any_change, cls=Roofs, config="near"), _DIED, 0.12),
    Fault("kill -9, Beam", _with(_on_beam, number=signal.SIGKILL), _DIED, 0.16, needs="beam"),
    Fault("kill -9 while it records in the ledger", _recording, _DIED),
    Fault("kill -9 while it replaces a version", _replacing, _DIED),
    Fault("SIGTERM", _with(_at_any_moment, number=signal.SIGTERM), ("SIGTERM",)),
    Fault("Ctrl-C", _with(_at_any_moment, number=signal.SIGINT), _STOPPED),
    Fault(
        "Ctrl-C, Beam",
        _with(_on_beam, number=signal.SIGINT),
        (*_STOPPED, "WorkerError"),
        most=3,
        needs="beam",
    ),
    Fault("kill -9 of a worker process, Beam", _worker_killed, ("WorkerError",), needs="beam"),
    Fault("disk full, data_dir", _full, _FULL, 0.4, needs="disks"),
    Fault(
        "disk full, data_dir, array_record",
        _with(_full, file_format="array_record"),
        _FULL,
        needs="disks",
    ),
    Fault("disk full, data_dir, Beam", _with(_full, beam=True), _FULL, most=2, needs="disks beam"),
    Fault("no inodes left, data_dir", _no_inodes, _FULL, needs="disks"),
    Fault("disk full, ledger", _full_ledger, _FULL, needs="disks"),
    Fault("disk full, cache of facts", _full_cache, needs="disks"),
    Fault("file size limited", _limited, _FULL),
    Fault(
        "read-only disk, data_dir", _with(_read_only, folder="data"), _CLOSED, most=1, needs="disks"
    ),
    Fault(
        "read-only disk, data_dir with the version", _read_only_but_prepared, most=1, needs="disks"
    ),
    Fault(
        "read-only disk, ledger to be written",
        _with(_read_only, folder="checksums", register_checksums=True),
        _CLOSED,
        most=1,
        needs="disks",
    ),
    Fault(
        "read-only disk, ledger to be read",
        _with(_read_only, folder="checksums"),
        most=1,
        needs="disks",
    ),
    Fault(
        "read-only disk, cache of facts", _with(_read_only, folder="cache"), most=1, needs="disks"
    ),
    Fault("no permission, data_dir", _forbidden, _CLOSED, most=1),
    Fault("raw file replaced", _with(_changed, how=_replace), _BAD_RAW),
    Fault("raw file replaced, same size and time", _with(_changed, how=_disguise), _BAD_RAW),
    Fault("raw file truncated", _with(_changed, how=_truncate), _BAD_RAW),
    Fault("raw file removed", _with(_changed, how=_remove), _BAD_RAW),
    Fault("raw file replaced by a folder", _with(_changed, how=_put_a_folder), _BAD_RAW),
    Fault("raw file replaced while it is read", _torn, _BAD_RAW),
    Fault("file of shapes replaced", _shapes_changed, _BAD_RAW),
    Fault("two builds of one version", lambda one: _at_once(one, {}, {}), ("BusyError",)),
    Fault(
        "the same, one stands still meanwhile",
        lambda one: _while_one_stands_still(one, {}, {}),
        ("BusyError",),
    ),
    Fault("two configs recorded at once", _with(_configs, act=_at_once, register_checksums=True)),
    Fault("two configs, one stands still meanwhile", _with(_configs, act=_while_one_stands_still)),
)
