"""Facts in columns: what is known of every sample, at half a kilobyte each, on disk if need be.

Ten million samples as Python objects are sixty gigabytes. Here they are the columns of an Arrow
file that is mapped into memory: what goes through all of them (splits, order, shards, digests)
reads the few columns it needs, and a sample becomes an object only while somebody looks at it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seg_datasets.core import images, schema, storage
from seg_datasets.core.facts import SampleFacts, place_of

# So many samples are kept as objects once they were looked at: what checks and pages go through
# again and again.
KEPT = 1 << 16

# Samples of one batch of the file.
BATCH = 1 << 14

# Rows of arrays that are kept once they were worked out.
_WORKED_OUT = frozenset({"contents", "raw", "stored_as_is", "record_bytes"})

# What TFRecord and the protobuf around the two files cost, about.
_OVERHEAD = 16 + 80


class Facts(Sequence[SampleFacts]):
    """Facts of samples, in an order: a sequence of `SampleFacts` that are made when asked for."""

    def __init__(self, table: pa.Table, rows: np.ndarray | None = None):
        """`rows` of the table, or all of it."""
        self.table = table
        self.rows = rows
        self._kept: list[SampleFacts] | None = None

    @classmethod
    def of(cls, facts: Iterable[SampleFacts]) -> Facts:
        """The columns of facts; what is in columns already stays as it is."""
        if isinstance(facts, cls):
            return facts
        with Writer() as writer:
            for one in facts:
                writer.add(one)
            return writer.done()

    def __len__(self) -> int:
        return self.table.num_rows if self.rows is None else len(self.rows)

    @overload
    def __getitem__(self, at: int) -> SampleFacts: ...
    @overload
    def __getitem__(self, at: slice) -> Facts: ...
    def __getitem__(self, at: int | slice) -> SampleFacts | Facts:
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at])
        if len(self) <= KEPT:
            return self._all()[at]
        return self.take(np.array([range(len(self))[at]]))[0]

    def __iter__(self) -> Iterator[SampleFacts]:
        return iter(self._all()) if len(self) <= KEPT else self._made()

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process go the rows that are meant, not the table."""
        return _from_bytes, (self.to_bytes(),)

    def __eq__(self, other: object) -> bool:
        alike = isinstance(other, Sequence) and len(self) == len(other)
        return alike and all(a == b for a, b in zip(self, other, strict=True))  # type: ignore[call-overload]

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: np.ndarray) -> Facts:
        """Some of them, in this order."""
        taken = Facts(self.table, rows if self.rows is None else self.rows[rows])
        if self._kept is not None:
            taken._kept = [self._kept[row] for row in rows.tolist()]
        # What was worked out of all, in the order in which they lie, is not worked out again of
        # some here and there.
        for name in _WORKED_OUT & vars(self).keys():
            vars(taken)[name] = vars(self)[name][rows]
        return taken

    def with_groups(self, groups: Sequence[str]) -> Facts:
        """The same samples in other groups."""
        at = schema.SCHEMA.get_field_index("sample.group")
        table = _plain(self.table if self.rows is None else self.table.take(self.rows))
        return Facts(table.set_column(at, schema.SCHEMA.field(at), pa.array(groups, schema.SHARED)))

    def to_bytes(self) -> bytes:
        """As an Arrow stream, which `__reduce__` and files of jobs hold."""
        out = pa.BufferOutputStream()
        with pa.ipc.new_stream(out, schema.SCHEMA) as stream:
            for batch in self._batches():
                stream.write_table(_plain(batch))
        return out.getvalue().to_pybytes()

    def values(self, name: str) -> Iterator[Any]:
        """One column as Python has it, a batch at a time: `image.sha256`, of digests the bytes."""
        for batch in self._batches([name]):
            yield from batch.column(0).to_pylist()

    def numbers(self, name: str) -> np.ndarray:
        """A column of numbers."""
        column = self.table.column(name).to_numpy()
        return column if self.rows is None else column[self.rows]

    def groups(self, name: str = "sample.group") -> tuple[list[str], np.ndarray]:
        """The values of a column that many samples share, and which of them each sample has."""
        column = self.table.column(name).unify_dictionaries()
        chunks = column.chunks or [pa.array([], schema.SHARED)]
        codes = np.concatenate([chunk.indices.to_numpy() for chunk in chunks])
        return chunks[0].dictionary.to_pylist(), codes if self.rows is None else codes[self.rows]

    def amounts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of all masks together: row, class id, and the pixels of that class there."""
        found: list[tuple[np.ndarray, ...]] = []
        start = 0
        for batch in self._batches(["mask.counts"]):
            for chunk in batch.column(0).chunks:
                ends = chunk.offsets.to_numpy()
                rows = np.repeat(np.arange(start, start + len(chunk)), np.diff(ends))
                held = slice(ends[0], ends[-1])
                found.append((rows, chunk.keys.to_numpy()[held], chunk.items.to_numpy()[held]))
                start += len(chunk)
        empty = (np.zeros(0, np.int64),) * 3
        rows, ids, pixels = (np.concatenate(each) for each in zip(empty, *found, strict=True))
        return rows, ids, pixels

    @functools.cached_property
    def contents(self) -> np.ndarray:
        """`SampleFacts.content` of each, 32 bytes a row."""
        made, as_files = bytearray(), iter(self.stored_as_is.tolist())
        for batch in self._batches(_CONTENT):
            columns = (batch.column(name).to_pylist() for name in _CONTENT)
            for name, group, file, pixels, ids, view, geo, crs in zip(*columns, strict=True):
                image = file if next(as_files) else pixels
                parts = [name, group, schema.unpacked(image), schema.unpacked(ids)]
                if view and geo:
                    parts.append(place_of(geo, crs))
                made += hashlib.sha256("\0".join(parts).encode()).digest()
        return np.frombuffer(made, np.uint8).reshape(-1, 32)

    @functools.cached_property
    def raw(self) -> np.ndarray:
        """A digest of the bytes of both raw files of each, 32 bytes a row."""
        made = bytearray()
        for pair in zip(self.values("image.sha256"), self.values("mask.sha256"), strict=True):
            made += hashlib.sha256(b"\0".join(pair)).digest()
        return np.frombuffer(made, np.uint8).reshape(-1, 32)

    @functools.cached_property
    def stored_as_is(self) -> np.ndarray:
        """Whether the record holds the image file's own bytes."""
        formats, of = self.groups("image.format")
        known = np.array([f in images.STORED_AS_IS for f in formats], bool)
        return known[of] & (self.numbers("image.orientation") == 1)

    @functools.cached_property
    def record_bytes(self) -> np.ndarray:
        """About the size of each record, told before it is made and alike on every machine.

        A PNG that is encoded anew has a size that depends on the encoder's build, so it counts by
        its pixels here.
        """
        formats, of = self.groups("image.format")
        modes, mode = self.groups("image.mode")
        arrays = np.array([f == "NPY" for f in formats], bool)[of]
        bands = np.array([len(m.partition(";")[0]) for m in modes], np.int64)[mode]
        width, height = (self.numbers(f"image.{n}").astype(np.int64) for n in ("width", "height"))
        pixels = width * height
        as_files = self.stored_as_is | arrays
        image = np.where(as_files, self.numbers("image.bytes"), pixels * bands)
        own = self.numbers("mask.as_stored")
        mask = np.where(own, self.numbers("mask.bytes"), pixels // 16)
        return image + mask + self._lengths("sample.id") + _OVERHEAD

    def _lengths(self, name: str) -> np.ndarray:
        lengths = pc.binary_length(self.table.column(name)).to_numpy()
        return lengths if self.rows is None else lengths[self.rows]

    def _batches(self, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in their order, some columns or all, a batch at a time."""
        table = self.table if names is None else self.table.select(names)
        for start in range(0, len(self), BATCH):
            if self.rows is None:
                yield table.slice(start, BATCH)
            else:
                yield table.take(pa.array(self.rows[start : start + BATCH]))

    def _all(self) -> list[SampleFacts]:
        if self._kept is None:
            self._kept = [*self._made()]
        return self._kept

    def _made(self) -> Iterator[SampleFacts]:
        for batch in self._batches():
            yield from schema.facts_of(batch)


class Writer:
    """Facts on their way into columns: a batch in memory, the others in a file that nobody sees."""

    def __init__(self) -> None:
        self._waiting: list[SampleFacts] = []
        self._file: IO[bytes] | None = None
        self._stream: Any = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._file:
            self._file.close()

    def add(self, facts: SampleFacts) -> None:
        """One more."""
        self._waiting.append(facts)
        if len(self._waiting) == BATCH:
            self.write(schema.table_of(self._waiting))
            self._waiting = []

    def write(self, batch: pa.Table) -> None:
        """Many more, that are in columns."""
        if self._stream is None:
            # Not kept beyond this process: the facts cache is what the next build finds.
            self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 (`__exit__` closes it)
                prefix="seg_datasets-", suffix=".arrow"
            )
            options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
            self._stream = pa.ipc.new_stream(self._file, schema.SCHEMA, options=options)
        self._stream.write_table(_plain(batch))

    def done(self) -> Facts:
        """All of them."""
        last = schema.table_of(self._waiting)
        if self._stream is None or self._file is None:
            facts = Facts(last)
            if len(facts) <= KEPT:
                facts._kept = self._waiting
            return facts
        self.write(last)
        self._stream.close()
        self._file.flush()
        return read(pathlib.Path(self._file.name))


def read(path: str | os.PathLike[str]) -> Facts:
    """Facts of a file, mapped into memory: what nobody asks for is not read. Or of an object."""
    if storage.is_remote(path):
        return _from_bytes(storage.read(os.fspath(path)))
    with pa.memory_map(os.fspath(path)) as source:
        return Facts(pa.ipc.open_stream(source).read_all())


def _from_bytes(data: bytes) -> Facts:
    return Facts(pa.ipc.open_stream(pa.py_buffer(data)).read_all())


def _plain(table: pa.Table) -> pa.Table:
    """With one dictionary for each column, as a stream wants it."""
    return table.unify_dictionaries()


_CONTENT = [
    "sample.id",
    "sample.group",
    "image.sha256",
    "image.pixels",
    "mask.ids",
    "sample.view",
    "image.geo",
    "image.crs",
]
