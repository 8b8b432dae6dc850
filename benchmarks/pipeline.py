"""How fast training is fed: TFDS's own path, ours, and a PyTorch DataLoader over the files.

    python benchmarks/pipeline.py --torch_python=PATH    # 1,000 pairs of 512² JPEG + PNG
    python benchmarks/pipeline.py --rounds=9 --json=FILE

The pairs are drawn and built as in `build.py`. Every row gives batches of random 256² crops,
flipped or not, as float32 pixels and ids. The rows take turns, a few seconds each, so that a
machine whose speed drifts drifts for all of them; what a row has ready when its turn begins is not
counted.

* TFDS: `as_dataset`, which decodes every image whole, then crop and flip; and the same with what
  TFDS keeps in memory of itself, which it does for datasets below 250 MB of one file.
* ours: `recipes.core.data.training_batches`, without and with decoded images kept in memory.
* PyTorch: a DataLoader with OpenCV or Pillow. Its rows need a Python of their own with torch.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from absl import app, flags, logging

sys.path.insert(0, os.fspath(pathlib.Path(__file__).resolve().parent))
import build
import with_torch

_BATCH = flags.DEFINE_integer("batch", 8, "Crops in a batch.")
_BATCHES = flags.DEFINE_integer("batches", 60, "That are timed in each turn.")
_TORCH = flags.DEFINE_string("torch_python", "", "A Python that has torch, OpenCV and Pillow.")
_WORKERS = flags.DEFINE_list("workers", ["2", "3"], "Of the DataLoader.")
_BUILD_HERE = flags.DEFINE_string("build_here", "", "Internal: build into this folder.")
WARM = 12  # batches before a turn is timed: no row keeps as many ready
CROP = 256


def built(raw: pathlib.Path, out: pathlib.Path) -> pathlib.Path:
    """The pairs, built with our builder in a process of its own."""
    if not (out / "pairs" / "1.0.0").exists():
        environment = {
            **os.environ,
            "SEG_DATASETS_CACHE": os.fspath(out / "cache"),
            "SEG_DATASETS_CHECKSUMS": os.fspath(out / "checksums"),
        }
        command = [sys.executable, __file__, f"--folder={raw}", f"--build_here={out}"]
        subprocess.run(command, env=environment, check=True, capture_output=True)
    return out / "pairs" / "1.0.0"


def _build(raw: pathlib.Path, out: pathlib.Path) -> None:
    import tensorflow_datasets as tfds

    import seg_datasets

    class Pairs(seg_datasets.SegmentationBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        CLASSES = seg_datasets.ClassTable("background", "a", "b", "c")
        SOURCE = seg_datasets.sources.ImageMaskFolders()
        SPLITS = seg_datasets.splits.Grouped(train=80, validation=10, test=10)

    config = tfds.download.DownloadConfig(manual_dir=os.fspath(raw))
    Pairs(data_dir=os.fspath(out)).download_and_prepare(download_config=config)


def of_tfds(folder: pathlib.Path, *, autocache: bool) -> Iterator[Any]:
    """Batches as a tutorial makes them."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def crop(example: dict[str, Any]) -> tuple[Any, Any]:
        image, mask = example["image"], example["mask"]
        room = tf.shape(image)[:2] - CROP + 1
        y, x = (tf.random.uniform([], maxval=room[i], dtype=tf.int32) for i in (0, 1))
        image, mask = (a[y : y + CROP, x : x + CROP] for a in (image, mask))
        flip = tf.random.uniform([]) < 0.5
        image, mask = tf.cond(flip, lambda: (image[:, ::-1], mask[:, ::-1]), lambda: (image, mask))
        image = tf.ensure_shape(tf.cast(image, tf.float32), [CROP, CROP, 3])
        return image, tf.ensure_shape(mask, [CROP, CROP, 1])

    stream = tfds.builder_from_directory(os.fspath(folder)).as_dataset(
        split="train",
        shuffle_files=True,
        read_config=tfds.ReadConfig(try_autocache=autocache),
    )
    # No more than this is kept of decoded images, or the row would measure memory.
    stream = stream.shuffle(100).repeat().map(crop, tf.data.AUTOTUNE)
    return iter(stream.batch(_BATCH.value, drop_remainder=True).prefetch(tf.data.AUTOTUNE))


def of_ours(folder: pathlib.Path, *, memory: float) -> Iterator[Any]:
    """Batches as `recipes.unet` is fed them, of the same views."""
    from recipes.core import data, dataset, describe, device, planning

    cpu = device.Device(kind="cpu", name="CPU", count=2, bfloat16=False)
    said = {"steps": 1, "batch": _BATCH.value, "crop": CROP}
    said |= {"light": 0.0, "upright": True, "rare_share": 0.0}
    plan = planning.make(describe.describe(os.fspath(folder)), cpu, said)
    builder = dataset.open_builder(os.fspath(folder))
    return iter(data.training_batches(builder, plan, memory=memory))


def rows(
    folder: pathlib.Path, raw: pathlib.Path
) -> tuple[dict[str, Callable[[], tuple[float, float]]], str]:
    """What takes turns: each gives images a second; and a word on what is missing."""
    turn = {"count": _BATCHES.value, "batch": _BATCH.value, "warm": WARM}
    found: dict[str, Callable[[], tuple[float, float]]] = {}

    def add(name: str, batches: Iterator[Any]) -> None:
        found[name] = lambda: with_torch.rate(batches, **turn)

    add("TFDS", of_tfds(folder, autocache=False))
    add("TFDS, its own cache", of_tfds(folder, autocache=True))
    add("ours, decoded each time", of_ours(folder, memory=0.0))
    add("ours, kept in memory", of_ours(folder, memory=4e9))
    missing = with_torch.missing(_TORCH.value)
    if not missing:
        names = sorted(path.name for path in (raw / "images").iterdir())
        other = with_torch.Torch(_TORCH.value)
        for reader in ("OpenCV", "Pillow"):
            for workers in map(int, _WORKERS.value):
                asked = {"kind": "loader", "reader": reader, "workers": workers, **turn}
                asked |= {"folder": os.fspath(raw), "names": names}
                found[f"PyTorch, {reader}, {workers} workers"] = lambda asked=asked: other(**asked)
    return found, missing


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    given = flags.FLAGS.folder
    folder = pathlib.Path(given or tempfile.mkdtemp(prefix="pipeline-"))
    if _BUILD_HERE.value:
        _build(folder, pathlib.Path(_BUILD_HERE.value))
        return
    logging.set_verbosity(logging.ERROR)
    pairs, size, rounds = flags.FLAGS.pairs, flags.FLAGS.size, flags.FLAGS.rounds
    raw = folder / f"raw-{pairs}x{size}"
    if not raw.exists():
        build.draw(raw, pairs, size)
    turns, missing = rows(built(raw, folder / f"built-{pairs}x{size}"), raw)
    for turn in turns.values():  # fills what is kept and lets TensorFlow choose its threads
        for _ in range(-(-pairs // (_BATCHES.value * _BATCH.value))):
            turn()
    if missing:
        print(missing)
    began = os.getloadavg()[0]
    measured = [{name: turn() for name, turn in turns.items()} for _ in range(rounds)]

    print(
        f"{pairs} pairs of {size}², crops of {CROP}², batches of {_BATCH.value}; {rounds} rounds, "
        f"medians; load before {began:.1f}, {os.cpu_count()} cores\n"
    )
    bases = ["TFDS", *(name for name in turns if name.startswith("PyTorch"))]
    figures: dict[str, Any] = {}
    for i, clock in enumerate(("second", "second of processors")):
        best = max(
            bases[1:], key=lambda n: statistics.median(r[n][i] for r in measured), default=""
        )
        print(f"images a {clock:21}{'to TFDS':>28}{f'to {best}' if best else '':>34}")
        for name in turns:
            images = statistics.median(r[name][i] for r in measured)
            ratios = {base: sorted(r[name][i] / r[base][i] for r in measured) for base in bases}
            told = {
                base: f"{statistics.median(v):.2f} ({v[0]:.2f}–{v[-1]:.2f})"
                for base, v in ratios.items()
            }
            print(f"{name:28}{images:9.0f}{told['TFDS']:>21}{told.get(best, ''):>34}")
            figures.setdefault(clock, {})[name] = {"images": images, "ratios": ratios}
        print()
    if flags.FLAGS.json:
        pathlib.Path(flags.FLAGS.json).write_text(json.dumps(figures, indent=1))
    if not given:
        shutil.rmtree(folder)


if __name__ == "__main__":
    app.run(main)
