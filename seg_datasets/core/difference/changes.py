"""Changes: what can differ between two versions, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from seg_datasets.core.difference.tables import ClassChanges
from seg_datasets.core.difference.versions import Version

Example = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Listed:
    """How many, and some of them, by name."""

    count: int = 0
    examples: tuple[Example, ...] = ()


@dataclasses.dataclass(frozen=True)
class PairChange:
    """Pixels that went from one class to another, in so many samples."""

    before: str
    after: str
    pixels: int
    samples: int


@dataclasses.dataclass(frozen=True)
class SampleChanges:
    """What became of the samples. One sample may stand in several of these.

    Attributes:
      renamed: the same image under another id; in neither `added` nor `removed`.
      relabelled: other classes on a mask of the same size; examples are those with most pixels.
      resized: the image and its mask have another size, so pixels are not compared.
      new_image: another image file under the same id.
      moved: to another split.
      regrouped: to another group.
      moves: (split before, split after, samples).
      pairs: changed pixels by class, most first.
      compared: pixels of all samples in both versions that have one size.
      read: samples whose masks were read from the records.
    """

    added: Listed
    removed: Listed
    renamed: Listed
    relabelled: Listed
    resized: Listed
    new_image: Listed
    moved: Listed
    regrouped: Listed
    moves: tuple[tuple[str, str, int], ...]
    pairs: tuple[PairChange, ...]
    compared: int
    read: int

    @property
    def changed_pixels(self) -> int:
        """Pixels of all samples that have another class."""
        return sum(pair.pixels for pair in self.pairs)

    @property
    def differ(self) -> bool:
        """Whether anything became of any sample."""
        fields = (getattr(self, field.name) for field in dataclasses.fields(self))
        return any(isinstance(field, Listed) and field.count for field in fields)


@dataclasses.dataclass(frozen=True)
class RawChanges:
    """What became of the raw files; `named` where both versions have their names at hand."""

    count: tuple[int, int]
    digest: tuple[str, str]
    named: bool
    added: Listed = Listed()
    removed: Listed = Listed()
    altered: Listed = Listed()


@dataclasses.dataclass(frozen=True)
class Difference:
    """What changed between two versions; `None` stands for "the same".

    Attributes:
      image: channels and bits of images, "3x8".
      splits: split → examples before and after, and whether their content is the same.
      samples: None where a version is not prepared, so that only the ledger can tell.
    """

    before: Version
    after: Version
    classes: ClassChanges
    split_rule: tuple[str, str] | None
    image: tuple[str, str] | None
    splits: Mapping[str, tuple[int, int, bool]]
    raw: RawChanges
    samples: SampleChanges | None
    notes: tuple[str, ...]

    @property
    def differ(self) -> bool:
        """Whether anything changed."""
        return bool(
            self.classes.differ
            or self.split_rule
            or self.image
            or not all(same for _, _, same in self.splits.values())
            or self.raw.digest[0] != self.raw.digest[1]
            or (self.samples and self.samples.differ)
        )

    def to_json(self) -> dict[str, Any]:
        """The same facts for scripts."""

        def version(one: Version) -> dict[str, Any]:
            return {"name": one.name, "where": str(one.where), "prepared": one.folder is not None}

        return {
            "differ": self.differ,
            "before": version(self.before),
            "after": version(self.after),
            "classes": dataclasses.asdict(self.classes),
            "split_rule": self.split_rule,
            "image": self.image,
            "splits": {
                name: {"before": before, "after": after, "same_content": same}
                for name, (before, after, same) in self.splits.items()
            },
            "raw": dataclasses.asdict(self.raw),
            "samples": self.samples
            and {
                **dataclasses.asdict(self.samples),
                "changed_pixels": self.samples.changed_pixels,
            },
            "notes": self.notes,
        }
