"""Is a version a promise? Builds the sample in six ways and kills ten builds, all by `tfds build`.

    python benchmarks/same_bytes.py               # about three minutes

Prints whether all record files are the same bytes, and those of the ledger; and whether ever a
version could be loaded that was not whole. Exit status 1 if anything differs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from absl import app, flags

from seg_datasets import registration
from seg_datasets.aerial import sample
from seg_datasets.core import ledger

_KILLS = flags.DEFINE_integer("kills", 10, "Builds that are killed at random moments.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the moments.")

_PACKAGE = pathlib.Path(registration.__file__).parent
_BEAM = "runner=DirectRunner,direct_num_workers=2,direct_running_mode="


def command(raw: pathlib.Path, data: pathlib.Path, *more: str) -> list[str]:
    tfds = [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build"]
    return [*tfds, str(_PACKAGE / "aerial"), f"--manual_dir={raw}", f"--data_dir={data}", *more]


def environment(folder: pathlib.Path, **more: str) -> dict[str, str]:
    # A cache of its own for each build: nothing is taken over from another.
    return {**os.environ, "SEG_DATASETS_CACHE": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3", **more}


def digests(version: pathlib.Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in version.glob("*-of-*")}


def recorded() -> dict[str, str]:
    """What the ledger says of the sample."""
    entry = ledger.load(registration.builder_class("aerial").ledger_path())[
        "1.0.0+sample-120x256-seed0"
    ]
    return {
        f"aerial-{split}.tfrecord-{i:05d}-of-{len(shards):05d}": sha256
        for split, fields in entry.splits.items()
        for shards in [fields["shards"]["tfrecord"]]
        for i, sha256 in enumerate(shards)
    }


def six_ways(raw: pathlib.Path, folder: pathlib.Path) -> bool:
    moved = folder / "another" / "place"
    shutil.copytree(raw, moved)
    ways = {
        "PYTHONHASHSEED=0": (raw, {"PYTHONHASHSEED": "0"}, ()),
        "PYTHONHASHSEED=1, raw data moved": (moved, {"PYTHONHASHSEED": "1"}, ()),
        "PYTHONHASHSEED=4711, 1 worker": (
            raw,
            {"PYTHONHASHSEED": "4711", "SEG_DATASETS_WORKERS": "1"},
            (),
        ),
        "2 workers": (raw, {"SEG_DATASETS_WORKERS": "2"}, ()),
        "Beam, in memory": (raw, {}, (f"--beam_pipeline_options={_BEAM}in_memory",)),
        "Beam, processes": (raw, {}, (f"--beam_pipeline_options={_BEAM}multi_processing",)),
    }
    expected, same = recorded(), True
    for index, (name, (where, variables, more)) in enumerate(ways.items()):
        data = folder / f"data-{index}"
        settings = environment(folder / f"cache-{index}", **variables)
        start = time.perf_counter()
        subprocess.run(command(where, data, *more), env=settings, check=True, capture_output=True)
        found = digests(data / "aerial/1.0.0")
        same &= found == expected
        verdict = "as in the ledger" if found == expected else "DIFFERENT"
        print(f"{name:36}{time.perf_counter() - start:6.1f} s  {verdict}", flush=True)
    return same


def kills(raw: pathlib.Path, folder: pathlib.Path, count: int, seed: int) -> bool:
    import tensorflow_datasets as tfds

    moments = random.Random(seed)
    data, cache, expected = folder / "killed", folder / "cache-killed", recorded()
    version = data / "aerial/1.0.0"
    start = time.perf_counter()
    subprocess.run(
        command(raw, folder / "whole"), env=environment(cache), check=True, capture_output=True
    )
    whole = time.perf_counter() - start
    sound, midway = True, 0
    for index in range(count):
        # The first half of a build is Python's imports; in the second, files are looked at and
        # written.
        moment = moments.uniform(0.5, 1.0) * whole
        settings = environment(folder / f"cache-killed-{index}")
        with subprocess.Popen(
            command(raw, data, "--num_shards=8"),
            env=settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            process.send_signal(signal.SIGKILL)
        midway += (data / ".building").exists()
        if version.exists():
            examples = sum(1 for _ in tfds.builder_from_directory(version).as_dataset("train"))
            sound &= examples == 88
            shutil.rmtree(version)
        left = "half a build" if (data / ".building").exists() else "nothing half-made"
        print(f"killed after {moment:5.2f} s of {whole:.1f}: {left}", flush=True)
    subprocess.run(command(raw, data), env=environment(cache), check=True, capture_output=True)
    found = digests(version) == expected
    clean = sorted(p.name for p in data.iterdir()) == ["aerial", "downloads"]
    clean &= [p.name for p in (data / "aerial").iterdir()] == ["1.0.0"]
    print(
        f"{count} kills, {midway} in the middle of a build; what could be loaded was whole: "
        f"{sound}; the next build is as in the ledger: {found}, and leaves nothing else: {clean}"
    )
    return sound and found and clean


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    with tempfile.TemporaryDirectory(prefix="same-bytes-") as name:
        folder = pathlib.Path(name)
        sample.draw(folder / "raw")
        same = six_ways(folder / "raw", folder)
        sound = kills(folder / "raw", folder, _KILLS.value, _SEED.value)
    sys.exit(0 if same and sound else 1)


if __name__ == "__main__":
    app.run(main)
