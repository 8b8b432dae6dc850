"""The page of a build or a check: verdict first, then what was found, then what is there."""

from __future__ import annotations

import os
import pathlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from seg_datasets.core import atomic, ledger
from seg_datasets.core.checks import Finding, Severity
from seg_datasets.core.report import gallery, kit, reasons, sections
from seg_datasets.core.report.kit import count, text
from seg_datasets.core.sources import Question
from seg_datasets.core.survey import Examined, Survey

# The page of a version, beside its records.
NAME = "report.html"

# How many samples get a picture. Every build pays for its page, a check is there to be looked at.
THUMBNAILS, OF_A_BUILD = 120, 60

_LISTED = 100  # findings of one kind that are written out
_UNFOLDED = 3  # up to so many they are not folded away
_BESIDE = 2  # so many pictures stand beside the words
_INDEXED = 3  # kinds of findings from which on a table leads to them


def save_beside(
    folder: os.PathLike[str],
    survey: Survey,
    entry: ledger.Entry,
    *,
    name: str,
    how_to_build: str,
) -> None:
    """Writes the page of a finished build beside its records.

    Args:
      folder: of the version.
      survey: what was built.
      entry: what the version is.
      name: of the dataset.
      how_to_build: commands, one a line.
    """
    save(
        pathlib.Path(folder, NAME),
        survey.examined,
        title=f"{name} {entry.key}",
        how_to_build=how_to_build,
        entry=entry,
        thumbnails=OF_A_BUILD,
    )


def save(
    path: pathlib.Path,
    examined: Examined,
    *,
    title: str,
    how_to_build: str,
    entry: ledger.Entry | None = None,
    questions: Sequence[Question] = (),
    thumbnails: int = THUMBNAILS,
) -> None:
    """Writes the page; see `render`."""
    page = render(
        examined,
        title=title,
        how_to_build=how_to_build,
        entry=entry,
        questions=questions,
        thumbnails=thumbnails,
    )
    atomic.write(path, page)


def render(
    examined: Examined,
    *,
    title: str,
    how_to_build: str,
    entry: ledger.Entry | None = None,
    questions: Sequence[Question] = (),
    thumbnails: int = THUMBNAILS,
) -> str:
    """What was found in a raw folder as one self-contained HTML page.

    Args:
      examined: the folder, looked at; refused or not.
      title: what the page is about.
      how_to_build: commands, one a line.
      entry: what the version is, where one was built.
      questions: what the raw folder does not tell.
      thumbnails: how many samples get a picture at most.
    """
    shown = gallery.pictures(examined, most=thumbnails)
    kinds: dict[str, list[int]] = defaultdict(list)
    for index, finding in enumerate(examined.findings):
        kinds[finding.code].append(index)
    again = "Build it, and verify it" if entry is None else "Build it again, and verify it"
    body = [
        '<a class="skip" href="#gallery">Skip to the gallery</a>',
        f"<header><h1>{text(title)}</h1>{_facts(examined)}</header>",
        "<main>",
        _verdict(examined, entry, questions),
        _section("questions", "Open questions", _asked(questions)) if questions else "",
        _section("findings", "Findings", _findings(examined.findings, kinds, shown)),
        _section("balance", "Class balance", sections.balance(examined)),
        _section("sizes", "Sizes", sections.sizes(examined)),
        _section("gallery", "Gallery", gallery.controls(examined, shown)),
        _section("groups", "Groups and leakage", sections.groups(examined, examined.findings)),
        _section("version", "What the version is", sections.version(examined, entry)),
        _section("again", again, kit.commands(how_to_build)),
        "</main>",
        gallery.ENLARGED,
    ]
    return kit.page(
        title,
        body,
        style=kit.resource("gallery.css"),
        script=kit.resource("gallery.js"),
        data=gallery.data(examined, shown),
    )


def _section(name: str, title: str, inner: str) -> str:
    return f'<section id="{name}"><h2>{title}</h2>{inner}</section>'


def _facts(examined: Examined) -> str:
    facts = examined.subject.facts
    splits = sections.by_split(examined)
    parts = [
        f"raw folder <b>{text(examined.folder.name)}</b>",
        count(len(facts), "sample"),
        count(len({f.sample.group for f in facts}), "group"),
        f"{len(examined.declaration.classes)} classes",
        ", ".join(f"{text(name)} {len(members):,}" for name, members in splits.items()),
    ]
    return f'<p class="soft">{" · ".join(part for part in parts if part)}</p>'


def _asked(questions: Sequence[Question]) -> str:
    rows = (
        f"<li>{'<b>Before a build:</b> ' * one.blocking}{text(str(one))}</li>" for one in questions
    )
    return f"<ol>{''.join(rows)}</ol>"


def _verdict(examined: Examined, entry: ledger.Entry | None, questions: Sequence[Question]) -> str:
    errors = [f for f in examined.findings if f.severity is Severity.ERROR]
    warnings = [f for f in examined.findings if f.severity is Severity.WARNING]
    also = ""
    if warnings:
        also = f"{count(len(warnings), 'warning')} of {_kinds(warnings)}"
    if errors:
        first = errors[0]
        many = sum(f.code == first.code for f in errors)
        todo = (
            f'Begin with <a href="#{text(first.code)}">{text(first.code)} {text(first.name)}</a> '
            f"({many:,}): {kit.prose(first.fix)}."
        )
        also = f"Also {also}." if also else ""
        return kit.verdict(
            f"Refused: {count(len(errors), 'error')} of {_kinds(errors)}", todo, also, good=False
        )
    blocking = sum(question.blocking for question in questions)
    built = (
        f'<a href="#questions">{count(blocking, "question")}</a> to answer before a build.'
        if blocking
        else "Nothing stands in the way of a build."
    )
    if entry is not None:
        built = f"Version <code>{text(entry.key)}</code> was built."
        if entry.partial:
            built = "Only some samples of each split were built: this is no version."
    what = f"{built} {also[:1].upper()}{also[1:]} to look at." if also else built
    return kit.verdict("Passes: no errors", what)


def _kinds(findings: Sequence[Finding]) -> str:
    return count(len({f.code for f in findings}), "kind")


def _findings(
    findings: Sequence[Finding], kinds: dict[str, list[int]], shown: gallery.Pictures
) -> str:
    if not findings:
        return '<p class="soft">None. Every check ran and had nothing to say.</p>'
    parts = []
    if len(kinds) > _INDEXED:
        rows = [
            [
                f'<a href="#{text(code)}">{text(code)}</a>',
                text(findings[members[0]].name),
                _severity(findings[members[0]]),
                f"{len(members):,}",
            ]
            for code, members in kinds.items()
        ]
        parts.append(kit.table(["code", "what", "severity", "findings"], rows, kind="index"))
    for code, members in kinds.items():
        parts.append(_kind(code, [findings[i] for i in members], shown))
    return "".join(parts)


def _kind(code: str, members: Sequence[Finding], shown: gallery.Pictures) -> str:
    first = members[0]
    why = reasons.why(code)
    fixes = list(dict.fromkeys(f.fix for f in members))[:3]
    figures = _examples(code, shown, words=len(members) > _UNFOLDED)
    narrow = " narrow" if len(shown.examples.get(code, ())) <= _BESIDE else ""
    return (
        f'<article class="finding {first.severity.value}{narrow}" id="{text(code)}"><div>'
        f"<h3>{_severity(first)} <code>{text(code)}</code> {text(first.name)} "
        f'<span class="many">{len(members):,}</span></h3>'
        + (f'<p class="why">{kit.prose(why)}</p>' if why else "")
        + "".join(f'<p class="fix">→ {kit.prose(fix)}</p>' for fix in fixes)
        + ("" if narrow else figures)
        + _listing(members, button=code in shown.coded)
        + f"</div>{figures if narrow else ''}</article>"
    )


def _listing(members: Sequence[Finding], *, button: bool) -> str:
    """All findings of a kind, folded where they are many, and the way to the gallery."""
    rows = [[text(f.where), kit.prose(f.message)] for f in members[:_LISTED]]
    left = len(members) - len(rows)
    more = f'<p class="soft">… and {left:,} more.</p>' if left else ""
    listing = kit.table(["where", "what"], rows, kind="listing") + more
    if len(members) > _UNFOLDED:
        listing = kit.folded(f"All {len(members):,} findings", listing)
    code = text(members[0].code)
    to_gallery = f'<button type="button" class="to-gallery" data-code="{code}">Show in gallery'
    return f'<div class="more">{listing}{f"{to_gallery}</button>" if button else ""}</div>'


def _examples(code: str, shown: gallery.Pictures, *, words: bool) -> str:
    """Pictures of a kind, which the script fills; with words where the list is folded away."""
    figures = [
        f'<figure data-thumb="{thumb}"><figcaption>{text(name)}'
        f"{f': {text(said)}' if words and said else ''}</figcaption></figure>"
        for thumb, name, said in shown.examples.get(code, ())
    ]
    return f'<div class="examples">{"".join(figures)}</div>' if figures else ""


def _severity(finding: Finding) -> str:
    value: Any = finding.severity.value
    return f'<span class="tag {value}">{value}</span>'
