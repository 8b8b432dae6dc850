"""Dummies: invented raw data in the layout of a dataset, the same on every machine.

    python -m seg_datasets.camvid.dummy RAW

Each dataset folder's `dummy.py` says which files there are; this draws and saves them.
"""

from __future__ import annotations

import inspect
import pathlib
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

_CELL = 8  # pixels


def pairs(
    count: int,
    *,
    values: Sequence[int] | Sequence[tuple[int, ...]],
    size: tuple[int, int] = (64, 96),
    seed: int = 0,
    dtype: type = np.uint8,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images with their masks: cells of all classes, each in a noisy colour of its own.

    Args:
      count: how many.
      values: what masks hold, one value or colour for each class, and for void.
      size: height and width.
      seed: the same seed gives the same pairs.
      dtype: of the masks.
    """
    rng = np.random.default_rng(seed)
    colours = rng.integers(40, 216, (len(values), 3))
    rows, columns = size[0] // _CELL, size[1] // _CELL
    for _ in range(count):
        cells = rng.permutation(np.arange(rows * columns) % len(values)).reshape(rows, columns)
        ids = cells.repeat(_CELL, 0).repeat(_CELL, 1)
        image = colours[ids] + rng.integers(-40, 40, (*ids.shape, 3))
        yield image.astype(np.uint8), np.array(values, dtype)[ids]


def save(path: pathlib.Path, pixels: np.ndarray, palette: Mapping[int, str] | None = None) -> None:
    """Saves pixels in the format that the name says; a palette maps values to "#rrggbb"."""
    picture = Image.fromarray(pixels)
    if palette is not None:
        colours = [palette.get(i, "#000000") for i in range(256)]
        picture.putpalette(bytes.fromhex("".join(colours).replace("#", "")))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def save_geotiff(
    path: pathlib.Path,
    pixels: np.ndarray,
    *,
    epsg: int,
    left: float,
    top: float,
    pixel: float,
    nodata: float | None = None,
) -> None:
    """Saves pixels as a GeoTIFF, north up.

    Args:
      path: of the file.
      pixels: (H, W) or (H, W, bands).
      epsg: number of the coordinate system.
      left: of the upper left corner, in the coordinate system.
      top: the same.
      pixel: side of a pixel.
      nodata: value of pixels that show nothing.
    """
    import rasterio

    bands = np.atleast_3d(pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=bands.shape[0],
        width=bands.shape[1],
        count=bands.shape[2],
        dtype=bands.dtype,
        crs=f"EPSG:{epsg}",
        transform=rasterio.Affine(pixel, 0, left, 0, -pixel, top),
        nodata=nodata,
    ) as file:
        file.write(np.moveaxis(bands, -1, 0))


def main(draw: Callable[[pathlib.Path], None]) -> None:
    """Draws into the folder that the command line names, and says what and what comes next."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit("give one folder to draw into")
    raw = sys.argv[1]
    draw(pathlib.Path(raw))
    what = (inspect.getdoc(draw) or "drawn").partition("\n")[0]
    name = pathlib.Path(inspect.getfile(draw)).parent.name
    print(f"{raw}: {what}\nnext: tfds build seg_datasets/{name} --manual_dir={shlex.quote(raw)}")
