"""What `faults.py` builds: datasets, raw data, and one build that is to meet a fault."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

import faulty
import seg_datasets
from faulty import Ended, Place
from seg_datasets import registration
from seg_datasets.aerial import sample
from seg_datasets.core import ledger
from seg_datasets.core.config import SegmentationConfig

Aerial = registration.builder_class("aerial")


class Roofs(seg_datasets.SegmentationBuilder, skip_registration=True):
    """The raw data of `aerial` in two configs, for builds that run at once."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    CLASSES = Aerial.CLASSES
    SOURCE = Aerial.SOURCE
    BUILDER_CONFIGS: ClassVar = [
        SegmentationConfig(
            name=name,
            splits=seg_datasets.splits.Grouped(
                train=80, validation=10, test=10, group=r"^(?P<group>[a-z]+)", seed=seed
            ),
        )
        for name, seed in (("near", 8), ("far", 9))
    ]


class Town(seg_datasets.SegmentationBuilder, skip_registration=True):
    """Shapes, which are read once, before any picture is looked at."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    CLASSES = seg_datasets.ClassTable("ground", "roof")
    SOURCE = seg_datasets.sources.LabelMe(labels={"house": "roof"}, group=r"^(?P<group>[a-z]+)")
    SPLITS = seg_datasets.splits.Grouped(
        train=2, test=1, pin={"train": ["ash", "elm"], "test": ["oak"]}
    )


@dataclasses.dataclass(frozen=True)
class Room:
    """What all tries share: raw data, and what undisturbed builds of it take.

    Attributes:
      known: entries of all builds that nothing disturbed.
      wall, beam_wall: seconds of a build.
      changes, raw_files: of the file system, and openings of raw files, during a build.
      pages, inodes: what a build takes of a disk.
    """

    raw: pathlib.Path
    town: pathlib.Path
    shards: int
    known: list[dict[str, Any]]
    wall: float = 0
    beam_wall: float = 0
    changes: int = 0
    raw_files: int = 0
    pages: int = 0
    inodes: int = 0


@dataclasses.dataclass
class Try:
    """One build that meets a fault.

    Attributes:
      stack: what is undone when all is over.
      mend: what is done before the next build.
      again: the next build, where it is not a plain one.
      new_plan: whether the next build may want other shards.
    """

    place: Place
    room: Room
    random: random.Random
    stack: contextlib.ExitStack
    mend: list[Callable[[], object]] = dataclasses.field(default_factory=list)
    again: Callable[[], object] | None = None
    new_plan: bool = False

    def build(self, cls: type = Aerial, **options: Any) -> None:
        faulty.build(self.place, cls, **{"num_shards": self.room.shards, **options})

    def start(self, before: Callable[[], object] = lambda: None, **options: Any) -> int:
        """Forks a build; `before` runs in the child first."""
        return faulty.fork(self.place, lambda: (before(), self.build(**options)))

    def run(self, before: Callable[[], object] = lambda: None, **options: Any) -> Ended:
        return faulty.ended(self.place, self.start(before, **options))

    def at_a_change(self, number: int, *, last: int = 0) -> Callable[[], None]:
        """For a child: it gets the signal before one of its (last so many) changes to files."""
        most = self.room.changes
        moment = self.random.randint(most - last if last else 1, most)
        return lambda: faulty.on_each_change(
            lambda count: os.kill(os.getpid(), number) if count == moment else None
        )


def on_beam() -> PipelineOptions:
    return PipelineOptions(
        runner="DirectRunner", direct_running_mode="multi_processing", direct_num_workers=2
    )


def draw_town(raw: pathlib.Path) -> None:
    """Draws raw data for `Town`."""
    numbers = np.random.default_rng(0)
    raw.mkdir()
    for left, name in enumerate(
        f"{group}_{i}" for group in ("ash", "elm", "oak") for i in range(3)
    ):
        pixels = numbers.integers(0, 256, (40, 60, 3), np.uint8)
        Image.fromarray(pixels).save(raw / f"{name}.png")
        corners = [[left, 10], [left + 12, 10], [left + 12, 25], [left, 25]]
        house = {"label": "house", "shape_type": "polygon", "points": corners}
        fields = {"imagePath": f"{name}.png", "imageWidth": 60, "imageHeight": 40}
        (raw / f"{name}.json").write_text(json.dumps({**fields, "shapes": [house]}))


def changed_file(raw: pathlib.Path) -> tuple[str, bytes]:
    """A file of a raw folder, and other bytes of the same length that are as good."""
    if (raw / "ash_1.json").exists():
        return "ash_1.json", (raw / "ash_1.json").read_bytes().replace(b"10]", b"12]")
    path = sorted((raw / "masks").iterdir())[7]
    pixels = np.asarray(Image.open(path)).copy()
    pixels[5:9, 7] = 1 - pixels[5:9, 7]
    return f"masks/{path.name}", faulty.as_png(pixels, size=path.stat().st_size)


def prepared(folder: pathlib.Path, *, beam: bool) -> Room:
    """Draws raw data, and builds it undisturbed."""
    raw, town = folder / "raw", folder / "town"
    sample.draw(raw, scenes=45, size=48, seed=3)
    draw_town(town)
    target = sorted((raw / "masks").iterdir())[7]
    data = target.read_bytes()
    target.write_bytes(faulty.longer(data, len(data) + 200))  # room for other pixels
    room = Room(raw, town, shards=3, known=[])
    changed = {}
    for name, pristine in (("raw", raw), ("town", town)):
        changed[name] = folder / f"{name}-changed"
        shutil.copytree(pristine, changed[name])
        file, new = changed_file(pristine)
        (changed[name] / file).write_bytes(new)
    time.sleep(2.1)  # facts of younger files are not kept

    def built(of: pathlib.Path = raw, **options: object) -> Place:
        place = Place(pathlib.Path(tempfile.mkdtemp(dir=folder)), of)
        with contextlib.ExitStack() as stack:
            end = Try(place, room, random.Random(0), stack).run(**options)
        if end.status:
            sys.exit(f"an undisturbed build ended with {end}; see {place.root}/log")
        for path in place.data.rglob(ledger.ENTRY):
            room.known.append(ledger.load_entry(path.parent).to_json())
        return place

    built(changed["raw"])
    built(file_format="array_record")
    built(town, cls=Town, num_shards=1)
    built(changed["town"], cls=Town, num_shards=1)
    for config in ("near", "far"):
        built(cls=Roofs, config=config)
    walls = []
    for _ in range(3):
        start = time.monotonic()
        place = built()
        walls.append(time.monotonic() - start)
    start = time.monotonic()
    if beam:
        built(beam_options=on_beam())
    files = [path.stat() for path in place.data.rglob("*")]
    counted = Place(folder / "counted", raw)

    def count() -> None:
        numbers = [0, 0]
        faulty.on_each_change(lambda n: numbers.__setitem__(0, n))
        faulty.on_each_raw_file(counted, lambda n: numbers.__setitem__(1, n))
        faulty.build(counted, Aerial, num_shards=room.shards)
        faulty.told(counted, numbers)

    faulty.ended(counted, faulty.fork(counted, count))
    changes, raw_files = faulty.heard(counted)
    return dataclasses.replace(
        room,
        wall=statistics.median(walls),
        beam_wall=time.monotonic() - start,
        changes=changes,
        raw_files=raw_files,
        pages=sum(-(-stat.st_size // 4096) for stat in files),
        inodes=len(files),
    )
