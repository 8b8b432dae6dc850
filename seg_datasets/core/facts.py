"""Facts: what one look at a sample tells. One pass over the raw bytes, in parallel, cached."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures

import numpy as np
from PIL import Image

from seg_datasets.core import images, masks
from seg_datasets.core.cache import FactsCache
from seg_datasets.core.classes import VOID_ID, RawTable
from seg_datasets.core.images import ImageError
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder

# Part of every cached row's key: raise it when a fact changes its meaning.
LOOK = 2

# So many unknown values of a mask are kept by name; a photo put in place of a mask has thousands.
_STRAY_KEPT = 16

_WORKERS = "SEG_DATASETS_WORKERS"


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFacts:
    """One look at an image file.

    Attributes:
      sha256: of the file's bytes.
      pixels: digest of the upright pixels, except for a JPEG stored as it is, whose bytes say as
        much at a fifth of the time; there it is "".
      opaque: whether no pixel is transparent.
      constant: whether all pixels are equal.
      problem: why the file cannot be used, or "".
    """

    sha256: str
    bytes: int
    format: str = ""
    mode: str = ""
    depth: int = 8
    width: int = 0
    height: int = 0
    orientation: int = 1
    pixels: str = ""
    opaque: bool = True
    constant: bool = False
    problem: str = ""

    @property
    def stored_as_is(self) -> bool:
        """Whether the record holds the file's own bytes."""
        return self.format in images.STORED_AS_IS and self.orientation == 1

    @property
    def content(self) -> str:
        """What the image is, for digests of content: independent of any PNG encoder's build."""
        return self.sha256 if self.stored_as_is else self.pixels

    @property
    def key(self) -> str:
        """Equal for equal pictures, as far as one look can tell."""
        return self.pixels or self.sha256


@dataclasses.dataclass(frozen=True, slots=True)
class MaskFacts:
    """One look at a mask file through the class table.

    Attributes:
      sha256: of the file's bytes.
      ids: digest of the upright class ids and their shape.
      counts: class id (255 for void) → pixels.
      stray: raw value that is in no table → pixels, the most frequent ones.
      stray_values: how many different ones there are.
      rim_values: how many more there are that only stand at borders, between their neighbours'
        values: what interpolation and anti-aliasing leave.
      rim_pixels: how many pixels those cover.
      as_stored: whether the record can hold the file's own bytes.
      misfit: why a sound file cannot hold the values of the table, or "".
      problem: why the file cannot be read, or "".
    """

    sha256: str
    bytes: int
    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    ids: str = ""
    counts: Mapping[int, int] = dataclasses.field(default_factory=dict)
    stray: Mapping[int, int] = dataclasses.field(default_factory=dict)
    stray_values: int = 0
    rim_values: int = 0
    rim_pixels: int = 0
    as_stored: bool = False
    misfit: str = ""
    problem: str = ""

    @property
    def void_only(self) -> bool:
        """Whether no pixel has a class."""
        return set(self.counts) == {VOID_ID}


@dataclasses.dataclass(frozen=True, slots=True)
class SampleFacts:
    """A sample and what one look at its two files told."""

    sample: Sample
    image: ImageFacts
    mask: MaskFacts

    @property
    def content(self) -> bytes:
        """Digest of what a record holds: id, group, image, ids."""
        return content_digest(self.sample.id, self.sample.group, self.image.content, self.mask.ids)


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
) -> list[SampleFacts]:
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
    look = f"{LOOK} {Image.__version__} {table.signature()} {masks_follow_exif}"
    known = cache.load(look) if cache else {}
    done: dict[int, SampleFacts] = {}
    todo: list[tuple[int, str]] = []
    for index, sample in enumerate(samples):
        stamp = _stamp(folder, sample) if cache else ""
        row = known.get(sample.id)
        if row is not None and stamp and row[0] == stamp:
            done[index] = _from_row(sample, row[1])
        else:
            todo.append((index, stamp))
    if progress:
        progress(len(done))
    fresh: list[tuple[str, str, list]] = []
    with futures.ThreadPoolExecutor(workers()) as pool:
        # map() keeps the order; its results are consumed as they come, so nothing piles up.
        looked = pool.map(
            lambda item: look_at(
                samples[item[0]], folder=folder, table=table, masks_follow_exif=masks_follow_exif
            ),
            todo,
        )
        for (index, stamp), facts in zip(todo, looked, strict=True):
            done[index] = facts
            if cache and stamp:
                fresh.append((samples[index].id, stamp, _to_row(facts)))
                if len(fresh) >= 1000:  # an interrupted look is not lost
                    cache.store(look, fresh)
                    fresh = []
            if progress:
                progress(1)
    if cache:
        cache.store(look, fresh)
        cache.forget(look, known.keys() - {s.id for s in samples})
    return [done[index] for index in range(len(samples))]


def look_at(
    sample: Sample, *, folder: Folder, table: RawTable, masks_follow_exif: bool | None = None
) -> SampleFacts:
    """One look at one sample."""
    image = _look_at_image(folder, sample.image)
    drawn_on = image.orientation if masks_follow_exif is False else 1
    return SampleFacts(sample, image, _look_at_mask(folder, sample.mask, table, drawn_on))


def _look_at_image(folder: Folder, name: str) -> ImageFacts:
    try:
        data = folder.read(name)
    except (OSError, ValueError) as error:
        return ImageFacts("", 0, problem=f"cannot be read: {error}")
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        opened = images.open_image(data, sketch=True)
        extremes = opened.image.getextrema()
        sketched = opened.format == "JPEG"
        if sketched and (_flat(extremes) or opened.orientation != 1):
            # An eighth of a fine pattern is flat too, and upright pixels are needed in full.
            opened = images.open_image(data)
            extremes = opened.image.getextrema()
            sketched = opened.orientation == 1
        return ImageFacts(
            sha256=sha256,
            bytes=len(data),
            format=opened.format,
            mode=opened.mode,
            depth=opened.depth,
            width=opened.size[0],
            height=opened.size[1],
            orientation=opened.orientation,
            pixels="" if sketched else pixel_digest(images.storable(opened.image)),
            opaque=_opaque(opened.image, extremes),
            constant=_flat(extremes),
        )
    except ImageError as error:
        return ImageFacts(sha256, len(data), problem=str(error))


def _look_at_mask(folder: Folder, name: str, table: RawTable, drawn_on: int) -> MaskFacts:
    try:
        data = folder.read(name)
    except (OSError, ValueError) as error:
        return MaskFacts("", 0, problem=f"cannot be read: {error}")
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        mask = masks.read(data, table, drawn_on=drawn_on)
    except masks.MisfitError as error:
        return MaskFacts(sha256, len(data), misfit=str(error))
    except ImageError as error:
        return MaskFacts(sha256, len(data), problem=str(error))
    stray, rims = _apart(mask)
    return MaskFacts(
        sha256=sha256,
        bytes=len(data),
        format=mask.format,
        mode=mask.mode,
        width=mask.raw.shape[1],
        height=mask.raw.shape[0],
        orientation=mask.orientation,
        ids=ids_digest(mask.ids),
        counts=mask.counts,
        stray=dict([*stray.items()][:_STRAY_KEPT]),
        stray_values=len(stray),
        rim_values=len(rims),
        rim_pixels=sum(rims.values()),
        as_stored=mask.as_stored,
    )


def _apart(mask: masks.Mask) -> tuple[dict[int, int], dict[int, int]]:
    """The stray values of a mask: those that cover areas, and those that only stand at borders."""
    if not mask.stray:
        return {}, {}
    at_border = mask.raw[masks.between_neighbours(mask.raw)]
    values, pixels = np.unique(at_border, return_counts=True)
    between = dict(zip(values.tolist(), pixels.tolist(), strict=True))
    rims = {v: n for v, n in mask.stray.items() if 2 * between.get(v, 0) > n}
    return {v: n for v, n in mask.stray.items() if v not in rims}, rims


def content_digest(name: str, group: str, image: str, ids: str) -> bytes:
    """What a sample is, whatever build of an encoder its record was made with."""
    return hashlib.sha256("\0".join((name, group, image, ids)).encode()).digest()


def pixel_digest(image: Image.Image) -> str:
    """Digest of the pixels a record would hold."""
    return _digest(np.asarray(image), image.mode)


def ids_digest(ids: np.ndarray) -> str:
    """Digest of class ids and their shape."""
    return _digest(ids, "ids")


def _digest(pixels: np.ndarray, kind: str) -> str:
    digest = hashlib.sha256(f"{kind} {pixels.shape}\n".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _opaque(image: Image.Image, extremes: tuple) -> bool:
    if image.mode in ("LA", "RGBA"):
        return extremes[-1][0] == 255
    return "transparency" not in image.info


def _flat(extremes: tuple) -> bool:
    bands = extremes if isinstance(extremes[0], tuple) else (extremes,)
    return all(low == high for low, high in bands)


def _stamp(folder: Folder, sample: Sample) -> str:
    """What changes when either file does: size and times. The change time is in it because a copy
    can bring the modification time of another file with it."""
    try:
        stats = [(folder.root / name).stat() for name in (sample.image, sample.mask)]
    except OSError:
        return ""
    return " ".join(
        f"{name} {s.st_size} {s.st_mtime_ns} {s.st_ctime_ns}"
        for name, s in zip((sample.image, sample.mask), stats, strict=True)
    )


def _to_row(facts: SampleFacts) -> list:
    return [
        [getattr(part, field.name) for field in dataclasses.fields(part)]
        for part in (facts.image, facts.mask)
    ]


def _from_row(sample: Sample, row: list) -> SampleFacts:
    image = ImageFacts(*row[0])
    fields = dict(zip([f.name for f in dataclasses.fields(MaskFacts)], row[1], strict=True))
    for name in ("counts", "stray"):
        fields[name] = {int(k): v for k, v in fields[name].items()}  # JSON keys are text
    return SampleFacts(sample, image, MaskFacts(**fields))
