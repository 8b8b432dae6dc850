"""Checks of geometry: sizes, orientation, channels and depth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.subject import Check, Row, Subject, readable
from seg_datasets.core.classes import few
from seg_datasets.core.facts import SampleFacts


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
                "state masks_follow_exif=True (drawn on the upright picture) or False (drawn on the "
                "pixels as stored) in the source, or rotate the files for good",
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
    for facts in readable(subject):
        image = facts.image
        opaque_mode = {"RGBA": "RGB", "LA": "L"}.get(image.mode) if image.opaque else None
        fits = bool({image.mode, opaque_mode} & subject.modes)
        if not fits or (not image.opaque and image.mode == "P"):
            kind = image.mode + ("" if image.opaque else " with transparent pixels")
            yield (
                facts.sample.image,
                f"is {kind}; records hold {few(sorted(subject.modes))} without loss",
                "convert the image, or set CHANNELS and IMAGE_DTYPE of the dataset",
            )
        elif image.mode.endswith(";16") and not image.stored_as_is:
            yield (
                facts.sample.image,
                f"is 16-bit {image.mode[:-3]} {image.format} and would have to be re-encoded",
                "save it as an upright 16-bit PNG",
            )


def _mixed_modes(subject: Subject) -> Iterator[Row]:
    by_mode: dict[str, list[str]] = defaultdict(list)
    for facts in readable(subject):
        by_mode[facts.image.mode].append(facts.sample.image)
    usual = max(by_mode, key=lambda mode: len(by_mode[mode]), default="")
    for mode, paths in by_mode.items():
        if mode != usual:
            yield (
                paths[0],
                f"is {mode}, as {len(paths)} image{'s' * (len(paths) > 1)} of {len(subject.facts)}; "
                f"most are {usual}",
                "convert them to one mode, if the difference is not meant",
            )


def _turned(subject: Subject) -> Iterator[Row]:
    for facts in readable(subject):
        if facts.image.orientation != 1:
            yield (
                facts.sample.image,
                f"has EXIF orientation {facts.image.orientation}; its record holds the upright "
                "pixels as PNG, several times the size of a JPEG",
                "turn the files losslessly (jpegtran) to keep records small",
            )


CHECKS = (
    Check("SD101", "size-mismatch", Severity.ERROR, _size_mismatch),
    Check("SD102", "exif-mismatch", Severity.ERROR, _exif_mismatch),
    Check("SD103", "image-mode-misfit", Severity.ERROR, _mode_misfit),
    Check("SD104", "mixed-modes", Severity.WARNING, _mixed_modes),
    Check("SD105", "stored-upright", Severity.WARNING, _turned),
)
