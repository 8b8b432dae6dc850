"""Memory and speed of predicting a large scene, and how far it is from the untiled answer.

    python benchmarks/predict.py                # a scene of 20,000 x 20,000, three bands
    python benchmarks/predict.py --side=6000 --width=16 --depth=4

The model is untrained: what is measured does not depend on what it has learned. Peak memory is that
of a process of its own, TensorFlow included.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np


def main() -> None:
    """Reads the flags and measures."""
    flags = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    flags.add_argument("--side", type=int, default=20_000)
    flags.add_argument("--width", type=int, default=4)
    flags.add_argument("--depth", type=int, default=2)
    flags.add_argument("--classes", type=int, default=3)
    flags.add_argument("--inside", help=argparse.SUPPRESS)
    said = flags.parse_args()
    if said.inside:
        inside(pathlib.Path(said.inside), said)
        return
    with tempfile.TemporaryDirectory() as room:
        folder = pathlib.Path(room)
        draw(folder / "scene.tif", said.side)
        told = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], f"--inside={folder}"],
            check=True,
            capture_output=True,
            text=True,
        )
        found = json.loads(told.stdout.splitlines()[-1])
        print(
            f"{said.side:,} x {said.side:,}, three bands, U-Net {said.width} deep {said.depth}, "
            f"{said.classes} classes: {found['seconds']:.0f} s, "
            f"{said.side**2 / found['seconds'] / 1e6:.2f} megapixels/s, "
            f"peak {found['peak_mb']:,.0f} MB, of which imports {found['imports_mb']:,.0f} MB"
        )
        print(
            f"against the untiled answer on 1,500 x 1,300: probabilities at most "
            f"{found['off']:.1e} apart, {found['differ']} of {1500 * 1300:,} ids differ"
        )


def draw(path: pathlib.Path, side: int) -> None:
    """A scene of noise and blocks, written strip by strip."""
    import rasterio
    from rasterio.windows import Window

    rng = np.random.default_rng(0)
    profile = {
        "driver": "GTiff",
        "height": side,
        "width": side,
        "count": 3,
        "dtype": "uint8",
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
        "zlevel": 1,
        "crs": "EPSG:32633",
        "transform": rasterio.Affine(0.3, 0, 400000, 0, -0.3, 5800000),
    }
    with rasterio.open(path, "w", **profile) as out:
        for top in range(0, side, 512):
            high = min(512, side - top)
            blocks = rng.integers(0, 200, (3, -(-high // 64), -(-side // 64)), np.uint8)
            strip = np.kron(blocks, np.ones((1, 64, 64), np.uint8))[:, :high, :side]
            strip += rng.integers(0, 50, strip.shape[1:], np.uint8)
            out.write(strip, window=Window(0, top, side, high))


def inside(folder: pathlib.Path, said: argparse.Namespace) -> None:
    """What is measured, in a process of its own."""
    from recipes.core import answering, inputs, model, tiling

    net = model.unet(
        channels=3,
        classes=said.classes,
        depth=said.depth,
        width=said.width,
        mean=(100.0,) * 3,
        std=(60.0,) * 3,
    )
    predict = answering.windows(net)
    multiple = 2**said.depth
    predict(np.zeros((multiple, multiple, 3), np.uint8))
    imports = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.monotonic()
    with inputs.opened(folder / "scene.tif", channels=3, top=255.0) as scene:
        answering.answer(
            scene,
            predict,
            folder=folder,
            name="scene",
            classes=said.classes,
            multiple=multiple,
            window=tiling.WINDOW,
        )
        seconds = time.monotonic() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        part = scene.read(slice(0, 1500), slice(0, 1300))
    whole = tiling.probabilities(
        part, predict, multiple=multiple, classes=said.classes, window=10**6
    )
    tiled = tiling.probabilities(part, predict, multiple=multiple, classes=said.classes)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "peak_mb": peak,
                "imports_mb": imports,
                "off": float(np.abs(whole - tiled).max()),
                "differ": int((whole.argmax(-1) != tiled.argmax(-1)).sum()),
            }
        )
    )


if __name__ == "__main__":
    main()
