"""Fixtures for all tests: a cache of facts that is nobody's, and where the real data is."""

import os
import pathlib

import pytest

_REAL_DATA = "SEG_DATASETS_REAL_DATA"


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("SEG_DATASETS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def real_data() -> pathlib.Path:
    """Small real data sets, made by real tools, that are no part of the project."""
    beside = pathlib.Path(__file__).parents[2] / "shared" / "data"
    folder = pathlib.Path(os.environ.get(_REAL_DATA) or beside)
    if not (folder / "README.md").is_file():
        pytest.skip(f"the real data is not at {folder}; {_REAL_DATA} says where it is")
    return folder
