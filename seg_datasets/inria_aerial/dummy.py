"""Draws invented raw data in the layout of `inria_aerial`; needs `seg_datasets[geo]`."""

import pathlib

from seg_datasets import dummies

CITIES = {"austin": 32614, "chicago": 32616, "kitsap": 32610, "tyrol-w": 32632, "vienna": 32633}


def draw(folder: pathlib.Path) -> None:
    """Two scenes of each city, one of which the usual validation takes."""
    scenes = [(city, number) for city in CITIES for number in (1, 17)]
    drawn = dummies.pairs(len(scenes), values=(0, 255), size=(64, 64))
    for (city, number), (image, mask) in zip(scenes, drawn, strict=True):
        place = {"left": 600_000 + 1500 * number, "top": 5_000_000, "pixel": 0.3}
        for part, pixels in (("images", image), ("gt", mask)):
            path = folder / "train" / part / f"{city}{number}.tif"
            dummies.save_geotiff(path, pixels, epsg=CITIES[city], **place)


if __name__ == "__main__":
    dummies.main(draw)
