"""Disks that are full or cannot be written: which folder it is, and what to do next."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
from collections.abc import Iterator

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class FullError(OSError):
    """A disk takes no more."""


class ReadOnlyError(OSError):
    """A folder cannot be written."""


@contextlib.contextmanager
def told(folder: os.PathLike[str], *, elsewhere: str) -> Iterator[None]:
    """Says of errors of the disk below a folder which one it is and what to do.

    Args:
      folder: what is written here lies in it.
      elsewhere: the option that names another folder.

    Raises:
      FullError: the disk takes no more.
      ReadOnlyError: the folder cannot be written.
    """
    try:
        yield
    except (FullError, ReadOnlyError):  # told of a folder within
        raise
    except OSError as error:
        # Of what is read elsewhere meanwhile, such as raw data, this is not to speak. Errors of
        # writing to an open file have no name.
        if isinstance(error.filename, (str, bytes)) and not _below(error.filename, folder):
            raise
        if error.errno in FULL:
            raise FullError(
                error.errno,
                f"the disk of {folder} takes no more ({error.strerror}): free some space there, or "
                f"give another folder with {elsewhere}. Shards that are finished are kept; the "
                "same command goes on with them",
            ) from error
        if error.errno in CLOSED:
            raise ReadOnlyError(
                error.errno,
                f"{error.filename or folder} cannot be written ({error.strerror}): allow it for "
                f"{folder}, or give another folder with {elsewhere}",
            ) from error
        raise


def _below(name: str | bytes, folder: os.PathLike[str]) -> bool:
    path, top = (pathlib.Path(os.fsdecode(one)).absolute() for one in (name, folder))
    return path.is_relative_to(top)
