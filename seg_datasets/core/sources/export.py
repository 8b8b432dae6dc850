"""Export: the files of one tool in a raw folder, and what a few bytes of them are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seg_datasets.core.sources import spelling
from seg_datasets.core.sources.folder import Folder

if TYPE_CHECKING:
    from seg_datasets.core.sources.tools import Tool

# Bytes of a file's beginning and end that are looked at.
_LOOK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Export:
    """The files of one tool in a raw folder.

    Attributes:
      files: the tool's, in the order of their names.
      every: all files of the raw folder.
    """

    tool: Tool
    folder: Folder
    files: Sequence[str]
    every: Sequence[str]

    def __str__(self) -> str:
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"{self.tool.title} ({self.files[0]}{more})"

    def pattern(self, files: Sequence[str] = ()) -> str:
        """One pattern for these files, by default all of the tool's, and for no other."""
        return spelling.pattern(files or self.files, self.every)


def ends(folder: Folder, path: str, *, look: int = _LOOK) -> bytes:
    """The beginning and the end of a file."""
    try:
        text = folder.part(path, 0, look)
        return text + folder.part(path, max(len(text), folder.size(path) - look), look)
    except (OSError, ValueError):
        return b""


def extension(path: str) -> str:
    """What a file's name ends in, in small letters."""
    return path.rpartition(".")[2].lower()
