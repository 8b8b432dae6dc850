"""Foreign files: JSON and XML of strangers, read without harm, and refused in our own words."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.folder import Folder

# No tool nests the elements of an XML file deeper.
_DEEPEST = 100


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


def items_of(folder: Folder, path: str, key: str) -> Iterator[Any]:
    """The items of one list of a JSON file, one by one: the file may be larger than the memory."""
    import ijson

    with folder.path(path).open("rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        try:
            yield from ijson.items(file, f"{key}.item", use_float=True)
        except ijson.JSONError as error:
            raise ValueError(f"broken JSON: {str(error).splitlines()[0]}") from error


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def xml_of(folder: Folder, path: str) -> Iterator[tuple[int, Element]]:
    """The elements of an XML file below the raw folder, in pieces.

    Yields:
      (how deep it stands, element) at its end, the root last. Elements stand deep 0, 1, …; those
      deep 0 and 1 are emptied after they were yielded. No entity is ever resolved.
    """
    from defusedxml import ElementTree

    depth = -1
    with folder.path(path).open("rb") as file:
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
