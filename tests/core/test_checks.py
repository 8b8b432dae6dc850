"""Each check: a clean folder is silent, and one defect put in is exactly what comes out."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

import defects
import kit
import misreadings
from kit import CLASSES, Raw, said
from seg_datasets.core import checks
from seg_datasets.core.classes import ClassTable, DeclarationError, Threshold
from seg_datasets.core.sources import CsvGroups
from seg_datasets.core.splits import FromFolders, FromLists, Grouped

TESTED = "a_1"
SOURCE = kit.DECLARATION.source

SPREAD = dataclasses.replace(SOURCE, values={0: "ground", 100: "roof", 200: "road"})
COLOURS = dataclasses.replace(
    SOURCE, values={"#000000": "ground", "#010101": "roof", "#020202": "road"}
)
NO_VOID = dataclasses.replace(SOURCE, values={0: "ground", 1: "roof", 2: "road"})
CUT = dataclasses.replace(SOURCE, values=Threshold(at=100, below="ground", above="roof"))


@pytest.fixture
def raw(tmp_path: pathlib.Path) -> Raw:
    return kit.draw(tmp_path / "raw")


# Code, defect, what else is declared. These can all be put into one folder.
PLANTED: list[tuple[str, defects.Plant]] = [
    ("SD001", defects.image_without_mask),
    ("SD002", defects.mask_without_image),
    ("SD003", defects.image_in_two_formats),
    ("SD003", defects.names_that_differ_in_case),
    ("SD003", defects.names_that_differ_in_unicode_form),
    ("SD004", defects.truncated_jpeg),
    ("SD004", defects.jpeg_with_zeros_for_its_end),
    ("SD004", defects.jpeg_with_a_damaged_head),
    ("SD004", defects.truncated_png),
    ("SD004", defects.png_mask_without_its_end),
    ("SD004", defects.png_mask_with_a_flipped_bit),
    ("SD004", defects.text_named_png),
    ("SD004", defects.empty_file),
    ("SD004", defects.broken_link),
    ("SD004", defects.decompression_bomb),
    ("SD004", defects.animated_gif),
    ("SD004", defects.bmp_that_pillow_misreads),
    ("SD005", defects.jpeg_named_png),
    ("SD005", defects.png_named_jpg),
    ("SD006", defects.foreign_file),
    ("SD007", defects.link_out_of_the_folder),
    ("SD010", defects.name_in_latin_1),
    ("SD011", misreadings.empty_folder),
    ("SD101", defects.mask_of_another_size),
    ("SD102", defects.oriented("jpg", width=24, height=24)),
    ("SD102", defects.oriented("jpg", width=32, height=24)),
    ("SD102", defects.oriented("tif", width=32, height=24)),
    ("SD102", defects.oriented("png", width=24, height=24)),
    ("SD102", defects.oriented_mask),
    ("SD103", defects.image_of_16_bits),
    ("SD103", defects.image_with_a_hole),
    ("SD103", defects.image_as("CMYK", "jpg")),
    ("SD103", defects.image_as("RGB", transparency=(1, 2, 3))),
    ("SD104", defects.image_as("L")),
    ("SD105", defects.oriented_image_with_upright_mask),
    ("SD108", misreadings.mask_beside_its_image_on_the_ground),
    ("SD108", misreadings.mask_in_another_coordinate_system),
    ("SD109", misreadings.nodata_under_a_class),
    ("SD201", defects.unknown_value),
    ("SD203", defects.jpeg_mask),
    ("SD205", defects.mask_as("F", "tif")),
    ("SD205", defects.mask_as("CMYK", "tif")),
    ("SD205", defects.mask_as("L", "tif", compression="jpeg")),
    ("SD205", defects.mask_as("RGB", "webp", quality=50)),
    ("SD205", defects.coloured_mask),
    ("SD205", defects.mask_with_a_hole),
    ("SD205", defects.mask_of_three_times_16_bits),
    ("SD205", defects.gif_mask_with_a_palette),
    ("SD205", defects.grey_mask_made_small),
    ("SD207", defects.mask_made_one_bit),
    ("SD208", defects.void_in_place_of_a_class),
    ("SD209", defects.ids_resized_bilinearly),
    ("SD212", misreadings.ids_counted_from_one),
    ("SD214", misreadings.half_transparent_mask),
    ("SD216", misreadings.ids_plus_256),
    ("SD216", misreadings.bytes_in_the_wrong_order),
    ("SD216", misreadings.minus_one_in_16_bits),
    ("SD217", misreadings.ids_spread_to_be_seen),
    ("SD217", misreadings.ids_times_ten),
    ("SD219", misreadings.image_in_place_of_the_mask),
    ("SD219", misreadings.image_and_mask_in_each_others_place),
    ("SD302", defects.void_mask),
    ("SD303", defects.constant_image),
    ("SD304", misreadings.blank_image),
    ("SD309", misreadings.mask_full_of_specks),
    ("SD310", misreadings.mask_mostly_void),
    ("SD314", misreadings.mask_of_another_image),
    ("SD401", defects.same_picture_and_mask),
    ("SD402", defects.same_picture_other_mask),
]

# These need a declaration of their own.
DECLARED: list[tuple[str, defects.Plant, dict[str, Any]]] = [
    ("SD201", defects.unknown_value, {"source": COLOURS}),
    ("SD202", defects.anti_aliased_mask, {"source": SPREAD}),
    ("SD202", defects.mask_resized_bilinearly, {"source": SPREAD}),
    ("SD203", defects.jpeg_mask, {"source": SPREAD}),
    ("SD204", defects.black_and_white_mask, {"source": NO_VOID}),
    ("SD205", defects.mask_as("F", "tif"), {"source": COLOURS}),
    ("SD205", defects.mask_with_a_hole, {"source": COLOURS}),
    ("SD214", misreadings.half_transparent_mask, {"source": COLOURS}),
    ("SD218", misreadings.mask_of_ids, {"source": SPREAD}),
    ("SD219", misreadings.image_in_place_of_the_mask, {"source": COLOURS}),
]


def _name(value: object) -> str:
    if not callable(value):
        return str(value) if isinstance(value, str) else ""
    return value.__qualname__.partition(".")[0]


def test_clean_folder_is_silent(raw: Raw) -> None:
    assert kit.findings(raw.root) == []


@pytest.mark.parametrize("source", [SPREAD, COLOURS, NO_VOID], ids=["spread", "colours", "no void"])
def test_clean_folder_is_silent_under_any_table(tmp_path: pathlib.Path, source: Any) -> None:
    raw = kit.draw(tmp_path, scale=100 if source is SPREAD else 1)
    assert kit.findings(raw.root, source=source) == []


@pytest.mark.parametrize(("code", "plant"), PLANTED, ids=_name)
def test_one_defect_is_the_one_finding(raw: Raw, code: str, plant: defects.Plant) -> None:
    where = plant(raw, TESTED)
    found = kit.findings(raw.root)
    assert said(found) == [(code, where)]
    assert found[0].message
    assert found[0].fix


@pytest.mark.parametrize(("code", "plant", "declared"), DECLARED, ids=_name)
def test_one_defect_is_the_one_finding_under_another_declaration(
    tmp_path: pathlib.Path, code: str, plant: defects.Plant, declared: dict[str, Any]
) -> None:
    raw = kit.draw(tmp_path, scale=100 if declared.get("source") is SPREAD else 1)
    where = plant(raw, TESTED)
    assert said(kit.findings(raw.root, **declared)) == [(code, where)]


def test_all_defects_in_one_folder_are_all_found_in_one_run(raw: Raw) -> None:
    planted = {(code, plant(raw, f"a_x{i:02}")) for i, (code, plant) in enumerate(PLANTED)}
    found = kit.findings(raw.root)
    errors = {f.code for f in found if f.severity is checks.Severity.ERROR}
    # One mask in another mode is remarked on once for each mode, with the first file.
    assert {pair for pair in planted if pair[0] != "SD104"} <= {*said(found)}
    assert errors == {code for code, _ in planted if _severity(code) is checks.Severity.ERROR}
    refused = str(checks.RefusedError(found, raw.root))
    assert all(code in refused for code in errors)


def _severity(code: str) -> checks.Severity:
    return next(check.severity for check in checks.CHECKS if check.code == code)


def test_nothing_found_says_so(tmp_path: pathlib.Path) -> None:
    assert said(kit.findings(tmp_path)) == [("SD008", "raw folder")]


def test_name_in_a_list_that_no_sample_has(raw: Raw) -> None:
    raw.write("train.txt", b"a_0\na_1\nb_0\nb_1\nc_0\nc_1\nmissing\n")
    raw.write("test.txt", b"d_0\nd_1\n")
    found = kit.findings(raw.root, splits=FromLists(train="train.txt", test="test.txt"))
    assert said(found) == [("SD009", "train.txt: missing")]


def test_group_in_two_splits_by_lists(raw: Raw) -> None:
    raw.write("train.txt", b"a_0\na_1\nb_0\nb_1\nc_0\n")
    raw.write("test.txt", b"d_0\nd_1\nc_1\n")
    found = kit.findings(raw.root, splits=FromLists(train="train.txt", test="test.txt"))
    assert said(found) == [("SD403", "group 'c'")]
    assert "1 in test, 1 in train" in found[0].message


def test_group_in_two_splits_by_folders(tmp_path: pathlib.Path) -> None:
    raw = Raw(tmp_path, np.random.default_rng(0))
    for name in ("train/a_0", "train/b_0", "test/c_0", "test/b_1"):
        raw.put(name)
    source = dataclasses.replace(SOURCE, group=r"/(?P<group>[^_]+)_")
    found = kit.findings(tmp_path, source=source, splits=FromFolders(train="train", test="test"))
    assert said(found) == [("SD403", "group 'b'")]


def test_equal_pictures_in_two_splits(raw: Raw) -> None:
    image, mask = "images/d_0.png", "masks/d_0.png"
    raw.write(image, raw.read("images/a_0.png"))
    raw.write(mask, raw.read("masks/a_0.png"))
    assert said(kit.findings(raw.root)) == [("SD404", "images/a_0.png")]


def test_equal_pictures_are_found_whatever_their_format(raw: Raw) -> None:
    picture, ids = raw.picture(), raw.labels()
    raw.put("a_0", image=picture, mask=ids, image_as="bmp")
    raw.put("a_1", image=picture, mask=ids, image_as="tif")
    assert said(kit.findings(raw.root)) == [("SD401", "images/a_0.bmp")]


def test_sample_without_group(raw: Raw) -> None:
    raw.put("lonely")
    found = kit.findings(raw.root, splits=Grouped(all=1))
    assert said(found) == [("SD405", "lonely")]


def test_mask_of_ids_among_masks_of_greys(raw: Raw) -> None:
    values = Threshold(at=128, below="ground", above="roof")
    classes = ClassTable("ground", "roof")
    for path in sorted(raw.root.glob("masks/*")):
        ids = (np.asarray(Image.open(path)) > 0).astype(np.uint8)
        raw.write(f"masks/{path.name}", kit.encoded(ids * 255, "png"))
    source = dataclasses.replace(SOURCE, values=values)
    assert kit.findings(raw.root, source=source, classes=classes) == []
    ids = np.asarray(Image.open(raw.root / "masks/a_0.png")) // 255
    raw.write("masks/a_0.png", kit.encoded(ids, "png"))
    found = kit.findings(raw.root, source=source, classes=classes)
    assert said(found) == [("SD211", "masks/a_0.png")]


def test_group_that_is_spelt_twice(raw: Raw) -> None:
    raw.put("A_7")
    found = kit.findings(raw.root, splits=Grouped(all=1))
    assert said(found) == [("SD408", "group 'A'")]
    assert "'a'" in found[0].message


@pytest.mark.parametrize(
    ("splits", "says"),
    [
        (Grouped(train=1, val=1, test=1, x=1, y=1), "would stay empty"),
        (Grouped(train=1, test=1, pin={"test": ["z"]}), "no sample has"),
        (FromLists(train="nowhere.txt"), "cannot be read"),
        (FromLists(train="train.txt"), "1 sample is in no list: d_1"),
        (FromLists(train="train.txt", test="train.txt"), "in the lists of train and test"),
        (FromLists(train="train.txt", rest="rest.txt", test="none.txt"), "no sample is in test"),
        (FromFolders(train="train"), "samples are in ./ (8)"),
    ],
)
def test_splits_that_cannot_be(raw: Raw, splits: Any, says: str) -> None:
    raw.write("train.txt", "\n".join(f"{g}_{i}" for g in "abcd" for i in (0, 1)).encode()[:-4])
    raw.write("rest.txt", b"d_1")
    raw.write("none.txt", b"\n\n")
    found = kit.findings(raw.root, splits=splits)
    assert said(found) == [("SD406", "SPLITS")]
    assert says in found[0].message


def test_share_that_is_far_from_what_was_asked(raw: Raw) -> None:
    splits = Grouped(train=75, test=25, pin={"train": ["a"], "test": ["b", "c", "d"]})
    found = kit.findings(raw.root, splits=splits)
    assert said(found) == [("SD407", "split 'test'"), ("SD407", "split 'train'")]


def test_class_that_never_occurs(raw: Raw) -> None:
    found = kit.findings(raw.root, classes=ClassTable(*CLASSES.names, "river"))
    assert said(found) == [("SD301", "class 'river'")]


def test_set_of_black_and_white_masks_where_255_is_void(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    for path in sorted(tmp_path.glob("masks/*")):
        defects.black_and_white_mask(raw, path.stem)
    found = kit.findings(tmp_path)
    assert said(found) == [("SD206", "all masks")]
    assert "255: 'the class'" in found[0].fix


def test_threshold_takes_jpeg_and_grey_edges_as_declared(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path, scale=100)
    defects.jpeg_mask(raw, "a_0")
    defects.anti_aliased_mask(raw, "a_1")
    assert kit.findings(tmp_path, source=CUT, classes=ClassTable("ground", "roof")) == []


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (Image.fromarray(np.eye(24, 32) > 0), "1 bit"),
        (kit.palette_mask(np.eye(24, 32).astype(np.uint8), [0, 255]), "palette"),
    ],
    ids=["1-bit", "palette"],
)
def test_threshold_that_would_put_all_of_a_mask_below_is_refused(
    tmp_path: pathlib.Path, mask: Any, says: str
) -> None:
    raw = kit.draw(tmp_path, scale=100)
    raw.put("a_0", mask=mask)
    found = kit.findings(tmp_path, source=CUT, classes=ClassTable("ground", "roof"))
    assert said(found) == [("SD205", "masks/a_0.png")]
    assert says in found[0].message


def test_masks_in_other_modes_are_remarked_on(tmp_path: pathlib.Path) -> None:
    raw = kit.draw(tmp_path)
    ids = raw.labels()
    raw.put("a_0", mask=ids.astype(np.uint16))
    raw.put("a_1", mask=np.stack([raw.labels()] * 3, axis=-1))
    expected = [("SD104", "masks/a_0.png"), ("SD104", "masks/a_1.png")]
    assert said(kit.findings(tmp_path)) == expected


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_stated_side_of_the_turn_settles_oriented_images(
    raw: Raw, follow: bool, orientation: int
) -> None:
    stored = raw.picture(24, 24)
    raw.put("a_0", image=kit.encoded(stored, "jpg", exif=kit.exif(orientation)), image_as="jpg",
            mask=raw.labels(24, 24))  # fmt: skip
    source = dataclasses.replace(SOURCE, masks_follow_exif=follow)
    assert said(kit.findings(raw.root, source=source)) == [("SD105", "images/a_0.jpg")]


def test_photo_with_a_preview_behind_it_is_one_picture(raw: Raw) -> None:
    photo = kit.encoded(raw.picture(), "mpo", save_all=True, append_images=[raw.picture()])
    raw.put("a_0", image=photo, image_as="jpg")
    assert kit.findings(raw.root) == []


def test_link_that_is_ignored_may_leave_the_folder(raw: Raw) -> None:
    defects.link_out_of_the_folder(raw, "a_0")
    source = dataclasses.replace(SOURCE, ignore=["*_link.*"])
    assert kit.findings(raw.root, source=source) == []


def test_groups_that_cannot_be_read_are_a_mistake_of_the_declaration(raw: Raw) -> None:
    source = dataclasses.replace(SOURCE, group=CsvGroups("groups.csv"))
    with pytest.raises(DeclarationError, match=r"groups\.csv"):
        kit.findings(raw.root, source=source)
