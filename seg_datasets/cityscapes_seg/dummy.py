"""Draws invented raw data in the layout of `cityscapes_seg`."""

import pathlib

import numpy as np

from seg_datasets import dummies

CITIES = {"train/aachen": 2, "train/bochum": 2, "train/zurich": 2, "val/lindau": 2, "test/bonn": 1}


def draw(folder: pathlib.Path) -> None:
    """Eight frames of four cities with label ids, and one for the test whose mask says nothing."""
    frames = [(city, number) for city, frames in CITIES.items() for number in range(frames)]
    drawn = dummies.pairs(len(frames), values=range(34))
    for (city, number), (image, mask) in zip(frames, drawn, strict=True):
        name = f"{city}/{city.rpartition('/')[2]}_{number:06}_000019"
        mask = np.zeros_like(mask) if city.startswith("test") else mask
        dummies.save(folder / "leftImg8bit" / f"{name}_leftImg8bit.png", image)
        dummies.save(folder / "gtFine" / f"{name}_gtFine_labelIds.png", mask)
        dummies.save(folder / "gtFine" / f"{name}_gtFine_color.png", image)


if __name__ == "__main__":
    dummies.main(draw)
