"""Commands: what a user is told to type next, so that it works as printed."""

from __future__ import annotations

import inspect
import os
import pathlib
from typing import Any

_PACKAGE = pathlib.Path(__file__).parents[1].name


def of_build(builder: Any) -> str:
    """The commands that build a builder's version again and verify it, one a line."""
    from tensorflow_datasets.core import constants

    data_dir, usual = (pathlib.Path(p) for p in (builder._data_dir_root, constants.DATA_DIR))
    return build_and_verify(
        builder.name,
        getattr(builder, "pkg_dir_path", None),
        config=getattr(builder.builder_config, "typed", builder.builder_config_name or ""),
        elsewhere=data_dir.absolute() != usual.expanduser().absolute(),
    )


def build_and_verify(
    name: str,
    home: os.PathLike[str] | None,
    *,
    config: str = "",
    raw: str = "RAW",
    elsewhere: bool = False,
) -> str:
    """The commands that build a version and verify it, one a line.

    Args:
      name: of the dataset.
      home: the dataset folder, where there is one.
      config: as `--config` takes it, or "".
      raw: the raw folder.
      elsewhere: whether the version is not in the folder that TFDS takes by itself.
    """
    parts = pathlib.Path(home).parts if home else ()
    # The end of its path, as `tfds build` takes it from above: no page names a machine's folders.
    source = "/".join(parts[-2:]) if parts[-1:] == (name,) else name
    known = name if parts[-2:-1] == (_PACKAGE,) else source
    which = f" --config={config}" if config else ""
    where = " --data_dir=DATA" if elsewhere else ""
    return (
        f"tfds build {source}{which} --manual_dir={raw}{where}\n"
        f"python -m {_PACKAGE}.verify {known}{where}"
    )


def instructions(own: str, home: os.PathLike[str] | None) -> str:
    """What TFDS says of a raw folder that is missing: the flag, the layout, and how to draw one.

    Args:
      own: how the dataset's raw folder is laid out.
      home: the dataset folder, where there is one.
    """
    told = f"Give the raw folder with --manual_dir=RAW.\n\n{inspect.cleandoc(own)}"
    folder = pathlib.Path(home) if home else pathlib.Path()
    if folder.parent.name == _PACKAGE and (folder / "dummy.py").is_file():
        dummy = f"python -m {_PACKAGE}.{folder.name}.dummy RAW"
        told += f"\n\nNo data at hand? This draws some: `{dummy}`"
    return told
