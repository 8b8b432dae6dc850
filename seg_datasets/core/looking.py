"""Looking: one pass over the raw bytes, in parallel, cached, that makes facts of samples."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import time
from collections.abc import Callable, Sequence
from concurrent import futures

import numpy as np
from PIL import Image

from seg_datasets.core import images, masks, opening, pairs
from seg_datasets.core.cache import FactsCache
from seg_datasets.core.classes import RawTable
from seg_datasets.core.columns import Facts, Writer
from seg_datasets.core.facts import (
    ImageFacts,
    MaskFacts,
    PairFacts,
    SampleFacts,
    pixel_digest,
    thumbnail,
)
from seg_datasets.core.images import ImageError
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder
from seg_datasets.core.specks import specks
from seg_datasets.core.views import View

# Part of every cached row's key: raise it when a fact changes its meaning. One that comes or goes
# changes the key by itself.
LOOK = 11

# So many unknown values of a mask are kept by name; a photo put in place of a mask has thousands.
_STRAY_KEPT = 16

_AT_A_TIME = 16

_WORKERS = "SEG_DATASETS_WORKERS"


_PARTS = (ImageFacts, MaskFacts, PairFacts)
_FIELDS = " ".join(field.name for part in _PARTS for field in dataclasses.fields(part))


def workers() -> int:
    """Threads to use: `SEG_DATASETS_WORKERS`, or one per processor this process may use."""
    if given := os.environ.get(_WORKERS):
        if not given.isdigit() or int(given) < 1:
            raise ValueError(f"{_WORKERS}={given!r}: give a number of threads, 1 or more")
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def collect(
    samples: Sequence[Sample],
    *,
    folder: Folder,
    table: RawTable,
    masks_follow_exif: bool | None = None,
    cache: FactsCache | None = None,
    progress: Callable[[int], object] | None = None,
) -> Facts:
    """Looks at every sample whose files changed since the last look.

    Args:
      samples: what to look at.
      folder: where their files are.
      table: raw mask value → class id.
      masks_follow_exif: see `Source`.
      cache: remembers facts between builds; None looks at everything.
      progress: called with 1 for each sample done.

    Returns:
      The facts in the order of the samples. A file that cannot be used has a `problem`; nothing is
      raised for it, so that all of them are found in one run.
    """
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

    def look_at_some(items: list[tuple[int, str]]) -> list[SampleFacts]:
        return [
            look_at(samples[i], folder=folder, table=table, masks_follow_exif=masks_follow_exif)
            for i, _ in items
        ]

    with futures.ThreadPoolExecutor(folder.readers(workers())) as pool, Writer() as seen:
        # Several at a time: handing over one costs a tenth of looking at it.
        looked = pool.map(
            look_at_some, [todo[i : i + _AT_A_TIME] for i in range(0, len(todo), _AT_A_TIME)]
        )
        first = 0
        for (index, stamp), facts in zip(todo, itertools.chain.from_iterable(looked), strict=True):
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
            if progress:
                progress(1)
        for sample in samples[first:]:
            seen.add(_from_row(sample, known[sample.id][1]))
        facts_of_all = seen.done()
    if cache:
        cache.store(look, fresh)
        cache.forget(look, known.keys() - {s.id for s in samples})
    return facts_of_all


def look_at(
    sample: Sample, *, folder: Folder, table: RawTable, masks_follow_exif: bool | None = None
) -> SampleFacts:
    """One look at one sample."""
    try:
        seen = opening.image_file(sample, folder)
    except (OSError, ValueError) as error:
        image, picture, none = ImageFacts("", 0, problem=f"cannot be read: {error}"), None, None
    else:
        image, picture = _look_at_image(seen)
        none = seen.none
    mask, ids = _look_at_mask(
        sample,
        table,
        folder=folder,
        size=(image.width, image.height),
        drawn_on=image.orientation if masks_follow_exif is False else 1,
        none=none,
    )
    return SampleFacts(sample, image, mask, pairs.look(picture, ids))


def _look_at_image(seen: View) -> tuple[ImageFacts, pairs.Picture | None]:
    """What one look at the image tells, and what its mask is held against."""
    data = seen.data
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        opened = images.open_image(data, small=True)
        halved = opened.mode in images.DEEP_COLOUR and opened.bands is None
        grey = images.small_grey(opened.image, deep=halved)
        as_bytes = opened.format == "JPEG" and opened.orientation == 1
        if as_bytes and grey.min() == grey.max():
            opened = images.open_image(data)  # one grey may be several colours
        extremes = opened.image.getextrema()
        bands = opened.bands
        geo = seen.geo or opened.geo
        facts = ImageFacts(
            sha256=sha256,
            bytes=len(data),
            format=opened.format,
            mode=opened.mode,
            depth=opened.depth,
            width=opened.size[0],
            height=opened.size[1],
            orientation=opened.orientation,
            pixels="" if as_bytes else pixel_digest(images.pixels(opened)),
            opaque=_opaque(opened.image, extremes),
            constant=_flat(extremes) if bands is None else bool(bands.min() == bands.max()),
            thumb=thumbnail(grey),
            geo=geo.transform,
            crs=geo.crs,
        )
        # What has no data in a view is void already.
        return facts, pairs.Picture(grey) if seen.geo else pairs.picture(grey, opened)
    except ImageError as error:
        return ImageFacts(sha256, len(data), problem=str(error)), None


def _look_at_mask(
    sample: Sample,
    table: RawTable,
    *,
    folder: Folder,
    size: tuple[int, int],
    drawn_on: int,
    none: np.ndarray | None,
) -> tuple[MaskFacts, np.ndarray | None]:
    """What one look at the mask tells, and its ids, where there are any."""
    try:
        seen = opening.mask_file(sample, folder)
    except (OSError, ValueError) as error:
        return MaskFacts("", 0, problem=f"cannot be read: {error}"), None
    data, sha256 = seen.data, hashlib.sha256(seen.data).hexdigest()
    try:
        opened = opening.mask(
            sample, seen, table, folder=folder, size=size, drawn_on=drawn_on, none=none
        )
        mask = opened.mask
    except masks.MisfitError as error:
        mode, alpha = masks.kind(data)
        return MaskFacts(sha256, len(data), mode=mode, alpha=alpha, misfit=str(error)), None
    except ImageError as error:
        return MaskFacts(sha256, len(data), problem=str(error)), None
    stray, rims = _apart(mask)
    borders, blended = masks.borders_and_blends(mask.ids) if len(mask.counts) > 2 else (0, 0)
    facts = MaskFacts(
        sha256=sha256,
        bytes=len(data),
        format=mask.format,
        mode=mask.mode,
        width=mask.raw.shape[1],
        height=mask.raw.shape[0],
        orientation=mask.orientation,
        ids=mask.runs.digest(),
        counts=mask.counts,
        stray=dict([*stray.items()][:_STRAY_KEPT]),
        stray_values=len(stray),
        rim_values=len(rims),
        rim_pixels=sum(rims.values()),
        as_stored=mask.as_stored,
        borders=borders,
        blended=blended,
        palette=mask.palette,
        greatest=int(mask.raw.max()),
        specks=specks(mask.ids, mask.runs.last),
        geo=(seen.geo or mask.geo).transform,
        crs=(seen.geo or mask.geo).crs,
        lost={a << 8 | b: n for (a, b), n in opened.lost.items()},
        nothing=opened.nothing,
    )
    return facts, mask.ids


def _apart(mask: masks.Mask) -> tuple[dict[int, int], dict[int, int]]:
    """The stray values of a mask: those that cover areas, and those that only stand at borders."""
    if not mask.stray:
        return {}, {}
    at_border = mask.raw[masks.between_neighbours(mask.raw)]
    values, pixels = np.unique(at_border, return_counts=True)
    between = dict(zip(values.tolist(), pixels.tolist(), strict=True))
    rims = {v: n for v, n in mask.stray.items() if 2 * between.get(v, 0) > n}
    return {v: n for v, n in mask.stray.items() if v not in rims}, rims


def _opaque(image: Image.Image, extremes: tuple) -> bool:
    if image.mode in ("LA", "RGBA"):
        return extremes[-1][0] == 255
    return "transparency" not in image.info


def _flat(extremes: tuple) -> bool:
    bands = extremes if isinstance(extremes[0], tuple) else (extremes,)
    return all(low == high for low, high in bands)


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
