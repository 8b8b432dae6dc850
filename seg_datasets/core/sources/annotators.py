"""Annotators: which annotation counts where several people drew on one image."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from seg_datasets.core.classes import DeclarationError, few
from seg_datasets.core.sources.annotated import AnnotationError


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """One annotation of an image.

    Attributes:
      by: what its annotator is called: id, e-mail address.
      at: when it was made, in a form that sorts.
      content: what was drawn.
    """

    by: tuple[str, ...]
    at: str
    content: Any


def refuse_unknown(take: str) -> None:
    """Raises DeclarationError where `take` is none of the ways to choose."""
    if take not in ("", "first", "last"):
        raise DeclarationError(f"take={take!r}: write 'first' or 'last', or leave it out")


def chosen(
    versions: Sequence[Version], *, annotator: str | int, take: str, where: str
) -> Version | None:
    """The version that counts, None where there is none.

    Args:
      versions: of one image, as the file has them.
      annotator: whose count; all if not given.
      take: "first" or "last" of several, by their time.
      where: for messages.

    Raises:
      AnnotationError: there are several, and nothing says which.
    """
    if str(annotator):
        versions = [one for one in versions if str(annotator) in one.by]
    if len(versions) > 1 and not take:
        names = sorted({one.by[0] for one in versions if one.by})
        raise AnnotationError(
            f"{where} is annotated {len(versions)} times"
            + (f", by {few(names)}" if names else "")
            + "; say in SOURCE which counts: `annotator`, or `take='first'` or `take='last'`"
        )
    ordered = sorted(versions, key=lambda one: one.at)
    return ordered[0 if take == "first" else -1] if ordered else None
