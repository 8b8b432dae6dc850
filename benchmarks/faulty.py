"""Builds that are broken off, for `faults.py`: in forked children, on small disks, half-way.

TensorFlow is imported once, by the parent, which never runs any of it: a child that is forked from
it builds in less than a second of processor time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from seg_datasets.core import ledger, verification

# Errors of ours that say what to do. Beam hands on those of its workers as text.
CLEAR = (
    *("FullError", "ReadOnlyError", "ChangedError", "WorkerError"),
    *("BusyError", "LedgerError", "RefusedError"),
)

# Worker processes of Beam find it before any other of that name, and die where it says.
_SITE = """
import os, signal, sys

if "sdk_worker_main" in " ".join(sys.orig_argv) and "FAULTS_WORKER_DIES" in os.environ:
    left = int(os.environ["FAULTS_WORKER_DIES"])

    def hook(event, arguments):
        global left
        if event == "os.rename" and ".tmp" in str(arguments[0]):
            left -= 1
            if not left:
                try:
                    os.mkdir(os.environ["FAULTS_CLAIM"])  # one worker is enough
                except FileExistsError:
                    return
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
"""

_CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link"})

_LEFT = (".building", "incomplete", ".tmp", ".lock", ".done", "-journal", "-wal", "-shm")


@dataclasses.dataclass(frozen=True)
class Place:
    """The folders of one try; nothing outside is written."""

    root: pathlib.Path
    raw: pathlib.Path

    @property
    def data(self) -> pathlib.Path:
        return self.root / "data"

    @property
    def ledger(self) -> pathlib.Path:
        return self.root / "checksums"

    @property
    def cache(self) -> pathlib.Path:
        return self.root / "cache"


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a child ended: exit status, or the negative number of a signal, and its last words."""

    status: int
    said: str = ""

    @property
    def kind(self) -> str:
        if self.status < 0:
            return signal.Signals(-self.status).name
        ours = (name for name in CLEAR if name in self.said)
        return next(ours, self.said.partition(":")[0]) if self.status else "whole"


def fork(place: Place, work: Callable[[], object]) -> int:
    """Starts a child that does the work, in a session of its own; its process id."""
    place.root.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    status = 1
    try:
        os.setsid()
        os.environ |= {
            "SEG_DATASETS_CACHE": str(place.cache),
            "SEG_DATASETS_CHECKSUMS": str(place.ledger),
            "FAULTS_ROOT": str(place.root),  # tells whose worker a process is
        }
        log = os.open(place.root / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        work()
        status = 0
    except BaseException as error:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        os.seteuid(os.getuid())
        traceback.print_exc()
        (place.root / f"said-{os.getpid()}").write_text(f"{type(error).__name__}: {error}")
    finally:
        sys.stderr.flush()
        os._exit(status)


def ended(place: Place, pid: int, *, timeout: float = 600) -> Ended:
    """Waits for a child; one that does not end is killed."""
    until = time.monotonic() + timeout
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() > until:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return Ended(1, f"HANGS: killed after {timeout} s")
        time.sleep(0.01)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = place.root / f"said-{pid}"
    return Ended(status, said.read_text() if said.exists() else "")


def stopped(pid: int) -> None:
    """Waits until a child stands still, or has ended."""
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def build(place: Place, cls: type, *, config: str | None = None, **options: Any) -> None:
    """One build, as `tfds build` does it."""
    data, file_format = os.fspath(place.data), options.pop("file_format", None)
    builder = cls(data_dir=data, config=config) if config else cls(data_dir=data)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=os.fspath(place.raw), **options),
        file_format=file_format,
    )


def on_each_change(act: Callable[[int], object]) -> None:
    """Calls `act` with 1, 2, … before each change that this process makes to the file system."""
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in _CHANGES or (writes and not str(arguments[0]).startswith("/dev/")):
            count += 1
            act(count)

    sys.addaudithook(hook)


def on_each_raw_file(place: Place, act: Callable[[int], object]) -> None:
    """Calls `act` with 1, 2, … before a raw file is opened; `act` may open them itself."""
    count, inside = 0, False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count, inside
        if event == "open" and str(arguments[0]).startswith(f"{place.raw}/") and not inside:
            count += 1
            inside = True
            act(count)
            inside = False

    sys.addaudithook(hook)


@contextlib.contextmanager
def dying_worker(place: Place, shard: int) -> Iterator[None]:
    """One worker process of Beam dies with its shard of that number written but not in place."""
    site = place.root / "site"
    site.mkdir(parents=True, exist_ok=True)
    (site / "sitecustomize.py").write_text(_SITE)
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{site}{os.pathsep}{before}"
    os.environ |= {"FAULTS_WORKER_DIES": str(shard), "FAULTS_CLAIM": str(site / "claim")}
    try:
        yield
    finally:
        os.environ["PYTHONPATH"] = before
        del os.environ["FAULTS_WORKER_DIES"]


def orphans(place: Place, *, patience: float = 180) -> list[int]:
    """Processes of a try that are still there after so many seconds."""
    until = time.monotonic() + patience
    while found := _processes(place):
        if time.monotonic() > until:
            break
        time.sleep(0.5)
    return found


def _processes(place: Place) -> list[int]:
    found = []
    for environment in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"FAULTS_ROOT={place.root}\0".encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found


def own_disks() -> bool:
    """Whether this process may make small disks; it starts itself anew where that helps."""
    if os.geteuid() == 0 and may_mount():
        return True
    unshare = ["unshare", "-Urm"]
    if "FAULTS_UNSHARED" not in os.environ and shutil.which("unshare"):
        tried = subprocess.run([*unshare, "true"], capture_output=True, check=False)
        if not tried.returncode:
            os.environ["FAULTS_UNSHARED"] = "1"
            os.execvp("unshare", [*unshare, sys.executable, *sys.argv])
    return False


@functools.cache
def may_mount() -> bool:
    probe = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/mnt"]
    if shutil.which("mount") is None or not pathlib.Path("/mnt").is_dir():
        return False
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        return False
    subprocess.run(["umount", "/mnt"], check=True)
    return True


@contextlib.contextmanager
def disk(folder: pathlib.Path, options: str) -> Iterator[Callable[[str], object]]:
    """A disk in memory at a folder; yields what changes its options."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield lambda new: subprocess.run(["mount", "-o", f"remount,{new}", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def finished(place: Place) -> frozenset[int]:
    """Inodes of the shards that an unfinished build has marked as done."""
    marked = [mark.with_suffix("") for mark in place.data.glob(".building/*/*/*.done")]
    return frozenset(path.stat().st_ino for path in marked if path.exists())


def used(place: Place) -> frozenset[int]:
    """Inodes of the record files of prepared versions."""
    files = place.data.glob("[!.]*/**/*-of-*")
    return frozenset(path.stat().st_ino for path in files)


def loaded(place: Place, known: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """How many versions can be loaded, and what of them is not whole.

    Args:
      place: where to look, at anything that TFDS might take for a version.
      known: entries of builds that nothing disturbed: raw files, contents, bytes of the shards.
    """
    count, wrong = 0, []
    for info in sorted(place.data.rglob("dataset_info.json")):
        version = info.parent
        try:
            name = tfds.builder_from_directory(version).name
        except Exception:  # whatever it is: it does not load
            continue
        count += 1
        found = verification.verify(version, place.ledger / f"{name}.json")
        wrong += [f"{version}: {problem}" for problem in found.problems]
        if found.sound and ledger.load_entry(version).to_json() not in known:
            wrong.append(f"{version} is not what any undisturbed build makes of the raw files")
    return count, wrong


def left_over(place: Place) -> list[str]:
    """What no run that has ended well should leave, in any of the folders of a try."""
    found = []
    for path in sorted(place.root.rglob("*")):
        name = path.relative_to(place.root).as_posix()
        half = path.parent == place.ledger and not _is_ledger(path)
        if half or (not name.startswith("site/") and any(part in name for part in _LEFT)):
            found.append(name)
    return found


def _is_ledger(path: pathlib.Path) -> bool:
    try:
        return path.suffix == ".json" and bool(ledger.load(path))
    except ledger.LedgerError:
        return False


def as_png(pixels: np.ndarray, *, size: int) -> bytes:
    """A picture as a PNG file of that many bytes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return longer(file.getvalue(), size)


def longer(png: bytes, size: int) -> bytes:
    """The same picture in a file of that many bytes."""
    chunk = b"teXt" + bytes(size - len(png) - 12)
    made = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:-12] + made + png[-12:]


def told(place: Place, facts: object) -> None:
    """For a child: hands facts to its parent."""
    (place.root / "facts").write_text(json.dumps(facts))


def heard(place: Place) -> Any:
    """What the child has told."""
    return json.loads((place.root / "facts").read_text())
