"""Pictures and scenes for tests that read them."""

import pathlib

import numpy as np
import pytest
from PIL import Image

rasterio = pytest.importorskip("rasterio")


def picture(folder: pathlib.Path, name: str, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def scene(path: pathlib.Path, pixels: np.ndarray, **more: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=pixels.shape[0],
        width=pixels.shape[1],
        count=pixels.shape[2],
        dtype=pixels.dtype,
        crs="EPSG:32633",
        transform=rasterio.Affine(0.5, 0, 400000, 0, -0.5, 5800000),
        **more,
    ) as out:
        out.write(np.moveaxis(pixels, -1, 0))
