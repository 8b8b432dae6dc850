"""How often checks with a threshold speak up where nothing is wrong, and where something is.

    python benchmarks/checks.py --data=../shared/data             # a few minutes
    python benchmarks/checks.py --data=../shared/data --most=5000 --sets=steel

For each real set: findings per 100 samples as it is, the false alarms if its labels are right; then
one defect is put into every tenth pair of a copy, and it is counted how many are named.
The aerial sample is drawn; the other sets are read from --data.
"""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from absl import app, flags
from PIL import Image

from seg_datasets.aerial import sample as aerial
from seg_datasets.core.classes import ClassTable, Threshold
from seg_datasets.core.sources import Folder, ImageMaskFolders, Scan
from seg_datasets.core.splits import Grouped
from seg_datasets.core.survey import Declaration, examine

_DATA = flags.DEFINE_string("data", "../shared/data", "Folder with the real sets.")
_MOST = flags.DEFINE_integer("most", 400, "Samples of a set, taken at even distances.")
_EVERY = flags.DEFINE_integer("every", 10, "One pair in so many gets the defect.")
_SETS = flags.DEFINE_list("sets", None, "Only these sets.")

# Checks of one mask or image that have a threshold or a statistic behind them.
MEASURED = ("SD107", "SD209", "SD215", "SD304", "SD308", "SD309", "SD310", "SD311", "SD314")
# Checks that speak of a whole set.
OF_SETS = ("SD213", "SD305", "SD306", "SD307", "SD312", "SD313")

CAMVID = {**{i: f"class {i}" for i in range(11)}, 11: "void"}


@dataclasses.dataclass(frozen=True)
class RealSet:
    """A set: its folder, classes, how it is read, and the raw value of void, if any."""

    name: str
    folder: str
    classes: ClassTable
    source: ImageMaskFolders
    void: int = 255


SETS = (
    RealSet(
        "roads",
        "epfl_roads",
        ClassTable("background", "road"),
        ImageMaskFolders("images", "groundtruth", values=Threshold(128, "background", "road")),
        -1,
    ),
    RealSet(
        "steel",
        "neu_seg",
        ClassTable("background", "inclusion", "patches", "scratches"),
        ImageMaskFolders("images", "annotations"),
    ),
    RealSet(
        "camvid",
        "camvid_24",
        ClassTable(*(f"class {i}" for i in range(11))),
        ImageMaskFolders("{split}", "{split}annot", values=CAMVID),
        11,
    ),
    RealSet(
        "aerial",
        "",
        ClassTable("background", "building"),
        ImageMaskFolders(values={0: "background", 1: "building", 255: "building"}),
        -1,
    ),
)

# A picture and its mask as the file has it, and a generator → both, spoilt.
Spoil = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def shifted(by: int) -> Spoil:
    """Moves the mask up, down, left or right; what comes in repeats the border."""

    def spoil(
        image: np.ndarray, mask: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        rows, columns = ((by, 0), (-by, 0), (0, by), (0, -by))[random.integers(4)]
        wide = np.pad(mask, by, mode="edge")
        height, width = mask.shape
        return image, wide[by - rows :, by - columns :][:height, :width]

    return spoil


def _inverted(image: np.ndarray, mask: np.ndarray, _: object) -> tuple[np.ndarray, np.ndarray]:
    values, pixels = np.unique(mask, return_counts=True)
    most = values[np.argsort(-pixels, kind="stable")]
    swapped = np.where(mask == most[0], most[1], np.where(mask == most[1], most[0], mask))
    return image, swapped.astype(mask.dtype)


def _full(image: np.ndarray, mask: np.ndarray, _: object) -> tuple[np.ndarray, np.ndarray]:
    values, pixels = np.unique(mask, return_counts=True)
    return image, np.full_like(mask, values[np.argsort(-pixels, kind="stable")][1])


def _specks(
    image: np.ndarray, mask: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    spoilt = mask.copy()
    where = random.integers(0, mask.size, mask.size // 200)
    spoilt.reshape(-1)[where] = random.choice(np.unique(mask), where.size)
    return image, spoilt


def _blank(
    image: np.ndarray, mask: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    return (200 + random.normal(0, 3, image.shape)).round().astype(np.uint8), mask


def _large(image: np.ndarray, mask: np.ndarray, _: object) -> tuple[np.ndarray, np.ndarray]:
    return image.repeat(5, 0).repeat(5, 1), mask.repeat(5, 0).repeat(5, 1)


def _interpolated(image: np.ndarray, mask: np.ndarray, _: object) -> tuple[np.ndarray, np.ndarray]:
    large = Image.fromarray(mask[::2, ::2]).resize(mask.shape[::-1], Image.Resampling.BILINEAR)
    return image, np.asarray(large)


PLANTS: tuple[tuple[str, str, Spoil], ...] = (
    *(("SD311", f"shifted by {by}", shifted(by)) for by in (4, 8, 16)),
    ("SD215", "inverted", _inverted),
    ("SD308", "full", _full),
    ("SD309", "0.5 % specks", _specks),
    ("SD304", "blank", _blank),
    ("SD107", "5 times as large", _large),
    ("SD209", "interpolated", _interpolated),
)


def read(one: RealSet, root: pathlib.Path) -> tuple[Scan, Counter[str], set[tuple[str, str]]]:
    """What was scanned, findings by code, and code and file of each."""
    declaration = Declaration(one.classes, one.source, Grouped(all=1))
    examined = examine(declaration, Folder(root))
    found = examined.findings
    return (
        examined.subject.scan,
        Counter(f.code for f in found),
        {(f.code, f.where) for f in found},
    )


def copy(one: RealSet, root: pathlib.Path, to: pathlib.Path) -> None:
    """Copies so many pairs of a set as are asked for."""
    samples = one.source.scan(Folder(root)).samples
    count = min(len(samples), _MOST.value)
    for index in range(count):
        sample = samples[index * len(samples) // count]
        for path in (sample.image, sample.mask):
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, to / path)


def plant(scan: Scan, root: pathlib.Path, to: pathlib.Path, spoil: Spoil) -> list[str]:
    """Copies a set and spoils one pair in so many; their images and masks."""
    shutil.copytree(root, to)
    random = np.random.default_rng(0)
    spoilt = []
    for sample in scan.samples[:: _EVERY.value]:
        with Image.open(root / sample.image) as image, Image.open(root / sample.mask) as mask:
            before = np.asarray(image), np.asarray(mask)
        if len(np.unique(before[1])) < 2:
            continue
        after = spoil(*before, random)
        for path, old, new in zip((sample.image, sample.mask), before, after, strict=True):
            if new is not old:
                out = io.BytesIO()
                kind = "JPEG" if path.lower().endswith(("jpg", "jpeg")) else "PNG"
                Image.fromarray(new).save(out, kind, **({"quality": 95} if kind == "JPEG" else {}))
                (to / path).write_bytes(out.getvalue())
        spoilt += [sample.image, sample.mask]
    return spoilt


def measure(one: RealSet, root: pathlib.Path, work: pathlib.Path) -> None:
    """Prints the figures of one set."""
    clean = work / one.name
    copy(one, root, clean)
    scan, codes, _ = read(one, clean)
    count = len(scan.samples)
    alarms = [f"{code} {100 * codes[code] / count:.2g}" for code in MEASURED if codes[code]]
    of_set = [code for code in OF_SETS if codes[code]]
    print(f"\n{one.name}: {count} samples; alarms per 100: {', '.join(alarms) or 'none'}; ", end="")
    print(f"said of the set: {', '.join(of_set) or 'nothing'}", flush=True)
    for number, (code, name, spoil) in enumerate(PLANTS):
        if code == "SD209" and len(one.classes) < 3:
            continue  # between two ids lies no third
        spoilt_root = work / f"{one.name}-{number}"
        spoilt = plant(scan, clean, spoilt_root, spoil)
        _, _, found = read(one, spoilt_root)
        pairs = len(spoilt) // 2
        named = sum((code, path) in found for path in spoilt)
        others = sum(c == code and path not in spoilt for c, path in found)
        print(f"  {code} {name:18} {named:3} of {pairs} named, {others} others", flush=True)
        shutil.rmtree(spoilt_root)


def main(argv: Sequence[str]) -> None:
    """Draws, reads, spoils, prints."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        os.environ["SEG_DATASETS_CACHE"] = str(work / "cache")
        for one in SETS:
            if _SETS.value and one.name not in _SETS.value:
                continue
            root = pathlib.Path(_DATA.value) / one.folder
            if not one.folder:
                root = work / "drawn"
                aerial.draw(root, scenes=120, size=256, seed=0)
            measure(one, root, work)


if __name__ == "__main__":
    app.run(main)
