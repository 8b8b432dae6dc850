"""What a build costs that no one machine holds: millions of samples planned, and its wall clock.

    python benchmarks/scale.py                              # 1 and 10 million samples, Grouped
    python benchmarks/scale.py --samples=1e6,1e7,1e8        # 100 million: 20 GB of disk, minutes
    python benchmarks/scale.py --rules=Grouped,Stratified --json=FILE

Planned is what the driver of a build plans: splits, order, shards, digests, from the facts of all
samples, here drawn from a seed into the columns that a look leaves. Each size is a process of its
own, which is timed and whose largest memory is read when it ends; that the columns lie in a file
that is mapped into memory counts as memory, as far as they were read.

Then the wall clock of the whole build with 1 to 1,000 workers is worked out from that plan and from
what looking at a pair and writing it take in this process, measured on drawn pairs. Assumed is:

* a worker is a core like one of these, and reads its files as fast as this machine reads its own;
* samples are looked at in batches of a few hundred, shards are written whole, the largest first,
  each by one worker: a build takes at least as long as its slowest shard;
* the driver plans alone while everybody waits, and listing the raw folder takes LISTING a file;
* starting workers takes START; nothing fails; storage keeps up, up to STORAGE for all together.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, os.fspath(pathlib.Path(__file__).resolve().parent))
import build
from seg_datasets.core import columns, facts, looking, plan, schema, shards, write
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.sources import Folder, ImageMaskFolders
from seg_datasets.core.splits import Grouped, Stratified, in_use

RULES = {"Grouped": Grouped, "Stratified": Stratified}
WORKERS = (1, 2, 10, 100, 1000)
START = 60.0  # seconds until workers of a cluster do something
LISTING = 5e-5  # seconds a file
STORAGE = 5e9  # bytes a second that raw data and records come and go with, together


def main() -> None:
    """Reads the flags, plans each size in a process of its own, and works out the wall clock."""
    flags = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    flags.add_argument("--samples", default="1e6,1e7")
    flags.add_argument("--rules", default="Grouped", help=f"of {', '.join(RULES)}")
    flags.add_argument("--per_group", type=int, default=100, help="samples of a group, on average")
    flags.add_argument("--pairs", type=int, default=100, help="drawn to measure a sample's cost")
    flags.add_argument("--json", help="also write the figures to this file")
    flags.add_argument("--planned", help=argparse.SUPPRESS)  # the process of one size
    said = flags.parse_args()
    if said.planned:
        print(json.dumps(planned(pathlib.Path(said.planned), said.rules)))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as room:
        look, written = costs(pathlib.Path(room), said.pairs)
        print(
            f"one pair of 512², one core: looked at in {look * 1e3:.2f} ms, written in "
            f"{written * 1e3:.2f} ms\n"
        )
        for count in [int(float(text)) for text in said.samples.split(",")]:
            path = pathlib.Path(room) / "facts.arrow"
            draw(path, count, groups=max(count // said.per_group, 10))
            for rule in said.rules.split(","):
                command = [sys.executable, __file__, f"--planned={path}", f"--rules={rule}"]
                found = json.loads(subprocess.check_output(command, text=True))
                found["wall"] = {
                    str(n): wall_clock(found, n, look=look, written=written) for n in WORKERS
                }
                rows.append(found)
                print(line(found), flush=True)
            path.unlink()
    print(compared(rows))
    if said.json:
        text = json.dumps({"look": look, "write": written, "rows": rows}, indent=1)
        pathlib.Path(said.json).write_text(text)


def draw(path: pathlib.Path, count: int, *, groups: int) -> None:
    """Facts of samples that are nowhere: groups of very unlike sizes, one class that few have."""
    random = np.random.default_rng(0)
    names = pa.array([f"scene_{i:07d}" for i in range(groups)])
    with (
        pa.OSFile(os.fspath(path), "wb") as file,
        pa.ipc.new_stream(
            file, schema.SCHEMA, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
        ) as stream,
    ):
        for first in range(0, count, columns.BATCH):
            stream.write_table(_drawn(random, first, min(columns.BATCH, count - first), names))


def _drawn(random: np.random.Generator, first: int, count: int, names: pa.Array) -> pa.Table:
    group = (len(names) * random.random(count) ** 2).astype(np.int32)
    number = np.arange(first, first + count)
    digests = np.arange(0, 32 * (count + 1), 32, dtype=np.int32)

    def digest() -> pa.Array:
        parts = [None, pa.py_buffer(digests), pa.py_buffer(random.bytes(32 * count))]
        return pa.Array.from_buffers(pa.binary(), count, parts)

    def shared(value: str) -> pa.Array:
        return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [value])

    size = np.exp(random.normal(11.5, 0.7, count)).astype(np.int64)
    rare = group % 50 == 0
    held = 3 + rare.astype(np.int32)
    ends = np.concatenate([[0], np.cumsum(held)]).astype(np.int32)
    classes = np.arange(ends[-1]) - np.repeat(ends[:-1], held)
    amounts = random.integers(1, 1 << 16, ends[-1])
    spelled = [f"{i:09d}" for i in number.tolist()]
    ids = [f"scene_{g:07d}/{name}" for g, name in zip(group.tolist(), spelled, strict=True)]
    made: dict[str, pa.Array] = {
        "sample.id": pa.array(ids),
        "sample.image": pa.array([f"images/{name}.jpg" for name in ids]),
        "sample.mask": pa.array([f"masks/{name}.png" for name in ids]),
        "sample.group": pa.DictionaryArray.from_arrays(group, names),
        "image.sha256": digest(),
        "mask.sha256": digest(),
        "mask.ids": digest(),
        "image.bytes": pa.array(size),
        "image.format": shared("JPEG"),
        "image.mode": shared("RGB"),
        "mask.format": shared("PNG"),
        "mask.mode": shared("L"),
        "mask.bytes": pa.array(size // 20),
        "mask.as_stored": pa.array(np.ones(count, bool)),
        "mask.counts": pa.MapArray.from_arrays(ends, classes.astype(np.int64), amounts),
    }
    for name in ("image.width", "image.height", "mask.width", "mask.height"):
        made[name] = pa.array(np.full(count, 512, np.int32))
    for name in ("image.orientation", "mask.orientation"):
        made[name] = pa.array(np.ones(count, np.int32))
    blank = columns.Facts.of([_BLANK] * count).table
    return pa.table(
        [made.get(field.name, blank.column(field.name)) for field in schema.SCHEMA],
        schema=schema.SCHEMA,
    )


_BLANK = facts.SampleFacts(
    facts.Sample("", "", ""), facts.ImageFacts("", 0), facts.MaskFacts("", 0)
)


def planned(path: pathlib.Path, rule: str) -> dict[str, Any]:
    """Plans a build; seconds of each step, memory, and what the shards are like."""
    imports, began = _memory(), time.monotonic()
    seen = columns.read(path)
    steps, last = {}, began

    def done(step: str) -> None:
        nonlocal last
        now = time.monotonic()
        steps[step], last = now - last, now

    split_of = RULES[rule](train=80, validation=10, test=10).assign(seen, Folder(path.parent))
    done("splits")
    made = plan.make(
        seen, split_of.split_of, splits=in_use(split_of.split_of, seen), sharding=plan.Sharding()
    )
    done("order and shards")
    content = [split.content for split in made.splits]
    done("digests of content")
    digest = made.digest
    done("digest of the plan")
    shards = [int(shard.record_bytes.sum()) for split in made.splits for shard in split.shards]
    done("sizes of shards")
    return {
        "rule": rule,
        "samples": len(seen),
        "seconds": time.monotonic() - began,
        "steps": steps,
        "peak_bytes": _memory(),
        "import_bytes": imports,
        "shards": shards,
        "shard_samples": [length for split in made.splits for length in split.lengths],
        "splits": {split.name: len(split.samples) for split in made.splits},
        "digest": digest,
        "content": content,
    }


def _memory() -> int:
    """The most that this process has held: `getrusage` would tell its parent's, if that is more."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def costs(room: pathlib.Path, pairs: int) -> tuple[float, float]:
    """Seconds that one core looks at a pair and writes it, medians of three rounds."""
    raw = room / "raw"
    build.draw(raw, pairs, 512)
    source, folder = ImageMaskFolders(), Folder(raw)
    table = source.table(ClassTable("background", "a", "b", "c"))
    samples = source.scan(folder).samples
    recipe = shards.Recipe(os.fspath(raw), table, None, "tfrecord")
    looked, written = [], []
    for _ in range(3):
        start = time.process_time()
        seen = [looking.look_at(sample, folder=folder, table=table) for sample in samples]
        middle = time.process_time()
        job = shards.ShardJob(os.fspath(room / "shard"), columns.Facts.of(seen), recipe)
        write.write_shard(job)
        looked.append((middle - start) / pairs)
        written.append((time.process_time() - middle) / pairs)
    return statistics.median(looked), statistics.median(written)


def wall_clock(found: dict[str, Any], workers: int, *, look: float, written: float) -> float:
    """Seconds of a build by so many workers, under the assumptions above."""
    count, stored = found["samples"], sum(found["shards"])
    looking_at = max(count * look / workers, stored / STORAGE)
    free = [0.0] * workers
    for samples in sorted(found["shard_samples"], reverse=True):
        heapq.heapreplace(free, free[0] + samples * written)
    writing = max(*free, 2 * stored / STORAGE)
    start = START if workers > 1 else 0.0
    return start + 2 * count * LISTING + looking_at + found["seconds"] + writing


def line(found: dict[str, Any]) -> str:
    """One size."""
    sizes = np.array(found["shards"])
    steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found["steps"].items())
    walls = ", ".join(f"{n}: {_time(seconds)}" for n, seconds in found["wall"].items())
    return (
        f"{found['samples']:>11,} samples, {found['rule']}: planned in {found['seconds']:.1f} s "
        f"({steps}), {found['peak_bytes'] / 1e9:.2f} GB at most, {found['import_bytes'] / 1e9:.2f} "
        f"of them imports\n  {len(sizes)} shards of {np.median(sizes) / 1e6:.0f} MB, the largest "
        f"{sizes.max() / np.mean(sizes):.2f} times the mean; {found['splits']}\n"
        f"  whole build by workers: {walls}"
    )


def compared(rows: list[dict[str, Any]]) -> str:
    """How time and memory grow, against the samples."""
    told = []
    for rule in dict.fromkeys(row["rule"] for row in rows):
        of_rule = [row for row in rows if row["rule"] == rule]
        for less, more in itertools.pairwise(of_rule):
            times = more["samples"] / less["samples"]
            told.append(
                f"{rule}, {times:g} times the samples: {more['seconds'] / less['seconds']:.1f} "
                f"times the time, {more['peak_bytes'] / less['peak_bytes']:.1f} times the memory"
            )
    return "\n".join(told)


def _time(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    main()
