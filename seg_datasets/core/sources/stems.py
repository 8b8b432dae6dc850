"""Stems: what the paths of an image and of its mask files share."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.sample import plain, same
from seg_datasets.core.sources.folder import Folder, ignored
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS, is_text

# What a placeholder stands for where it is met first.
_MEANINGS = {
    "split": r"(?P<split>[^/]+)",
    "stem": r"(?P<stem>.+)",
    "label": r"(?P<label>[^/]+)",
    "left": r"(?P<left>\d{1,9})",
    "top": r"(?P<top>\d{1,9})",
}
_TOKEN = re.compile(r"\{(\w+)\}|(\*)")

_LONGEST_PATTERN = 500


class Pattern:
    """A pattern for paths below the raw folder.

    `{stem}` is what image and mask share, folders too; `{split}` one folder; `*` anything within a
    name. A folder alone means all files below it, and a name without an extension any of those
    that are looked for. Letter case and Unicode form do not count.
    """

    def __init__(
        self, pattern: str, *, extensions: Sequence[str] = EXTENSIONS, also: Collection[str] = ()
    ):
        whole = plain(pattern)
        if "{stem}" not in whole:
            whole = f"{'' if whole == '.' else whole.strip('/')}/{{stem}}".lstrip("/")
        if whole.startswith("/") or ".." in whole.split("/") or len(whole) > _LONGEST_PATTERN:
            raise DeclarationError(f"{pattern!r} is no pattern for paths below the raw folder")
        self.names = frozenset(name for name, star in _TOKEN.findall(whole) if not star)
        if strange := sorted(self.names - {"stem", "split", *also}):
            raise DeclarationError(
                f"{pattern!r} holds {{{strange[0]}}}; known here are "
                f"{', '.join(f'{{{name}}}' for name in ('stem', 'split', *also))} and *"
            )
        self._regexes: dict[int, re.Pattern[str]] = {}
        dot = whole.rpartition("/")[2].rpartition(".")
        has_one = bool(dot[1]) and dot[2].lower() in extensions
        self._extension = "" if has_one else rf"\.(?:{'|'.join(extensions)})"
        self._whole = whole

    def matches(self, path: str) -> Iterator[Mapping[str, str]]:
        """What the placeholders can stand for in a path, longer stems first."""
        name, longest = plain(path), 0
        while found := self._regex(longest).fullmatch(name):
            yield found.groupdict()
            longest = len(found["stem"]) - 1
            if not longest:
                return

    def _regex(self, longest: int) -> re.Pattern[str]:
        """For stems of so many letters at most; 0 for any."""
        if longest not in self._regexes:
            text, at, met = "", 0, set()
            for token in _TOKEN.finditer(self._whole):
                text += re.escape(self._whole[at : token.start()])
                name, at = token[1], token.end()
                meaning = "[^/]*" if token[2] else _MEANINGS[name]
                if name == "stem" and longest:
                    meaning = f"(?P<stem>.{{1,{longest}}})"
                text += rf"(?P={name})" if name and name in met else meaning
                met.add(name)
            text += re.escape(self._whole[at:]) + self._extension
            self._regexes[longest] = re.compile(text, re.IGNORECASE | re.DOTALL)
        return self._regexes[longest]


@dataclasses.dataclass(frozen=True)
class MaskFile:
    """A mask file.

    Attributes:
      path: below the raw folder.
      fields: what the placeholders of its pattern stand for.
      image: the path of its image; "" if it has none.
    """

    path: str
    fields: Mapping[str, str]
    image: str


@dataclasses.dataclass(frozen=True)
class Paired:
    """Images and mask files of a raw folder.

    Attributes:
      ids: path of an image → id.
      masks: in the order of their names.
      foreign: pictures that lie where masks lie, and are neither.
      undecodable: files whose names are not UTF-8.
    """

    ids: Mapping[str, str]
    masks: Sequence[MaskFile]
    foreign: Sequence[str]
    undecodable: Sequence[str]

    def of_images(self) -> dict[str, list[MaskFile]]:
        """Image → its mask files."""
        found: dict[str, list[MaskFile]] = {}
        for mask in self.masks:
            if mask.image:
                found.setdefault(mask.image, []).append(mask)
        return found


def pair(folder: Folder, images: Pattern, masks: Pattern, *, ignore: Sequence[str]) -> Paired:
    """Finds images and mask files, and which belong together."""
    if ("split" in images.names) != ("split" in masks.names):
        raise DeclarationError("{split} must stand in both patterns, that of images and of masks")
    listed = [path for path in folder.files()[0] if not ignored(path, ignore)]
    files = [path for path in listed if is_text(path)]
    ids = find(files, images)
    of_key: dict[str, str] = {}
    for path, name in ids.items():
        of_key.setdefault(same(name), path)
    found: dict[str, MaskFile] = {}
    # Shorter names first: where all lie in one folder, `a_1_2` is a mask of `a`, not of `a_1`,
    # which is one itself.
    for path in sorted(files, key=len):
        fields: Mapping[str, str] = {}
        for fields in masks.matches(path):
            image = of_key.get(same(_id(fields)), path)
            if image != path and image not in found:
                found[path] = MaskFile(path, fields, image)
                break
        else:
            if fields and path not in ids:
                found[path] = MaskFile(path, fields, "")
    places = {path.rpartition("/")[0] for path in found}
    known = found.keys() | ids.keys()
    extensions = {*EXTENSIONS, *(path.rpartition(".")[2].lower() for path in found)}
    return Paired(
        ids={path: name for path, name in ids.items() if path not in found},
        masks=[found[path] for path in files if path in found],
        foreign=[
            path
            for path in files
            if path not in known
            and path.rpartition("/")[0] in places
            and path.rpartition(".")[2].lower() in extensions
        ],
        undecodable=[
            path.encode(errors="surrogateescape").decode(errors="backslashreplace")
            for path in listed
            if not is_text(path)
        ],
    )


def find(files: Sequence[str], images: Pattern) -> dict[str, str]:
    """Path → id of the images among some files."""
    found = ((path, next(images.matches(path), None)) for path in files)
    return {path: _id(fields) for path, fields in found if fields}


def _id(fields: Mapping[str, str]) -> str:
    return "/".join(filter(None, (fields.get("split"), fields["stem"])))
