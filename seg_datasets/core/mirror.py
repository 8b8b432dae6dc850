"""Mirror: a version that lies in a bucket, as a folder here, for TensorFlow and all who read files.

`tf.data` reads no s3:// (TensorFlow 2.21), and training reads each record many times: so a version
is brought here once, its records when they are first asked for. The bucket tells what is true: a
version that was made anew there is brought anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import uuid
from collections.abc import Callable, Iterator

from seg_datasets.core import cache, storage
from seg_datasets.core.classes import DeclarationError

# The last file of a version that is put, and the first that is removed: with it, it is whole.
INFO = "dataset_info.json"

_RECORDS = re.compile(r".*-\d{5,}-of-\d{5,}")

# What TFDS and we call the files of a version.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")

# In the folder here: the URL, and what was listed there when it was brought.
_TOLD = ".mirror.json"

# What is larger than this is brought when it is asked for, as manifests of large sets.
_SMALL = 1 << 20


def is_records(name: str) -> bool:
    """Whether a file of a version holds records."""
    return _RECORDS.fullmatch(name) is not None


def data_dir(url: str) -> pathlib.Path:
    """The folder here that stands for a data_dir in a bucket."""
    scheme, _, path = url.rstrip("/").partition("://")
    if not storage.is_sound(path):
        raise DeclarationError(f"{url!r} is no URL that a folder can stand for")
    return cache.root() / "buckets" / scheme / path


def refresh(url: str, folder: pathlib.Path) -> bool:
    """Brings here what tells of a version, but no records yet.

    Args:
      url: of the version.
      folder: what stands for it here.

    Returns:
      Whether there is such a version, whole.
    """
    there = _listing(url)
    if INFO not in there:
        return False
    told = json.dumps({"url": url, "files": there}, indent=1)
    if _told(folder) == told:
        return True
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.parent):
        if _told(folder) == told:  # brought by somebody else meanwhile
            return True
        # The name is that of TFDS's own half-made folders, which `workspace` clears away.
        fresh = folder.with_name(f"incomplete.{uuid.uuid4().hex}_{folder.name}")
        fresh.mkdir()
        try:
            (fresh / _TOLD).write_text(told, encoding="utf-8")
            complete(fresh, lambda name: not is_records(name) and there[name].size <= _SMALL)
            if folder.exists():
                shutil.rmtree(folder)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return True


def complete(folder: pathlib.Path, wanted: Callable[[str], bool] = lambda name: True) -> None:
    """Brings those files of a version that are wanted and not here; of a folder that stands for
    nothing else, none."""
    if (told := _told(folder)) is None:
        return
    fields = json.loads(told)

    def bring(name: str) -> None:
        size, path = fields["files"][name][0], folder / name
        if path.is_file() and path.stat().st_size == size:
            return
        part = folder / f".{name}.{uuid.uuid4().hex}.tmp"
        try:
            storage.read_to(f"{fields['url']}/{name}", part)
            if part.stat().st_size != size:
                raise storage.StorageError(
                    f"{fields['url']}/{name} was replaced while it was read; read it again"
                )
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    storage.each(bring, filter(wanted, fields["files"]))


def is_one(folder: pathlib.Path) -> bool:
    """Whether a folder stands for a version in a bucket, and is not what a killed build left."""
    return _told(folder) is not None


def fetched(url: str | os.PathLike[str]) -> pathlib.Path:
    """A version that lies in a bucket, as a folder here: for `tfds.builder_from_directory`.

    Args:
      url: of the version, such as s3://bucket/tfds/aerial/1.0.0.

    Raises:
      FileNotFoundError: there is no such version, or it is not whole.
    """
    url = os.fspath(url).rstrip("/")
    folder = data_dir(url)
    if not refresh(url, folder):
        raise FileNotFoundError(f"{url} is no prepared version: no {INFO} lies there")
    complete(folder)
    return folder


def datasets(url: str, name: str, to: pathlib.Path) -> None:
    """Brings here what tells of all versions of one dataset, with configs and without.

    Args:
      url: of a data_dir.
      name: of the dataset.
      to: what stands for that data_dir here.
    """
    if not _PLAIN.fullmatch(name):
        return
    for path in storage.listing(f"{url.rstrip('/')}/{name}"):
        version = path.removesuffix(f"/{INFO}")
        if version != path and storage.is_sound(version) and version.count("/") < 2:
            refresh(f"{url.rstrip('/')}/{name}/{version}", to / name / version)


def _listing(url: str) -> dict[str, storage.Stat]:
    """The files of a version; what has another kind of name was put there by somebody else."""
    return {
        name: stat for name, stat in sorted(storage.listing(url).items()) if _PLAIN.fullmatch(name)
    }


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
    """Of several processes that train on one machine, one brings a version."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _told(folder: pathlib.Path) -> str | None:
    try:
        return (folder / _TOLD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
