"""A version is a promise: the same bytes everywhere, no silent change, nothing lost."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from seg_datasets import registration
from seg_datasets.aerial import sample
from seg_datasets.core import checks, ledger, verification, workspace

Builder = registration.builder_class("aerial")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A small drawing of raw data, to be copied, never changed."""
    folder = tmp_path_factory.mktemp("drawn") / "raw"
    sample.draw(folder, scenes=20, size=48, seed=3)
    return folder


@pytest.fixture
def raw(drawn, tmp_path):
    shutil.copytree(drawn, tmp_path / "raw")
    return tmp_path / "raw"


@pytest.fixture(autouse=True)
def own_ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("SEG_DATASETS_CHECKSUMS", str(tmp_path / "checksums"))
    monkeypatch.setenv("SEG_DATASETS_CACHE", str(tmp_path / "cache"))


def build(raw, data_dir, *, file_format=None, cls=Builder, **config):
    builder = cls(data_dir=str(data_dir))
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=str(raw), **config),
        file_format=file_format,
    )
    return pathlib.Path(builder.data_dir)


def records(version):
    """Name → bytes of all record files."""
    return {path.name: path.read_bytes() for path in version.glob("*-of-*")}


def everything(folder):
    """All files below a folder with their bytes and times: what "nothing was touched" means."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def change_pixel(raw):
    path = sorted((raw / "masks").iterdir())[3]
    pixels = np.asarray(Image.open(path)).copy()
    pixels[5, 7] = 1 - pixels[5, 7]
    Image.fromarray(pixels).save(path)
    return f"1 altered (masks/{path.name})"


def add_pair(raw):
    for folder in ("images", "masks"):
        old = sorted((raw / folder).iterdir())[0]
        city = old.name.partition("_")[0]
        pixels = np.asarray(Image.open(old))[::-1]
        Image.fromarray(np.ascontiguousarray(pixels)).save(raw / folder / f"{city}_9999.png")
    return f"2 added (images/{city}_9999.png, masks/{city}_9999.png)"


def remove_pair(raw):
    name = sorted((raw / "images").iterdir())[-1].name
    for folder in ("images", "masks"):
        (raw / folder / name).unlink()
    return f"2 removed (images/{name}, masks/{name})"


CHANGES = (change_pixel, add_pair, remove_pair)


class TestSameBytes:
    def test_wherever_and_whoever_writes(self, raw, tmp_path, monkeypatch):
        from apache_beam.options.pipeline_options import PipelineOptions

        reference = records(build(raw, tmp_path / "a"))
        monkeypatch.setenv("SEG_DATASETS_WORKERS", "1")
        assert records(build(raw, tmp_path / "b")) == reference
        moved = tmp_path / "elsewhere" / "deeper"
        # Created in another order, so listed in another order by most file systems.
        for path in sorted(raw.rglob("*"), reverse=True):
            if path.is_file():
                (moved / path.relative_to(raw)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, moved / path.relative_to(raw))
        assert records(build(moved, tmp_path / "c")) == reference
        for mode in ("in_memory", "multi_processing"):
            options = PipelineOptions(
                runner="DirectRunner", direct_running_mode=mode, direct_num_workers=2
            )
            assert records(build(raw, tmp_path / mode, beam_options=options)) == reference

    @pytest.mark.parametrize("hash_seed", ["1", "4711"])
    def test_whatever_python_hashes_to(self, raw, tmp_path, hash_seed):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build"]
        package = pathlib.Path(registration.__file__).parent
        arguments = [package / "aerial", f"--manual_dir={raw}", f"--data_dir={tmp_path / 'cli'}"]
        subprocess.run([*command, *arguments], env=environment, check=True, capture_output=True)
        assert records(tmp_path / "cli/aerial/1.0.0") == records(build(raw, tmp_path / "here"))

    @pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
    def test_and_the_same_examples_in_each_format(self, raw, tmp_path, file_format):
        version = build(raw, tmp_path / "data", file_format=file_format)
        assert records(version) == records(build(raw, tmp_path / "again", file_format=file_format))
        builder = tfds.builder_from_directory(version)
        if file_format == "tfrecord":
            examples = list(tfds.as_numpy(builder.as_dataset("train")))
        else:
            examples = list(builder.as_data_source("train"))
        assert examples
        for example in examples:
            name = example["id"].decode()
            truth = np.asarray(Image.open(raw / "masks" / f"{name}.png"))
            assert (example["mask"][..., 0] == truth).all()
            assert (
                example["image"] == np.asarray(Image.open(raw / "images" / f"{name}.png"))
            ).all()

    def test_num_shards_is_honoured_and_changes_no_record(self, raw, tmp_path):
        one = build(raw, tmp_path / "one")
        three = build(raw, tmp_path / "three", num_shards=2)
        assert len(records(three)) == 6
        ids = [
            [e["id"] for e in tfds.as_numpy(tfds.builder_from_directory(v).as_dataset("train"))]
            for v in (one, three)
        ]
        assert ids[0] == ids[1]


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
        assert entries == {"1.0.0+sample-20x48-seed3": ledger.load_entry(version / ledger.ENTRY)}

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


class TestRefusal:
    def test_errors_stop_the_build_before_anything_is_written(self, raw, tmp_path):
        for path in sorted((raw / "masks").iterdir())[:7]:
            path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(checks.RefusedError, match="SD004") as caught:
            build(raw, tmp_path / "data")
        assert [f.code for f in caught.value.findings].count("SD004") == 7
        assert not list((tmp_path / "data").rglob("*-of-*"))
        assert not (tmp_path / "data/.building").exists()

    def test_missing_raw_folder_says_how_to_lay_it_out_and_to_draw_one(self, tmp_path):
        with pytest.raises(AssertionError, match=r"seg_datasets\.aerial\.sample"):
            build(tmp_path / "nowhere", tmp_path / "data")

    def test_folder_named_after_the_dataset_is_found(self, raw, tmp_path):
        (tmp_path / "manual").mkdir()
        raw.rename(tmp_path / "manual/aerial")
        assert build(tmp_path / "manual", tmp_path / "data").is_dir()

    def test_file_changed_after_it_was_looked_at_stops_the_build(self, raw, tmp_path, monkeypatch):
        from seg_datasets.core import facts, write

        collect = facts.collect

        def then_change(*args, **kwargs):
            seen = collect(*args, **kwargs)
            change_pixel(raw)
            return seen

        monkeypatch.setattr(facts, "collect", then_change)
        with pytest.raises(write.ChangedError, match="changed while"):
            build(raw, tmp_path / "data")
        assert not (tmp_path / "data/aerial/1.0.0").exists()

    def test_two_builds_at_once_in_one_place(self, raw, tmp_path):
        data = tmp_path / "data"
        with (
            workspace.opened(data, data / "aerial/1.0.0"),
            pytest.raises(workspace.BusyError, match="another process"),
        ):
            build(raw, data)
        assert build(raw, data).is_dir()


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


class TestInterrupted:
    def test_finished_shards_are_not_made_twice(self, raw, tmp_path, monkeypatch):
        from seg_datasets.core import write

        made = []
        write_shard = write.write_shard

        def counted(job, **kwargs):
            if len(made) == 4:
                raise OSError(28, "No space left on device")
            made.append(job.path)
            return write_shard(job, **kwargs)

        monkeypatch.setattr(write, "write_shard", counted)
        with pytest.raises(OSError, match="No space"):
            build(raw, tmp_path / "data", num_shards=2)
        assert not (tmp_path / "data/aerial/1.0.0").exists()
        made.clear()
        version = build(raw, tmp_path / "data", num_shards=2)
        assert len(made) == 2
        monkeypatch.setattr(write, "write_shard", write_shard)
        assert records(version) == records(build(raw, tmp_path / "at_once", num_shards=2))
        assert not (tmp_path / "data/.building").exists()

    def test_killed_build_leaves_nothing_that_loads_and_the_next_one_finishes(self, raw, tmp_path):
        reference = records(build(raw, tmp_path / "reference", num_shards=2))
        script = (
            "import sys, time, tensorflow as tf, tensorflow_datasets as tfds\n"
            "from seg_datasets import registration\n"
            "from seg_datasets.core import write\n"
            "import threading\n"
            "builder = registration.builder_class('aerial')(data_dir=sys.argv[2])\n"
            "record = write.record\n"
            # Slowed down, so that most moments are in the middle of writing.
            "write.record = lambda *a: (time.sleep(.02), record(*a))[1]\n"
            "print('go', flush=True)\n"
            "config = tfds.download.DownloadConfig(manual_dir=sys.argv[1], num_shards=2)\n"
            "builder.download_and_prepare(download_config=config)\n"
            "print('done', flush=True)\n"
        )
        data = tmp_path / "data"
        random = np.random.default_rng(0)
        killed = 0
        for _ in range(3):
            command = [sys.executable, "-c", script, str(raw), str(data)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout.readline() == "go\n"
                time.sleep(random.uniform(0.02, 0.5))
                process.send_signal(signal.SIGKILL)
                killed += process.stdout.readline() != "done\n"
            loads = (data / "aerial/1.0.0").exists()
            if loads:
                assert records(data / "aerial/1.0.0") == reference
            else:
                with pytest.raises(Exception, match=r"not found|No registered|Could not"):
                    tfds.builder_from_directory(data / "aerial/1.0.0")
        assert killed
        version = build(raw, data, num_shards=2)
        assert records(version) == reference
        assert [path.name for path in (data / "aerial").iterdir()] == ["1.0.0"]
        assert not (data / ".building").exists()


def test_rebuild_looks_only_at_what_changed(raw, tmp_path, monkeypatch):
    from seg_datasets.core import facts

    build(raw, tmp_path / "a")
    looked = []
    look_at = facts.look_at
    monkeypatch.setattr(
        facts, "look_at", lambda one, **kwargs: looked.append(one.id) or look_at(one, **kwargs)
    )
    build(raw, tmp_path / "b")
    assert looked == []
    said = change_pixel(raw)
    build(raw, tmp_path / "c")
    assert len(looked) == 1
    assert looked[0] in said


def test_registered_name_loads_with_classes_and_metadata(raw, tmp_path):
    build(raw, tmp_path / "data")
    dataset, info = tfds.load(
        "aerial", split="test", data_dir=str(tmp_path / "data"), with_info=True, as_supervised=True
    )
    image, mask = next(iter(tfds.as_numpy(dataset)))
    assert image.shape[:2] == mask.shape[:2]
    assert info.features["mask"].names == ["background", "building"]
    # What no import of this project is needed for.
    bare = tfds.builder_from_directory(tmp_path / "data/aerial/1.0.0").info
    assert bare.metadata["void_id"] == 255
    assert (
        sum(bare.metadata["class_pixels"]["train"]) == 48 * 48 * info.splits["train"].num_examples
    )
    assert set(bare.metadata["groups"]) == {"train", "validation", "test"}


def test_record_is_what_tfds_itself_would_encode(raw, tmp_path):
    import tensorflow as tf
    from tensorflow_datasets.core import example_serializer

    version = build(raw, tmp_path / "data")
    builder = Builder(data_dir=str(tmp_path / "data"))
    dl_manager = builder._make_download_manager(
        download_dir=None, download_config=tfds.download.DownloadConfig(manual_dir=str(raw))
    )
    features = builder.info.features
    serializer = example_serializer.ExampleSerializer(features.get_serialized_info())
    for split, examples in builder._split_generators(dl_manager).items():
        (shard,) = version.glob(f"*-{split}.tfrecord-*")
        written = tf.data.TFRecordDataset(str(shard)).as_numpy_iterator()
        for (_, example), ours in zip(examples, written, strict=True):
            theirs = serializer.serialize_example(features.encode_example(example))
            assert tf.train.Example.FromString(theirs) == tf.train.Example.FromString(ours)
