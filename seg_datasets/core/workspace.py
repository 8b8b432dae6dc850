"""Where a build keeps its unfinished shards: found again by the next one, never by `tfds.load`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
from collections.abc import Iterator

from seg_datasets.core import disks

_FOLDER = ".building"


class BusyError(RuntimeError):
    """Another build of the same version is running in the same data_dir."""


@contextlib.contextmanager
def opened(
    data_dir: pathlib.Path, version_dir: pathlib.Path, *, replace: bool = False
) -> Iterator[pathlib.Path]:
    """A folder for the unfinished shards of one version, which this process alone may use.

    It is removed when the build ends well, with whatever killed builds of the same version have
    left; it stays when the build fails, so that the next one goes on.

    Args:
      data_dir: the root of all datasets. The folder lies directly in it: on the same file system as
        the finished dataset, and outside the folders in which TFDS looks for versions.
      version_dir: where the finished version will lie.
      replace: whether one that lies there is to be replaced; it comes back if the build fails.

    Raises:
      BusyError: another process builds the same version here.
      FullError, ReadOnlyError: data_dir takes no more, or cannot be written.
    """
    folder, lock, done = _folders(data_dir, version_dir)
    with contextlib.ExitStack() as stack:
        stack.enter_context(disks.told(data_dir, elsewhere="--data_dir"))
        stack.callback(_remove_if_empty, folder.parent)  # not while other versions are being built
        stack.enter_context(_locked(lock, version_dir))
        stack.callback(lock.unlink, missing_ok=True)
        stack.callback(_remove_if_empty, folder)  # finished shards in it: the next build goes on
        folder.mkdir(exist_ok=True)
        for stale in folder.rglob("*.tmp"):
            stale.unlink(missing_ok=True)
        if replace and version_dir.exists():
            stack.enter_context(_aside(version_dir, folder / "replaced"))
        yield folder
        # Workers that outlive a killed build find the folder gone, not half empty.
        shutil.rmtree(done, ignore_errors=True)
        folder.rename(done)
        shutil.rmtree(done, ignore_errors=True)
        # TFDS's own half-made folders of killed builds: `incomplete.XXXXXX_1.0.0`.
        for left in version_dir.parent.glob(f"incomplete.*_{version_dir.name}"):
            shutil.rmtree(left, ignore_errors=True)
        # And of its note which config is the default, which is written where the lock is held.
        notes = [*version_dir.parent.parent.glob(".config/incomplete.*")]
        if [*folder.parent.glob("*.lock")] == [lock]:
            for left in notes:
                left.unlink(missing_ok=True)


@contextlib.contextmanager
def _aside(version_dir: pathlib.Path, aside: pathlib.Path) -> Iterator[None]:
    """Puts a version aside while another is made in its place, and back if none is.

    TFDS would delete it file by file, and what a build that is killed meanwhile leaves of it could
    be loaded.
    """
    shutil.rmtree(aside, ignore_errors=True)
    version_dir.rename(aside)
    try:
        yield
    finally:
        if aside.exists() and not version_dir.exists():
            aside.rename(version_dir)


def _remove_if_empty(folder: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def sweep(data_dir: pathlib.Path, version_dir: pathlib.Path) -> None:
    """Removes what a build left that was killed after its version was in place."""
    if any(path.exists() for path in _folders(data_dir, version_dir)):
        # Where another one is at it, or nothing can be removed, the version is whole all the same.
        with contextlib.suppress(BusyError, OSError), opened(data_dir, version_dir):
            pass


def _folders(data_dir: pathlib.Path, version_dir: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Of unfinished shards; what locks it; what it is called while it is removed."""
    folder = data_dir / _FOLDER / "-".join(version_dir.relative_to(data_dir).parts)
    return folder, folder.with_name(f"{folder.name}.lock"), folder.with_name(f"{folder.name}.done")


@contextlib.contextmanager
def _locked(lock: pathlib.Path, version_dir: pathlib.Path) -> Iterator[None]:
    """Holds an advisory lock, which the system takes back when the process dies."""
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as files:
            try:
                file = files.enter_context(lock.open("a+"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever held it before may have removed the file: this is a lock on nothing then.
                held = os.path.samestat(os.fstat(file.fileno()), lock.stat())
            except BlockingIOError:
                raise BusyError(
                    f"another process is building {version_dir}; wait for it, or use another "
                    "--data_dir"
                ) from None
            except FileNotFoundError:  # a build that ended just now removed the folder, or the file
                continue
            if held:
                yield
                return


def link(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Puts a shard into the folder and keeps it in the workspace too, in case the build is killed
    before the folder is in place."""
    try:
        (folder / path.name).hardlink_to(path)
    except OSError:  # a file system without hard links
        path.replace(folder / path.name)
