"""Pictures and scenes for tests that read them."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from seg_datasets import dummies

pytest.importorskip("rasterio")


def picture(folder: pathlib.Path, name: str, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def scene(path: pathlib.Path, pixels: np.ndarray, *, nodata: int | None = None) -> None:
    dummies.save_geotiff(
        path, pixels, epsg=32633, left=400_000, top=5_800_000, pixel=0.5, nodata=nodata
    )
