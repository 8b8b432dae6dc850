"""Atomic: files that a reader sees as they were or as they are, never a part; in buckets too."""

from __future__ import annotations

import os
import pathlib
import uuid
from collections.abc import Iterable

from seg_datasets.core import storage


def write(path: str | os.PathLike[str], content: str | bytes | Iterable[str]) -> None:
    """Writes a file under a temporary name, whole or in parts that follow one another, and moves it
    to its own. An object of a bucket is put whole by itself."""
    if storage.is_remote(path):
        parts = [content] if isinstance(content, (str, bytes)) else content
        whole = b"".join(p if isinstance(p, bytes) else p.encode() for p in parts)
        storage.write(os.fspath(path), whole)
        return
    path = pathlib.Path(path)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        if isinstance(content, bytes):
            temporary.write_bytes(content)
        else:
            with temporary.open("w", encoding="utf-8") as file:
                file.writelines([content] if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def is_there(path: str) -> bool:
    """Whether there is such a file."""
    return (
        storage.stat(path) is not None if storage.is_remote(path) else pathlib.Path(path).exists()
    )


def remove(path: str) -> None:
    """Removes a file."""
    if storage.is_remote(path):
        storage.remove(path)
    else:
        pathlib.Path(path).unlink(missing_ok=True)


def make_folder(path: str) -> None:
    """Makes a folder; buckets have none."""
    if not storage.is_remote(path):
        pathlib.Path(path).mkdir(parents=True, exist_ok=True)


def from_anywhere(path: str) -> str:
    """The path for processes that have working directories of their own."""
    return path if storage.is_remote(path) else str(pathlib.Path(path).absolute())
