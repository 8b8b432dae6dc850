"""A raw folder in a bucket: what it holds is told by one listing; nothing is written there."""

from __future__ import annotations

import hashlib
import os
import pathlib
import tempfile
import threading
from collections import defaultdict
from typing import BinaryIO

from seg_datasets.core import storage
from seg_datasets.core.sources.folder import DROPPINGS, Folder, OutsideError, by_name

_READERS = 16

# URL and tag → who makes the copy of it in this process, while the others wait.
_copying: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)
_scratch: list[tempfile.TemporaryDirectory[str]] = []


class RemoteFolder(Folder):
    """Read access to all that is below a URL, as if it were a folder.

    Buckets have no folders and no links. An object whose key would be another path here than there
    counts among what leads outside: keys are any text, and come from strangers.
    """

    def __init__(self, root: str | os.PathLike[str]):
        self.where = os.fspath(root).rstrip("/")
        self.name = self.where.rpartition("/")[2]
        self._listed: dict[str, storage.Stat] | None = None
        self._asked: dict[str, storage.Stat | None] = {}  # where nothing is listed

    def __reduce__(self) -> tuple[type[Folder], tuple[str]]:
        """Without the listing: who gets it reads a few files of very many."""
        return Folder, (self.where,)

    def __str__(self) -> str:
        return self.where

    def exists(self) -> bool:
        """Whether there is any object below the URL."""
        return storage.is_folder(self.where)

    def readers(self, workers: int) -> int:
        """More than compute: each waits for an answer most of the time."""
        return max(workers, _READERS)

    def files(self) -> tuple[list[str], list[str]]:
        """Names of all objects below the URL, and those that would lead outside."""
        files, outside = [], []
        for name in self._listing():
            if not storage.is_sound(name):
                outside.append(name)
                continue
            parts = name.split("/")
            if not any(part.startswith(".") or part.lower() in DROPPINGS for part in parts):
                files.append(name)
        return sorted(files, key=by_name), sorted(outside, key=by_name)

    def empty(self) -> list[str]:
        """None: without an object there is no folder."""
        return []

    def path(self, name: str) -> pathlib.Path:
        """A copy on this machine, for libraries that read files by their path.

        It stays as long as the process: of a scene, each tile is read by itself.
        """
        url, tag = self._url(name), self._stat(name).tag
        with _copying[url, tag]:
            if not _scratch:
                _scratch.append(tempfile.TemporaryDirectory(prefix="seg_datasets-"))
            copy = pathlib.Path(
                _scratch[0].name, hashlib.sha256(f"{tag} {url}".encode()).hexdigest()
            )
            if not copy.exists():
                part = copy.with_suffix(".part")
                storage.read_to(url, part)
                part.replace(copy)
        return copy

    def is_file(self, name: str) -> bool:
        """Whether there is such an object."""
        self._url(name)
        return name in self._listing()

    def size(self, name: str) -> int:
        """The bytes that an object has."""
        return self._stat(name).size

    def stamp(self, name: str, now: int) -> str:
        """Size and tag; a tag tells what is in an object, so none is too young."""
        stat = self._stat(name)
        return f"{stat.size} {stat.tag}" if stat.tag else ""

    def changed(self, name: str) -> bool:
        """Whether an object changed after this one asked for it first."""
        return storage.stat(self._url(name)) != self._stat(name)

    def open(self, name: str) -> BinaryIO:
        """A copy that is gone when it is closed."""
        url = self._url(name)
        descriptor, name = tempfile.mkstemp(prefix="seg_datasets-")
        os.close(descriptor)
        copy = pathlib.Path(name)
        try:
            storage.read_to(url, copy)
            return copy.open("rb")
        finally:
            copy.unlink()

    def part(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of an object, and no more of it."""
        # A range that begins behind the end is no range to a bucket.
        url = self._url(name)
        return storage.read(url, offset, length) if offset < self._stat(name).size else b""

    def read(self, name: str) -> bytes:
        """The bytes of an object."""
        return storage.read(self._url(name))

    def _url(self, name: str) -> str:
        if not storage.is_sound(name):
            raise OutsideError(f"{name!r} leads out of {self.where}, on some machine; rename it")
        return f"{self.where}/{name}"

    def _listing(self) -> dict[str, storage.Stat]:
        if self._listed is None:
            self._listed = storage.listing(self.where)
        return self._listed

    def _stat(self, name: str) -> storage.Stat:
        """From the listing, where there is one: workers read a few files of very many."""
        url = self._url(name)
        if self._listed is None and name not in self._asked:
            self._asked[name] = storage.stat(url)
        found = (self._asked if self._listed is None else self._listed).get(name)
        if found is None:
            raise FileNotFoundError(f"{name} is not in {self.where}")
        return found
