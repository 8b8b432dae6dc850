"""Looking: one look at the raw bytes of a sample, that makes its facts."""

from __future__ import annotations

import hashlib

import numpy as np
from PIL import Image

from seg_datasets.core import images, masks, opening, pairs
from seg_datasets.core.classes import RawTable
from seg_datasets.core.facts import (
    ImageFacts,
    MaskFacts,
    SampleFacts,
    pixel_digest,
    thumbnail,
)
from seg_datasets.core.images import ImageError
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder
from seg_datasets.core.specks import specks
from seg_datasets.core.views import View

# So many unknown values of a mask are kept by name; a photo put in place of a mask has thousands.
_STRAY_KEPT = 16


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
