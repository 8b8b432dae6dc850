"""Encoding: what the masks of a raw folder hold, told by a bounded number of them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from seg_datasets.core import images, masks, opening
from seg_datasets.core.classes import RawTable
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder
from seg_datasets.core.sources.patterns import evenly

# Masks that are opened, and pixels that are enough however few masks they come from.
LOOKED_AT = 128
_ENOUGH = 1 << 26

# Values that cover less than this are small; where so many, and most of the small ones, stand
# between their neighbours' values, the masks are blended. Measured on seven sets: of drawn masks no
# value does, of blended ones 96 % and more of the small ones.
_SMALL, _MANY = 0.01, 4

# Of a blended set, a level covers so much, stands in so many of the masks, and lies so far from a
# level that covers more.
_LEVEL, _SHARE_OF_MASKS, _APART = 0.001, 0.1, 24

# A value in so small a share of the masks is named with one of them.
_FEW_MASKS = 0.1

# More solid colours or numbers than a class table has, or colours each in a mask of its own, are
# numbers of objects.
_SEGMENTS = 64


@dataclasses.dataclass(frozen=True)
class Encoding:
    """What the masks hold.

    Attributes:
      bands: 1 for grey values and palette indices, 3 for colours, 4 for colours with alpha.
      kind: "values" as drawn; "blended": soft edges or lossy; "segments": numbers of objects.
      levels: raw values that are classes or void, ascending.
      odd: raw value → pixels of values too rare and too lone to be taken for classes.
      pixels: raw value → pixels, of all.
      masks: raw value → in how many masks it stands.
      rare: raw value → in how many masks it stands and the first of them, where these are few.
      palette: palette index → colour 0xRRGGBB.
      formats: Pillow's format and mode, "PNG L" → masks.
      lossy: how many are compressed with loss.
      looked_at: masks that were opened.
      of: masks there are.
    """

    bands: int
    kind: str
    levels: tuple[int, ...]
    odd: Mapping[int, int]
    pixels: Mapping[int, int]
    masks: Mapping[int, int]
    rare: Mapping[int, str]
    palette: Mapping[int, int]
    formats: Mapping[str, int]
    lossy: int
    looked_at: int
    of: int

    @property
    def table(self) -> RawTable:
        """To write raw values with."""
        return RawTable(self.bands, {})

    def label(self, value: int) -> str:
        """A raw value as a user writes it."""
        return self.table.label(value)

    def share(self, value: int) -> float:
        """The share of the pixels that hold a value."""
        return self.pixels.get(value, 0) / max(1, sum(self.pixels.values()))


@dataclasses.dataclass
class _Tally:
    pixels: Counter[int] = dataclasses.field(default_factory=Counter)
    rims: Counter[int] = dataclasses.field(default_factory=Counter)
    masks: Counter[int] = dataclasses.field(default_factory=Counter)
    first: dict[int, str] = dataclasses.field(default_factory=dict)
    most: dict[int, float] = dataclasses.field(default_factory=dict)
    palette: dict[int, int] = dataclasses.field(default_factory=dict)
    numbers: dict[int, int] = dataclasses.field(default_factory=dict)
    formats: Counter[str] = dataclasses.field(default_factory=Counter)
    lossy: int = 0
    read: int = 0


class _OtherBandsError(Exception):
    """The masks cannot be told with so many bands."""


def look(
    folder: Folder, samples: Sequence[Sample], *, progress: Callable[[int], object] = lambda _: None
) -> Encoding:
    """Opens some masks, spread over all, and tells what they hold.

    Args:
      folder: the raw folder.
      samples: whose masks they are.
      progress: is called with the number of masks that were opened since.

    Raises:
      ImageError: none of them can be read as a mask.
    """
    chosen = evenly(samples, LOOKED_AT)
    last = images.ImageError("no mask can be read")
    told = 0

    def opened(count: int) -> None:
        """Tells of each mask once, however often it is opened."""
        nonlocal told
        progress(max(0, count - told))
        told = max(told, count)

    for bands in (1, 3, 4):
        try:
            return _judged(_tally(folder, chosen, bands, opened), bands, of=len(samples))
        except _OtherBandsError as error:
            last = images.ImageError(str(error))
    raise last


def _tally(
    folder: Folder, samples: Sequence[Sample], bands: int, progress: Callable[[int], object]
) -> _Tally:
    tally, seen = _Tally(), 0
    nothing = RawTable(bands, {})
    problem = ""
    for count, sample in enumerate(samples, 1):
        if seen > _ENOUGH:
            break
        progress(count)
        path = sample.mask
        try:
            seen_as = opening.mask_file(sample, folder)
            mask = opening.mask(sample, seen_as, nothing, folder=folder, size=(0, 0)).mask
        except masks.MisfitError as error:
            if bands < 4:
                raise _OtherBandsError(f"{path} {error}") from None
            problem = problem or f"{path} {error}"
            continue
        except (OSError, ValueError) as error:  # a finding of its own
            problem = problem or f"{path} {error}"
            continue
        for number, colour in mask.palette.items():
            tally.palette.setdefault(number, colour)
            usual = tally.numbers.setdefault(colour, number)
            # One colour with two numbers: the palette was dealt anew, and the colours are meant.
            if usual != number and mask.palette.get(usual) != colour:
                raise _OtherBandsError(f"{path} has another palette than others")
        size = sum(mask.stray.values())
        tally.pixels.update(mask.stray)
        tally.masks.update(mask.stray.keys())
        for value, pixels in mask.stray.items():
            tally.first.setdefault(value, sample.id)
            tally.most[value] = max(tally.most.get(value, 0.0), pixels / size)
        if len(mask.stray) > 2:
            raw = mask.raw
            values, counts = np.unique(raw[masks.between_neighbours(raw)], return_counts=True)
            tally.rims.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        tally.formats[f"{mask.format} {mask.mode}"] += 1
        tally.lossy += mask.format == "JPEG"
        tally.read += 1
        seen += size
    if not tally.read:
        raise _OtherBandsError(problem)
    return tally


def _judged(tally: _Tally, bands: int, *, of: int) -> Encoding:
    total = sum(tally.pixels.values())
    soft = {v for v, n in tally.pixels.items() if 2 * tally.rims[v] > n}
    small = soft | {v for v, n in tally.pixels.items() if n < _SMALL * total}
    odd: dict[int, int] = {}
    lossy = 2 * tally.lossy > tally.read and len(small) >= _MANY
    if lossy or (len(soft) >= _MANY and 2 * len(soft) > len(small)):
        kind, levels = "blended", _levels(tally, bands, total)
    elif _segments(tally, bands):
        kind, levels = "segments", sorted(tally.pixels)
    else:
        kind = "values"
        odd = {v: tally.pixels[v] for v in sorted(tally.pixels) if _is_odd(v, tally, bands)}
        levels = [v for v in sorted(tally.pixels) if v not in odd]
    return Encoding(
        bands=bands,
        kind=kind,
        levels=tuple(levels),
        odd=odd,
        pixels=dict(sorted(tally.pixels.items())),
        masks=dict(tally.masks),
        rare=rare(tally.masks, tally.first, of=tally.read),
        palette=dict(sorted(tally.palette.items())),
        formats=dict(sorted(tally.formats.items())),
        lossy=tally.lossy,
        looked_at=tally.read,
        of=of,
    )


def rare(counts: Mapping[int, int], first: Mapping[int, str], *, of: int) -> dict[int, str]:
    """Of values in few masks, in how many: one may be a slip of a pen that looks like a class.

    Args:
      counts: raw value → in how many masks it stands.
      first: raw value → the first of them.
      of: how many masks there are.
    """
    return {
        v: f"in {n} of {of:,} masks: {first[v]}{', …' * (n > 1)}"
        for v, n in counts.items()
        if n <= _FEW_MASKS * of
    }


def _levels(tally: _Tally, bands: int, total: int) -> list[int]:
    """The values that blended masks were drawn in."""
    levels: list[int] = []
    for value in sorted(tally.pixels, key=lambda v: (-tally.pixels[v], v)):
        solid = 2 * tally.rims[value] <= tally.pixels[value]
        usual = tally.masks[value] >= _SHARE_OF_MASKS * tally.read
        if tally.pixels[value] < _LEVEL * total or not (solid and usual):
            continue
        if all(_distance(value, level, bands) > _APART for level in levels):
            levels.append(value)
    return sorted(levels)


def _distance(one: int, other: int, bands: int) -> int:
    if bands == 1:
        return abs(one - other)
    shifts = range(0, 8 * bands, 8)
    return max(abs((one >> s & 255) - (other >> s & 255)) for s in shifts)


def _segments(tally: _Tally, bands: int) -> bool:
    values = len(tally.pixels)
    if bands == 1:
        return values > 255
    lone = sum(n == 1 for n in tally.masks.values())
    return values > 255 or (values > _SEGMENTS and tally.read > 2 and 10 * lone > 9 * values)


def _is_odd(value: int, tally: _Tally, bands: int) -> bool:
    """Whether a value is in one mask only, on a hundredth of it, and no neighbour of the others."""
    if tally.masks[value] > 1 or tally.most[value] >= _SMALL or tally.read < 4:
        return False
    near = {value - 1, value + 1} if bands == 1 else set()
    return near.isdisjoint(v for v in tally.pixels if tally.masks[v] > 1)
