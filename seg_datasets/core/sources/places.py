"""Places: folders that could be those of images or of masks, and the pictures below them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from seg_datasets.core.sample import same
from seg_datasets.core.sources import patterns
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS

# Files that are paired by their names: pictures, and what only a source of its own reads.
PAIRED = (*EXTENSIONS, "dcm", "dicom", "ima", "mat")

# Folders that are tried; a folder with more folders than this holds samples, not kinds of files.
_PLACES, _KINDS = 80, 24

# (directory, file name)
File = tuple[str, str]

# What stands for `{split}`, and the folders between a place and its files.
Key = tuple[str, str]


class Place:
    """A folder, `{split}` in its path or not, and the pictures below it.

    Attributes:
      template: as `ImageMaskFolders` takes it.
      files: key → files, each with its name as `same` spells it.
    """

    def __init__(self, template: str, directories: Mapping[str, Sequence[tuple[str, str]]]):
        self.template = template
        self.files: dict[Key, list[tuple[File, str]]] = defaultdict(list)
        self._cores: dict[str, dict[Key, dict[str, File]]] = {}
        where = re.escape(template).replace(r"\{split\}", "(?P<split>[^/]+)", 1)
        below = r"(?P<sub>.*)" if template == "." else rf"{where}(?:/(?P<sub>.*))?"
        regex = re.compile(below, re.IGNORECASE)
        for directory, names in directories.items():
            if match := regex.fullmatch(directory):
                groups = match.groupdict()
                key = same(groups.get("split") or ""), same(groups["sub"] or "")
                self.files[key] += [((directory, name), spelled) for name, spelled in names]

    def stems(self, key: Key) -> list[str]:
        """Names without extension, sorted."""
        return sorted({spelled.rpartition(".")[0] for _, spelled in self.files[key]})

    def cores(self, pattern: str) -> dict[Key, dict[str, File]]:
        """What stands for `{stem}` in the names that fit a pattern → the file, by key."""
        if pattern not in self._cores:
            found = {key: _cores(files, pattern) for key, files in self.files.items()}
            self._cores[pattern] = found
        return self._cores[pattern]


def has_extension(pattern: str) -> bool:
    """Whether a name pattern states the extension, too."""
    return "." in pattern and pattern.rpartition(".")[2].lower() in PAIRED


def pairs_of(
    files: Sequence[str], *, images: str | None, masks: str | None
) -> list[tuple[Place, Place]]:
    """Folders of images and of masks that could go together.

    Args:
      files: all files of the raw folder.
      images: the folder of images, where it is known.
      masks: that of masks.
    """
    directories: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in files:
        directory, _, name = path.rpartition("/")
        if name.rpartition(".")[2].lower() in PAIRED:
            directories[directory].append((name, same(name)))
    templates = _templates(directories)
    asked = [one for one in (images, masks) if one is not None]
    found = {one: Place(one, directories) for one in dict.fromkeys((*asked, *templates))}
    return [
        (found[one], found[other])
        for one in ([images] if images is not None else templates)
        for other in ([masks] if masks is not None else templates)
        if ("{split}" in one) == ("{split}" in other)
    ]


def _templates(directories: Mapping[str, Sequence[object]]) -> list[str]:
    """Folders worth a try: each that holds pictures, above others or with `{split}` in its path."""
    below: Counter[str] = Counter()
    children: dict[str, set[str]] = defaultdict(set)
    for place, names in directories.items():
        parts = place.split("/") if place else []
        for depth in range(len(parts) + 1):
            here = "/".join(parts[:depth])
            below[here] += len(names)
            if depth < len(parts):
                children[here].add(parts[depth])

    def crowded(place: str) -> bool:
        parts = place.split("/")
        return any(len(children["/".join(parts[:n])]) > _KINDS for n in range(len(parts)))

    plain = [place for place in below if not place or not crowded(place)]
    order = sorted(plain, key=lambda place: (-below[place], place.count("/"), place))[:_PLACES]
    shapes: dict[str, set[str]] = defaultdict(set)
    for place in order:
        for template, _ in patterns.split_templates(place):
            shapes[template].add(place)
        parts = place.split("/")
        for index in range(len(parts) - 1):  # rome/images, oslo/images
            shapes["/".join((*parts[:index], "{split}", *parts[index + 1 :]))].add(place)
    splits = [template for template, places in shapes.items() if len(places) > 1]
    return [*(place or "." for place in order), *sorted(splits)[:_PLACES]]


def _cores(files: Sequence[tuple[File, str]], pattern: str) -> dict[str, File]:
    before, _, after = same(pattern).partition("{stem}")
    whole = has_extension(after)
    found = {}
    for file, spelled in files:
        text = spelled if whole else spelled.rpartition(".")[0]
        core = text[len(before) : len(text) - len(after)]
        if core and text.startswith(before) and text.endswith(after):
            found[core] = file
    return found
