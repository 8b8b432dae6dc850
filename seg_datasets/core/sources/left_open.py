"""What tools leave open: the order of painting, how wide a line is, where an image lies, how good a
box is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.drawing import Shape
from seg_datasets.core.remarks import Fault, Remark
from seg_datasets.core.sources.annotated import Annotated, AnnotationError, ShapeSource
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder

_One = TypeVar("_One")


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """One object of an image.

    Attributes:
      shape: what is painted.
      name: for messages.
      area: for the order of painting; in whatever measure, the same for all of one image.
    """

    shape: Shape
    name: str
    area: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ordered(ShapeSource):
    """A source of a tool that does not say in which order shapes are painted.

    Attributes:
      order: of painting, later over earlier: "file" as the shapes stand, "area" the larger first.
    """

    order: str = "file"

    def __post_init__(self) -> None:
        if self.order not in ("file", "area"):
            raise DeclarationError(f"order={self.order!r}: write 'file' or 'area'")


def in_order(found: Sequence[_One], order: str, *, area: Callable[[_One], float]) -> list[_One]:
    """Objects in the order of painting, later over earlier: "file" as they stand, "area" the larger
    first, so that small things are seen."""
    return sorted(found, key=lambda one: -area(one)) if order == "area" else [*found]


def annotated(
    image: str, found: Sequence[Found], *, order: str, size: tuple[int, int] | None, file: str
) -> Annotated:
    """The objects of an image, in the order of painting."""
    ordered = in_order(found, order, area=lambda one: one.area)
    shapes, names = [one.shape for one in ordered], [one.name for one in ordered]
    return Annotated(image, shapes, size, file, names)


def paints_lines(line_width: float | None, kind: str, *, path: str) -> bool:
    """Whether a shape without area is painted.

    Raises:
      AnnotationError: `line_width` is not stated, and how wide a line is cannot be read from it.
    """
    if line_width is None:
        raise AnnotationError(
            f"{path} holds {kind!r}, which has no area; say `line_width` of SOURCE, 0 to leave "
            "such shapes out"
        )
    return line_width != 0


def image_of(folder: Folder, file: str, *, place: str, name: str) -> str:
    """The image of an annotation that tells a folder and a name: the one beside it, if there is.

    Args:
      folder: the raw folder.
      file: the annotation file.
      place: the folder it tells, which may be one of another machine.
      name: of the image.
    """
    beside = f"{file.rpartition('/')[0]}/{name}".lstrip("/")
    plain_name = name not in (".", "..") and not {*name} & {*"/\\\0"}
    if plain_name and folder.is_file(beside):
        return beside
    return f"{place}/{name}" if place else name


def with_boxes(scan: Scan, boxes: int, *, where: str) -> Scan:
    """A scan that owns up to its boxes: once for all of them."""
    if not boxes:
        return scan
    what = f"{boxes:,} shape{'s that are boxes' if boxes > 1 else ' that is a box'}"
    return dataclasses.replace(scan, remarks=(*scan.remarks, Remark(Fault.WEAK, where, what)))
