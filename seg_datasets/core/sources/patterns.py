"""Name patterns: what the file names of images and of their masks have in common."""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

_One = TypeVar("_One")

# How many names are held against how many of their neighbours in the alphabet.
_TRIED, _NEIGHBOURS = 24, 4

# Words of folders that are splits, longer ones first.
SPLIT_WORDS = (
    *("training", "trainval", "train", "trn", "validation", "valid", "val", "dev"),
    *("testing", "test", "tst", "eval", "holdout"),
)
_SPLIT_NAMES = {"training": "train", "trn": "train", "testing": "test", "tst": "test"}
_AFTER = r"(?:[_\-. ].*|annot\w*|labels?|masks?|gts?|images?|imgs?|seg\w*)?"
_SPLIT_PART = re.compile(
    rf"((?:.*[_\-. ])?)({'|'.join(SPLIT_WORDS)})(?=[^a-z]|annot|label|mask|gt|im|seg|$)({_AFTER})",
    re.IGNORECASE,
)

# What the words of folders and names say about masks, and how surely. Below 0: another kind of
# picture that lies where masks lie.
_MASK_WORDS = {
    **dict.fromkeys(("labelids", "segmentationclass", "semantic"), 7),
    **dict.fromkeys(("manual", "manual1", "groundtruth", "gtfine", "gtcoarse"), 6),
    **dict.fromkeys(("gt", "gts", "truth", "label", "labels", "lbl", "lbls", "annotation"), 5),
    **dict.fromkeys(("annotations", "annot", "annots", "segmentation", "segmentations"), 5),
    **dict.fromkeys(("seg", "segs", "segmentationclassaug", "labeltrainids", "ann", "target"), 5),
    **dict.fromkeys(("masks", "trimaps", "trimap", "targets", "anno", "annos", "msk"), 4),
    **dict.fromkeys(("mask", "p", "l"), 3),
}
_OTHER_KINDS = {
    **dict.fromkeys(("instance", "instances", "instanceids", "segmentationobject"), -6),
    **dict.fromkeys(("visualization", "vis", "viz", "overlay", "overlays", "preview"), -9),
    **dict.fromkeys(("fov", "depth", "disparity", "pred", "preds", "prediction"), -9),
    **dict.fromkeys(("color", "colour", "colors", "colored", "edges", "boundary"), -3),
    **dict.fromkeys(("2nd", "manual2"), -2),
}
_IMAGE_WORDS = frozenset(
    (
        *("image", "images", "img", "imgs", "im", "jpegimages", "leftimg8bit", "rgb", "photo"),
        *("photos", "picture", "pictures", "input", "inputs", "raw", "sat", "scan", "scans"),
    )
)


def stem_patterns(images: Sequence[str], masks: Sequence[str]) -> list[tuple[str, str]]:
    """(image_name, mask_name) that could pair some of these stems, the likeliest first.

    Args:
      images: stems of files, sorted.
      masks: the same, or the same list where both lie in one folder.
    """
    votes: Counter[tuple[str, str]] = Counter()
    for flip in (False, True):
        ones = sorted(s[::-1] for s in images) if flip else images
        others = sorted(s[::-1] for s in masks) if flip else masks
        for stem in evenly(ones, _TRIED):
            at = bisect.bisect_left(others, stem)
            near = others[max(0, at - _NEIGHBOURS) : at + 2 * _NEIGHBOURS]
            for pair in sorted({_affixes(stem, other) for other in near if other != stem}):
                if pair:
                    votes[_patterns(pair, flip)] += 1
    order = sorted(votes, key=lambda pair: (-votes[pair], len(pair[0] + pair[1]), pair))
    same = [("{stem}", "{stem}")] if images is not masks else []
    return [*same, *order[:6]]


def split_templates(folder: str) -> list[tuple[str, str]]:
    """(the folder with `{split}` in place of the split's word, that word), for each part."""
    parts = folder.split("/")
    found = []
    for index, part in enumerate(parts):
        if match := _SPLIT_PART.fullmatch(part):
            named = f"{match[1]}{{split}}{match[3]}"
            found.append(("/".join((*parts[:index], named, *parts[index + 1 :])), match[2]))
    return found


def split_name(folder: str) -> str:
    """The split that a folder or list of this name is, or ""."""
    low = folder.lower()
    return _SPLIT_NAMES.get(low, low) if low in SPLIT_WORDS else ""


def split_word(name: str) -> str:
    """The split whose word stands in a name, `train2017` or `instances_val`, or ""."""
    found = re.findall(rf"(?<![a-z])(?:{'|'.join(SPLIT_WORDS)})(?![a-z])", name.lower())
    splits = {_SPLIT_NAMES.get(word, word) for word in found}
    return splits.pop() if len(splits) == 1 else ""


def split_order(split: str) -> tuple[int, str]:
    """The order in which splits are usually listed."""
    names = ("train", "trainval", "val", "valid", "validation", "dev", "test")
    return (names.index(split) if split in names else len(names), split)


def role(folder: str, name: str) -> int:
    """How much a folder and a name pattern look like those of masks; below 0 like other pictures.

    Images have 0.
    """
    words = set(_words(folder)) | set(_words(name))
    # `annotations/trimaps`: the surest word counts, and whatever speaks against it.
    sure = max((_MASK_WORDS.get(w, 0) for w in words), default=0)
    return sure + sum(_OTHER_KINDS.get(w, 0) for w in words)


def is_named_image(folder: str, name: str) -> bool:
    """Whether a folder or a name pattern says that it is one of images."""
    return not _IMAGE_WORDS.isdisjoint((*_words(folder), *_words(name)))


def is_other_kind(folder: str, name: str) -> bool:
    """Whether a folder or a name pattern says that it is of objects' numbers or depths."""
    return any(_OTHER_KINDS.get(word, 0) <= -6 for word in (*_words(folder), *_words(name)))


def evenly(things: Sequence[_One], most: int) -> list[_One]:
    """At most so many of them, spread over all."""
    count = min(most, len(things))
    return [things[index * len(things) // count] for index in range(count)]


def _words(text: str) -> list[str]:
    text = re.sub(r"\{\w+\}", " ", text)
    whole = re.findall(r"[a-z0-9]+", text.lower())
    camel = re.findall(r"[A-Z]?[a-z]+|\d+", text)
    return [*whole, *(word.lower() for word in camel), re.sub(r"[^a-z]", "", text.lower())]


def _affixes(one: str, other: str) -> tuple[str, str] | tuple[()]:
    """What follows the common beginning of two stems, or () where there is none to speak of."""
    size = 0
    while size < min(len(one), len(other)) and one[size] == other[size]:
        size += 1
    rests = one[size:], other[size:]
    if all(rests):
        # A word or a number is never cut in two: x_image and x_instance share x_.
        kind = str.isalpha if one[size - 1 : size].isalpha() else str.isdigit
        while size and kind(one[size - 1]) and any(kind(rest[0]) for rest in rests):
            size -= 1
            rests = one[size:], other[size:]
        while size and not one[size - 1].isalnum():
            size -= 1
    elif size and one[size - 1].isdigit() and (rests[0] + rests[1])[0].isdigit():
        return ()  # 1 and 10
    return (one[size:], other[size:]) if size else ()


def _patterns(affixes: tuple[str, ...], flip: bool) -> tuple[str, str]:
    if flip:
        return f"{affixes[0][::-1]}{{stem}}", f"{affixes[1][::-1]}{{stem}}"
    return f"{{stem}}{affixes[0]}", f"{{stem}}{affixes[1]}"
