"""Export layout: where the images of an annotation export lie, and its splits."""

from __future__ import annotations

import dataclasses
import glob
import os.path
from collections import Counter
from collections.abc import Mapping, Sequence

from seg_datasets.core.classes import few
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.ask import Question
from seg_datasets.core.sources.base import OfLabels, Scan
from seg_datasets.core.sources.export import Export
from seg_datasets.core.sources.folder import by_name
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS
from seg_datasets.core.sources.options import with_options
from seg_datasets.core.sources.patterns import split_order, split_word


@dataclasses.dataclass(frozen=True)
class ExportLayout:
    """What an export is, read once.

    Attributes:
      source: the declaration; its `labels` are not known yet.
      scan: what it finds.
      problem: why it cannot be read, or "".
      elsewhere: folders of pictures that are no part of it → how many.
      questions: what it does not tell.
    """

    export: Export
    source: OfLabels
    scan: Scan
    problem: str = ""
    elsewhere: Mapping[str, int] = dataclasses.field(default_factory=dict)
    questions: Sequence[Question] = ()


def read(
    export: Export,
    *,
    images: str | None = None,
    ignore: Sequence[str] = (),
    options: Mapping[str, str],
) -> ExportLayout:
    """Reads an export, and works out which folder its images lie in.

    Args:
      export: what was found.
      images: folder of the images, where it is known.
      ignore: patterns of files that are no part of the data.
      options: field of the source → its value, as a user writes it.

    Raises:
      DeclarationError: options that the source does not have.
    """
    assert export.tool.make is not None
    folder = export.folder
    source = dataclasses.replace(export.tool.make(export), ignore=tuple(ignore))
    if images or not export.tool.own_images:
        # The likeliest folder first: a long file is read once more for another.
        pictures = [path for path in export.every if _is_picture(path)]
        source = dataclasses.replace(source, images=images or _common(pictures))
    source = with_options(source, options)
    try:
        source, questions = export.tool.ask(folder, source)
        source, scan, needed = _scanned(export, source)
        questions = [*questions, *needed]
        if not scan.samples:
            return ExportLayout(export, source, scan, _no_image(export, scan))
        if export.tool.own_images:
            found = [*questions, *_unannotated(source, scan)]
            return ExportLayout(export, source, scan, questions=found)
        elsewhere = _elsewhere(export.every, scan)
        common = images or _common([sample.image for sample in scan.samples])
        below = "" if common == "." else f"{common}/"
        left = [f"{glob.escape(place)}/*" for place in elsewhere if place.startswith(below)]
        if common != getattr(source, "images", common) or left:
            source = dataclasses.replace(source, images=common, ignore=(*ignore, *left))
            scan = source.scan(folder)
    except AnnotationError as error:
        return ExportLayout(export, source, Scan(()), str(error))
    return ExportLayout(
        export, source, scan, "", elsewhere, [*questions, *_unannotated(source, scan)]
    )


def _scanned(export: Export, source: OfLabels) -> tuple[OfLabels, Scan, list[Question]]:
    """A first look, with what the source refuses to go without taken from the tool's entry.

    Raises:
      AnnotationError: the export cannot be read.
    """
    questions: list[Question] = []
    left = dict(export.tool.needs)
    while True:
        try:
            return source, source.scan(export.folder), questions
        except AnnotationError as error:
            said = str(error)
            missing = [name for name in left if f"`{name}" in said or f" {name}=" in said]
            if not missing:
                raise
            (name, *_) = missing
            source = dataclasses.replace(source, **{name: left.pop(name)})
            taken = getattr(source, name)
            questions.append(
                Question(
                    "values",
                    f"{error}. {taken!r} is taken here. Is that meant?",
                    f"--option={name}={taken}",
                    blocking=True,
                )
            )


def sentence(one: ExportLayout) -> str:
    """What was read, in one line."""
    samples = len(one.scan.samples)
    files = len({sample.mask for sample in one.scan.samples if sample.mask != sample.image})
    images = str(getattr(one.source, "images", "."))
    where = "" if images == "." else f" in {images}{'/' * ('{' not in images)}"
    told = [getattr(one.source, name, "") for name in ("annotations", "masks")]
    pattern = next(filter(None, told), one.export.files[0])
    text = (
        f"{samples} annotated image{'s' * (samples != 1)}{where}: {one.export.tool.title}, "
        f"{files} file{'s' * (files != 1)} ({pattern})"
    )
    for fault, what in (
        (Fault.NO_IMAGE, "annotated but not there"),
        (Fault.NO_ANNOTATION, "without annotation"),
    ):
        count = sum(remark.fault is fault for remark in one.scan.remarks)
        text += f"; {count} {what}" if count else ""
    return text


def split_folders(scan: Scan) -> dict[str, str]:
    """Split → folder of the images, where folders are called as splits are."""
    folders = sorted({sample.folder for sample in scan.samples})
    return _named({folder: folder for folder in folders if folder}, len(folders))


def split_files(scan: Scan) -> dict[str, str]:
    """Split → annotation file, or folder of them as a pattern, where those are called so."""
    files = sorted({sample.mask for sample in scan.samples})
    places = sorted({path.rpartition("/")[0] for path in files})
    for found in (
        _named({path.rpartition("/")[2]: path for path in files}, len(files)),
        _named({place: f"{place}/*" for place in places if place}, len(places)),
    ):
        if len(found) > 1:  # one file's name is no word about a split
            return found
    return {}


def _named(things: Mapping[str, str], count: int) -> dict[str, str]:
    """Split → thing, if each of several things is called as another split is."""
    found = {split_word(name): thing for name, thing in things.items()}
    if "" in found or len(found) != count or not found:
        return {}
    return dict(sorted(found.items(), key=lambda item: split_order(item[0])))


def _common(paths: Sequence[str]) -> str:
    """The folder that holds all of some files, "." for the raw folder itself."""
    places = {path.rpartition("/")[0] for path in paths}
    return (os.path.commonpath(places) if places and all(places) else "") or "."


def _is_picture(path: str) -> bool:
    return path.rpartition(".")[2].lower() in EXTENSIONS


def _elsewhere(every: Sequence[str], scan: Scan) -> dict[str, int]:
    """The topmost folders of pictures in which none is annotated."""
    used = {sample.image.rpartition("/")[0] for sample in scan.samples}
    above = {"/".join(p.split("/")[:n]) for p in used for n in range(p.count("/") + 2)} | {""}
    taken = set(scan.others)
    counts: Counter[str] = Counter()
    for path in every:
        place = path.rpartition("/")[0]
        if path in taken or not _is_picture(path) or place in above:
            continue
        parts = place.split("/")
        if any(one and place.startswith(f"{one}/") for one in used):
            continue
        top = next(
            top for n in range(1, len(parts) + 1) if (top := "/".join(parts[:n])) not in above
        )
        counts[top] += 1
    return {place: counts[place] for place in sorted(counts, key=by_name)}


def _no_image(export: Export, scan: Scan) -> str:
    names = [remark.what for remark in scan.remarks if remark.fault is Fault.NO_IMAGE]
    if not names:
        return f"{export} annotates no image"
    shown = few(sorted(set(names)), 3)
    return (
        f"{export} annotates {len(names)} image{'s' * (len(names) != 1)}, none of which is there: "
        f"{shown}. Put the images beside it, as the tool exports them"
    )


def _unannotated(source: OfLabels, scan: Scan) -> list[Question]:
    bare = [remark.where for remark in scan.remarks if remark.fault is Fault.NO_ANNOTATION]
    if not bare or getattr(source, "unannotated", False):
        return []
    return [
        Question(
            "layout",
            f"{len(bare)} image{'s have' if len(bare) > 1 else ' has'} no annotation: "
            f"{few(bare, 4)}. Nothing to be seen on them, or forgotten? They are left out.",
            "--option=unannotated=true, or --ignore='PATTERN'",
        )
    ]
