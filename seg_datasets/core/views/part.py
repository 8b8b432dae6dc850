"""A view of a part of a file: a picture as it lies, encoded, in a file of many."""

from __future__ import annotations

from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.views import View


def read(folder: Folder, *, file: str, offset: int, length: int) -> View:
    """The view of bytes.

    Args:
      folder: the raw folder.
      file: path below it.
      offset: where the bytes begin.
      length: how many there are.

    Raises:
      OSError, ValueError: they cannot be read.
    """
    data = folder.part(file, offset, length)
    if len(data) < length:
        raise ValueError(f"{file} is cut off")
    return View(data)
