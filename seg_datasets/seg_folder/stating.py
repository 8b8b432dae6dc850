"""What a config of `seg_folder` is: the fields that state a raw folder, from JSON or TOML."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Mapping
from typing import Any

import tensorflow_datasets as tfds

from seg_datasets.core import stated
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.detection import inspection
from seg_datasets.core.detection.guess import GuessError
from seg_datasets.core.printing import printable
from seg_datasets.core.sources import ImageMaskFolders
from seg_datasets.core.splits import Grouped
from seg_datasets.core.survey import Declaration

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

UNSTATED = "unstated"

_OF_TFDS = ("version", "description", "release_notes")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class FolderConfig(tfds.core.BuilderConfig):
    """A raw folder as it is stated; docs/seg_folder.md has the fields.

    Attributes:
      fields: what was stated, but for name and version.
      declaration: what it declares.
      typed: what `--config` takes to state the same again.
    """

    def __init__(self, name: str = "", *, toml: str = "", **fields: Any):
        only_toml = bool(toml) and not (name or fields)
        try:
            read = _read(toml) if toml else {}
            if twice := sorted(read.keys() & fields.keys()):
                raise DeclarationError(f"{twice[0]}: {toml} states it too; state it once")
            fields = {**read, **fields}
            name = name or fields.pop("name", "") or pathlib.Path(toml).stem
            fields.pop("name", None)
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise DeclarationError(f"name: {name!r} is no word of letters, figures, _ and -")
            super().__init__(name, **{key: fields.pop(key, None) for key in _OF_TFDS})
            self.fields = fields
            self.declaration = stated.declaration(fields) if "classes" in fields else _nothing()
            self.typed = _typed(self.name, toml * only_toml)
        except DeclarationError as error:
            raise DeclarationError(f"seg_folder{f' ({toml})' * bool(toml)}: {error}") from None

    def refuse_unstated(self, raw: str | os.PathLike[str]) -> None:
        """Refuses a raw folder whose classes are not stated, and proposes what to state.

        Raises:
          DeclarationError: there are no classes; says what the folder seems to be.
        """
        if "classes" in self.fields:
            return
        try:
            found = inspection.by_guess(raw)
        except GuessError as error:
            raise DeclarationError(f"seg_folder: classes: not stated. {error}") from None
        assert found.guess is not None
        name = self.name if self.name != UNSTATED else "NAME"
        fields = {"name": name, **stated.fields_of(found.guess.declaration), **self.fields}
        folder = pathlib.Path(__file__).parent
        with contextlib.suppress(ValueError):  # not below where the user works
            folder = folder.relative_to(pathlib.Path.cwd())
        lines = [
            "seg_folder: classes: not stated, so nothing is built. This is what the folder seems "
            "to be:",
            *(f"  {line}" for line in found.guess.saw),
            *(f"  {'*' if q.blocking else '-'} {q.text}" for q in found.questions),
            "If that is right, state it, here or in a TOML file (docs/seg_folder.md):",
            f"  tfds build {folder} --manual_dir={shlex.quote(os.fspath(raw))} "
            f"--config='{stated.as_json(fields)}'",
        ]
        raise DeclarationError("\n".join(map(printable, lines)))


def ledger_folder() -> pathlib.Path:
    """Where versions are recorded: with the user's files, not with this package."""
    return pathlib.Path(os.environ.get("SEG_DATASETS_CHECKSUMS") or "checksums")


def _typed(name: str, toml: str) -> str:
    """The TOML file; JSON can be long, and only its name is told."""
    if not toml:
        return f"""'{{"name": "{name}", … the JSON that was given …}}'"""
    path = pathlib.Path(toml)
    return shlex.quote(path.name if path.is_absolute() else toml)


def _nothing() -> Declaration:
    """Stands in where nothing is stated, until the raw folder can be looked at."""
    return Declaration(
        *(ClassTable(UNSTATED), ImageMaskFolders(), Grouped(train=1)),
        questions=["What are the classes? A config of seg_folder has to state them."],
    )


def _read(path: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # what is wrong with TOML is a ValueError
        raise DeclarationError(f"toml: cannot be read: {error}") from None
