"""Raw folders as annotation tools export them, drawn small, and how a person would declare them."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from seg_datasets.core import dummy_writers as writers
from seg_datasets.core import sources
from seg_datasets.core.dummy_writers import Picture

WIDTH, HEIGHT = 48, 32
LABELS = ("road", "roof")


class Exported:
    """A raw folder in the making."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self._rng = np.random.default_rng(1)

    def image(self, path: str) -> Picture:
        """Draws a picture; what annotations say of it comes back."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = self._rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        Image.fromarray(pixels).save(file)
        left, top = (int(v) for v in self._rng.integers(1, 8, 2))
        shapes = [(LABELS[0], left, top, left + 10, top + 9), (LABELS[1], 24, top, 40, top + 8)]
        return file.name, WIDTH, HEIGHT, shapes

    def file(
        self, path: str, pictures: Sequence[Picture], write: Callable[..., None], **given: Any
    ) -> None:
        """An annotation file."""
        where = self.root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        write(where, [*pictures], **given)

    def text(self, path: str, text: str) -> None:
        where = self.root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text, encoding="utf-8")


def coco(d: Exported) -> None:
    for split in ("train", "val"):
        pictures = [d.image(f"{split}2017/{split[0]}{n:03}.jpg") for n in range(4)]
        d.file(f"annotations/instances_{split}2017.json", pictures, writers.write_coco)
        d.text(
            f"annotations/captions_{split}2017.json",
            '{"images": [], "annotations": [{"image_id": 1, "caption": "a"}]}',
        )


def coco_together(d: Exported) -> None:
    for split in ("train", "test"):
        pictures = [d.image(f"images/{split[1]}{n:03}.jpg") for n in range(4)]
        d.file(f"{split}.json", pictures, writers.write_coco)


def roboflow(d: Exported) -> None:
    for split in ("train", "valid", "test"):
        pictures = [d.image(f"{split}/{split[:2]}{n}.jpg") for n in range(3)]
        d.file(f"{split}/_annotations.coco.json", pictures, writers.write_coco)


def panoptic(d: Exported) -> None:
    pictures = [d.image(f"images/{n:03}.jpg") for n in range(4)]
    given = {"folder": d.root, "masks": "panoptic_val"}
    d.file("panoptic_val.json", pictures, writers.write_panoptic, **given)


def cvat(d: Exported) -> None:
    d.file(
        "annotations.xml",
        [d.image(f"images/default/{n}.jpg") for n in range(4)],
        writers.write_cvat,
    )


def labelme(d: Exported) -> None:
    for n in range(5):
        d.file(f"data/{n}.json", [d.image(f"data/{n}.jpg")], writers.write_labelme)


def via(d: Exported) -> None:
    for split in ("train", "val"):
        pictures = [d.image(f"{split}/{split[0]}{n}.jpg") for n in range(3)]
        given = {"attribute": "kind"}
        d.file(f"{split}/via_region_data.json", pictures, writers.write_via, **given)


def via_csv(d: Exported) -> None:
    pictures = [d.image(f"images/{n}.jpg") for n in range(4)]
    d.file("via_export_csv.csv", pictures, writers.write_via, attribute="kind")


def darwin(d: Exported) -> None:
    for n in range(4):
        d.file(f"annotations/{n}.json", [d.image(f"images/{n}.png")], writers.write_darwin)


def labelme_xml(d: Exported) -> None:
    for n in range(4):
        d.file(f"Annotations/{n}.xml", [d.image(f"Images/{n}.jpg")], writers.write_labelme_xml)


def voc(d: Exported) -> None:
    for n in range(4):
        d.file(f"Annotations/{n}.xml", [d.image(f"JPEGImages/{n}.jpg")], writers.write_voc)


def yolo(d: Exported) -> None:
    for split in ("train", "val"):
        given = {"folder": d.root, "labels": list(LABELS)}
        for n in range(4):
            picture = d.image(f"images/{split}/{split[0]}{n}.jpg")
            d.file(f"labels/{split}/{split[0]}{n}.txt", [picture], writers.write_yolo, **given)
        d.image(f"images/{split}/empty.jpg")
        d.text(f"labels/{split}/empty.txt", "")
        d.text(f"{split}.txt", "\n".join(f"./images/{split}/{split[0]}{n}.jpg" for n in range(4)))


def label_studio(d: Exported) -> None:
    pictures = [d.image(f"images/{n}.jpg") for n in range(4)]
    d.file("project-1-at-2024.json", pictures, writers.write_label_studio)


def supervisely(d: Exported) -> None:
    d.text("meta.json", '{"classes": [{"title": "road", "shape": "polygon", "color": "#ff0000"}]}')
    for name in ("one", "two"):
        for n in range(3):
            picture = d.image(f"{name}/img/{name}{n}.jpg")
            d.file(f"{name}/ann/{name}{n}.jpg.json", [picture], writers.write_supervisely)


def labelbox(d: Exported) -> None:
    pictures = [d.image(f"images/{n}.jpg") for n in range(4)]
    d.file("export.ndjson", pictures, writers.write_labelbox)


def cityscapes(d: Exported) -> None:
    for split, city in (("train", "aachen"), ("val", "lindau")):
        for n in range(3):
            frame = f"{city}_00000{n}_000019"
            picture = d.image(f"leftImg8bit/{split}/{city}/{frame}_leftImg8bit.png")
            d.file(
                f"gtFine/{split}/{city}/{frame}_gtFine_polygons.json",
                [picture],
                writers.write_cityscapes,
            )


def objects(d: Exported) -> None:
    for name in ("0a7e", "0b2e", "0c2f"):
        picture = d.image(f"stage1_train/{name}/images/{name}.png")
        d.file(f"stage1_train/{name}/masks/0.png", [picture], writers.write_object_masks)


def cvat_masks(d: Exported) -> None:
    for n in range(4):
        given = {"folder": d.root, "labelmap": "labelmap.txt"}
        picture = d.image(f"JPEGImages/{n}.jpg")
        d.file(f"SegmentationClass/{n}.png", [picture], writers.write_cvat_masks, **given)
        d.text(f"SegmentationObject/{n}.png", "")


# What is drawn → how a person would declare it, and its splits.
PUBLISHED: dict[Callable[[Exported], None], tuple[Any, dict[str, str]]] = {
    coco: (
        sources.Coco(annotations="annotations/instances_*2017.json"),
        {"train": "train2017", "val": "val2017"},
    ),
    coco_together: (
        sources.Coco(annotations="*.json", images="images"),
        {"train": "train.json", "test": "test.json"},
    ),
    roboflow: (
        sources.Coco(annotations="*/_annotations.coco.json"),
        {"train": "train", "valid": "valid", "test": "test"},
    ),
    panoptic: (
        sources.CocoPanoptic(
            annotations="panoptic_val.json", images="images", masks="panoptic_val", ground="void"
        ),
        {},
    ),
    cvat: (sources.Cvat(annotations="annotations.xml", images="images/default"), {}),
    labelme: (sources.LabelMe(annotations="data/*.json", images="data"), {}),
    via: (
        sources.Via(annotations="*/via_region_data.json", attribute="kind"),
        {"train": "train", "val": "val"},
    ),
    via_csv: (
        sources.Via(annotations="via_export_csv.csv", images="images", attribute="kind"),
        {},
    ),
    darwin: (sources.Darwin(annotations="annotations/*.json", images="images"), {}),
    labelme_xml: (sources.LabelMeXml(annotations="Annotations/*.xml", images="Images"), {}),
    voc: (sources.VocBoxes(annotations="Annotations/*.xml", images="JPEGImages"), {}),
    yolo: (
        sources.Yolo(annotations="labels/*/*.txt", images="images"),
        {"train": "train", "val": "val"},
    ),
    label_studio: (
        sources.LabelStudio(annotations="project-1-at-2024.json", images="images"),
        {},
    ),
    supervisely: (sources.Supervisely(annotations="*/ann/*.json"), {}),
    labelbox: (sources.Labelbox(annotations="export.ndjson", images="images"), {}),
    cvat_masks: (sources.CvatMasks(), {}),
    objects: (
        sources.ObjectMasks(
            images="stage1_train/{stem}/images/{stem}", masks="stage1_train/{stem}/masks/*"
        ),
        {},
    ),
    cityscapes: (
        sources.CityscapesPolygons(annotations="gtFine/*/*/*.json", images="leftImg8bit"),
        {"train": "train", "val": "val"},
    ),
}
