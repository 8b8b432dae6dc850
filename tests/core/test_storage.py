"""Buckets: raw data that lies in one is the raw data that lies here, whatever the network does."""

from __future__ import annotations

import json
import types

import pytest
import tensorflow_datasets as tfds

import buckets
import seg_datasets
from builds import Builder, build, change_pixel, records
from seg_datasets import diff, verify
from seg_datasets.core import bucket as core_bucket
from seg_datasets.core import ledger, storage, workspace
from seg_datasets.core.detection import inspection
from seg_datasets.core.sources.folder import Folder, OutsideError
from seg_datasets.core.survey import declared, examine

RAW = "s3://lake/raw"


@pytest.fixture(scope="module")
def here(drawn, tmp_path_factory):
    """The version of the drawing, built from this machine's disk on to it."""
    folder = tmp_path_factory.mktemp("here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEG_DATASETS_CACHE", str(folder / "cache"))
        patch.setenv("SEG_DATASETS_CHECKSUMS", str(folder / "checksums"))
        return build(drawn, folder / "data", register_checksums=True)


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


def test_a_build_from_a_bucket_is_the_build_from_here(bucket, drawn, here, tmp_path):
    bucket.upload(drawn, RAW)
    there = build(RAW, tmp_path / "there")
    assert records(there) == records(here)
    assert (there / "ledger_entry.json").read_bytes() == (here / "ledger_entry.json").read_bytes()


DATA = "s3://lake/tfds"
VERSION = "tfds/aerial/1.0.0/"


def _built(bucket):
    """Name → bytes of the version in the bucket; nothing else may be there."""
    keys = [key for key in bucket.keys("lake") if not key.startswith("raw/")]
    assert all(key.startswith(VERSION) for key in keys)
    return {key.removeprefix(VERSION): bucket.get("lake", key) for key in keys}


def test_a_version_in_a_bucket_is_the_version_here(bucket, drawn, here, tmp_path, monkeypatch):
    monkeypatch.setenv("SEG_DATASETS_CHECKSUMS", str(here.parents[2] / "checksums"))
    build(drawn, DATA)  # held against the ledger of the other
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


@pytest.fixture
def hasty(monkeypatch):
    """Builds that are taken for dead soon."""
    monkeypatch.setattr(core_bucket, "_BEAT", 0.05)
    monkeypatch.setattr(core_bucket, "_DEAD", 0.3)


@pytest.mark.parametrize(
    "last",
    [
        "PUT /lake/tfds/.building/aerial-1.0.0.lock",
        "PUT test.tfrecord-00000-of-00001.done",
        f"PUT /lake/{VERSION}manifest.jsonl",
        f"PUT /lake/{VERSION}dataset_info.json",
        "DELETE /lake/tfds/.building",
    ],
)
def test_a_build_that_dies_leaves_what_is_whole_or_does_not_load(bucket, drawn, here, hasty, last):
    with pytest.raises(PermissionError), bucket.dying(*last.split()):
        build(drawn, DATA)
    there = Builder(data_dir=DATA)
    if last.startswith("DELETE"):  # all was done but to tidy up
        assert records(seg_datasets.fetched(f"{DATA}/aerial/1.0.0")) == records(here)
    else:
        assert not there.is_prepared()
        with pytest.raises(AssertionError, match=r"aerial/1\.0\.0 is not prepared"):
            there.as_dataset(split="test")
        with pytest.raises(FileNotFoundError, match="is no prepared version"):
            seg_datasets.fetched(f"{DATA}/aerial/1.0.0")
    marked = sum(key.endswith(".done") for key in bucket.keys("lake"))
    bucket.asked.clear()
    build(drawn, DATA)
    written = [path for method, path in bucket.asked if method == "PUT" and ".building/" in path]
    again = 0 if last.startswith("DELETE") else len(records(here)) - marked
    assert sum(path.endswith("-of-00001") for path in written) == again
    assert {*_built(bucket)} == {path.name for path in here.iterdir()}
    for shard, data in records(here).items():
        assert _built(bucket)[shard] == data


def test_faults_that_pass_do_not_stop_a_build(bucket, drawn):
    faults = {
        ".lock": buckets.CUT,  # put, but who put it is not told so
        "train.tfrecord-00000-of-00001": buckets.RESET,
        "train.tfrecord-00000-of-00001.done": 503,
        "manifest.jsonl": 500,
        "dataset_info.json": buckets.CUT,
    }

    def once(method, path):
        found = [name for name in faults if path.endswith(name) and method == "PUT"]
        return faults.pop(found[0]) if found else None

    bucket.fault = once
    try:
        build(drawn, DATA)
    finally:
        bucket.fault = lambda method, path: None
    assert not faults
    assert "dataset_info.json" in _built(bucket)


def test_of_two_builds_one_is_refused(bucket, drawn, hasty, monkeypatch):
    monkeypatch.setattr(core_bucket, "_DEAD", 60.0)  # the other is seen to be alive before
    with (
        core_bucket.building(f"{DATA}/aerial/1.0.0", DATA),
        pytest.raises(workspace.BusyError, match=r"is building s3://lake/tfds/aerial/1\.0\.0"),
    ):
        build(drawn, DATA)
    assert bucket.keys("lake") == []


def test_a_version_that_another_build_has_just_made_is_left_alone(bucket, drawn, here, monkeypatch):
    bucket.upload(here, f"{DATA}/aerial/1.0.0")
    before = _built(bucket)
    monkeypatch.setattr(Builder, "_is_there", lambda builder: False)  # a moment ago
    build(drawn, DATA)
    assert _built(bucket) == before


def test_a_build_that_was_taken_for_dead_puts_nothing_in_place(bucket, tmp_path, hasty):
    version = f"{DATA}/aerial/1.0.0"
    with core_bucket.building(version, DATA) as (_, asleep):
        asleep._ended.set()
        with core_bucket.building(version, DATA) as (_, other):
            with pytest.raises(workspace.BusyError, match=r"another build .* has taken over"):
                core_bucket.publish(version, tmp_path, {}, lease=asleep)
            other.hold()
    assert bucket.keys("lake") == []


def test_a_store_without_conditional_puts_is_written_to_and_says_so(bucket, hasty, caplog):
    alone = core_bucket.building(f"{DATA}/aerial/1.0.0", DATA)
    with bucket.failing("PUT", ".lock", 501, None, 501), alone:
        assert bucket.keys("lake") == ["tfds/.building/aerial-1.0.0.lock"]
    assert "this store cannot put what is new only" in caplog.text


def test_a_version_that_was_made_anew_is_brought_anew(bucket, raw):
    build(raw, DATA)
    before = records(seg_datasets.fetched(f"{DATA}/aerial/1.0.0"))
    change_pixel(raw)
    with pytest.raises(ledger.LedgerError, match=r"This is not version 1\.0\.0"):
        build(raw, DATA)
    build(raw, DATA, download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS)
    assert records(seg_datasets.fetched(f"{DATA}/aerial/1.0.0")) != before


def test_workers_of_beam_write_into_the_bucket(bucket, drawn, here):
    from apache_beam.options.pipeline_options import PipelineOptions

    bucket.upload(drawn, RAW)
    options = PipelineOptions(runner="DirectRunner", direct_running_mode="in_memory")
    build(RAW, DATA, beam_options=options)
    for name, data in records(here).items():
        assert _built(bucket)[name] == data


def test_verify_and_diff_look_into_the_bucket(bucket, drawn, here, monkeypatch, capsys):
    monkeypatch.setenv("SEG_DATASETS_CHECKSUMS", str(here.parents[2] / "checksums"))
    build(drawn, DATA)
    capsys.readouterr()
    given = {"data_dir": DATA, "version": "", "content": False, "json": ""}
    monkeypatch.setattr(verify, "FLAGS", types.SimpleNamespace(**given))
    monkeypatch.setattr(diff, "FLAGS", types.SimpleNamespace(**given, most=5))
    assert verify.main(["verify", "aerial"]) == 0
    assert capsys.readouterr().out == ("s3://lake/tfds/aerial/1.0.0: as recorded, 3 shards read\n")
    assert diff.main(["diff", "aerial:1.0.0", "aerial:1.0.0"]) == 0
    name = f"{VERSION}aerial-train.tfrecord-00000-of-00001"
    data = bytearray(bucket.get("lake", name))
    data[100] ^= 1
    bucket.put("lake", {name: bytes(data)})
    assert verify.main(["verify", "aerial"]) == 1
    assert "train.tfrecord-00000-of-00001 has other bytes" in capsys.readouterr().out
    with bucket.failing("GET", "lake", *[403] * 9):
        assert verify.main(["verify", "aerial"]) == 2
    assert "access denied" in capsys.readouterr().err


def test_recipes_read_from_the_bucket(bucket, here):
    from recipes.core import dataset

    bucket.upload(here, f"{DATA}/aerial/1.0.0")  # a version that was copied there is one too
    for name in ("aerial", "aerial:1.0.0"):
        builder = dataset.open_builder(name, data_dir=DATA)
        assert (
            len(list(builder.as_dataset(split="test"))) == builder.info.splits["test"].num_examples
        )
    with pytest.raises(dataset.DatasetError, match=r"There is no dataset 'aeriel'.* mean aerial"):
        dataset.open_builder("aeriel", data_dir=DATA)
    denied = pytest.raises(dataset.DatasetError, match="access denied")
    with bucket.failing("GET", "lake", *[403] * 9), denied:
        dataset.open_builder("aerial", data_dir=DATA)


def test_hostile_names_beside_a_version_are_not_brought(bucket, here):
    bucket.upload(here, f"{DATA}/aerial/1.0.0")
    names = {*_built(bucket), ".mirror.json"}
    strange = (*HOSTILE, "below/a.json", ".mirror.json", "long" * 70)
    bucket.put("lake", {f"{VERSION}{key}": b"x" for key in strange})
    folder = seg_datasets.fetched(f"{DATA}/aerial/1.0.0")
    assert {path.name for path in folder.iterdir()} == names
