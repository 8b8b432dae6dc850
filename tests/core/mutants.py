"""Mutated files: what a parser of strangers' files has to stand, the same ones on every machine."""

import contextlib
import pathlib
import random
from collections.abc import Callable

from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources import AnnotationError

_SPLICES = (
    *(b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"true", b"NaN", b"99999999999999999999"),
    *(b"[[", b"]]", b'"../x"', b"\xff", b"\x00", b"\xef\xbb\xbf", b",", b":", b"0.5", b"[" * 3000),
)


def try_all(content: bytes, read: Callable[[bytes], None], count: int = 2000) -> None:
    """Reads a file mutated in many ways; anything but our own errors comes out."""
    chance = random.Random(0)
    for _ in range(count):
        with contextlib.suppress(AnnotationError, DeclarationError, ImageError):
            read(_mutated(content, chance))


def put(path: pathlib.Path, content: bytes) -> None:
    """Writes a file anew: far faster than over the old one, which ext4 puts on disk first."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def _mutated(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(content) + 1)
        to = min(len(content), at + chance.choice((0, 1, 1, 2, 5, 20)))
        kind = chance.randrange(5)
        if kind == 0:
            content = content[:at] + content[to:]
        elif kind == 1:
            content = content[:at] + bytes([chance.randrange(256)]) + content[to:]
        elif kind == 2:
            content = content[:at] + content[at:to] * 2 + content[to:]
        else:  # a whole value for another
            content = content[:at] + chance.choice(_SPLICES) + content[to:]
        content = content or b" "
    return content
