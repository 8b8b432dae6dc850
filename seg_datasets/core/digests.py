"""Digests of what went into a version: raw files, and what was seen of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from seg_datasets.core import write
from seg_datasets.core.columns import Facts
from seg_datasets.core.sample import plain
from seg_datasets.core.schema import unpacked
from seg_datasets.core.sources import Folder

# What `of_made` goes through: three columns, and those that tell whether a sample counts.
_MADE = (
    "sample.id",
    "image.sha256",
    "mask.sha256",
    "sample.view",
    "sample.mask_view",
    "sample.drawing",
)


def raw_files(facts: Facts, folder: Folder, others: Sequence[str]) -> dict[str, str]:
    """Raw file → digest of its bytes, for all that decides what the dataset is.

    Raises:
      ChangedError: a file of shapes, a list, … is not the one that was read when the build began;
        of images and masks `write` says so.
    """

    def column(*names: str) -> Iterator[tuple[Any, ...]]:
        return zip(*map(facts.values, names), strict=True)

    files = {
        plain(image): unpacked(sha256)
        for image, view, sha256 in column("sample.image", "sample.view", "image.sha256")
        if not view
    }
    files |= {
        plain(mask): unpacked(sha256)
        for mask, *made, sha256 in column(
            "sample.mask", "sample.drawing", "sample.mask_view", "mask.sha256"
        )
        if not any(made)
    }
    parts = (part for (parts,) in column("sample.parts") for part in parts)
    for name in dict.fromkeys((*others, *parts)):
        if plain(name) in files:
            continue
        try:
            files[plain(name)] = folder.digest(name)
            if folder.changed(name):
                raise write.changed(name)
        except OSError as error:
            raise write.changed(name, error) from error
    return dict(sorted(files.items()))


def of_made(splits: Iterable[Facts]) -> str:
    """`of_seen` of all samples that have views and drawings."""
    return of_seen(
        (name, unpacked(image), unpacked(mask))
        for facts in splits
        for name, image, mask, *made in zip(*map(facts.values, _MADE), strict=True)
        if any(made)
    )


def of_seen(rows: Iterable[tuple[str, str, str]]) -> str:
    """One digest over (id, digest of the image, digest of the mask) of views and drawings."""
    lines = sorted(f"{image} {mask} {name}\n" for name, image, mask in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else ""


def of_files(files: Mapping[str, str]) -> str:
    """One digest over the names and bytes of raw files."""
    lines = "".join(f"{digest} {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
