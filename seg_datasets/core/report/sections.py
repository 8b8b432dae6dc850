"""Sections of the page that need no picture: balance, sizes, groups, version."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from seg_datasets.core import ledger
from seg_datasets.core.checks import Finding
from seg_datasets.core.classes import VOID_ID, ClassTable
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.report import kit
from seg_datasets.core.report.kit import count, text
from seg_datasets.core.survey import Examined

NO_SPLIT = "no split"

_ORDER = ("train", "val", "dev", "test")

_GROUPS = 10
_SIZES = 8
_DIGITS = 16

NO_CLASS = 256  # stands for pixels of unknown values; no class can have it


def by_split(examined: Examined) -> dict[str, list[SampleFacts]]:
    """Split → samples: training first, test late, what is in no split last."""
    split_of = examined.assignment.split_of
    names = sorted({*examined.assignment.wanted, *split_of.values()}, key=_place)
    splits: dict[str, list[SampleFacts]] = {name: [] for name in names}
    for one in examined.subject.facts:
        splits.setdefault(split_of.get(one.sample.id, NO_SPLIT), []).append(one)
    return splits


def balance(examined: Examined) -> str:
    """Share of each class in the pixels of each split, void among them."""
    classes, splits = examined.declaration.classes, by_split(examined)
    pixels = {name: _pixels(members) for name, members in splits.items()}
    head = ["class"]
    for name, members in splits.items():
        head.append(f"{text(name)}<small>{count(len(members), 'sample')}</small>")
    present = {class_id for total in pixels.values() for class_id, n in total.items() if n}
    rows = []
    for class_id in [*range(len(classes)), *sorted(present & {VOID_ID, NO_CLASS})]:
        cells = [_named(classes, class_id)]
        for name, members in splits.items():
            share = pixels[name][class_id] / (pixels[name].total() or 1)
            having = sum(_has(one, class_id) for one in members)
            cells.append(
                f'{kit.bar(share)}<b class="share{"" if having else " none"}">{percent(share)}</b>'
                f'<small class="having">in {having:,}</small>'
            )
        rows.append(cells)
    void = "" if VOID_ID in present else " No pixel is void."
    return (
        kit.table(head, rows, kind="balance")
        + '<p class="soft">Share of all pixels of the split, and in how many of its samples the '
        f"class is at all.{void}</p>"
    )


def sizes(examined: Examined) -> str:
    """How large the images are, and of which kind."""
    sound = [f.image for f in examined.subject.facts if not f.image.problem]
    if not sound:
        return '<p class="soft">No image could be read.</p>'
    shapes = Counter((image.width, image.height) for image in sound)
    order = sorted(shapes.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        [f"{w:,} × {h:,}", f"{n:,}", kit.bar(n / len(sound)) + percent(n / len(sound))]
        for (w, h), n in order[:_SIZES]
    ]
    if rest := sum(n for _, n in order[_SIZES:]):
        more = f"{len(order) - _SIZES:,} more"
        rows.append([more, f"{rest:,}", kit.bar(rest / len(sound)) + percent(rest / len(sound))])
    kinds = Counter(f"{image.format} {image.mode}" for image in sound)
    masks = Counter(
        f"{f.mask.format} {f.mask.mode}" for f in examined.subject.facts if f.mask.format
    )
    spread = " · ".join(
        f"{name} {min(v):,} / {int(statistics.median(v)):,} / {max(v):,}"
        for name, v in (("width", [i.width for i in sound]), ("height", [i.height for i in sound]))
    )
    return (
        kit.table(["width × height", "images", "share"], rows, kind="sizes")
        + f'<p class="soft">Least / median / greatest: {spread} pixels. Images: {_kinds(kinds)}. '
        f"Masks: {_kinds(masks)}.</p>"
    )


def groups(examined: Examined, findings: Sequence[Finding]) -> str:
    """How many groups each split has, the largest ones, and what leaks."""
    splits = by_split(examined)
    members: dict[str, Counter[str]] = defaultdict(Counter)
    for name, samples in splits.items():
        for one in samples:
            members[one.sample.group][name] += 1
    torn = {group for group, sides in members.items() if len(sides) > 1}
    rows = []
    for name, samples in splits.items():
        here = Counter(one.sample.group for one in samples)
        shared = sum(group in torn for group in here)
        spread = sorted(here.values())
        middle = f"{spread[0]:,} / {int(statistics.median(spread)):,} / {spread[-1]:,}"
        wanted = examined.assignment.wanted.get(name)
        share = percent(len(samples) / max(1, len(examined.subject.facts)))
        asked = f" <small>of {percent(wanted)} asked</small>" if wanted is not None else ""
        cells = [f"{len(samples):,}", share + asked, f"{len(here):,}"]
        rows.append([text(name), *cells, middle if here else "", f"{shared:,}"])
    head = ["split", "samples", "share", "groups", "samples a group", "groups also elsewhere"]
    largest = sorted(members.items(), key=lambda item: (-item[1].total(), item[0]))[:_GROUPS]
    big = [
        [
            text(group) or "<i>no name</i>",
            f"{sides.total():,}",
            " ".join(f"{text(name)} {n:,}" for name, n in sides.items()),
        ]
        for group, sides in largest
    ]
    codes = Counter(f.code for f in findings if f.code.startswith("SD4"))
    said = ", ".join(
        f'<a href="#{text(code)}">{text(code)}</a> ({n:,})' for code, n in sorted(codes.items())
    )
    leaks = (
        f"Findings of duplicates and leakage: {said}."
        if said
        else "No check of duplicates and leakage found anything."
    )
    alone = f"<p>Each of the {count(len(members), 'group')} is one sample.</p>"
    if len(members) < len(examined.subject.facts):
        alone = f"<h3>The {len(big)} largest of {count(len(members), 'group')}</h3>"
        alone += kit.table(["group", "samples", "where"], big, kind="groups")
    return f"<p>{leaks}</p>{kit.table(head, rows)}{alone}"


def version(examined: Examined, entry: ledger.Entry | None) -> str:
    """What the version is, as the ledger has it, or that there is none yet."""
    rule = (
        f"<dt>split rule</dt><dd><code>{text(examined.declaration.splits.describe())}</code></dd>"
    )
    if entry is None:
        none = "<p>Nothing was built: this is a look at a raw folder.</p>"
        return f'{none}<dl class="facts">{rule}</dl>'
    rows = []
    for name, fields in entry.splits.items():
        written = " ".join(
            f"{text(kind)}: {len(digests)} × <code>{text(digests[0][:_DIGITS])}…</code>"
            for kind, digests in fields["shards"].items()
        )
        content = f"<code>{text(fields['content'][:_DIGITS])}…</code>"
        rows.append([text(name), f"{fields['examples']:,}", content, written])
    encoders = ", ".join(f"{text(n)} {text(v)}" for n, v in sorted(entry.encoders.items()))
    facts: Mapping[str, str] = {
        "ledger key": f"<code>{text(entry.key)}</code>",
        "raw files": f"{entry.raw_files:,}, digest <code>{text(entry.raw_digest)}</code>",
        "images": f"{text(entry.image)} (channels × bits)",
        "encoded anew": f"{count(entry.reencoded, 'file')}, with {encoders}",
    }
    if entry.partial:
        facts = {"partial": "only some samples of each split: no version", **facts}
    described = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    return (
        f'<dl class="facts">{described}{rule}</dl>'
        + kit.table(["split", "examples", "content", "shards, digest of the first"], rows)
        + '<p class="soft">The content digest is over ids, groups, image bytes and decoded masks; '
        "it is the same on every machine.</p>"
    )


def _place(split: str) -> tuple[int, str]:
    starts = [i for i, start in enumerate(_ORDER) if split.startswith(start)]
    return (starts[0] if starts else len(_ORDER)), split


def percent(share: float) -> str:
    """A share as a person reads it: small ones are not rounded away."""
    if 0 < share < 0.0001:
        return "&lt; 0.01 %"
    return f"{share * 100:.{2 if share < 0.01 else 1}f} %"


def _pixels(members: Sequence[SampleFacts]) -> Counter[int]:
    total: Counter[int] = Counter()
    for one in members:
        total.update(one.mask.counts)
        total[NO_CLASS] += unknown(one)
    return total


def unknown(facts: SampleFacts) -> int:
    """Pixels of the mask that the class table does not know."""
    return facts.mask.width * facts.mask.height - sum(facts.mask.counts.values())


def _has(facts: SampleFacts, class_id: int) -> bool:
    return unknown(facts) > 0 if class_id == NO_CLASS else class_id in facts.mask.counts


def _named(classes: ClassTable, class_id: int) -> str:
    if class_id == NO_CLASS:
        return '<span class="swatch mark"></span>unknown values'
    if class_id == VOID_ID:
        return '<span class="swatch void"></span>void'
    return kit.swatch(classes.colours[class_id]) + text(classes.name_of(class_id))


def _kinds(kinds: Counter[str]) -> str:
    return ", ".join(f"{text(kind)} ({n:,})" for kind, n in kinds.most_common()) or "none"
