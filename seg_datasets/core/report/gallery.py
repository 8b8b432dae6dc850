"""The gallery: which pictures there are, the controls to filter them, and the data behind."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from seg_datasets.core.checks import Finding
from seg_datasets.core.classes import VOID, VOID_ID
from seg_datasets.core.report import choice, sections, thumbs
from seg_datasets.core.report.kit import text, visible
from seg_datasets.core.report.places import Places, by_turns
from seg_datasets.core.survey import Examined

# Pictures of one kind of finding, and how many of them one finding may have.
_OF_KIND = 6
_OF_ONE = 3

# Samples that a page lists at most; those with a picture and those with findings come first.
_ROWS = 20_000

_SAID = 8  # findings that are told with one enlarged sample


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What a page shows.

    Attributes:
      thumbs: all pictures.
      of: number of a sample → its picture.
      examples: code → (picture, name, what is said of it).
      coded: code → samples that findings of it name.
      said: number of a sample → findings about it.
    """

    thumbs: Sequence[thumbs.Thumb]
    of: Mapping[int, int]
    examples: Mapping[str, Sequence[tuple[int, str, str]]]
    coded: Mapping[str, Sequence[int]]
    said: Mapping[int, Sequence[Finding]]


def pictures(examined: Examined, *, most: int) -> Pictures:
    """Chooses what is shown and makes the pictures: of every kind of finding first."""
    facts, places = examined.subject.facts, Places(examined.subject)
    coded: dict[str, dict[int, None]] = defaultdict(dict)
    said: dict[int, list[Finding]] = defaultdict(list)
    wanted: dict[str, list[tuple[int, Finding]]] = defaultdict(list)
    alone: dict[str, list[str]] = defaultdict(list)
    twins: dict[int, int] = {}
    scan = examined.subject.scan
    lone_files = {*scan.images_without_mask, *scan.masks_without_image}
    for finding in examined.findings:
        named = places.named(finding)
        for index in named:
            coded[finding.code][index] = None
            said[index].append(finding)
        if len(wanted[finding.code]) < _OF_KIND:
            examples = places.examples(finding)[:_OF_ONE]
            wanted[finding.code] += [(index, finding) for index in examples]
            _pair_up(examples, examined, twins)
        if finding.where in lone_files and len(alone[finding.code]) < _OF_KIND:
            alone[finding.code].append(finding.where)
    first = by_turns([[index for index, _ in some] for some in wanted.values()])
    chosen = choice.choose(facts, examined.assignment.split_of, first=first, most=most)
    names = {index: frozenset(f.name for f in said.get(index, ())) for index in chosen}
    made = thumbs.make(chosen, examined, names=names, twins=twins)
    of = {index: number for number, index in enumerate(chosen)}
    examples_of: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for code, some in wanted.items():
        for index, finding in some[:_OF_KIND]:
            if index in of:
                name = facts[index].sample.id
                examples_of[code].append((of[index], name, _words(name, finding)))
    files = [(code, name) for code, names in alone.items() for name in names]
    for number, (code, name) in enumerate(files, len(made)):
        examples_of[code].append((number, name, ""))
    made += thumbs.lone([name for _, name in files], examined)
    return Pictures(made, of, examples_of, {c: list(n) for c, n in coded.items()}, said)


def _pair_up(examples: Sequence[int], examined: Examined, twins: dict[int, int]) -> None:
    """Notes samples of one picture whose masks differ: what differs is marked."""
    facts = examined.subject.facts
    for one in examples:
        for other in examples:
            same = facts[one].image.key and facts[one].image.key == facts[other].image.key
            if same and facts[one].mask.ids != facts[other].mask.ids:
                twins.setdefault(one, other)


def _words(name: str, finding: Finding) -> str:
    """What is said of a picture among others of its kind."""
    return finding.message if name in finding.where else finding.where


def controls(examined: Examined, shown: Pictures) -> str:
    """The filters and the place where cards go."""
    classes = [*examined.declaration.classes.names]
    samples = examined.subject.facts
    if any(VOID_ID in one.mask.counts for one in samples):
        classes.append(VOID)
    legend = "".join(
        f'<li><span class="swatch void"></span>{VOID}, striped</li>'
        if name == VOID
        else f'<li><span class="swatch" style="background:rgb{_colour(examined, name)}"></span>'
        f"{text(name)}</li>"
        for name in classes
    )
    if any(thumb.marks for thumb in shown.thumbs):
        legend += (
            '<li><span class="swatch mark"></span>what a finding is about</li>'
            '<li><span class="swatch rim"></span>of it, blended between neighbours</li>'
        )
    ids = {name: VOID_ID if name == VOID else i for i, name in enumerate(classes)}
    if tuple(examined.declaration.classes.colours[0]) == (0, 0, 0):
        legend += "<li>black is left clear over pictures</li>"
    splits = list(sections.by_split(examined))
    pictured = ""
    if len(shown.of) < len(samples):
        pictured = (
            '<label class="tick"><input type="checkbox" name="pictured" checked> only with a '
            f"picture ({len(shown.of):,} of {len(samples):,})</label>"
        )
    return (
        '<noscript><p class="soft">The gallery needs JavaScript; all else can be read without.</p>'
        '</noscript><form class="filters" aria-label="Filters of the gallery">'
        + _select("split", "Split", [(str(i), name) for i, name in enumerate(splits)])
        + _select("class", "Class", [(str(ids[name]), name) for name in classes])
        + _select(
            "finding", "Finding", [(c, f"{c} ({len(n):,})") for c, n in sorted(shown.coded.items())]
        )
        + '<label>Name or group <input type="search" name="text" autocomplete="off" '
        'placeholder="part of a name  ( / )"></label>'
        f'{pictured}<span class="looks"><label class="tick"><input type="checkbox" name="overlay" '
        'checked> mask <kbd>o</kbd></label><label class="tick"><input type="checkbox" name="marks" '
        'checked> marks <kbd>m</kbd></label><label class="tick">strength <input type="range" '
        'name="strength" min="10" max="100" value="55"></label></span></form>'
        f'<ul class="legend">{legend}</ul>'
        '<p id="count" class="soft" role="status" aria-live="polite"></p>'
        '<div id="cards" role="list"></div>'
        '<p><button type="button" id="more" hidden>Show more</button></p>'
        '<p class="soft keys">Keys: <kbd>/</kbd> search, <kbd>←</kbd> <kbd>→</kbd> from picture to '
        "picture, <kbd>Enter</kbd> enlarge, <kbd>Esc</kbd> close, <kbd>o</kbd> mask, <kbd>m</kbd> "
        "marks.</p>"
    )


def _select(name: str, title: str, options: Sequence[tuple[str, str]]) -> str:
    shown = "".join(f'<option value="{text(v)}">{text(label)}</option>' for v, label in options)
    choices = f'<option value="">all</option>{shown}'
    return f'<label>{title} <select name="{name}">{choices}</select></label>'


def _colour(examined: Examined, name: str) -> tuple[int, ...]:
    classes = examined.declaration.classes
    return tuple(classes.colours[classes.id_of(name)])


def data(examined: Examined, shown: Pictures) -> dict[str, Any]:
    """What the page's script reads; rows instead of objects, for a page of 10,000 samples."""
    facts, split_of = examined.subject.facts, examined.assignment.split_of
    splits = list(sections.by_split(examined))
    groups = list(dict.fromkeys(one.sample.group for one in facts))
    codes = sorted(shown.coded)
    codes_of: dict[int, list[int]] = defaultdict(list)
    for number, code in enumerate(codes):
        for index in shown.coded[code]:
            codes_of[index].append(number)
    at_split = {name: i for i, name in enumerate(splits)}
    at_group = {name: i for i, name in enumerate(groups)}
    order = [*shown.of, *codes_of, *range(len(facts))]
    rows = []
    for index in list(dict.fromkeys(order))[:_ROWS]:
        one = facts[index]
        counts = sorted(one.mask.counts.items())
        if unknown := sections.unknown(one):
            counts.append((sections.NO_CLASS, unknown))
        rows.append(
            [
                visible(one.sample.id),
                at_split[split_of.get(one.sample.id, sections.NO_SPLIT)],
                at_group[one.sample.group],
                one.image.width,
                one.image.height,
                [part for pair in counts for part in pair],
                codes_of.get(index, []),
                shown.of.get(index, -1),
            ]
        )
    details = {
        number: {
            "image": visible(facts[index].sample.image),
            "mask": visible(facts[index].sample.mask),
            "said": [f"{f.code} {visible(f.message)}" for f in shown.said.get(index, ())[:_SAID]],
        }
        for index, number in shown.of.items()
    }
    classes = examined.declaration.classes
    return {
        "splits": [visible(name) for name in splits],
        "groups": [visible(name) for name in groups],
        "codes": codes,
        "classes": {
            **{i: visible(name) for i, name in enumerate(classes.names)},
            VOID_ID: VOID,
            sections.NO_CLASS: "unknown values",
        },
        "samples": rows,
        "unlisted": max(0, len(facts) - _ROWS),
        "details": details,
        "thumbs": [[*t.size, t.image, t.mask, t.marks, int(t.apart), t.note] for t in shown.thumbs],
    }


# Filled by the script when a picture is chosen.
ENLARGED = (
    '<dialog id="enlarged" aria-labelledby="enlarged-name"><div class="bar-top">'
    '<h2 id="enlarged-name"></h2><span class="soft" id="enlarged-place"></span>'
    '<button type="button" id="previous" aria-label="Previous picture">←</button>'
    '<button type="button" id="next" aria-label="Next picture">→</button>'
    '<button type="button" id="close" aria-label="Close">Close</button></div>'
    '<div id="enlarged-pictures"></div><div id="enlarged-facts"></div></dialog>'
)
