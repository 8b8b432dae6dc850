"""Pixels: which of a sample's have another class in another version, from its records."""

from __future__ import annotations

import array
import collections
import os
import pathlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from concurrent import futures
from typing import Any

import numpy as np

from seg_datasets.core import masks
from seg_datasets.core.classes import RawTable
from seg_datasets.core.difference.versions import Version
from seg_datasets.core.facts import ids_digest
from seg_datasets.core.images import ImageError
from seg_datasets.core.manifest import Row
from seg_datasets.core.stages import workers

# Class ids of a record are what they are.
_AS_IT_IS = RawTable(1, {i: i for i in range(256)})

# Class pair (id before, id after) → pixels.
Pixels = Mapping[tuple[int, int], int]

# Stands for the id after of a class that is no more: no mask holds it.
GONE = 256

# Shards of array_record that are held open.
_OPEN = 8

# What stands around the data of a TFRecord: its length and a checksum, and a checksum after it.
_LENGTH, _HEAD, _TAIL = struct.Struct("<Q"), 12, 4


class RecordError(ValueError):
    """A record cannot be read, or is not what the manifest says."""


def compare(
    pairs: Iterable[tuple[Row, Row]], before: Version, after: Version, id_after: np.ndarray
) -> Iterator[tuple[Row, Pixels]]:
    """Reads the masks of samples of equal size and counts the pixels whose class changed.

    Args:
      pairs: the same sample in both versions.
      before: a prepared version.
      after: another.
      id_after: for each id before, the id that this class has after, or GONE.

    Yields:
      The row after, in order, and what changed.

    Raises:
      RecordError: a record cannot be read, or is not that of the manifest.
    """
    ours, theirs = Records(before), Records(after)
    ahead: collections.deque[futures.Future[tuple[Row, Pixels]]] = collections.deque()

    def one(was: Row, was_record: bytes, now: Row, now_record: bytes) -> tuple[Row, Pixels]:
        ids_before = _ids(was_record, was, before)
        return now, changed(ids_before, _ids(now_record, now, after), id_after)

    with futures.ThreadPoolExecutor(workers()) as pool:
        try:
            for was, now in pairs:
                ahead.append(pool.submit(one, was, ours.read(was), now, theirs.read(now)))
                if len(ahead) > 4 * workers():
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def changed(before: np.ndarray, after: np.ndarray, id_after: np.ndarray) -> Pixels:
    """Pixels whose class changed, by their ids before and after."""
    other = id_after[before] != after
    codes = before[other].astype(np.int64) * 256 + after[other]
    counts = np.bincount(codes, minlength=0)
    return {divmod(int(code), 256): int(counts[code]) for code in np.flatnonzero(counts)}


class Records:
    """The records of a prepared version, each by its place: 8 bytes of memory for each."""

    def __init__(self, version: Version):
        self._version = version
        self._starts: dict[pathlib.Path, array.array[int]] = {}
        self._open: collections.OrderedDict[pathlib.Path, Any] = collections.OrderedDict()

    def read(self, row: Row) -> bytes:
        """The serialised record of a row.

        Raises:
          RecordError: it is not there.
        """
        shards = self._version.entry.splits[row.split]["shards"]
        file_format = next(iter(shards), "none")
        name = f"{self._version.dataset}-{row.split}.{file_format}"
        assert self._version.folder
        path = self._version.folder / (
            f"{name}-{row.shard:05d}-of-{len(shards.get(file_format, ())):05d}"
        )
        try:
            if file_format == "tfrecord":
                return self._of_tfrecord(path, row.at)
            if file_format == "array_record":
                return self._of_array_record(path, row.at)
        # array_record raises what its C++ side threw.
        except (OSError, ValueError, IndexError, RuntimeError) as error:
            raise _unsound(f"{path} cannot be read ({error})", self._version) from None
        raise RecordError(f"{path}: records of the format {file_format} are not read")

    def _of_tfrecord(self, path: pathlib.Path, at: int) -> bytes:
        with path.open("rb") as file:
            if path not in self._starts:
                self._starts[path] = array.array("Q", _starts(file))
            file.seek(self._starts[path][at])
            size = _LENGTH.unpack(file.read(_HEAD)[: _LENGTH.size])[0]
            return file.read(size)

    def _of_array_record(self, path: pathlib.Path, at: int) -> bytes:
        from array_record.python import array_record_data_source

        if path not in self._open:
            if not path.is_file():  # it would end the process
                raise ValueError("it is not there")
            source = array_record_data_source.ArrayRecordDataSource([str(path)])
            self._open[path] = source.__enter__()
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)[1].__exit__(None, None, None)
        self._open.move_to_end(path)
        if at >= len(self._open[path]):
            raise ValueError(f"it has no record {at}")
        return self._open[path][at]


def _starts(file: Any) -> Iterator[int]:
    """Where the records of a TFRecord file begin."""
    start, end = 0, os.fstat(file.fileno()).st_size
    while start < end:
        file.seek(start)
        head = file.read(_HEAD)
        if len(head) < _HEAD:
            raise ValueError("it is truncated")
        yield start
        start += _HEAD + _LENGTH.unpack(head[: _LENGTH.size])[0] + _TAIL
    if start > end:
        raise ValueError("it is truncated")


def _ids(record: bytes, row: Row, version: Version) -> np.ndarray:
    """Class ids of a record, which are those of the manifest's row."""
    import tensorflow as tf
    from google.protobuf import message

    try:
        fields = tf.train.Example.FromString(record).features.feature
        name = fields["id"].bytes_list.value[0].decode()
        ids = masks.read(fields["mask"].bytes_list.value[0], _AS_IT_IS).ids
    except (message.DecodeError, IndexError, ImageError, UnicodeDecodeError) as error:
        raise _unsound(f"the record of {row.id} cannot be read ({error})", version) from None
    # The digest stands for the record's own checksum too.
    if name != row.id or bytes.fromhex(ids_digest(ids))[:16] != row.ids:
        raise _unsound(f"the record of {row.id} is not what the manifest says", version)
    return ids


def _unsound(what: str, version: Version) -> RecordError:
    return RecordError(
        f"{version.folder}: {what}. `python -m seg_datasets.verify {version.dataset}` tells what "
        "else is wrong; then delete that folder and build it again"
    )
