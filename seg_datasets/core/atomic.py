"""Atomic: files that a reader sees as they were or as they are, never a part."""

from __future__ import annotations

import pathlib
import uuid
from collections.abc import Iterable


def write(path: pathlib.Path, content: str | bytes | Iterable[str]) -> None:
    """Writes a file under a temporary name, whole or in parts that follow one another, and moves it
    to its own."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        if isinstance(content, bytes):
            temporary.write_bytes(content)
        else:
            with temporary.open("w", encoding="utf-8") as file:
                file.writelines([content] if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
