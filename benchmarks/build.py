"""How fast a build is that checks everything, beside TFDS builders that check nothing.

    python benchmarks/build.py                  # 1,000 pairs of 512² JPEG + PNG, five rounds
    python benchmarks/build.py --pairs=5000 --rounds=1

Each build is a process of its own; the rounds go ours, pass-through, NumPy, ours, … so that a
machine whose speed drifts drifts for all of them. Timed is `download_and_prepare` alone, after the
imports.

* ours: every file read, decoded and hashed, every check run, splits, records, ledger.
* pass-through: what a TFDS builder does that yields the two paths. Nothing is looked at.
* NumPy: what a TFDS builder does that yields decoded arrays, as most tutorials have it.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent import futures

import numpy as np
from absl import app, flags
from PIL import Image

_PAIRS = flags.DEFINE_integer("pairs", 1000, "Pairs of image and mask.")
_SIZE = flags.DEFINE_integer("size", 512, "Side of the images in pixels.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Builds of each kind.")
_KINDS = flags.DEFINE_list("kinds", ["ours", "pass-through", "numpy"], "What to build with.")
_FOLDER = flags.DEFINE_string(
    "folder", "", "Where to draw and build; a temporary one if not given."
)
_JSON = flags.DEFINE_string("json", "", "Also write the figures to this file.")
_RUN = flags.DEFINE_string("run", "", "Internal: build once with this kind.")


def draw(raw: pathlib.Path, pairs: int, size: int) -> None:
    """Draws pairs with the entropy of photographs: soft shapes, texture, noise.

    COCO's photographs take 0.68 bytes per pixel as JPEG; these take 0.6.
    """
    for name in ("images", "masks"):
        (raw / name).mkdir(parents=True, exist_ok=True)
    with futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda index: _draw_one(raw, index, size), range(pairs)))


def _draw_one(raw: pathlib.Path, index: int, size: int) -> None:
    random = np.random.default_rng(index)
    y, x = np.mgrid[:size, :size]
    image = random.integers(60, 180, 3) + np.zeros((size, size, 3))
    mask = np.zeros((size, size), np.uint8)
    for class_id in (1, 2, 3):
        for _ in range(6):
            top, left = random.integers(0, size, 2)
            height, width = random.integers(size // 16, size // 3, 2)
            inside = (abs(y - top) < height / 2) & (abs(x - left) < width / 2)
            mask[inside] = class_id
            image[inside] = random.integers(20, 235, 3)
    coarse = Image.fromarray(random.integers(0, 255, (size // 8, size // 8), np.uint8))
    texture = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), np.float32)
    image += (texture[..., None] - 128) * 0.4 + random.normal(0, 26, image.shape)
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    picture.save(raw / "images" / f"{index:06d}.jpg", quality=90)
    Image.fromarray(mask).save(raw / "masks" / f"{index:06d}.png")


def build(kind: str, raw: pathlib.Path, out: pathlib.Path) -> dict[str, float]:
    """One build in this process."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    import seg_datasets

    tf.constant(0) + 1  # TensorFlow's own start is nobody's merit

    names = ["background", "a", "b", "c"]

    class Ours(seg_datasets.SegmentationBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        CLASSES = seg_datasets.ClassTable(*names)
        SOURCE = seg_datasets.sources.ImageMaskFolders()
        SPLITS = seg_datasets.splits.Grouped(train=80, validation=10, test=10)

    class PassThrough(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        MANUAL_DOWNLOAD_INSTRUCTIONS = "drawn by this benchmark"

        def _info(self) -> tfds.core.DatasetInfo:
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=(None, None, 3)),
                        "mask": tfds.features.LabeledImage(labels=names, shape=(None, None, 1)),
                        "id": tfds.features.Text(),
                        "group": tfds.features.Text(),
                    }
                ),
            )

        def _split_generators(self, dl_manager: object) -> dict[str, Iterator]:
            files = sorted((raw / "images").iterdir())
            cut = len(files) // 10
            parts = {
                "train": files[2 * cut :],
                "validation": files[:cut],
                "test": files[cut : 2 * cut],
            }
            return {name: self._generate_examples(part) for name, part in parts.items()}

        def _generate_examples(self, files: list[pathlib.Path]) -> Iterator:
            for path in files:
                mask = raw / "masks" / f"{path.stem}.png"
                yield path.stem, {**self.read(path, mask), "id": path.stem, "group": path.stem}

        def read(self, image: pathlib.Path, mask: pathlib.Path) -> dict:
            return {"image": os.fspath(image), "mask": os.fspath(mask)}

    class Numpy(PassThrough, skip_registration=True):
        def read(self, image: pathlib.Path, mask: pathlib.Path) -> dict:
            return {
                "image": np.asarray(Image.open(image)),
                "mask": np.asarray(Image.open(mask))[..., None],
            }

    builder_class = {"ours": Ours, "pass-through": PassThrough, "numpy": Numpy}[kind]
    builder = builder_class(data_dir=os.fspath(out))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=os.fspath(raw))
    )
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "peak_mb": peak / 1024, "before_mb": before / 1024}


def measure(kind: str, folder: pathlib.Path, name: str) -> dict[str, float]:
    """One build in a process of its own."""
    out, cache = folder / name, folder / f"cache-{name}"
    shutil.rmtree(cache, ignore_errors=True)
    environment = {
        **os.environ,
        "SEG_DATASETS_CACHE": os.fspath(cache),
        "SEG_DATASETS_CHECKSUMS": os.fspath(folder / "checksums"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [
        sys.executable,
        __file__,
        f"--run={kind}",
        f"--folder={folder}",
        f"--json={out}.json",
    ]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    shutil.rmtree(out)
    return json.loads(pathlib.Path(f"{out}.json").read_text())


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    folder = pathlib.Path(_FOLDER.value or tempfile.mkdtemp(prefix="build-"))
    raw = folder / f"raw-{_PAIRS.value}x{_SIZE.value}"
    if _RUN.value:
        out = pathlib.Path(_JSON.value).with_suffix("")
        raw = pathlib.Path((folder / "raw.txt").read_text())
        pathlib.Path(_JSON.value).write_text(json.dumps(build(_RUN.value, raw, out)))
        return
    if not raw.exists():
        draw(raw, _PAIRS.value, _SIZE.value)
    (folder / "raw.txt").write_text(os.fspath(raw))
    rounds: list[dict[str, dict[str, float]]] = []
    for index in range(_ROUNDS.value + 1):
        # The first round fills the file cache and is not counted.
        rounds.append({kind: measure(kind, folder, f"{kind}-{index}") for kind in _KINDS.value})
    del rounds[0]

    print(f"{_PAIRS.value} pairs of {_SIZE.value}², {_ROUNDS.value} rounds, medians\n")
    print(f"{'':14}{'seconds':>9}{'pairs/s':>9}{'peak MB':>9}{'speed, ours relative to it':>28}")
    figures = {}
    for kind in _KINDS.value:
        seconds = statistics.median(r[kind]["seconds"] for r in rounds)
        peak = max(r[kind]["peak_mb"] for r in rounds)
        ratios = sorted(r[kind]["seconds"] / r["ours"]["seconds"] for r in rounds)
        ratio = statistics.median(ratios)
        spread = f"{ratio:.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"
        print(f"{kind:14}{seconds:9.2f}{_PAIRS.value / seconds:9.0f}{peak:9.0f}{spread:>28}")
        figures[kind] = {"seconds": seconds, "peak_mb": peak, "ratio": ratio, "ratios": ratios}
    if _JSON.value:
        pathlib.Path(_JSON.value).write_text(json.dumps(figures, indent=1))
    if not _FOLDER.value:
        shutil.rmtree(folder)


if __name__ == "__main__":
    app.run(main)
