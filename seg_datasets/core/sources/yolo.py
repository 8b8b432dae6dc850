"""YOLO: one text file per image, boxes and polygons as shares of the picture."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seg_datasets.core import shapes
from seg_datasets.core.drawing import Shape
from seg_datasets.core.sample import plain, same
from seg_datasets.core.sources import annotated, foreign, left_open
from seg_datasets.core.sources.annotated import Annotated, AnnotationError
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS

# Files of names, looked for beside the annotations and in the folders above.
_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml", "classes.txt", "obj.names")

# Text files that lie beside annotations and are none, unless an image has their name.
_ASIDE = ("classes", "train", "val", "valid", "test", "readme", "readme.dataset", "readme.roboflow")

_WHOLE = re.compile(r"[0-9]{1,9}")

# Coordinates of rounded shares leave the picture by so much, as Ultralytics lets them.
_BEYOND = 0.01

# No list of names is longer, or nested deeper.
_MOST_BYTES, _DEEPEST = 1 << 20, 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Yolo(left_open.Ordered):
    """YOLO's text files. Its boxes become masks, which are weak labels. Labels are the names of
    classes, or their numbers ("0", "1", …) where no file tells names.

    Attributes:
      annotations: the text files, a pattern below the raw folder; where some lie in a folder
        `labels`, those alone. That of `images/train/a.jpg` is `labels/train/a.txt`, or `a.txt`
        beside it.
      names: the file that names the classes; by default the nearest `data.yaml`, `dataset.yaml`,
        `classes.txt` or `obj.names` beside or above the annotations.
    """

    annotations: str = "*.txt"
    names: str = ""

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        tree = _Tree(folder, found)
        names = _Names(folder, tree.paths, self.names)
        boxes: Counter[str] = Counter()
        scan = annotated.scan(self, folder, self._annotated(folder, tree, names, boxes))
        scan = dataclasses.replace(scan, others=(*scan.others, *sorted(names.read)))
        return left_open.with_boxes(scan, boxes["share_box"], where=self.annotations)

    def _annotated(
        self, folder: Folder, tree: _Tree, names: _Names, boxes: Counter[str]
    ) -> Iterator[Annotated]:
        for path in tree.annotations:
            found = [*_read(folder, path, names.of(path))]
            boxes.update(one.shape.kind for one in found)
            for image in tree.images(path):
                yield left_open.annotated(image, found, order=self.order, size=None, file=path)


class _Tree:
    """Which text files are annotations, and of which images."""

    def __init__(self, folder: Folder, found: Sequence[str]):
        self.paths = folder.files()[0]
        self._images: dict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            stem, _, extension = path.rpartition(".")
            if extension.lower() in EXTENSIONS:
                self._images[same(stem)].append(path)
        parallel = [path for path in found if "labels" in same(path).split("/")[:-1]]
        self.annotations = [path for path in parallel or found if not self._aside(path)]

    def _aside(self, path: str) -> bool:
        stem = path.rpartition(".")[0]
        aside = same(stem.rpartition("/")[2]) in _ASIDE
        return aside and not any(self._images.get(same(place)) for place in _places(stem))

    def images(self, path: str) -> list[str]:
        """The images of an annotation file: one, but for two of one name."""
        stem = path.rpartition(".")[0]
        places = [*_places(stem)]
        return next(filter(None, (self._images.get(same(p)) for p in places)), [places[0]])


def _places(stem: str) -> Iterator[str]:
    """Where the image of an annotation may lie: in the tree beside it, then in its own folder."""
    parts = stem.split("/")
    for at in reversed(range(len(parts) - 1)):
        if same(parts[at]) == "labels":
            yield "/".join((*parts[:at], "images", *parts[at + 1 :]))
            break
    yield stem


class _Names:
    """The names of classes, by number."""

    def __init__(self, folder: Folder, paths: Sequence[str], stated: str):
        self.read: dict[str, Mapping[int, str]] = {}
        self._folder = folder
        self._stated = stated
        self._paths = {*map(plain, paths)}

    def of(self, path: str) -> Mapping[int, str]:
        """Those that hold for an annotation file."""
        if self._stated:
            return self._load(self._stated)
        above = plain(path).split("/")[:-1]
        for depth in reversed(range(len(above) + 1)):
            beside = ["/".join((*above[:depth], name)) for name in _NAMES]
            told = [file for file in beside if file in self._paths]
            if told:
                first = self._load(told[0])
                for other in told[1:]:
                    if self._load(other) != first:
                        raise AnnotationError(
                            f"{told[0]} and {other} name the classes differently; say `names`"
                        )
                return first
        return {}

    def _load(self, path: str) -> Mapping[int, str]:
        if path not in self.read:
            with foreign.reading(path, "the names of YOLO's classes"):
                if self._folder.size(path) > _MOST_BYTES:
                    raise ValueError(f"more than {_MOST_BYTES:,} bytes")
                text = self._folder.read_text(path)
                is_yaml = path.lower().endswith((".yaml", ".yml"))
                self.read[path] = _from_yaml(text) if is_yaml else _from_lines(text)
        return self.read[path]


def _from_lines(text: str) -> dict[int, str]:
    lines = [line.strip() for line in text.rstrip().splitlines()]
    return dict(enumerate(lines))


def _from_yaml(text: str) -> dict[int, str]:
    import yaml

    depth = 0
    try:
        for event in yaml.parse(text, yaml.BaseLoader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("references, as `*a`")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise ValueError("lists nested in one another")
        _refuse_twice(yaml.compose(text, yaml.BaseLoader))
        # Every value as it is written, `no` too: texts, lists and tables, nothing else.
        fields: Any = yaml.load(text, yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"broken YAML: {str(error).splitlines()[0]}") from error
    if "kpt_shape" in fields:
        raise ValueError("`kpt_shape`: key points have no area")
    names = fields["names"]
    pairs = [*names.items()] if isinstance(names, dict) else [*enumerate(names)]
    if isinstance(names, str) or not all(isinstance(name, str) for _, name in pairs):
        raise ValueError("`names` is no list of names")
    return {_whole(number): name for number, name in pairs}


def _refuse_twice(node: Any) -> None:
    """Refuses tables with a key that is there twice: which one is meant?"""
    listed = node.value if node is not None and isinstance(node.value, list) else []
    if listed and isinstance(listed[0], tuple):
        keys = [str(key.value) for key, _ in listed]
        if twice := [key for key, count in Counter(keys).items() if count > 1]:
            raise ValueError(f"{twice[0][:40]!r} is there twice")
    for one in listed:
        for part in one if isinstance(one, tuple) else (one,):
            _refuse_twice(part)


def _whole(text: object) -> int:
    """A number as a file has it: Python would take `1_0` for ten."""
    if not _WHOLE.fullmatch(str(text)):
        raise ValueError(f"{str(text)[:40]!r} is no number of a class")
    return int(str(text))


def _read(folder: Folder, path: str, named: Mapping[int, str]) -> Iterator[left_open.Found]:
    with foreign.reading(path, "YOLO"):
        for number, line in enumerate(folder.read_text(path).splitlines(), start=1):
            if fields := line.split():
                yield _object(fields, named, f"line {number}")


def _object(fields: Sequence[str], named: Mapping[int, str], name: str) -> left_open.Found:
    if strange := [field for field in fields if "_" in field]:
        raise ValueError(f"{name} has {strange[0][:40]!r}, which is no number")
    number, shares = int(fields[0]), [float(field) for field in fields[1:]]
    if len(shares) == 5:
        raise ValueError(f"{name} has a sixth number, as predictions have; they are no labels")
    if len(shares) < 4 or len(shares) % 2:
        raise ValueError(f"{name} has {len(fields)} numbers")
    if not all(-_BEYOND <= share <= 1 + _BEYOND for share in shares):
        raise ValueError(f"{name} has numbers that are no shares of a picture, 0 to 1")
    label = named.get(number, str(number))
    if len(shares) > 4:
        area = abs(shapes.area(np.array(shares).reshape(-1, 2)))
        return left_open.Found(Shape(label, "share_rings", [shares]), name, area)
    x, y, width, height = shares
    if width < 0 or height < 0:
        raise ValueError(f"{name} is a box of less than nothing")
    corners = [x - width / 2, y - height / 2, width, height]
    return left_open.Found(Shape(label, "share_box", corners), name, width * height)
