"""A TFDS dataset as a recipe sees it: what it is, where it lies, its examples in stored order."""

import dataclasses
import difflib
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from recipes.core import device
from recipes.core.errors import RecipeError
from seg_datasets import registration
from seg_datasets.core import mirror, storage
from seg_datasets.core.classes import DeclarationError

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
    # The range that was seen: 12-bit scans and reflectances leave most of their 16 bits empty.
    pixel_low: float = 0.0
    pixel_high: float | None = None  # `pixel_top` where nobody has looked
    dtype: str = ""  # of the images, as NumPy names it; "" in a plan of before it was told
    held_out: int = 0  # percent of train, whole groups, that stand in for a validation split
    notes: tuple[str, ...] = ()  # what was assumed and the user should know


def open_builder(name: str, *, data_dir: str | None = None) -> Any:
    """The TFDS builder of a prepared dataset; a recipe never downloads or builds one by itself.

    Raises:
      DatasetError: no such dataset, or not built yet; says how to build it.
    """
    import tensorflow_datasets as tfds

    device.leave_to_jax()  # before anything is read
    if is_folder(name):
        return tfds.builder_from_directory(name)
    plain = name.split("/", maxsplit=1)[0].split(":", maxsplit=1)[0]
    url, data_dir = data_dir, _here(data_dir, plain)
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        where = data_dir or "the TFDS data folder"
        instead = _built(plain, data_dir) or _near(plain, data_dir) or f"\n{_how(plain)}"
        raise DatasetError(f"There is no dataset {name!r} in {where}.{instead}") from error
    except (ValueError, AssertionError) as error:  # no name, no such config, no such version
        told = _instead(name, plain) + _built(plain, data_dir)
        raise DatasetError(f"There is no dataset {name!r}: {told}") from error
    folder = pathlib.Path(builder.data_path)
    if not builder.is_prepared() or (data_dir != url and not mirror.is_one(folder)):
        told = f"{_built(plain, data_dir)}\n{_how(plain)}"
        raise DatasetError(f"Dataset {name!r} is not built in {builder.data_path}.{told}")
    mirror.complete(folder)
    return builder


def _here(data_dir: str | None, plain: str) -> str | None:
    """A data_dir; of one in a bucket, the folder that stands for it here."""
    import tensorflow_datasets as tfds

    url = data_dir or tfds.core.constants.DATA_DIR
    if not storage.is_remote(url):
        return data_dir
    try:
        folder = mirror.data_dir(url)
        mirror.datasets(url, plain, folder)
    except (OSError, DeclarationError) as error:
        raise DatasetError(str(error)) from error
    return str(folder)


def _how(plain: str) -> str:
    """How a dataset that is not there is built."""
    ours = registration.dataset_names()
    if plain in ours:
        told = f"`tfds build seg_datasets/{plain} --manual_dir=RAW` builds it"
    else:
        told = f"`tfds build {plain}` builds one of TFDS itself; this project has {', '.join(ours)}"
    return f"{told}; --data_dir says where it was built."


def _near(plain: str, data_dir: str | None) -> str:
    """Which datasets, of this project or built, may have been meant by a name there is not."""
    ours, root = registration.dataset_names(), _root(data_dir)
    there = sorted({*ours, *(folder.name for folder in root.glob("*"))})
    near = [
        name
        for name in difflib.get_close_matches(plain, there)
        if name in ours or _prepared(root / name)
    ]
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _built(plain: str, data_dir: str | None) -> str:
    """What of a dataset is built, as a sentence to go on with."""
    there = _prepared(_root(data_dir) / plain) if plain.isidentifier() else []
    return f" There is {', '.join(there)} in {_root(data_dir)}." if there else ""


def _prepared(folder: pathlib.Path) -> list[str]:
    """Configs of a dataset that lie in its folder, or its versions where it has none."""
    configs = {file.parents[1].name for file in folder.glob("*/*/dataset_info.json")}
    versions = {file.parent.name for file in folder.glob("*/dataset_info.json")}
    name = folder.name
    return sorted({f"{name}/{c}" for c in configs} | {f"{name}:{v}" for v in versions})


def _root(data_dir: str | None) -> pathlib.Path:
    """Where TFDS looks for what it built."""
    import tensorflow_datasets as tfds

    return pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()


def _instead(name: str, plain: str) -> str:
    """What there is in place of a name that TFDS cannot take."""
    import tensorflow_datasets as tfds

    if below := sorted(file.parent.name for file in pathlib.Path(name).glob("*/dataset_info.json")):
        return f"name the folder of a version, {', '.join(below)} in it."
    try:
        known = tfds.builder_cls(plain)
    except (ValueError, ImportError):
        return (
            "it is neither NAME, NAME/CONFIG:VERSION nor a folder with a dataset_info.json. Where "
            "a prepared folder was moved, --data_dir=FOLDER says where it is now."
        )
    there = [f"config {', '.join(known.builder_configs)}"] if known.builder_configs else []
    if known.VERSION:
        there.append(f"version {', '.join(map(str, [known.VERSION, *known.SUPPORTED_VERSIONS]))}")
    return f"{plain} has {' and '.join(there)}."


def examples(
    builder: Any, *, image_key: str, mask_key: str, split: str, first: int | None = None
) -> Iterator[dict[str, Any]]:
    """Examples of a split in their stored order, decoded, with only the features a recipe needs.

    Raises:
      DatasetError: the dataset has no such split, or the part of it cannot be understood.
    """
    import tensorflow_datasets as tfds

    name = split.split("[", maxsplit=1)[0]
    if name not in builder.info.splits:
        there = ", ".join(builder.info.splits)
        raise DatasetError(f"{builder.info.full_name} has no split {name!r}; it has {there}.")
    try:
        count = builder.info.splits[split].num_examples
    except (ValueError, AssertionError):
        count = 0
    if not count:
        whole = builder.info.splits[name].num_examples
        raise DatasetError(
            f"{split!r} is no part of the {whole} examples of split {name!r}: write {name}[:50%] "
            f"or {name}[0:{whole}]."
        )
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


def absolute(folder: str) -> str:
    """A folder as a plan keeps it, so that it is found from every working folder."""
    return folder if "://" in folder else str(pathlib.Path(folder).expanduser().resolve())


def full_name(name: str, builder: Any) -> str:
    """What a plan calls a dataset: with its version, or the folder it was named by."""
    if is_folder(name):
        return absolute(name)
    config = f"/{builder.builder_config.name}" if builder.builder_config else ""
    return f"{builder.name}{config}:{builder.version}"


def title(name: str) -> str:
    """A dataset and its config for people, without folder and version: `neu_seg/official`."""
    return _declared(name)[0] if is_folder(name) else name.split(":", maxsplit=1)[0]


def moved(data: Dataset, data_dir: str) -> Dataset:
    """The same dataset in another folder: TFDS's data folder, or the prepared one itself.

    Raises:
      DatasetError: another dataset lies there, or none where the old place was no data folder.
    """
    folder, name = absolute(data_dir), data.name
    by_folder = pathlib.Path(name).is_absolute() or ":" not in name
    if is_folder(folder):
        name, there = folder, ":".join(_declared(folder))
        if not by_folder and there != data.name:
            raise DatasetError(f"--data_dir={data_dir} is {there}; the run is of {data.name}.")
    elif by_folder and folder != data.data_dir:
        raise DatasetError(
            f"--data_dir={data_dir} has no dataset_info.json in it; the run's dataset was the "
            f"folder {name}: name the one it was moved to."
        )
    return dataclasses.replace(data, name=name, data_dir=folder)


def _declared(folder: str) -> tuple[str, str]:
    """Name with config, and version, of a prepared folder."""
    about = json.loads((pathlib.Path(folder) / "dataset_info.json").read_text(encoding="utf-8"))
    return "/".join(filter(None, (about["name"], about.get("configName")))), about["version"]
