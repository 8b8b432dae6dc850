"""Image, truth, prediction and error of an example, for a person to look at."""

import dataclasses
import io
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage

from recipes.core.dataset import VOID

MISSED, FALSE, OTHER, GREY = (30, 110, 255), (235, 40, 40), (255, 160, 0), (128, 128, 128)
GAP = 4
LARGEST = 512  # pixels a side
COUNT = 12  # a page of so many stays within three megabytes
HEAVIEST = 180_000  # bytes of one picture's layers

_QUALITIES = (80, 60, 40)
_STRIPE = 6  # void is striped: any colour alone may be a class


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rank:
    """Where an example stands among all of its split, and why it was chosen."""

    kind: str  # "best", "median" or "worst"
    place: int  # 1 for the best
    count: int

    def __str__(self) -> str:
        return f"{self.kind}, {self.place} of {self.count}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layers:
    """An example as a page holds it: a JPEG, and what is laid over it as PNG of few colours."""

    size: tuple[int, int]  # (width, height)
    image: bytes
    truth: bytes
    predicted: bytes
    error: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """One example of a split, drawn."""

    name: str
    iou: float
    rank: Rank
    strip: np.ndarray
    layers: Layers
    group: str = ""
    class_iou: tuple[float, ...] = ()  # nan where the class is in neither truth nor prediction


def make(
    pixels: np.ndarray,
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    palette: Sequence[Sequence[int]],
    top: float,
    name: str,
    rank: Rank,
    class_iou: Sequence[float] | np.ndarray,
    group: str = "",
) -> Picture:
    """Draws an example, as a strip for a folder and in layers for a page.

    Args:
      pixels: (height, width, bands) of any depth.
      truth: (height, width) of ids and void.
      predicted: (height, width) of ids.
      palette: a colour per class.
      top: the largest value a pixel can have.
      name: of the example.
      rank: why it was chosen.
      class_iou: of the example, per class; nan is "no such score".
      group: of the example.
    """
    scores = [float(v) for v in class_iou]
    known = [v for v in scores if not np.isnan(v)]
    return Picture(
        name=name,
        iou=sum(known) / len(known) if known else float("nan"),
        rank=rank,
        strip=draw(pixels, truth, predicted, palette=palette, top=top),
        layers=layers(pixels, truth, predicted, palette=palette, top=top),
        group=group,
        class_iou=tuple(scores),
    )


def draw(
    pixels: np.ndarray,
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    palette: Sequence[Sequence[int]],
    top: float,
) -> np.ndarray:
    """Four panels in a row: image, truth, prediction, error.

    In the error panel blue was missed (predicted as class 0), red is a false alarm (truly class 0),
    orange was taken for another class, grey is void, and what is right shows the image, faded.
    """
    step = _step(truth)
    pixels, truth, predicted = (a[::step, ::step] for a in (pixels, truth, predicted))
    image = visible(pixels, top=top)
    colours = np.full((256, 3), GREY, np.uint8)
    colours[: len(palette)] = palette
    kinds = errors(truth, predicted)
    error = (image * 0.35 + 160 * 0.65).astype(np.uint8)
    error[kinds > 0] = np.array([GREY, MISSED, FALSE, OTHER], np.uint8)[kinds[kinds > 0] - 1]
    gap = np.full((image.shape[0], GAP, 3), 255, np.uint8)
    panels = (image, colours[truth], colours[predicted], error)
    return np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1)


def errors(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """What each pixel is: 0 right, 1 void, 2 missed, 3 a false alarm, 4 another class."""
    kinds = np.zeros(truth.shape, np.uint8)
    wrong = truth != predicted
    kinds[wrong] = 4
    kinds[wrong & (predicted == 0)] = 2
    kinds[wrong & (truth == 0)] = 3
    kinds[truth == VOID] = 1
    return kinds


def layers(
    pixels: np.ndarray,
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    palette: Sequence[Sequence[int]],
    top: float,
) -> Layers:
    """The image, and truth, prediction and error to be laid over it.

    A black background is clear, void is striped in the truth, and what is right is clear in the
    error. Noise is made coarser, or smaller, until it fits.
    """
    photo = PillowImage.fromarray(visible(pixels, top=top))
    step = _step(truth)
    for quality in _QUALITIES:
        made = _layers(photo, truth, predicted, palette, step=step, quality=quality)
        if _weight(made) <= HEAVIEST:
            return made
    while _weight(made) > HEAVIEST:
        step += 1
        made = _layers(photo, truth, predicted, palette, step=step, quality=_QUALITIES[-1])
    return made


def visible(pixels: np.ndarray, *, top: float) -> np.ndarray:
    """Any bands and depth as 8-bit RGB: the first three bands, or the first one as grey."""
    bands = pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)
    if bands.dtype == np.uint8:
        return bands
    # 16-bit images seldom use their whole range; shown by it they would be black.
    high = min(top, float(np.percentile(bands, 99.5))) or 1.0
    return (np.clip(bands / high, 0, 1) * 255).astype(np.uint8)


def choose(scores: Sequence[float], count: int = COUNT) -> dict[int, Rank]:
    """Which images to draw: as many of the best, around the median, and the worst; best first."""
    order = sorted(
        (i for i, score in enumerate(scores) if not np.isnan(score)), key=lambda i: (-scores[i], i)
    )
    shown = min(count, len(order))
    # The worst tell most: they get what is left over.
    best = median = shown // 3
    worst = shown - best - median
    middle = min(max((len(order) - median) // 2, best), len(order) - worst - median)
    places = {
        "best": range(best),
        "median": range(middle, middle + median),
        "worst": range(len(order) - worst, len(order)),
    }
    return {
        order[place]: Rank(kind=kind, place=place + 1, count=len(order))
        for kind, some in places.items()
        for place in some
    }


def save(pictures: Sequence[Picture], folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes the strips as PNG, named by place and example."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    paths = []
    for place, picture in enumerate(pictures):
        plain = re.sub(r"[^\w.-]+", "_", picture.name)[:80]
        paths.append(folder / f"{place:02d}-{plain}.png")
        PillowImage.fromarray(picture.strip).save(paths[-1], optimize=True)
    return paths


def _step(ids: np.ndarray) -> int:
    """Every how many pixels one is shown, so that a picture is no larger than it may be."""
    return -(-max(ids.shape) // LARGEST)


def _layers(
    photo: PillowImage.Image,
    truth: np.ndarray,
    predicted: np.ndarray,
    palette: Sequence[Sequence[int]],
    *,
    step: int,
    quality: int,
) -> Layers:
    truth, predicted = truth[::step, ::step], predicted[::step, ::step]
    out = io.BytesIO()
    photo.reduce(step).save(out, "JPEG", quality=quality)
    height, width = truth.shape
    return Layers(
        size=(width, height),
        image=out.getvalue(),
        truth=_coloured(truth, palette),
        predicted=_coloured(predicted, palette),
        error=_palette_png(errors(truth, predicted), [(0, 0, 0), GREY, MISSED, FALSE, OTHER]),
    )


def _weight(made: Layers) -> int:
    return sum(map(len, (made.image, made.truth, made.predicted, made.error)))


def _coloured(ids: np.ndarray, palette: Sequence[Sequence[int]]) -> bytes:
    height, width = ids.shape
    clear = np.zeros(ids.shape, bool)
    if tuple(palette[0]) == (0, 0, 0):
        clear |= ids == 0
    clear |= (ids == VOID) & (np.add.outer(range(height), range(width)) % _STRIPE < _STRIPE // 2)
    used = np.flatnonzero(np.bincount(ids[~clear], minlength=256))[:255]
    numbers = np.zeros(256, np.uint8)
    numbers[used] = np.arange(1, len(used) + 1)
    shown = [(255, 255, 255) if i == VOID else palette[i] for i in used.tolist()]
    return _palette_png(np.where(clear, 0, numbers[ids]), [(0, 0, 0), *shown])


def _palette_png(numbers: np.ndarray, colours: Sequence[Sequence[int]]) -> bytes:
    """A PNG whose number 0 is clear."""
    image = PillowImage.frombytes(
        "P", numbers.shape[::-1], np.ascontiguousarray(numbers, np.uint8).tobytes()
    )
    image.putpalette([int(band) for colour in colours for band in colour])
    bits = next(b for b in (1, 2, 4, 8) if 2**b >= len(colours))
    out = io.BytesIO()
    image.save(out, "PNG", transparency=0, bits=bits, optimize=True)
    return out.getvalue()
