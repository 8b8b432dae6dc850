"""Referenced images: which image a frame of a DICOM segmentation lies on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seg_datasets.core.images import ImageError
from seg_datasets.core.sources.dicom import Picture

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# Positions in millimetres and parts of directions that are the same.
_NEAR, _ALONG = 0.01, 1e-4


@dataclasses.dataclass(frozen=True)
class Named:
    """What a segmentation as a whole says of its images.

    Attributes:
      uids: the instances that it was made from.
      space: its FrameOfReferenceUID.
      slide: width and height of the slide, where its frames are tiles of one.
    """

    uids: tuple[str, ...]
    space: str
    slide: tuple[int, int] | None

    @classmethod
    def of(cls, header: Dataset) -> Named:
        """Reads a header."""
        from seg_datasets.core.views.dicom import matrix_size

        series = header.get("ReferencedSeriesSequence") or ()
        uids = [
            str(one.ReferencedSOPInstanceUID)
            for each in series
            for one in each.get("ReferencedInstanceSequence") or ()
        ]
        space = str(header.get("FrameOfReferenceUID", ""))
        return cls(tuple(dict.fromkeys(uids)), space, matrix_size(header))


class Images:
    """The images of a raw folder, found by what segmentations call them."""

    def __init__(self, pictures: Iterable[Picture]):
        self._by_uid: dict[str, list[Picture]] = {}
        self.ids: dict[str, str] = {}
        self.by_name: dict[str, tuple[Picture, int]] = {}
        for one in pictures:
            self._by_uid.setdefault(one.uid, []).append(one)
            self.ids |= dict(zip(one.names, one.ids, strict=True))
            self.by_name |= {name: (one, number) for number, name in enumerate(one.names)}

    def slide(self, named: Named) -> str:
        """The image of an object whose frames name none: the slide that it was made from."""
        known = [one for uid in named.uids if (one := self._find(uid))]
        if len(known) > 1:  # several levels of one slide
            known = [one for one in known if (one.slide or one.size) == named.slide]
        if len(known) == 1:
            return self._name(known[0], None)
        if not known and len(named.uids) == 1:
            return named.uids[0]
        raise ImageError(f"does not tell which of {len(named.uids)} slides it lies on")

    def of_frame(self, named: Named, group: Dataset, shared: Dataset | None) -> str:
        """The name of the image that a frame lies on, its uid where that is not in the folder.

        Raises:
          ImageError: there is none, or several.
        """
        every = [*_sources(group)] or [*_sources(shared)]
        known = {self._name(one, number): one for uid, number in every if (one := self._find(uid))}
        if len(known) == 1:
            return next(iter(known))
        if every and not known:
            return every[0][0]
        if named.slide and not known:
            return self.slide(named)
        place = _place(group, shared)
        among = [*known.values()] if known else self._likely(named)
        if named.uids and not among:
            return named.uids[0]
        here = [one for one in among if not place or _same_place(one.place, place)]
        if len(here) == 1:
            return self._name(here[0], None)
        raise ImageError(
            f"has a frame that {len(here) or len(known) or 'no'} images of the folder fit: by "
            "what it names, and by where it lies"
        )

    def _likely(self, named: Named) -> list[Picture]:
        if named.uids:
            return [one for uid in named.uids if (one := self._find(uid))]
        every = [one for own in self._by_uid.values() for one in own]
        return [one for one in every if named.space and one.space == named.space]

    def _find(self, uid: str) -> Picture | None:
        found = self._by_uid.get(uid, [])
        if len(found) > 1:
            raise ImageError(
                f"names an image that is there {len(found)} times: {found[0].path} and "
                f"{found[1].path}"
            )
        return found[0] if found else None

    def _name(self, picture: Picture, number: int | None) -> str:
        names = picture.names
        if len(names) == 1:
            return names[0]
        if number is None or not 1 <= number <= len(names):
            raise ImageError(f"does not tell on which of {len(names)} frames of {picture.path}")
        return names[number - 1]


def _sources(group: Dataset | None) -> Iterator[tuple[str, int | None]]:
    """(uid, number of the frame) of the images that a frame was derived from."""
    for derived in (group.get("DerivationImageSequence") if group is not None else None) or ():
        for source in derived.get("SourceImageSequence") or ():
            if str(source.get("SpatialLocationsPreserved", "YES")) not in ("YES", ""):
                raise ImageError("lies askew on its images (SpatialLocationsPreserved is not YES)")
            number = source.get("ReferencedFrameNumber")
            numbers = number if isinstance(number, Sequence) else [number]
            for one in numbers:
                yield str(source.ReferencedSOPInstanceUID), None if one is None else int(one)


def _place(group: Dataset, shared: Dataset | None) -> tuple[float, ...]:
    """Position and orientation of a frame, nine numbers."""
    parts: list[float] = []
    for key, field in (
        ("PlanePositionSequence", "ImagePositionPatient"),
        ("PlaneOrientationSequence", "ImageOrientationPatient"),
    ):
        of = next((one[key].value for one in (group, shared) if one is not None and key in one), ())
        if not of or not of[0].get(field):
            return ()
        parts += [float(v) for v in of[0].get(field)]
    return tuple(parts)


def _same_place(one: Sequence[float], other: Sequence[float]) -> bool:
    if len(one) != 9 or len(other) != 9:
        return False
    apart = np.abs(np.subtract(one, other))
    return bool((apart[:3] <= _NEAR).all() and (apart[3:] <= _ALONG).all())
