"""Hypotheses: every way to pair the pictures of a raw folder, and which is the likeliest."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from seg_datasets.core import images as pictures_of
from seg_datasets.core.sample import same
from seg_datasets.core.sources import patterns, places
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.places import File, Place, has_extension

# Files opened to see whether they are masks, pixels looked at in each, and pixels decoded that are
# enough, however few files they come from.
LOOKS = 6
_PIXELS = 1 << 16
_ENOUGH = 1 << 25

# Folders below two places whose names are held against each other, and names of each.
_KEYS, _FEW = 4, 64

# Ways to pair of which files are opened.
_OPENED = 12

# Of two ways to pair, one point of what names say outweighs this share of the pairs.
_WORD = 0.2


@dataclasses.dataclass(frozen=True)
class Given:
    """What the user states; None where the raw folder is asked."""

    images: str | None = None
    masks: str | None = None
    image_name: str | None = None
    mask_name: str | None = None


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """One way to pair, how many pairs it makes, and what names say for it."""

    images: str
    masks: str
    image_name: str
    mask_name: str
    pairs: int
    score: float
    role: int
    image_files: frozenset[File]
    mask_files: frozenset[File]

    def same_images(self, other: Hypothesis) -> bool:
        """Whether both have mostly the same images."""
        return 2 * len(self.image_files & other.image_files) > len(other.image_files)

    def shares_masks(self, other: Hypothesis) -> bool:
        """Whether a mask of the one is a mask of the other, too."""
        return not self.mask_files.isdisjoint(other.mask_files)

    def beside(self, other: Hypothesis) -> bool:
        """Whether files of both lie in one directory."""
        ours, theirs = self.image_files | self.mask_files, other.image_files | other.mask_files
        return not {place for place, _ in ours}.isdisjoint(place for place, _ in theirs)


def ranked(folder: Folder, files: Sequence[str], given: Given) -> list[Hypothesis]:
    """The ways to pair that hold up when a few files are opened, the likeliest first."""
    every = places.pairs_of(files, images=given.images, masks=given.masks)
    found = [one for pair in every for one in _of_places(*pair, given)]
    found = _distinct(found)
    most = max((h.score for h in found), default=1.0)
    order = sorted(found, key=lambda h: (-_rank(h, most), len(h.images + h.masks), _spelled(h)))
    if given.images and given.masks:
        return [_as_spelled(one) for one in order]
    seen: dict[object, int] = {}
    return [_as_spelled(one) for one in order[:_OPENED] if _opened(folder, one, seen)]


def look(folder: Folder, paths: Sequence[str]) -> int:
    """Above 0 where most of these files look like masks, below where like photos."""
    votes, pixels = 0, 0
    for path in paths:
        if pixels > _ENOUGH:
            break
        if path.lower().endswith(".mat"):
            votes += 1
            continue
        try:
            opened = pictures_of.open_image(folder.read(path))
        except (OSError, ValueError):
            continue
        votes += _vote(np.asarray(opened.image), lossy=opened.lossy)
        pixels += opened.size[0] * opened.size[1]
    return votes


def is_text(path: str) -> bool:
    """Whether a name is UTF-8, which ids are."""
    return not any("\ud800" <= letter <= "\udfff" for letter in path)


def one_mask_per_object(pictures: Sequence[str]) -> str:
    """A folder with one image and several masks, where most are such, or ""."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for path in pictures:
        parts = path.split("/")
        if len(parts) > 2:
            kind = "mask" if patterns.role(parts[-2], "") > 0 else "image"
            kinds["/".join(parts[:-2])][kind] += 1
    such = [place for place, n in kinds.items() if n["image"] == 1 and n["mask"] >= 1]
    return such[0] if such and 2 * len(such) > len(kinds) else ""


def _vote(pixels: np.ndarray, *, lossy: bool) -> int:
    """1 for a mask, -1 for a photo, 0 for what may be either."""
    step = max(1, round((pixels.shape[0] * pixels.shape[1] / _PIXELS) ** 0.5))
    if pixels.ndim == 3:
        channels = pixels.shape[-1]
        pixels = pixels.astype(np.int64) @ (1 << 8 * np.arange(channels, dtype=np.int64))
    rows = pixels[::step]
    flat = rows[:, 1:] == rows[:, :-1]
    share = float(flat.mean()) if flat.size else 1.0
    values = len(np.unique(rows[:, ::step]))
    if values <= 32 or (share > 0.8 and (values <= 512 or lossy)):
        return 1
    return -1 if values > 48 and share < 0.8 else 0


def _opened(folder: Folder, one: Hypothesis, seen: dict[object, int]) -> bool:
    """Whether a look at a few files leaves a hypothesis standing."""

    def votes(files: frozenset[File]) -> int:
        if files not in seen:
            paths = sorted("/".join(filter(None, file)) for file in files)
            seen[files] = look(folder, patterns.evenly(paths, LOOKS))
        return seen[files]

    if any(name.lower().endswith(".mat") for _, name in one.image_files):
        return False
    if one.role > 0:
        return votes(one.mask_files) >= 0
    return votes(one.mask_files) > 0 >= votes(one.image_files)


def _rank(one: Hypothesis, most: float) -> float:
    at = one.images.split("/"), one.masks.split("/")
    shared = sum(1 for a, b in zip(*at, strict=False) if a == b) / max(map(len, at))
    apart = 0.3 * (1 - shared) if min(map(len, at)) > 1 else 0.0
    named = 0.2 if patterns.is_named_image(*_apart(one.images, one.masks), one.image_name) else 0.0
    extra = 0.005 * (len(one.image_name) + len(one.mask_name)) + 0.02 * ("{split}" in one.images)
    against = 0.8 * max(0, _image_role(one) - max(one.role, 0))
    # Numbers of objects are pictures of another kind, however many pairs they make.
    against += 1.0 * patterns.is_other_kind(*_apart(one.images, one.masks), one.image_name)
    # What MATLAB wrote beside masks that are pictures is the second choice.
    against += 0.5 * any(name.lower().endswith(".mat") for _, name in one.mask_files)
    return one.score / most + _WORD * one.role + named - apart - extra - against


def _image_role(one: Hypothesis) -> int:
    return patterns.role(_apart(one.images, one.masks)[0], one.image_name)


def _apart(images: str, masks: str) -> tuple[str]:
    """The image folder without what it shares with that of the masks, which tells nothing."""
    ours, theirs = images.split("/"), masks.split("/")
    while ours and theirs and ours[0] == theirs[0]:
        ours, theirs = ours[1:], theirs[1:]
    return ("/".join(ours),)


def _as_spelled(one: Hypothesis) -> Hypothesis:
    """With the letter case that the files have; they are paired without it."""

    def spelled(pattern: str, files: frozenset[File]) -> str:
        before, _, after = pattern.partition("{stem}")
        name = min(files)[1]
        whole = name if has_extension(pattern) else name.rpartition(".")[0]
        found = whole[: len(before)], whole[len(whole) - len(after) :]
        alike = (same(found[0]), same(found[1])) == (same(before), same(after))
        return f"{found[0]}{{stem}}{found[1]}" if alike else pattern

    return dataclasses.replace(
        one,
        image_name=spelled(one.image_name, one.image_files),
        mask_name=spelled(one.mask_name, one.mask_files),
    )


def _spelled(one: Hypothesis) -> tuple[str, ...]:
    return one.images, one.masks, one.image_name, one.mask_name


def _distinct(found: Sequence[Hypothesis]) -> list[Hypothesis]:
    """One hypothesis for each set of pairs: that with fewest files left over, said shortest."""
    best: dict[object, Hypothesis] = {}
    for one in sorted(found, key=lambda h: (-h.score, len("".join(_spelled(h))), _spelled(h))):
        best.setdefault((one.image_files, one.mask_files), one)
    return list(best.values())


def _of_places(ours: Place, theirs: Place, given: Given) -> list[Hypothesis]:
    """The ways to pair the files of two folders, or of one."""
    keys = ours.files.keys() & theirs.files.keys()
    one_folder = ours.template == theirs.template
    tried: set[tuple[str, str]] = set()
    for key in sorted(keys, key=lambda k: (-len(theirs.files[k]), k))[:_KEYS]:
        mine = ours.stems(key)
        tried.update(patterns.stem_patterns(mine, mine if one_folder else theirs.stems(key)))
        if one_folder:
            kinds = Counter(name.rpartition(".")[2] for _, name in ours.files[key])
            exts = [kind for kind, _ in sorted(kinds.items(), key=lambda k: (-k[1], k[0]))[:3]]
            tried.update((f"{{stem}}.{a}", f"{{stem}}.{b}") for a in exts for b in exts if a != b)
    if keys and (given.image_name is not None or given.mask_name is not None):
        tried |= {("{stem}", "{stem}")}
        tried = {(given.image_name or one, given.mask_name or other) for one, other in tried}
    found = [
        _paired(ours, theirs, names)
        for names in sorted(tried)
        if not (one_folder and names[0] == names[1]) and _promising(ours, theirs, names)
    ]
    return [one for one in found if one is not None]


def _promising(ours: Place, theirs: Place, names: tuple[str, str]) -> bool:
    """Whether any of some names has its counterpart: most ways to pair have none at all."""
    images, masks = ours.cores(names[0]), theirs.cores(names[1])
    for key in images.keys() & masks.keys():
        one, other = images[key], masks[key]
        few = (*patterns.evenly([*one], _FEW), *patterns.evenly([*other], _FEW))
        if any(core in one and core in other for core in few):
            return True
    return False


def _paired(ours: Place, theirs: Place, names: tuple[str, str]) -> Hypothesis | None:
    one_folder = ours.template == theirs.template
    mine, other = ours.cores(names[0]), theirs.cores(names[1])
    # What says more comes first, as in the source itself.
    if one_folder:
        masks_first = len(names[1]) >= len(names[0])
    else:
        masks_first = len(theirs.template) >= len(ours.template)
    if masks_first:
        taken = {file for cores in other.values() for file in cores.values()}
        mine = {key: _without(cores, taken) for key, cores in mine.items()}
    elif one_folder:
        taken = {file for cores in mine.values() for file in cores.values()}
        other = {key: _without(cores, taken) for key, cores in other.items()}
    pairs, unpaired = 0, 0
    images: set[File] = set()
    masks: set[File] = set()
    for key in mine.keys() | other.keys():
        one, two = mine.get(key, {}), other.get(key, {})
        both = one.keys() & two.keys()
        pairs += len(both)
        unpaired += len(one) + len(two) - 2 * len(both)
        images.update(one[core] for core in both)
        masks.update(two[core] for core in both)
    if not pairs:
        return None
    at = "" if one_folder else _apart(theirs.template, ours.template)[0]
    return Hypothesis(
        *(ours.template, theirs.template, *names, pairs),
        score=pairs - 0.5 * min(unpaired, pairs),
        role=patterns.role(at, names[1]),
        image_files=frozenset(images),
        mask_files=frozenset(masks),
    )


def _without(cores: Mapping[str, File], taken: set[File]) -> dict[str, File]:
    return {core: file for core, file in cores.items() if file not in taken}
