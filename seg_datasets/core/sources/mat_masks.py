"""Masks in MATLAB files, one for each image."""

from __future__ import annotations

import dataclasses

from seg_datasets.core import matfile, views
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.sample import Sample, same
from seg_datasets.core.sources import stems
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.image_mask_folders import group_files, with_groups
from seg_datasets.core.sources.stems import Pattern
from seg_datasets.core.sources.valued import ValueSource


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatMasks(ValueSource):
    """Masks in MATLAB files (versions 5 to 7), one for each image.

    Attributes:
      images: folder of the images, or a pattern: `images/{stem}.jpg`.
      masks: folder of the MATLAB files, or a pattern: `groundTruth/{stem}.mat`.
      variable: where the mask lies, as MATLAB writes it: `groundTruth{1}.Segmentation`.
    """

    images: str = "images"
    masks: str = "masks"
    variable: str = "mask"

    def __post_init__(self) -> None:
        Pattern(self.images)
        self._masks()
        try:
            matfile.Variable.of(self.variable)
        except ValueError as error:
            raise DeclarationError(f"variable={error}") from None

    def scan(self, folder: Folder) -> Scan:
        """Pairs images and masks by their names."""
        paired = stems.pair(folder, Pattern(self.images), self._masks(), ignore=self.ignore)
        masks = paired.of_images()
        clashes = {one: [m.path for m in own] for one, own in masks.items() if len(own) > 1}
        first: dict[str, str] = {}
        for image, name in paired.ids.items():
            other = first.setdefault(same(name), image)
            if other != image:
                clashes.setdefault(name, [other]).append(image)
        samples = [
            Sample(
                id=paired.ids[image],
                image=image,
                mask=own[0].path,
                folder=paired.ids[image].rpartition("/")[0].partition("/")[0],
                mask_view=views.describe("mat", file=own[0].path, variable=self.variable),
                parts=(own[0].path,),
            )
            for image, own in masks.items()
        ]
        samples, ungrouped = with_groups(sorted(samples, key=lambda s: s.id), self.group, folder)
        claimed = {path for paths in clashes.values() for path in paths}
        return Scan(
            samples=tuple(samples),
            images_without_mask=tuple(i for i in paired.ids if i not in masks and i not in claimed),
            masks_without_image=tuple(m.path for m in paired.masks if not m.image),
            clashes={name: tuple(paths) for name, paths in clashes.items()},
            foreign=tuple(paired.foreign),
            undecodable=tuple(paired.undecodable),
            outside=tuple(folder.files()[1]),
            ungrouped=tuple(ungrouped),
            others=group_files(self.group),
        )

    def _masks(self) -> Pattern:
        return Pattern(self.masks, extensions=("mat",))
