"""Pascal VOC and Cityscapes in their own layouts."""

import dataclasses
import pathlib

import numpy as np
import pytest
from PIL import Image

from seg_datasets.core import masks
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.sources import (
    CITYSCAPES,
    CITYSCAPES_LABELS,
    VOC,
    Cityscapes,
    Folder,
    PascalVoc,
)
from seg_datasets.core.sources.public import voc_colour

SIZE = (8, 4)


def picture(root: pathlib.Path, *names: str, values: np.ndarray | None = None) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", SIZE) if values is None else Image.fromarray(values)
        image.save(root / name)


def voc(root: pathlib.Path) -> Folder:
    picture(root, *(f"JPEGImages/{name}.jpg" for name in ("a", "b", "c", "d", "e")))
    ids = np.array([[0, 1, 20, 255] * 2] * 4, np.uint8)
    for name in ("a", "b", "c"):
        image = Image.fromarray(ids, mode="P")
        image.putpalette([v for n in range(256) for v in voc_colour(n)])
        (root / "SegmentationClass").mkdir(exist_ok=True)
        image.save(root / "SegmentationClass" / f"{name}.png")
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n")
    (lists / "val.txt").write_text("b\n\n")
    (root / "ImageSets" / "Main").mkdir()
    (root / "ImageSets" / "Main" / "train.txt").write_text("d 1\n")
    return Folder(root)


def test_images_of_no_list_need_no_mask(tmp_path):
    scan = PascalVoc().scan(voc(tmp_path))
    assert [s.id for s in scan.samples] == ["a", "b", "c"]
    assert not scan.images_without_mask
    assert not scan.foreign
    assert {f"ImageSets/Segmentation/{n}.txt" for n in ("train", "val")} <= {*scan.others}


def test_images_of_a_list_do(tmp_path):
    folder = voc(tmp_path)
    (tmp_path / "ImageSets" / "Segmentation" / "val.txt").write_bytes(b"\xef\xbb\xbfb\r\nE\r\n")
    assert PascalVoc().scan(folder).images_without_mask == ("JPEGImages/e.jpg",)
    (tmp_path / "ImageSets" / "Segmentation" / "val.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DeclarationError, match=r"val\.txt"):
        PascalVoc().scan(folder)


def test_a_list_outside_is_not_read(tmp_path):
    folder = voc(tmp_path / "raw")
    (tmp_path / "list.txt").write_text("d\n")
    (tmp_path / "raw" / "ImageSets" / "Segmentation" / "x.txt").symlink_to(tmp_path / "list.txt")
    scan = PascalVoc().scan(folder)
    assert not scan.images_without_mask
    assert scan.outside == ("ImageSets/Segmentation/x.txt",)


def test_numbers_of_the_palette_are_the_classes(tmp_path):
    folder = voc(tmp_path)
    data = folder.read("SegmentationClass/a.png")
    ids = masks.read(data, PascalVoc().table(VOC)).ids
    assert ids[0].tolist() == [0, 1, 20, 255] * 2
    assert VOC.names[1] == "aeroplane"
    assert VOC.names[20] == "tvmonitor"


def test_colours_are_those_of_the_palette(real_data):
    below = real_data / "labelme" / "semantic_segmentation" / "data_dataset_voc"
    for path in sorted((below / "SegmentationClass").iterdir()):
        palette = Image.open(path).getpalette()
        for number, colour in enumerate(VOC.colours):
            assert colour == voc_colour(number) == tuple(palette[3 * number : 3 * number + 3])
    assert voc_colour(255) == (224, 224, 192)


def test_masks_of_a_set_of_that_layout_are_its_numbers(real_data):
    source = PascalVoc("imgs", "gts", "{stem}_img", "{stem}_gt", sets="splits")
    folder = Folder(real_data / "voc_layout")
    scan = source.scan(folder)
    assert len(scan.samples) == 5
    assert not scan.images_without_mask
    table = source.table(ClassTable(*(f"c{i}" for i in range(7))))
    for sample in scan.samples:
        read = masks.read(folder.read(sample.mask), table)
        np.testing.assert_array_equal(read.ids, np.asarray(Image.open(folder.path(sample.mask))))


def city(root: pathlib.Path) -> Folder:
    for frame in ("train/aachen/aachen_000000_000019", "val/ulm/ulm_000001_000019"):
        picture(root, f"leftImg8bit/{frame}_leftImg8bit.png")
        labels = np.array([[0, 7, 26, 33] * 2] * 4, np.uint8)
        picture(root, f"gtFine/{frame}_gtFine_labelIds.png", values=labels)
        trained = np.array([[255, 0, 13, 18] * 2] * 4, np.uint8)
        picture(root, f"gtFine/{frame}_gtFine_labelTrainIds.png", values=trained)
        objects = np.array([[0, 7, 26003, 33] * 2] * 4, np.uint16)
        picture(root, f"gtFine/{frame}_gtFine_instanceIds.png", values=objects)
        picture(root, f"gtFine/{frame}_gtFine_color.png")
        (root / f"gtFine/{frame}_gtFine_polygons.json").write_text("{}")
    return Folder(root)


@pytest.mark.parametrize("annotations", ["labelIds", "trainIds", "instanceIds"])
def test_all_kinds_of_masks_say_the_same(tmp_path, annotations):
    folder = city(tmp_path)
    source = Cityscapes(annotations=annotations, group=r"/([^/]+)/")
    scan = source.scan(folder)
    assert [(s.id, s.folder, s.group) for s in scan.samples] == [
        ("train/aachen/aachen_000000_000019", "train", "aachen"),
        ("val/ulm/ulm_000001_000019", "val", "ulm"),
    ]
    problems = (scan.foreign, scan.images_without_mask, scan.masks_without_image, scan.clashes)
    assert not any(problems)
    read = masks.read(folder.read(scan.samples[0].mask), source.table(CITYSCAPES))
    assert read.ids[0].tolist() == [255, 0, 13, 18] * 2
    assert not read.stray


def test_labels_lead_to_classes_and_what_has_none_is_refused(tmp_path):
    folder = city(tmp_path)
    classes = ClassTable("ground", "vehicle")
    source = Cityscapes(
        annotations="instanceIds", labels={"road": "ground", "car": "vehicle", "bicycle": "void"}
    )
    (sample, _) = source.scan(folder).samples
    read = masks.read(folder.read(sample.mask), source.table(classes))
    assert read.ids[0, 1:4].tolist() == [0, 1, 255]
    assert read.stray == {0: 8}
    table = Cityscapes(values={7: "ground"}).table(classes)
    assert table.ids == {7: 0}


def test_another_kind_of_masks_has_another_name():
    source = dataclasses.replace(Cityscapes(), annotations="trainIds")
    assert source == Cityscapes(annotations="trainIds")
    assert source.mask_name == "{stem}_gtFine_labelTrainIds"
    assert Cityscapes(mask_name="{stem}_x").mask_name == "{stem}_x"


def test_coarse_masks_have_other_names(tmp_path):
    picture(tmp_path, "leftImg8bit/train_extra/ulm/a_leftImg8bit.png")
    for kind in ("labelIds", "color", "instanceIds"):
        picture(tmp_path, f"gtCoarse/train_extra/ulm/a_gtCoarse_{kind}.png")
    scan = Cityscapes(masks="gtCoarse").scan(Folder(tmp_path))
    assert [s.mask for s in scan.samples] == ["gtCoarse/train_extra/ulm/a_gtCoarse_labelIds.png"]
    assert not scan.foreign


@pytest.mark.parametrize(
    "wrong",
    [
        {"annotations": "labels"},
        {"labels": {"roads": "road"}},
        {"annotations": "trainIds", "labels": {"caravan": "car"}},
        {"labels": {"road": "road"}, "values": {7: "road"}},
        {"masks": "../gtFine"},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong):
    with pytest.raises(DeclarationError):
        Cityscapes(**wrong)


def test_there_are_34_labels_and_19_classes():
    assert len(CITYSCAPES_LABELS) == 34
    assert len(CITYSCAPES) == 19
    assert CITYSCAPES.names[13] == CITYSCAPES_LABELS[26] == "car"
    assert CITYSCAPES.colours[0] == (128, 64, 128)
    assert not {*CITYSCAPES.names} - {*CITYSCAPES_LABELS.values()}


def test_real_masks_are_exact(real_data):
    folder = Folder(real_data / "cityscapes_layout")
    ids, raw = {}, {}
    for kind in ("labelIds", "trainIds", "instanceIds"):
        source = Cityscapes(annotations=kind)
        (sample,) = source.scan(folder).samples
        read = masks.read(folder.read(sample.mask), source.table(CITYSCAPES))
        assert not read.stray
        ids[kind], raw[kind] = read.ids, np.asarray(Image.open(folder.path(sample.mask)))
    np.testing.assert_array_equal(ids["trainIds"], raw["trainIds"])
    np.testing.assert_array_equal(ids["instanceIds"], ids["labelIds"])
    # Cityscapes' own numbers of the classes that are trained on.
    trained = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
    meant = np.full(256, 255, np.uint8)
    meant[list(trained)] = range(19)
    np.testing.assert_array_equal(ids["labelIds"], meant[raw["labelIds"]])
