"""Where a build keeps its unfinished shards: found again by the next one, never by `tfds.load`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
from collections.abc import Iterator

_FOLDER = ".building"


class BusyError(RuntimeError):
    """Another build of the same version is running in the same data_dir."""


@contextlib.contextmanager
def opened(data_dir: pathlib.Path, version_dir: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder for the unfinished shards of one version, which this process alone may use.

    It is removed when the build ends well, with whatever killed builds of the same version have
    left; it stays when the build fails, so that the next one goes on.

    Args:
      data_dir: the root of all datasets. The folder lies directly in it: on the same file system as
        the finished dataset, and outside the folders in which TFDS looks for versions.
      version_dir: where the finished version will lie.

    Raises:
      BusyError: another process builds the same version here.
    """
    folder = _folder(data_dir, version_dir)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(folder.name + ".lock")
    try:
        with _locked(lock, version_dir):
            try:
                folder.mkdir(exist_ok=True)
                for stale in folder.rglob("*.tmp"):
                    stale.unlink(missing_ok=True)
                yield folder
                shutil.rmtree(folder)
                # TFDS's own half-made folders of killed builds: `incomplete.XXXXXX_1.0.0`.
                for left in version_dir.parent.glob(f"incomplete.*_{version_dir.name}"):
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                with contextlib.suppress(OSError):  # finished shards in it: the next build goes on
                    folder.rmdir()
                lock.unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):  # other versions are being built
            folder.parent.rmdir()


def sweep(data_dir: pathlib.Path, version_dir: pathlib.Path) -> None:
    """Removes what a build left that was killed after its version was in place."""
    if _folder(data_dir, version_dir).exists():
        with contextlib.suppress(BusyError), opened(data_dir, version_dir):
            pass


def _folder(data_dir: pathlib.Path, version_dir: pathlib.Path) -> pathlib.Path:
    return data_dir / _FOLDER / "-".join(version_dir.relative_to(data_dir).parts)


@contextlib.contextmanager
def _locked(lock: pathlib.Path, version_dir: pathlib.Path) -> Iterator[None]:
    """Holds an advisory lock, which the system takes back when the process dies."""
    while True:
        with lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(
                    f"another process is building {version_dir}; wait for it, or use another "
                    "--data_dir"
                ) from None
            # Whoever held it before may have removed the file: then this is a lock on nothing.
            if not lock.exists() or not os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                continue
            yield
            return
