"""Exports of annotation tools are declared as a person would, from where their files lie."""

import contextlib
import json
import pathlib
import re
from collections.abc import Callable
from typing import Any

import pytest

import mutants
from annotated_layouts import PUBLISHED, Exported, objects, via
from layouts import Drawing
from seg_datasets.core import dummy_writers as writers
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.detection.corrections import Corrections
from seg_datasets.core.detection.guess import Guess, GuessError, guess
from seg_datasets.core.detection.inspection import by_guess
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import (
    Coco,
    Folder,
    ImageMaskFolders,
    LabelMe,
    LabelStudio,
    LayoutError,
    detect,
    options,
    spelling,
)


@pytest.mark.parametrize(
    ("draw", "expected", "splits"),
    [(draw, *expected) for draw, expected in PUBLISHED.items()],
    ids=[draw.__name__ for draw in PUBLISHED],
)
def test_an_export_is_declared_as_a_person_would(
    draw: Callable, expected: Any, splits: dict[str, str], tmp_path: pathlib.Path
) -> None:
    draw(Exported(tmp_path))
    found = detect(tmp_path)
    assert found.source == expected
    assert {**found.split_folders, **found.split_files} == splits
    assert {remark.fault for remark in found.scan.remarks} <= {Fault.WEAK}
    declared = guess(Folder(tmp_path)).declaration
    names = declared.classes.names
    assert names[-2:] == (("background", "object") if draw is objects else ("road", "roof"))


def look(root: pathlib.Path, *labels: str, **given: Any) -> Guess:
    """The guess at an export with a shape of each label."""
    d = Exported(root)
    name, width, height, _ = d.image("1.jpg")
    shapes = [(label, 8 * n, 2, 8 * n + 6, 20) for n, label in enumerate(labels)]
    d.file("1.json", [(name, width, height, shapes)], writers.write_labelme)
    return guess(Folder(root), Corrections(**given))


def test_classes_are_sorted_behind_the_ground(tmp_path: pathlib.Path) -> None:
    found = look(tmp_path, "tree", "car").declaration
    assert found.classes.names == ("background", "car", "tree")
    assert found.source.labels is None


def test_names_of_a_file_beside_keep_their_order(tmp_path: pathlib.Path) -> None:
    Exported(tmp_path).text("labels.txt", "__ignore__\n_background_\ntree\nbus\ncar\n")
    for labels in (("tree", "_background_", "car"), ("tree", "car")):
        found = look(tmp_path, *labels).declaration
        assert found.classes.names == ("_background_", "tree", "bus", "car")
        assert found.source.labels is None


def test_labels_of_no_class_are_void(tmp_path: pathlib.Path) -> None:
    found = look(tmp_path, "ignore", "car").declaration
    assert found.source.labels == {"car": "car", "ignore": "void"}
    assert found.classes.names == ("background", "car")
    assert (
        look(tmp_path, "__ignore__", "car").declaration.source.labels is None
    )  # as LabelMe has it
    doubtful = look(tmp_path, "unknown", "car")
    assert any(q.answer == "--labels=unknown=void" for q in doubtful.questions)


def test_spellings_of_one_label_are_one_class_and_findings(tmp_path: pathlib.Path) -> None:
    look(tmp_path, "stop sign", "stop\nsign", " Stop sign", "road\n")
    found = by_guess(tmp_path).examined
    assert found.declaration.classes.names == ("background", "road", "stop sign")
    codes = sorted(f.code for f in found.findings if f.code.startswith("SD50"))
    assert codes == ["SD503", "SD503", "SD504"]


def test_what_labels_mean_and_the_ground_can_be_stated(tmp_path: pathlib.Path) -> None:
    given = {"labels": {"bus": "vehicle", "car": "vehicle"}, "ground": "void"}
    found = look(tmp_path, "bus", "car", "tree", **given).declaration
    assert found.source.labels == {"bus": "vehicle", "car": "vehicle", "tree": "tree"}
    assert (found.classes.names, found.source.ground) == (("vehicle", "tree"), "void")
    ordered = look(tmp_path, "bus", "car", classes=("car", "background", "bus")).declaration
    assert (ordered.classes.names, ordered.source.ground) == (
        ("car", "background", "bus"),
        "background",
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"labels": {"ship": "boat"}}, "--labels names ship"),
        ({"classes": ("background",)}, "--classes leaves out bus"),
        ({"options": {"width": "3"}}, "LabelMe has no such option, but unannotated, annotations"),
        ({"options": {"line_width": "wide"}}, "--option=line_width=wide: write a number"),
        ({"source": "cvat"}, "--source=cvat: no file"),
        ({"source": "photoshop"}, "there is no such source"),
        ({"values": {0: "a"}, "labels": {"a": "b"}}, "the one or the other"),
    ],
)
def test_corrections_that_do_not_fit_an_export_are_told(
    given: dict, told: str, tmp_path: pathlib.Path
) -> None:
    with pytest.raises((DeclarationError, GuessError), match=re.escape(told)):
        look(tmp_path, "bus", **given)


def test_lines_are_asked_about_with_the_flag_that_answers(tmp_path: pathlib.Path) -> None:
    d = Exported(tmp_path)
    d.file("a.xml", [d.image("a.png")], writers.write_cvat)
    text = (tmp_path / "a.xml").read_text(encoding="utf-8")
    line = '<polyline label="road" points="1,1;9,9" z_order="0"></polyline>'
    d.text("a.xml", text.replace("</image>", f"{line}</image>"))
    found = guess(Folder(tmp_path))
    asked = [q for q in found.questions if q.blocking]
    assert [q.answer for q in asked] == ["--option=line_width=0"]
    assert found.declaration.source.line_width == 0
    told = guess(Folder(tmp_path), Corrections(options={"line_width": "3"}))
    assert told.declaration.source.line_width == 3
    assert not any(q.blocking for q in told.questions)


@pytest.mark.parametrize("annotator", ["ann@example.com", "3"])
def test_an_annotator_is_a_number_or_an_address(annotator: str) -> None:
    source = options.with_options(LabelStudio(), {"annotator": annotator})
    assert source.annotator == annotator


def test_attributes_that_tell_different_things_are_asked_about(tmp_path: pathlib.Path) -> None:
    region = {"name": "rect", "x": 1, "y": 1, "width": 9, "height": 9}
    told = [{"kind": "road", "class": "a", "": "x"}, {"kind": "roof", "class": "a"}]
    regions = [{"shape_attributes": region, "region_attributes": one} for one in told]
    d = Exported(tmp_path)
    d.image("a.png")
    d.text("via.json", json.dumps({"a": {"filename": "a.png", "regions": regions}}))
    found = guess(Folder(tmp_path))
    assert [q.answer for q in found.questions if q.blocking] == ["--option=attribute=class"]
    kinds = guess(Folder(tmp_path), Corrections(options={"attribute": "kind"}))
    assert kinds.declaration.classes.names == ("background", "road", "roof")


def test_a_long_file_is_told_by_its_ends(tmp_path: pathlib.Path) -> None:
    d = Exported(tmp_path)
    pictures = [d.image(f"images/{n}.png") for n in range(3)]
    d.file("coco.json", pictures, writers.write_coco)
    fields = json.loads((tmp_path / "coco.json").read_text(encoding="utf-8"))
    more = [{**fields["images"][0], "licence": "x" * 99_000, "id": 9, "file_name": "9.png"}]
    boxes = [{**one, "rest": "y" * 9_000} for one in fields["annotations"]] * 9
    long = {"images": fields["images"] + more, "annotations": boxes}
    d.text("coco.json", json.dumps({**long, "categories": fields["categories"]}))
    assert detect(tmp_path).source == Coco(annotations="coco.json", images="images")
    d.file("1.json", pictures[:1], writers.write_labelme)
    fields = json.loads((tmp_path / "1.json").read_text(encoding="utf-8"))
    fields["shapes"] *= 900
    d.text("1.json", json.dumps({**fields, "imageData": "z" * 99_000}))
    assert isinstance(detect(tmp_path, source="labelme").source, LabelMe)


def test_coco_of_v7_is_filled_as_v7_does(tmp_path: pathlib.Path) -> None:
    d = Exported(tmp_path)
    d.file("coco.json", [d.image("images/a.png")], writers.write_coco)
    text = (tmp_path / "coco.json").read_text(encoding="utf-8")
    d.text("coco.json", '{"info": {"description": "Exported from Darwin"}, ' + text[1:])
    assert (found := detect(tmp_path).source).fill == "v7"
    assert found.crowd == ""


def test_masks_of_as_many_images_are_taken_before_annotations(tmp_path: pathlib.Path) -> None:
    d, m = Exported(tmp_path), Drawing(tmp_path)
    for number in range(4):
        m.mask(f"masks/{number}.png")
        picture = d.image(f"images/{number}.jpg")
        d.file(f"annotations/{number}.json", [picture], writers.write_labelme)
    found = detect(tmp_path)
    assert isinstance(found.source, ImageMaskFolders)
    assert any("--source=labelme" in question.answer for question in found.questions)
    assert detect(tmp_path, source="labelme").source == LabelMe(
        annotations="annotations/*.json", images="images"
    )
    d.file("annotations/5.json", [d.image("images/5.jpg")], writers.write_labelme)
    more = detect(tmp_path)
    assert isinstance(more.source, LabelMe)
    assert any("--source=masks" in question.answer for question in more.questions)


def test_folders_in_which_nothing_is_annotated_are_left_out_and_told(
    tmp_path: pathlib.Path,
) -> None:
    via(d := Exported(tmp_path))
    d.image("preview/small/a.jpg")
    d.image("train/forgotten.jpg")
    found = detect(tmp_path)
    assert found.source.ignore == ("preview/*",)
    assert "pictures that are not read: preview/ (1)" in found.saw
    assert [r.where for r in found.scan.remarks] == ["train/forgotten.jpg"]
    assert any("unannotated=true" in question.answer for question in found.questions)


@pytest.mark.parametrize("draw", PUBLISHED, ids=lambda draw: draw.__name__)
def test_broken_exports_are_refused_or_read(draw: Callable, tmp_path: pathlib.Path) -> None:
    draw(Exported(tmp_path))
    kinds = (".json", ".xml", ".csv", ".ndjson", ".txt", "0.png")
    path = max(p for p in tmp_path.rglob("*") if p.name.endswith(kinds))

    def read(content: bytes) -> None:
        mutants.put(path, content)
        with contextlib.suppress(LayoutError):
            detect(tmp_path)

    mutants.try_all(path.read_bytes(), read, count=40)


@pytest.mark.parametrize(
    ("files", "others", "pattern"),
    [
        (["a.json"], [], "a.json"),
        (["a/x.json", "b/x.json"], ["a/y.json"], "*/x.json"),
        (["a/1.json", "a/2.json"], ["meta.json"], "a/*.json"),
        (["ann/i_train.json", "ann/i_val.json"], ["ann/c_val.json"], "ann/i_*.json"),
        (["1.json", "sub/2.json"], [], "*.json"),
        (["a[1]/x.json"], [], "a[[]1]/x.json"),
    ],
)
def test_one_pattern_is_found_for_files(files: list, others: list, pattern: str) -> None:
    assert spelling.pattern(files, [*files, *others]) == pattern
