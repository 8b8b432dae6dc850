"""Thumbs: small pictures of samples, their masks and the pixels that findings are about."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent import futures

import numpy as np
from PIL import Image

from seg_datasets.core import images, masks, opening, stages
from seg_datasets.core.classes import VOID_ID
from seg_datasets.core.facts import SPECK, SampleFacts
from seg_datasets.core.report import kit
from seg_datasets.core.survey import Examined

SIDE = 192
_QUALITY = 74

# What a finding is about, and what of it looks blended from its neighbours.
MARK, RIM = (255, 0, 200), (255, 221, 0)

# Marks that cover less than this share of a picture are made wider, or nobody would see them.
_FAINT = 0.01

# What files raise that cannot be shown; a page is made all the same.
_UNREADABLE = (OSError, ValueError, MemoryError, Image.DecompressionBombError)

_STRIPE = 6  # void is striped: any colour alone may be a class


@dataclasses.dataclass(frozen=True)
class Thumb:
    """One sample, small. Pictures are data URIs, "" where there is none.

    Attributes:
      size: of the picture here, (width, height).
      image: the picture.
      mask: the classes in their colours, to be laid over the picture.
      marks: the pixels a finding is about, likewise.
      apart: whether mask and picture do not fit each other and are shown side by side.
      note: why something is missing, or "".
    """

    size: tuple[int, int]
    image: str
    mask: str = ""
    marks: str = ""
    apart: bool = False
    note: str = ""


def make(
    indices: Sequence[int],
    examined: Examined,
    *,
    names: Mapping[int, Set[str]],
    twins: Mapping[int, int],
) -> list[Thumb]:
    """Thumbs of samples, in parallel.

    Args:
      indices: which samples.
      examined: their folder and facts.
      names: sample → names of the checks that have findings about it.
      twins: sample → another of the same picture; where their masks differ is marked.
    """
    facts = examined.subject.facts

    def one(index: int) -> Thumb:
        twin = facts[twins[index]] if index in twins else None
        return _thumb(facts[index], examined, names.get(index, frozenset()), twin)

    with futures.ThreadPoolExecutor(stages.workers()) as pool:
        return list(pool.map(one, indices))


def lone(names: Sequence[str], examined: Examined) -> list[Thumb]:
    """Thumbs of files that belong to no sample."""
    masks_alone = set(examined.subject.scan.masks_without_image)

    def one(name: str) -> Thumb:
        try:
            data = examined.folder.read(name)
            if name in masks_alone:
                mask = masks.read(data, examined.subject.table)
                size = _fitted(mask.ids.shape[1], mask.ids.shape[0])
                return Thumb(size, "", _coloured(mask, size, examined.declaration.classes.colours))
            small = _shrunk(images.open_image(data).image)
        except _UNREADABLE as error:
            return Thumb((SIDE, SIDE), "", note=kit.visible(error))
        return Thumb(small.size, _photo(small))

    with futures.ThreadPoolExecutor(stages.workers()) as pool:
        return list(pool.map(one, names))


def _thumb(
    facts: SampleFacts, examined: Examined, names: Set[str], twin: SampleFacts | None
) -> Thumb:
    folder, problem = examined.folder, facts.image.problem
    size, photo, mask, marks = (SIDE, SIDE), "", "", ""
    none: np.ndarray | None = None
    apart = (facts.image.width, facts.image.height) != (facts.mask.width, facts.mask.height)
    try:
        seen = opening.image_file(facts.sample, folder)
        small = _picture(seen.data, facts)
        size, photo, none = small.size, _photo(small), seen.none
    except _UNREADABLE as error:
        problem = problem or str(error)
    problem = problem and f"image {problem}"
    try:
        if facts.mask.misfit or facts.mask.problem:
            apart, problem = True, problem or f"mask {facts.mask.misfit or facts.mask.problem}"
            if not facts.sample.drawing:
                raw = opening.mask_file(facts.sample, folder).data
                mask = _photo(_shrunk(images.open_image(raw).image))
        else:
            read = _read(facts, examined, none)
            size = size if photo else _fitted(read.ids.shape[1], read.ids.shape[0])
            own = _fitted(read.ids.shape[1], read.ids.shape[0]) if apart else size
            mask = _coloured(read, own, examined.declaration.classes.colours)
            layers = [*_odd(read, names)]
            if twin is not None and not layers:
                layers = [*_different(read, twin, examined)]
            marks = _marked(layers, own)
    except _UNREADABLE as error:
        problem = problem or f"mask {error}"
    return Thumb(size, photo, mask, marks, apart and bool(photo), kit.visible(problem))


def _picture(data: bytes, facts: SampleFacts) -> Image.Image:
    """The image, small; of a JPEG only as much is decoded as is shown."""
    if facts.image.format != "JPEG" or facts.image.problem:
        return _shrunk(images.open_image(data).image)
    image = Image.open(io.BytesIO(data), formats=images.FORMATS)
    image.draft("RGB", (SIDE, SIDE))
    image.load()
    return _shrunk(images.turn(image, facts.image.orientation))


def _shrunk(image: Image.Image) -> Image.Image:
    """Any mode as small grey or colour, deep ones by the range they use."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float64)
        low, high = np.percentile(values, (0.5, 99.5))
        values = (values - low) / ((high - low) or 1) * 255
        image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    image = images.storable(image)
    if image.mode != "L":
        image = image.convert("RGB")
    return image.resize(_fitted(*image.size), Image.Resampling.BOX, reducing_gap=2.0)


def _fitted(width: int, height: int) -> tuple[int, int]:
    """The size in which a picture fits a thumb; small ones stay as they are."""
    scale = min(1.0, SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _photo(image: Image.Image) -> str:
    out = io.BytesIO()
    # WebP would be a quarter smaller and take eight times as long.
    image.save(out, "JPEG", quality=_QUALITY)
    return kit.data_uri(out.getvalue(), "jpeg")


def _read(facts: SampleFacts, examined: Examined, none: np.ndarray | None) -> masks.Mask:
    follows, folder = examined.subject.masks_follow_exif, examined.folder
    return opening.mask(
        facts.sample,
        opening.mask_file(facts.sample, folder),
        examined.subject.table,
        folder=folder,
        size=(facts.image.width, facts.image.height),
        drawn_on=facts.image.orientation if follows is False else 1,
        none=none,
    ).mask


def _coloured(mask: masks.Mask, size: tuple[int, int], colours: Sequence[Sequence[int]]) -> str:
    """Ids in their colours; unknown values, and a black background, let the picture through."""
    rows, columns = _nearest(mask.ids.shape[0], size[1]), _nearest(mask.ids.shape[1], size[0])
    ids = mask.ids[np.ix_(rows, columns)]
    clear = np.zeros(ids.shape, bool)
    if mask.known is not None:
        clear |= ~mask.known[np.ix_(rows, columns)]
    if tuple(colours[0]) == (0, 0, 0):
        clear |= ids == 0
    across, down = np.arange(size[0]), np.arange(size[1])[:, None]
    clear |= (ids == VOID_ID) & ((across + down) % _STRIPE < _STRIPE // 2)
    used = np.flatnonzero(np.bincount(ids[~clear], minlength=256))[:255].tolist()
    lut = np.zeros(256, np.uint8)
    lut[used] = np.arange(1, len(used) + 1)
    shown = [(255, 255, 255) if i == VOID_ID else tuple(colours[i]) for i in used]
    return _palette_png(np.where(clear, 0, lut[ids]), [(0, 0, 0), *shown])


def _odd(mask: masks.Mask, names: Set[str]) -> Iterator[np.ndarray]:
    """The pixels that findings are about, as far as they are about pixels: layers, the later over
    the earlier."""
    if mask.known is not None:
        yield ~mask.known
        yield ~mask.known & masks.between_neighbours(mask.raw)
    elif any("interpolated" in name for name in names):
        yield masks.between_neighbours(mask.ids)
    elif any("speck" in name for name in names):
        yield _specks(mask.ids)


def _different(mask: masks.Mask, twin: SampleFacts, examined: Examined) -> Iterator[np.ndarray]:
    """Where the mask of the same picture says something else."""
    if not (twin.mask.misfit or twin.mask.problem):
        none = opening.image_file(twin.sample, examined.folder).none
        other = _read(twin, examined, none)
        if other.ids.shape == mask.ids.shape:
            yield other.ids != mask.ids


def _specks(ids: np.ndarray) -> np.ndarray:
    """Lone areas of a few pixels."""
    from scipy import ndimage

    small = np.zeros(ids.shape, bool)
    for class_id in np.unique(ids):
        areas, _ = ndimage.label(ids == class_id, np.ones((3, 3)))
        few = np.bincount(areas.ravel()) <= SPECK
        few[0] = False
        small |= few[areas]
    return small


def _marked(layers: Sequence[np.ndarray], size: tuple[int, int]) -> str:
    if not any(layer.any() for layer in layers):
        return ""
    numbers = np.zeros(size[::-1], np.uint8)
    for number, layer in enumerate(layers, 1):
        numbers[any_in_block(layer, size)] = number
    return _palette_png(numbers, [(0, 0, 0), MARK, RIM])


def any_in_block(layer: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A layer, small, in which a single pixel of a large mask still shows."""
    width, height = size
    down = np.add.reduceat(layer, _starts(layer.shape[0], height), axis=0, dtype=np.int32)
    small = np.add.reduceat(down, _starts(layer.shape[1], width), axis=1) > 0
    return _wider(small) if small.mean() < _FAINT else small


def _wider(marks: np.ndarray) -> np.ndarray:
    padded = np.pad(marks, 1)
    rows, columns = marks.shape
    near = [padded[r : r + rows, c : c + columns] for r in range(3) for c in range(3)]
    return np.logical_or.reduce(near)


def _nearest(length: int, wanted: int) -> np.ndarray:
    return (2 * np.arange(wanted) + 1) * length // (2 * wanted)


def _starts(length: int, wanted: int) -> np.ndarray:
    return np.arange(wanted) * length // wanted


def _palette_png(numbers: np.ndarray, colours: Sequence[Sequence[int]]) -> str:
    """A PNG whose number 0 is clear."""
    image = Image.fromarray(numbers.astype(np.uint8)).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([band for colour in colours for band in colour])
    bits = max(1, (len(colours) - 1).bit_length())
    out = io.BytesIO()
    image.save(out, "PNG", transparency=0, bits=next(b for b in (1, 2, 4, 8) if b >= bits))
    return kit.data_uri(out.getvalue(), "png")
