"""Foreign files: JSON and XML of strangers, read without harm, and refused in our own words."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.folder import Folder

# An annotation file of more bytes than this is read in pieces by those sources that can.
MOST_BYTES = 1 << 31


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
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise AnnotationError(
            f"{path} cannot be read as {what} ({reason}); export it anew, or name it in `ignore`"
        ) from error


def json_of(folder: Folder, path: str) -> Any:
    """A JSON file below the raw folder."""
    return json.loads(folder.read(path), parse_constant=_no_number)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
