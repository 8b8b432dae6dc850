"""Public sets in their own layouts, Pascal VOC and Cityscapes, with the classes that they have."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from seg_datasets.core.classes import VOID, ClassTable, DeclarationError, RawTable, RawValue
from seg_datasets.core.sample import plain, same
from seg_datasets.core.sources.base import Scan
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.image_mask_folders import ImageMaskFolders

_VOC_NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant"),
    *("sheep", "sofa", "train", "tvmonitor"),
)


def voc_colour(number: int) -> tuple[int, int, int]:
    """The colour that Pascal VOC gives a number: its bits, dealt to the channels."""
    red, green, blue = (
        sum((number >> 3 * step + channel & 1) << 7 - step for step in range(8))
        for channel in range(3)
    )
    return red, green, blue


# The 21 classes of Pascal VOC, by their numbers in masks; 255 is void.
VOC = ClassTable(*_VOC_NAMES, colours={n: voc_colour(i) for i, n in enumerate(_VOC_NAMES)})

# Cityscapes: label id → (name, train id or None, colour).
_CITYSCAPES: Mapping[int, tuple[str, int | None, tuple[int, int, int]]] = {
    0: ("unlabeled", None, (0, 0, 0)),
    1: ("ego vehicle", None, (0, 0, 0)),
    2: ("rectification border", None, (0, 0, 0)),
    3: ("out of roi", None, (0, 0, 0)),
    4: ("static", None, (0, 0, 0)),
    5: ("dynamic", None, (111, 74, 0)),
    6: ("ground", None, (81, 0, 81)),
    7: ("road", 0, (128, 64, 128)),
    8: ("sidewalk", 1, (244, 35, 232)),
    9: ("parking", None, (250, 170, 160)),
    10: ("rail track", None, (230, 150, 140)),
    11: ("building", 2, (70, 70, 70)),
    12: ("wall", 3, (102, 102, 156)),
    13: ("fence", 4, (190, 153, 153)),
    14: ("guard rail", None, (180, 165, 180)),
    15: ("bridge", None, (150, 100, 100)),
    16: ("tunnel", None, (150, 120, 90)),
    17: ("pole", 5, (153, 153, 153)),
    18: ("polegroup", None, (153, 153, 153)),
    19: ("traffic light", 6, (250, 170, 30)),
    20: ("traffic sign", 7, (220, 220, 0)),
    21: ("vegetation", 8, (107, 142, 35)),
    22: ("terrain", 9, (152, 251, 152)),
    23: ("sky", 10, (70, 130, 180)),
    24: ("person", 11, (220, 20, 60)),
    25: ("rider", 12, (255, 0, 0)),
    26: ("car", 13, (0, 0, 142)),
    27: ("truck", 14, (0, 0, 70)),
    28: ("bus", 15, (0, 60, 100)),
    29: ("caravan", None, (0, 0, 90)),
    30: ("trailer", None, (0, 0, 110)),
    31: ("train", 16, (0, 80, 100)),
    32: ("motorcycle", 17, (0, 0, 230)),
    33: ("bicycle", 18, (119, 11, 32)),
}

# Cityscapes: what 255 is in masks of train ids, and what has a number for each object.
_NO_TRAIN_ID = 255
_COUNTED = range(24, 34)
_PER_LABEL = 1000

# The 34 labels of Cityscapes by their ids, and its 19 classes by their train ids.
CITYSCAPES_LABELS: Mapping[int, str] = {i: name for i, (name, *_) in _CITYSCAPES.items()}
CITYSCAPES = ClassTable(
    *(name for name, train_id, _ in _CITYSCAPES.values() if train_id is not None),
    colours={n: colour for n, train_id, colour in _CITYSCAPES.values() if train_id is not None},
)

_KINDS = {
    "labelIds": "labelIds",
    "trainIds": "labelTrainIds",
    "instanceIds": "instanceIds",
}


@dataclasses.dataclass(frozen=True)
class PascalVoc(ImageMaskFolders):
    """Pascal VOC's folders. Most of its images have no mask: those that no list names are left
    out.

    Attributes:
      sets: folder of the lists below the raw folder. A name in one of them needs a mask.
    """

    images: str = "JPEGImages"
    masks: str = "SegmentationClass"
    sets: str = "ImageSets/Segmentation"

    def scan(self, folder: Folder) -> Scan:
        """Pairs the images and masks of a raw folder by their names."""
        scan = super().scan(folder)
        lists = [path for path in folder.files()[0] if self._is_list(path)]
        listed = {same(n) for path in lists for line in _lines(folder, path) for n in line[:1]}
        bare = scan.images_without_mask
        return dataclasses.replace(
            scan,
            images_without_mask=tuple(path for path in bare if _stem(path) in listed),
            others=(*scan.others, *lists),
        )

    def _is_list(self, path: str) -> bool:
        below = f"{plain(self.sets).strip('/')}/"
        return plain(path).startswith(below) and path.lower().endswith(".txt")


def _lines(folder: Folder, path: str) -> list[list[str]]:
    try:
        return [line.split() for line in folder.read_text(path).splitlines()]
    except (OSError, ValueError) as error:
        raise DeclarationError(f"the list {path} cannot be read: {error}") from error


def _stem(path: str) -> str:
    return same(path.rpartition("/")[2].rpartition(".")[0])


@dataclasses.dataclass(frozen=True)
class Cityscapes(ImageMaskFolders):
    """Cityscapes' folders. Its 19 classes keep their names and all else is void, unless `labels`
    or `values` say otherwise.

    Attributes:
      annotations: which of its masks: "labelIds", "trainIds" or "instanceIds".
      labels: label of Cityscapes → class name or "void".
    """

    images: str = "leftImg8bit"
    masks: str = "gtFine"
    annotations: str = "labelIds"
    labels: Mapping[str, str] | None = None
    image_name: str = "{stem}_leftImg8bit"
    mask_name: str = ""

    def __post_init__(self) -> None:
        if self.annotations not in _KINDS:
            raise DeclarationError(
                f"annotations={self.annotations!r}: Cityscapes has {', '.join(_KINDS)}"
            )
        if self.labels is not None and self.values is not None:
            raise DeclarationError("say `labels` or `values`, not both")
        known = self._known()
        if self.labels is not None and (strange := sorted({*self.labels} - {*known.values()})):
            raise DeclarationError(f"labels: masks of {self.annotations} have no {strange[0]!r}")
        names = {kind: f"{{stem}}_{self._quality()}_{name}" for kind, name in _KINDS.items()}
        if self.mask_name in ("", *names.values()):  # another kind's, where it was replaced
            object.__setattr__(self, "mask_name", names[self.annotations])
        super().__post_init__()

    def table(self, classes: ClassTable) -> RawTable:
        """From raw mask values to class ids."""
        if self.values is not None:
            return super().table(classes)
        leads = self.labels
        if leads is None:
            leads = {n: n if n in CITYSCAPES.names else VOID for n in CITYSCAPES_LABELS.values()}
        values: dict[RawValue, str] = {
            value: leads[name] for value, name in self._known().items() if name in leads
        }
        if self.annotations == "instanceIds":
            values |= {
                number * _PER_LABEL + count: values[number]
                for number in _COUNTED
                if number in values
                for count in range(_PER_LABEL)
            }
        if self.annotations == "trainIds":
            values[_NO_TRAIN_ID] = VOID
        return classes.raw_table(values)

    def ignores(self, path: str) -> bool:
        """Whether a file is one of those to leave out: its other masks, its polygons."""
        return super().ignores(path) or self._is_other(same(path.rpartition("/")[2]))

    def _is_other(self, name: str) -> bool:
        quality = same(self._quality())
        kinds = ("color.png", "polygons.json", *(f"{kind}.png" for kind in _KINDS.values()))
        own = same(self.mask_name.replace("{stem}", ""))
        return any(
            name.endswith(same(f"_{quality}_{kind}")) and not name.endswith(f"{own}.png")
            for kind in kinds
        )

    def _quality(self) -> str:
        return "gtCoarse" if "gtCoarse" in self.masks else "gtFine"

    def _known(self) -> Mapping[int, str]:
        """Value of a mask → label."""
        if self.annotations == "trainIds":
            return dict(enumerate(CITYSCAPES.names))
        return CITYSCAPES_LABELS
