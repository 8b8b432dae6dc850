"""Corrections: what a user knows of a raw folder, in the words of the declaration."""

from __future__ import annotations

import dataclasses
import re

from seg_datasets.core.classes import VOID, ClassTable, DeclarationError, RawValue, few


@dataclasses.dataclass(frozen=True)
class Corrections:
    """What is stated; None or empty where the raw folder is asked.

    Attributes:
      images, masks, image_name, mask_name, ignore, group: as `ImageMaskFolders` takes them.
      values: raw value → class name or "void".
      threshold: where the upper of two classes begins.
      classes: class names in the order of the raw values, "void" for a value that is no class.
    """

    images: str | None = None
    masks: str | None = None
    image_name: str | None = None
    mask_name: str | None = None
    values: dict[RawValue, str] | None = None
    threshold: int | None = None
    classes: tuple[str, ...] = ()
    group: str | None = None
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values is not None and self.threshold is not None:
            raise DeclarationError("state --values or --threshold, not both")
        if self.values is not None and self.classes:
            raise DeclarationError("--values name the classes already; leave --classes out")
        if self.threshold is not None and len(self.classes) not in (0, 2):
            raise DeclarationError(
                f"--threshold cuts masks in two classes, but --classes names {few(self.classes)}"
            )


def parse_values(text: str) -> dict[RawValue, str]:
    """Raw values and names out of `0=background,255=road` or `#ff0000=roof,#000000=void`.

    Raises:
      DeclarationError: it is not written like that.
    """
    values: dict[RawValue, str] = {}
    for part in text.split(","):
        raw, equals, name = (piece.strip() for piece in part.partition("="))
        value: RawValue = int(raw) if re.fullmatch(r"[0-9]{1,5}", raw) else raw
        if not equals or not name or not re.fullmatch(r"\d+|#\w+", raw):
            raise DeclarationError(f"--values: {part!r} is not VALUE=NAME, such as 255=road")
        if value in values:
            raise DeclarationError(f"--values: {raw} is there twice")
        values[value] = name
    ClassTable(*named(values.values())).raw_table(values)  # raises for what cannot be meant
    return values


def parse_classes(text: str) -> tuple[str, ...]:
    """Names out of `background,road,void`.

    Raises:
      DeclarationError: a name is empty or there twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    ClassTable(*(name for name in names if name != VOID))
    return names


def named(names: object) -> list[str]:
    """Names in the order they first come in, without void."""
    return list(dict.fromkeys(name for name in names if name != VOID))  # type: ignore[attr-defined]
