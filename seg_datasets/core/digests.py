"""Digests of what went into a version: raw files, and what was seen of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from seg_datasets.core import records, write
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sample import plain
from seg_datasets.core.sources import Folder


def raw_files(
    facts: Sequence[SampleFacts], folder: Folder, others: Sequence[str]
) -> dict[str, str]:
    """Raw file → digest of its bytes, for all that decides what the dataset is.

    Raises:
      ChangedError: a file of shapes, a list, … is not the one that was read when the build began;
        of images and masks `write` says so.
    """
    files = {plain(f.sample.image): f.image.sha256 for f in facts if not f.sample.view}
    files |= {
        plain(f.sample.mask): f.mask.sha256
        for f in facts
        if not (f.sample.drawing or f.sample.mask_view)
    }
    for name in dict.fromkeys((*others, *(part for f in facts for part in f.sample.parts))):
        if plain(name) in files:
            continue
        try:
            files[plain(name)] = records.digest(folder.path(name))[0]
            if folder.changed(name):
                raise write.changed(name)
        except OSError as error:
            raise write.changed(name, error) from error
    return dict(sorted(files.items()))


def of_seen(rows: Iterable[tuple[str, str, str]]) -> str:
    """One digest over (id, digest of the image, digest of the mask) of views and drawings."""
    lines = sorted(f"{image} {mask} {name}\n" for name, image, mask in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else ""


def of_files(files: Mapping[str, str]) -> str:
    """One digest over the names and bytes of raw files."""
    lines = "".join(f"{digest} {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
