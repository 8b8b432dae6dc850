"""MATLAB's files, versions 5 to 7: one array out of them, and nothing else is looked at.

Cells, structures and what lies in them are walked by their sizes, step by step: no file makes this
read deeper, longer or into more memory than the path that was asked for.
"""

from __future__ import annotations

import dataclasses
import math
import re
import struct
import zlib
from collections.abc import Collection, Iterator

import numpy as np

from seg_datasets.core.classes import few

# A variable as MATLAB writes it: `GTcls.Segmentation`, `groundTruth{1}.Segmentation`.
_STEP = re.compile(r"\.([A-Za-z]\w*)|\{([1-9]\d{0,8})\}|\(([1-9]\d{0,8})\)")
_NAME = re.compile(r"[A-Za-z]\w*")

_HEADER = 128

# No array of a picture or mask is larger: what a file claims is held against it.
_MOST_BYTES = 1 << 29

# A variable's name stands among its first bytes.
_BEGINNING = 1 << 12

_COMPRESSED, _MATRIX = 15, 14
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
_NUMBERS |= {13: "u8"}
_WHOLE = (5, 6)
_CELL, _STRUCT, _OPAQUE = 1, 2, 17
_NUMERIC = range(6, 16)
_OTHERS = {3: "an object", 4: "text", 5: "a sparse matrix", 16: "a function", 17: "an object"}
_COMPLEX = 0x08

# Structures within one another in which a mask is looked for.
_DEEPEST = 3


@dataclasses.dataclass(frozen=True)
class Variable:
    """Where an array lies in a file.

    Attributes:
      name: of the variable.
      steps: ("field", its name), ("cell", place) or ("element", place), from the outermost on.
    """

    name: str
    steps: tuple[tuple[str, str | int], ...]

    @classmethod
    def of(cls, text: str) -> Variable:
        """Reads `GTcls.Segmentation`.

        Raises:
          ValueError: it is no variable.
        """
        begin = _NAME.match(text)
        at = begin.end() if begin else 0
        steps: list[tuple[str, str | int]] = []
        while begin and (step := _STEP.match(text, at)):
            field, cell, element = step.groups()
            if field:
                steps.append(("field", field))
            else:
                steps.append(("cell", int(cell)) if cell else ("element", int(element)))
            at = step.end()
        if begin is None or at != len(text):
            raise ValueError(
                f"{text!r} is no variable; write it as MATLAB does: 'mask', 'GTcls.Segmentation', "
                "'groundTruth{1}.Segmentation'"
            )
        return cls(begin[0], tuple(steps))


def read(data: bytes, variable: str) -> np.ndarray:
    """An array of numbers.

    Args:
      data: the file.
      variable: see `Variable`.

    Raises:
      ValueError: the file is damaged or of another version, or has no such array of numbers.
    """
    wanted = Variable.of(variable)
    order = _order(data)
    names = []
    for matrix in _variables(data, order):
        names.append(matrix.name)
        if matrix.name == wanted.name:
            return _walk(matrix.whole(), wanted, variable)
    raise ValueError(f"has no variable {wanted.name!r}; it has {few(names) or 'none'}")


def planes(data: bytes) -> list[str]:
    """Where arrays of rows and columns lie, as `read` is told it.

    Raises:
      ValueError: the file is damaged, or of another kind.
    """
    found = [
        place
        for matrix in _variables(data, _order(data))
        if matrix.kind in (_CELL, _STRUCT, *_NUMERIC)
        for place in _planes(matrix.whole(), matrix.name, 0)
    ]
    return [place for place in found if _fits(place)]


def _planes(matrix: _Matrix, place: str, depth: int) -> Iterator[str]:
    """What is in an array, and in what it holds."""
    many = math.prod(matrix.shape)
    if matrix.kind in _NUMERIC and len(matrix.shape) == 2 and min(matrix.shape) > 1:
        yield place
    elif matrix.kind == _STRUCT and many == 1 and depth < _DEEPEST:
        (length,) = matrix.whole_numbers() or (0,)
        packed = bytes(matrix.reader.element()[1]).decode("latin-1")
        for at in range(0, len(packed) if 0 < length <= 64 else 0, length or 1):
            name = packed[at : at + length].rstrip("\0")
            yield from _planes(matrix.inner(), f"{place}.{name}", depth + 1)
    elif matrix.kind == _CELL and many and depth < _DEEPEST:
        yield from _planes(matrix.inner(), f"{place}{{1}}", depth + 1)


def _fits(place: str) -> bool:
    try:
        Variable.of(place)
    except ValueError:
        return False
    return True


def _order(data: bytes) -> str:
    if data.startswith(b"MATLAB 7.3") or data[512:520] == b"\x89HDF\r\n\x1a\n":
        raise ValueError("is a MATLAB file of version 7.3; save it anew: save(file, '-v7')")
    order = {b"IM": "<", b"MI": ">"}.get(data[_HEADER - 2 : _HEADER])
    if order is None:
        raise ValueError("is no MATLAB file of versions 5 to 7; save it anew: save(file, '-v7')")
    return order


class _Reader:
    """Bytes that are read element by element."""

    def __init__(self, data: memoryview, order: str):
        self.data, self.order, self.at = data, order, 0

    def element(self) -> tuple[int, memoryview]:
        """The next element: its type and its bytes."""
        first, size = self._numbers("II", self.at)
        if first >> 16:  # four bytes at most, within the tag
            kind, size, start, end = first & 0xFFFF, first >> 16, self.at + 4, self.at + 8
            if size > 4:
                raise ValueError("is damaged: a small element that is none")
        else:
            kind, start = first, self.at + 8
            end = start + size if kind == _COMPRESSED else start + -(-size // 8) * 8
        if start + size > len(self.data):
            raise ValueError("is truncated")
        self.at = end
        return kind, self.data[start : start + size]

    def more(self) -> bool:
        return self.at < len(self.data)

    def _numbers(self, form: str, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self.order + form, self.data, at)
        except struct.error:
            raise ValueError("is truncated") from None


class _Matrix:
    """An array, up to what it holds."""

    def __init__(self, data: memoryview, order: str, compressed: bytes = b""):
        self._compressed = compressed
        self.reader = _Reader(data, order)
        self.shape: tuple[int, ...] = ()
        self.name = ""
        flags = self.whole_numbers()
        if len(flags) != 2:
            raise ValueError("is damaged: flags of an array that are none")
        self.kind = flags[0] & 0xFF
        self.complex = bool(flags[0] >> 8 & _COMPLEX)
        if self.kind == _OPAQUE:  # which has neither sizes nor a name there
            return
        self.shape = self.whole_numbers()
        if not 2 <= len(self.shape) <= 32 or min(self.shape) < 0:
            raise ValueError("is damaged: sizes of an array that are none")
        self.name = self.text()

    def text(self) -> str:
        """The next element as text."""
        return bytes(self.reader.element()[1]).decode("latin-1").rstrip("\0")

    def whole_numbers(self) -> tuple[int, ...]:
        """The next element as whole numbers."""
        return tuple(self._array(_WHOLE).tolist())

    def inner(self) -> _Matrix:
        """The next element as an array."""
        kind, data = self.reader.element()
        if kind != _MATRIX:
            raise ValueError(f"is damaged: an element of type {kind} where an array was expected")
        return _Matrix(data, self.reader.order)

    def whole(self) -> _Matrix:
        """Itself, with all that it holds."""
        if not self._compressed:
            return self
        order = self.reader.order
        unpack = zlib.decompressobj()
        try:
            tag = unpack.decompress(self._compressed, 8)
            size = struct.unpack(order + "II", tag)[1]
            if size > _MOST_BYTES:
                raise ValueError(f"claims an array of {size:,} bytes")
            data = unpack.decompress(unpack.unconsumed_tail, max(1, size))
        except (zlib.error, struct.error) as error:
            raise ValueError(f"is damaged: {error}") from None
        return _Matrix(memoryview(data), order)

    def values(self) -> np.ndarray:
        """What it holds."""
        if self.complex:
            raise ValueError("holds complex numbers")
        flat = self._array(_NUMBERS)
        if flat.size != math.prod(self.shape):
            raise ValueError("is damaged: an array that is not as large as it says")
        return flat.reshape(self.shape, order="F")

    def skip(self, count: int) -> None:
        """Goes past elements."""
        for _ in range(count):
            self.reader.element()

    def _array(self, kinds: Collection[int]) -> np.ndarray:
        kind, data = self.reader.element()
        if kind not in kinds:
            raise ValueError(f"is damaged: an element of type {kind}")
        dtype = np.dtype(self.reader.order + _NUMBERS[kind])
        if len(data) % dtype.itemsize:
            raise ValueError("is damaged: half a number")
        return np.frombuffer(data, dtype)


def _variables(data: bytes, order: str) -> Iterator[_Matrix]:
    reader = _Reader(memoryview(data)[_HEADER:], order)
    while reader.more():
        kind, content = reader.element()
        if kind == _MATRIX:
            yield _Matrix(content, order)
        elif kind == _COMPRESSED:
            packed = bytes(content)
            try:
                begin = zlib.decompressobj().decompress(packed, _BEGINNING)
            except zlib.error as error:
                raise ValueError(f"is damaged: {error}") from None
            yield _Matrix(memoryview(begin)[8:], order, packed)


def _walk(matrix: _Matrix, wanted: Variable, variable: str) -> np.ndarray:
    """Goes to what is asked for."""
    place: int | None = None
    for kind, which in wanted.steps:
        if kind == "field" and matrix.kind == _STRUCT:
            many = math.prod(matrix.shape)
            if place is None and many > 1:
                raise ValueError(f"has {many} structures where {variable} has one; say which: (1)")
            (length,) = matrix.whole_numbers() or (0,)
            packed = bytes(matrix.reader.element()[1]).decode("latin-1")
            place = place or 0
            if not 0 < length <= 64 or place >= many:
                raise ValueError(f"has no {variable}")
            fields = [packed[i : i + length].rstrip("\0") for i in range(0, len(packed), length)]
            if which not in fields:
                raise ValueError(f"has no {variable}: the fields there are {few(fields)}")
            matrix.skip(place * len(fields) + fields.index(str(which)))
            matrix, place = matrix.inner(), None
        elif kind == "cell" and matrix.kind == _CELL:
            if int(which) > math.prod(matrix.shape):
                raise ValueError(f"has no {variable}: {math.prod(matrix.shape)} cells are there")
            matrix.skip(int(which) - 1)
            matrix, place = matrix.inner(), None
        elif kind == "element" and matrix.kind == _STRUCT:
            place = int(which) - 1
        else:
            raise ValueError(f"has no {variable}: there lies {_called(matrix)}")
    if matrix.kind not in _NUMERIC:
        raise ValueError(f"holds no numbers as {variable}, but {_called(matrix)}")
    return matrix.values()


def _called(matrix: _Matrix) -> str:
    if matrix.kind == _CELL:
        return "an array of cells; go on with {1}"
    if matrix.kind == _STRUCT:
        return "a structure; go on with the name of a field"
    return _OTHERS.get(matrix.kind, "an array of numbers")
