"""TFRecord files of strangers: which bytes in them are which feature of which example.

The files and the `tf.train.Example` in them are read by hand: TensorFlow would hand out copies and
not places, and takes seconds to import.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from seg_datasets.core.records import masked_checksum

# The frame of a record: length, checksum of the length; the data; checksum of the data.
_HEAD, _TAIL = 12, 4

# Protocol buffers: types of fields on the wire.
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_MOST_BITS = 64


@dataclasses.dataclass(frozen=True)
class Place:
    """Bytes within a file."""

    offset: int
    length: int


def examples(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, Mapping[str, Place]]]:
    """Each example of a file: its bytes, where they begin in the file, and its features.

    A feature is the place of its first value within the example; only bytes have one.

    Args:
      file: from its beginning.
      size: of the file: no record is longer.

    Raises:
      ValueError: the file is damaged, or no such file.
    """
    at = 0
    while at < size:
        head = file.read(_HEAD)
        if len(head) < _HEAD or masked_checksum(head[:8]) != head[8:]:
            raise ValueError(f"no record begins at byte {at}")
        (length,) = struct.unpack("<Q", head[:8])
        if length > size - at - _HEAD - _TAIL:
            raise ValueError(f"the record at byte {at} is cut off")
        data, check = file.read(length), file.read(_TAIL)
        if masked_checksum(data) != check:
            raise ValueError(f"the record at byte {at} is damaged")
        yield data, at + _HEAD, features(data)
        at += _HEAD + length + _TAIL


def features(data: bytes) -> dict[str, Place]:
    """Feature of an example → place of its first value, where that is bytes.

    Raises:
      ValueError: it is no example.
    """
    found = {}
    for all_features in _fields(data, Place(0, len(data)), 1):
        for entry in _fields(data, all_features, 1):
            keys, values = [*_fields(data, entry, 1)], [*_fields(data, entry, 2)]
            if not keys or not values:
                continue
            name = value_of(data, keys[-1]).decode()
            lists = [place for value in values for place in _fields(data, value, 1)]
            if first := [place for one in lists for place in _fields(data, one, 1)][:1]:
                found[name] = first[0]
    return found


def value_of(data: bytes, place: Place) -> bytes:
    """The bytes at a place."""
    return data[place.offset : place.offset + place.length]


def _fields(data: bytes, within: Place, number: int) -> Iterator[Place]:
    """The places of a message's fields of one number that are bytes."""
    at, end = within.offset, within.offset + within.length
    while at < end:
        tag, at = _varint(data, at, end)
        kind, length = tag & 7, 0
        if kind == _VARINT:
            _, at = _varint(data, at, end)
        elif kind == _BYTES:
            length, at = _varint(data, at, end)
        elif kind in (_EIGHT, _FOUR):
            length = 8 if kind == _EIGHT else 4
        else:
            raise ValueError(f"no example of TensorFlow: a field of type {kind}")
        if length > end - at:
            raise ValueError("no example of TensorFlow: a field is longer than its message")
        if kind == _BYTES and tag >> 3 == number:
            yield Place(at, length)
        at += length


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, _MOST_BITS, 7):
        if at >= end:
            break
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError("no example of TensorFlow: a number has no end")
