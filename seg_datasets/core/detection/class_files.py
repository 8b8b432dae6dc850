"""Class names that lie beside masks in a file, as tools and authors write them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence

from seg_datasets.core.classes import MAX_CLASSES, VOID
from seg_datasets.core.sample import plain
from seg_datasets.core.sources import Folder

# A list of names is short; what is longer is something else.
_LONGEST = 1 << 20
_TRIED = 24

_NAMED = re.compile(
    r"(class(es)?([-_. ]?(names?|list|dict|colou?rs?|mapping))?|codes|labels?([-_. ]?map)?"
    r"|label[-_. ]?(names?|colou?rs?|list)|names|categor(y|ies)|id2label|label2id"
    r"|dataset|meta|object[-_]?info\d*|obj_class_to_machine_color|colou?r[-_. ]?map|palette)",
    re.IGNORECASE,
)
VOID_NAMES = frozenset(
    ("void", "ignore", "ignored", "__ignore__", "dont care", "don't care", "dontcare")
)
# Names that mean "no class" in some sets and a class in others.
MAYBE_VOID = frozenset(("unlabeled", "unlabelled", "unknown", "unclassified", "undefined"))

_HEADS = ("name", "class", "classname", "label", "class_name", "label_name", "category")


@dataclasses.dataclass(frozen=True)
class ClassFile:
    """Names of classes, by id or by colour.

    Attributes:
      path: the file they stand in.
      by_id: id → name; "void" where the file says so.
      by_colour: colour 0xRRGGBB → name, in the order of the file.
    """

    path: str
    by_id: Mapping[int, str] = dataclasses.field(default_factory=dict)
    by_colour: Mapping[int, str] = dataclasses.field(default_factory=dict)


def find(folder: Folder, files: Sequence[str]) -> list[ClassFile]:
    """The files of class names that can be read, those nearest to the top first."""
    named = []
    for path in files:
        stem, _, extension = path.rpartition("/")[2].rpartition(".")
        if extension.lower() in _READERS and _NAMED.fullmatch(stem):
            named.append(path)
    found = []
    for path in sorted(named, key=lambda p: (p.count("/"), p))[:_TRIED]:
        try:
            if folder.size(path) > _LONGEST:
                continue
            text = folder.read_text(path)
            read = _READERS[path.rpartition(".")[2].lower()](text)
        # Whatever a file of another shape leads to: it is none of class names.
        except (OSError, ValueError, LookupError, TypeError, RecursionError, csv.Error):
            continue
        one = ClassFile(path, dict(sorted(read[0].items())), read[1])
        if one.by_id or one.by_colour:
            found.append(one)
    return found


_Read = tuple[dict[int, str], dict[int, str]]


def read_text(text: str) -> _Read:
    """Names one per line, or a table of names and colours, or of numbers and names."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("#", "//"))]
    if lines and all(line.count("\t") > 1 for line in lines):
        return _table([line.split("\t") for line in lines])
    if rows := [row for row in map(_cvat, lines) if row]:
        return {}, _clean({colour: name for name, colour in rows if name})
    if len(coloured := [r for r in map(_colour_and_name, lines) if r]) == len(lines):
        return {}, _clean(dict(coloured))
    numbered = [re.fullmatch(r"(\d{1,5})\s*[:=,;\t ]\s*(\D.*)", line) for line in lines]
    if lines and all(numbered):
        return _clean({int(m[1]): m[2].strip() for m in numbered if m}), {}
    if lines and lines[0] == "__ignore__":  # LabelMe: -1, and the next is 0
        lines = lines[1:]
    if any(re.fullmatch(r"[\d.,;\s-]+", line) for line in lines):
        return {}, {}
    return _clean(dict(enumerate(lines))), {}


def read_csv(text: str) -> _Read:
    """A table with a column of names, and one of ids or three of colours."""
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(row)]
    found = _table(rows)
    return found if any(found) else read_text("\n".join(" ".join(row) for row in rows))


def read_json(text: str) -> _Read:
    """Names by ids, ids by names, or lists of {name, id, colour}, at the top or one level below."""
    found = json.loads(text)
    tried = [found, *_inner(found)]
    for one in tried:
        by_id, by_colour = _from_list(one) if isinstance(one, list) else _from_dict(one)
        if by_id or by_colour:
            return by_id, by_colour
    return {}, {}


_READERS: dict[str, Callable[[str], _Read]] = {"txt": read_text, "csv": read_csv, "json": read_json}


def _table(rows: Sequence[Sequence[str]]) -> _Read:
    """A table that says in its first row which column holds the names."""
    rows = [[cell.strip() for cell in row] for row in rows]
    head = [cell.lower() for cell in rows[0]] if rows else []

    def columns(*names: str) -> list[int]:
        return [index for name in names for index, cell in enumerate(head) if cell == name]

    names = columns(*_HEADS)
    if not names:
        return {}, {}
    body = [(row, row[names[0]]) for row in rows[1:]]
    bands = [column for both in ("r red", "g green", "b blue") for column in columns(*both.split())]
    if len(bands) == 3:
        return {}, _clean({_rgb(row[band] for band in bands): name for row, name in body})
    if ids := columns("id", "index", "idx", "value", "class_id"):
        return _clean({int(row[ids[0]]): name for row, name in body}), {}
    return _clean({index: name for index, (_, name) in enumerate(body)}), {}


def _inner(found: object) -> list[object]:
    if not isinstance(found, dict):
        return []
    keys = ("labels", "classes", "names", "categories", "id2label", "label2id")
    return [found[key] for key in keys if key in found]


def _from_dict(found: object) -> _Read:
    if not isinstance(found, dict) or not found:
        return {}, {}
    if all(re.fullmatch(r"\d{1,5}", str(k)) and isinstance(v, str) for k, v in found.items()):
        return _clean({int(k): v for k, v in found.items()}), {}
    if all(isinstance(v, int) and not isinstance(v, bool) for v in found.values()):
        return _clean({v: str(k) for k, v in found.items()}), {}
    if all(_is_colour(v) for v in found.values()):
        return {}, _clean({_rgb(v): str(k) for k, v in found.items()})
    return {}, {}


def _from_list(found: Sequence[object]) -> _Read:
    if found and all(isinstance(one, str) for one in found):
        return _clean({i: str(one) for i, one in enumerate(found)}), {}
    by_id: dict[int, str] = {}
    by_colour: dict[int, str] = {}
    for one in found:
        if not isinstance(one, dict):
            return {}, {}
        name = next((str(one[k]) for k in ("name", "title", "label") if k in one), "")
        colour = one.get("color", one.get("colour"))
        if isinstance(colour, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
            by_colour[int(colour[1:], 16)] = name
        elif _is_colour(colour):
            by_colour[_rgb(colour)] = name
        if isinstance(one.get("id"), int) and "supercategory" not in one:
            by_id[one["id"]] = name
    return _clean(by_id), _clean(by_colour)


def _cvat(line: str) -> tuple[str, int] | None:
    """A line of CVAT's labelmap.txt: name:r,g,b:parts:actions."""
    match = re.fullmatch(r"([^:]+):(\d+),(\d+),(\d+):[^:]*:[^:]*", line)
    return (match[1].strip(), _rgb(match.groups()[1:])) if match else None


def _colour_and_name(line: str) -> tuple[int, str] | None:
    band = r"(\d{1,3})[\s,;]+"
    if match := re.fullmatch(rf"{band}{band}{band}(\D.*)", line):
        return _rgb(match.groups()[:3]), match[4].strip()
    if match := re.fullmatch(rf"(\D.*?)[\s,;:]+{band}{band}(\d{{1,3}})", line):
        return _rgb(match.groups()[1:]), match[1].strip()
    return None


def _is_colour(found: object) -> bool:
    whole = isinstance(found, list) and len(found) == 3
    return whole and all(isinstance(band, int) and 0 <= band <= 255 for band in found)  # type: ignore[attr-defined]


def _rgb(bands: object) -> int:
    return int.from_bytes(bytes(int(band) for band in bands), "big")  # type: ignore[attr-defined]


def _clean(names: Mapping[int, str]) -> dict[int, str]:
    """Names as a class table takes them, or nothing where they are none."""
    clean = {key: plain(" ".join(name.split())) for key, name in names.items()}
    clean = {k: VOID if name.lower() in VOID_NAMES else name for k, name in clean.items()}
    real = [name for name in clean.values() if name != VOID]
    usable = all(0 < len(name) <= 80 and name.isprintable() for name in real)
    return clean if usable and 0 < len(set(real)) == len(real) <= MAX_CLASSES else {}
