"""Foreign files: JSON and XML of strangers, read without harm, and refused in our own words."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Collection, Iterator
from typing import Any, TextIO
from xml.etree.ElementTree import Element

from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.folder import Folder

# No tool writes a longer line for one image.
_LONGEST_LINE = 1 << 26

# No tool nests the elements of an XML file deeper.
_DEEPEST = 100

# JSON is read so many characters at a time; what breaks off with a piece does at most `_LAST`
# characters before its end. One annotation is never so long as `_LONGEST`.
_PIECE = 1 << 19
_LAST = 20
_LONGEST = 1 << 27

_BLANK = " \t\r\n"
_BLANKS = re.compile(f"[{_BLANK}]+")


@contextlib.contextmanager
def reading(path: str, what: str) -> Iterator[None]:
    """Whatever goes wrong in a foreign file comes out as `AnnotationError`."""
    try:
        yield
    except AnnotationError:
        raise
    except (
        OSError,
        ValueError,  # UnicodeDecodeError and JSONDecodeError too
        LookupError,  # of keys, of places, of encodings
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
        SyntaxError,  # of XML
    ) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise AnnotationError(
            f"{path} cannot be read as {what} ({reason}); export it anew, or name it in `ignore`"
        ) from error


def json_of(folder: Folder, path: str) -> Any:
    """A JSON file below the raw folder."""
    return json.loads(folder.read(path), parse_constant=_no_number)


def lists_of(
    folder: Folder, path: str, keys: Collection[str], *, also: Collection[str] = ()
) -> Iterator[tuple[str, Any]]:
    """The items of some lists of a JSON file, one by one: the file may be larger than the memory.

    Args:
      folder: the raw folder.
      path: of the file below it.
      keys: of the lists, in the object that the file is.
      also: keys of values that are wanted whole.

    Yields:
      (key, item), in the order of the file.
    """
    with _opened(folder, path) as file:
        text = _Text(file)
        text.take("{")
        more = text.sign() != "}"
        while more:
            key = text.value()
            if not isinstance(key, str):
                raise ValueError("a key that is no string")
            text.take(":")
            if key in also:
                yield key, text.value()
            elif text.sign() != "[":
                text.value()
            else:
                for item in text.items():
                    if key in keys:
                        yield key, item
            if more := text.sign() == ",":
                text.take(",")
        text.take("}")
        text.end()


def first_sign(folder: Folder, path: str) -> str:
    """The first character of a file that is no blank: whether its JSON is a list or an object."""
    with _opened(folder, path) as file:
        return _Text(file).sign()


def items_of(folder: Folder, path: str) -> Iterator[Any]:
    """The items of a JSON file that is one list, one by one."""
    with _opened(folder, path) as file:
        text = _Text(file)
        yield from text.items()
        text.end()


def lines_of(folder: Folder, path: str) -> Iterator[Any]:
    """The JSON of each line of a file, one by one; empty lines are left out."""
    with folder.open(path) as file:
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            if len(line) > _LONGEST_LINE:
                raise ValueError(f"line {number} has more than {_LONGEST_LINE:,} bytes")
            if text := line.decode("utf-8-sig").strip():
                yield json.loads(text, parse_constant=_no_number)


def _opened(folder: Folder, path: str) -> TextIO:
    return io.TextIOWrapper(folder.open(path), encoding="utf-8-sig", newline="")


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


class _Text:
    """JSON that is read piece by piece."""

    def __init__(self, file: TextIO):
        self._file = file
        self._text, self._at, self._ended = "", 0, False
        self._decode = json.JSONDecoder(parse_constant=_no_number).raw_decode

    def sign(self) -> str:
        """The next character that is no blank, "" at the end; it stays."""
        while True:
            sign = self._text[self._at : self._at + 1]
            if sign and sign not in _BLANK:
                return sign
            if blanks := _BLANKS.match(self._text, self._at):
                self._at = blanks.end()
            if self._at == len(self._text):
                if self._ended:
                    return ""
                self._more()

    def take(self, sign: str) -> None:
        """Goes past a character."""
        if self.sign() != sign:
            raise ValueError(f"{self.sign()!r} where {sign!r} was expected")
        self._at += 1

    def value(self) -> Any:
        """Goes past a value."""
        self.sign()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # A piece that ends within a value breaks it at the end, but for strings.
                cut = error.pos > len(self._text) - _LAST or error.msg.startswith("Unterminated")
                if self._ended or not cut:
                    raise ValueError(f"broken JSON: {error.msg}") from error
            else:
                if end < len(self._text) or self._ended:  # a number may go on
                    self._at = end
                    return value
            self._more()

    def items(self) -> Iterator[Any]:
        """Goes past a list."""
        self.take("[")
        more = self.sign() != "]"
        while more:
            yield self.value()
            if more := self.sign() == ",":
                self._at += 1
        self.take("]")

    def end(self) -> None:
        """Refuses what stands behind the last value."""
        if self.sign():
            raise ValueError("more text after the end of JSON")

    def _more(self) -> None:
        rest = self._text[self._at :]
        if len(rest) > _LONGEST:
            raise ValueError(f"a value of more than {_LONGEST:,} characters")
        piece = self._file.read(max(_PIECE, len(rest)))
        self._text, self._at, self._ended = rest + piece, 0, not piece


def xml_of(folder: Folder, path: str) -> Iterator[tuple[int, Element]]:
    """The elements of an XML file below the raw folder, in pieces.

    Yields:
      (how deep it stands, element) at its end, the root last. Elements stand deep 0, 1, …; those
      deep 0 and 1 are emptied after they were yielded. No entity is ever resolved.
    """
    from defusedxml import ElementTree

    depth = -1
    with folder.open(path) as file:
        for event, element in ElementTree.iterparse(file, ("start", "end"), forbid_dtd=True):
            if event == "start":
                depth += 1
                if depth > _DEEPEST:
                    raise ValueError(f"elements nested {depth} deep")
                if depth == 0:
                    root = element
                continue
            yield depth, element
            if depth <= 1:
                element.clear()
                root.clear()
            depth -= 1
