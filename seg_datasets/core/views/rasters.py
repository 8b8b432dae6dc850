"""Rasters: GeoTIFFs of strangers, opened so that nothing but the file itself is read."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.geo import Geo
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources.folder import Folder

# No file beside the raster, nothing over a network, and a cache that does not grow with the
# machine: rasters are read tile by tile, and neighbours share strips.
_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "PROJ_NETWORK": "OFF",
    "GDAL_CACHEMAX": 96 << 20,
}

# Strips and tiles of a file are decoded whole: those of a stranger must not take all the memory.
_MOST_BLOCK = 1 << 27

_MOST_BANDS = 1 << 10

# Compressions whose decoders take no more memory than the block.
_COMPRESSIONS = frozenset(
    {"", "PACKBITS", "LZW", "DEFLATE", "ZSTD", "JPEG", "YCbCr JPEG", "WEBP", "LERC"}
    | {"LERC_DEFLATE", "LERC_ZSTD", "CCITTRLE", "CCITTFAX3", "CCITTFAX4"}
)

# Rasters that each thread keeps open: a scene and its labels, and those before them.
_KEPT = 4


@dataclasses.dataclass(frozen=True)
class Raster:
    """An open GeoTIFF.

    Attributes:
      name: of the file below the raw folder.
      dataset: rasterio's, of the thread that opened it.
      geo: where its pixels lie; `crs` is "" where none is told.
      crs: rasterio's, or None.
      nodata: for each band the value that stands for no data, or None.
      palette: number → (red, green, blue, alpha), or None.
      alpha: the number of the band that is transparency, 0 for none.
      own_mask: whether the file has a mask of its own.
      lossy: whether its compression changes values.
      white_is_zero: whether its numbers run against its brightness.
    """

    name: str
    dataset: Any
    width: int
    height: int
    bands: int
    dtypes: tuple[str, ...]
    geo: Geo
    crs: Any
    nodata: tuple[float | None, ...]
    palette: dict[int, tuple[int, ...]] | None
    alpha: int
    own_mask: bool
    lossy: bool
    white_is_zero: bool

    def values(self, bands: Sequence[int], window: tuple[int, int, int, int]) -> np.ndarray:
        """(bands, H, W) of a window: left, top, width and height, all of it inside."""
        with self._told():
            return np.asarray(self.dataset.read(list(bands), window=_rasterio_window(window)))

    def masked(self, window: tuple[int, int, int, int]) -> np.ndarray:
        """Where the file's own mask says that there is no data."""
        with self._told():
            return np.asarray(self.dataset.read_masks(1, window=_rasterio_window(window)) == 0)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # GDAL's drivers fail in many ways
            raise ImageError(f"{self.name} cannot be decoded: {_reason(error)}") from None


class _Open(threading.local):
    """The rasters that a thread keeps open: GDAL's are of one thread each."""

    def __init__(self) -> None:
        self.rasters: collections.OrderedDict[tuple, Raster] = collections.OrderedDict()


_open = _Open()


def rasterio() -> Any:
    """rasterio, or how to get it.

    Raises:
      DeclarationError: it is not installed.
    """
    try:
        import rasterio
        import rasterio.warp
    except ImportError:
        raise DeclarationError(
            "GeoTIFFs are read with rasterio, which is not installed; "
            "pip install 'seg_datasets[geo]'"
        ) from None
    # Who needs a place on the ground says so in our own words.
    warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
    return rasterio


@contextlib.contextmanager
def environment() -> Iterator[Any]:
    """rasterio, with GDAL told to read nothing but the file."""
    module = rasterio()
    with module.Env(**_OPTIONS):
        yield module


@contextlib.contextmanager
def opened(folder: Folder, name: str) -> Iterator[Raster]:
    """A GeoTIFF below the raw folder.

    Raises:
      OSError, ValueError: it cannot be read, or must not; says which and why.
    """
    path = folder.path(name).resolve()
    stat = path.stat()
    key = (path, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    kept = _open.rasters
    with environment() as module:
        if key not in kept:
            try:
                dataset = module.open(path, driver="GTiff", sharing=False)
            except Exception as error:
                raise ImageError(f"{name} is no sound GeoTIFF: {_reason(error)}") from None
            try:
                kept[key] = _described(name, dataset)
            except ImageError:
                dataset.close()
                raise
            except Exception as error:
                dataset.close()
                raise ImageError(f"{name} is no sound GeoTIFF: {_reason(error)}") from None
            while len(kept) > _KEPT:
                kept.popitem(last=False)[1].dataset.close()
        kept.move_to_end(key)
        yield kept[key]


def close() -> None:
    """Closes what this thread keeps open."""
    while _open.rasters:
        _open.rasters.popitem()[1].dataset.close()


def _described(name: str, dataset: Any) -> Raster:
    how = dataset.tags(ns="IMAGE_STRUCTURE")
    compression = how.get("COMPRESSION", "")
    if dataset.count > _MOST_BANDS:
        raise ImageError(f"{name} has {dataset.count} bands")
    if dataset.subdatasets:
        raise ImageError(f"{name} holds several pictures; save the one that is meant by itself")
    if compression not in _COMPRESSIONS:
        raise ImageError(f"{name} is compressed with {compression}; save it with DEFLATE")
    _refuse_large_blocks(name, dataset, together=how.get("INTERLEAVE") == "PIXEL")
    from rasterio.enums import ColorInterp, MaskFlags

    shown = dataset.colorinterp
    palette = None
    if dataset.count == 1 and shown[0] == ColorInterp.palette:
        palette = dataset.colormap(1)
    flags = dataset.mask_flag_enums[0]
    a, b, c, d, e, f = tuple(dataset.transform)[:6]
    placed = not dataset.transform.is_identity
    return Raster(
        name=name,
        dataset=dataset,
        width=dataset.width,
        height=dataset.height,
        bands=dataset.count,
        dtypes=tuple(dataset.dtypes),
        geo=Geo((a, b, c, d, e, f) if placed else (), _spelled(dataset.crs)),
        crs=dataset.crs,
        nodata=tuple(dataset.nodatavals),
        palette=palette,
        alpha=shown.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in shown else 0,
        own_mask=MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags,
        lossy=_lossy(compression, how),
        white_is_zero=how.get("MINISWHITE") == "YES",
    )


def _refuse_large_blocks(name: str, dataset: Any, *, together: bool) -> None:
    for (height, width), dtype in zip(dataset.block_shapes, dataset.dtypes, strict=True):
        pixel = np.dtype(dtype).itemsize * (dataset.count if together else 1)
        if (size := height * width * pixel) > _MOST_BLOCK:
            raise ImageError(
                f"{name} is stored in pieces of {width}×{height} pixels, {size:,} "
                f"bytes each, of which at most {_MOST_BLOCK:,} are decoded at once; store it in "
                "tiles: gdal_translate -co TILED=YES -co COMPRESS=DEFLATE"
            )


def _spelled(crs: Any) -> str:
    """A coordinate system as records tell it: EPSG:32633 where that says all of it, else WKT."""
    if not crs:
        return ""
    code = crs.to_epsg()
    if code and type(crs).from_epsg(code) == crs:
        return f"EPSG:{code}"
    return str(crs.to_wkt())


def _lossy(compression: str, how: dict[str, str]) -> bool:
    if compression == "WEBP":
        return how.get("COMPRESSION_REVERSIBILITY") != "LOSSLESS"
    if compression.startswith("LERC"):
        return float(how.get("MAX_Z_ERROR", "0")) != 0
    return "JPEG" in compression


def _rasterio_window(window: tuple[int, int, int, int]) -> Any:
    from rasterio.windows import Window

    return Window(*window)


def _reason(error: Exception) -> str:
    lines = f"{error or type(error).__name__}".splitlines()
    return f"{lines[0][:300] if lines else type(error).__name__}"
