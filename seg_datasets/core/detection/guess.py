"""Guess: the declaration of a raw folder that nobody has declared, and what it could not know."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from typing import cast

from seg_datasets.core import images, opening, splits
from seg_datasets.core.classes import VOID_ID, DeclarationError, few
from seg_datasets.core.detection import class_files, encoding, labels, meaning
from seg_datasets.core.detection.corrections import Corrections
from seg_datasets.core.detection.encoding import Encoding
from seg_datasets.core.detection.meaning import Meaning
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import (
    Folder,
    Layout,
    LayoutError,
    Question,
    Source,
    detect,
)
from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.base import OfLabels, OfValues
from seg_datasets.core.sources.patterns import evenly
from seg_datasets.core.sources.tools import MASKS
from seg_datasets.core.splits import SplitRule
from seg_datasets.core.survey import Declaration, bar

# Images that are opened to see how many channels they have.
_IMAGES = 16


class GuessError(ValueError):
    """A raw folder that cannot be declared as it is; says what was seen and what to do."""


@dataclasses.dataclass(frozen=True)
class Guess:
    """A declaration, what it rests on, and what is open.

    Attributes:
      declaration: what a dataset folder would say.
      layout: where images and masks, or annotations, lie.
      encoding: what the masks hold; None of annotations.
      has_splits: whether the raw folder says which sample goes where.
      saw: what was seen, one line each.
      questions: what is open, those first without whose answer nothing should be built.
    """

    declaration: Declaration
    layout: Layout
    encoding: Encoding | None
    has_splits: bool
    saw: tuple[str, ...]
    questions: tuple[Question, ...]


def guess(folder: Folder, given: Corrections | None = None) -> Guess:
    """Looks at a raw folder and writes the declaration that fits it.

    Raises:
      GuessError: there is nothing that looks like images with masks of classes.
      DeclarationError: the corrections contradict each other or the masks.
    """
    given = given or Corrections()
    try:
        layout = detect(
            folder,
            source=given.source or MASKS * _of_masks(given),
            images=given.images,
            masks=given.masks,
            image_name=given.image_name,
            mask_name=given.mask_name,
            ignore=given.ignore,
            options=given.options,
        )
        if layout.is_drawn:
            return _of_export(folder, layout, given)
        samples = layout.scan.samples
        with bar("Looking at masks", min(len(samples), encoding.LOOKED_AT)) as progress:
            seen = encoding.look(folder, samples, progress=progress)
        found = _meaning(folder, layout, seen, given)
    except (LayoutError, AnnotationError, images.ImageError, meaning.MeaningError) as error:
        tools = "" if isinstance(error, LayoutError) else _tools(locals().get("layout"))
        raise GuessError(f"{error}{tools}") from None
    if given.labels is not None or given.ground:
        raise DeclarationError(
            "--labels and --ground are about annotations, and masks are read; state --values and "
            "--classes, or the tool with --source"
        )
    return _assembled(folder, layout, _with_values(layout, found), found, given, seen=seen)


def _meaning(folder: Folder, layout: Layout, seen: Encoding, given: Corrections) -> Meaning:
    """What the masks mean: as a public set has it, if they are its own; else as they look."""
    if known := _known(layout, seen, given):
        return known
    return meaning.find(seen, class_files.find(folder, folder.files()[0]), given)


def _known(layout: Layout, seen: Encoding, given: Corrections) -> Meaning | None:
    if layout.classes is None or given.classes or given.values or given.threshold is not None:
        return None
    table = layout.source.table(layout.classes)
    if table.bands != seen.bands or not set(seen.levels) <= table.ids.keys():
        return None
    return Meaning(layout.classes, None, (meaning.sentence(seen),))


def _with_values(layout: Layout, found: Meaning) -> OfValues:
    return dataclasses.replace(cast("OfValues", layout.source), values=found.values)


def _of_masks(given: Corrections) -> bool:
    return given.values is not None or given.threshold is not None


def _of_export(folder: Folder, layout: Layout, given: Corrections) -> Guess:
    source = cast("OfLabels", layout.source)
    files = class_files.find(folder, folder.files()[0])
    found = labels.find(source, [*layout.scan.labels], files, given)
    return _assembled(folder, layout, found.source, found, given, seen=None)


def widened(one: Guess, facts: Sequence[SampleFacts], folder: Folder, given: Corrections) -> Guess:
    """The guess again, where masks that were not looked at for it hold more ids than it knows.

    Only ids are added, next to those that are known, or in several masks: anything else stays the
    finding it is.
    """
    if one.encoding is None:
        return one
    if one.layout.classes is not None and one.declaration.classes is one.layout.classes:
        return one
    if one.encoding.kind != "values" or one.encoding.bands > 1 or given.values or given.classes:
        return one
    stray: Counter[int] = Counter()
    pixels: Counter[int] = Counter()
    first: dict[int, str] = {}
    for name, mask in ((facts_of.sample.id, facts_of.mask) for facts_of in facts):
        if not mask.rim_values:
            first = dict.fromkeys(mask.stray, name) | first
            stray.update(mask.stray.keys())
            pixels.update(mask.stray)
    known = set(one.encoding.levels)
    more = sorted(v for v, n in stray.items() if n > 1 or known & {v - 1, v + 1})
    if not more or len(known) + len(more) > VOID_ID:
        return one
    rare = encoding.rare({v: stray[v] for v in more}, first, of=len(facts))
    seen = dataclasses.replace(
        one.encoding,
        levels=tuple(sorted({*known, *more})),
        odd={v: n for v, n in one.encoding.odd.items() if v not in more},
        rare={**one.encoding.rare, **rare},
        pixels=dict(sorted((Counter(one.encoding.pixels) + pixels).items())),
    )
    found = meaning.find(seen, class_files.find(folder, folder.files()[0]), given)
    source = _with_values(one.layout, found)
    return _assembled(folder, one.layout, source, found, given, seen=seen)


def _assembled(
    folder: Folder,
    layout: Layout,
    source: Source,
    found: Meaning | labels.Labels,
    given: Corrections,
    *,
    seen: Encoding | None,
) -> Guess:
    channels, bits, depth = _channels(folder, layout.scan.samples)
    rule, questions = _splits(layout, given)
    open_ = sorted((*layout.questions, *found.questions, *questions), key=lambda q: not q.blocking)
    named = [f"{i} {name}" for i, name in enumerate(found.classes.names)]
    return Guess(
        declaration=Declaration(
            classes=found.classes,
            source=source,
            splits=rule,
            channels=channels,
            bits=bits,
        ),
        layout=layout,
        encoding=seen,
        has_splits=bool(layout.split_folders or layout.split_lists or layout.split_files),
        saw=(*layout.saw, depth, *found.saw, f"classes: {few(named, 24)}"),
        questions=tuple(open_),
    )


def _splits(layout: Layout, given: Corrections) -> tuple[SplitRule, list[Question]]:
    questions: list[Question] = []
    for alike, pattern in (_alike(layout.scan.samples), _together(layout)):
        if given.group or not alike or questions:
            continue
        questions.append(
            Question(
                "groups",
                f"{alike}. Do such samples belong together (a city, a patient, a video), so that "
                "no split may tear them apart?",
                f"--group='{pattern}', or --group=auto to have groups searched for",
            )
        )
    if layout.split_folders:
        return splits.FromFolders(group=given.group, **layout.split_folders), questions
    if layout.split_lists:
        return splits.FromLists(group=given.group, **layout.split_lists), questions
    if layout.split_files:
        return splits.FromAnnotations(group=given.group, **layout.split_files), questions
    # One split of everything: no check of splits has anything to say about it.
    return splits.Grouped(group=given.group, all=1), questions


def _alike(samples: Sequence[Sample]) -> tuple[str, str]:
    """The first words of names, where they part the samples into some groups; their pattern."""
    words: Counter[str] = Counter()
    ends = set()
    for sample in samples:
        name = sample.id.rpartition("/")[2]
        cut = min((name.index(c) for c in "_- ." if c in name), default=0)
        words[name[:cut]] += 1
        ends.add(name[cut])
    if "" in words or not 1 < len(words) <= len(samples) / 2:
        return "", ""
    ended = "".join(sorted(ends, key="_. -".index))  # in a class of letters, - stands last
    pattern = f"(?P<group>[^/{ended}]+)[^/]*$" if ended != "_" else "(?P<group>[^_/]+)[^/]*$"
    return f"Names begin alike: {_most(words)}", pattern


def _together(layout: Layout) -> tuple[str, str]:
    """Folders of samples that are no splits, where they part the samples; their pattern."""
    if layout.split_folders:
        return "", ""
    folders = Counter(sample.id.rpartition("/")[0] for sample in layout.scan.samples)
    if not 1 < len(folders) <= len(layout.scan.samples) / 2 or "" in folders:
        return "", ""
    return f"Samples lie in folders: {_most(folders)}", "^(?P<group>.+)/"


def _most(counts: Counter[str]) -> str:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return few([f"{word} ({n})" for word, n in most], 5)


def _channels(folder: Folder, samples: Sequence[Sample]) -> tuple[int, int, str]:
    """Channels and bits of the images, and what was seen of them."""
    modes: Counter[str] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    for sample in evenly(samples, _IMAGES):
        try:
            opened = images.open_image(opening.image_file(sample, folder).data, small=True)
        except (OSError, ValueError):  # a finding of its own
            continue
        modes[opened.mode] += 1
        sizes[opened.size] += 1
    known = set(modes)
    if known and known <= {"I;16"}:
        channels, bits = 1, 16
    elif known and known <= {"RGBA"}:
        channels, bits = 4, 8
    elif known and known <= {"RGB;16"}:
        channels, bits = 3, 16
    elif known and known <= {"RGBA;16"}:
        channels, bits = 4, 16
    elif len(known) == 1 and (many := re.fullmatch(r"(\d+) bands;(\d+)", min(known))):
        channels, bits = int(many[1]), int(many[2])
    else:
        channels, bits = 3, 8
    shown = few([f"{w}×{h}" for w, h in sorted(sizes)], 4)
    said = few([f"{n} {mode}" for mode, n in sorted(modes.items())])
    return (
        channels,
        bits,
        f"{sum(modes.values())} of {len(samples)} images looked at: {said}; {shown}",
    )


def _tools(layout: object) -> str:
    if isinstance(layout, Layout) and layout.exports:
        return f". Beside them: {few(list(layout.exports))}; --source has it read, if it can be"
    return ""


__all__ = ["Guess", "GuessError", "guess", "widened"]
