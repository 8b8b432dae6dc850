"""The ledger and `verify`: what a version is, and whether what lies there is it."""

from __future__ import annotations

import dataclasses
import json
from concurrent import futures

import pytest
import tensorflow_datasets as tfds
from PIL import Image

from builds import CHANGES, Builder, build, change_pixel, everything
from seg_datasets.aerial import sample
from seg_datasets.core import ledger, verification


class TestLedger:
    @pytest.mark.parametrize("change", CHANGES)
    def test_changed_raw_data_is_refused_by_name_and_nothing_is_touched(
        self, raw, tmp_path, change
    ):
        build(raw, tmp_path / "data", register_checksums=True)
        before = everything(tmp_path / "data"), everything(tmp_path / "checksums")
        said = change(raw)
        for register in (False, True):
            for data_dir in (tmp_path / "data", tmp_path / "fresh"):
                with pytest.raises(ledger.LedgerError, match="raise VERSION") as caught:
                    build(raw, data_dir, register_checksums=register)
                assert said in str(caught.value)
        assert before == (everything(tmp_path / "data"), everything(tmp_path / "checksums"))
        assert not (tmp_path / "fresh/aerial/1.0.0").exists()

    @pytest.mark.parametrize("change", CHANGES)
    def test_prepared_but_unrecorded_version_is_not_passed_off_as_the_new_data(
        self, raw, tmp_path, change
    ):
        build(raw, tmp_path / "data")
        said = change(raw)
        with pytest.raises(ledger.LedgerError) as caught:
            build(raw, tmp_path / "data")
        assert said in str(caught.value)

    def test_recorded_version_builds_again_in_another_place(self, raw, tmp_path):
        build(raw, tmp_path / "data", register_checksums=True)
        build(raw, tmp_path / "other")
        build(raw, tmp_path / "data")

    def test_registering_later_records_what_was_built(self, raw, tmp_path):
        version = build(raw, tmp_path / "data")
        build(raw, tmp_path / "data", register_checksums=True)
        entries = ledger.load(tmp_path / "checksums/aerial.json")
        assert entries == {"1.0.0+sample-20x48-seed3": ledger.load_entry(version)}

    def test_two_that_record_at_once_both_get_in(self, raw, tmp_path):
        version = build(raw, tmp_path / "data")
        entry = ledger.load_entry(version)
        path = tmp_path / "checksums/aerial.json"
        entries = [dataclasses.replace(entry, key=f"1.0.{i}") for i in range(8)]
        with futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: ledger.record(path, "aerial", one), entries))
        assert sorted(ledger.load(path)) == [one.key for one in entries]

    def test_naming_the_raw_folder_does_not_switch_the_ledger_off(self, raw, tmp_path):
        (raw / "edition.txt").unlink()
        build(raw, tmp_path / "data", register_checksums=True)
        (raw / "edition.txt").write_text("other")
        change_pixel(raw)
        for data_dir in ("data", "fresh"):
            with pytest.raises(ledger.LedgerError):
                build(raw, tmp_path / data_dir)

    def test_prepared_version_without_its_entry_is_not_taken_for_sound(self, raw, tmp_path):
        version = build(raw, tmp_path / "data")
        (version / ledger.ENTRY).unlink()
        with pytest.raises(ledger.LedgerError, match="Delete that folder"):
            build(raw, tmp_path / "data")

    def test_recording_needs_the_raw_data(self, raw, tmp_path):
        build(raw, tmp_path / "data")
        builder = Builder(data_dir=str(tmp_path / "data"))
        builder.download_and_prepare()  # without raw data a prepared version is simply used
        config = tfds.download.DownloadConfig(register_checksums=True)
        with pytest.raises(ledger.LedgerError, match="manual_dir"):
            builder.download_and_prepare(download_config=config)

    def test_other_channels_are_another_version(self, raw, tmp_path, monkeypatch):
        for path in (raw / "images").iterdir():
            Image.open(path).convert("L").save(path)
        build(raw, tmp_path / "data", register_checksums=True)
        monkeypatch.setattr(Builder, "CHANNELS", 1)
        with pytest.raises(ledger.LedgerError, match="1x8"):
            build(raw, tmp_path / "other")

    def test_partial_build_stands_in_nobodys_way(self, raw, tmp_path):
        version = build(raw, tmp_path / "data", max_examples_per_split=2)
        build(raw, tmp_path / "data", max_examples_per_split=2)
        with pytest.raises(ledger.LedgerError, match="delete that folder"):
            build(raw, tmp_path / "data")
        assert not verification.verify(version, Builder.ledger_path()).sound

    def test_both_formats_share_an_entry(self, raw, tmp_path):
        for file_format in ("tfrecord", "array_record"):
            build(raw, tmp_path / file_format, file_format=file_format, register_checksums=True)
        (entry,) = ledger.load(tmp_path / "checksums/aerial.json").values()
        assert entry.splits["train"]["shards"].keys() == {"tfrecord", "array_record"}

    def test_changed_split_rule_is_refused(self, raw, tmp_path, monkeypatch):
        import seg_datasets

        build(raw, tmp_path / "data", register_checksums=True)
        rule = seg_datasets.splits.Grouped(
            train=80, validation=10, test=10, group="^[a-z]+", seed=45
        )
        monkeypatch.setattr(Builder, "SPLITS", rule)
        with pytest.raises(ledger.LedgerError, match="the split rule is"):
            build(raw, tmp_path / "other")

    def test_partial_build_is_no_version(self, raw, tmp_path):
        with pytest.raises(ledger.LedgerError, match="max_examples_per_split"):
            build(raw, tmp_path / "a", max_examples_per_split=2, register_checksums=True)
        version = build(raw, tmp_path / "b", max_examples_per_split=2)
        assert tfds.builder_from_directory(version).info.splits["train"].num_examples == 2

    def test_damaged_ledger_is_not_taken_for_an_empty_one(self, raw, tmp_path):
        (tmp_path / "checksums").mkdir()
        (tmp_path / "checksums/aerial.json").write_text("{")
        with pytest.raises(ledger.LedgerError, match="damaged"):
            build(raw, tmp_path / "data")

    def test_edition_must_be_a_word(self, raw, tmp_path):
        (raw / "edition.txt").write_text("../../etc")
        with pytest.raises(ledger.LedgerError, match="edition"):
            build(raw, tmp_path / "data")


def test_sample_is_the_version_that_this_project_has_recorded(tmp_path, monkeypatch):
    """What `make demo` draws and builds, file for file, byte for byte."""
    monkeypatch.delenv("SEG_DATASETS_CHECKSUMS")
    sample.draw(tmp_path / "raw")
    version = build(tmp_path / "raw", tmp_path / "data")
    recorded = ledger.load(Builder.ledger_path())["1.0.0+sample-120x256-seed0"]
    assert recorded.reencoded == 0  # so its bytes depend on no build of an encoder
    assert ledger.load_entry(version).splits == {
        name: {**fields, "shards": {"tfrecord": fields["shards"]["tfrecord"]}}
        for name, fields in recorded.splits.items()
    }


class TestVerify:
    def test_sound_version(self, raw, tmp_path):
        version = build(raw, tmp_path / "data", register_checksums=True)
        result = verification.verify(version, Builder.ledger_path(), content=True)
        assert result.sound
        assert not result.note

    @pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
    def test_flipped_byte_names_the_shard(self, raw, tmp_path, file_format):
        version = build(raw, tmp_path / "data", file_format=file_format)
        shard = sorted(version.glob(f"*train.{file_format}*"))[0]
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 1
        shard.write_bytes(data)
        result = verification.verify(version, Builder.ledger_path())
        assert [p.partition(" ")[0] for p in result.problems] == [shard.name]

    def test_missing_and_additional_shards_are_named(self, raw, tmp_path):
        version = build(raw, tmp_path / "data")
        shard = sorted(version.glob("*test.tfrecord*"))[0]
        shard.rename(version / "aerial-extra.tfrecord-00000-of-00001")
        problems = " ".join(verification.verify(version, Builder.ledger_path()).problems)
        assert "test.tfrecord-00000-of-00001 is missing" in problems
        assert "aerial-extra" in problems

    def test_content_needs_no_manifest_and_a_missing_one_is_told(self, raw, tmp_path):
        version = build(raw, tmp_path / "data")
        (version / "manifest.jsonl").unlink()
        (problem,) = verification.verify(version, Builder.ledger_path(), content=True).problems
        assert problem.startswith("manifest.jsonl")

    def test_renamed_classes_are_found(self, raw, tmp_path):
        version = build(raw, tmp_path / "data")
        (version / "mask.labels.txt").write_text("building\nbackground\n")
        (problem,) = verification.verify(version, Builder.ledger_path()).problems
        assert "mask.labels.txt" in problem

    def test_version_that_agrees_with_itself_but_not_with_the_ledger(self, raw, tmp_path):
        build(raw, tmp_path / "data", register_checksums=True)
        change_pixel(raw)
        ledger_path = Builder.ledger_path()
        entries = json.loads(ledger_path.read_text())
        ledger_path.unlink()
        forged = build(raw, tmp_path / "forged")
        ledger_path.write_text(json.dumps(entries))
        assert not verification.verify(forged, ledger_path).sound
