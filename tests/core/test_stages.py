"""Stages: the same facts by workers as by threads, only names on the way, and a word on each."""

import json
import logging
import pathlib
from collections.abc import Mapping

import pytest
from PIL import Image

from seg_datasets.core import collecting, looking, stages
from seg_datasets.core.cache import FactsCache
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.columns import Facts
from seg_datasets.core.sources import Folder, ImageMaskFolders
from seg_datasets.core.stages import LostError, Stages

SOURCE = ImageMaskFolders(values={0: "a", 1: "b"})
TABLE = SOURCE.table(ClassTable("a", "b"))


@pytest.fixture
def raw(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Forty pairs, one image of which is cut off."""
    monkeypatch.setattr("seg_datasets.core.sources.folder._FRESH", 0)
    monkeypatch.setenv("SEG_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "raw"
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for i in range(40):
        Image.new("RGB", (5, 4), (i, 0, 0)).save(folder / "images" / f"{i:02}.png")
        Image.new("L", (5, 4), i % 2).save(folder / "masks" / f"{i:02}.png")
    (folder / "images" / "07.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def by_workers(room: pathlib.Path) -> Stages:
    return Stages(beam_runner="DirectRunner", room=str(room))


def look(raw: pathlib.Path, by: Stages, cache: FactsCache | None = None) -> Facts:
    samples, told = SOURCE.scan(Folder(raw)).samples, []
    seen = collecting.collect(
        samples, folder=Folder(raw), table=TABLE, cache=cache, progress=told.append, stages=by
    )
    assert sum(told) == len(samples)
    return seen


def test_workers_see_what_threads_see(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    here, there = Stages(), by_workers(tmp_path / "room")
    seen = look(raw, here)
    assert look(raw, there) == seen
    assert [bool(one.image.problem) for one in seen].index(True) == 7
    (one,), (other,) = here.done, there.done
    assert (one.samples, one.bytes) == (other.samples, other.bytes)
    assert (one.where, one.files) == ("here", 0)
    assert other.where != "here"
    assert 1 < other.files < 40
    assert other.counted == {"samples": 40, "bytes": one.bytes, "problems": 1}


def test_nothing_but_names_crosses_a_shuffle(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Less than a kilobyte a sample, counted: it is the path of a file for many of them."""
    room, by = tmp_path / "room", by_workers(tmp_path / "room")
    look(raw, by)
    answers = [*(room / "look").glob("*.arrow")]
    assert by.done[0].files == len(answers)
    assert by.done[0].handed == sum(len(str(path).encode()) for path in answers)
    assert by.done[0].handed / 40 < 1000


def test_what_a_killed_build_has_looked_at_is_found(
    raw: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache of the driver is gone or was never written; the workers' answers are there."""
    room = tmp_path / "room"
    first = look(raw, by_workers(room), FactsCache(raw))
    monkeypatch.setenv("SEG_DATASETS_CACHE", str(tmp_path / "another"))
    looked: list[str] = []
    look_at = looking.look_at

    def counted(sample, **kwargs):
        looked.append(sample.id)
        return look_at(sample, **kwargs)

    monkeypatch.setattr(looking, "look_at", counted)
    assert look(raw, by_workers(room), FactsCache(raw)) == first
    assert looked == []
    monkeypatch.setenv("SEG_DATASETS_CACHE", str(tmp_path / "a third"))
    Image.new("RGB", (5, 4), (99, 0, 0)).save(raw / "images" / "30.png")
    again = look(raw, by_workers(room), FactsCache(raw))
    assert "30" in looked
    assert len(looked) <= 16  # those of one file
    assert [a.sample.id for a, b in zip(first, again, strict=True) if a != b] == ["30"]


def test_answer_that_is_not_there_is_told(tmp_path: pathlib.Path) -> None:
    def nothing(path: str) -> Mapping[str, int]:
        return {}

    by = by_workers(tmp_path)
    with by.stage("Look") as stage, pytest.raises(LostError, match="share this file system"):
        by.run(stage, nothing, [str(tmp_path / "a")], made=lambda path: pathlib.Path(path).exists())


def test_stage_is_told_in_one_line_and_for_scripts(caplog: pytest.LogCaptureFixture) -> None:
    by = Stages()
    with caplog.at_level(logging.INFO, logger=stages.__name__), by.stage("Check") as stage:
        stage.samples, stage.findings, stage.bytes = 1200, 3, 5_000_000
    assert "Check: 1,200 samples, 5.0 MB, 3 findings, 0.0 s" in caplog.text
    (told,) = json.loads(by.to_json())
    assert (told["name"], told["samples"], told["findings"]) == ("Check", 1200, 3)
    assert told["seconds"] >= 0
