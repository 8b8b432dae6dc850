"""Draws invented raw data in the layout of `dsb2018`."""

import hashlib
import pathlib

import numpy as np

from seg_datasets import dummies

IMAGES, NUCLEI = 10, 3


def draw(folder: pathlib.Path) -> None:
    """Ten images with alpha, and a mask file for each of their nuclei."""
    drawn = dummies.pairs(IMAGES, values=(*range(NUCLEI + 1), *(0,) * 12))
    for number, (image, nuclei) in enumerate(drawn):
        name = hashlib.sha256(bytes([number])).hexdigest()
        below = folder / "stage1_train" / name
        opaque = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
        dummies.save(below / "images" / f"{name}.png", opaque)
        for nucleus in range(1, NUCLEI + 1):
            own = hashlib.sha256(bytes([number, nucleus])).hexdigest()
            mask = np.where(nuclei == nucleus, 255, 0).astype(np.uint8)
            dummies.save(below / "masks" / f"{own}.png", mask)


if __name__ == "__main__":
    dummies.main(draw)
