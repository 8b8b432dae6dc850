"""Corrections: what a user knows of a raw folder, in the words of the declaration."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from seg_datasets.core.classes import VOID, ClassTable, DeclarationError, RawValue, few


@dataclasses.dataclass(frozen=True)
class Corrections:
    """What is stated; None or empty where the raw folder is asked.

    Attributes:
      images, masks, image_name, mask_name, ignore, group: as `ImageMaskFolders` takes them.
      values: raw value → class name or "void".
      threshold: where the upper of two classes begins.
      classes: class names in the order of the raw values, "void" for a value that is no class; of
        annotations, in the order of their ids.
      source: "masks", or the tool whose annotations are meant.
      labels: label of an annotation → class name or "void".
      ground: the class of pixels that no shape covers, or "void".
      options: what the source of a tool is told, as text.
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
    source: str = ""
    labels: dict[str, str] | None = None
    ground: str = ""
    options: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values is not None and self.threshold is not None:
            raise DeclarationError("state --values or --threshold, not both")
        if self.values is not None and self.classes:
            raise DeclarationError("--values name the classes already; leave --classes out")
        if self.threshold is not None and len(self.classes) not in (0, 2):
            raise DeclarationError(
                f"--threshold cuts masks in two classes, but --classes names {few(self.classes)}"
            )
        of_masks = self.values is not None or self.threshold is not None
        of_shapes = self.labels is not None or self.ground
        if of_masks and of_shapes:
            raise DeclarationError(
                "--values and --threshold are about masks, --labels and --ground about "
                "annotations; state the one or the other"
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


def parse_labels(text: str) -> dict[str, str]:
    """Labels and names out of `CAR=vehicle,TRUCK=vehicle,SIGN=void`.

    Raises:
      DeclarationError: it is not written like that.
    """
    return parse_pairs(text.split(","), "--labels", "LABEL=NAME, such as CAR=vehicle")


def parse_pairs(parts: Sequence[str], flag: str, form: str) -> dict[str, str]:
    """What stands before and behind each `=`.

    Raises:
      DeclarationError: there is none, or one name is there twice.
    """
    pairs: dict[str, str] = {}
    for part in parts:
        name, equals, value = (piece.strip() for piece in part.rpartition("="))
        if not equals or not name or not value:
            raise DeclarationError(f"{flag}: {part!r} is not {form}")
        if name in pairs:
            raise DeclarationError(f"{flag}: {name} is there twice")
        pairs[name] = value
    return pairs


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
