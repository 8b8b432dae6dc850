"""Exports of annotation tools, told by a few bytes of theirs: to say what lies there."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from seg_datasets.core.sources.folder import Folder

# Bytes of a file's beginning and end that are looked at, and files of each folder, and in all.
_LOOK, _EACH, _MOST = 1 << 16, 2, 64

# Words of which all have to stand in a file; the first tool that fits.
_JSON = (
    ("COCO panoptic", (rb'"segments_info"',)),
    ("COCO", (rb'"annotations"', rb'"(?:categories|category_id)"', rb'"(?:images|image_id)"')),
    ("LabelMe", (rb'"shapes"', rb'"imagePath"')),
    ("VGG Image Annotator", (rb'"shape_attributes"',)),
    ("Supervisely", (rb'"classTitle"',)),
    ("Label Studio", (rb'"from_name"', rb'"to_name"')),
    ("V7 Darwin", (rb'"annotations"', rb'"(?:schema_ref|dataset)"', rb"(?i)darwin|v7labs")),
    ("Labelbox", (rb'"data_row"|"Labeled Data"',)),
)
_XML = (
    ("CVAT", (rb"<annotations>", rb"<(?:image|track|meta)[ >]")),
    ("Pascal VOC", (rb"<annotation[ >]", rb"<(?:bndbox|polygon)>")),
)
# A first line of a class and at least four shares of the image: a box or a polygon.
_TXT = (("YOLO", (rb"(?m)\A(?=.*\.\d)\d+(?: (?:[01]|[01]?\.\d+(?:[eE]-\d+)?)){4,}\s*$",)),)
_READERS = {"json": _JSON, "xml": _XML, "txt": _TXT}


def sniff(folder: Folder, files: Sequence[str]) -> list[str]:
    """What annotation exports there seem to be: "CVAT (annotations.xml)", most files first."""
    waiting: dict[tuple[str, str], list[str]] = defaultdict(list)
    for kind in _READERS:
        for path in files:
            if _extension(path) == kind:
                waiting[kind, path.rpartition("/")[0]].append(path)
    found: dict[str, list[str]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for paths in [*waiting.values()][: _MOST // _EACH]:
        # The files of one folder are of few kinds; of many, two are opened.
        tools = [(tool, path) for path in paths[:_EACH] if (tool := _tool(folder, path))]
        for tool, path in tools:
            found[tool].append(path)
            counts[tool] += 1
        if tools:
            counts[tools[0][0]] += max(0, len(paths) - _EACH)
    dicoms = [path for path in files if _extension(path) in ("dcm", "dicom")]
    if dicoms:
        found["DICOM"], counts["DICOM"] = dicoms[:1], len(dicoms)
    order = sorted(found, key=lambda tool: (-counts[tool], tool))
    return [
        f"{tool} ({min(found[tool])}"
        + (f" and {counts[tool] - 1} more)" if counts[tool] > 1 else ")")
        for tool in order
    ]


def _tool(folder: Folder, path: str) -> str:
    try:
        with folder.path(path).open("rb") as file:
            text = file.read(_LOOK)
            file.seek(max(len(text), folder.path(path).stat().st_size - _LOOK))
            text += file.read(_LOOK)
    except (OSError, ValueError):
        return ""
    for tool, words in _READERS[_extension(path)]:
        if all(re.search(word, text) for word in words):
            return tool
    return ""


def _extension(path: str) -> str:
    return path.rpartition(".")[2].lower()
