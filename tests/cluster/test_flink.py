"""A build on a real Flink cluster of two hosts: the same bytes, also when hosts fail.

`make cluster-test` runs these; `flink.py` says what they need.
"""

from __future__ import annotations

import functools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

import flink
from builds import build, records
from hosts import StartError
from seg_datasets import registration
from seg_datasets.aerial import sample

pytestmark = pytest.mark.cluster

_PACKAGE = pathlib.Path(registration.__file__).parent
_HERE = pathlib.Path(__file__).parent

# Of each of the three splits, where something is killed: a tenth of the samples each.
_SHARDS = 10


@pytest.fixture(scope="module")
def aerial(tmp_path_factory):
    """The sample, whole; its records are slow on the cluster."""
    folder = tmp_path_factory.mktemp("aerial") / "raw"
    sample.draw(folder)
    return folder


@pytest.fixture(scope="module")
def cluster(aerial):
    """One cluster for all tests; whoever kills a part of it starts it again."""
    path = os.pathsep.join([str(_HERE / "slow"), *filter(None, [os.environ.get("PYTHONPATH")])])
    with flink.Cluster(environment={"PYTHONPATH": path, "SLOW_RAW": str(aerial)}) as one:
        yield one
    assert flink.leftovers(str(one.folder)) == []


class TestSameBytes:
    @pytest.mark.parametrize("name", ["aerial", "neu_seg/official"])
    def test_and_one_ledger_entry_on_every_engine(self, name, request, tmp_path, cluster):
        raw = request.getfixturevalue("aerial")
        if name != "aerial":
            raw = request.getfixturevalue("real_data") / "neu_seg"
        dataset, _, config = name.partition("/")
        cls = registration.builder_class(dataset)
        ledger = pathlib.Path(os.environ["SEG_DATASETS_CHECKSUMS"], f"{dataset}.json")
        processes = PipelineOptions(
            runner="DirectRunner", direct_running_mode="multi_processing", direct_num_workers=2
        )
        # As the command line has it: without a name, the one config there is.
        cls = functools.partial(cls, config=config or None)
        here = build(raw, tmp_path / "here", cls=cls, register_checksums=True)
        entry = ledger.read_text()
        beam = build(raw, tmp_path / "beam", cls=cls, beam_options=processes)
        start(cluster, name, raw, tmp_path / "flink", "--register_checksums").wait()
        there = tmp_path / "flink" / here.relative_to(tmp_path / "here")
        assert records(there) == records(beam) == records(here)
        assert ledger.read_text() == entry
        for pool in cluster.pools:
            assert "Starting worker" in cluster.log(pool), f"{pool} had nothing to do"

    def test_with_a_job_server_of_the_build_itself(self, drawn, tmp_path, cluster):
        options = cluster.beam_options_flink_runner
        start(cluster, "aerial", drawn, tmp_path / "there", options=options).wait()
        here = build(drawn, tmp_path / "here")
        assert records(tmp_path / "there/aerial/1.0.0") == records(here)

    def test_on_hosts_without_a_network_of_their_own(self, drawn, tmp_path):
        with flink.Cluster(namespaces=False) as one:
            start(one, "aerial", drawn, tmp_path / "there").wait()
        assert flink.leftovers(str(one.folder)) == []
        here = build(drawn, tmp_path / "here")
        assert records(tmp_path / "there/aerial/1.0.0") == records(here)


class TestKilled:
    @pytest.mark.parametrize("victim", ["task-manager-1", "pool-1"])
    def test_in_the_middle_and_the_build_ends_well(self, aerial, tmp_path, cluster, victim):
        data = tmp_path / "there"
        running = start(cluster, "aerial", aerial, data, f"--num_shards={_SHARDS}")
        wait_until(lambda: running.ended or finished_shards(data))
        cluster.kill(victim)
        assert 0 < finished_shards(data) < 3 * _SHARDS, "the kill did not meet the middle"
        cluster.start(victim)
        running.wait()
        here = build(aerial, tmp_path / "here", num_shards=_SHARDS)
        assert records(data / "aerial/1.0.0") == records(here)
        assert sorted(path.name for path in data.iterdir()) == ["aerial", "downloads"]
        assert [path.name for path in (data / "aerial").iterdir()] == ["1.0.0"]

    def test_starter_takes_everything_with_it(self, tmp_path):
        flag = tmp_path / "runs"
        words = ["run", "--", "sh", "-c", f"touch {flag}; sleep 1000"]
        with subprocess.Popen([sys.executable, _HERE / "flink.py", *words]) as starter:
            wait_until(lambda: starter.poll() is not None or flag.exists())
            (mine,) = {one.cluster for one in flink.leftovers() if str(flag) in one.words}
            starter.send_signal(signal.SIGKILL)
        wait_until(lambda: flink.leftovers(mine) == [])


class TestMissing:
    def test_program_is_told_with_the_package_that_has_it(self, monkeypatch):
        monkeypatch.setattr(shutil, "which", lambda program: None)
        with pytest.raises(flink.MissingError, match="apt-get install default-jre-headless"):
            flink.job_server()

    def test_process_that_dies_is_told_with_its_last_words(self, monkeypatch, tmp_path):
        monkeypatch.setattr(flink, "flink_class_path", lambda: str(tmp_path / "nothing"))
        starting = pytest.raises(StartError, match=r"(?s)ended with status 1.*ClassNotFound")
        with starting, flink.Cluster():
            pass


class Running:
    """`tfds build` on a cluster, as a user runs it."""

    def __init__(self, process: subprocess.Popen, cluster: flink.Cluster, log: pathlib.Path):
        self._process, self._cluster, self._log = process, cluster, log

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> None:
        """Waits for the end, and fails with what everybody had to say if it is no good one."""
        status = self._process.wait()
        logs = [self._log, *sorted((self._cluster.folder / "logs").iterdir())]
        told = (f"{p.name}:\n{p.read_text(errors='replace')[-2000:]}" for p in logs)
        assert status == 0, "\n\n".join(told)


def start(
    cluster: flink.Cluster,
    name: str,
    raw: pathlib.Path,
    data: pathlib.Path,
    *more: str,
    options: str | None = None,
) -> Running:
    dataset, _, config = name.partition("/")
    data.mkdir()
    command = cluster.command(
        *(sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build"),
        *(_PACKAGE / dataset, f"--manual_dir={raw}", *([f"--config={config}"] if config else [])),
        # Relative, as people write it: the workers have working directories of their own.
        *("--data_dir=.", f"--beam_pipeline_options={options or cluster.beam_options}", *more),
    )
    log = data.with_name(f"{data.name}.log")
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=data, stdout=said, stderr=said, env=cluster.environment()
        )
    return Running(process, cluster, log)


def finished_shards(data: pathlib.Path) -> int:
    return len([*data.glob(".building/*/*/*.done")])


def wait_until(true: Callable[[], object], *, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
