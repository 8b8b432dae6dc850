"""Tools: how the files of each are told by a few bytes, and the source that reads them.

A tool more is an entry more in `TOOLS`.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seg_datasets.core.sources import (
    ask,
    cityscapes,
    coco,
    coco_panoptic,
    cvat,
    darwin,
    hypotheses,
    label_studio,
    labelbox,
    labelme,
    labelme_xml,
    object_masks,
    patterns,
    spelling,
    supervisely,
    via,
    voc_boxes,
    yolo,
)
from seg_datasets.core.sources.annotated import ShapeSource
from seg_datasets.core.sources.ask import Asked
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS

# Bytes of a file's beginning and end that are looked at.
_LOOK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Export:
    """The files of one tool in a raw folder.

    Attributes:
      files: the tool's, in the order of their names.
      every: all files of the raw folder.
    """

    tool: Tool
    folder: Folder
    files: Sequence[str]
    every: Sequence[str]

    def __str__(self) -> str:
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"{self.tool.title} ({self.files[0]}{more})"

    def pattern(self, files: Sequence[str] = ()) -> str:
        """One pattern for these files, by default all of the tool's, and for no other."""
        return spelling.pattern(files or self.files, self.every)


@dataclasses.dataclass(frozen=True, eq=False)
class Tool:
    """One tool, or one of the forms it exports.

    Attributes:
      name: as `--source` has it.
      title: for people.
      extensions: of its files.
      words: all of them stand in the beginning or end of a file; none where names tell the tool.
      make: the source that reads it; None where there is no such source.
      ask: what the export does not tell, see `ask`.
      needs: fields that its source may refuse to go without → what is taken, and asked about.
      before_masks: whether it brings pictures that look like masks and are none.
      by_name: its files among all of a raw folder, where names tell it.
      own_images: whether `make` states where the images lie; else the folder is worked out.
    """

    name: str
    title: str
    extensions: tuple[str, ...]
    words: tuple[bytes, ...]
    make: Callable[[Export], ShapeSource] | None
    ask: Callable[[Folder, Any], Asked] = ask.nothing
    needs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    before_masks: bool = False
    by_name: Callable[[Sequence[str]], Sequence[str]] | None = None
    own_images: bool = False


def _of(kind: Callable[..., ShapeSource]) -> Callable[[Export], ShapeSource]:
    """A source that is told its files, and nothing else."""
    return lambda export: kind(annotations=export.pattern())


def _ending(*extensions: str) -> Callable[[Sequence[str]], Sequence[str]]:
    return lambda files: [path for path in files if extension(path) in extensions]


def _files_of_objects(files: Sequence[str]) -> list[str]:
    """Mask files where each image has a folder of its own, with a mask for each object."""
    pictures = [path for path in files if extension(path) in EXTENSIONS]
    place = hypotheses.one_mask_per_object(pictures)
    if not place:
        return []
    above = f"{place.rpartition('/')[0]}/".lstrip("/")
    depth = place.count("/") + 2
    below = [p for p in pictures if p.startswith(above) and p.count("/") == depth]
    masks = [path for path in below if patterns.role(path.split("/")[-2], "") > 0]
    return masks if len(masks) > len(below) - len(masks) else []


def _object_masks(export: Export) -> ShapeSource:
    """With the two folders that each image's own folder has."""
    place, below, _ = export.files[0].rsplit("/", 2)
    above, _, stem = place.rpartition("/")
    own = [p for p in export.every if p.startswith(f"{place}/") and p not in {*export.files}]
    pictures = [path for path in own if extension(path) in EXTENSIONS]
    folder, name = pictures[0].rsplit("/", 2)[1:]
    called = "{stem}" if name.rpartition(".")[0] == stem else "*"
    start = f"{above}/{{stem}}".lstrip("/")
    return object_masks.ObjectMasks(images=f"{start}/{folder}/{called}", masks=f"{start}/{below}/*")


def _coco(export: Export) -> ShapeSource:
    """COCO's instances alone, where its captions and key points of the same images lie beside."""
    folders = {path.rpartition("/")[0] for path in export.files if "instances" in path}
    files = [
        path
        for path in export.files
        if path.rpartition("/")[0] not in folders or "instances" in path.rpartition("/")[2]
    ]
    v7 = b"Exported from Darwin" in ends(export.folder, files[0])
    pattern = export.pattern(files)
    return (
        coco.Coco(annotations=pattern, fill="v7", crowd="")
        if v7
        else coco.Coco(annotations=pattern)
    )


def _panoptic(export: Export) -> ShapeSource:
    """With the folder in which most of the PNG files lie that the JSON names."""
    pngs = [path for path in export.every if path.lower().endswith(".png")]
    places: dict[str, Counter[str]] = {}
    for path in export.files:
        names = set(re.findall(rb'"file_name"\s*:\s*"([^"/]+\.png)"', ends(export.folder, path)))
        there = [p.rpartition("/") for p in pngs]
        places[path] = Counter(place for place, _, name in there if name.encode() in names)
    most = sum(places.values(), Counter[str]())
    masks = min(most, key=lambda place: (-most[place], place)) if most else "masks"
    files = [path for path in export.files if masks in places[path]]
    return coco_panoptic.CocoPanoptic(
        annotations=export.pattern(files), masks=masks or ".", ground="void"
    )


# Shapes without area: what has to be said, and what is taken until somebody does.
_LINES: Mapping[str, Any] = {"line_width": 0}
_SEVERAL: Mapping[str, Any] = {"take": "first"}

# Only both ends of a file are seen: what stands in the middle of a long one tells nothing.
# The first that fits a file; of two that tell as much of the same images, the first is taken.
TOOLS: tuple[Tool, ...] = (
    Tool(
        *("panoptic", "COCO panoptic", ("json",), (rb'"segments_info"',), _panoptic),
        before_masks=True,
    ),
    Tool(
        *(
            "labelme",
            "LabelMe",
            ("json",),
            (rb'"shapes"', rb'"image(?:Path|Data|Height)"|"shape_type"'),
        ),
        make=_of(labelme.LabelMe),
    ),
    Tool(
        *("via", "VGG Image Annotator", ("json",), (rb'"shape_attributes"',)),
        make=_of(via.Via),
        ask=ask.attribute,
    ),
    Tool(
        *("via", "VGG Image Annotator", ("csv",), (rb"\A.{0,200}region_shape_attributes",)),
        make=_of(via.Via),
        ask=ask.attribute,
    ),
    Tool(
        *("cityscapes", "Cityscapes", ("json",), (rb'"imgHeight"', rb'"imgWidth"', rb'"objects"')),
        make=_of(cityscapes.CityscapesPolygons),
    ),
    Tool(
        *("supervisely", "Supervisely", ("json",)),
        (rb'"objects"', rb'"size"', rb'"classTitle"|"objects"\s*:\s*\[\s*\]'),
        _of(supervisely.Supervisely),
        needs=_LINES,
    ),
    Tool(
        *("labelstudio", "Label Studio", ("json",)),
        (rb'"original_width"', rb'"from_name"|"annotation_id"'),
        _of(label_studio.LabelStudio),
        needs=_SEVERAL,
    ),
    Tool(
        *("darwin", "V7 Darwin", ("json",)),
        (rb'"annotations"', rb'"(?:schema_ref|dataset)"', rb'"(?:polygon|item|annotated)"'),
        _of(darwin.Darwin),
    ),
    Tool(
        *("labelbox", "Labelbox", ("ndjson", "json"), (rb'"data_row"', rb'"projects"')),
        make=_of(labelbox.Labelbox),
        needs={**_LINES, **_SEVERAL},
    ),
    Tool("labelbox_1", "Labelbox's old JSON", ("json",), (rb'"Labeled Data"',), None),
    Tool(
        *("coco", "COCO", ("json",)),
        (
            rb'"(?:annotations|segmentation|bbox)"',
            rb'"(?:categories|category_id)"',
            rb'"(?:images|image_id)"',
        ),
        _coco,
    ),
    Tool(
        *("cvat", "CVAT", ("xml",), (rb"<annotations>", rb"<(?:image|track|meta)[ >]")),
        make=_of(cvat.Cvat),
        needs=_LINES,
    ),
    Tool(
        *(
            "labelme_xml",
            "LabelMe XML",
            ("xml",),
            (rb"<annotation[ >]", rb"<(?:pt|imagesize|segm)>"),
        ),
        make=_of(labelme_xml.LabelMeXml),
    ),
    Tool(
        *("voc", "Pascal VOC", ("xml",), (rb"<annotation[ >]", rb"<(?:bndbox|size|segmented)>")),
        make=_of(voc_boxes.VocBoxes),
    ),
    # A first line of a class and at least four shares of the image: a box or a polygon.
    Tool(
        *("yolo", "YOLO", ("txt",)),
        (rb"(?m)\A(?=.*\.\d)\d+(?: +(?:[01]|[01]?\.\d+(?:[eE]-\d+)?)){4,}\s*$",),
        _of(yolo.Yolo),
    ),
    Tool(
        *("objects", "masks of single objects", (), (), _object_masks, ask.name_of_objects),
        by_name=_files_of_objects,
        own_images=True,
        before_masks=True,
    ),
    Tool("dicom", "DICOM", (), (), None, by_name=_ending("dcm", "dicom")),
)

# What `--source` may be: a tool, or the folders of images and masks.
MASKS = "masks"
NAMES: tuple[str, ...] = (MASKS, *dict.fromkeys(tool.name for tool in TOOLS if tool.make))


def ends(folder: Folder, path: str) -> bytes:
    """The beginning and the end of a file."""
    try:
        where = folder.path(path)
        with where.open("rb") as file:
            text = file.read(_LOOK)
            file.seek(max(len(text), where.stat().st_size - _LOOK))
            return text + file.read(_LOOK)
    except (OSError, ValueError):
        return b""


def extension(path: str) -> str:
    """What a file's name ends in, in small letters."""
    return path.rpartition(".")[2].lower()
