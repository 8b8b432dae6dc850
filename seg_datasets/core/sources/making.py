"""Making: the source that reads the files of a tool, and files that only their names tell."""

from __future__ import annotations

import os.path
import re
from collections import Counter
from collections.abc import Callable, Sequence

from seg_datasets.core.sources import (
    coco,
    coco_panoptic,
    cvat_masks,
    geotiff,
    hypotheses,
    object_masks,
    patterns,
    scenes,
)
from seg_datasets.core.sources.base import OfLabels
from seg_datasets.core.sources.export import Export, ends, extension
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS

# The header of a DICOM file says early what it is.
_HEAD = 1 << 10
_SEGMENTATION = re.compile(
    rb"(?s)\A.{128}DICM.*1\.2\.840\.10008\.5\.1\.4\.1\.1\.66\.[47]\0?[^.0-9]"
)


def plain(kind: Callable[..., OfLabels]) -> Callable[[Export], OfLabels]:
    """A source that is told its files, and nothing else."""
    return lambda export: kind(annotations=export.pattern())


def ending(*extensions: str) -> Callable[[Folder, Sequence[str]], Sequence[str]]:
    """Files that end so."""
    return lambda _, files: [path for path in files if extension(path) in extensions]


def files_of_objects(folder: Folder, files: Sequence[str]) -> list[str]:
    """Mask files where each image has a folder of its own, with a mask for each object."""
    del folder
    pictures = [path for path in files if extension(path) in EXTENSIONS]
    place = hypotheses.one_mask_per_object(pictures)
    if not place:
        return []
    above = f"{place.rpartition('/')[0]}/".lstrip("/")
    depth = place.count("/") + 2
    below = [p for p in pictures if p.startswith(above) and p.count("/") == depth]
    masks = [path for path in below if patterns.role(path.split("/")[-2], "") > 0]
    return masks if len(masks) > len(below) - len(masks) else []


def objects(export: Export) -> OfLabels:
    """With the two folders that each image's own folder has."""
    place, below, _ = export.files[0].rsplit("/", 2)
    above, _, stem = place.rpartition("/")
    own = [p for p in export.every if p.startswith(f"{place}/") and p not in {*export.files}]
    pictures = [path for path in own if extension(path) in EXTENSIONS]
    folder, name = pictures[0].rsplit("/", 2)[1:]
    called = "{stem}" if name.rpartition(".")[0] == stem else "*"
    start = f"{above}/{{stem}}".lstrip("/")
    return object_masks.ObjectMasks(images=f"{start}/{folder}/{called}", masks=f"{start}/{below}/*")


def segmentations(folder: Folder, files: Sequence[str]) -> list[str]:
    """DICOM files that say of themselves that they are segmentations."""
    named = [path for path in files if extension(path) in ("dcm", "dicom")]
    return [path for path in named if _SEGMENTATION.search(ends(folder, path, look=_HEAD))]


def cvat(export: Export) -> OfLabels:
    """With the folders that lie beside the file of colours."""
    above = export.files[0].rpartition("/")[0]

    def beside(name: str) -> str:
        return f"{above}/{name}".lstrip("/")

    masks = beside("SegmentationClass")
    pictures = [
        path.rpartition("/")[0]
        for path in export.every
        if extension(path) in EXTENSIONS and "Segmentation" not in path
    ]
    own = beside("JPEGImages")
    images = own if own in pictures else next(iter(Counter(pictures)), ".") or "."
    return cvat_masks.CvatMasks(images=images, masks=masks, labelmap=export.files[0])


def of_scenes(export: Export) -> OfLabels:
    """With the folder of the scenes; one file for each scene, or one for all."""
    tiffs = [path for path in export.every if scenes.is_tiff(path)]
    if not tiffs:
        return geotiff.GeoTiff(images=".", footprints=export.files[0])
    stems = {path.rpartition("/")[2].rpartition(".")[0] for path in tiffs}
    file = export.files[0]
    place, _, name = file.rpartition("/")
    stem, _, ending = name.rpartition(".")
    if len(export.files) > 1 and stem in stems:
        file = f"{place}/{{stem}}.{ending}".lstrip("/")
    found = scenes.look(export.folder, tiffs)
    return geotiff.GeoTiff(
        images=os.path.commonpath([p.rpartition("/")[0] or "." for p in tiffs])
        if all("/" in path for path in tiffs)
        else ".",
        footprints=file,
        tile=found.tile if found else geotiff.GeoTiff.tile,
    )


def instances(export: Export) -> OfLabels:
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


def with_segments(export: Export) -> OfLabels:
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
