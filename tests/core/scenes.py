"""GeoTIFF scenes and labels, drawn for tests."""

import pathlib
import struct
import warnings

import numpy as np
import rasterio
from rasterio.transform import Affine

PLACE = Affine(0.5, 0, 500_000, 0, -0.5, 5_700_000)
CRS = "EPSG:32633"


def write(path: pathlib.Path, values: np.ndarray, **options) -> pathlib.Path:
    """A GeoTIFF of (bands, H, W) or (H, W)."""
    values = values[None] if values.ndim == 2 else values
    colormap = options.pop("colormap", None)
    mask = options.pop("own_mask", None)
    profile = {
        "driver": "GTiff",
        "count": values.shape[0],
        "height": values.shape[1],
        "width": values.shape[2],
        "dtype": values.dtype,
        "crs": CRS,
        "transform": PLACE,
        "photometric": "MINISBLACK",
        "alpha": "NO",
        **options,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"):
        warnings.simplefilter("ignore")
        with rasterio.open(path, "w", **{k: v for k, v in profile.items() if v is not None}) as out:
            out.write(values)
            if colormap:
                out.write_colormap(1, colormap)
            if mask is not None:
                out.write_mask(mask)
    return path


def draw(root: pathlib.Path, *, size=(70, 50), bands=3, dtype=np.uint8, scenes=1, **options):
    """Scenes of noise with labels 0..2, in images/ and labels/."""
    random = np.random.default_rng(0)
    width, height = size
    for number in range(scenes):
        top = np.iinfo(dtype).max + 1
        image = random.integers(1, top, (bands, height, width), dtype)
        labels = random.integers(0, 3, (height, width), np.uint8)
        write(root / "images" / f"s{number}.tif", image, **options)
        write(root / "labels" / f"s{number}.tif", labels, **options)
    return root


def claim(path: pathlib.Path, *, width: int, height: int) -> None:
    """Writes another size into the directory of a GeoTIFF, as a stranger may."""
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    for entry in range(at + 2, at + 2 + 12 * entries, 12):
        if size := {256: width, 257: height}.get(struct.unpack_from("<H", data, entry)[0]):
            struct.pack_into("<HII", data, entry + 2, 4, 1, size)
    path.write_bytes(data)
