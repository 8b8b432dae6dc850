"""Mask layout: which folders and names are images and which their masks.

By names first, since those are all looked at; a few files are opened to see whether what is called
a mask is one.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from seg_datasets.core.classes import few
from seg_datasets.core.sample import same
from seg_datasets.core.sources import hypotheses, mask_kinds, patterns, prepared_layout
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.hypotheses import Hypothesis
from seg_datasets.core.sources.image_mask_folders import EXTENSIONS, ImageMaskFolders
from seg_datasets.core.sources.layout import Layout, Question
from seg_datasets.core.sources.options import with_options
from seg_datasets.core.sources.prepared import Tfds

# Of a list of a split, this share of the lines has to be ids.
_LISTED = 0.5


def find(
    folder: Folder,
    files: Sequence[str],
    given: hypotheses.Given,
    *,
    ignore: Sequence[str],
    options: Mapping[str, str],
) -> Layout | None:
    """The likeliest way to pair the pictures of a raw folder, if there is one.

    Raises:
      DeclarationError: options that the source does not have.
    """
    if prepared := prepared_layout.find(folder, files, ignore):
        return _of_prepared(folder, *prepared, options)
    every = hypotheses.ranked(folder, files, given)
    if not every:
        return None
    best = every[0]
    kind = mask_kinds.read(mask_kinds.Pairs(folder, best, files, tuple(ignore)))
    source = with_options(kind.source, options)
    scan = source.scan(folder)
    if more := _leftovers(scan):
        source = dataclasses.replace(source, ignore=(*ignore, *more))
        scan = source.scan(folder)
    if not scan.samples:
        return None
    folders = _split_folders(scan)
    lists: dict[str, str] = {}
    questions = [*kind.questions, *_open(every, scan, given, files, alone=kind.alone)]
    if not folders:
        lists, doubt = split_lists(folder, files, scan)
        questions += doubt
    saw = [_sentence(best, scan), *filter(None, [kind.saw])]
    if more:
        saw.append(f"left out beside them: {few(more)}")
    if others := _elsewhere(files, scan, more):
        saw.append(f"pictures that are not read: {others}")
    return Layout(
        *(source, scan, folders, lists),
        saw=tuple(saw),
        questions=tuple(questions),
        classes=kind.classes,
    )


def _of_prepared(
    folder: Folder, source: Tfds, questions: Sequence[Question], options: Mapping[str, str]
) -> Layout | None:
    source = with_options(source, options)
    scan = source.scan(folder)
    if not scan.samples:
        return None
    saw = (
        f"{_counted(len(scan.samples), 'record')} of a dataset that TFDS prepared: image "
        f"{source.image}, mask {source.mask}"
    )
    # Its splits are those that it was prepared with, whatever they are called.
    folders = sorted({sample.folder for sample in scan.samples}, key=patterns.split_order)
    return Layout(
        source, scan, {one: one for one in folders}, saw=(saw,), questions=tuple(questions)
    )


def _pairs(scan: Scan) -> int:
    return len({sample.parts or (sample.image, sample.mask) for sample in scan.samples})


def _sentence(source: Hypothesis, scan: Scan) -> str:
    def where(folder: str, name: str) -> str:
        return f"{'' if folder == '.' else folder + '/'}{name}"

    text = (
        f"{_counted(_pairs(scan), 'pair')}: images {where(source.images, source.image_name)}, "
        f"masks {where(source.masks, source.mask_name)}"
    )
    for count, what, without in (
        (len(scan.images_without_mask), "image", "a mask"),
        (len(scan.masks_without_image), "mask", "an image"),
    ):
        text += f"; {_counted(count, what)} without {without}" if count else ""
    return text


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"


def _open(
    every: Sequence[Hypothesis],
    scan: Scan,
    given: hypotheses.Given,
    files: Sequence[str],
    *,
    alone: bool,
) -> list[Question]:
    best = every[0]
    questions = []
    if not (alone or (given.masks and given.mask_name)):
        others = [h for h in every[1:] if h.same_images(best) and not h.shares_masks(best)]
        least = max(1, best.role - 3) if best.role > 0 else best.role
        others = [h for h in others if h.role >= least][:4]
        if others:
            named = [f"{h.masks}/{h.mask_name} ({h.pairs})" for h in others]
            questions.append(
                Question(
                    "layout",
                    f"There is more than one kind of mask: {best.masks}/{best.mask_name} is taken, "
                    f"{few(named)} fits the images as well. Which one is meant?",
                    f"--masks={best.masks} --mask_name='{best.mask_name}'",
                    blocking=True,
                )
            )
    if not given.images:
        sets = [h for h in every[1:] if h.role > 0 and not h.beside(best)]
        named = list(dict.fromkeys(f"{h.images} with {h.masks}" for h in sets))
        if named:
            questions.append(
                Question(
                    "layout",
                    f"There are other images with masks: {few(named, 4)}. "
                    f"Only {best.images} is read. Is that the set that is meant?",
                    f"--images={best.images} --masks={best.masks}",
                )
            )
    if idle := _idle(files, scan):
        questions.append(
            Question(
                "layout",
                f"{len(idle)} other picture{'s take' if len(idle) > 1 else ' takes'} no part: "
                f"{few(idle, 4)}. Are they no part of the set?",
                "--image_name and --mask_name, or --ignore='PATTERN'; or rename them as the others",
            )
        )
    if len(scan.images_without_mask) >= len(scan.samples):
        questions.append(
            Question(
                "layout",
                f"{len(scan.images_without_mask)} images have no mask. Are they no part of "
                "the set?",
                "--ignore='PATTERN', or move them away",
            )
        )
    return questions


def _idle(files: Sequence[str], scan: Scan) -> list[str]:
    """Pictures that lie where images lie and are none of the set's."""
    places = {s.image.rpartition("/")[0] for s in scan.samples}
    return [path for path in _unused(files, scan) if path.rpartition("/")[0] in places]


def _elsewhere(files: Sequence[str], scan: Scan, left_out: Sequence[str]) -> str:
    """Folders of pictures that are none of the set's, where none of the set's images lie."""
    places = {s.image.rpartition("/")[0] for s in scan.samples}
    left = ImageMaskFolders(ignore=tuple(left_out))
    counts = Counter(
        path.rpartition("/")[0] or "."
        for path in _unused(files, scan)
        if path.rpartition("/")[0] not in places and not left.ignores(path)
    )
    return few([f"{place}/ ({n})" for place, n in sorted(counts.items())], 4)


def _unused(files: Sequence[str], scan: Scan) -> list[str]:
    used = {path for s in scan.samples for path in (s.image, s.mask, *s.parts)}
    used.update(scan.images_without_mask, scan.masks_without_image, scan.foreign)
    used.update(path for paths in scan.clashes.values() for path in paths)
    return [p for p in files if p not in used and p.rpartition(".")[2].lower() in EXTENSIONS]


def _leftovers(scan: Scan) -> list[str]:
    """Patterns of files beside the pairs, one for each of them: other exports of the same mask."""
    stems = {same(part) for s in scan.samples for part in s.id.split("/")}
    rests: Counter[str] = Counter()
    for path in scan.foreign:
        name = path.rpartition("/")[2]
        # The longest part of the name that is a stem, cut where a word ends.
        for end in (m.start() for m in reversed([*re.finditer(r"[^A-Za-z0-9]", name)])):
            if same(name[:end]) in stems:
                rests[name[end:]] += 1
                break
    usual = [rest for rest, count in rests.items() if 2 * count >= _pairs(scan)]
    return [f"*{rest}" for rest in sorted(usual)]


def _split_folders(scan: Scan) -> dict[str, str]:
    folders = sorted({sample.folder for sample in scan.samples})
    names = {folder: patterns.split_name(folder) for folder in folders}
    if not folders or not any(names.values()):
        return {}
    found = {names[f] or re.sub(r"\W", "_", f.lower()): f for f in folders if f}
    usable = len(found) == len(folders) and all(name.isidentifier() for name in found)
    return (
        dict(sorted(found.items(), key=lambda item: patterns.split_order(item[0])))
        if usable
        else {}
    )


def split_lists(
    folder: Folder, files: Sequence[str], scan: Scan
) -> tuple[dict[str, str], list[Question]]:
    """Split → text file of its ids; a list of one split alone says nothing of the rest."""
    lists = _lists(folder, files, scan)
    if len(lists) != 1:
        return lists, []
    ((split, path),) = lists.items()
    return {}, [Question("splits", f"{path} lists samples of {split}. Which split has the others?")]


def _lists(folder: Folder, files: Sequence[str], scan: Scan) -> dict[str, str]:
    """Text files called train, val, … whose lines are ids; those of the folder that fit most."""
    names = {same(name) for s in scan.samples for name in (s.id, s.id.rpartition("/")[2], s.image)}
    names |= {same(s.image.rpartition("/")[2]) for s in scan.samples}
    by_folder: dict[str, dict[str, tuple[str, int]]] = {}
    for path in files:
        place, _, file = path.rpartition("/")
        stem, _, extension = file.rpartition(".")
        split = patterns.split_name(stem)
        if extension.lower() not in ("txt", "lst") or not split:
            continue
        try:
            lines = [line.strip() for line in folder.read_text(path).splitlines() if line.strip()]
        except (OSError, ValueError):
            continue
        known = sum(same(line) in names or same(line.split()[0]) in names for line in lines)
        if lines and known >= _LISTED * len(lines):
            by_folder.setdefault(place, {})[split] = (path, known)
    if not by_folder:
        return {}
    for listed in by_folder.values():
        if {"train", "trainval"} <= listed.keys():
            del listed["trainval"]
    best = max(sorted(by_folder), key=lambda place: sum(n for _, n in by_folder[place].values()))
    found = {split: path for split, (path, _) in by_folder[best].items()}
    return dict(sorted(found.items(), key=lambda item: patterns.split_order(item[0])))
