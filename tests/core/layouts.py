"""Raw folders as people publish them, drawn small, and how a person would declare them."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
from PIL import Image

import kit
from seg_datasets.core.sources import Cityscapes, ImageMaskFolders, PascalVoc

IDS = {0: 0, 1: 1, 2: 2}
BLACK_WHITE = {0: 0, 1: 255, 2: 255}
COLOURS = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0)}


@dataclasses.dataclass
class Drawing:
    """A raw folder in the making."""

    root: pathlib.Path
    rng: np.random.Generator = dataclasses.field(default_factory=lambda: np.random.default_rng(1))

    def image(self, path: str) -> None:
        self.put(path, self.rng.integers(0, 256, (24, 32, 3), np.uint8))

    def mask(self, path: str, values: dict[int, Any] = IDS, mode: str = "") -> None:
        ids = np.zeros((24, 32), np.uint8)
        top, left = self.rng.integers(1, 6, 2)
        ids[top : top + 8, left : left + 9] = 1
        ids[14 : 14 + top, left : left + 12] = 2
        table = np.array([values[i] for i in range(3)])
        mask = Image.fromarray(table.astype(np.uint8)[ids])
        if mode == "P":
            mask.putpalette([band for i in range(256) for band in (i * 7 % 256, i, 255 - i)])
        self.put(path, mask)

    def put(self, path: str, what: np.ndarray | Image.Image) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(kit.encoded(what, path.rpartition(".")[2]))

    def text(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def carvana(d: Drawing) -> None:
    for car in ("0cdf5b5d0ce1", "fff9b3a5373f", "1a2b3c4d5e6f"):
        for view in ("01", "02", "11"):
            d.image(f"train/{car}_{view}.jpg")
            d.mask(f"train_masks/{car}_{view}_mask.gif", BLACK_WHITE)
    for view in range(1, 17):
        d.image(f"test/aaaaaaaaaaaa_{view:02}.jpg")
    d.text("train_masks.csv", "img,rle_mask\n")


def drive(d: Drawing) -> None:
    for number in range(21, 41):
        d.image(f"training/images/{number}_training.tif")
        d.mask(f"training/1st_manual/{number}_manual1.gif", BLACK_WHITE)
        d.mask(f"training/mask/{number}_training_mask.gif", BLACK_WHITE)
    for number in range(1, 21):
        d.image(f"test/images/{number:02}_test.tif")
        d.mask(f"test/mask/{number:02}_test_mask.gif", BLACK_WHITE)


def isic(d: Drawing) -> None:
    for number in range(8):
        d.image(f"ISIC2018_Task1-2_Training_Input/ISIC_{number:07}.jpg")
        mask = f"ISIC2018_Task1_Training_GroundTruth/ISIC_{number:07}_segmentation.png"
        d.mask(mask, BLACK_WHITE)
    d.text("ISIC2018_Task1-2_Training_Input/ATTRIBUTION.txt", "who\n")


def pets(d: Drawing) -> None:
    for name in ("Abyssinian_1", "Abyssinian_10", "american_bulldog_1", "yorkshire_terrier_99"):
        d.image(f"images/{name}.jpg")
        d.mask(f"annotations/trimaps/{name}.png", {0: 1, 1: 2, 2: 3})
        d.text(f"annotations/xmls/{name}.xml", "<annotation><bndbox></bndbox></annotation>")
    d.text("annotations/trainval.txt", "Abyssinian_1 1 1 1\nAbyssinian_10 1 1 1\n")
    d.text("annotations/test.txt", "american_bulldog_1 2 2 1\nyorkshire_terrier_99 2 2 1\n")


def ade20k(d: Drawing) -> None:
    for split, name in (("training", "ADE_train"), ("validation", "ADE_val")):
        for number in range(1, 7):
            d.image(f"images/{split}/{name}_{number:08}.jpg")
            d.mask(f"annotations/{split}/{name}_{number:08}.png")
    d.text("objectInfo150.txt", "Idx\tRatio\tTrain\tVal\tName\n1\t0.1\t1\t1\twall\n")


def massachusetts(d: Drawing) -> None:
    for split in ("train", "val", "test"):
        for number in (22828930, 22828990, 22829050):
            d.image(f"tiff/{split}/{number}_15.tiff")
            d.mask(f"tiff/{split}_labels/{number}_15.tif", BLACK_WHITE)


def landcover(d: Drawing) -> None:
    for number in range(5):
        d.image(f"images/M-33-{number}-A.tif")
        d.mask(f"masks/M-33-{number}-A.tif")


def voc(d: Drawing) -> None:
    for number in range(8):
        d.image(f"VOC2012/JPEGImages/2007_{number:06}.jpg")
        if number < 6:
            d.mask(f"VOC2012/SegmentationClass/2007_{number:06}.png", {0: 0, 1: 15, 2: 255}, "P")
            d.mask(f"VOC2012/SegmentationObject/2007_{number:06}.png", {0: 0, 1: 1, 2: 255}, "P")
        d.text(f"VOC2012/Annotations/2007_{number:06}.xml", "<annotation><bndbox></bndbox>")
    lists = "VOC2012/ImageSets/Segmentation"
    names = [f"2007_{number:06}" for number in range(6)]
    d.text(f"{lists}/train.txt", "\n".join(names[:4]))
    d.text(f"{lists}/val.txt", "\n".join(names[4:]))
    d.text(f"{lists}/trainval.txt", "\n".join(names))
    d.text("VOC2012/ImageSets/Layout/train.txt", "2007_000000\n")


def camvid_fastai(d: Drawing) -> None:
    names = [f"0006R0_f0{number}" for number in range(8)]
    for name in names:
        d.image(f"images/{name}.png")
        d.mask(f"labels/{name}_P.png")
    d.text("codes.txt", "Animal\nArchway\nVoid\n")
    d.text("valid.txt", "\n".join(f"{name}.png" for name in names[:2]))


def camvid_segnet(d: Drawing) -> None:
    for split in ("train", "val", "test"):
        for number in range(4):
            d.image(f"{split}/0001TP_{split}{number}.png")
            d.mask(f"{split}annot/0001TP_{split}{number}.png")


def inria(d: Drawing) -> None:
    for city in ("austin1", "vienna12"):
        d.image(f"AerialImageDataset/train/images/{city}.tif")
        d.mask(f"AerialImageDataset/train/gt/{city}.tif", BLACK_WHITE)
    for city in ("bellingham1", "sfo3", "tyrol-e4"):
        d.image(f"AerialImageDataset/test/images/{city}.tif")


def one_folder_by_extension(d: Drawing) -> None:
    for name in ("beach", "beach_2", "wood"):
        d.image(f"{name}.jpg")
        d.mask(f"{name}.png")


def one_folder_by_name(d: Drawing) -> None:
    for patient in ("TCGA_CS_4941", "TCGA_CS_4942"):
        for number in range(1, 13):
            d.image(f"{patient}/{patient}_{number}.tif")
            d.mask(f"{patient}/{patient}_{number}_mask.tif", BLACK_WHITE)


def cityscapes(d: Drawing) -> None:
    for split, city in (("train", "aachen"), ("train", "bochum"), ("val", "lindau")):
        for number in range(3):
            name = f"{city}_{number:06}_000019"
            d.image(f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png")
            place = f"gtFine/{split}/{city}/{name}_gtFine"
            d.mask(f"{place}_labelIds.png", {0: 7, 1: 26, 2: 0})
            d.mask(f"{place}_instanceIds.png")
            d.mask(f"{place}_color.png", COLOURS)
            d.text(f"{place}_polygons.json", '{"objects": []}')


def prefixes(d: Drawing) -> None:
    for number in range(12):
        d.image(f"data/Image/img_{number}.png")
        d.mask(f"data/Mask/mask_{number}.png", COLOURS)


def split_then_kind(d: Drawing) -> None:
    for split in ("train", "valid"):
        for number in range(4):
            d.image(f"{split}/images/{number}.jpg")
            d.mask(f"{split}/masks/{number}.png")


def kind_by_site(d: Drawing) -> None:
    for site in ("oslo", "rome", "lima"):
        for number in range(3):
            d.image(f"{site}/rgb/{number}.png")
            d.mask(f"{site}/labels/{number}.png")


def unnamed(d: Drawing) -> None:
    for number in range(4):
        d.mask(f"A/{number}.png")
        d.image(f"B/{number}.png")


def supervisely(d: Drawing) -> None:
    for number in range(4):
        d.image(f"project/ds0/img/{number}.jpg")
        d.text(f"project/ds0/ann/{number}.jpg.json", '{"objects": [{"classTitle": "a"}]}')
        d.mask(f"project/ds0/masks_machine/{number}.png")


def deepglobe(d: Drawing) -> None:
    for number in (119, 855, 2334, 10233):
        d.image(f"train/{number}_sat.jpg")
        d.mask(f"train/{number}_mask.png", COLOURS)
    for number in (7, 9):
        d.image(f"valid/{number}_sat.jpg")
    d.text("class_dict.csv", "name,r,g,b\nurban,0,128,0\nwater,128,0,0\nnothing,0,0,0\n")


def chase(d: Drawing) -> None:
    for number in range(1, 8):
        for eye in "LR":
            d.image(f"Image_{number:02}{eye}.jpg")
            d.mask(f"Image_{number:02}{eye}_1stHO.png", BLACK_WHITE)


LAYOUTS: dict[Any, tuple[ImageMaskFolders, dict[str, str]]] = {
    carvana: (ImageMaskFolders("train", "train_masks", mask_name="{stem}_mask"), {}),
    drive: (
        ImageMaskFolders(
            *("training/images", "training/1st_manual", "{stem}_training", "{stem}_manual1")
        ),
        {},
    ),
    isic: (
        ImageMaskFolders(
            "ISIC2018_Task1-2_Training_Input",
            "ISIC2018_Task1_Training_GroundTruth",
            mask_name="{stem}_segmentation",
        ),
        {},
    ),
    pets: (
        ImageMaskFolders("images", "annotations/trimaps"),
        {"trainval": "annotations/trainval.txt", "test": "annotations/test.txt"},
    ),
    ade20k: (
        ImageMaskFolders("images", "annotations"),
        {"train": "training", "validation": "validation"},
    ),
    massachusetts: (
        ImageMaskFolders("tiff/{split}", "tiff/{split}_labels"),
        {"train": "train", "val": "val", "test": "test"},
    ),
    landcover: (ImageMaskFolders("images", "masks"), {}),
    voc: (
        PascalVoc(
            "VOC2012/JPEGImages",
            "VOC2012/SegmentationClass",
            sets="VOC2012/ImageSets/Segmentation",
        ),
        {
            "train": "VOC2012/ImageSets/Segmentation/train.txt",
            "val": "VOC2012/ImageSets/Segmentation/val.txt",
        },
    ),
    camvid_fastai: (ImageMaskFolders("images", "labels", mask_name="{stem}_P"), {}),
    camvid_segnet: (
        ImageMaskFolders("{split}", "{split}annot"),
        {"train": "train", "val": "val", "test": "test"},
    ),
    inria: (
        ImageMaskFolders("AerialImageDataset/train/images", "AerialImageDataset/train/gt"),
        {},
    ),
    one_folder_by_extension: (
        ImageMaskFolders(".", ".", image_name="{stem}.jpg", mask_name="{stem}.png"),
        {},
    ),
    one_folder_by_name: (ImageMaskFolders(".", ".", mask_name="{stem}_mask"), {}),
    cityscapes: (
        Cityscapes(),
        {"train": "train", "val": "val"},
    ),
    deepglobe: (ImageMaskFolders("train", "train", "{stem}_sat", "{stem}_mask"), {}),
    chase: (ImageMaskFolders(".", ".", mask_name="{stem}_1stHO"), {}),
    prefixes: (
        ImageMaskFolders("data/Image", "data/Mask", "img_{stem}", "mask_{stem}"),
        {},
    ),
    split_then_kind: (
        ImageMaskFolders("{split}/images", "{split}/masks"),
        {"train": "train", "valid": "valid"},
    ),
    kind_by_site: (ImageMaskFolders("{split}/rgb", "{split}/labels"), {}),
    unnamed: (ImageMaskFolders("B", "A"), {}),
    supervisely: (ImageMaskFolders("project/ds0/img", "project/ds0/masks_machine"), {}),
}
