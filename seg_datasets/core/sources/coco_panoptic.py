"""COCO panoptic: one JSON file for many images, and a PNG of segment ids for each."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from seg_datasets.core.classes import ClassTable, RawTable
from seg_datasets.core.drawing import Shape
from seg_datasets.core.images import ImageError, open_image
from seg_datasets.core.remarks import Fault, Remark, category_faults
from seg_datasets.core.runs import alternating
from seg_datasets.core.sources import annotated, coco, foreign
from seg_datasets.core.sources.annotated import Annotated, AnnotationError, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder, by_name


@dataclasses.dataclass(frozen=True, kw_only=True)
class CocoPanoptic(ShapeSource):
    """COCO's panoptic segmentation; labels are the names of categories.

    Pixels of id 0 are `ground`; COCO's own evaluation has them void: `ground="void"`.

    Attributes:
      annotations: the JSON files, a pattern below the raw folder.
      masks: the folder of the PNG files below the raw folder.
      crowd: the class of segments with `iscrowd`, "" for that of their category.
    """

    annotations: str = "panoptic*.json"
    masks: str = "masks"
    crowd: str = "void"

    def table(self, classes: ClassTable) -> RawTable:
        """From categories to class ids."""
        return coco.with_crowd(super().table(classes), classes, self.crowd)

    def scan(self, folder: Folder) -> Scan:
        """Reads all annotation files, and the segments of all PNG files."""
        found = annotated.files(folder, self.annotations, ignore=self.ignore)
        remarks: list[Remark] = []
        masks: list[str] = []
        images = dataclasses.replace(self, ignore=(*self.ignore, f"{self.masks.strip('/')}/*"))
        read = (_read(self, folder, path, remarks, masks) for path in found)
        scan = annotated.scan(images, folder, itertools.chain.from_iterable(read))
        return dataclasses.replace(
            scan,
            remarks=(*remarks, *scan.remarks),
            others=(*scan.others, *sorted(masks, key=by_name)),
        )


def _read(
    source: CocoPanoptic, folder: Folder, path: str, remarks: list[Remark], masks: list[str]
) -> Iterator[Annotated]:
    with foreign.reading(path, "COCO panoptic JSON"):
        listed, images = coco.heading(folder, path)
        remarks += category_faults([name for _, name in listed], path)
        names = dict(listed)
        for _, one in foreign.lists_of(folder, path, ("annotations",)):
            key = one["image_id"]
            image = images.get(key) or coco.Image(f"image_id {key}", None)
            png = f"{source.masks.strip('/')}/{one['file_name']}"
            ids = _segment_ids(folder, png, image)
            masks.append(png)
            labels = {int(s["id"]): _label(s, names, source) for s in one["segments_info"]}
            if len(labels) < len(one["segments_info"]):
                raise ValueError(f"{png}: segments_info has an id twice")
            shapes, drawn = [], set()
            for segment, window in _segments(ids):
                label = labels.get(segment, f"segment {segment} of no category")
                shapes.append(Shape(label, "runs", window))
                drawn.add(segment)
            for segment in sorted(labels.keys() - drawn):
                remarks.append(Remark(Fault.NO_AREA, f"{png}: segment {segment}", "no pixel"))
            yield Annotated(image.name, shapes, image.size, path)


def _label(segment: Any, names: dict[Any, str], source: CocoPanoptic) -> str:
    if source.crowd and segment.get("iscrowd"):
        return coco.CROWD
    category = segment["category_id"]
    return names.get(category, f"category_id {category}")


def _segment_ids(folder: Folder, png: str, image: coco.Image) -> np.ndarray:
    try:
        picture = open_image(folder.read(png)).image
    except (ImageError, OSError, ValueError) as error:
        raise AnnotationError(f"{png} cannot be read: {error}; put it there anew") from error
    if picture.mode != "RGB" or picture.size != (image.size or picture.size):
        raise AnnotationError(
            f"{png} is {picture.mode} of {picture.size}, not the RGB of {image.size} that "
            "segments are coded in; export it anew"
        )
    red, green, blue = np.moveaxis(np.asarray(picture).astype(np.int32), -1, 0)
    return np.asarray(red + (green << 8) + (blue << 16))


def _segments(ids: np.ndarray) -> Iterator[tuple[int, list[Any]]]:
    """Each segment id but 0, and where it lies, as `drawing` has runs."""
    from scipy import ndimage

    values, places = np.unique(ids, return_inverse=True)
    places = places.reshape(ids.shape) + 1
    for number, where in enumerate(ndimage.find_objects(places), start=1):
        segment = int(values[number - 1])
        if segment == 0:
            continue
        mask = places[where] == number
        rows, columns = where
        window = [columns.start, rows.start, mask.shape[1], mask.shape[0], alternating(mask)]
        yield segment, window
