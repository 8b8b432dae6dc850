"""A version is a promise: the same bytes everywhere, no silent change, nothing lost."""

from __future__ import annotations

import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from builds import Builder, build, change_pixel, records
from seg_datasets import registration
from seg_datasets.core import checks, workspace


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


class TestRefusal:
    def test_errors_stop_the_build_before_anything_is_written(self, raw, tmp_path):
        for path in sorted((raw / "masks").iterdir())[:7]:
            path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(checks.RefusedError, match="SD004") as caught:
            build(raw, tmp_path / "data")
        assert [f.code for f in caught.value.findings].count("SD004") == 7
        assert not list((tmp_path / "data").rglob("*-of-*"))
        assert not (tmp_path / "data/.building").exists()

    def test_refusal_survives_the_way_between_processes(self, raw, tmp_path):
        sorted((raw / "masks").iterdir())[0].unlink()
        with pytest.raises(checks.RefusedError) as caught:
            build(raw, tmp_path / "data")
        again = pickle.loads(pickle.dumps(caught.value))
        assert str(again) == str(caught.value)
        assert again.findings == caught.value.findings

    def test_missing_raw_folder_says_how_to_lay_it_out_and_to_draw_one(self, tmp_path):
        with pytest.raises(AssertionError, match=r"seg_datasets\.aerial\.sample"):
            build(tmp_path / "nowhere", tmp_path / "data")

    def test_missing_raw_folder_is_told_with_the_flag_and_the_script_that_draws_one(self):
        told = registration.builder_class("neu_seg").MANUAL_DOWNLOAD_INSTRUCTIONS
        assert told.startswith("Give the raw folder with --manual_dir=RAW.\n\nRAW holds")
        assert told.endswith("`python -m seg_datasets.neu_seg.dummy RAW`")

    def test_folder_named_after_the_dataset_is_found(self, raw, tmp_path):
        (tmp_path / "manual").mkdir()
        raw.rename(tmp_path / "manual/aerial")
        assert build(tmp_path / "manual", tmp_path / "data").is_dir()

    def test_file_changed_after_it_was_looked_at_stops_the_build(self, raw, tmp_path, monkeypatch):
        from seg_datasets.core import collecting, write

        collect = collecting.collect

        def then_change(*args, **kwargs):
            seen = collect(*args, **kwargs)
            change_pixel(raw)
            return seen

        monkeypatch.setattr(collecting, "collect", then_change)
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
    from seg_datasets.core import looking

    monkeypatch.setattr(
        "seg_datasets.core.sources.folder._FRESH", 0
    )  # the raw files are younger than that
    build(raw, tmp_path / "a")
    looked = []
    look_at = looking.look_at
    monkeypatch.setattr(
        looking, "look_at", lambda one, **kwargs: looked.append(one.id) or look_at(one, **kwargs)
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
