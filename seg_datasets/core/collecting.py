"""Collecting: a look at every sample, in parallel, here or by Beam's workers, cached."""

from __future__ import annotations

import dataclasses
import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures

from PIL import Image

from seg_datasets.core import atomic, columns, looking
from seg_datasets.core.cache import FactsCache
from seg_datasets.core.classes import RawTable
from seg_datasets.core.columns import Facts, Writer
from seg_datasets.core.facts import ImageFacts, MaskFacts, PairFacts, SampleFacts
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder
from seg_datasets.core.stages import Stage, Stages, workers

# Part of every cached row's key: raise it when a fact changes its meaning. One that comes or goes
# changes the key by itself.
LOOK = 11

# Samples that a thread is handed at a time: handing over one costs a tenth of looking at it.
_AT_A_TIME = 16

# Samples of one file for workers: few enough that all of them have something to do.
_PARTS_WANTED, _MOST_AT_A_TIME = 256, 256

# Ends the name of the file that tells a worker which samples to look at.
_ASKED = ".samples"
_NOTHING = (ImageFacts("", 0), MaskFacts("", 0))

_PARTS = (ImageFacts, MaskFacts, PairFacts)
_FIELDS = " ".join(field.name for part in _PARTS for field in dataclasses.fields(part))


def collect(
    samples: Sequence[Sample],
    *,
    folder: Folder,
    table: RawTable,
    masks_follow_exif: bool | None = None,
    cache: FactsCache | None = None,
    progress: Callable[[int], object] | None = None,
    stages: Stages | None = None,
) -> Facts:
    """Looks at every sample whose files changed since the last look.

    Args:
      samples: what to look at.
      folder: where their files are.
      table: raw mask value → class id.
      masks_follow_exif: see `Source`.
      cache: remembers facts between builds; None looks at everything.
      progress: called with the number of samples done, as they are.
      stages: who looks, and what is told of it.

    Returns:
      The facts in the order of the samples. A file that cannot be used has a `problem`; nothing is
      raised for it, so that all of them are found in one run.
    """
    stages = stages or Stages()
    look = f"{LOOK} {_FIELDS} {Image.__version__} {table.signature()} {masks_follow_exif}"
    known = cache.load(look) if cache else {}
    todo: list[tuple[int, str]] = []
    now = time.time_ns()
    for index, sample in enumerate(samples):
        stamp = _stamp(folder, sample, now) if cache else ""
        row = known.get(sample.id)
        if row is None or not stamp or row[0] != stamp:
            todo.append((index, stamp))
    if progress:
        progress(len(samples) - len(todo))
    fresh: list[tuple[str, str, list]] = []
    how = _How(folder.where, table, masks_follow_exif)
    with stages.stage("Look") as stage, Writer() as seen:
        if stages.on_beam and todo:
            looked = _on_beam(samples, todo, how, look=look, stages=stages, stage=stage)
        else:
            looked = _here([samples[index] for index, _ in todo], how, folder)
        first = 0
        for (index, stamp), facts in zip(todo, looked, strict=True):
            for sample in samples[first:index]:
                seen.add(_from_row(sample, known[sample.id][1]))
            seen.add(facts)
            first = index + 1
            # A problem may be gone the next time: a disk that was away, a limit that was met.
            if cache and stamp and not (facts.image.problem or facts.mask.problem):
                fresh.append((samples[index].id, stamp, _to_row(facts)))
                if len(fresh) >= 1000:  # an interrupted look is not lost
                    cache.store(look, fresh)
                    fresh = []
            stage.bytes += facts.image.bytes + facts.mask.bytes
            if progress:
                progress(1)
        for sample in samples[first:]:
            seen.add(_from_row(sample, known[sample.id][1]))
        facts_of_all = seen.done()
        stage.samples, stage.kept = len(samples), len(samples) - len(todo)
    if cache:
        cache.store(look, fresh)
        cache.forget(look, known.keys() - {s.id for s in samples})
    return facts_of_all


@dataclasses.dataclass(frozen=True)
class _How:
    """What a look needs beside the sample."""

    raw: str
    table: RawTable
    masks_follow_exif: bool | None

    def look(self, samples: Iterable[Sample], folder: Folder) -> list[SampleFacts]:
        """Looks at some samples, one after the other."""
        follow = self.masks_follow_exif
        return [
            looking.look_at(sample, folder=folder, table=self.table, masks_follow_exif=follow)
            for sample in samples
        ]

    def __call__(self, path: str) -> Mapping[str, int]:
        """What a worker does: looks at the samples of a file and leaves the facts beside it."""
        if atomic.is_there(path):
            return {}  # the runner begins again after a fault
        seen = self.look((one.sample for one in columns.read(path + _ASKED)), Folder(self.raw))
        atomic.write(path, Facts.of(seen).to_bytes())
        return {
            "samples": len(seen),
            "bytes": sum(one.image.bytes + one.mask.bytes for one in seen),
            "problems": sum(bool(one.image.problem or one.mask.problem) for one in seen),
        }


def _here(samples: Sequence[Sample], how: _How, folder: Folder) -> Iterator[SampleFacts]:
    """Facts of samples in their order, by threads of this process."""
    with futures.ThreadPoolExecutor(folder.readers(workers())) as pool:
        parts = (samples[at : at + _AT_A_TIME] for at in range(0, len(samples), _AT_A_TIME))
        for seen in pool.map(lambda part: how.look(part, folder), parts):
            yield from seen


def _on_beam(
    samples: Sequence[Sample],
    todo: Sequence[tuple[int, str]],
    how: _How,
    *,
    look: str,
    stages: Stages,
    stage: Stage,
) -> Iterator[SampleFacts]:
    """Facts of samples in their order, by workers."""
    room = f"{stages.room}/look"
    atomic.make_folder(room)
    size = min(max(len(todo) // _PARTS_WANTED, _AT_A_TIME), _MOST_AT_A_TIME)
    paths = []
    for at in range(0, len(todo), size):
        part = todo[at : at + size]
        # What a killed build has looked at counts as long as the files are the same.
        known = [f"{samples[index].id} {stamp}" for index, stamp in part if stamp]
        key = "\n".join([look, *known]) if len(known) == len(part) else uuid.uuid4().hex
        name = f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.arrow"
        asked = [SampleFacts(samples[index], *_NOTHING) for index, _ in part]
        paths.append(f"{room}/{name}")
        atomic.write(paths[-1] + _ASKED, Facts.of(asked).to_bytes())
    missing = [path for path in paths if not atomic.is_there(path)]
    stages.run(stage, how, missing, made=atomic.is_there)
    for path in paths:
        yield from columns.read(path)


def _stamp(folder: Folder, sample: Sample, now: int) -> str:
    """What changes when either file does; "" where nothing tells."""
    try:
        image = [] if sample.view else [sample.image]
        mask = [] if sample.drawing or sample.mask_view else [sample.mask]
        names = [*dict.fromkeys((*image, *mask, *sample.parts))]
        stamps = [folder.stamp(name, now) for name in names]
    except OSError:
        return ""
    if not all(stamps):
        return ""
    made = f"{sample.view}{sample.mask_view}".encode() + sample.drawing
    return hashlib.sha256(made).hexdigest() * bool(made) + " ".join(
        f"{name} {stamp}" for name, stamp in zip(names, stamps, strict=True)
    )


def _to_row(facts: SampleFacts) -> list:
    return [
        [getattr(part, field.name) for field in dataclasses.fields(part)]
        for part in (facts.image, facts.mask, facts.pair)
    ]


def _from_row(sample: Sample, row: list) -> SampleFacts:
    image, mask, pair = (
        dict(zip([f.name for f in dataclasses.fields(kind)], values, strict=True))
        for kind, values in zip(_PARTS, row, strict=True)
    )
    for name in ("counts", "stray", "palette", "specks", "lost"):
        mask[name] = {int(k): v for k, v in mask[name].items()}  # JSON keys are text
    for fields, name in ((image, "geo"), (mask, "geo"), (mask, "nothing"), (pair, "shift")):
        fields[name] = tuple(fields[name])
    return SampleFacts(sample, ImageFacts(**image), MaskFacts(**mask), PairFacts(**pair))
