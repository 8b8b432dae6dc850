"""Dummy savers: how a script that draws raw data saves images and masks, by source."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from seg_datasets.core import sources

_PLAIN = '''\
def save(path: pathlib.Path, pixels: np.ndarray, palette: dict[int, int] | None = None) -> None:
    """Saves pixels in the format that the name says."""
    picture = Image.fromarray(pixels)
    if palette:
        picture.putpalette(b"".join(palette.get(i, i).to_bytes(3, "big") for i in range(256)))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)'''

_GEOTIFF = '''\
def save(
    path: pathlib.Path, pixels: np.ndarray, number: int, palette: dict[int, int] | None = None
) -> None:
    """Saves pixels as a GeoTIFF, each scene at a place of its own."""
    del palette
    import rasterio

    bands = pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[None]
    count, height, width = bands.shape
    place = {place}
    options = {{"photometric": "MINISBLACK", **({{"alpha": "NO"}} if count > 1 else {{}})}}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        *(path, "w", "GTiff", width, height, count),
        **(place | options),
        dtype=bands.dtype,
    ) as file:
        file.write(bands)'''

_PLACE = """{
        "crs": "EPSG:32633",
        "transform": rasterio.Affine(0.5, 0, 500_000 + 5_000 * number, 0, -0.5, 5_700_000),
    }"""

_MATLAB = '''\
def save(path: pathlib.Path, pixels: np.ndarray, palette: dict[int, int] | None = None) -> None:
    """Saves an image in the format that the name says, and a mask for MATLAB."""
    del palette
    import scipy.io

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mat":
        scipy.io.savemat(path, {content})
        return
    Image.fromarray(pixels).save(path)'''


def has(source: Any) -> bool:
    """Whether masks of a source can be drawn."""
    if isinstance(source, sources.MatMasks):
        return not {*source.variable} & {*"{("}  # cells and structures of several are left out
    return isinstance(source, (sources.GeoTiff, sources.ImageMaskFolders)) and not isinstance(
        source, sources.Dicom
    )


def texts(source: Any) -> Mapping[str, str]:
    """What stands in the script: how it goes through all samples, and how it saves one."""
    usual = {"loop": "below, stem", "every": "every", "number": "", "save": _PLAIN}
    if isinstance(source, sources.MatMasks):
        names = reversed(source.variable.split("."))
        content = functools.reduce(lambda inner, name: f'{{"{name}": {inner}}}', names, "pixels")
        return {**usual, "save": _MATLAB.format(content=content)}
    if not isinstance(source, sources.GeoTiff):
        return usual
    return {
        "loop": "number, (below, stem)",
        "every": "enumerate(every)",
        "number": ", number",
        "save": _GEOTIFF.format(place=_PLACE if source.georeferenced else "{}"),
    }
