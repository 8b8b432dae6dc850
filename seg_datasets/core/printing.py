"""Printing: what comes from files of strangers, as it may stand on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text without what would steer a terminal or break its line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
