"""Ledgers: where that of a dataset lies."""

from __future__ import annotations

import os
import pathlib

_CHECKSUMS = "SEG_DATASETS_CHECKSUMS"


def of(name: str, file: pathlib.Path) -> pathlib.Path:
    """The ledger of the dataset that a file declares.

    `$SEG_DATASETS_CHECKSUMS/<name>.json` where that is set; for the datasets of this project
    `checksums/`, at the top of a checkout or inside an installed package; for others `checksums/`
    in the dataset folder.
    """
    if given := os.environ.get(_CHECKSUMS):
        return pathlib.Path(given) / f"{name}.json"
    package = pathlib.Path(__file__).resolve().parents[1]
    folder = file.resolve().parent
    # By the folder's own place: `tfds build seg_datasets/aerial` in a checkout means the
    # checkout's ledger, also where another copy of the package is installed.
    for top in folder.parents:
        if top.name == package.name:
            installed = top / "checksums"
            shared = installed if installed.is_dir() else top.parent / "checksums"
            return shared / f"{name}.json"
    return folder / "checksums" / f"{name}.json"
