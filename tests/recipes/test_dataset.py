"""What names a dataset, a split and a place; all else is refused in words."""

import dataclasses
import pathlib
import re
import shutil

import pytest

import seg_datasets  # noqa: F401  (our datasets by name)
from recipes.core import dataset as ds
from recipes.core import describe, planning, runs
from recipes.core import plan as plans
from recipes.core.dataset import Dataset
from recipes.core.device import Device

CPU = Device(kind="cpu", name="CPU", count=2, bfloat16=False)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("data/aerial/x", "neither NAME, NAME/CONFIG:VERSION nor a folder"),
        ("./data", "nor a folder with a dataset_info.json"),
        ("/gone/1.0.0", "--data_dir=FOLDER says where it is now"),
        ("Neu-Seg", "neither NAME"),
        ("", "neither NAME"),
        ("neu_seg/nope", "neu_seg has config group_clean, official and version 1.0.0"),
        ("neu_seg:9.9.9", "version 1.0.0"),
        ("neu_seg/official:9.9.9", "version 1.0.0"),
        ("nowhere", r"`tfds build nowhere` builds one of TFDS itself; this project has aerial, "),
        ("neu_sge", r"\. Did you mean neu_seg\?$"),
        ("neu_seg", r"is not built in .*\n`tfds build seg_datasets/neu_seg --manual_dir=RAW` bui"),
    ],
)
def test_name_of_no_dataset_is_refused_with_those_there_are(
    name: str, told: str, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(ds.DatasetError, match=told) as refused:
        ds.open_builder(name, data_dir=str(tmp_path))
    assert repr(name) in str(refused.value)


def test_name_near_one_that_was_built_is_refused_with_it(tmp_path: pathlib.Path) -> None:
    for place in ("seg_folder/shapes/1.0.0", "roofs/1.0.0", "roofs/1.1.0", "seg_folders/raw"):
        (tmp_path / place).mkdir(parents=True)
        if place[-1].isdigit():
            (tmp_path / place / "dataset_info.json").touch()
    for name, told in (
        ("seg_folder/shape", f"There is seg_folder/shapes in {tmp_path}."),
        ("seg_folder", f"There is seg_folder/shapes in {tmp_path}."),
        ("roof", "Did you mean roofs?"),
        ("roofs:3.0.0", f"There is roofs:1.0.0, roofs:1.1.0 in {tmp_path}."),
        ("seg_foldr", "Did you mean seg_folder?"),
    ):
        with pytest.raises(ds.DatasetError, match=re.escape(told)):
            ds.open_builder(name, data_dir=str(tmp_path))


def test_folder_above_the_version_is_refused_with_the_version(shapes: str) -> None:
    with pytest.raises(ds.DatasetError, match=r"folder of a version, 1\.0\.0"):
        ds.open_builder(str(pathlib.Path(shapes).parent))


@pytest.mark.parametrize("split", ["test[:10", "test[", "test[a:b]", "test[:0%]", "test[9:]"])
def test_part_of_a_split_that_is_none_is_refused(split: str, shapes: str) -> None:
    builder = ds.open_builder(shapes)
    with pytest.raises(ds.DatasetError, match=r"of the 4 examples of split 'test': write test"):
        next(ds.examples(builder, image_key="image", mask_key="mask", split=split))
    part = ds.examples(builder, image_key="image", mask_key="mask", split="test[:50%]")
    assert len([*part]) == 2


def test_dataset_named_by_its_folder_is_found_where_it_was_moved(
    shapes: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = shutil.copytree(shapes, tmp_path / "old")
    monkeypatch.chdir(tmp_path)
    facts = describe.describe(shapes)
    plan = planning.make(dataclasses.replace(facts, name=ds.absolute("old")), CPU)
    assert plan.dataset.name == str(old)
    new = old.rename(tmp_path / "new")
    with pytest.raises(ds.DatasetError, match=f"{old}.*--data_dir=FOLDER"):
        ds.open_builder(plan.dataset.name, data_dir=plan.dataset.data_dir)
    with pytest.raises(ds.DatasetError, match=f"{old}: name the one it was moved to"):
        plans.moved(plan, str(tmp_path))
    for named in (str(old), "old"):  # as plans were written once
        was = dataclasses.replace(plan, dataset=dataclasses.replace(plan.dataset, name=named))
        found = plans.moved(was, "new").dataset
        assert found.name == str(new)
        monkeypatch.chdir("/")
        assert ds.open_builder(found.name, data_dir=found.data_dir).info.full_name == "shapes/1.0.0"
        monkeypatch.chdir(tmp_path)


def test_dataset_of_tfds_is_found_in_its_folder_but_no_other_one_is(
    shapes: str, plain: Dataset, tmp_path: pathlib.Path
) -> None:
    root = str(pathlib.Path(shapes).parents[1])
    plan = planning.make(dataclasses.replace(plain, name="shapes:1.0.0"), CPU)
    moved = [plans.moved(plan, place).dataset for place in (root, shapes)]
    assert [(one.name, one.data_dir) for one in moved] == [("shapes:1.0.0", root), (shapes, shapes)]
    with pytest.raises(ds.DatasetError, match=r"is shapes:1\.0\.0; the run is of aerial:1\.0\.0"):
        plans.moved(planning.make(plain, CPU), shapes)


def test_meaningless_data_dir_of_a_first_run_is_no_reason_to_refuse_the_second(
    shapes: str, plain: Dataset, tmp_path: pathlib.Path
) -> None:
    facts = dataclasses.replace(plain, name=shapes, data_dir=str(tmp_path))
    plan = planning.make(facts, CPU)
    assert plans.moved(plan, str(tmp_path)) == plan


def test_runs_and_pages_are_named_by_dataset_and_config(shapes: str) -> None:
    assert ds.title(shapes) == "shapes"
    assert ds.title("neu_seg/official:1.0.0") == "neu_seg/official"
    assert ds.title("aerial") == "aerial"
    for name, told in ((shapes, "shapes-"), ("neu_seg/official:1.0.0", "neu_seg-official-")):
        folder = runs.new_folder(name)
        assert folder.parent == pathlib.Path("runs")
        assert folder.name.startswith(told)
        assert folder.name[len(told)].isdigit()


def test_names_in_a_plan_say_where_the_dataset_is_and_which(
    shapes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pathlib.Path(shapes).parent)
    builder = ds.open_builder("1.0.0")
    assert ds.full_name("1.0.0", builder) == shapes
    assert ds.full_name("shapes", builder) == "shapes:1.0.0"
    assert ds.absolute("gs://bucket/data") == "gs://bucket/data"
