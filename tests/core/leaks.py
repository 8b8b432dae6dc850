"""Pictures with the look of photographs, copies of them, and facts of sets without files."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

import kit
from seg_datasets.core import checks
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.facts import SampleFacts, thumbnail
from seg_datasets.core.images import small_grey
from seg_datasets.core.sources import Scan

CLASSES = ClassTable("ground", "roof")


def picture(seed: int, side: int = 96) -> Image.Image:
    """Soft shapes of all sizes, as in photographs."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(side) * side] * 2))
    frequency[0, 0] = np.inf
    noise = np.fft.fft2(rng.normal(size=(side, side))) / frequency**1.3
    field = np.fft.ifft2(noise).real
    grey = (field / field.std() * 40 + 128).clip(0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def sky(seed: int, side: int = 96) -> Image.Image:
    """An even slope of grey with a little noise."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(90, 200, side)[:, None] + rng.normal(0, 3, (side, side))
    return Image.fromarray(slope.clip(0, 255).astype(np.uint8)).convert("RGB")


def again(image: Image.Image) -> dict[str, Image.Image]:
    """The same picture, as it comes back from tools and people."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=50)
    side = image.width
    return {
        "compressed": Image.open(out).convert("RGB"),
        "smaller": image.resize((side * 9 // 10,) * 2, Image.Resampling.BILINEAR),
        "brighter": ImageEnhance.Brightness(image).enhance(1.2),
        "darker": ImageEnhance.Brightness(image).enhance(0.8),
        "mirrored": image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "upside down": image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        "turned": image.transpose(Image.Transpose.ROTATE_90),
        "transposed": image.transpose(Image.Transpose.TRANSVERSE),
    }


def thumb(image: Image.Image) -> str:
    return thumbnail(small_grey(image))


def fact(name: str, *, shows: str = "", group: str = "", **image: Any) -> SampleFacts:
    """Facts of a sample with this thumbnail."""
    counts = image.pop("counts", {0: 50, 1: 50})
    return kit.seen(
        name,
        group=group,
        counts=counts,
        thumb=shows,
        **{"width": 100, "height": 100, "pixels": name, **image},
    )


def said(facts: Sequence[SampleFacts], split_of: dict[str, str]) -> list[checks.Finding]:
    """What the checks of likeness say of such a set."""
    subject = checks.Subject(
        scan=Scan(tuple(one.sample for one in facts)),
        facts=facts,
        classes=CLASSES,
        table=CLASSES.raw_table(None),
        modes=frozenset({"RGB"}),
        split_of=split_of,
    )
    codes = {f"SD{code}" for code in range(409, 416)}
    return [finding for finding in checks.run(subject) if finding.code in codes]
