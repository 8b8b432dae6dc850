"""Detect: what lies in a raw folder, images with masks or the annotations of a tool.

What comes out is the declaration a person would write, and what it could not know.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

from seg_datasets.core.classes import DeclarationError, few
from seg_datasets.core.sources import (
    export_layout,
    exports,
    hypotheses,
    mask_layout,
    tools,
    unrecognised,
)
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.export import Export
from seg_datasets.core.sources.export_layout import ExportLayout
from seg_datasets.core.sources.folder import Folder, ignored
from seg_datasets.core.sources.layout import Layout, LayoutError, Question
from seg_datasets.core.sources.tools import MASKS

__all__ = ["Layout", "LayoutError", "Question", "detect"]


def detect(
    path: str | os.PathLike[str] | Folder,
    *,
    source: str = "",
    images: str | None = None,
    masks: str | None = None,
    image_name: str | None = None,
    mask_name: str | None = None,
    ignore: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
) -> Layout:
    """Finds the images and masks of a raw folder, or the annotations of a tool.

    Args:
      path: the raw folder.
      source: "masks", or the tool whose annotations are meant; by default what fits most images.
      images: folder of the images, where it is known; as `ImageMaskFolders` takes it.
      masks: that of the masks.
      image_name: how images are called.
      mask_name: how masks are called.
      ignore: patterns of files that are no part of the data.
      options: what the source of a tool is told, as text: {"line_width": "3"}.

    Raises:
      LayoutError: there is nothing that looks like images with masks, or like annotations of them.
      DeclarationError: options that the source does not have.
    """
    folder = path if isinstance(path, Folder) else Folder(path)
    if not folder.exists():
        raise LayoutError(f"{folder} is no folder")
    if source not in ("", *tools.NAMES):
        raise LayoutError(f"--source={source}: there is no such source, but {few(tools.NAMES, 40)}")
    if masks is not None or image_name is not None or mask_name is not None:
        source = source or MASKS
    every, _ = folder.files()
    files = [f for f in every if hypotheses.is_text(f) and not ignored(f, ignore)]
    given = hypotheses.Given(images, masks, image_name, mask_name)
    named = exports.find(folder, files)
    # Options are of the one source that is meant: of the masks' where no annotations lie there.
    readable = [one for one in named if one.tool.make is not None]
    of_masks = {} if readable and source != MASKS else options or {}
    pairs = None
    if source in ("", MASKS):
        pairs = mask_layout.find(folder, files, given, ignore=ignore, options=of_masks)
    read = [
        export_layout.read(one, images=images, ignore=ignore, options=options or {})
        for one in named
        if one.tool.make is not None and source in ("", one.tool.name)
    ]
    best = _best(read)
    if best and (pairs is None or _outranks(best, pairs)):
        return _of_export(best, read, pairs, named)
    if pairs is not None:
        if options and not of_masks:
            raise DeclarationError(
                f"--option is about {best.export.tool.title if best else readable[0].tool.title}, "
                f"and masks are read; state --source={MASKS}, or the tool"
            )
        return _of_masks(pairs, best, named)
    if source not in ("", MASKS) and not read:
        raise LayoutError(
            f"--source={source}: no file of {folder} looks like that"
            + (f", but like {few([str(one) for one in named])}" if named else "")
        )
    if problems := [one.problem for one in read]:
        raise LayoutError(". ".join(problems))
    raise LayoutError(unrecognised.reason(folder, files, [str(one) for one in named], given))


def _best(read: Sequence[ExportLayout]) -> ExportLayout | None:
    """The export that has most images; of equals that which stands first among the tools."""
    usable = [one for one in read if not one.problem]
    order = tools.TOOLS.index
    return min(
        usable, key=lambda one: (-len(one.scan.samples), order(one.export.tool)), default=None
    )


def _outranks(best: ExportLayout, pairs: Layout) -> bool:
    return best.export.tool.before_masks or len(best.scan.samples) > len(pairs.scan.samples)


def _of_masks(pairs: Layout, best: ExportLayout | None, named: Sequence[Export]) -> Layout:
    unread = _unread(named, pairs.scan)
    saw = [*pairs.saw, *_said_of_splits(pairs)]
    questions = [*pairs.questions]
    if unread:
        saw.insert(1, f"annotation files that are not read: {few(unread)}")
    if best:
        tool = best.export.tool
        questions.append(
            Question(
                "layout",
                f"{export_layout.sentence(best)}. The masks are taken. Are they what is meant?",
                f"--source={MASKS}, or --source={tool.name} to have the annotations read",
            )
        )
    return dataclasses.replace(
        pairs, exports=tuple(unread), saw=tuple(saw), questions=tuple(questions)
    )


def _of_export(
    best: ExportLayout,
    read: Sequence[ExportLayout],
    pairs: Layout | None,
    named: Sequence[Export],
) -> Layout:
    tool = best.export.tool
    questions = [*best.questions]
    rivals = [one for one in read if one is not best and not one.problem]
    if rivals:
        others = [export_layout.sentence(one) for one in rivals]
        flags = [f"--source={one.export.tool.name}" for one in rivals]
        questions.append(
            Question(
                "layout",
                f"There are annotations of several kinds: {tool.title} is taken; beside it "
                f"{'; '.join(others)}. Which one is meant?",
                f"--source={tool.name}, or {few(flags)}",
                blocking=True,
            )
        )
    if pairs is not None and not tool.before_masks:
        questions.append(
            Question(
                "layout",
                f"There are masks, too: {pairs.saw[0]}. The annotations of {tool.title} are taken. "
                "Are they what is meant?",
                f"--source={tool.name}, or --source={MASKS}",
            )
        )
    folders = export_layout.split_folders(best.scan)
    by_file = export_layout.split_files(best.scan) if not folders else {}
    lists: dict[str, str] = {}
    if not folders and not by_file:
        lists, doubt = mask_layout.split_lists(best.export.folder, best.export.every, best.scan)
        questions += doubt
    unread = _unread([one for one in named if one is not best.export], best.scan)
    saw = [export_layout.sentence(best)]
    if unread:
        saw.append(f"annotation files that are not read: {few(unread)}")
    saw += [f"{one.export.tool.title} cannot be read: {one.problem}" for one in read if one.problem]
    if best.elsewhere:
        places = [f"{place}/ ({n})" for place, n in best.elsewhere.items()]
        saw.append(f"pictures that are not read: {few(places, 4)}")
    layout = Layout(
        best.source, best.scan, folders, lists, by_file, tuple(unread), questions=tuple(questions)
    )
    return dataclasses.replace(layout, saw=(*saw, *_said_of_splits(layout)))


def _unread(named: Sequence[Export], scan: Scan) -> list[str]:
    """The exports of which no file is read."""
    used = {path for sample in scan.samples for path in (sample.image, sample.mask, *sample.parts)}
    used.update(scan.others)
    return [str(one) for one in named if used.isdisjoint(one.files)]


def _said_of_splits(one: Layout) -> list[str]:
    said = []
    for where, found in (
        ("folders", {k: f"{v}/" for k, v in one.split_folders.items()}),
        ("lists", one.split_lists),
        ("annotation files", one.split_files),
    ):
        if found:
            said.append(f"splits in {where}: {few([f'{k} ({v})' for k, v in found.items()])}")
    return said
