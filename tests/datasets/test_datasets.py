"""What every dataset of this project is: a short folder, built by one command, that trains."""

import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest
import tensorflow_datasets as tfds

import recipes.unet
from seg_datasets import check, dummies, registration
from seg_datasets.camvid import dummy
from seg_datasets.core.sources import Folder
from seg_datasets.core.survey import declared, examine

NAMES = [
    name
    for name in registration.dataset_names()
    if (pathlib.Path(registration.__file__).parent / name / "dummy.py").is_file()
]
PACKAGE = pathlib.Path(registration.__file__).parent
STEP = {"steps": 1, "epoch_steps": 1, "batch": 2, "crop": 32, "depth": 1, "width": 4}
STEP |= {"precision": "float32", "patience": 0}
MOST_LINES = 40


@pytest.mark.parametrize("name", NAMES)
def test_tfds_builds_it_and_the_recipe_trains_a_step(
    name: str, built: Callable[[str], pathlib.Path], tmp_path: pathlib.Path
) -> None:
    data_dir = built(name)
    versions = sorted(path.parent for path in data_dir.rglob("dataset_info.json"))
    configs = len(registration.builder_class(name).BUILDER_CONFIGS)
    assert len(versions) == max(1, configs)
    scores = recipes.unet.train_and_evaluate(
        dataset=str(versions[0]), workdir=tmp_path / "run", overrides=STEP, say=lambda line: None
    )
    assert scores["images"] > 0


@pytest.mark.parametrize("name", registration.dataset_names())
def test_the_folder_says_what_it_is_in_a_few_lines(name: str) -> None:
    folder = PACKAGE / name
    builder = (folder / f"{name}_dataset_builder.py").read_text(encoding="utf-8")
    assert len(builder.splitlines()) <= MOST_LINES
    tags = (folder / "TAGS.txt").read_text(encoding="utf-8").split()
    assert "ml.task.semantic-segmentation" in tags
    assert (folder / "CITATIONS.bib").is_file()
    said = (folder / "README.md").read_text(encoding="utf-8")
    assert "RAW" in said


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_tells_licence_classes_and_splits(name: str) -> None:
    said = (PACKAGE / name / "README.md").read_text(encoding="utf-8")
    for word in ("**Licence:**", "**Getting it:**", "**Processing:**", "**Splits", "| id |"):
        assert word in said
    classes = tfds.builder_cls(name).CLASSES
    assert all(f"| {i} | {class_} |" in said for i, class_ in enumerate(classes.names))


def test_check_takes_the_declaration_of_a_config(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dummy.draw(tmp_path / "raw")
    raw = str(tmp_path / "raw")
    assert check.check(raw, dataset="camvid") == 0
    assert "SD403" not in capsys.readouterr().out
    assert check.check(raw, dataset="camvid/usual") == 0
    assert "SD403 group-in-two-splits: 2 warnings" in capsys.readouterr().out
    assert check.check(raw, dataset="camvid/other") == 2
    assert "there are group_clean, usual" in capsys.readouterr().err


def test_a_dummy_says_what_it_drew_and_what_comes_next(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["dummy", str(tmp_path)])
    dummies.main(dummy.draw)
    said = f"{tmp_path}: Ten frames of four drives.\n"
    assert capsys.readouterr().out.startswith(
        f"{said}next: tfds build seg_datasets/camvid --manual"
    )


def test_importing_the_package_imports_no_dataset() -> None:
    code = (
        "import sys, seg_datasets;"
        "bad = [m for m in sys.modules if m.endswith('_dataset_builder') or m == 'tensorflow'];"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_camvid_as_it_is_leaks_in_one_config_only(real_data: pathlib.Path) -> None:
    folder = Folder(real_data / "camvid_24")
    found = {}
    for name, config in registration.builder_class("camvid").builder_configs.items():
        examined = examine(declared(registration.builder_class("camvid"), config), folder)
        assert examined.errors == 0
        found[name] = {finding.code for finding in examined.findings}
    assert "SD403" in found["usual"]
    assert not {code for code in found["group_clean"] if code.startswith("SD4")} - {"SD407"}
