"""Storage: objects in buckets, `s3://` and `gs://`. Files here are `pathlib`'s, and never come by.

fsspec reads and writes them. `etils.epath`, on which TFDS builds, would hand them to TensorFlow
wherever that is installed, and TensorFlow 2.21 answers "File system scheme 's3' not implemented".

An object is put whole or not at all, and who reads it sees the old one or the new one. There is no
renaming, there are no folders and no locks: those who need one of them say below how they do.

Faults that pass are tried again by the clients themselves, with growing pauses: 5xx, throttling,
connections that are reset or cut in the middle of an answer, and timeouts. That was counted (see
`tests/core/test_storage.py`), and nothing is added to it here but a name to what is given up.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any, NamedTuple, TypeVar

from seg_datasets.core.classes import DeclarationError

# How a URL begins → the package that reads it, and the extra that brings it.
_SCHEMES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gs")}

# In a name these would lead elsewhere, on some machine, or tell a terminal what to do.
_HOSTILE = re.compile(r"[\\\x00-\x1f\x7f-\x9f\ud800-\udfff]|\?versionId=")

_AT_ONCE = 16

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class StorageError(OSError):
    """A bucket did not do what it was asked for, however often."""


class Stat(NamedTuple):
    """What a listing tells of an object.

    Attributes:
      size: in bytes.
      tag: differs when the object does: its ETag.
    """

    size: int
    tag: str


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Whether a path is the URL of something in a bucket."""
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", os.fspath(path)) is not None


def is_sound(name: str) -> bool:
    """Whether the name of an object leads down from the place that it is below, on any machine.

    A key is any text, and `..`, `//` and `\\` are nothing special in it, until it is made a path.
    """
    return not _HOSTILE.search(name) and not {"", ".", ".."} & {*name.split("/")}


def listing(url: str) -> dict[str, Stat]:
    """Name → what is known of it, for all objects below a URL, in one listing of many pages."""
    with _told(url, "listed") as (system, path):
        found = system.find(path, detail=True)
    return {
        key[len(path) + 1 :]: _stat(info)
        for key, info in found.items()
        if key.startswith(f"{path}/") and not key.endswith("/")
    }


def stat(url: str) -> Stat | None:
    """What is known of an object, None where there is none."""
    with contextlib.suppress(FileNotFoundError), _told(url, "found") as (system, path):
        info = system.info(path)
        return _stat(info) if info["type"] == "file" else None
    return None


def is_folder(url: str) -> bool:
    """Whether there is any object below a URL."""
    with contextlib.suppress(FileNotFoundError), _told(url, "found") as (system, path):
        return bool(system.info(path)["type"] == "directory")
    return False


def read(url: str, offset: int = 0, length: int | None = None) -> bytes:
    """The bytes of an object, or a part of them."""
    part = {} if length is None else {"start": offset, "end": offset + length}
    with _told(url, "read") as (system, path):
        data: bytes = system.cat_file(path, **part)
    return data


def read_to(url: str, path: str | os.PathLike[str]) -> None:
    """Copies an object into a file here."""
    with _told(url, "read") as (system, key):
        system.get_file(key, os.fspath(path))


def write(url: str, data: bytes, *, new: bool = False) -> None:
    """Puts an object, whole or not at all.

    Args:
      url: where to.
      data: its bytes.
      new: only where there is none: of several who try, one gets through. Not every store that
        speaks S3 knows that; some answer that they do not, others put it all the same.

    Raises:
      FileExistsError: there is one already.
    """
    try:
        with _told(url, "written") as (system, path):
            system.pipe_file(path, data, mode="create" if new else "overwrite")
    except StorageError as error:
        if not new or "NotImplemented" not in str(error):
            raise
        logging.getLogger(__name__).warning("%s: this store cannot put what is new only", url)
        if stat(url) is not None:
            raise FileExistsError(f"{url} is there already") from None
        write(url, data)
    except FileExistsError:
        # Where only the answer was lost, the object that is met at the next try is our own.
        if read(url) != data:
            raise


def upload(path: str | os.PathLike[str], url: str) -> Stat:
    """Puts a file of this machine, whole or not at all; what is known of it then."""
    with _told(url, "written") as (system, key):
        system.put_file(os.fspath(path), key)
    there, size = stat(url), pathlib.Path(path).stat().st_size
    if there is None or there.size != size:
        held = "is not there" if there is None else f"has {there.size:,} bytes"
        raise StorageError(f"{url} {held} after {size:,} bytes were written")
    return there


def copy(url: str, to: str) -> None:
    """Copies an object within its store, without its bytes coming by here."""
    with _told(to, "written") as (system, path):
        system.cp_file(url.partition("://")[2], path)


def remove(url: str) -> None:
    """Removes an object, if it is there."""
    with contextlib.suppress(FileNotFoundError), _told(url, "removed") as (system, path):
        system.rm_file(path)


def each(do: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
    """Does the same to many, several at a time: what is done waits for answers mostly."""
    with futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(do, items))


@contextlib.contextmanager
def _told(url: str, doing: str) -> Iterator[tuple[Any, str]]:
    """The file system and the path in it; what fails in it is told with the URL.

    Raises:
      FileNotFoundError, FileExistsError, PermissionError: what they say.
      StorageError: all else, of whatever kind the client has for it.
      DeclarationError: no such scheme, or the package for it is not installed.
    """
    system = _system(url)
    try:
        yield system, url.partition("://")[2].rstrip("/")
    except (FileNotFoundError, FileExistsError) as error:
        raise type(error)(f"{url} cannot be {doing}: {_reason(error)}") from error
    except PermissionError as error:
        raise PermissionError(
            f"{url} cannot be {doing}: access denied ({_reason(error)}); look at the credentials "
            "and at the rights that they have on the bucket"
        ) from error
    except OSError as error:
        full = error.errno == errno.ENOSPC
        hint = f"; no space in {tempfile.gettempdir()}: name another place by TMPDIR" * full
        raise StorageError(f"{url} cannot be {doing}: {_reason(error)}{hint}") from error
    except Exception as error:  # botocore's, aiohttp's and Google's have no base of their own
        raise StorageError(f"{url} cannot be {doing}: {_reason(error)}") from error


def _system(url: str) -> Any:
    """Fsspec's file system of a URL; made once in each process, which fsspec sees to."""
    scheme = url.partition("://")[0]
    if scheme not in _SCHEMES:
        raise DeclarationError(f"{url}: buckets are read by s3:// and gs:// only")
    package, extra = _SCHEMES[scheme]
    # A listing that is kept would hide what other machines do.
    options: dict[str, Any] = {"use_listings_cache": False}
    if scheme == "s3":
        # An object in one request: in several it would be asked for its size before, and be put
        # together of two, where it is replaced meanwhile.
        options["max_concurrency"] = 1
    try:
        import fsspec

        return fsspec.filesystem(scheme, **options)
    except ImportError:
        raise DeclarationError(
            f"{url} is read with {package}, which is not installed; "
            f"pip install 'seg_datasets[{extra}]'"
        ) from None


def _stat(info: dict[str, Any]) -> Stat:
    return Stat(info["size"], str(info.get("ETag") or info.get("etag") or ""))


def _reason(error: BaseException) -> str:
    """Why, in one line: the client's own words, which fsspec replaces by the server's."""
    cause = error.__cause__ or error
    return " ".join(f"{cause}".split())[:400] or type(cause).__name__
