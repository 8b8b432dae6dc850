"""Finds out what a recipe has to know of a dataset.

From the metadata our own datasets carry; where there is none, from a look at some of the train
split, and then the dataset's `notes` say so.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from recipes.core import dataset as ds
from recipes.core import folds

MASK_KEYS = ("mask", "segmentation_mask", "segmentation_label", "annotation", "label")
LOOK = 64  # examples: the mean and spread of a pixel are known well enough then
SAMPLED = 100_000  # pixels of each, for their range
OUTSIDE = 0.1  # percent of them at either end: a hot pixel or a nodata value makes no range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What some examples of the train split showed."""

    examples: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    top: float
    low: float
    high: float
    height: int
    width: int
    values: Mapping[int, int]  # stored mask value → pixels


def describe(
    name: str,
    *,
    data_dir: str | None = None,
    image_key: str | None = None,
    mask_key: str | None = None,
    num_classes: int | None = None,
    void_id: int | None = None,
    mask_offset: int = 0,
    validation_share: int = 15,
    folded: bool = False,
) -> ds.Dataset:
    """Says what a recipe has to know of a prepared dataset.

    Args:
      name: as `tfds.load` takes it, or a folder with a `dataset_info.json`.
      data_dir: where TFDS prepared it; TFDS's own default when None.
      image_key: feature that holds the image; found when None.
      mask_key: feature that holds the mask; found when None.
      num_classes: for a dataset that does not say.
      void_id: stored value that means void; the dataset's own, else 255.
      mask_offset: taken from each stored value (1 for masks that start at 1).
      validation_share: percent of the train split, for a dataset without a validation split.
      folded: whether folds are held out instead.

    Raises:
      DatasetError: no such dataset, not built, not one of images with masks, or a share that
        leaves nothing to train on.
    """
    if not 1 <= validation_share <= 99:
        raise ds.DatasetError(f"--validation_share={validation_share} must be from 1 to 99.")
    builder = ds.open_builder(name, data_dir=data_dir)
    info = builder.info
    metadata: Mapping[str, Any] = info.metadata or {}
    notes: list[str] = []
    image_key, mask_key = find_keys(list(info.features.keys()), image_key, mask_key)
    check_shapes(tuple(info.features[image_key].shape), tuple(info.features[mask_key].shape))
    train, validation, test = choose_splits(list(info.splits), notes=notes)
    held_out = validation_share if validation == train else 0
    train_examples = int(info.splits[train].num_examples)
    look = look_at(
        ds.examples(builder, image_key=image_key, mask_key=mask_key, split=train, first=LOOK),
        image_key=image_key,
        mask_key=mask_key,
    )
    if held_out and not folded:
        train_examples -= hold_out(builder, train, held_out, notes=notes)
    raw_void = int(metadata.get("void_id", ds.VOID)) if void_id is None else void_id
    named = list(metadata.get("classes") or getattr(info.features[mask_key], "names", None) or [])
    classes = class_names(
        named,
        num_classes=num_classes,
        look=look,
        raw_void=raw_void,
        offset=mask_offset,
        notes=notes,
    )
    pixels = metadata.get("class_pixels", {}).get("train")
    if pixels is None:
        notes.append(f"Class shares and image sizes come from {look.examples} training examples.")
        pixels = [look.values.get(i + mask_offset, 0) for i in range(len(classes))]
    dtype = np.dtype(info.features[image_key].np_dtype)
    byte = dtype == np.uint8
    sizes = metadata.get("sizes", {})
    return ds.Dataset(
        name=ds.full_name(name, builder),
        data_dir=ds.absolute(data_dir) if data_dir else None,
        image_key=image_key,
        mask_key=mask_key,
        classes=classes,
        palette=palette(metadata.get("palette", ()), len(classes)),
        raw_void=raw_void,
        mask_offset=mask_offset,
        channels=len(look.mean),
        pixel_top=float(np.iinfo(dtype).max) if dtype.kind in "iu" else look.top,
        pixel_mean=look.mean,
        pixel_std=look.std,
        height=int(sizes.get("height", [0, look.height])[1]),
        width=int(sizes.get("width", [0, look.width])[1]),
        train=train,
        validation=validation,
        test=test,
        train_examples=train_examples,
        class_pixels=tuple(int(n) for n in pixels),
        pixel_low=0.0 if byte else look.low,
        pixel_high=255.0 if byte else look.high,
        dtype=dtype.name,
        held_out=held_out,
        notes=tuple(notes),
    )


def find_keys(names: list[str], image_key: str | None, mask_key: str | None) -> tuple[str, str]:
    """The features that hold image and mask, by the names datasets use for them.

    Raises:
      DatasetError: none fits, or the one asked for is not there.
    """
    image = image_key or "image"
    mask = mask_key or next((key for key in MASK_KEYS if key in names), "mask")
    for flag, key in (("--image_key", image), ("--mask_key", mask)):
        if key not in names:
            raise ds.DatasetError(
                f"The dataset has no feature {key!r}; it has {', '.join(sorted(names))}. "
                f"{flag} says which one to take."
            )
    return image, mask


def check_shapes(image: tuple[int | None, ...], mask: tuple[int | None, ...]) -> None:
    """Stops when the features are no image with a mask of ids.

    Raises:
      DatasetError: says which shape is wrong.
    """
    if len(image) != 3:
        raise ds.DatasetError(f"The image has shape {image}, not (height, width, channels).")
    if len(mask) != 3 or mask[2] != 1:
        raise ds.DatasetError(
            f"The mask has shape {mask}, not (height, width, 1): a mask holds one id per pixel. "
            "--mask_key says which feature is the mask."
        )


def choose_splits(names: list[str], *, notes: list[str]) -> tuple[str, str, str | None]:
    """Train, validation and test split; train twice where there is no validation split.

    Raises:
      DatasetError: there is no train split.
    """
    if "train" not in names:
        raise ds.DatasetError(f"The dataset has no split 'train'; it has {', '.join(names)}.")
    test = "test" if "test" in names else None
    if test is None:
        notes.append(
            "No test split: the final scores are of the validation split, which chose the model."
        )
    for name in ("validation", "val", "valid"):
        if name in names:
            return "train", name, test
    return "train", "train", test


def hold_out(builder: Any, train: str, share: int, *, notes: list[str]) -> int:
    """How many examples of train stand in for a validation split.

    Raises:
      DatasetError: all of them would.
    """
    names = folds.names(builder, train)
    count = int(folds.hold_out(names, share).sum())
    if count == len(names):
        raise ds.DatasetError(
            f"Split {train} has {len(names)} example, and the dataset has no validation split: "
            "with it held out for that, nothing is left to train on. Add examples."
        )
    notes.append(
        f"No validation split: {count} examples of {train} are held out for it. "
        + (
            "Whole groups are: none lies on both sides."
            if folds.grouped(names)
            else "They are single examples, and those of one scene or patient can lie on both "
            "sides: the dataset tells no groups apart."
        )
    )
    return count


def class_names(
    named: list[str],
    *,
    num_classes: int | None,
    look: Look,
    raw_void: int,
    offset: int,
    notes: list[str],
) -> tuple[str, ...]:
    """One name per id 0..K-1, as declared, or as many as a look at the masks shows.

    Raises:
      DatasetError: fewer than two classes, or the names do not fit the number asked for.
    """
    if named and num_classes and len(named) != num_classes:
        raise ds.DatasetError(
            f"--num_classes={num_classes}, but the dataset names {len(named)} classes: "
            f"{', '.join(named[:8])}."
        )
    if not named:
        seen = [value - offset for value in look.values if value != raw_void]
        count = num_classes or max(seen, default=-1) + 1
        if not num_classes:
            notes.append(
                f"The dataset does not name its classes; {count} were seen in {look.examples} "
                "training examples (--num_classes says how many there are)."
            )
        named = [f"class {i}" for i in range(count)]
    if not 2 <= len(named) <= ds.VOID:
        raise ds.DatasetError(
            f"{len(named)} classes ({', '.join(named[:4])}): a model needs 2 to {ds.VOID}, "
            "background among them."
        )
    return tuple(named)


def look_at(stream: Iterable[Mapping[str, Any]], *, image_key: str, mask_key: str) -> Look:
    """Mean, spread and range of the pixels, median size, and the values the masks hold."""
    sums: list[np.ndarray] = []
    ends: list[np.ndarray] = []
    sizes, values, top = [], dict[int, int](), 0.0
    for example in stream:
        image = example[image_key].astype(np.float64)
        flat = image.reshape(-1, image.shape[-1])
        sums.append(np.stack([flat.mean(0), (flat**2).mean(0)]))
        some = flat[:: -(-len(flat) // SAMPLED)]
        ends.append(np.percentile(some, (OUTSIDE, 100 - OUTSIDE), axis=0, method="nearest"))
        sizes.append(image.shape[:2])
        top = max(top, float(flat.max(initial=0)))
        for value, count in zip(*np.unique(example[mask_key], return_counts=True), strict=True):
            values[int(value)] = values.get(int(value), 0) + int(count)
    if not sums:
        raise ds.DatasetError("The train split is empty.")
    mean, square = np.mean(sums, axis=0)
    # A constant channel (an unused alpha) has no spread to divide by.
    std = np.sqrt(np.maximum(square - mean**2, 1e-6 * max(top, 1.0) ** 2))
    height, width = np.median(sizes, axis=0)
    low, high = np.min(ends), np.max(ends)
    return Look(
        examples=len(sums),
        mean=tuple(float(v) for v in mean),
        std=tuple(float(v) for v in std),
        top=top or 1.0,
        low=float(low),
        high=float(high if high > low else low + 1.0),
        height=int(height),
        width=int(width),
        values=values,
    )


def palette(declared: Iterable[Iterable[int]], count: int) -> tuple[tuple[int, int, int], ...]:
    """One colour per class: the declared one, else spread around the colour wheel, id 0 black."""
    colours = [tuple(int(v) for v in colour) for colour in declared][:count]
    for i in range(len(colours), count):
        turn = (i * 0.381966) % 1.0 * 6  # the golden angle keeps any number of classes apart
        ramp = [max(0.0, min(1.0, abs((turn + shift) % 6 - 3) - 1)) for shift in (0, 4, 2)]
        colours.append((0, 0, 0) if i == 0 else tuple(int(55 + 200 * v) for v in ramp))
    return tuple((c[0], c[1], c[2]) for c in colours)
