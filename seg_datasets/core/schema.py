"""Schema: the columns that facts have, and the way there and back."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from seg_datasets.core.facts import ImageFacts, MaskFacts, PairFacts, SampleFacts
from seg_datasets.core.sample import Sample

_PARTS = (Sample, ImageFacts, MaskFacts, PairFacts)
_NAMES = ("sample", "image", "mask", "pair")

# Digests and thumbnails are text of hex; as bytes they take half the room. Told by their lengths.
_HEX = frozenset({"sha256", "pixels", "thumb", "ids"})
_HEX_BYTES = (32, 256)

# Text that many samples share is kept once.
_FEW = frozenset(
    {"group", "folder", "format", "mode", "crs", "problem", "misfit", "alpha", "nodata_value"}
)

_WIDE = frozenset({"bytes", "greatest", "nodata", "rim_pixels"})

SHARED = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    "str": pa.string(),
    "bytes": pa.binary(),
    "int": pa.int32(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "Mapping[int, int]": pa.map_(pa.int64(), pa.int64()),
    "tuple[float, ...]": pa.list_(pa.float64()),
    "tuple[int, int]": pa.list_(pa.int32()),
    "tuple[str, ...]": pa.list_(pa.string()),
}


def _type(field: dataclasses.Field[Any]) -> pa.DataType:
    if field.name in _HEX:
        return pa.binary()
    if field.name in _FEW:
        return SHARED
    return pa.int64() if field.name in _WIDE else _TYPES[str(field.type)]


_FIELDS = [
    (part, field, f"{name}.{field.name}")
    for part, name in zip(_PARTS, _NAMES, strict=True)
    for field in dataclasses.fields(part)
]
SCHEMA = pa.schema([pa.field(name, _type(field)) for _, field, name in _FIELDS])


def packed(text: str) -> bytes:
    """Hex of a digest or a thumbnail as its bytes; other text as it is."""
    return bytes.fromhex(text) if len(text) // 2 in _HEX_BYTES else text.encode()


def unpacked(data: bytes) -> str:
    """What was packed."""
    return data.hex() if len(data) in _HEX_BYTES else data.decode()


def table_of(facts: Sequence[SampleFacts]) -> pa.Table:
    """The columns of some facts."""
    parts = {
        part: [getattr(f, name) for f in facts] for part, name in zip(_PARTS, _NAMES, strict=True)
    }
    columns = []
    for part, field, name in _FIELDS:
        values: list[Any] = [getattr(one, field.name) for one in parts[part]]
        if field.name in _HEX:
            values = [packed(value) for value in values]
        elif str(field.type).startswith("Mapping"):
            values = [[*value.items()] for value in values]
        columns.append(pa.array(values, SCHEMA.field(name).type))
    return pa.table(columns, schema=SCHEMA)


def facts_of(table: pa.Table) -> Iterator[SampleFacts]:
    """The facts in some columns."""
    columns = [
        [read(value) for value in column.to_pylist()] if read else column.to_pylist()
        for column, read in zip(table.columns, _READ, strict=True)
    ]
    for row in zip(*columns, strict=True):
        values = iter(row)
        yield SampleFacts(*(part(*itertools.islice(values, n)) for part, n in _COUNTS))  # type: ignore[arg-type]


def _reader(field: dataclasses.Field[Any]) -> Any:
    """What makes a column's values those of a field, or None where they are."""
    if field.name in _HEX:
        return unpacked
    kind = str(field.type)
    return dict if kind.startswith("Mapping") else tuple if kind.startswith("tuple") else None


_READ = [_reader(field) for _, field, _ in _FIELDS]
_COUNTS = [(part, len(dataclasses.fields(part))) for part in _PARTS]
