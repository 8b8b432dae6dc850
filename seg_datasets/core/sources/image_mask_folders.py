"""Images and masks as files in folders: the layout most people have."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from seg_datasets.core.classes import ClassTable, DeclarationError, RawTable, Values
from seg_datasets.core.sample import Sample, plain, same
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder, ignored

EXTENSIONS = ("jpg", "jpeg", "png", "tif", "tiff", "bmp", "webp", "gif", "npy")


@dataclasses.dataclass(frozen=True)
class CsvGroups:
    """Groups from a CSV file below the raw folder, one row per sample.

    Attributes:
      path: the file, relative to the raw folder.
      id: the column with the sample's id (or the image's path).
      group: the column with the group.
    """

    path: str
    id: str = "id"
    group: str = "group"

    def read(self, folder: Folder) -> dict[str, str]:
        """Id → group, with ids as `same` spells them.

        Raises:
          DeclarationError: the file cannot be read, a column is missing, or an id has two groups.
        """
        try:
            reader = csv.DictReader(io.StringIO(folder.read_text(self.path), newline=""))
            rows, columns = [*reader], reader.fieldnames or []
        except (OSError, ValueError, csv.Error) as error:
            raise DeclarationError(f"the groups in {self.path} cannot be read: {error}") from error
        if lacking := [c for c in (self.id, self.group) if c not in columns]:
            raise DeclarationError(
                f"{self.path} has no column {lacking[0]!r}; it has {', '.join(columns)}"
            )
        groups: dict[str, str] = {}
        for row in rows:
            name = same((row[self.id] or "").strip())
            group = plain((row[self.group] or "").strip())
            if name and groups.setdefault(name, group) != group:
                raise DeclarationError(
                    f"{self.path}: {row[self.id]!r} is in the groups {groups[name]!r} and {group!r}"
                )
        return groups


GroupRule = str | CsvGroups

# The group rule that leaves it to names, look-alikes and places; see `grouping`.
AUTO = "auto"


@dataclasses.dataclass(frozen=True)
class ImageMaskFolders:
    """Images in one folder, masks in another (or in the same one), told apart by their names.

    An id is the image's path below the image folder, without the extension and what `image_name`
    puts around `{stem}`: `images/rome/0001.jpg` has the id `rome/0001`. Letter case and Unicode
    form never decide whether an image and a mask belong together.

    Attributes:
      images: folder of the images below the raw folder, "." for the raw folder itself. `{split}`
        stands for one folder name: `{split}/images` finds `train/images`, `test/images`.
      masks: folder of the masks, the same way; `{split}annot` finds CamVid's `trainannot`.
      image_name: the image's file name without extension; `{stem}` is what image and mask share.
        Where only the extension tells images and masks apart, with it: `{stem}.jpg`.
      mask_name: the mask's: `{stem}`, `{stem}_mask`, `{stem}_gt`.
      values: raw mask value → class name or "void", a `Threshold`, or None for masks that hold ids.
      group: regular expression searched in the id, its group named `group` (or the first, or the
        whole match) is the sample's group; or `CsvGroups`; or "auto", for groups that are found
        from names, look-alikes and places, and shown. Without a rule each sample stands alone.
      ignore: patterns of files to leave out, such as `*_instanceIds.png`.
      masks_follow_exif: see `Source`.
    """

    images: str = "images"
    masks: str = "masks"
    image_name: str = "{stem}"
    mask_name: str = "{stem}"
    values: Values | None = None
    group: GroupRule | None = None
    ignore: Sequence[str] = ()
    masks_follow_exif: bool | None = None

    extensions: ClassVar[tuple[str, ...]] = EXTENSIONS

    def __post_init__(self) -> None:
        for field in ("image_name", "mask_name"):
            if getattr(self, field).count("{stem}") != 1:
                raise DeclarationError(f"{field}={getattr(self, field)!r} must hold {{stem}} once")
        if (self.images, self.image_name) == (self.masks, self.mask_name):
            raise DeclarationError(
                "images and masks cannot be told apart: give them two folders or two name patterns"
            )
        if isinstance(self.ignore, str):
            raise DeclarationError(f"ignore={self.ignore!r}: write a list, [{self.ignore!r}]")
        for field in ("images", "masks"):
            if getattr(self, field).startswith("/") or ".." in getattr(self, field).split("/"):
                raise DeclarationError(f"{field}={getattr(self, field)!r} leaves the raw folder")

    def table(self, classes: ClassTable) -> RawTable:
        """From raw mask values to class ids."""
        return classes.raw_table(self.values)

    def scan(self, folder: Folder) -> Scan:
        """Pairs the images and masks of a raw folder by their names."""
        files, outside = folder.files()
        undecodable = [p for p in files if not is_text(p) and not self.ignores(p)]
        images, masks, foreign = self._sort_out(path for path in files if is_text(path))
        keys = sorted(images.keys() | masks.keys())
        clashes = {
            plain(paths[0]): tuple(paths)
            for found in (images, masks)
            for key in keys
            if len(paths := [path for path, _ in found.get(key, [])]) > 1
        }
        pairs = [(images[k][0], masks[k][0]) for k in keys if k in images and k in masks]
        samples = sorted(
            (
                Sample(id=_id(found), image=image, mask=mask, folder=_first_folder(found))
                for (image, found), (mask, _) in pairs
            ),
            key=lambda sample: sample.id,
        )
        samples, ungrouped = with_groups(samples, self.group, folder)
        return Scan(
            samples=tuple(samples),
            images_without_mask=tuple(images[k][0][0] for k in keys if k not in masks),
            masks_without_image=tuple(masks[k][0][0] for k in keys if k not in images),
            clashes=clashes,
            foreign=tuple(foreign),
            undecodable=tuple(
                os.fsencode(p).decode(errors="backslashreplace") for p in undecodable
            ),
            outside=tuple(path for path in outside if not self.ignores(path)),
            ungrouped=tuple(ungrouped),
            empty=tuple(self._among(folder.empty())),
            others=group_files(self.group),
        )

    def _sort_out(
        self, files: Iterable[str]
    ) -> tuple[dict[str, list[_Found]], dict[str, list[_Found]], list[str]]:
        """Which file is an image and which a mask, by key, and which is neither."""
        images: dict[str, list[_Found]] = defaultdict(list)
        masks: dict[str, list[_Found]] = defaultdict(list)
        # What says more comes first: `a_mask.png` is also a `{stem}.png` in the same folder.
        rules = sorted(
            [(self.masks, self.mask_name, masks), (self.images, self.image_name, images)],
            key=lambda rule: -len(re.sub(r"\{\w+\}|[./]", "", rule[0] + rule[1])),
        )
        regexes = [(_regex(where, name, self.extensions), f) for where, name, f in rules]
        inside = [_regex(f, None) for f in (self.images, self.masks) if f.strip("./")]
        foreign: list[str] = []
        for path in files:
            name = plain(path)
            if self.ignores(name):
                continue
            for regex, found in regexes:
                if match := regex.fullmatch(name):
                    found[same(_id(match.groupdict()))].append((path, match.groupdict()))
                    break
            else:
                if any(r.match(name) for r in inside):
                    foreign.append(path)
        return images, masks, foreign

    def _among(self, folders: Iterable[str]) -> list[str]:
        """Those of the folders that are for images or masks."""
        regexes = [_regex(f, None) for f in (self.images, self.masks)]
        named = [path for path in folders if not self.ignores(path)]
        return [path for path in named if any(r.match(plain(path) + "/") for r in regexes)]

    def ignores(self, path: str) -> bool:
        """Whether a file is one of those to leave out."""
        return ignored(path, self.ignore)


_Found = tuple[str, dict[str, str]]


def with_groups(
    samples: Sequence[Sample], rule: GroupRule | None, folder: Folder
) -> tuple[list[Sample], list[str]]:
    """Samples with their groups, and the ids for which the rule gives none."""
    if rule is None or rule == AUTO:  # found once the pictures have been looked at
        return [dataclasses.replace(s, group=s.group or s.id) for s in samples], []
    if isinstance(rule, CsvGroups):
        table = rule.read(folder)
        groups = [table.get(same(s.id)) or table.get(same(s.image)) or "" for s in samples]
    else:
        if not isinstance(rule, str):
            raise DeclarationError(f"group={rule!r}: write a regular expression, as text")
        try:
            regex = re.compile(rule)
        except re.error as error:
            raise DeclarationError(f"group={rule!r} is no regular expression: {error}") from error
        groups = [_group(regex.search(s.id)) for s in samples]
    grouped = [dataclasses.replace(s, group=g) for s, g in zip(samples, groups, strict=True)]
    return grouped, [s.id for s in grouped if not s.group]


def group_files(rule: GroupRule | None) -> tuple[str, ...]:
    """The raw files that a group rule reads."""
    return (rule.path,) if isinstance(rule, CsvGroups) else ()


def id_of(path: str, folder: str, name: str) -> str:
    """The id of a file in `folder` with file name `name`, "" where it is none of those."""
    match = _regex(folder, name).fullmatch(plain(path))
    return _id(match.groupdict()) if match else ""


def _group(match: re.Match[str] | None) -> str:
    if match is None:
        return ""
    if "group" in match.re.groupindex:
        return match["group"] or ""
    return (match[1] if match.re.groups else match[0]) or ""


def is_text(path: str) -> bool:
    """Whether a name is UTF-8, which ids are."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _id(found: Mapping[str, str | None]) -> str:
    prefix = found["split"]
    return "/".join(filter(None, [prefix, f"{found['sub'] or ''}{found['stem']}"]))


def _first_folder(found: Mapping[str, str | None]) -> str:
    return found["split"] or (found["sub"] or "").partition("/")[0]


def _regex(
    folder: str, name: str | None, extensions: Sequence[str] = EXTENSIONS
) -> re.Pattern[str]:
    """A pattern for paths in `folder` with file name `name`; any path below it for None."""
    where = "/".join(part for part in plain(folder).split("/") if part not in ("", "."))
    pattern = re.escape(where).replace(r"\{split\}", "(?P<split>[^/]+)", 1)
    pattern = (pattern + "/") if where else ""
    if "(?P<split>" not in pattern:
        pattern = "(?P<split>)" + pattern
    if name is not None:
        stem = re.escape(plain(name)).replace(r"\{stem\}", "(?P<stem>[^/]+)")
        has_one = name.rpartition(".")[2].lower() in extensions and "." in name
        extension = "" if has_one else rf"\.(?:{'|'.join(extensions)})"
        pattern += rf"(?P<sub>(?:[^/]+/)*){stem}{extension}"
    return re.compile(pattern, re.IGNORECASE)
