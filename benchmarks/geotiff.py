"""How much memory and time a GeoTIFF of 10,000×10,000 pixels takes to become a dataset.

    python benchmarks/geotiff.py                    # tiled and striped, labels and footprints
    python benchmarks/geotiff.py --side=4000 --layouts=striped

Each build is a process of its own, from scan to records, with every check; the peak is that of the
whole process. Importing TensorFlow alone takes most of it: that figure stands beside. Scenes have
three bands of 8 bits with the texture of aerial images; footprints are 20,000 houses.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import app, flags

_SIDE = flags.DEFINE_integer("side", 10_000, "Side of the scene in pixels.")
_TILE = flags.DEFINE_integer("tile", 512, "Side of the tiles.")
_LAYOUTS = flags.DEFINE_list("layouts", ["tiled", "striped"], "How the pixels lie in the file.")
_KINDS = flags.DEFINE_list("kinds", ["labels", "footprints"], "Where the masks come from.")
_FOLDER = flags.DEFINE_string("folder", "", "Where to draw and build; a temporary one if not given")
_RUN = flags.DEFINE_string("run", "", "Internal: build once, this kind.")

_HOUSES = 20_000
_BAND = 512


def draw(raw: pathlib.Path, side: int, layout: str) -> None:
    """Draws a scene, its labels and its footprints, some rows at a time."""
    import rasterio
    from rasterio.windows import Window

    random = np.random.default_rng(0)
    corners = random.uniform(0, side - 30, (_HOUSES, 2))
    sizes = random.uniform(8, 30, (_HOUSES, 2))
    for folder in ("images", "labels"):
        (raw / folder).mkdir(parents=True, exist_ok=True)
    tiled = {"tiled": True, "blockxsize": 256, "blockysize": 256} if layout == "tiled" else {}
    place = rasterio.Affine(0.5, 0, 400_000, 0, -0.5, 5_700_000)
    shared = {"driver": "GTiff", "width": side, "height": side, "dtype": "uint8", **tiled}
    shared |= {"crs": "EPSG:32633", "transform": place, "compress": "deflate"}
    with (
        rasterio.open(raw / "images" / "scene.tif", "w", count=3, **shared) as image,
        rasterio.open(raw / "labels" / "scene.tif", "w", count=1, **shared) as labels,
    ):
        for top in range(0, side, _BAND):
            height = min(_BAND, side - top)
            mask = np.zeros((height, side), np.uint8)
            near = (corners[:, 1] < top + height) & (corners[:, 1] + sizes[:, 1] > top)
            for (x, y), (wide, high) in zip(corners[near], sizes[near], strict=True):
                rows = slice(max(0, round(y) - top), max(0, round(y + high) - top))
                mask[rows, round(x) : round(x + wide)] = 1
            noise = random.normal(0, 12, (3, height, side)).astype(np.float32)
            values = (110 + 70 * mask + noise).clip(1, 255).astype(np.uint8)
            window = Window(0, top, side, height)
            image.write(values, window=window)
            labels.write(mask[None], window=window)
    features = []
    for (x, y), (wide, high) in zip(corners, sizes, strict=True):
        box = ((x, y), (x + wide, y), (x + wide, y + high), (x, y + high), (x, y))
        ring = [place @ point for point in box]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": {}, "geometry": geometry})
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    content = {"type": "FeatureCollection", "crs": crs, "features": features}
    (raw / "houses.geojson").write_text(json.dumps(content))


def build(kind: str, raw: pathlib.Path, out: pathlib.Path, tile: int) -> dict[str, float]:
    """One build in this process."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    import seg_datasets

    tf.constant(0) + 1
    before = _peak()
    options = {"footprints": "houses.geojson"} if kind == "footprints" else {}

    class Scene(seg_datasets.SegmentationBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        CLASSES = seg_datasets.ClassTable("ground", "house")
        SOURCE = seg_datasets.sources.GeoTiff(tile=tile, **options)
        SPLITS = seg_datasets.splits.Grouped(train=100)

    start = time.perf_counter()
    builder = Scene(data_dir=os.fspath(out))
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=os.fspath(raw))
    )
    seconds = time.perf_counter() - start
    tiles = builder.info.splits["train"].num_examples
    return {"seconds": seconds, "tiles": tiles, "peak_mb": _peak(), "before_mb": before}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    folder = pathlib.Path(_FOLDER.value or tempfile.mkdtemp(prefix="geotiff-"))
    if _RUN.value:
        kind, layout = _RUN.value.split("-")
        print(json.dumps(build(kind, folder / layout, folder / _RUN.value, _TILE.value)))
        return
    print(f"{_SIDE.value}×{_SIDE.value} pixels, 3 bands of 8 bits, tiles of {_TILE.value}\n")
    print(f"{'':22}{'tiles':>7}{'seconds':>9}{'tiles/s':>9}{'peak MB':>9}{'of it imports':>15}")
    for layout in _LAYOUTS.value:
        if not (folder / layout).is_dir():
            draw(folder / layout, _SIDE.value, layout)
        for kind in _KINDS.value:
            run = f"{kind}-{layout}"
            environment = {
                **os.environ,
                "SEG_DATASETS_CACHE": os.fspath(folder / f"cache-{run}"),
                "SEG_DATASETS_CHECKSUMS": os.fspath(folder / "checksums"),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            }
            command = [sys.executable, __file__, f"--run={run}", f"--folder={folder}"]
            command.append(f"--tile={_TILE.value}")
            done = subprocess.run(command, env=environment, check=True, capture_output=True)
            row = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{kind + ', ' + layout:22}{row['tiles']:7}{row['seconds']:9.1f}"
                f"{row['tiles'] / row['seconds']:9.1f}{row['peak_mb']:9.0f}{row['before_mb']:15.0f}"
            )
            shutil.rmtree(folder / run)
    if not _FOLDER.value:
        shutil.rmtree(folder)


if __name__ == "__main__":
    app.run(main)
