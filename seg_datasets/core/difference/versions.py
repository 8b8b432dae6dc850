"""Versions: what is at hand of the version that a user names, prepared or in the ledger only."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from seg_datasets.core import ledger
from seg_datasets.core.classes import VOID_ID, Colour, few
from seg_datasets.core.ledger import Entry, LedgerError

_AGAIN = "delete the version's folder and build it again"


class VersionError(ValueError):
    """No such version, or one that nothing can be held against."""


@dataclasses.dataclass(frozen=True)
class Version:
    """A version of a dataset.

    Attributes:
      dataset: the dataset's name.
      entry: what the version is.
      folder: where it is prepared, or None where only the ledger knows it.
      where: where that was read.
      palette: a colour for each class; None where it is not prepared, as ledgers have none.
      void_id: what stands for void in its masks.
    """

    dataset: str
    entry: Entry
    folder: pathlib.Path | None
    where: pathlib.Path
    palette: tuple[Colour, ...] | None = None
    void_id: int = VOID_ID

    @property
    def name(self) -> str:
        """The version as a user names it: NAME:VERSION, or NAME/CONFIG:VERSION."""
        config, slash, version = self.entry.key.rpartition("/")
        return f"{self.dataset}{slash}{config}:{version}"


def find(
    spec: str, data_dir: pathlib.Path, ledger_of: Callable[[str], pathlib.Path | None]
) -> Version:
    """The version that a user means: prepared, or else as the ledger has it.

    Args:
      spec: `NAME[/CONFIG]:VERSION[+EDITION]`, or `NAME:[CONFIG/]VERSION[+EDITION]` as in the
        ledger, or the folder of a prepared version.
      data_dir: where datasets are prepared.
      ledger_of: name of a dataset, or its folder → its ledger; None where it has none.

    Raises:
      VersionError: there is no such version, it is damaged, or it was built in part.
    """
    folder = pathlib.Path(spec).expanduser()
    if folder.is_dir():
        return prepared(folder)
    dataset, colon, key = spec.rpartition(":")
    if not (colon and dataset and key):
        raise VersionError(
            f"{spec!r} is no version: write NAME:VERSION or NAME/CONFIG:VERSION, or give the "
            "folder of a prepared version"
        )
    dataset, key = _in_ledgers_words(dataset, key, data_dir, ledger_of)
    built = data_dir / pathlib.Path(dataset).name
    folder = built / key.partition("+")[0]
    there = ""
    if (folder / "dataset_info.json").is_file():
        version = prepared(folder)
        if key in (version.entry.key, version.entry.key.partition("+")[0]):
            return version
        there = f" ({folder} holds {version.entry.key})"
    path = ledger_of(dataset)
    try:
        entries = ledger.load(path) if path else {}
    except LedgerError as error:
        raise VersionError(str(error)) from None
    found = [k for k in entries if key in (k, k.partition("+")[0])]
    if path and len(found) == 1:
        return Version(built.name, _sound(entries[found[0]], path), None, path)
    if len(found) > 1:
        raise VersionError(f"{spec}: {path} has several editions of it; write {few(found)}")
    known = f"{path}, which has {few(sorted(entries)) or 'none'}" if path else "any ledger"
    raise VersionError(
        f"{spec} is not prepared in {built}{there}, nor recorded in {known}; build it, or give "
        "--data_dir"
    )


def _in_ledgers_words(
    dataset: str,
    key: str,
    data_dir: pathlib.Path,
    ledger_of: Callable[[str], pathlib.Path | None],
) -> tuple[str, str]:
    """NAME/CONFIG and VERSION as NAME and CONFIG/VERSION, unless the first is a dataset folder."""
    name, _, config = dataset.rpartition("/")
    if not (name and config) or "/" in key or ledger_of(dataset):
        return dataset, key
    built = data_dir / pathlib.Path(name).name / config / key.partition("+")[0]
    if (built / "dataset_info.json").is_file() or ledger_of(name):
        return name, f"{config}/{key}"
    return dataset, key


def prepared(folder: pathlib.Path) -> Version:
    """The version that lies prepared in a folder.

    Raises:
      VersionError: there is none, it is damaged, or it was built in part.
    """
    if not (folder / "dataset_info.json").is_file():
        raise VersionError(
            f"{folder} holds no prepared version (no dataset_info.json); give a folder such as "
            "DATA/NAME/1.0.0, or NAME:VERSION or NAME/CONFIG:VERSION"
        )
    try:
        entry = _sound(ledger.load_entry(folder), folder / ledger.ENTRY)
    except LedgerError as error:
        raise VersionError(str(error)) from None
    if entry.partial:
        raise VersionError(
            f"{folder} was built with max_examples_per_split and is no version; delete that folder "
            "and build it whole"
        )
    dataset = _json(folder / "dataset_info.json").get("name")
    metadata = _json(folder / "metadata.json")
    palette, void_id = _palette(metadata.get("palette")), metadata.get("void_id")
    if not isinstance(dataset, str) or not dataset or "/" in dataset:
        raise VersionError(f"{folder / 'dataset_info.json'} has no name; {_AGAIN}")
    if len(palette) != len(entry.classes) or void_id is None or not _is_id(void_id):
        raise VersionError(f"{folder / 'metadata.json'} has no sound palette; {_AGAIN}")
    return Version(dataset, entry, folder, folder, palette, void_id)


def _json(path: pathlib.Path) -> Mapping[str, Any]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise VersionError(f"{path} cannot be read ({error}); {_AGAIN}") from None
    if not isinstance(fields, dict):
        raise VersionError(f"{path} is damaged; {_AGAIN}")
    return fields


def _is_id(value: object) -> bool:
    return type(value) is int and 0 <= value <= 255


def _palette(value: object) -> tuple[Colour, ...]:
    """The colours; none where one is no colour."""
    colours = value if isinstance(value, list) else []
    if not all(isinstance(c, list) and len(c) == 3 and all(map(_is_id, c)) for c in colours):
        return ()
    return tuple((c[0], c[1], c[2]) for c in colours)


def _sound(entry: Entry, where: pathlib.Path) -> Entry:
    """The entry, if every field is of its kind: it is a file that anybody may have edited."""

    def texts(values: object) -> bool:
        return isinstance(values, (list, tuple)) and all(isinstance(v, str) for v in values)

    def split(fields: object) -> bool:
        return (
            isinstance(fields, dict)
            and type(fields.get("examples")) is int
            and isinstance(fields.get("content"), str)
            and isinstance(fields.get("shards"), dict)
            and all(map(texts, fields["shards"].values()))
        )

    kinds = (
        *((value, str) for value in (entry.key, entry.raw_digest, entry.image, entry.split_rule)),
        *((value, dict) for value in (entry.splits, entry.files, entry.encoders)),
        (entry.raw_files, int),
        (entry.partial, bool),
    )
    sound = (
        all(isinstance(value, kind) for value, kind in kinds)
        and texts(entry.classes)
        and 0 < len(entry.classes) == len(set(entry.classes)) <= VOID_ID
        and texts([*entry.files.values()])
        and all(map(split, entry.splits.values()))
    )
    if not sound:
        raise VersionError(f"{where} is damaged: a field is of another kind; restore it")
    return entry
