"""Buckets: raw data that lies in one is the raw data that lies here, whatever the network does."""

from __future__ import annotations

import json

import pytest
import tensorflow_datasets as tfds

import buckets
import seg_datasets
from builds import Builder, build, records
from seg_datasets.core import storage
from seg_datasets.core.detection import inspection
from seg_datasets.core.sources.folder import Folder, OutsideError
from seg_datasets.core.survey import declared, examine

RAW = "s3://lake/raw"


@pytest.fixture(scope="module")
def server():
    with buckets.served() as one:
        yield one


@pytest.fixture
def bucket(server, monkeypatch):
    """An empty bucket `lake`, which the environment leads to."""
    with buckets.made(server, "lake", monkeypatch):
        yield server


def test_raw_folder_is_listed_and_read_as_the_same_folder_here(bucket, raw):
    (raw / "notes").mkdir()
    (raw / "notes/täg.txt").write_text("\ufeffja")
    (raw / ".hidden").write_text("no")
    (raw / "notes/Thumbs.db").write_text("no")
    bucket.upload(raw, RAW)
    here, there = Folder(raw), Folder(RAW)
    files, outside = there.files()
    assert (files, outside) == (here.files()[0], [])
    for name in files:
        assert there.read(name) == here.read(name)
        assert there.size(name) == here.size(name)
        assert there.digest(name) == here.digest(name)
        assert there.part(name, 3, 10) == here.part(name, 3, 10)
        assert there.path(name).read_bytes() == here.path(name).read_bytes()
    assert there.read_text("notes/täg.txt") == "ja"
    assert there.is_file("notes/täg.txt")
    assert not there.is_file("notes/other")
    assert there.part("notes/täg.txt", 100, 5) == b""
    assert Folder("s3://lake/nothing").exists() is False


def test_a_listing_of_many_pages_is_whole(bucket):
    names = [f"images/{number:04}.png" for number in range(1003)]
    bucket.put("lake", {f"raw/{name}": b"" for name in names})
    before = len(bucket.asked)
    assert Folder(RAW).files()[0] == names
    assert len(bucket.asked) - before == 2


HOSTILE = (
    "../evil",
    "a/../../../evil",
    "/etc/passwd",
    "a//b.png",
    "./a.png",
    "a\\..\\..\\b.png",
    "a\x1b[2Jb.png",
    "a.png?versionId=7",
)


def test_hostile_keys_are_told_and_never_read(bucket):
    bucket.put("lake", {f"raw/{key}": b"x" for key in (*HOSTILE, "a.png")} | {"evil": b"secret"})
    folder = Folder(RAW)
    assert folder.files() == (["a.png"], sorted(HOSTILE))
    before = len(bucket.asked)
    for key in HOSTILE:
        for use in (folder.read, folder.path, folder.open, folder.size, folder.is_file):
            with pytest.raises(OutsideError, match="leads out"):
                use(key)
    assert len(bucket.asked) == before


@pytest.mark.parametrize("fault", [500, 503, buckets.RESET, buckets.CUT])
def test_a_fault_that_passes_is_not_seen(bucket, fault):
    bucket.put("lake", {"raw/a.png": b"0123456789" * 1000})
    with bucket.failing("GET", "a.png", fault) as left:
        assert storage.read(f"{RAW}/a.png") == b"0123456789" * 1000
        assert not left
    with bucket.failing("GET", "lake", fault) as left:
        assert Folder(RAW).files()[0] == ["a.png"]
        assert not left


def test_a_fault_that_stays_is_told_with_the_file(bucket, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    buckets.forget_clients()
    bucket.put("lake", {"raw/a.png": b"1"})
    with bucket.failing("GET", "a.png", *[500] * 9) as left:
        with pytest.raises(
            storage.StorageError, match=r"s3://lake/raw/a\.png cannot be read: .*InternalEr"
        ):
            storage.read(f"{RAW}/a.png")
        assert len(left) == 7  # AWS's own setting is followed


def test_what_never_passes_is_not_tried_again(bucket):
    with bucket.failing("GET", "a.png", 403, 403) as left:
        with pytest.raises(PermissionError, match=r"a\.png cannot be read: access denied"):
            storage.read(f"{RAW}/a.png")
        assert len(left) == 1
    with pytest.raises(FileNotFoundError, match=r"s3://lake/raw/none\.png"):
        storage.read(f"{RAW}/none.png")


def test_a_scheme_that_nobody_reads_is_refused_and_no_folder_of_that_name_is_made():
    with pytest.raises(ValueError, match="s3:// and gs:// only"):
        Folder("ftp://host/raw").files()


def test_raw_data_in_a_bucket_is_checked_as_that_here(bucket, raw):
    sorted((raw / "masks").iterdir())[0].unlink()
    bucket.upload(raw, RAW)
    here, there = (inspection.to_json(inspection.by_guess(where)) for where in (raw, RAW))
    assert json.dumps(there).replace(RAW, "RAW") == json.dumps(here).replace(str(raw), "RAW")


def test_what_did_not_change_is_not_read_again(bucket, raw):
    bucket.upload(raw, RAW)
    examine(declared(Builder), Folder(RAW))
    name = sorted((raw / "masks").iterdir())[0].name
    bucket.put("lake", {f"raw/masks/{name}": (raw / "masks" / name).read_bytes() + b"\0"})
    bucket.asked.clear()
    examine(declared(Builder), Folder(RAW))
    read = {path.removeprefix("/lake/raw/") for _, path in bucket.asked if path.endswith(".png")}
    assert read == {f"images/{name}", f"masks/{name}"}


def test_a_build_from_a_bucket_is_the_build_from_here(bucket, raw, tmp_path):
    bucket.upload(raw, RAW)
    here, there = build(raw, tmp_path / "here"), build(RAW, tmp_path / "there")
    assert records(there) == records(here)
    assert (there / "ledger_entry.json").read_bytes() == (here / "ledger_entry.json").read_bytes()


DATA = "s3://lake/tfds"
VERSION = "tfds/aerial/1.0.0/"


def _built(bucket):
    """Name → bytes of the version in the bucket; nothing else may be there."""
    keys = [key for key in bucket.keys("lake") if not key.startswith("raw/")]
    assert all(key.startswith(VERSION) for key in keys)
    return {key.removeprefix(VERSION): bucket.get("lake", key) for key in keys}


def test_a_version_in_a_bucket_is_the_version_here(bucket, raw, tmp_path, monkeypatch):
    here = build(raw, tmp_path / "here", register_checksums=True)
    bucket.upload(raw, RAW)
    build(RAW, DATA)  # held against the ledger of the other
    there = _built(bucket)
    assert sorted(there) == sorted(path.name for path in here.iterdir())
    for name in {*records(here), "ledger_entry.json", "manifest.jsonl", "features.json"}:
        assert there[name] == (here / name).read_bytes()
    monkeypatch.setenv("SEG_DATASETS_CACHE", str(tmp_path / "another machine"))
    loaded = tfds.load("aerial", data_dir=DATA, split="test")
    assert [one["id"] for one in tfds.as_numpy(loaded)] == [
        one["id"]
        for one in tfds.as_numpy(tfds.builder_from_directory(here).as_dataset(split="test"))
    ]
    brought = {path.rpartition("/")[2] for method, path in bucket.asked if method == "GET"}
    assert "aerial-test.tfrecord-00000-of-00001" in brought
    bucket.asked.clear()
    assert records(seg_datasets.fetched(f"{DATA}/aerial/1.0.0")) == records(here)
    asked = {path.rpartition("/")[2] for _, path in bucket.asked}
    assert "aerial-train.tfrecord-00000-of-00001" in asked
    assert "aerial-test.tfrecord-00000-of-00001" not in asked  # it was here already
