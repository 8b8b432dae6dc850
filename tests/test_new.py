"""`python -m seg_datasets.new`: a folder that builds, or says which question comes first."""

import importlib
import pathlib
import sys
import unittest

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

import builds
from annotated_layouts import PUBLISHED, Exported, via
from seg_datasets import new, registration
from seg_datasets.core import dummy_exports
from seg_datasets.core.detection.corrections import Corrections
from seg_datasets.core.sources import detect, tools
from seg_datasets.core.survey import OpenQuestionsError

MASKS = "test_masks_hold_class_ids_and_have_the_size_of_their_image"
GROUPS = "test_ids_are_unique_and_no_group_is_in_two_splits"


def made(name: str, raw: pathlib.Path, to: pathlib.Path, **given: object) -> pathlib.Path:
    assert new.make(name, str(raw), Corrections(**given), to=str(to)) == 0
    return to / name


def outcome(folder: pathlib.Path, *names: str) -> str:
    """What goes wrong in tests of the test that was written, or ""."""
    name = folder.name
    sys.path.insert(0, str(folder.parent))
    try:
        module = importlib.import_module(f"{name}.{name}_dataset_builder_test")
    finally:
        sys.path.remove(str(folder.parent))
    (case,) = (v for k, v in vars(module).items() if k.endswith("Test"))
    result = unittest.TestResult()
    unittest.TestSuite([case(one) for one in names]).run(result)
    assert result.testsRun == len(names)
    return "\n".join(text for _, text in result.errors + result.failures)


def test_a_folder_whose_classes_are_named_builds(raw, tmp_path):
    folder = made("new_named", raw, tmp_path, classes=("ground", "roof"), group="^[a-z]+")
    version = builds.build(raw, tmp_path / "data", cls=registration.builder_class(str(folder)))
    info = tfds.builder_from_directory(version).info
    assert info.metadata["classes"] == ["ground", "roof"]
    assert set(info.splits) == {"train", "validation", "test"}
    assert sum(split.num_examples for split in info.splits.values()) == 20


def test_a_folder_with_an_open_question_names_it_and_builds_once_it_is_answered(raw, tmp_path):
    folder = made("new_asking", raw, tmp_path)
    cls = registration.builder_class(str(folder))
    with pytest.raises(OpenQuestionsError, match=r"QUESTION 1 \(classes\)"):
        builds.build(raw, tmp_path / "data", cls=cls)
    assert not [*(tmp_path / "data").rglob("*tfrecord*")]
    text = (folder / "new_asking_dataset_builder.py").read_text(encoding="utf-8")
    assert "# QUESTION 1: What are the classes called?" in text
    cls.QUESTIONS = ()
    builds.build(raw, tmp_path / "data", cls=cls)


def test_what_is_written_has_the_form_of_a_dataset_folder(raw, tmp_path):
    folder = made("new_form", raw, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("CITATIONS.bib", "README.md", "TAGS.txt", "__init__.py", "draw_new_form.py"),
        *("new_form_dataset_builder.py", "new_form_dataset_builder_test.py"),
    ]
    builder = (folder / "new_form_dataset_builder.py").read_text(encoding="utf-8")
    assert len(builder.splitlines()) <= 40
    assert max(map(len, builder.splitlines())) <= 100
    assert str(tmp_path) not in "".join(p.read_text(encoding="utf-8") for p in folder.iterdir())
    meta = registration.builder_class(str(folder)).get_metadata()
    assert "ml.task.semantic-segmentation" in meta.tags
    assert "20 pairs" in meta.description


def test_the_test_that_is_written_passes(raw, tmp_path):
    assert outcome(made("new_tested", raw, tmp_path), MASKS, GROUPS) == ""


def test_the_same_raw_folder_gives_the_same_files(raw, tmp_path):
    for place in ("a", "b"):
        made("new_same", raw, tmp_path / place)
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / place / "new_same").iterdir()}
        for place in ("a", "b")
    )
    assert one == other


def test_nothing_that_exists_is_touched(raw, tmp_path, capsys):
    folder = tmp_path / "new_there"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    assert new.make("new_there", str(raw), to=str(tmp_path)) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Roofs", "no name for a dataset"),
        ("my-roofs", "no name for a dataset"),
        ("class", "no name for a dataset"),
        ("aerial", "in this package"),
        ("numpy", "Python package"),
        ("voc", "TensorFlow Datasets has"),
    ],
)
def test_names_that_would_clash_are_refused(name, told, raw, tmp_path, capsys):
    assert new.make(name, str(raw), to=str(tmp_path)) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / name).exists()


def test_a_raw_folder_that_has_the_name_is_no_clash(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(raw.parent)
    monkeypatch.syspath_prepend("")
    raw.rename(raw.parent / "new_roofs")
    made("new_roofs", pathlib.Path("new_roofs"), tmp_path / "sets")


def test_a_folder_of_nothing_is_refused(tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    assert new.make("new_nothing", str(tmp_path / "raw"), to=str(tmp_path)) == 2
    assert "is empty" in capsys.readouterr().err
    assert not (tmp_path / "new_nothing").exists()


def test_the_group_that_is_asked_for_stands_ready_in_the_builder(raw, tmp_path):
    for part in ("images", "masks"):
        for number, path in enumerate(sorted((raw / part).iterdir())):
            path.rename(path.with_name(f"{'rome' if number % 2 else 'oslo'}_{number}{path.suffix}"))
    folder = made("new_grouped", raw, tmp_path, classes=("ground", "roof"))
    text = (folder / "new_grouped_dataset_builder.py").read_text(encoding="utf-8")
    assert '# If so: group="(?P<group>[^_/]+)[^/]*$", or "auto".' in text


def test_a_place_that_cannot_be_written_is_told(raw, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert new.make("new_lost", str(raw), to=str(tmp_path / "file")) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_drawn_data_holds_no_name_and_no_pixel_of_the_raw_folder(raw, tmp_path):
    folder = made("new_drawn", raw, tmp_path)
    drawing = (folder / "draw_new_drawn.py").read_text(encoding="utf-8")
    assert not [path.stem for path in (raw / "images").iterdir() if path.stem in drawing]


@pytest.mark.parametrize("extension", ["gif", "tif"])
@pytest.mark.parametrize("values", [{0: 0, 1: 255}, {0: (0, 0, 0), 1: (9, 200, 9)}])
def test_drawn_data_is_clean_in_every_encoding(values, extension, raw, tmp_path):
    for path in (raw / "masks").iterdir():
        ids = np.asarray(Image.open(path))
        table = np.array([values[0], values[1]], np.uint8)
        Image.fromarray(table[ids]).save(path.with_suffix(f".{extension}"))
        path.unlink()
    made(f"new_drawn_{extension}", raw, tmp_path)  # raises where its own data is refused


@pytest.mark.parametrize(
    ("name", "given", "question"),
    [
        ("epfl_roads", {}, r"QUESTION 1 \(classes\).*\n.*QUESTION 2 \(values\): From which grey"),
        ("epfl_roads", {"threshold": 128, "classes": ("ground", "road")}, ""),
        ("camvid_24", {}, r"QUESTION 1 \(classes\)"),
        ("voc_layout", {"classes": ("a", "b", "c", "d")}, ""),
        ("mammograms", {}, r"QUESTION 2 \(values\).*exported again"),
        ("cityscapes_layout", {}, ""),
    ],
)
def test_real_sets_build_or_ask_first(real_data, tmp_path, name, given, question):
    raw = real_data / name
    folder = made(f"new_{name}{'_told' * bool(given)}", raw, tmp_path, **given)
    builder = (folder / f"{folder.name}_dataset_builder.py").read_text(encoding="utf-8")
    assert len(builder.splitlines()) <= 40
    cls = registration.builder_class(str(folder))
    if not question:
        assert builds.records(builds.build(raw, tmp_path / "data", cls=cls))
        return
    with pytest.raises(OpenQuestionsError, match=question):
        builds.build(raw, tmp_path / "data", cls=cls)
    assert outcome(folder, MASKS) == ""


@pytest.mark.parametrize("draw", PUBLISHED, ids=lambda draw: draw.__name__)
def test_an_export_is_drawn_as_its_tool_writes_it(draw, tmp_path):
    (tmp_path / "raw").mkdir()
    draw(Exported(tmp_path / "raw"))
    name = f"new_of_{draw.__name__}"
    folder = made(name, tmp_path / "raw", tmp_path)  # raises where its own data is refused
    builder = (folder / f"{name}_dataset_builder.py").read_text(encoding="utf-8")
    assert len(builder.splitlines()) <= 40
    compile((folder / f"draw_{name}.py").read_text(encoding="utf-8"), name, "exec")
    (tmp_path / "drawn").mkdir()
    sys.path.insert(0, str(folder))
    try:
        importlib.import_module(f"draw_{name}").draw(tmp_path / "drawn")
    finally:
        sys.path.remove(str(folder))
    assert type(detect(tmp_path / "drawn").source) is type(detect(tmp_path / "raw").source)


def test_every_tool_that_is_read_is_drawn_in_the_tests():
    read = {tool.name for tool in tools.TOOLS if tool.make} - {
        "footprints",
        "dicomseg",
        "cbis_ddsm",
    }
    drawn = {type(source).__name__ for source, _ in PUBLISHED.values()}
    assert len(drawn) == len(read)
    assert {kind.__name__ for kind in dummy_exports.WRITERS} == drawn


def test_the_test_that_is_written_for_an_export_passes(tmp_path):
    (tmp_path / "raw").mkdir()
    via(Exported(tmp_path / "raw"))
    assert outcome(made("new_via", tmp_path / "raw", tmp_path), MASKS, GROUPS) == ""
