"""Image, truth, prediction and error side by side, for a person to look at."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage

from recipes.core.dataset import VOID

MISSED, FALSE, OTHER, GREY = (30, 110, 255), (235, 40, 40), (255, 160, 0), (128, 128, 128)
GAP = 4
LARGEST = 512  # pixels a side: a page of ten pictures stays within a few megabytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """One example of a split, drawn."""

    name: str
    iou: float
    rank: str  # why it was chosen
    strip: np.ndarray


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
    step = -(-max(truth.shape) // LARGEST)
    pixels, truth, predicted = (a[::step, ::step] for a in (pixels, truth, predicted))
    image = visible(pixels, top=top)
    colours = np.full((256, 3), GREY, np.uint8)
    colours[: len(palette)] = palette
    error = (image * 0.35 + 160 * 0.65).astype(np.uint8)
    wrong = (truth != predicted) & (truth != VOID)
    error[wrong] = OTHER
    error[wrong & (predicted == 0)] = MISSED
    error[wrong & (truth == 0)] = FALSE
    error[truth == VOID] = GREY
    gap = np.full((image.shape[0], GAP, 3), 255, np.uint8)
    panels = (image, colours[truth], colours[predicted], error)
    return np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1)


def visible(pixels: np.ndarray, *, top: float) -> np.ndarray:
    """Any bands and depth as 8-bit RGB: the first three bands, or the first one as grey."""
    bands = pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)
    if bands.dtype == np.uint8:
        return bands
    # 16-bit images seldom use their whole range; shown by it they would be black.
    high = min(top, float(np.percentile(bands, 99.5))) or 1.0
    return (np.clip(bands / high, 0, 1) * 255).astype(np.uint8)


def choose(scores: Sequence[float], count: int = 8) -> dict[int, str]:
    """Which images to draw: the worst, the best, and some from the middle, best first."""
    order = sorted(
        (i for i, score in enumerate(scores) if not np.isnan(score)), key=lambda i: (-scores[i], i)
    )
    if len(order) <= count:
        return {i: f"{place} of {len(order)}" for place, i in enumerate(order, 1)}
    chosen = np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))
    names = {0: "best", len(order) - 1: "worst"}
    return {order[p]: names.get(int(p), f"{p + 1} of {len(order)}") for p in chosen}


def save(pictures: Sequence[Picture], folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes the pictures as PNG, named by place and example."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    paths = []
    for place, picture in enumerate(pictures):
        plain = re.sub(r"[^\w.-]+", "_", picture.name)[:80]
        paths.append(folder / f"{place:02d}-{plain}.png")
        PillowImage.fromarray(picture.strip).save(paths[-1], optimize=True)
    return paths
