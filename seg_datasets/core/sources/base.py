"""What every source is and gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from seg_datasets.core.classes import ClassTable, RawTable, Values
from seg_datasets.core.remarks import Remark
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources.folder import Folder


@dataclasses.dataclass(frozen=True)
class Scan:
    """What a source found in a raw folder, by names alone.

    The lists other than `samples` are what does not add up; `checks` turns them into findings.

    Attributes:
      samples: in the order of their ids.
      images_without_mask: paths.
      masks_without_image: paths.
      clashes: id → the paths that claim it (the same name twice, or different only in letter case
        or Unicode form).
      foreign: files in the image or mask folder that are neither.
      undecodable: files whose names are not UTF-8, escaped.
      outside: links that lead out of the raw folder.
      ungrouped: ids for which the group rule gives no group.
      labels: label of shapes → where it stands first, as the annotations have them.
      empty: folders of images or masks without a file.
      remarks: faults of annotations.
      others: further files that decide what the dataset is (a CSV of groups).
    """

    samples: tuple[Sample, ...]
    images_without_mask: tuple[str, ...] = ()
    masks_without_image: tuple[str, ...] = ()
    clashes: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    foreign: tuple[str, ...] = ()
    undecodable: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    ungrouped: tuple[str, ...] = ()
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    empty: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    others: tuple[str, ...] = ()


class Source(Protocol):
    """One raw layout.

    Attributes:
      masks_follow_exif: what masks without an orientation tag were drawn on when their image has
        one: True the upright picture, False the pixels as stored, None not known (then a pair
        whose sizes do not tell is refused).
    """

    def table(self, classes: ClassTable) -> RawTable:
        """How raw mask values, or labels of shapes, lead to classes."""

    @property
    def masks_follow_exif(self) -> bool | None:
        """What masks were drawn on."""

    def scan(self, folder: Folder) -> Scan:
        """Finds the samples of a raw folder without reading a pixel."""


class OfValues(Source, Protocol):
    """A source of masks that hold numbers or colours."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def values(self) -> Values | None:
        """What they mean."""


class OfLabels(Source, Protocol):
    """A source of shapes that have labels."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def labels(self) -> Mapping[str, str] | None:
        """What they mean."""

    @property
    def ground(self) -> str:
        """The class of pixels without a shape."""
