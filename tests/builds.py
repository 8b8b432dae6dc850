"""What tests of whole builds share: building, reading what was built, changing raw data."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from seg_datasets import registration

Builder = registration.builder_class("aerial")


def build(raw, data_dir, *, file_format=None, cls=Builder, **config):
    builder = cls(data_dir=str(data_dir))
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=str(raw), **config),
        file_format=file_format,
    )
    return pathlib.Path(builder.data_dir)


def records(version):
    """Name → bytes of all record files."""
    return {path.name: path.read_bytes() for path in version.glob("*-of-*")}


def everything(folder):
    """All files below a folder with their bytes and times: what "nothing was touched" means."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def change_pixel(raw):
    path = sorted((raw / "masks").iterdir())[3]
    pixels = np.asarray(Image.open(path)).copy()
    pixels[5, 7] = 1 - pixels[5, 7]
    Image.fromarray(pixels).save(path)
    return f"1 altered (masks/{path.name})"


def add_pair(raw):
    for folder in ("images", "masks"):
        old = sorted((raw / folder).iterdir())[0]
        city = old.name.partition("_")[0]
        pixels = np.asarray(Image.open(old))[::-1]
        Image.fromarray(np.ascontiguousarray(pixels)).save(raw / folder / f"{city}_9999.png")
    return f"2 added (images/{city}_9999.png, masks/{city}_9999.png)"


def remove_pair(raw):
    name = sorted((raw / "images").iterdir())[-1].name
    for folder in ("images", "masks"):
        (raw / folder / name).unlink()
    return f"2 removed (images/{name}, masks/{name})"


CHANGES = (change_pixel, add_pair, remove_pair)
