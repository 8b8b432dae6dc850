"""Outputs of a prediction: ids, palettes, probabilities, polygons; written beside and moved."""

import contextlib
import json
import math
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from recipes.core import runs
from recipes.core.dataset import VOID
from recipes.core.errors import RecipeError
from recipes.core.inputs import Input, raster
from recipes.core.tiling import Part

KINDS = ("masks", "palettes", "probabilities", "polygons", "coco")
_ENDS = {
    "masks": (".png", ".tif"),
    "palettes": (".png",),
    "probabilities": (".npy", ".tif"),
    "polygons": (".geojson",),
}
_TILE = 512


class OutputError(RecipeError):
    """Something that cannot be written."""


@contextlib.contextmanager
def masks(path: pathlib.Path, source: Input) -> Iterator[Callable[[Part, np.ndarray], None]]:
    """A mask that is written part by part, and is there once it is whole.

    Args:
      path: without its ending: `.tif` where the input tells its place, else `.png`.
      source: what is predicted.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    final = mask_path(path, source)
    part_of = final.with_name(f".part-{final.name}")
    try:
        if source.geo:
            import rasterio

            with rasterio.open(part_of, "w", **_profile(source, bands=1, dtype="uint8")) as out:

                def write(part: Part, ids: np.ndarray) -> None:
                    out.write(ids, 1, window=_window(part))

                yield write
        else:
            whole = np.full((source.height, source.width), VOID, np.uint8)

            def keep(part: Part, ids: np.ndarray) -> None:
                whole[part.rows, part.columns] = ids

            yield keep
            Image.fromarray(whole).save(part_of, "PNG")
        part_of.replace(final)
    finally:
        part_of.unlink(missing_ok=True)


def mask_path(path: pathlib.Path, source: Input) -> pathlib.Path:
    """Where a mask lies."""
    return path.with_name(path.name + (".tif" if source.geo else ".png"))


@contextlib.contextmanager
def probabilities(
    path: pathlib.Path, source: Input, classes: int
) -> Iterator[Callable[[Part], None]]:
    """Probabilities part by part: a band for each class of a GeoTIFF, or a NumPy file, float16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    final = path.with_name(path.name + (".tif" if source.geo else ".npy"))
    part_of = final.with_name(f".part-{final.name}")
    try:
        if source.geo:
            import rasterio

            profile = _profile(source, bands=classes, dtype="float32")
            with rasterio.open(part_of, "w", **profile) as out:

                def write(part: Part) -> None:
                    out.write(np.moveaxis(part.probabilities, -1, 0), window=_window(part))

                yield write
        else:
            shape = (source.height, source.width, classes)
            whole = np.lib.format.open_memmap(part_of, "w+", np.float16, shape)

            def keep(part: Part) -> None:
                whole[part.rows, part.columns] = part.probabilities

            yield keep
            whole.flush()
            del whole
        part_of.replace(final)
    finally:
        part_of.unlink(missing_ok=True)


def palette(path: pathlib.Path, mask: pathlib.Path, colours: Sequence[Sequence[int]]) -> None:
    """The mask as a picture in the colours of its classes: the numbers stay, a palette is added."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = read_mask(mask)
    image = Image.frombytes("P", ids.shape[::-1], ids.tobytes())
    table = np.full((256, 3), 128, np.uint8)
    table[: len(colours)] = colours
    image.putpalette(table.tobytes())
    runs.write_whole(path.with_name(path.name + ".png"), lambda part: image.save(part, "PNG"))


def polygons(path: pathlib.Path, mask: pathlib.Path, classes: Sequence[str]) -> None:
    """GeoJSON of the areas of each class but the first: longitude and latitude where the mask tells
    its place, else pixels, x to the right and y down.

    Raises:
      OutputError: what finds the outlines is not installed.
    """
    try:
        import rasterio
        from rasterio import features, warp
    except ImportError as error:
        raise OutputError("polygons need rasterio: pip install 'seg_datasets[geo]'") from error
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(part: pathlib.Path) -> None:
        with raster(mask) as read, part.open("w", encoding="utf-8") as file:
            placed = mask.suffix == ".tif"
            transform = read.transform if placed else rasterio.Affine.identity()
            file.write('{"type":"FeatureCollection","features":[')
            first = True
            for shape, value in features.shapes(rasterio.band(read, 1), transform=transform):
                if not 0 < int(value) < len(classes):
                    continue
                if placed and read.crs:
                    shape = warp.transform_geom(read.crs, "EPSG:4326", shape)
                row = {
                    "type": "Feature",
                    "properties": {"class": classes[int(value)], "id": int(value)},
                    "geometry": shape,
                }
                file.write(("" if first else ",\n") + json.dumps(row))
                first = False
            file.write("]}\n")

    runs.write_whole(path.with_name(path.name + ".geojson"), write)


def coco(
    path: pathlib.Path, masks_of: Sequence[tuple[str, pathlib.Path]], classes: Sequence[str]
) -> None:
    """One COCO file: an annotation for each area of each class but the first, as runs."""
    from pycocotools import mask as rle
    from scipy import ndimage

    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for name, mask in masks_of:
        ids = read_mask(mask)
        images.append(
            {
                "id": len(images) + 1,
                "file_name": name,
                "height": ids.shape[0],
                "width": ids.shape[1],
            }
        )
        for number in range(1, len(classes)):
            areas, count = ndimage.label(ids == number, np.ones((3, 3)))
            for at, where in enumerate(ndimage.find_objects(areas, count), 1):
                encoded = _encoded(areas[where] == at, where, ids.shape)
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": len(images),
                        "category_id": number,
                        "segmentation": {
                            "size": encoded["size"],
                            "counts": encoded["counts"].decode(),
                        },
                        "area": int(rle.area(encoded)),
                        "bbox": [float(v) for v in rle.toBbox(encoded)],
                        "iscrowd": 0,
                    }
                )
    data = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate(classes) if i],
    }
    runs.write_whole(path, lambda part: part.write_text(json.dumps(data), encoding="utf-8"))


def _encoded(area: np.ndarray, where: tuple[slice, slice], shape: tuple[int, ...]) -> Any:
    """An area of an image in COCO's runs, from no more than its own box: `rle.encode` wants an
    array of the whole image for each area."""
    from pycocotools import mask as rle

    right, down = np.nonzero(area.T)  # COCO counts down the columns
    at = (right + where[1].start) * shape[0] + down + where[0].start
    first = np.flatnonzero(np.diff(at, prepend=-2) != 1)
    last = np.append(first[1:], len(at)) - 1
    edges = np.stack([at[first], at[last] + 1], 1).ravel()
    counts = np.trim_zeros(np.diff(edges, prepend=0, append=math.prod(shape)), "b")
    return rle.frPyObjects({"size": [*shape], "counts": counts.tolist()}, *shape)


def forget(folder: pathlib.Path, name: str) -> None:
    """Takes away what was written of an image."""
    for kind, ends in _ENDS.items():
        for end in ends:
            (folder / kind / f"{name}{end}").unlink(missing_ok=True)


def read_mask(path: pathlib.Path) -> np.ndarray:
    """A mask that was written."""
    if path.suffix == ".tif":
        with raster(path) as read:
            found: np.ndarray = read.read(1)
            return found
    with Image.open(path) as image:
        return np.asarray(image)


def _profile(source: Input, *, bands: int, dtype: str) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "height": source.height,
        "width": source.width,
        "count": bands,
        "dtype": dtype,
        "tiled": True,
        "blockxsize": _TILE,
        "blockysize": _TILE,
        "compress": "deflate",
        "bigtiff": "IF_SAFER",
        **({"nodata": VOID} if dtype == "uint8" else {}),
        **source.geo,
    }


def _window(part: Part) -> Any:
    from rasterio.windows import Window

    rows, columns = part.rows, part.columns
    return Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
