"""What is said of folders that nobody here made."""

import pathlib
from collections import Counter

import numpy as np
import pytest

import kit
from seg_datasets.core.checks import Severity
from seg_datasets.core.classes import VOID_ID, ClassTable, Threshold
from seg_datasets.core.collecting import collect
from seg_datasets.core.detection.corrections import Corrections
from seg_datasets.core.detection.inspection import by_guess
from seg_datasets.core.looking import look_at
from seg_datasets.core.sources import Folder, ImageMaskFolders
from seg_datasets.core.splits import FromFolders, FromLists, Grouped

ROADS = ClassTable("background", "road")
CAMVID = ClassTable(*(f"class {i}" for i in range(11)))
CAMVID_VALUES = {**{i: f"class {i}" for i in range(11)}, 11: "void"}
LABELME = (
    *("_background_", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "potted plant"),
    *("sheep", "sofa", "train", "tv/monitor"),
)


def test_voc_layout_is_silent_but_for_classes_that_are_not_there(real_data: pathlib.Path) -> None:
    found = kit.findings(
        real_data / "voc_layout",
        classes=ClassTable(*(f"class {i}" for i in range(7))),
        source=ImageMaskFolders("imgs", "gts", image_name="{stem}_img", mask_name="{stem}_gt"),
        splits=FromLists(train="splits/train.txt", val="splits/val.txt"),
    )
    assert {f.code for f in found} == {"SD301"}


def test_labelme_masks_are_what_labelme_drew(real_data: pathlib.Path) -> None:
    folder = Folder(real_data / "labelme" / "semantic_segmentation" / "data_dataset_voc")
    source = ImageMaskFolders("JPEGImages", "SegmentationClass")
    table = ClassTable(*LABELME).raw_table(None)
    samples = source.scan(folder).samples
    assert len(samples) == 3
    for facts in collect(samples, folder=folder, table=table):
        drawn = np.load(folder.root / "SegmentationClassNpy" / f"{facts.sample.id}.npy")
        values, pixels = np.unique(drawn, return_counts=True)
        expected = dict(zip(values.tolist(), pixels.tolist(), strict=True))
        expected[VOID_ID] = expected.pop(-1, 0)
        assert {**facts.mask.counts} == {i: n for i, n in expected.items() if n}


def test_camvid_tears_sequences_apart_by_their_names_alone(real_data: pathlib.Path) -> None:
    found = kit.findings(
        real_data / "camvid_24",
        classes=CAMVID,
        source=ImageMaskFolders("{split}", "{split}annot", values=CAMVID_VALUES),
        splits=FromFolders(train="train", val="val", test="test"),
    )
    assert kit.said(found) == [("SD412", "series '0001TP_#'"), ("SD412", "series '0016E5_#'")]


def test_camvid_tears_sequences_apart(real_data: pathlib.Path) -> None:
    found = kit.findings(
        real_data / "camvid_24",
        classes=CAMVID,
        source=ImageMaskFolders(
            "{split}", "{split}annot", values=CAMVID_VALUES, group=r"/(?P<group>[^_]+)_"
        ),
        splits=FromFolders(train="train", val="val", test="test"),
    )
    assert kit.said(found) == [("SD403", "group '0001TP'"), ("SD403", "group '0016E5'")]


def test_steel_surfaces_hold_the_same_pictures_with_other_masks(real_data: pathlib.Path) -> None:
    found = kit.findings(
        real_data / "neu_seg",
        classes=ClassTable("background", "inclusion", "patches", "scratches"),
        source=ImageMaskFolders("images", "annotations"),
        splits=FromFolders(train="training", test="test"),
    )
    twins = [f for f in found if f.code == "SD402"]
    assert Counter(f.where.split("/")[1] for f in twins) == {"training": 3, "test": 1}


def test_steel_surfaces_are_tested_on_turned_training_pictures(real_data: pathlib.Path) -> None:
    found = kit.findings(
        real_data / "neu_seg",
        classes=ClassTable("background", "inclusion", "patches", "scratches"),
        source=ImageMaskFolders("images", "annotations"),
        splits=FromFolders(train="training", test="test"),
    )
    counts = Counter(f.code for f in found)
    assert counts["SD410"] > 700  # clusters; the masks of each were turned with it
    assert not {"SD411", "SD412"} & counts.keys()


def test_cityscapes_ids_and_train_ids_are_found_by_their_names(real_data: pathlib.Path) -> None:
    for ids, count in (("labelIds", 34), ("labelTrainIds", 19)):
        source = ImageMaskFolders(
            "leftImg8bit",
            "gtFine",
            image_name="{stem}_leftImg8bit",
            mask_name=f"{{stem}}_gtFine_{ids}",
        )
        found = kit.findings(
            real_data / "cityscapes_layout",
            classes=ClassTable(*(f"class {i}" for i in range(count))),
            source=source,
            splits=Grouped(all=1),
        )
        assert Counter(f.code for f in found)["SD006"] == 2
        assert {f.code for f in found} == {"SD006", "SD301"}


def test_roads_are_refused_as_they_stand_and_told_why(real_data: pathlib.Path) -> None:
    values = {0: "background", 1: "road", 255: "road"}
    found = kit.findings(
        real_data / "epfl_roads",
        classes=ROADS,
        source=ImageMaskFolders("images", "groundtruth", values=values),
        splits=Grouped(train=80, test=20),
    )
    assert Counter(f.code for f in found) == {"SD201": 100, "SD202": 100}
    assert all("237 (" in f.message for f in found if f.code == "SD201")
    assert all("`Threshold`" in f.fix for f in found)


def test_roads_are_taken_with_a_stated_threshold(real_data: pathlib.Path) -> None:
    found = kit.findings(
        real_data / "epfl_roads",
        classes=ROADS,
        source=ImageMaskFolders(
            "images", "groundtruth", values=Threshold(at=128, below="background", above="road")
        ),
        splits=Grouped(train=80, test=20),
    )
    assert found == []


@pytest.mark.parametrize(
    "values",
    [
        {"#000000": "background", "#ffffff": "mass"},
        {0: "background", 255: "mass"},
        Threshold(at=128, below="background", above="mass"),
    ],
    ids=["colours", "greys", "threshold"],
)
def test_mammograms_with_stray_colours_are_refused(real_data: pathlib.Path, values: dict) -> None:
    found = kit.findings(
        real_data / "mammograms",
        classes=ClassTable("background", "mass"),
        source=ImageMaskFolders(values=values),
        splits=Grouped(all=1),
    )
    errors = [f for f in found if f.severity is Severity.ERROR]
    assert {f.code for f in errors} <= {"SD201", "SD202", "SD205"}
    assert len({f.where for f in errors}) == (4 if isinstance(values, Threshold) else 24)


def test_mammogram_whose_mask_was_warped_another_way_is_found(real_data: pathlib.Path) -> None:
    found = kit.findings(
        real_data / "mammograms",
        classes=ClassTable("background", "mass"),
        source=ImageMaskFolders(values=Threshold(at=128, below="background", above="mass")),
        splits=Grouped(all=1),
    )
    shifted = [f.where for f in found if f.code == "SD311"]
    assert shifted == ["masks/distorted_0.02_rsigma0.5_sigma40_5.png"]


def test_png_masks_named_jpg_are_read_by_their_bytes(real_data: pathlib.Path) -> None:
    folder = Folder(real_data / "cvat_urban")
    source = ImageMaskFolders("images/raw", "images/masks", mask_name="{stem}_mask")
    samples = source.scan(folder).samples
    assert len(samples) == 2
    facts = look_at(
        samples[0], folder=folder, table=ClassTable("any").raw_table({"#000000": "any"})
    )
    assert (facts.image.format, facts.mask.format) == ("JPEG", "PNG")


def test_satellite_pictures_of_train_that_are_in_val_are_found(real_data: pathlib.Path) -> None:
    found = by_guess(real_data / "via_satellite").examined.findings
    bare = {f.where: f.message for f in found if f.code == "SD512"}
    assert bare == {
        f"val/{name}": f"has no annotation; it is the same file as train/{name}, which has"
        for name in ("data1.jpg", "data2.jpg")
    }
    taken = Corrections(options={"unannotated": "true"})
    found = by_guess(real_data / "via_satellite", taken).examined.findings
    leaks = [f.where for f in found if f.code == "SD404"]
    assert leaks == ["train/data1.jpg", "train/data2.jpg"]


def test_a_label_with_a_line_break_and_an_option_without_a_name_are_found(
    real_data: pathlib.Path,
) -> None:
    found = by_guess(real_data / "via_satellite").examined.findings
    said = {f.code: (f.where, f.message) for f in found if f.code in ("SD502", "SD503")}
    assert said["SD503"] == (
        "train/via_region_data.json: data1.jpg: region 0",
        r"has the label 'bina\n', with blanks or line breaks too many",
    )
    assert said["SD502"][0].endswith("region 0: an option of 'image_quality'")


@pytest.mark.parametrize(
    ("name", "given", "kind", "samples"),
    [
        ("cvat_urban", {"source": "cvat"}, "Cvat", 2),
        ("labelme", {"source": "labelme"}, "LabelMe", 6),
        ("labelme", {}, "ImageMaskFolders", 6),
        ("coco_panoptic", {}, "CocoPanoptic", 20),
        ("coco_panoptic", {"source": "coco"}, "Coco", 10),
    ],
)
def test_of_masks_and_several_exports_one_is_chosen(
    real_data: pathlib.Path, name: str, given: dict, kind: str, samples: int
) -> None:
    found = by_guess(real_data / name, Corrections(**given))
    assert type(found.examined.declaration.source).__name__ == kind
    assert len(found.examined.subject.facts) == samples
    asked = any("--source" in question.answer for question in found.questions)
    assert asked == (not given)
