"""`python -m seg_datasets.check`: what it prints, writes and returns, on drawn and on real sets."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from seg_datasets import check
from seg_datasets.core.detection.corrections import Corrections, parse_classes, parse_values


def said(capsys: pytest.CaptureFixture[str], raw: pathlib.Path, **options: object) -> tuple:
    """Exit status, what was printed, and what was printed as an error."""
    status = check.check(str(raw), **options)
    printed = capsys.readouterr()
    errors = [line for line in printed.err.splitlines() if "samples/s" not in line]
    return status, printed.out, "\n".join(errors)


def test_a_clean_folder_is_clean_without_any_declaration(raw, capsys):
    status, out, _ = said(capsys, raw)
    assert status == 0
    assert "20 pairs: images images/{stem}, masks masks/{stem}" in out
    assert "2 grey values" in out
    assert "CLEAN: 20 samples, 0 errors" in out


def test_names_that_are_given_leave_no_question_to_answer(raw, capsys):
    given = Corrections(classes=("background", "building"), group="^(?P<group>[a-z]+)")
    status, out, _ = said(capsys, raw, given=given)
    assert status == 0
    assert "classes: 0 background, 1 building" in out
    assert "Open questions" not in out


def test_a_defect_is_an_error_with_its_code(raw, capsys):
    path = sorted((raw / "masks").iterdir())[3]
    mask = np.asarray(Image.open(path)).copy()
    mask[5, 5] = 77
    Image.fromarray(mask).save(path)
    status, out, _ = said(capsys, raw)
    assert status == 1
    assert f"masks/{path.name}: holds 77 (1 px), which no class has" in out
    assert "NOT CLEAN: 1 error" in out


def test_ids_that_only_few_masks_hold_are_no_findings(raw, capsys, monkeypatch):
    monkeypatch.setattr("seg_datasets.core.detection.encoding.LOOKED_AT", 4)
    for path in sorted((raw / "masks").iterdir())[1:3]:
        mask = np.asarray(Image.open(path)).copy()
        mask[:9, :9] = 2
        Image.fromarray(mask).save(path)
    status, out, _ = said(capsys, raw)
    assert status == 0
    assert "classes: 0 class_0, 1 class_1, 2 class_2" in out


def test_a_value_in_few_masks_is_named_with_the_first_of_them(raw, capsys):
    path = sorted((raw / "masks").iterdir())[3]
    mask = np.asarray(Image.open(path)).copy()
    mask[:20, :20] = 77
    Image.fromarray(mask).save(path)
    status, out, _ = said(capsys, raw)
    assert status == 0
    assert f"in 1 of 20 masks: {path.stem})" in out


def test_both_ways_to_a_build_are_offered_where_there_are_no_errors(raw, tmp_path, capsys):
    _, out, _ = said(capsys, raw, report_file=str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for command in ("seg_datasets.new NAME --from=", "tfds build seg_datasets/seg_folder"):
        assert command in out
        assert command in page
    assert "python -m seg_datasets.verify NAME" in page
    next((raw / "masks").iterdir()).unlink()
    assert "To build it" not in said(capsys, raw)[1]


def test_nothing_of_tensorflow_is_imported(raw):
    code = "import sys, seg_datasets.check as c; c.check(sys.argv[1]); "
    code += "sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(raw)], check=True, capture_output=True)


def test_the_verdict_names_what_is_left_to_look_at_and_to_answer(raw, capsys):
    for path in sorted((raw / "images").iterdir())[:1]:
        Image.new("RGB", (48, 48)).save(path)
    status, out, _ = said(capsys, raw)
    assert status == 0
    assert "NO ERRORS: 20 samples, 0 errors, 1 warning. Look at SD303 before you build" in out
    assert out.rstrip().endswith("1 question to answer before a build")


def test_a_name_does_not_break_its_line(raw, capsys):
    path = sorted((raw / "images").iterdir())[3]
    path.rename(path.with_name(f"a\x1b[31m\nCLEAN{path.suffix}"))
    status, out, _ = said(capsys, raw)
    assert status == 1
    assert "images/a\\x1b[31m\\nCLEAN" in out
    assert "\x1b" not in out


def test_a_dataset_folder_is_taken_at_its_word(raw, capsys):
    status, out, _ = said(capsys, raw, dataset="aerial")
    assert status == 0
    assert "as aerial declares it" in out
    assert "train" in out
    path = sorted((raw / "masks").iterdir())[3]
    Image.fromarray(np.full((48, 48), 2, np.uint8)).save(path)
    status, out, _ = said(capsys, raw, dataset="aerial")
    assert status == 1
    assert "SD201" in out


def test_json_says_what_is_printed(raw, tmp_path, capsys):
    file = tmp_path / "found.json"
    masks = sorted((raw / "masks").iterdir())
    masks[0].unlink()
    status, out, _ = said(capsys, raw, json_file=str(file))
    found = json.loads(file.read_text(encoding="utf-8"))
    assert status == 1
    assert (found["format"], found["clean"], found["errors"]) == (1, False, 1)
    assert found["layout"]["images"] == "images"
    assert found["values"] is None
    assert found["classes"] == ["class_0", "class_1"]
    assert found["samples"] == 19
    assert [q["about"] for q in found["questions"] if q["blocking"]] == ["classes"]
    assert [f["code"] for f in found["findings"] if f["severity"] == "error"] == ["SD001"]
    assert all(line in out for line in found["saw"])


def test_json_and_text_are_the_same_from_a_copy(raw, tmp_path, capsys):
    shutil.copytree(raw, tmp_path / "again" / "raw")
    found = []
    for folder in (raw, tmp_path / "again" / "raw"):
        said(capsys, folder, json_file=str(tmp_path / "found.json"))
        text = (tmp_path / "found.json").read_text(encoding="utf-8")
        found.append(text.replace(str(folder), "RAW"))
    assert found[0] == found[1]


def test_the_page_is_written(raw, tmp_path, capsys):
    page = tmp_path / "page.html"
    status, *_ = said(capsys, raw, report_file=str(page))
    assert status == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!")
    assert "What are the classes called?" in text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Corrections(classes=("a", "b", "c", "d")), "--classes names 4 classes"),
        (Corrections(images="elsewhere", masks="masks"), "has no such folder with files in it"),
    ],
)
def test_corrections_that_do_not_fit_are_refused(raw, capsys, given, told):
    if given.classes:
        for path in (raw / "masks").iterdir():
            Image.fromarray(np.asarray(Image.open(path)) * np.uint8(9)).save(path)
    status, out, err = said(capsys, raw, given=given)
    assert (status, out) == (2, "")
    assert told in err


def test_wrong_usage_is_told(raw, tmp_path, capsys):
    assert said(capsys, tmp_path / "nowhere")[0] == 2
    assert said(capsys, raw, dataset="nothing")[0] == 2
    status, _, err = said(capsys, raw, dataset="aerial", given=Corrections(threshold=9))
    assert status == 2
    assert "leave the other flags out" in err


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def broken(", "line 1: SyntaxError"),
        ("import seg_datasets\nseg_datasets.Limits(nonsense=1)", "line 2: TypeError"),
        (
            "import seg_datasets\nclass Builder(seg_datasets.SegmentationBuilder):\n"
            '    VERSION = "1.0.0"\n    CLASSES = seg_datasets.ClassTable("a", "b")\n',
            "declares no SOURCE and no SPLITS",
        ),
    ],
)
def test_a_dataset_folder_that_fails_is_wrong_usage_with_its_line(
    raw, tmp_path, capsys, code, told
):
    name = f"broken_{len(code)}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / f"{name}_dataset_builder.py").write_text(code)
    status, _, err = said(capsys, raw, dataset=str(tmp_path / name))
    assert status == 2
    assert told in err


def test_the_command_reads_its_flags(raw, tmp_path):
    found = tmp_path / "found.json"
    command = [sys.executable, "-m", "seg_datasets.check", raw, "--values=0=ground,1=roof"]
    done = subprocess.run(
        [*command, f"--json={found}", "--group=^[a-z]+", "--ignore=*.txt"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "classes: 0 ground, 1 roof" in done.stdout
    assert json.loads(found.read_text(encoding="utf-8"))["questions"] == []
    done = subprocess.run([*command, "--threshold=7"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "not both" in done.stderr


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0=background, 255=road", {0: "background", 255: "road"}),
        ("#FF0000=roof,#000000=void", {"#FF0000": "roof", "#000000": "void"}),
    ],
)
def test_values_are_read_as_they_are_written(text, values):
    assert parse_values(text) == values


@pytest.mark.parametrize("text", ["", "0", "0=", "=road", "x=road", "0=a,0=b", "0=a,#ff0000=b"])
def test_values_that_cannot_be_meant_are_refused(text):
    with pytest.raises(ValueError, match=r"--values|class|values"):
        parse_values(text)
    with pytest.raises(ValueError, match="class"):
        parse_classes("road,road")


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("epfl_roads", 1, ["with soft edges", "the foreground 237", "--threshold=119", "SD202"]),
        ("mammograms", 1, ["1240 colours", "#000000 (98.6%), #ffffff (1.3%)", "SD202"]),
        ("cvat_urban", 1, ["SD005", "is named .jpg, but its bytes are PNG", "CVAT (annotations"]),
        ("voc_layout", 0, ["splits: train 4, val 1", "CLEAN: 5 samples, 0 errors, 0 warnings"]),
        ("cityscapes_layout", 0, ["Cityscapes' own names", "0 road, 1 sidewalk", "NO ERRORS"]),
        ("via_satellite", 1, ["splits: train 3, val 3", "0 background, 1 bina, 2 tree", "SD503"]),
        ("coco_panoptic", 0, ["images in images/: COCO panoptic, 1 file", "--source=panoptic"]),
        ("labelme/semantic_segmentation/data_annotated", 0, ["LabelMe, 3 files (*.json)"]),
        ("dicom_seg", 1, ["DICOM-SEG, 1 file", "--option=threshold=0.5"]),
        ("geotiff_scenes", 1, ["GeoTIFF scenes that tell where they lie", "#008000=NAME"]),
        ("camvid_24", None, ["splits: train 8, val 8, test 8", "0016E5 (12)", "Look at SD412"]),
    ],
)
def test_real_sets_are_told_what_is_in_them(real_data, capsys, name, status, told):
    got, out, _ = said(capsys, real_data / name)
    assert status in (None, got)
    assert [text for text in told if text not in out] == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("v7_covid", "V7 Darwin (darwin/1676192.json and 65 more) annotates 66 images, none of"),
    ],
)
def test_annotations_that_are_not_read_are_named(real_data, capsys, name, told):
    status, _, err = said(capsys, real_data / name)
    assert status == 2
    assert told in err
