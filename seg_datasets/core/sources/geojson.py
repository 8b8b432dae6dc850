"""GeoJSON: the polygons of a file, feature by feature."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seg_datasets.core.sources import foreign
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.geopackage import Polygon

# What GeoJSON is in where it does not say: WGS 84, longitude before latitude.
WGS84 = "OGC:CRS84"

_EPSG = re.compile(r"(?:EPSG:|urn:ogc:def:crs:EPSG:[\d.]*:)(\d{1,7})", re.IGNORECASE)
_CRS84 = re.compile(r"urn:ogc:def:crs:OGC:[\d.]*:CRS84|OGC:CRS84", re.IGNORECASE)

# Collections of geometries within one another; no tool nests them deeper.
_DEEPEST = 8


def read(
    folder: Folder, path: str, *, field: str, told: dict[str, str]
) -> Iterator[tuple[int, Any, list[Polygon]]]:
    """The features of a file, one by one.

    Args:
      folder: the raw folder.
      path: of the file below it.
      field: the property of the labels, or "".
      told: where `crs` is put once it has been read; a file without is in `WGS84`.

    Yields:
      (number, value of the property, polygons) of each feature that lies somewhere.

    Raises:
      ValueError, LookupError, TypeError: the file is no GeoJSON that can be read.
    """
    number = 0
    for key, value in foreign.lists_of(folder, path, ("features",), also=("crs",)):
        if key == "crs":
            told["crs"] = _named_crs(value)
            continue
        if value["geometry"] is not None:
            found: list[Polygon] = []
            _of_geometry(value["geometry"], found, 0)
            properties = value.get("properties") or {}
            if field and field not in properties:
                raise ValueError(f"feature {number} has no property {field!r}")
            yield number, properties.get(field), found
        number += 1


def _of_geometry(geometry: Mapping[str, Any], found: list[Polygon], depth: int) -> None:
    kind = geometry["type"]
    if kind == "GeometryCollection" and depth < _DEEPEST:
        for one in geometry["geometries"]:
            _of_geometry(one, found, depth + 1)
    elif kind == "Polygon":
        found.append([_ring(ring) for ring in geometry["coordinates"]])
    elif kind == "MultiPolygon":
        found += [[_ring(ring) for ring in rings] for rings in geometry["coordinates"]]
    else:
        raise ValueError(f"a geometry of kind {kind!r}, which has no area; keep polygons alone")


def _ring(points: Sequence[Sequence[float]]) -> np.ndarray:
    numbers = [(float(point[0]), float(point[1])) for point in points]
    return np.array(numbers, np.float64).reshape(-1, 2)


def _named_crs(value: Any) -> str:
    name = value["properties"]["name"] if isinstance(value, dict) else None
    if not isinstance(name, str) or value.get("type") != "name":
        raise ValueError("its `crs` names no coordinate system; export it in WGS 84")
    if _CRS84.fullmatch(name):
        return WGS84
    if match := _EPSG.fullmatch(name):
        return f"EPSG:{match[1]}"
    raise ValueError(f"its `crs` is {name[:80]!r}, which nobody knows; export it in WGS 84")
