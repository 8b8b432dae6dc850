"""Draws invented raw data in the layout of `massachusetts_buildings`."""

import pathlib

from seg_datasets import dummies

TILES = {
    "train": ("22678915_15", "22829050_15", "23128870_15", "23429155_15"),
    "valid": ("22978945_15", "23578960_15"),
    "test": ("22828930_15", "23429080_15"),
}


def draw(folder: pathlib.Path) -> None:
    """Eight tiles with masks in black and red."""
    tiles = [(part, name) for part, names in TILES.items() for name in names]
    drawn = dummies.pairs(len(tiles), values=((0, 0, 0), (255, 0, 0)))
    for (part, name), (image, mask) in zip(tiles, drawn, strict=True):
        dummies.save(folder / part / "sat" / f"{name}.tiff", image)
        dummies.save(folder / part / "map" / f"{name}.tif", mask)


if __name__ == "__main__":
    dummies.main(draw)
