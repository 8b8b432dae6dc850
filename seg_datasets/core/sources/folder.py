"""A raw folder as the engine sees it: listed once, in an order of its own, and never left."""

from __future__ import annotations

import fnmatch
import os
import pathlib
import time
from collections.abc import Sequence
from typing import BinaryIO

from seg_datasets.core import records, storage
from seg_datasets.core.sample import plain, same


class OutsideError(ValueError):
    """A path leads out of the raw folder."""


def by_name(name: str) -> tuple[str, str]:
    """The order of names on every machine: by NFC, then as spelled."""
    return plain(name), name


def ignored(path: str, patterns: Sequence[str]) -> bool:
    """Whether a file's path or name fits one of the patterns, as `*_instanceIds.png`."""
    names = {same(path), same(path.rpartition("/")[2])}
    return any(fnmatch.fnmatchcase(n, same(pattern)) for pattern in patterns for n in names)


# What desktops leave behind; never data.
DROPPINGS = frozenset({"thumbs.db", "desktop.ini", "icon\r"})


# Facts of files that are younger than this, in ns, are not kept: see `stamp`.
_FRESH = 2_000_000_000


class Folder:
    """Read access to one raw folder; of a URL it makes a `RemoteFolder`.

    Directory order differs between machines, so listings are sorted by NFC name. Links are followed
    only while they stay inside: a raw folder comes from strangers.

    Attributes:
      where: what any process finds the folder by: its absolute path, or its URL.
      name: the last part of that.
    """

    where: str
    name: str

    def __new__(cls, root: str | os.PathLike[str]) -> Folder:
        """As `pathlib.Path` does, so that no caller has to know which kind it is given."""
        if cls is Folder and storage.is_remote(root):
            from seg_datasets.core.sources.remote import RemoteFolder

            return super().__new__(RemoteFolder)
        return super().__new__(cls)

    def __init__(self, root: str | os.PathLike[str]):
        self.root = pathlib.Path(root)
        self._real = self.root.resolve()
        self.where, self.name = os.fspath(self._real), self._real.name
        self._opened = time.time_ns()
        self._inside: dict[str, bool] = {}  # folder below the root → whether it is one

    def __str__(self) -> str:
        """As the user gave it."""
        return os.fspath(self.root)

    def exists(self) -> bool:
        """Whether there is such a folder."""
        return self.root.is_dir()

    def readers(self, workers: int) -> int:
        """How many threads read at once, where so many compute."""
        return workers

    def files(self) -> tuple[list[str], list[str]]:
        """Paths of all files below the root, `/` between folders.

        Returns:
          (files, links that lead outside), sorted by their NFC names. Hidden files and folders are
          left out.
        """
        files: list[str] = []
        outside: list[str] = []
        pending = [""]
        seen = {self._real}
        while pending:
            below = pending.pop()
            with os.scandir(self.root / below) as entries:
                # Sorted, because of two links to one folder only the first is followed.
                for entry in sorted(entries, key=lambda entry: by_name(entry.name)):
                    if entry.name.startswith(".") or entry.name.lower() in DROPPINGS:
                        continue
                    path = f"{below}{entry.name}"
                    if entry.is_symlink():
                        real = pathlib.Path(entry.path).resolve()
                        if not real.is_relative_to(self._real):
                            outside.append(path)
                            continue
                        # A link to a folder above it would be walked for ever.
                        if entry.is_dir() and real in seen:
                            continue
                        seen.add(real)
                    if entry.is_dir():
                        pending.append(path + "/")
                    elif entry.is_file() or entry.is_symlink():
                        files.append(path)  # a broken link too: who reads it says so
        return sorted(files, key=by_name), sorted(outside, key=by_name)

    def empty(self) -> list[str]:
        """Folders below the root that hold no file, not even further below, sorted; of several in
        one another the topmost."""
        holding: set[str] = set()
        folders: list[str] = []
        for above, below, files in os.walk(self.root):
            below[:] = [name for name in below if not name.startswith(".")]
            path = pathlib.Path(above).relative_to(self.root)
            folders.append(path.as_posix())
            linked = any((pathlib.Path(above) / name).is_symlink() for name in below)
            if linked or any(
                not name.startswith(".") and name.lower() not in DROPPINGS for name in files
            ):
                holding.update(p.as_posix() for p in (path, *path.parents))
        bare = {path for path in folders if path not in holding and path != "."}
        return sorted((p for p in bare if p.rpartition("/")[0] not in bare), key=by_name)

    def path(self, name: str) -> pathlib.Path:
        """The absolute path of a file below the root.

        Raises:
          OutsideError: the name leads out of the folder, by `..`, an absolute path or a link.
        """
        # Resolving follows every part of a path; the folders of a set are few, so once for each.
        folder, _, file = name.rpartition("/")
        if folder not in self._inside:
            self._inside[folder] = self._leads_inside(self.root / folder)
        path = self.root / name
        inside = self._inside[folder] and file not in ("", ".", "..")
        if not inside or (path.is_symlink() and not self._leads_inside(path)):
            raise OutsideError(f"{name} leads out of the raw folder; put the file itself there")
        return path

    def _leads_inside(self, path: pathlib.Path) -> bool:
        return path.resolve().is_relative_to(self._real)

    def is_file(self, name: str) -> bool:
        """Whether there is such a file below the root."""
        return self.path(name).is_file()

    def size(self, name: str) -> int:
        """The bytes that a file has."""
        return self.path(name).stat().st_size

    def stamp(self, name: str, now: int) -> str:
        """What changes when a file does: its size and times; "" where it could change unseen.

        The change time is in it because a copy can bring the modification time of another file.
        """
        stat = (self.root / name).stat()
        # A file that is written again within one tick of the clock keeps its times.
        if max(stat.st_mtime_ns, stat.st_ctime_ns) > now - _FRESH:
            return ""
        return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"

    def digest(self, name: str) -> str:
        """sha256 of a file below the root."""
        with self.open(name) as file:
            return records.digest_of(file)[0]

    def open(self, name: str) -> BinaryIO:
        """A file below the root, to be read from its beginning, and closed."""
        return self.path(name).open("rb")

    def part(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of a file below the root; fewer where it ends before."""
        with self.open(name) as file:
            file.seek(offset)
            return file.read(length)

    def changed(self, name: str) -> bool:
        """Whether a file below the root changed after this object was made.

        The change time tells, which nobody can set back; a copy brings its modification time along.
        """
        return self.path(name).stat().st_ctime_ns > self._opened

    def read(self, name: str) -> bytes:
        """The bytes of a file below the root."""
        return self.path(name).read_bytes()

    def read_text(self, name: str) -> str:
        """A text file below the root, UTF-8 with or without a byte-order mark."""
        try:
            return self.read(name).decode("utf-8-sig")
        except FileNotFoundError:
            raise FileNotFoundError(f"{name} is not in {self}") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{name} is not UTF-8 text ({error}); save it as UTF-8") from error
