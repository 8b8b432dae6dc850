"""`python -m seg_datasets.diff`: what changed between two versions, to the pixel."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

import seg_datasets
from builds import build
from seg_datasets import diff
from seg_datasets.core import ledger
from seg_datasets.core.sources.image_mask_folders import CsvGroups

SIDE = 24
GROUND, ROAD, HOUSE, WATER, VOID = 10, 20, 30, 40, 50
TEST = ("s12", "s13", "s14", "s15")


class Town(seg_datasets.SegmentationBuilder, skip_registration=True):
    """A town that is declared anew for each version."""

    name = "town"


def declare(version, *classes, values):
    Town.VERSION = tfds.core.Version(version)
    Town.RELEASE_NOTES = {version: "A version."}
    Town.CLASSES = seg_datasets.ClassTable(*classes)
    Town.SOURCE = seg_datasets.sources.ImageMaskFolders(values=values)
    Town.SPLITS = seg_datasets.splits.FromLists(
        group=CsvGroups("groups.csv"), train="train.txt", test="test.txt"
    )


def draw(raw: pathlib.Path, seed: int, name: str, size: int = SIDE) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (size, size, 3), np.uint8)
    mask = np.full((size, size), GROUND, np.uint8)
    mask[2:10, :] = ROAD
    mask[12:20, 2:12] = HOUSE
    mask[12:20, 14 : 15 + seed % 8] = WATER
    for folder, array in (("images", image), ("masks", mask)):
        (raw / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(raw / folder / f"{name}.png")


def lists(raw: pathlib.Path, *, test, groups) -> None:
    names = sorted(path.stem for path in (raw / "images").iterdir())
    rows = [f"{name},{groups.get(name, 'of-' + name)}" for name in names]
    (raw / "groups.csv").write_text("\n".join(["id,group", *rows]))
    (raw / "train.txt").write_text("\n".join(n for n in names if n not in test))
    (raw / "test.txt").write_text("\n".join(test))


def repaint(raw: pathlib.Path, name: str, cells, value: int) -> None:
    path = raw / f"masks/{name}.png"
    mask = np.asarray(Image.open(path)).copy()
    mask[cells] = value
    Image.fromarray(mask).save(path)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Three prepared versions; what was planted between them is said in the tests."""
    top = tmp_path_factory.mktemp("town")
    raw, data = top / "raw", top / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEG_DATASETS_CACHE", str(top / "cache"))
        patch.setenv("SEG_DATASETS_CHECKSUMS", str(top / "checksums"))
        for seed in range(16):
            draw(raw, seed, f"s{seed:02d}")
        lists(raw, test=TEST, groups={"s05": "a"})
        values = {GROUND: "ground", ROAD: "road", HOUSE: "house", WATER: "water", VOID: "void"}
        declare("1.0.0", "ground", "road", "house", "water", values=values)
        build(raw, data, cls=Town, register_checksums=True, num_shards=2)

        for folder in ("images", "masks"):
            (raw / folder / "s00.png").unlink()
            (raw / folder / "s07.png").rename(raw / folder / "t07.png")
        draw(raw, 16, "s16")
        repaint(raw, "s03", np.s_[2, :7], HOUSE)
        repaint(raw, "s03", np.s_[12, 2:4], VOID)
        repaint(raw, "s10", np.s_[2, 0], HOUSE)
        shutil.copy(raw / "masks/s06.png", top / "s06.png")
        draw(raw, 106, "s06")
        shutil.copy(top / "s06.png", raw / "masks/s06.png")
        draw(raw, 8, "s08", SIDE + 4)
        lists(raw, test=("s04", *TEST), groups={"s05": "b"})
        values[HOUSE] = "building"
        declare("1.1.0", "ground", "road", "building", "water", values=values)
        build(raw, data, cls=Town, register_checksums=True)

        values[WATER] = "void"
        repaint(raw, "s09", np.s_[2, :3], HOUSE)
        declare("2.0.0", "ground", "building", "road", values=values)
        build(raw, data, cls=Town, register_checksums=True, file_format="array_record")
    return top


@pytest.fixture
def compare(town, tmp_path, monkeypatch, capsys):
    """Runs the command; exit status, the facts as JSON, and what was printed."""
    monkeypatch.setenv("SEG_DATASETS_CHECKSUMS", str(town / "checksums"))
    monkeypatch.setattr(diff, "_ledger_of", lambda name: town / f"checksums/{name}.json")

    def run(*specs, data=town / "data", most=5):
        facts = tmp_path / "facts.json"
        facts.unlink(missing_ok=True)
        status = diff.compare(*specs, data_dir=data, most=most, json_file=str(facts))
        out, err = capsys.readouterr()
        return status, json.loads(facts.read_text()) if facts.exists() else None, out + err

    return run


@pytest.fixture
def copied(town, tmp_path):
    """The prepared versions, to be damaged."""
    shutil.copytree(town / "data/town", tmp_path / "data/town")
    return tmp_path / "data"


def ids(listed):
    assert listed["count"] == len(listed["examples"])
    return [one["id"] for one in listed["examples"]]


class TestPlanted:
    def test_each_change_is_told_and_nothing_else(self, compare):
        status, found, _ = compare("town:1.0.0", "town:1.1.0")
        samples = found["samples"]
        assert status == 1
        assert ids(samples["added"]) == ["s16"]
        assert ids(samples["removed"]) == ["s00"]
        assert samples["renamed"]["examples"] == [{"id": "t07", "before": "s07", "after": "t07"}]
        assert ids(samples["relabelled"]) == ["s03", "s10"]
        assert ids(samples["new_image"]) == ["s06", "s08"]
        assert samples["resized"]["examples"] == [
            {"id": "s08", "before": [24, 24], "after": [28, 28]}
        ]
        assert samples["moved"]["examples"] == [{"id": "s04", "before": "train", "after": "test"}]
        assert samples["moves"] == [["train", "test", 1]]
        # The group of a sample that was renamed bears its name here.
        assert samples["regrouped"]["examples"] == [
            {"id": "s05", "before": "a", "after": "b"},
            {"id": "t07", "before": "of-s07", "after": "of-t07"},
        ]
        assert samples["pairs"] == [
            {"before": "road", "after": "building", "pixels": 8, "samples": 2},
            {"before": "house", "after": "void", "pixels": 2, "samples": 1},
        ]
        assert samples["relabelled"]["examples"][0]["pairs"] == [
            ["road", "building", 7],
            ["house", "void", 2],
        ]
        assert samples["changed_pixels"] == 10
        assert samples["compared"] == 14 * SIDE * SIDE
        assert samples["read"] == 2  # masks that are the same are not read
        assert found["splits"] == {
            "test": {"before": 4, "after": 5, "same_content": False},
            "train": {"before": 12, "after": 11, "same_content": False},
        }

    def test_class_table_and_raw_files(self, compare):
        _, found, _ = compare("town:1.0.0", "town:1.1.0", most=0)
        assert found["classes"]["renamed"] == [["house", "building"]]
        assert not found["classes"]["added"] + found["classes"]["renumbered"]
        assert found["split_rule"] is None
        raw = found["raw"]
        assert [one["file"] for one in raw["removed"]["examples"]] == [
            *("images/s00.png", "images/s07.png", "masks/s00.png", "masks/s07.png"),
        ]
        assert {"groups.csv", "test.txt", "masks/s03.png"} <= {
            one["file"] for one in raw["altered"]["examples"]
        }

    def test_renumbered_classes_are_compared_by_name_across_file_formats(self, compare):
        _, found, printed = compare("town:1.1.0", "town:2.0.0")
        classes, samples = found["classes"], found["samples"]
        assert classes["removed"] == [["water", 3]]
        assert classes["renumbered"] == [["road", 1, 2], ["building", 2, 1]]
        water = sum(8 * (1 + seed % 8) for seed in range(1, 17))
        assert samples["pairs"] == [
            {"before": "water", "after": "void", "pixels": water, "samples": 16},
            {"before": "road", "after": "building", "pixels": 3, "samples": 1},
        ]
        assert samples["relabelled"]["count"] == samples["read"] == 16
        assert samples["new_image"]["count"] == 0
        assert "compared by the names" in printed

    def test_the_way_back_mirrors_it(self, compare):
        _, there, _ = compare("town:1.0.0", "town:2.0.0", most=0)
        _, back, _ = compare("town:2.0.0", "town:1.0.0", most=0)
        turned = [
            {**pair, "before": pair["after"], "after": pair["before"]}
            for pair in back["samples"]["pairs"]
        ]
        assert turned == there["samples"]["pairs"]
        assert ids(there["samples"]["added"]) == ids(back["samples"]["removed"])

    def test_printed_text(self, compare, town):
        _, _, printed = compare("town:1.0.0", str(town / "data/town/1.1.0"), most=1)
        for line in (
            "road → building: 8 px in 2 samples",
            "s03: 9 px (1.56%): road → building 7, house → void 2",
            "s05: a → b and 1 more",
            "house → building, taken for the same class",
        ):
            assert line in printed


class TestNoDifference:
    def test_a_version_and_itself(self, compare):
        status, found, printed = compare("town:1.1.0", "town:1.1.0")
        assert (status, found["differ"]) == (0, False)
        assert "no difference" in printed

    def test_other_record_files_of_the_same_content(self, compare, town, copied):
        path = copied / "town/1.1.0" / ledger.ENTRY
        path.write_text(path.read_text().replace('"tfrecord"', '"array_record"'))
        status, found, _ = compare("town:1.1.0", str(copied / "town/1.1.0"), data=town / "data")
        assert status == 0
        assert "record files differ" in found["notes"][0]


class TestLedgerOnly:
    def test_counts_classes_and_raw_files_are_told_and_what_is_not(self, compare, copied):
        shutil.rmtree(copied / "town/1.0.0")
        status, found, printed = compare("town:1.0.0", "town:1.1.0", data=copied, most=0)
        assert status == 1
        assert found["samples"] is None
        assert found["splits"]["train"]["before"] == 12
        assert found["classes"]["renamed"] == [["house", "building"]]
        assert found["raw"]["named"]
        assert "town:1.0.0 is not prepared here" in printed

    def test_neither_is_prepared(self, compare, tmp_path):
        assert compare("town:1.0.0", "town:2.0.0", data=tmp_path)[0] == 1
        assert compare("town:1.0.0", "town:1.0.0", data=tmp_path)[0] == 0


def _refused(compare, copied, *said, spec="town:1.0.0"):
    status, found, printed = compare(spec, "town:1.1.0", data=copied)
    assert (status, found) == (2, None)
    for words in said:
        assert words in printed


class TestRefusals:
    @pytest.mark.parametrize(
        ("spec", "said"),
        [
            ("town:9.9.9", "which has 1.0.0, 1.1.0, 2.0.0"),
            ("village:1.0.0", "is not prepared in"),
            ("town", "write NAME:VERSION or NAME/CONFIG:VERSION"),
            (":1.0.0", "write NAME:VERSION"),
            (".", "holds no prepared version"),
            ("town:1.0.0+other", "town/1.0.0 holds 1.0.0"),
        ],
    )
    def test_unknown_versions(self, compare, copied, spec, said):
        _refused(compare, copied, said, spec=spec)

    def test_edition_has_to_be_said_where_there_are_several(
        self, compare, town, tmp_path, monkeypatch
    ):
        (entry, *_) = ledger.load(town / "checksums/town.json").values()
        for edition in ("a", "b"):
            one = dataclasses.replace(entry, key=f"3.0.0+{edition}")
            ledger.record(tmp_path / "town.json", "town", one)
        monkeypatch.setattr(diff, "_ledger_of", lambda name: tmp_path / "town.json")
        status, _, printed = compare("town:3.0.0", "town:3.0.0+b", data=tmp_path)
        assert (status, "3.0.0+a, 3.0.0+b" in printed) == (2, True)
        assert compare("town:3.0.0+a", "town:3.0.0+b", data=tmp_path)[0] == 0

    def test_exit_status_is_that_of_diff(self, town):
        versions = [str(town / "data/town" / version) for version in ("1.0.0", "2.0.0")]

        def run(*args):
            command = [sys.executable, "-m", "seg_datasets.diff", *args]
            return subprocess.run(command, capture_output=True, check=False).returncode

        assert run(versions[0], versions[0]) == 0
        assert run(*versions) == 1
        assert run(versions[0]) == 2
        assert run(*versions, "--bogus") == 2
        assert run(*versions, f"--json={town}/none/facts.json") == 2

    def test_manifest_that_is_missing_cut_or_has_a_row_twice(self, compare, copied):
        path = copied / "town/1.0.0/manifest.jsonl"
        rows = path.read_text().splitlines()
        path.write_text("\n".join(rows[:-1]) + "\n")
        _refused(compare, copied, str(path), "rows")
        split = f'"{json.loads(rows[-1])["split"]}"'
        same_split = next(row for row in rows if split in row)
        path.write_text("\n".join([*rows[:-1], same_split]) + "\n")
        _refused(compare, copied, "stands twice")
        path.write_text("\n".join([*rows[:-1], "{"]) + "\n")
        _refused(compare, copied, "line 16", "build it again")
        path.unlink()
        _refused(compare, copied, str(path), "build it again")

    def test_row_of_a_split_that_the_version_does_not_have(self, compare, copied):
        path = copied / "town/1.1.0/manifest.jsonl"
        path.write_text(path.read_text().replace('"split": "train"', '"split": "val"', 1))
        _refused(compare, copied, str(path), "train 11", spec="town:2.0.0")

    def test_partial_build(self, compare, copied):
        path = copied / "town/1.0.0" / ledger.ENTRY
        path.write_text(path.read_text().replace('"partial": false', '"partial": true'))
        _refused(compare, copied, "max_examples_per_split")

    @pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(ledger.Entry)])
    def test_entry_with_a_field_of_another_kind(self, compare, copied, field):
        path = copied / "town/1.0.0" / ledger.ENTRY
        path.write_text(json.dumps({**json.loads(path.read_text()), field: 1.5}))
        if field != "reencoded":  # not looked at
            _refused(compare, copied, ledger.ENTRY)

    @pytest.mark.parametrize("name", ["metadata.json", "dataset_info.json"])
    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"palette": [[0]], "void_id": 255}'])
    def test_damaged_metadata(self, compare, copied, name, text):
        (copied / "town/1.0.0" / name).write_text(text)
        _refused(compare, copied, name)

    @pytest.mark.parametrize("format_and_version", ["1.0.0", "2.0.0"])
    @pytest.mark.parametrize("how", ["missing", "cut", "zeros", "exchanged"])
    def test_damaged_records(self, compare, copied, format_and_version, how):
        for path in (copied / "town" / format_and_version).glob("*-of-*"):
            data = path.read_bytes()
            if how == "missing":
                path.unlink()
            elif how == "exchanged":
                path.write_bytes(data.replace(b"s03", b"s10"))
            else:
                path.write_bytes(data[: len(data) // 2] if how == "cut" else bytes(len(data)))
        _refused(compare, copied, "seg_datasets.verify", spec=f"town:{format_and_version}")
