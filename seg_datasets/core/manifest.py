"""What lies beside the records: one row per sample, and the metadata of a version."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from seg_datasets.core import atomic, digests
from seg_datasets.core.classes import VOID_ID
from seg_datasets.core.plan import BuildPlan
from seg_datasets.core.sample import plain
from seg_datasets.core.survey import Survey

NAME = "manifest.jsonl"

# A line that is longer is no row: ids and paths are file names.
_LONGEST = 1 << 20


class ManifestError(ValueError):
    """A manifest is missing, damaged, or not that of the records beside it."""


class Row(NamedTuple):
    """One sample, as a manifest has it.

    Attributes:
      at: its place among the records of its shard.
      image: first 16 bytes of the digest of the image file.
      ids: first 16 bytes of the digest of the class ids.
    """

    id: str
    split: str
    shard: int
    at: int
    group: str
    image: bytes
    ids: bytes
    height: int
    width: int


def save(plan: BuildPlan, folder: pathlib.Path) -> None:
    """Writes the manifest of a plan, one JSON object per line, in record order."""
    atomic.write(folder / NAME, (json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(plan)))


def _objects(folder: pathlib.Path) -> list[dict[str, Any]]:
    lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def seen(folder: pathlib.Path) -> str | None:
    """`digests.of_seen` of a prepared version's manifest; None where there is none."""
    try:
        return digests.of_seen(
            (row["id"], row["image_sha256"], row["mask_sha256"])
            for row in _objects(folder)
            if any(row.get(key) for key in ("image_view", "mask_view", "drawn"))
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def files(folder: pathlib.Path) -> dict[str, str] | None:
    """Raw file → digest as a prepared version's manifest has them; None where there is none."""
    try:
        rows = _objects(folder)
    except (OSError, ValueError):
        return None
    # Of a view it is the digest of what is seen, and of a drawn mask that of its shapes: not of the
    # file that they stand in.
    found = {plain(r["image"]): r["image_sha256"] for r in rows if not r.get("image_view")}
    made = ("drawn", "mask_view")
    return found | {
        plain(r["mask"]): r["mask_sha256"] for r in rows if not any(r.get(key) for key in made)
    }


def read(folder: pathlib.Path) -> Iterator[Row]:
    """Rows of a prepared version's manifest, one at a time, in record order.

    Raises:
      ManifestError: it cannot be read, or a line is no row.
    """
    path, number = folder / NAME, 0
    places: Counter[tuple[str, int]] = Counter()
    try:
        with path.open("rb") as file:
            while line := file.readline(_LONGEST):
                number += 1
                row = _row(json.loads(line.decode("utf-8")), places)
                places[row.split, row.shard] += 1
                yield row
    except OSError as error:
        raise ManifestError(
            f"{path} cannot be read ({error.strerror}); delete the version's folder and build it "
            "again"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ManifestError(
            f"{path} is damaged in line {number} ({error}); delete the version's folder and build "
            "it again"
        ) from None


def metadata(survey: Survey) -> dict[str, Any]:
    """What `info.metadata` gains by a build, beside what the dataset folder declares."""
    splits = {split.name: split.samples for split in survey.plan.splits}
    pixels: dict[str, Counter[int]] = {}
    for name, samples in splits.items():
        _, found, counts = samples.amounts()
        pixels[name] = Counter(
            {i: int(counts[found == i].sum()) for i in np.unique(found).tolist()}
        )
    ids = range(len(survey.entry.classes))
    return {
        "ledger_key": survey.entry.key,
        "class_pixels": {name: [count[i] for i in ids] for name, count in pixels.items()},
        "void_pixels": {name: count[VOID_ID] for name, count in pixels.items()},
        "sizes": {
            side: _spread([n for s in splits.values() for n in s.numbers(f"image.{side}").tolist()])
            for side in ("height", "width")
        },
        "groups": {name: len(np.unique(samples.groups()[1])) for name, samples in splits.items()},
        "findings": [
            {**dataclasses.asdict(finding), "severity": finding.severity.value}
            for finding in survey.examined.findings
        ],
        "partial": survey.entry.partial,
    }


def _rows(plan: BuildPlan) -> Iterator[dict[str, Any]]:
    for split in plan.splits:
        for shard, samples in enumerate(split.shards):
            for one in samples:
                yield {
                    "id": one.sample.id,
                    "split": split.name,
                    "shard": shard,
                    "group": one.sample.group,
                    "image": one.sample.image,
                    "image_sha256": one.image.sha256,
                    "mask": one.sample.mask,
                    "mask_sha256": one.mask.sha256,
                    **({"drawn": True} if one.sample.drawing else {}),
                    **({"image_view": True} if one.sample.view else {}),
                    **({"mask_view": True} if one.sample.mask_view else {}),
                    "ids_sha256": one.mask.ids,
                    "height": one.image.height,
                    "width": one.image.width,
                    "pixels": {str(i): n for i, n in sorted(one.mask.counts.items())},
                }


def _row(fields: object, places: Counter[tuple[str, int]]) -> Row:
    if not isinstance(fields, dict):
        raise ValueError("not an object")

    def text(name: str) -> str:
        value = fields.get(name)
        if not isinstance(value, str):
            raise ValueError(f"{name!r} is no text")
        value.encode()  # half of a surrogate pair could not even be printed
        return value

    def whole(name: str) -> int:
        value = fields.get(name)
        if type(value) is not int or not 0 <= value < 1 << 31:
            raise ValueError(f"{name!r} is no whole number")
        return value

    def digest(name: str) -> bytes:
        if not re.fullmatch("[0-9a-f]{64}", value := text(name)):
            raise ValueError(f"{name!r} is no sha256")
        return bytes.fromhex(value)[:16]

    split, shard = text("split"), whole("shard")
    return Row(
        id=text("id"),
        split=split,
        shard=shard,
        at=places[split, shard],
        group=text("group"),
        image=digest("image_sha256"),
        ids=digest("ids_sha256"),
        height=whole("height"),
        width=whole("width"),
    )


def _spread(values: list[int]) -> list[int]:
    return [min(values), int(statistics.median(values)), max(values)] if values else []
