"""A TFDS dataset as a recipe sees it: what it is, where it lies, its examples in stored order."""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

from recipes.core.errors import RecipeError

VOID = 255  # what every mask holds, once read, where no class is known
HELD_OUT = "held_out"  # what stands in for a validation split, as if it were the name of one


class DatasetError(RecipeError):
    """A dataset that is not there, or that a recipe cannot use as it is declared."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """Facts of one TFDS dataset, as far as planning and reading need them."""

    name: str  # with its version, as `tfds.load` takes it, or the folder it was prepared in
    data_dir: str | None
    image_key: str
    mask_key: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    raw_void: int  # the value in the stored mask that means void
    mask_offset: int  # id = stored value - offset
    channels: int
    pixel_top: float  # the largest value a pixel can have
    pixel_mean: tuple[float, ...]
    pixel_std: tuple[float, ...]
    height: int  # of the median image
    width: int
    train: str  # split instructions
    validation: str  # the same as `train` where a part of that is held out
    test: str | None
    train_examples: int  # without those held out
    class_pixels: tuple[int, ...]
    held_out: int = 0  # percent of train, whole groups, that stand in for a validation split
    notes: tuple[str, ...] = ()  # what was assumed and the user should know


def open_builder(name: str, *, data_dir: str | None = None) -> Any:
    """The TFDS builder of a prepared dataset; a recipe never downloads or builds one by itself.

    Raises:
      DatasetError: no such dataset, or not built yet; says how to build it.
    """
    import tensorflow_datasets as tfds

    if is_folder(name):
        return tfds.builder_from_directory(name)
    plain = name.split("/", maxsplit=1)[0].split(":", maxsplit=1)[0]
    how = (
        f"`tfds build seg_datasets/{plain} --manual_dir=RAW` builds a dataset of this project, "
        f"`tfds build {plain}` one of TFDS itself; --data_dir says where it was built."
    )
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        where = data_dir or "the TFDS data folder"
        raise DatasetError(f"There is no dataset {name!r} in {where}.\n{how}") from error
    if not builder.is_prepared():
        raise DatasetError(f"Dataset {name!r} is not built in {builder.data_path}.\n{how}")
    return builder


def examples(
    builder: Any, *, image_key: str, mask_key: str, split: str, first: int | None = None
) -> Iterator[dict[str, Any]]:
    """Examples of a split in their stored order, decoded, with only the features a recipe needs.

    Raises:
      DatasetError: the dataset has no such split.
    """
    import tensorflow_datasets as tfds

    name = split.split("[", maxsplit=1)[0]
    if name not in builder.info.splits:
        there = ", ".join(builder.info.splits)
        raise DatasetError(f"{builder.info.full_name} has no split {name!r}; it has {there}.")
    wanted = {image_key, mask_key} | ({"id", "group"} & set(builder.info.features.keys()))
    stream = builder.as_dataset(
        split=split,
        read_config=tfds.ReadConfig(try_autocache=False),
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(wanted, True)),
    )
    yield from (stream if first is None else stream.take(first)).as_numpy_iterator()


def is_folder(name: str) -> bool:
    """Whether a dataset is named by the folder it was prepared in."""
    return (pathlib.Path(name) / "dataset_info.json").exists()
