"""Sample: one image and its mask, before anybody has looked at the pixels."""

from __future__ import annotations

import dataclasses
import unicodedata


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One image with its mask.

    Attributes:
      id: unique name within the dataset, NFC, with `/` between folders: the key of the record.
      image: path of the image file below the raw folder, as the file system spells it; of a view,
        that and what is seen of it: `scene.tif#512,0`.
      mask: path of the mask file below the raw folder, in the same way.
      group: what must never be torn apart by a split (a city, a patient, a video).
      folder: the per-split folder it came from, where the raw data has such folders.
      drawing: the shapes that make its mask, where it has no mask file; `mask` is then the file
        that they stand in. See `drawing`.
      view: how the image comes out of its file, where that is no plain picture: a tile of a scene,
        a slice of DICOM. See `views`.
      mask_view: the same of the mask.
      parts: the files that a view or a drawing reads.
    """

    id: str
    image: str
    mask: str
    group: str = ""
    folder: str = ""
    drawing: bytes = b""
    view: str = ""
    mask_view: str = ""
    parts: tuple[str, ...] = ()


def plain(name: str) -> str:
    """A name in the spelling that ids and messages use: NFC, so that a folder copied through
    another file system keeps its ids."""
    return unicodedata.normalize("NFC", name)


def same(name: str) -> str:
    """What two names share that differ only in letter case or Unicode form."""
    return plain(plain(name).casefold())


def tidy(label: str) -> str:
    """A label without blanks and line breaks around it, and with single blanks within."""
    return " ".join(label.split())
