"""Fixtures for all tests: a cache and a ledger that are nobody's, raw data drawn and real."""

import os
import pathlib
import shutil
from collections.abc import Iterator

import hypothesis
import pytest

import browsing
from seg_datasets.aerial import sample

# The same examples on every machine, however slow it is.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")

_REAL_DATA = "SEG_DATASETS_REAL_DATA"


@pytest.fixture(autouse=True)
def _own_cache_and_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("SEG_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEG_DATASETS_CHECKSUMS", str(tmp_path / "checksums"))


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A small drawing of raw data, to be copied, never changed."""
    folder = tmp_path_factory.mktemp("drawn") / "raw"
    sample.draw(folder, scenes=20, size=48, seed=3)
    return folder


@pytest.fixture
def raw(drawn: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the drawing that a test may change."""
    shutil.copytree(drawn, tmp_path / "raw")
    return tmp_path / "raw"


@pytest.fixture(scope="session")
def real_data() -> pathlib.Path:
    """Small real data sets, made by real tools, that are no part of the project."""
    beside = pathlib.Path(__file__).parents[2] / "shared" / "data"
    folder = pathlib.Path(os.environ.get(_REAL_DATA) or beside)
    if not (folder / "README.md").is_file():
        pytest.skip(f"the real data is not at {folder}; {_REAL_DATA} says where it is")
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browsing.Browser]:
    """A headless Chromium."""
    with browsing.opened(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(scope="module")
def server():
    """Of buckets, for all tests of a module."""
    import buckets  # moto, which few tests need

    with buckets.served() as one:
        yield one


@pytest.fixture
def bucket(server, monkeypatch):
    """An empty bucket `lake`, which the environment leads to."""
    import buckets

    with buckets.made(server, "lake", monkeypatch):
        yield server
