"""Draws invented raw data in the layout of `landcover_ai`; needs `seg_datasets[geo]`."""

import pathlib

from seg_datasets import dummies

SHEETS = (
    *("M-33-20-D-c-4-2", "M-33-20-D-d-3-3", "M-33-32-B-b-4-4", "M-33-48-A-c-4-4"),
    *("M-34-5-D-d-4-2", "M-34-51-C-d-4-1", "N-33-60-D-c-4-2", "N-34-61-B-a-1-1"),
)


def draw(folder: pathlib.Path) -> None:
    """Eight orthophotos, far from each other."""
    drawn = dummies.pairs(len(SHEETS), values=range(5))
    for number, (sheet, (image, mask)) in enumerate(zip(SHEETS, drawn, strict=True)):
        for part, pixels in (("images", image), ("masks", mask)):
            path = folder / part / f"{sheet}.tif"
            place = {"left": 300_000 + 9_000 * number, "top": 400_000, "pixel": 0.25}
            dummies.save_geotiff(path, pixels, epsg=2180, **place)


if __name__ == "__main__":
    dummies.main(draw)
