"""Datasets that TFDS has prepared, of whoever made them: their pictures, as they lie in records."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator

from seg_datasets.core import tfrecords, views
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.sample import Sample, plain, same
from seg_datasets.core.sources import foreign
from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder, ignored
from seg_datasets.core.sources.image_mask_folders import group_files, with_groups
from seg_datasets.core.sources.valued import ValueSource

# As TFDS names them: dataset-split.format-00000-of-00004.
_FILE = re.compile(r"(?:.*/)?[^/]*-(?P<split>[^-./]+)\.(?P<format>\w+)-\d{5,}-of-\d{5,}")
_EXTENSION = re.compile(r"\.(?:jpe?g|png|tiff?|bmp|webp)$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tfds(ValueSource):
    """The version folder of a dataset that TFDS has prepared as TFRecord files.

    Images and masks are those that were put in, byte for byte. An id is the split and what
    `id` holds; `splits.FromFolders` takes splits by the names they have.

    Attributes:
      image: the feature with the image, encoded; `/` between features in one another.
      mask: that with the mask.
      id: that with a name, or "" for numbers in the order of the records.
    """

    image: str = "image"
    mask: str = "segmentation_mask"
    id: str = ""

    def scan(self, folder: Folder) -> Scan:
        """Walks through all records, for where images and masks lie in them."""
        found: dict[str, list[Sample]] = defaultdict(list)
        for path in folder.files()[0]:
            file = _FILE.fullmatch(plain(path))
            if file is None or ignored(path, self.ignore):
                continue
            if file["format"] != "tfrecord":
                raise DeclarationError(
                    f"{path} is of the format {file['format']}; only tfrecord is read: prepare the "
                    "dataset anew with file_format='tfrecord'"
                )
            with foreign.reading(path, "TFRecord file"):
                for sample in _samples(self, folder, path, file["split"]):
                    found[same(sample.id)].append(sample)
        first = sorted((own[0] for own in found.values()), key=lambda sample: sample.id)
        samples, ungrouped = with_groups(first, self.group, folder)
        return Scan(
            samples=tuple(samples),
            clashes={
                own[0].id: tuple(one.image for one in own) for own in found.values() if len(own) > 1
            },
            ungrouped=tuple(ungrouped),
            others=group_files(self.group),
        )


def _samples(source: Tfds, folder: Folder, path: str, split: str) -> Iterator[Sample]:
    with folder.open(path) as file:
        records = tfrecords.examples(file, folder.size(path))
        for number, (data, at, features) in enumerate(records):
            wanted = [source.image, source.mask, *filter(None, [source.id])]
            if lacking := [name for name in wanted if name not in features]:
                raise AnnotationError(
                    f"{path}: record {number} has no bytes called {lacking[0]!r}; it has "
                    f"{', '.join(map(repr, sorted(features)))}. Say so in SOURCE"
                )
            places = [features[key] for key in (source.image, source.mask)]
            image, mask = (
                views.describe("part", file=path, offset=at + place.offset, length=place.length)
                for place in places
            )
            name = f"{path.rpartition('.')[2].partition('-')[2]}/{number:06}"
            if source.id:
                told = tfrecords.value_of(data, features[source.id])
                name = _EXTENSION.sub("", told.decode())
            yield Sample(
                id=plain(f"{split}/{name}"),
                image=f"{path}#{name}",
                mask=f"{path}#{name} ({source.mask})",
                folder=split,
                view=image,
                mask_view=mask,
                parts=(path,),
            )
