"""Draws sample raw data for `aerial`: seeded scenes of invented cities, with exact masks.

    python -m seg_datasets.aerial.sample OUT --scenes=120 --size=256 --seed=0

writes `OUT/images/{city}_{scene}.png`, `OUT/masks/{city}_{scene}.png` (0 background, 1 building)
and `OUT/edition.txt`: 31 MB in about ten seconds. The same command writes the same bytes on every
machine, so a dataset that is built from them can be held against a recorded checksum. Masks hold
the ids themselves, so that records take their bytes as they are, whatever build of zlib is at hand;
in an image viewer they look black.
"""

from __future__ import annotations

import os
import pathlib
import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from absl import app, flags
from numpy.typing import NDArray
from tqdm import tqdm

from seg_datasets.aerial.scenery import plan

FLAGS = flags.FLAGS
Pixels = NDArray[np.uint8]

CITIES = (
    *("alderwick", "brenholm", "castrevo", "dunmarle", "estavila"),
    *("fennmoor", "grauthal", "hollinsea", "istrenna", "jorvale"),
    *("karsholt", "lumeira", "marovik", "nordwenn", "ostelle"),
)
EDITION = "edition.txt"
UNFINISHED = ".unfinished"
MOST_SCENES = 100_000  # the scenes of each city are numbered with four digits
SMALLEST, LARGEST = 32, 2048


class OutputFolderError(Exception):
    """The folder holds something that a drawing would mix with or overwrite."""


def scene(city: str, index: int, *, size: int = 256, seed: int = 0) -> tuple[Pixels, Pixels]:
    """Draws one scene, which depends on its arguments only.

    Args:
      city: decides, by its name, the look: streets, roofs, plants, sun, camera.
      index: which scene of the city.
      size: pixels along an edge; a larger picture shows more ground, not larger houses.
      seed: the sample's seed.

    Returns:
      The picture (size, size, 3), and its mask (size, size): 1 where a roof is seen, else 0. No
      tree hangs over a roof, so what is seen and what is built are the same.
    """
    return plan.paint(seed, city, index, size=size)


def draw(out: str | os.PathLike[str], *, scenes: int = 120, size: int = 256, seed: int = 0) -> None:
    """Draws the sample into a folder; drawing it there again changes nothing.

    Args:
      out: the folder; made when it is not there.
      scenes: how many scenes, dealt to the cities in turn.
      size: pixels along an edge.
      seed: the sample's seed; another seed draws other cities.

    Raises:
      OutputFolderError: the folder holds anything but this very drawing, whole or interrupted.
      ValueError: a number outside of what can be drawn.
    """
    _check("scenes", scenes, 1, MOST_SCENES)
    _check("size", size, SMALLEST, LARGEST)
    _check("seed", seed, 0, 2**63 - 1)
    folder = pathlib.Path(out)
    edition = f"sample-{scenes}x{size}-seed{seed}"
    deal = ((CITIES[number % len(CITIES)], number // len(CITIES)) for number in range(scenes))
    names = {f"{city}_{index:04d}.png": (city, index) for city, index in deal}
    _refuse_foreign(folder, edition, names)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name, (city, index) in tqdm(names.items(), desc=edition, unit=" scenes"):
        image, mask = scene(city, index, size=size, seed=seed)
        _write(folder / "images" / name, png(image))
        _write(folder / "masks" / name, png(mask))
    # Last, so that a folder with an edition is a whole one.
    _write(folder / EDITION, f"{edition}\n".encode())


def png(pixels: Pixels) -> bytes:
    """Encodes 8-bit grey (H, W) or RGB (H, W, 3) pixels, without compression.

    Compressed bytes differ between zlib and zlib-ng, and from one version to the next; stored ones
    are the same everywhere.
    """
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    lines = np.ascontiguousarray(pixels, np.uint8).reshape(height, -1)
    raw = np.pad(lines, ((0, 0), (1, 0))).tobytes()  # a 0 before each line: it is not filtered
    stream = b"\x78\x01" + _stored(raw) + struct.pack(">I", zlib.adler32(raw))
    chunks = ((b"IHDR", header), (b"IDAT", stream), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _stored(raw: bytes) -> bytes:
    most = 0xFFFF  # a stored block counts its bytes in 16 bits
    blocks = [raw[start : start + most] for start in range(0, len(raw), most)]
    return b"".join(
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks, 1)
    )


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; it must be from {low} to {high}")


def _refuse_foreign(folder: pathlib.Path, edition: str, names: Iterable[str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise OutputFolderError(f"{folder} is a file; give the name of a folder to draw into")
    written = folder / EDITION
    holds = written.read_bytes().decode(errors="replace").strip() if written.is_file() else edition
    ours = {EDITION, "images", "masks"}
    ours |= {f"{part}/{name}" for part in ("images", "masks") for name in names}
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    foreign = [name for name in found if name.removesuffix(UNFINISHED) not in ours]
    if holds != edition:
        reason = f"holds the edition {holds[:60]!r}, not {edition!r}"
    elif foreign:
        few = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if foreign[3:] else "")
        reason = f"holds what is not part of the edition {edition!r}: {few}"
    else:
        return
    raise OutputFolderError(f"{folder} {reason}; give a new folder, or empty this one first")


def _write(path: pathlib.Path, data: bytes) -> None:
    beside = path.with_name(path.name + UNFINISHED)
    beside.write_bytes(data)
    beside.replace(path)


def main(argv: Sequence[str]) -> None:
    """Reads the command line and draws."""
    if len(argv) != 2:
        raise app.UsageError("give exactly one folder to draw into, such as raw/aerial")
    try:
        draw(argv[1], scenes=FLAGS.scenes, size=FLAGS.size, seed=FLAGS.seed)
    except OutputFolderError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    # Not at import: a program that imports `draw` may have flags of the same names.
    flags.DEFINE_integer("scenes", 120, "How many scenes to draw.", 1, MOST_SCENES)
    flags.DEFINE_integer("size", 256, "Pixels along an edge.", SMALLEST, LARGEST)
    flags.DEFINE_integer("seed", 0, "Another seed draws other cities.", 0)
    app.run(main)
