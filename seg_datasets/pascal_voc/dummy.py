"""Draws invented raw data in the layout of `pascal_voc`."""

import pathlib

from seg_datasets import dummies

PHOTOS = {
    "train": ("2007_000032", "2007_004481", "2008_001997", "2009_005331"),
    "val": ("2007_000033", "2010_003270"),
}
VALUES = (*range(21), 255)


def draw(folder: pathlib.Path) -> None:
    """Six photos with palette masks, and one photo that has no mask."""
    names = [*(name for names in PHOTOS.values() for name in names), "2011_000003"]
    palette = {value: f"#{value * 40503 % 0xFFFFFF:06x}" for value in VALUES}
    for name, (image, mask) in zip(names, dummies.pairs(len(names), values=VALUES), strict=True):
        dummies.save(folder / "JPEGImages" / f"{name}.jpg", image)
        if name != names[-1]:
            dummies.save(folder / "SegmentationClass" / f"{name}.png", mask, palette)
    for split, listed in PHOTOS.items():
        path = folder / "ImageSets" / "Segmentation" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{name}\n" for name in listed), encoding="utf-8")


if __name__ == "__main__":
    dummies.main(draw)
