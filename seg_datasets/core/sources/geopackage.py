"""GeoPackage: the polygons of an SQLite file, read without GDAL and without trusting it."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from seg_datasets.core.classes import few
from seg_datasets.core.sources.folder import Folder

# What is asked of SQLite goes in steps of so many of its instructions, at most so many of them: a
# file can hold tables that have no end.
_STEP = 1_000_000
_MOST_STEPS = 20_000

_LONGEST = 1 << 28

# Bytes of the bounding box of a geometry, by its code.
_ENVELOPES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}

_POLYGON, _MULTIPOLYGON, _COLLECTION = 3, 6, 7

# No tool nests collections deeper.
_DEEPEST = 8

# A polygon: its rings, (N, 2) each, the outer one first.
Polygon = list[np.ndarray]


def read(
    folder: Folder, path: str, *, layer: str, field: str
) -> tuple[str, Iterator[tuple[int, Any, list[Polygon]]]]:
    """The features of a layer.

    Args:
      folder: the raw folder.
      path: of the file below it.
      layer: its name; "" where the file has one only.
      field: the column of the labels, or "".

    Returns:
      Its coordinate system, EPSG:32633 or WKT, and (number, value of the column, polygons) of each
      feature that has polygons.

    Raises:
      ValueError: the file is no GeoPackage that can be read; says why.
    """
    file = folder.path(path).resolve()
    for ending in ("-wal", "-journal"):
        beside = file.with_name(file.name + ending)
        if beside.is_file() and beside.stat().st_size:
            raise ValueError(
                f"{beside.name} lies beside it: a program has it open, and changes are not in the "
                "file yet; close it there"
            )
    # Before SQLite looks at it: it would tell of a missing file in words of its own.
    with file.open("rb") as head:
        if head.read(16) != b"SQLite format 3\0":
            raise ValueError("is no SQLite file")
    uri = f"{file.as_uri()}?mode=ro&immutable=1"
    with _told(), contextlib.closing(_connect(uri)) as database:
        layers = _layers(database)
        if layer:
            layers = [one for one in layers if one[0] == layer]
        if len(layers) != 1:
            names = few([one[0] for one in layers]) or "none" if not layer else f"no {layer!r}"
            raise ValueError(f"one layer is read, and it has {names}; name it in `layer`")
        ((table, column, srs),) = layers
        crs = _crs(database, srs)
        _refuse_lacking(database, table, field)
    return crs, _features(uri, table, column, field)


def _features(
    uri: str, table: str, column: str, field: str
) -> Iterator[tuple[int, Any, list[Polygon]]]:
    wanted = f"rowid, {_quoted(column)}, {_quoted(field) if field else 'NULL'}"
    with _told(), contextlib.closing(_connect(uri)) as database:
        for number, blob, value in database.execute(
            f"SELECT {wanted} FROM {_quoted(table)} ORDER BY rowid"
        ):
            if blob is None:
                continue
            if not isinstance(blob, bytes):
                raise ValueError(f"feature {number} has no geometry, but {type(blob).__name__}")
            yield number, value, polygons(blob)


def polygons(blob: bytes) -> list[Polygon]:
    """The polygons of a geometry as a GeoPackage holds it.

    Raises:
      ValueError: damaged, or no polygon.
    """
    if len(blob) < 8 or blob[:2] != b"GP" or blob[2] != 0:
        raise ValueError("a geometry that is none of a GeoPackage")
    flags = blob[3]
    envelope = _ENVELOPES.get(flags >> 1 & 7)
    if envelope is None or flags & 0x20:
        raise ValueError("a geometry of a kind that only some programs know")
    if flags & 0x10:  # empty
        return []
    found: list[Polygon] = []
    end = _geometry(blob, 8 + envelope, found, 0)
    if end != len(blob):
        raise ValueError("a geometry with more behind it")
    return found


def _geometry(blob: bytes, at: int, found: list[Polygon], depth: int) -> int:
    """Well-known binary from a place on; where it ends."""
    order = {0: ">", 1: "<"}.get(_unpack("B", blob, at)[0])
    if order is None or depth > _DEEPEST:
        raise ValueError("a damaged geometry")
    (kind,) = _unpack(f"{order}I", blob, at + 1)
    at += 5
    axes = 2 + bool(kind & 0x80000000) + bool(kind & 0x40000000)
    if kind & 0x20000000:
        at += 4
    kind &= 0x1FFFFFFF
    axes = {0: axes, 1: 3, 2: 3, 3: 4}.get(kind // 1000, 0)
    kind %= 1000
    (count,) = _unpack(f"{order}I", blob, at)
    at += 4
    if kind not in (_POLYGON, _MULTIPOLYGON, _COLLECTION) or not axes:
        raise ValueError(f"a geometry of kind {kind}, which has no area; keep polygons alone")
    if kind != _POLYGON:
        for _ in range(count):
            at = _geometry(blob, at, found, depth + 1)
        return at
    rings = []
    for _ in range(count):
        (points,) = _unpack(f"{order}I", blob, at)
        at += 4
        if points * axes * 8 > len(blob) - at:
            raise ValueError("a geometry that breaks off")
        numbers = np.frombuffer(blob, f"{order}f8", points * axes, at).reshape(points, axes)
        rings.append(numbers[:, :2].astype(np.float64))
        at += points * axes * 8
    found.append(rings)
    return at


def _unpack(form: str, blob: bytes, at: int) -> tuple[int, ...]:
    if at + struct.calcsize(form) > len(blob):
        raise ValueError("a geometry that breaks off")
    return struct.unpack_from(form, blob, at)


def _connect(uri: str) -> sqlite3.Connection:
    database = sqlite3.connect(uri, uri=True)
    steps = iter(range(_MOST_STEPS))
    database.set_progress_handler(lambda: next(steps, None) is None, _STEP)
    if hasattr(database, "setlimit"):  # Python 3.11
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON", "mmap_size=0"):
        database.execute(f"PRAGMA {pragma}")
    return database


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, MemoryError) as error:
        raise ValueError(f"SQLite: {error or type(error).__name__}") from None


def _layers(database: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """(table, column of the geometries, number of the coordinate system) of each layer."""
    rows = database.execute(
        "SELECT g.table_name, g.column_name, g.srs_id, t.sql FROM gpkg_geometry_columns AS g "
        "JOIN sqlite_master AS t ON t.name = g.table_name AND t.type = 'table' ORDER BY 1 LIMIT 999"
    )
    # A view or a virtual table runs what its author likes.
    return [
        (str(table), str(column), srs)
        for table, column, srs, sql in rows
        if str(sql).upper().startswith("CREATE TABLE")
    ]


def _crs(database: sqlite3.Connection, number: int) -> str:
    row = database.execute(
        "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys "
        "WHERE srs_id = ?",
        (number,),
    ).fetchone()
    if row is None or number in (0, -1):
        raise ValueError("it does not tell its coordinate system; assign one, as QGIS can")
    organization, code, definition = row
    if str(organization).upper() == "EPSG":
        return f"EPSG:{int(code)}"
    return str(definition)


def _refuse_lacking(database: sqlite3.Connection, table: str, field: str) -> None:
    # SQLite takes a name that is no column for text.
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({_quoted(table)})")]
    if field and field not in columns:
        raise ValueError(f"it has no column {field!r}; it has {few(columns)}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
