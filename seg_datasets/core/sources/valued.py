"""What every source of masks with values can be told, where it pairs files in its own way."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from seg_datasets.core.classes import ClassTable, RawTable, Values
from seg_datasets.core.sources.image_mask_folders import GroupRule


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValueSource:
    """What every source of masks with values can be told.

    Attributes:
      values: see `ImageMaskFolders`.
      group: see `ImageMaskFolders`.
      ignore: patterns of files to leave out.
      masks_follow_exif: see `Source`.
    """

    values: Values | None = None
    group: GroupRule | None = None
    ignore: Sequence[str] = ()
    masks_follow_exif: bool | None = None

    def table(self, classes: ClassTable) -> RawTable:
        """From raw mask values to class ids."""
        return classes.raw_table(self.values)
