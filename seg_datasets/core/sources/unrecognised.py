"""Unrecognised: why no images with masks are to be seen in a raw folder, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seg_datasets.core.classes import few
from seg_datasets.core.sources import hypotheses, patterns
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.hypotheses import Given
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS


def reason(folder: Folder, files: Sequence[str], tools: Sequence[str], given: Given) -> str:
    """Why nothing was recognised, with what is there and what to do.

    Args:
      folder: the raw folder.
      files: what is in it.
      tools: the annotation exports among them.
      given: what the user stated.
    """
    if not files:
        return f"{folder} is empty, or holds nothing but empty folders"
    if wrong := _misstated(files, given):
        return wrong
    pictures = [f for f in files if _extension(f) in EXTENSIONS]
    looks = hypotheses.look(folder, patterns.evenly(pictures, hypotheses.LOOKS))
    kind = "pictures" if looks < 0 else "masks" if looks > 0 else "pictures or masks"
    if tools:
        beside = f" beside {len(pictures)} {kind}" if pictures else ""
        return (
            f"{folder} holds {few(tools)}{beside}, but no masks that go with images, and no "
            "annotations that `check` reads by itself (docs/sources.md). Export masks from the "
            "tool that made them (PNG, one per image)"
        )
    kinds = Counter(_extension(f) if "." in f else "no extension" for f in files)
    if not pictures:
        seen = few([f"{n} .{kind}" for kind, n in kinds.most_common()])
        return (
            f"{folder} holds no picture ({', '.join(EXTENSIONS)}), but {seen}; convert them, "
            "or give the folder that holds the pictures"
        )
    if per_object := hypotheses.one_mask_per_object(pictures):
        return (
            f"{folder} has one folder per image with a mask for each object, as in "
            f"{per_object}/: merge the masks of an image into one file of class ids first"
        )
    places = Counter(f.rpartition("/")[0] or "." for f in pictures)
    shown = [f"{place}/ ({n}, such as {_first(pictures, place)})" for place, n in places.items()]
    stated = [f"--{name}={value}" for name, value in vars(given).items() if value is not None]
    under = f" under {' '.join(stated)}" if stated else ""
    return (
        f"{folder} holds {kind}, but no two files that go together as image and mask{under}: "
        f"{few(shown, 4)}. Say which is which with --images, --masks, --image_name and --mask_name"
    )


def _misstated(files: Sequence[str], given: Given) -> str:
    """A flag that no raw folder of these files can fit, or ""."""
    for flag, pattern in (("image_name", given.image_name), ("mask_name", given.mask_name)):
        if pattern is not None and pattern.count("{stem}") != 1:
            return (
                f"--{flag}={pattern} does not say where the name stands that image and mask share: "
                "write {stem} for it, once, as in {stem}_mask"
            )
    folders = {f.rpartition("/")[0] for f in files}
    there = {"/".join(f.split("/")[:n]) for f in folders for n in range(1, f.count("/") + 2)}
    for flag, place in (("images", given.images), ("masks", given.masks)):
        if place is None or "{split}" in place or place.strip("./") == "":
            continue
        if place.strip("/").lower() not in {one.lower() for one in there}:
            main = sorted(there - {""}, key=lambda one: (one.count("/"), one))
            seen = few(main, 8) if main else "no folders"
            return (
                f"--{flag}={place}: the raw folder has no such folder with files in it, but {seen}"
            )
    return ""


def _extension(path: str) -> str:
    return path.rpartition(".")[2].lower()


def _first(pictures: Sequence[str], place: str) -> str:
    return next(f.rpartition("/")[2] for f in pictures if (f.rpartition("/")[0] or ".") == place)
