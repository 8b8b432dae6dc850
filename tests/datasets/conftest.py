"""Each dataset of this project, built once from its dummy data by the `tfds` command."""

import importlib
import os
import pathlib
from collections.abc import Callable
from unittest import mock

import pytest

import seg_datasets

PACKAGE = pathlib.Path(seg_datasets.__file__).parent


@pytest.fixture(scope="session")
def run_tfds() -> Callable[..., None]:
    """The `tfds` command, in this process: importing TFDS takes longer than a build."""
    from tensorflow_datasets.scripts.cli import main as cli

    def run(*arguments: str) -> None:
        cli._parse_flags(["tfds", *arguments]).execute()

    return run


@pytest.fixture(scope="session")
def built(
    run_tfds: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], pathlib.Path]:
    """Name of a dataset → `data_dir` with all its configs, built from its dummy data."""
    folder = tmp_path_factory.mktemp("datasets")

    def build(name: str) -> pathlib.Path:
        data_dir = folder / name / "data"
        if not data_dir.is_dir():
            raw = folder / name / "raw"
            importlib.import_module(f"seg_datasets.{name}.dummy").draw(raw)
            away = {f"SEG_DATASETS_{what}": str(folder / what) for what in ("CACHE", "CHECKSUMS")}
            with mock.patch.dict(os.environ, away):
                run_tfds(
                    *("build", str(PACKAGE / name)),
                    *(f"--manual_dir={raw}", f"--data_dir={data_dir}"),
                )
        return data_dir

    return build
