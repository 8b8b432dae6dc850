"""Draws invented raw data in the layout of `camvid`."""

import pathlib

from seg_datasets import dummies

FRAMES = {
    "train": ("0001TP_006690", "0006R0_f00930", "0016E5_00390", "0016E5_00420"),
    "val": ("0016E5_07959", "0016E5_07961"),
    "test": ("0001TP_008550", "0001TP_008580", "Seq05VD_f00000", "Seq05VD_f00030"),
}


def draw(folder: pathlib.Path) -> None:
    """Ten frames of four drives."""
    frames = [(part, name) for part, names in FRAMES.items() for name in names]
    drawn = dummies.pairs(len(frames), values=range(12))
    for (part, name), (image, mask) in zip(frames, drawn, strict=True):
        dummies.save(folder / part / f"{name}.png", image)
        dummies.save(folder / f"{part}annot" / f"{name}.png", mask)


if __name__ == "__main__":
    dummies.main(draw)
