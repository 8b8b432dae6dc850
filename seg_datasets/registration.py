"""How TFDS finds the dataset folders of this project by name, and nothing is imported before."""

from __future__ import annotations

import pathlib
import traceback
from typing import Any

import wrapt

_PACKAGE = pathlib.Path(__file__).parent
_BUILDER = "{name}_dataset_builder"


def dataset_names() -> list[str]:
    """Names of all dataset folders in this package."""
    return sorted(
        folder.name
        for folder in _PACKAGE.iterdir()
        if (folder / f"{_BUILDER.format(name=folder.name)}.py").is_file()
    )


class Provider:
    """Hands TFDS the builder of a dataset folder when it is asked for."""

    def has_dataset(self, name: str) -> bool:
        """Whether there is a folder of this name."""
        return name in dataset_names()

    def get_builder_cls(self, name: str) -> Any:
        """Imports the folder's builder."""
        return _from_module(f"{__package__}.{name}.{_BUILDER.format(name=name)}")


def announce() -> None:
    """Registers the provider as soon as TFDS is imported, or now if it is."""
    wrapt.register_post_import_hook(_register, "tensorflow_datasets")


def builder_class(name_or_folder: str) -> Any:
    """The builder class of a dataset of this package, or of a dataset folder anywhere.

    Raises:
      LookupError: there is neither, or its code fails.
    """
    if name_or_folder in dataset_names():
        return Provider().get_builder_cls(name_or_folder)
    folder = pathlib.Path(name_or_folder).resolve()
    module = folder / f"{_BUILDER.format(name=folder.name)}.py"
    if not module.is_file():
        raise LookupError(
            f"{name_or_folder!r} is no dataset of this package ({', '.join(dataset_names())}) and "
            f"no dataset folder: {module} is not there"
        )
    import tensorflow_datasets as tfds

    with tfds.core.utils.add_sys_path(folder.parent):
        try:
            return _from_module(f"{folder.name}.{_BUILDER.format(name=folder.name)}")
        except Exception as error:
            raise LookupError(_failure(module, error)) from error


def builder_and_config(name: str) -> tuple[Any, Any]:
    """The builder class of `builder_class`, and the config of `camvid/usual`, or None.

    Raises:
      LookupError: there is no such dataset, or no such config.
    """
    dataset, _, config = name.rpartition("/")
    if dataset not in dataset_names():
        return builder_class(name), None
    builder = builder_class(dataset)
    if config not in builder.builder_configs:
        known = ", ".join(builder.builder_configs) or "none"
        raise LookupError(f"{dataset} has no config {config!r}; there are {known}")
    return builder, builder.builder_configs[config]


def builder_and_version(name: str) -> tuple[Any, str, str]:
    """The builder class, config and version of `camvid/usual:1.0.0`, as TFDS writes it.

    Either may be left out, and is "" then; `camvid:usual/1.0.0`, as in the ledger, is the same.

    Raises:
      LookupError: there is no such dataset, or its code fails.
    """
    if _is_dataset(name):
        return builder_class(name), "", ""
    head, colon, tail = name.rpartition(":")
    dataset, config, version = (head, "", tail) if colon else (name, "", "")
    if not _is_dataset(dataset) and _is_dataset(dataset.rpartition("/")[0]):
        dataset, _, config = dataset.rpartition("/")
    elif "/" in version:
        config, _, version = version.partition("/")
    return builder_class(dataset), config, version


def _is_dataset(name_or_folder: str) -> bool:
    folder = pathlib.Path(name_or_folder).resolve()
    module = folder / f"{_BUILDER.format(name=folder.name)}.py"
    return bool(name_or_folder) and (name_or_folder in dataset_names() or module.is_file())


def _failure(module: pathlib.Path, error: Exception) -> str:
    """What is wrong with the code of a dataset folder, in one line."""
    lines = [
        f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(module)
    ]
    if isinstance(error, SyntaxError) and error.filename == str(module):
        lines, error = [error.lineno], type(error)(error.msg)
    at = f", line {lines[-1]}" if lines else ""
    return f"{module}{at}: {type(error).__name__}: {error}"


def _register(tfds: Any) -> None:
    # At index 0, before TFDS's own list, whose lookup of an unknown name imports half of it.
    tfds.core.add_dataset_builder_provider(Provider(), index=0)


def _from_module(module: str) -> Any:
    from tensorflow_datasets.core import community

    return community.builder_cls_from_module(module)
