"""Reading a manifest: rows in record order, and files that anybody may have edited."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_datasets.core import manifest
from seg_datasets.core.manifest import ManifestError

ROW = {
    "id": "rome/0001",
    "split": "train",
    "shard": 0,
    "group": "rome",
    "image_sha256": "ab" * 32,
    "ids_sha256": "cd" * 32,
    "height": 4,
    "width": 5,
}


def write(folder, *lines):
    (folder / manifest.NAME).write_text("".join(f"{line}\n" for line in lines))


def test_rows_have_their_place_in_their_shard(tmp_path):
    shards = [("train", 0), ("train", 0), ("train", 1), ("test", 0), ("train", 1)]
    rows = (json.dumps({**ROW, "split": split, "shard": shard}) for split, shard in shards)
    write(tmp_path, *rows)
    assert [row.at for row in manifest.read(tmp_path)] == [0, 1, 0, 0, 1]


@pytest.mark.parametrize(
    "line",
    [
        *("{", "[]", "7", '"text"', "null", "NaN", "{}", "\x00", "[" * 100_000, "7" * 5000),
        *(json.dumps({**ROW, "id": "\ud800"}), json.dumps({**ROW, "id": "x" * (1 << 20)})),
    ],
)
def test_line_that_is_no_row_is_refused_with_its_number(tmp_path, line):
    write(tmp_path, json.dumps(ROW), line, json.dumps(ROW))
    with pytest.raises(ManifestError, match=r"line 2.*build it again"):
        list(manifest.read(tmp_path))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("id", 7), ("id", None), ("split", []), ("group", {}), ("shard", "0")),
        *(("shard", True), ("shard", -1), ("shard", 10**12), ("height", 1.5)),
        *(("image_sha256", "ab"), ("ids_sha256", "G" * 64), ("ids_sha256", 64 * 7)),
    ],
)
def test_field_of_another_kind_is_named(tmp_path, field, value):
    write(tmp_path, json.dumps({**ROW, field: value}))
    with pytest.raises(ManifestError, match=field):
        list(manifest.read(tmp_path))


def test_missing_manifest(tmp_path):
    with pytest.raises(ManifestError, match="build it again"):
        list(manifest.read(tmp_path))


@given(st.binary())
def test_any_bytes_are_rows_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    (folder / manifest.NAME).write_bytes(data)
    with contextlib.suppress(ManifestError):
        list(manifest.read(folder))
