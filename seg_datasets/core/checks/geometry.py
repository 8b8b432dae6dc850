"""Checks of geometry: sizes, orientation, channels and depth."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator

from seg_datasets.core import geo
from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.misread import SWAPPED, misread
from seg_datasets.core.checks.subject import Check, Row, Subject, readable
from seg_datasets.core.checks.values import depths_disagree
from seg_datasets.core.classes import few
from seg_datasets.core.facts import ImageFacts, SampleFacts
from seg_datasets.core.images import DEEP_COLOUR, STORED_AS_IS
from seg_datasets.core.pairs import TRANSPARENT

# Images of another size are a set of several sizes where they are more of it.
_MOST_OUTLIERS = 0.1


def _size_mismatch(subject: Subject) -> Iterator[Row]:
    for facts in readable(subject):
        image, mask = facts.image, facts.mask
        differ = (image.width, image.height) != (mask.width, mask.height)
        if differ and not _askew(facts, subject.masks_follow_exif):
            yield (
                facts.sample.mask,
                f"is {mask.width}×{mask.height}, its image {image.width}×{image.height}",
                "export the mask at the image's size; ids cannot be resized without loss",
            )


def _exif_mismatch(subject: Subject) -> Iterator[Row]:
    for facts in readable(subject):
        if reason := _askew(facts, subject.masks_follow_exif):
            yield (
                facts.sample.mask,
                reason,
                "state masks_follow_exif=True (drawn on the upright picture) or False (drawn on "
                "the pixels as stored) in the source, or rotate the files for good",
            )


def _askew(facts: SampleFacts, follow: bool | None) -> str:
    """Why image and mask may be turned against each other, or ""."""
    image, mask = facts.image, facts.mask
    if mask.orientation not in (1, image.orientation):
        return f"has EXIF orientation {mask.orientation}, its image {image.orientation}"
    if image.orientation == mask.orientation or follow is not None:
        return ""
    upright = (image.width, image.height)
    stored = upright[::-1] if image.orientation >= 5 else upright
    size = (mask.width, mask.height)
    if size == upright != stored:
        return ""
    if size == stored != upright:
        return (
            f"fits its image as stored, but the image's EXIF orientation {image.orientation} turns "
            "it: viewers show the two askew"
        )
    if size == upright:
        return (
            f"has no EXIF orientation, its image has {image.orientation}, and their sizes do not "
            "tell on which side of the turn the mask was drawn"
        )
    return ""


def _mode_misfit(subject: Subject) -> Iterator[Row]:
    told = misread(subject)
    for facts in readable(subject):
        image = facts.image
        if told.get(facts.sample.id) == SWAPPED:
            continue
        if not _fits(image, subject.modes):
            kind = image.mode + ("" if image.opaque else " with transparent pixels")
            yield (
                facts.sample.image,
                f"is {kind}; records hold {few(sorted(subject.modes))} without loss",
                "convert the image, or set CHANNELS and IMAGE_DTYPE of the dataset",
            )
        elif image.mode in DEEP_COLOUR and image.format not in (*STORED_AS_IS, "NPY"):
            yield (
                facts.sample.image,
                f"is 16-bit {image.mode[:-3]} {image.format} and would have to be re-encoded",
                "save it as an upright 16-bit PNG",
            )


def _fits(image: ImageFacts, modes: frozenset[str]) -> bool:
    if not image.opaque and not image.mode.startswith("RGBA"):
        return False  # a palette or one colour can be transparent without a channel for it
    opaque_mode = {"RGBA": "RGB", "LA": "L"}.get(image.mode) if image.opaque else None
    return bool({image.mode, opaque_mode} & modes)


def _mixed_modes(subject: Subject) -> Iterator[Row]:
    images: dict[str, list[str]] = defaultdict(list)
    masks: dict[str, list[str]] = defaultdict(list)
    disagreeing = {path for path, _, _ in depths_disagree(subject)}
    told = misread(subject)
    for facts in readable(subject):
        if facts.sample.id in told:
            continue
        if _fits(facts.image, subject.modes):  # the others have a finding of their own
            images[facts.image.mode].append(facts.sample.image)
        # Colours are the same colours in every mode; numbers need not be the same numbers.
        if subject.table.bands == 1 and facts.sample.mask not in disagreeing:
            masks[facts.mask.mode].append(facts.sample.mask)
    for what, by_mode in (("image", images), ("mask", masks)):
        usual = max(by_mode, key=lambda mode: len(by_mode[mode]), default="")
        for mode, paths in by_mode.items():
            if mode != usual:
                yield (
                    paths[0],
                    f"is {mode}, like {few(paths[1:], 3)}; most {what}s are {usual}"
                    if paths[1:]
                    else f"is {mode}; the other {what}s are {usual}",
                    "export them in one mode, if the difference is not meant",
                )


def _turned(subject: Subject) -> Iterator[Row]:
    for facts in readable(subject):
        if facts.image.orientation != 1 and not _askew(facts, subject.masks_follow_exif):
            yield (
                facts.sample.image,
                f"has EXIF orientation {facts.image.orientation}; its record holds the upright "
                "pixels as PNG, several times the size of a JPEG",
                "turn the files losslessly (jpegtran) to keep records small",
            )


def _transparent(subject: Subject) -> Iterator[Row]:
    paths = [
        f.sample.image
        for f in readable(subject)
        if not f.image.opaque and _fits(f.image, subject.modes) and f.pair.nodata_value == ""
    ]
    if paths:
        yield (
            paths[0],
            "is transparent in parts"
            + (f", like {few(paths[1:], 3)}" if paths[1:] else "")
            + ": a fourth channel that viewers take for transparency",
            "right where the channel is another band; else set CHANNELS = 3 and save the images "
            "without alpha",
        )


def _size_outlier(subject: Subject) -> Iterator[Row]:
    seen = [*readable(subject)]
    if len(seen) < subject.limits.few:
        return
    usual = statistics.median_low(max(f.image.width, f.image.height) for f in seen)
    off = [
        (f, side / usual)
        for f in seen
        if not 1 / subject.limits.size_off < (side := max(f.image.width, f.image.height)) / usual
        < subject.limits.size_off
    ]  # fmt: skip
    if len(off) > _MOST_OUTLIERS * len(seen):
        return  # a set of several sizes
    for facts, times in off:
        yield (
            facts.sample.image,
            f"is {facts.image.width}×{facts.image.height}, "
            + (f"{times:.3g} times" if times > 1 else f"1/{1 / times:.3g} of")
            + f" the usual side of {usual}",
            "a thumbnail or a whole scene among tiles? Fetch it at the others' size, or tile it",
        )


def _geo_apart(subject: Subject) -> Iterator[Row]:
    fix = "warp the mask onto the image's grid, or take the tags off the file that is wrong"
    for facts in readable(subject):
        image, mask = facts.image, facts.mask
        size = (image.width, image.height)
        if image.crs and mask.crs and image.crs != mask.crs:
            yield facts.sample.mask, f"is in {mask.crs}, its image in {image.crs}", fix
        elif image.geo and mask.geo and size == (mask.width, mask.height):
            off = geo.apart(image.geo, mask.geo, width=image.width, height=image.height)
            if off > subject.limits.geo_off:
                yield (
                    facts.sample.mask,
                    f"lies up to {off:.3g} pixels beside its image on the ground",
                    fix,
                )


def _nodata(subject: Subject) -> Iterator[Row]:
    for facts in readable(subject):
        pixels, value = facts.pair.nodata, facts.pair.nodata_value
        if pixels:
            what = "transparent" if value == TRANSPARENT else f"without data ({value})"
            yield (
                facts.sample.mask,
                f"gives a class to {pixels} pixels that are {what} in its image",
                "make them void (255) in the mask: nothing is to be learnt from them",
            )


CHECKS = (
    Check("SD101", "size-mismatch", Severity.ERROR, _size_mismatch, final=True),
    Check("SD102", "exif-mismatch", Severity.ERROR, _exif_mismatch, final=True),
    Check("SD103", "image-mode-misfit", Severity.ERROR, _mode_misfit, final=True),
    Check("SD104", "mixed-modes", Severity.WARNING, _mixed_modes),
    Check("SD105", "stored-upright", Severity.WARNING, _turned),
    Check("SD106", "image-transparent", Severity.WARNING, _transparent),
    Check("SD107", "size-outlier", Severity.WARNING, _size_outlier),
    Check("SD108", "geo-mismatch", Severity.ERROR, _geo_apart),
    Check("SD109", "nodata-not-void", Severity.WARNING, _nodata),
)
