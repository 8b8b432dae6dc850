"""Whatever goes wrong, a build ends in a whole version or says what to do, and the next goes on."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import pathlib
import resource
import signal
import threading
from collections.abc import Iterator

import pytest
from tensorflow_datasets.core.download import GenerateMode

from builds import build, change_pixel, everything, records
from seg_datasets.core import (
    collecting,
    disks,
    ledger,
    pipelines,
    shards,
    verification,
    workspace,
    write,
)
from test_build_drawn import Town, draw_town


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """What a full disk looks like to whoever writes, without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def raising(number: int, path: pathlib.Path):
    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number), str(path))

    return fail


def left_in(data: pathlib.Path) -> list[str]:
    """Everything but the finished version."""
    names = (path.relative_to(data).as_posix() for path in data.rglob("*"))
    return [name for name in names if not name.startswith(("aerial/1.0.0", "downloads"))]


class TestDisks:
    @pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
    def test_full_disk_is_told_with_its_folder_and_the_next_run_goes_on(
        self, raw, tmp_path, monkeypatch, file_format
    ):
        reference = build(raw, tmp_path / "reference", file_format=file_format, num_shards=2)
        data, made, write_shard = tmp_path / "data", [], write.write_shard

        def fourth_finds_no_room(job, **kwargs):
            made.append(job.path)
            with no_file_larger_than(1000 if len(made) == 4 else 1 << 30):
                write_shard(job, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(write, "write_shard", fourth_finds_no_room)
            with pytest.raises(disks.FullError, match=r"data.* takes no more .*--data_dir"):
                build(raw, data, file_format=file_format, num_shards=2)
        assert not list(data.rglob("*.tmp"))
        assert not list(data.rglob("dataset_info.json"))
        kept = {p.name: p.stat().st_ino for p in data.glob(".building/*/*/*-of-0000?")}
        assert len(kept) == 3
        version = build(raw, data, file_format=file_format, num_shards=2)
        assert records(version) == records(reference)
        assert {name: (version / name).stat().st_ino for name in kept} == kept
        assert left_in(data) == ["aerial"]

    def test_folder_that_cannot_be_written_is_told(self, raw, tmp_path, monkeypatch):
        data = tmp_path / "data"
        with monkeypatch.context() as patched:
            patched.setattr(pathlib.Path, "mkdir", raising(errno.EROFS, data / ".building"))
            with pytest.raises(disks.ReadOnlyError, match=r"cannot be written.*--data_dir"):
                build(raw, data)
        build(raw, data)

    @pytest.mark.parametrize(
        ("number", "error"), [(errno.ENOSPC, disks.FullError), (errno.EACCES, disks.ReadOnlyError)]
    )
    def test_of_the_ledger_its_own_folder_is_told(self, tmp_path, monkeypatch, number, error):
        path = tmp_path / "checksums/aerial.json"
        monkeypatch.setattr(ledger, "load", raising(number, path))
        with pytest.raises(error, match=r"checksums.*\$SEG_DATASETS_CHECKSUMS"):
            ledger.record(path, "aerial", ledger.Entry("1", 0, "", (), "", "", {}, {}, 0, {}))

    def test_errors_of_what_is_only_read_stay_as_they_are(self, tmp_path):
        with (
            pytest.raises(PermissionError, match="raw/images"),
            disks.told(tmp_path / "data", elsewhere="--data_dir"),
        ):
            raising(errno.EACCES, tmp_path / "raw/images")()

    def test_cache_that_cannot_be_written_is_told_once_and_done_without(
        self, raw, tmp_path, monkeypatch, caplog
    ):
        (tmp_path / "file").write_text("no folder")
        monkeypatch.setenv("SEG_DATASETS_CACHE", str(tmp_path / "file"))
        with caplog.at_level(logging.WARNING):
            build(raw, tmp_path / "data")
        told = [r for r in caplog.messages if "everything" in r or "looked at anew" in r]
        assert len(told) == 1
        assert "$SEG_DATASETS_CACHE" in told[0]


def swap(path: pathlib.Path) -> None:
    """Other bytes, same size, same modification time."""
    times, data = path.stat(), path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def put_a_folder(path: pathlib.Path) -> None:
    path.unlink()
    path.mkdir()


class TestRawFiles:
    @pytest.mark.parametrize(
        "change", [pathlib.Path.unlink, put_a_folder, swap, lambda path: os.truncate(path, 9)]
    )
    def test_file_that_changes_before_it_is_written_is_named(
        self, raw, tmp_path, monkeypatch, change
    ):
        target = sorted((raw / "images").iterdir())[5]
        data, collect = target.read_bytes(), collecting.collect

        def then_change(*args, **kwargs):
            seen = collect(*args, **kwargs)
            change(target)
            return seen

        with monkeypatch.context() as patched:
            patched.setattr(collecting, "collect", then_change)
            with pytest.raises(write.ChangedError, match=f"images/{target.name} changed while"):
                build(raw, tmp_path / "data")
        assert not list(tmp_path.rglob("dataset_info.json"))
        if target.is_dir():
            target.rmdir()
        target.write_bytes(data)
        version = build(raw, tmp_path / "data")
        assert verification.verify(version, tmp_path / "checksums/aerial.json", content=True).sound

    @pytest.mark.parametrize("remove", [False, True])
    def test_shapes_that_change_after_they_were_read_are_no_part_of_a_version(
        self, tmp_path, monkeypatch, remove
    ):
        drawn = draw_town(tmp_path / "raw")
        target, collect = drawn / "elm_1.json", collecting.collect
        fields = json.loads(target.read_text())

        def then_change(*args, **kwargs):
            seen = collect(*args, **kwargs)
            fields["shapes"][0]["points"][0][0] += 1
            target.unlink() if remove else target.write_text(json.dumps(fields))
            return seen

        with monkeypatch.context() as patched:
            patched.setattr(collecting, "collect", then_change)
            with pytest.raises(write.ChangedError, match=r"elm_1\.json changed while"):
                build(drawn, tmp_path / "data", cls=Town)
        assert not list(tmp_path.rglob("dataset_info.json"))
        target.write_text(json.dumps(fields))
        version = build(drawn, tmp_path / "data", cls=Town)
        assert verification.verify(version, tmp_path / "checksums/town.json", content=True).sound


class TestLeftovers:
    def test_of_a_build_killed_at_its_very_end_go_with_the_next(self, raw, tmp_path):
        data = tmp_path / "data"
        version = build(raw, data)
        (data / ".building/aerial-1.0.0.done/shards").mkdir(parents=True)
        (data / ".building/aerial-1.0.0.lock").touch()
        (data / "aerial/incomplete.ABCDEF_1.0.0").mkdir()
        before = everything(version)
        build(raw, data)
        assert left_in(data) == ["aerial"]
        assert everything(version) == before

    def test_half_a_ledger_goes_with_the_next_that_is_recorded(self, raw, tmp_path):
        half = tmp_path / "checksums/aerial.json.0123.tmp"
        half.parent.mkdir()
        half.write_text("{")
        build(raw, tmp_path / "data", register_checksums=True)
        assert [path.name for path in half.parent.iterdir()] == ["aerial.json"]

    def test_note_of_the_default_config_that_tfds_left_goes_with_the_last_build(self, tmp_path):
        note = tmp_path / "town/.config/incomplete.0123.metadata.json"
        note.parent.mkdir(parents=True)
        note.touch()
        with workspace.opened(tmp_path, tmp_path / "town/a/1.0.0"):
            with workspace.opened(tmp_path, tmp_path / "town/b/1.0.0"):
                pass
            assert note.exists()  # it may be the other's
        assert not note.exists()

    def test_worker_that_outlives_its_build_leaves_nothing(self, tmp_path):
        recipe = shards.Recipe("raw", None, None, "tfrecord")
        job = shards.ShardJob(str(tmp_path / "gone/shard"), (), recipe)
        with pytest.raises(FileNotFoundError, match="share the file system"):
            write.write_shard(job)
        assert not list(tmp_path.glob("gone*"))


class TestAtOnce:
    def test_folder_that_another_build_removes_as_it_ends_is_made_again(
        self, tmp_path, monkeypatch
    ):
        made, mkdir = [], pathlib.Path.mkdir

        def then_gone(path, *args, **kwargs):
            mkdir(path, *args, **kwargs)
            if path.name == ".building" and not made:
                made.append(path)
                path.rmdir()

        monkeypatch.setattr(pathlib.Path, "mkdir", then_gone)
        with workspace.opened(tmp_path, tmp_path / "town/1.0.0") as folder:
            assert folder.is_dir()
        assert made
        assert not list(tmp_path.iterdir())

    def test_file_that_another_recording_build_removes_is_not_missed(
        self, raw, tmp_path, monkeypatch
    ):
        unlink = pathlib.Path.unlink

        def twice(path, *args, **kwargs):
            unlink(path, *args, **kwargs)
            if path.suffix == ".tsv":
                unlink(path, *args, **kwargs)

        monkeypatch.setattr(pathlib.Path, "unlink", twice)
        build(raw, tmp_path / "data", register_checksums=True)
        assert (tmp_path / "checksums/aerial.json").is_file()


class TestReplacing:
    def test_version_comes_back_where_none_takes_its_place(self, raw, tmp_path, monkeypatch):
        version = build(raw, tmp_path / "data")
        before = everything(version)
        there = []

        def fail(*args, **kwargs):
            there.append(version.exists())  # what a build that is killed now would leave
            raise OSError(errno.EIO, "broken")

        with monkeypatch.context() as patched:
            patched.setattr(write, "run", fail)
            with pytest.raises(OSError, match="broken"):
                build(raw, tmp_path / "data", download_mode=GenerateMode.REUSE_CACHE_IF_EXISTS)
        assert there == [False]
        assert everything(version) == before

    def test_version_that_is_replaced_goes(self, raw, tmp_path):
        build(raw, tmp_path / "data")
        change_pixel(raw)
        version = build(raw, tmp_path / "data", download_mode=GenerateMode.REUSE_CACHE_IF_EXISTS)
        assert records(version) == records(build(raw, tmp_path / "other"))
        assert left_in(tmp_path / "data") == ["aerial"]


class TestWorkers:
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # Beam's
    def test_death_of_a_worker_process_ends_the_pipeline(self):
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions

        def die(number: int) -> None:
            os.kill(os.getpid(), number)

        options = PipelineOptions(runner="DirectRunner", direct_running_mode="multi_processing")
        too_long = threading.Timer(300, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
        too_long.start()
        handlers = signal.getsignal(signal.SIGUSR1), threading.excepthook
        try:
            with (
                pytest.raises(pipelines.WorkerError, match=r"137.*goes on with them"),
                pipelines.watched(),
                beam.Pipeline(options=options) as pipeline,
            ):
                _ = pipeline | beam.Create([signal.SIGKILL.value]) | beam.Map(die)
        finally:
            too_long.cancel()
        assert (signal.getsignal(signal.SIGUSR1), threading.excepthook) == handlers
