"""Reasons: why a check is there, in the words of `docs/checks.md`."""

from __future__ import annotations

import functools
import pathlib
import re

_ENTRY = re.compile(r"^### (?P<code>SD\d+) .*?$(?P<text>.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
_WHY = re.compile(r"\*\*Why:\*\*(?P<why>.*?)(?=\*\*Mend:\*\*|\Z)", re.DOTALL)


def why(code: str) -> str:
    """The reason of a check in one paragraph, or "" where the documents are not at hand."""
    return _reasons().get(code, "")


@functools.cache
def _reasons() -> dict[str, str]:
    package = pathlib.Path(__file__).resolve().parents[2]
    # Inside an installed package, or at the top of a checkout.
    for folder in (package / "docs", package.parent / "docs"):
        try:
            return parse((folder / "checks.md").read_text(encoding="utf-8"))
        except OSError:
            continue
    return {}


def parse(document: str) -> dict[str, str]:
    """Code → reason."""
    reasons: dict[str, str] = {}
    last = ""
    for entry in _ENTRY.finditer(document):
        if found := _WHY.search(entry["text"]):
            # On a page an entry stands alone: nothing is above it.
            reason = re.sub(r"^as above\b", last, " ".join(found["why"].split()))
            last = reason.rstrip(".")
            reasons[entry["code"]] = reason[:1].upper() + reason[1:]
    return reasons
