"""`seg_folder`: any folder is built as JSON or TOML states it, and errors name the field."""

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

import recipes.unet
import seg_datasets
from seg_datasets import diff, dummies, testing
from seg_datasets.core import stated
from seg_datasets.core.classes import ClassTable, DeclarationError, Threshold
from seg_datasets.core.sources import Coco, CsvGroups, Cvat, GeoTiff, ImageMaskFolders
from seg_datasets.core.splits import FromFolders, FromLists, FromNames, KFold, Spatial, Stratified
from seg_datasets.seg_folder import seg_folder_dataset_builder
from seg_datasets.seg_folder.stating import FolderConfig

FOLDER = pathlib.Path(seg_datasets.__file__).parent / "seg_folder"
CITIES = ("cairo", "lima", "oslo", "rome")
ROOFS: dict[str, Any] = {
    "classes": ["ground", "roof"],
    "values": {"0": "ground", "255": "roof"},
    "group": "^(?P<group>[a-z]+)",
    "splits": {"rule": "names", "train": "^(cairo|lima|oslo)", "test": "^rome"},
}
TOML = """
classes = ["ground", "roof"]
values = { 0 = "ground", 255 = "roof" }
group = "^(?P<group>[a-z]+)"
version = "1.2.0"

[splits]
rule = "names"
train = "^(cairo|lima|oslo)"
test = "^rome"
"""


def draw(folder: pathlib.Path) -> None:
    names = [f"{city}_{number}" for city in CITIES for number in (0, 1)]
    drawn = dummies.pairs(len(names), values=(0, 255), size=(48, 64))
    for name, (image, mask) in zip(names, drawn, strict=True):
        dummies.save(folder / "images" / f"{name}.png", image)
        dummies.save(folder / "masks" / f"{name}.png", mask)


class SegFolderTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = seg_folder_dataset_builder.Builder
    SPLITS = {"train": 6, "test": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = [FolderConfig("roofs", **ROOFS)]

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        draw(folder)


def tfds_build(folder: pathlib.Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build", str(FOLDER)]
    arguments = ["--manual_dir=raw", "--data_dir=data", *more]
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_builds_a_toml_file_and_the_recipe_trains_a_step(
    tmp_path: pathlib.Path,
) -> None:
    draw(tmp_path / "raw")
    (tmp_path / "roofs.toml").write_text(TOML, encoding="utf-8")
    done = tfds_build(tmp_path, "--config=roofs.toml")
    assert done.returncode == 0, done.stderr[-2000:]
    page = tmp_path / "data/seg_folder/roofs/1.2.0/report.html"
    assert f"the page of this build: {page.relative_to(tmp_path)}" in done.stderr + done.stdout
    again = page.read_text(encoding="utf-8")
    assert "seg_folder --config=roofs.toml --manual_dir=RAW --data_dir=DATA" in again
    assert "python -m seg_datasets.verify seg_folder --data_dir=DATA" in again
    data_dir = str(tmp_path / "data")
    ds, info = tfds.load("seg_folder/roofs", data_dir=data_dir, split="test", with_info=True)
    assert info.full_name == "seg_folder/roofs/1.2.0"
    assert {int(n) for one in tfds.as_numpy(ds) for n in np.unique(one["mask"])} == {0, 1}
    step = {"steps": 1, "epoch_steps": 1, "batch": 2, "crop": 32, "depth": 1, "width": 4}
    scores = recipes.unet.train_and_evaluate(
        dataset=info.data_dir,
        workdir=tmp_path / "run",
        overrides={**step, "precision": "float32"},
        say=lambda line: None,
    )
    assert scores["images"] == 2


def test_json_states_the_same(run_tfds: Any, tmp_path: pathlib.Path) -> None:
    draw(tmp_path / "raw")
    run_tfds(
        *("build", str(FOLDER), f"--manual_dir={tmp_path / 'raw'}"),
        f"--data_dir={tmp_path / 'data'}",
        f"--config={json.dumps({'name': 'roofs', **ROOFS})}",
    )
    info = tfds.builder_from_directory(tmp_path / "data/seg_folder/roofs/1.0.0").info
    assert {name: split.num_examples for name, split in info.splits.items()} == SegFolderTest.SPLITS
    assert info.metadata["classes"] == ["ground", "roof"]
    page = pathlib.Path(info.data_dir, "report.html").read_text(encoding="utf-8")
    assert "roofs&quot;, … the JSON that was given" in page
    for name, status in (("/roofs", 0), ("/roofs:1.0.0", 0), (":1.0.0", 0), ("/walls", 2)):
        command = ["seg_datasets.verify", f"seg_folder{name}", f"--data_dir={tmp_path / 'data'}"]
        done = subprocess.run([sys.executable, "-m", *command], check=False, capture_output=True)
        assert done.returncode == status, done.stderr
    names = "seg_folder/roofs:1.0.0", "seg_folder:roofs/1.0.0"  # as TFDS has it, and the ledger
    assert diff.compare(*names, data_dir=tmp_path / "data") == 0


def test_without_classes_nothing_is_built_and_a_config_that_fits_is_proposed(
    run_tfds: Any, tmp_path: pathlib.Path
) -> None:
    raw, data = tmp_path / "raw", tmp_path / "data"
    draw(raw)
    arguments = ["build", str(FOLDER), f"--manual_dir={raw}", f"--data_dir={data}"]
    with pytest.raises(DeclarationError, match="classes: not stated") as refused:
        run_tfds(*arguments)
    assert not [*data.rglob("*.tfrecord*")]
    proposed = str(refused.value).rpartition("--config='")[2].removesuffix("'")
    run_tfds(*arguments, f"--config={proposed}")
    assert (data / "seg_folder/NAME/1.0.0/dataset_info.json").is_file()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"clases": ["a"]}, r"clases: no such field; is 'classes' meant\?"),
        ({"classes": "ground,roof"}, "classes: write a list"),
        ({"classes": ["ground", "ground", "roof"]}, "classes: class names given twice"),
        ({"values": {"7": "tree"}}, "values: no class is called 'tree'"),
        ({"values": {"red": "roof"}}, "values: 'red' is no raw value"),
        ({"values": [0, 255]}, "values: .* is no table"),
        ({"threshold": {"at": 128}}, "threshold: state it or values"),
        ({"images": 5}, "images: 5 cannot be meant"),
        ({"images": "../x"}, "images='../x' leaves the raw folder"),
        ({"ignore": "a"}, "ignore"),
        ({"masks_follow_exif": "yes"}, "masks_follow_exif: 'yes' cannot be meant"),
        ({"source": "photoshop"}, "source: 'photoshop' is none of .*label_studio.*masks"),
        ({"source": ["cvat"]}, "source: .* is none of"),
        ({"line_width": 3}, "line_width: no such field"),
        ({"splits": None}, "splits: None is no table"),
        ({"splits": {"train": "training"}}, "splits: train: 'training' is no share"),
        ({"splits": {"rule": "magic"}}, "splits: rule: 'magic' is none of grouped, stratified"),
        ({"splits": {"rule": "spatial", "train": 1}}, "splits: .*block"),
        ({"splits": {"train": []}}, "splits: "),
        ({"splits": {"all": 1}}, "splits: all: TFDS means all splits"),
        ({"group": 5}, "group: 5 is no table"),
        ({"group": {"id": "image"}}, "group: a table of groups needs csv"),
        ({"channels": "three"}, "channels: 'three' is no whole number"),
        ({"bits": 12}, "channels, bits: no image has"),
        ({"accept": ["SD404"]}, "accept: .* is no table"),
        ({"accept": {"SD404": True}}, "accept: SD404 needs a reason"),
        ({"limits": {"fw": 3}}, "limits: .*fw"),
        ({"name": "a/b"}, "name: 'a/b' is no word"),
        ({"toml": "nowhere.toml"}, "toml: cannot be read"),
    ],
)
def test_an_error_names_the_field(change: dict[str, Any], told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        FolderConfig(**{"name": "roofs", **ROOFS, **change})


def test_a_field_in_both_files_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "roofs.toml").write_text(TOML, encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"classes: .*roofs.toml states it too"):
        FolderConfig(toml=str(tmp_path / "roofs.toml"), classes=["a"])
    assert FolderConfig(toml=str(tmp_path / "roofs.toml")).name == "roofs"
    assert FolderConfig("flat", toml=str(tmp_path / "roofs.toml")).name == "flat"


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({}, ImageMaskFolders()),
        ({"source": "cvat", "line_width": 3}, Cvat(line_width=3)),
        ({"source": "coco", "labels": {"CAR": "b"}}, Coco(labels={"CAR": "b"})),
        ({"source": "geo_tiff", "bands": [3, 2, 1]}, GeoTiff(bands=(3, 2, 1))),
        ({"ignore": ["*_x.png"]}, ImageMaskFolders(ignore=("*_x.png",))),
        (
            {"threshold": {"at": 9, "below": "a", "above": "b"}},
            ImageMaskFolders(values=Threshold(at=9, below="a", above="b")),
        ),
        ({"values": {"#00ff00": "b"}}, ImageMaskFolders(values={"#00ff00": "b"})),
    ],
)
def test_sources_are_told_what_is_stated(fields: dict[str, Any], source: Any) -> None:
    made = stated.declaration({"classes": ["a", "b"], "splits": {"train": 1}, **fields})
    assert made.source == source


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ({"rule": "stratified", "train": 8, "test": 2, "seed": 1}, Stratified),
        ({"rule": "kfold", "folds": 3}, KFold),
        ({"rule": "spatial", "train": 8, "test": 2, "block": 9, "gap": 1}, Spatial),
        ({"rule": "folders", "train": "training"}, FromFolders),
        ({"rule": "lists", "train": "train.txt"}, FromLists),
        ({"rule": "names", "train": "^a"}, FromNames),
    ],
)
def test_splits_are_dealt_by_the_rule_that_is_stated(told: dict[str, Any], rule: type) -> None:
    fields = {"classes": ["a"], "splits": told, "group": {"csv": "groups.csv", "group": "city"}}
    made = stated.declaration(fields)
    assert type(made.splits) is rule
    assert made.splits.group == CsvGroups("groups.csv", group="city")


def test_classes_may_have_colours_and_records_more_than_three_channels() -> None:
    fields = {"classes": {"a": "#102030"}, "splits": {"train": 1}, "channels": 6, "bits": 16}
    made = stated.declaration(fields)
    assert made.classes == ClassTable("a", colours={"a": "#102030"})
    assert made.dtype is np.uint16
    assert made.channels == 6
