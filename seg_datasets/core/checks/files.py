"""Checks of files: what is there, what is missing, what cannot be read."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from seg_datasets.core.checks.finding import Severity
from seg_datasets.core.checks.subject import Check, Row, Subject
from seg_datasets.core.classes import few
from seg_datasets.core.images import FORMAT_OF


def _image_without_mask(subject: Subject) -> Iterator[Row]:
    fix = "add the mask, move the image away, or mend the name patterns of the source"
    yield from ((path, "has no mask", fix) for path in subject.scan.images_without_mask)


def _mask_without_image(subject: Subject) -> Iterator[Row]:
    fix = "add the image, move the mask away, or name it in the source's `ignore`"
    yield from ((path, "has no image", fix) for path in subject.scan.masks_without_image)


def _same_id(subject: Subject) -> Iterator[Row]:
    for paths in subject.scan.clashes.values():
        yield (
            paths[0],
            f"stands for the same sample as {few(paths[1:])}",
            "keep one; names that differ only in letter case, Unicode form or extension cannot be "
            "told apart on every machine",
        )


def _unreadable(subject: Subject) -> Iterator[Row]:
    fix = "copy the file anew from where it came, or take the pair out"
    for facts in subject.facts:
        if facts.image.problem:
            yield facts.sample.image, facts.image.problem, fix
        if facts.mask.problem:
            yield facts.sample.mask, facts.mask.problem, fix


def _wrong_extension(subject: Subject) -> Iterator[Row]:
    for facts in subject.facts:
        for path, kind, view in (
            (facts.sample.image, facts.image.format, facts.sample.view),
            (facts.sample.mask, facts.mask.format, facts.sample.mask_view),
        ):
            if view:
                continue
            extension = pathlib.PurePosixPath(path).suffix[1:].lower()
            if kind and FORMAT_OF.get(extension) != kind:
                yield path, f"is named .{extension}, but its bytes are {kind}", "rename the file"


def _foreign(subject: Subject) -> Iterator[Row]:
    fix = "move it out of the folder, or name it in the source's `ignore`"
    yield from (
        (path, "is neither an image nor a mask by its name", fix) for path in subject.scan.foreign
    )


def _outside(subject: Subject) -> Iterator[Row]:
    fix = "put the file itself into the raw folder, under a plain name"
    yield from ((path, "leads out of the raw folder", fix) for path in subject.scan.outside)


def _undecodable(subject: Subject) -> Iterator[Row]:
    fix = "rename it in UTF-8 (convmv does whole folders)"
    yield from (
        (path, "has a name that is not UTF-8 and would be another one on every machine", fix)
        for path in subject.scan.undecodable
    )


def _nothing(subject: Subject) -> Iterator[Row]:
    if not subject.scan.samples:
        yield (
            "raw folder",
            "holds no pair of image and mask",
            "look at the folders and name patterns of SOURCE, or at --manual_dir",
        )


def _listed_nowhere(subject: Subject) -> Iterator[Row]:
    fix = "mend the list, or add the files"
    yield from (
        (name, "is in a split list, but no sample is called so", fix)
        for name in subject.listed_nowhere
    )


def _empty(subject: Subject) -> Iterator[Row]:
    fix = "copy its files anew, or remove the folder"
    yield from ((path, "is a folder without a file", fix) for path in subject.scan.empty)


CHECKS = (
    Check("SD001", "image-without-mask", Severity.ERROR, _image_without_mask),
    Check("SD002", "mask-without-image", Severity.ERROR, _mask_without_image),
    Check("SD003", "same-id-twice", Severity.ERROR, _same_id, final=True),
    Check("SD004", "unreadable-file", Severity.ERROR, _unreadable, final=True),
    Check("SD005", "wrong-extension", Severity.ERROR, _wrong_extension),
    Check("SD006", "foreign-file", Severity.WARNING, _foreign),
    Check("SD007", "link-leaves-folder", Severity.ERROR, _outside),
    Check("SD008", "nothing-found", Severity.ERROR, _nothing, final=True),
    Check("SD009", "listed-but-missing", Severity.ERROR, _listed_nowhere),
    Check("SD010", "name-not-utf-8", Severity.ERROR, _undecodable),
    Check("SD011", "folder-empty", Severity.WARNING, _empty),
)
