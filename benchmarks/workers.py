"""What a second Beam worker is worth, and what crosses the shuffle for it.

    python benchmarks/workers.py                # 240 pairs of 2,048², PNG, three rounds
    python benchmarks/workers.py --pairs=60 --rounds=1 --json=FILE

The same pairs are built by `DirectRunner`'s processes, one worker and two in turns, without what an
earlier build remembers. Images are PNGs, whose pixels are hashed, and masks hold other numbers than
ids, so every mask is encoded anew: the work is the processor's. Timed are the stages that workers
do, looking and writing, as the build's own log tells them, with the start of the workers.

Two cores of a virtual machine are often two threads of one core. What two processes gain here with
nothing but arithmetic is measured in every round too: no build can gain more.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent import futures
from typing import Any

import numpy as np
from PIL import Image

STAGES = ("Look", "Write")
ARITHMETIC = 300  # products of two matrices
SHARDS = 16  # of a split: both workers have something to do until the end


def main() -> None:
    """Reads the flags, builds in turns, and prints medians."""
    flags = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    flags.add_argument("--pairs", type=int, default=240)
    flags.add_argument("--size", type=int, default=2048)
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--json", help="also write the figures to this file")
    flags.add_argument("--workers", type=int, help=argparse.SUPPRESS)  # the process of one build
    flags.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)
    said = flags.parse_args()
    if said.workers:
        _build(said.folder, said.workers)
        return
    rounds = []
    with tempfile.TemporaryDirectory() as room:
        folder = pathlib.Path(room)
        draw(folder / "raw", said.pairs, said.size)
        for number in range(said.rounds):
            row: dict[str, Any] = {"arithmetic": arithmetic(1) / arithmetic(2) * 2}
            for workers in (1, 2):
                row[str(workers)] = one(folder, workers, number)
            rounds.append(row)
            print(line(row), flush=True)
    print(summary(rounds, said.pairs))
    if said.json:
        pathlib.Path(said.json).write_text(json.dumps(rounds, indent=1))


def draw(raw: pathlib.Path, pairs: int, size: int) -> None:
    """Noise of another colour and place in each image, and a mask of bars."""
    for name in ("images", "masks"):
        (raw / name).mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 64, (size, size, 3), np.uint8)
    bars = (np.arange(size) // 16)[:, None] + (np.arange(size) // 24)[None]

    def draw_one(i: int) -> None:
        coarse = np.random.default_rng(i).integers(0, 192, (16, 16, 3), np.uint8)
        colour = np.asarray(Image.fromarray(coarse).resize((size, size)))
        pixels = np.roll(noise, 7 * i, axis=(0, 1)) + colour
        Image.fromarray(pixels).save(raw / "images" / f"{i:04d}.png", compress_level=1)
        mask = ((bars + i) % 4).astype(np.uint8)
        Image.fromarray(mask).save(raw / "masks" / f"{i:04d}.png", compress_level=1)

    with futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(draw_one, range(pairs)))


def one(folder: pathlib.Path, workers: int, number: int) -> dict[str, Any]:
    """One build in a process of its own, as its log tells it."""
    cache = folder / f"cache-{number}-{workers}"
    environment = {
        **os.environ,
        "SEG_DATASETS_CACHE": os.fspath(cache),
        "SEG_DATASETS_CHECKSUMS": os.fspath(folder / "checksums"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, __file__, f"--workers={workers}", f"--folder={folder}"]
    began = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    seconds = time.monotonic() - began
    log = json.loads(next((folder / f"data-{workers}").rglob("build_log.json")).read_text())
    subprocess.run(["rm", "-r", folder / f"data-{workers}"], check=True)
    return {"all": seconds, "stages": {stage["name"]: stage for stage in log}}


def _build(folder: pathlib.Path, workers: int) -> None:
    import tensorflow_datasets as tfds
    from apache_beam.options.pipeline_options import PipelineOptions

    import seg_datasets

    class Pairs(seg_datasets.SegmentationBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        CLASSES = seg_datasets.ClassTable("background", "a", "b", "c")
        SOURCE = seg_datasets.sources.ImageMaskFolders(
            values={0: "c", 1: "b", 2: "a", 3: "background"}
        )
        SPLITS = seg_datasets.splits.Grouped(train=1)

    options = PipelineOptions(
        runner="DirectRunner", direct_running_mode="multi_processing", direct_num_workers=workers
    )
    Pairs(data_dir=os.fspath(folder / f"data-{workers}")).download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=os.fspath(folder / "raw"), beam_options=options, num_shards=SHARDS
        )
    )


def arithmetic(processes: int) -> float:
    """Seconds that so many processes multiply the same matrices, each all of them."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(_multiply, [1] * processes, chunksize=1)  # starts and imports
        began = time.monotonic()
        pool.map(_multiply, [ARITHMETIC] * processes, chunksize=1)
        return time.monotonic() - began


def _multiply(times: int) -> float:
    matrix = np.random.default_rng(0).integers(0, 9, (192, 192))  # whole numbers: one thread
    for _ in range(times):
        matrix = matrix @ matrix % 9
    return float(matrix.sum())


def worked(one: dict[str, Any]) -> float:
    """Seconds of the stages that workers do."""
    return float(sum(one["stages"][name]["seconds"] for name in STAGES))


def line(row: dict[str, Any]) -> str:
    """One round."""
    each = {n: " + ".join(f"{row[n]['stages'][s]['seconds']:.1f}" for s in STAGES) for n in "12"}
    return (
        f"{' and '.join(STAGES)}: one worker {each['1']} s, two {each['2']} s: "
        f"{worked(row['1']) / worked(row['2']):.2f} times as fast; arithmetic alone "
        f"{row['arithmetic']:.2f} times"
    )


def summary(rounds: list[dict[str, Any]], pairs: int) -> str:
    """All rounds."""
    gains = [worked(row["1"]) / worked(row["2"]) for row in rounds]
    most = [row["arithmetic"] for row in rounds]
    handed = {s: rounds[0]["2"]["stages"][s]["handed"] / pairs for s in STAGES}
    return (
        f"\ntwo workers: {statistics.median(gains):.2f} times one ({min(gains):.2f}–"
        f"{max(gains):.2f}); arithmetic: {statistics.median(most):.2f} ({min(most):.2f}–"
        f"{max(most):.2f})\nbytes that cross a shuffle, a sample: "
        + ", ".join(f"{name} {size:.1f}" for name, size in handed.items())
    )


if __name__ == "__main__":
    main()
