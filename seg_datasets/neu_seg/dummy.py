"""Draws invented raw data in the layout of `neu_seg`."""

import pathlib

from seg_datasets import dummies


def draw(folder: pathlib.Path) -> None:
    """Twelve pictures: six and their mirror images, which the published split would tear apart."""
    for number, (image, mask) in enumerate(dummies.pairs(6, values=range(4), size=(64, 64))):
        for part, copy, step in (("training", 0, 1), ("test" if number < 2 else "training", 6, -1)):
            name = f"{part}/{number + copy:06}"
            dummies.save(folder / "images" / f"{name}.jpg", image[:, ::step])
            dummies.save(folder / "annotations" / f"{name}.png", mask[:, ::step])


if __name__ == "__main__":
    dummies.main(draw)
