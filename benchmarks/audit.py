"""How well an audit finds wrong labels: faults are planted in a data set, and looked for.

    python benchmarks/audit.py --raw=DATA/neu_seg       # images/training/*, annotations/training/*
    python benchmarks/audit.py --raw=DATA/neu_seg --seed=3 --folds=3 --steps=3000 --width=16
    python benchmarks/audit.py --raw=DATA/neu_seg --seed=3 --run=FOLDER     # audits that run again

A share of the training masks is corrupted, a third of them each way: shifted, a class swapped for
another, half of what is drawn erased. The models of the folds are trained on the corrupted masks,
as they would be. The figure is the average precision of the ranking of all masks; chance is the
share. The faults the set has of its own count against it.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

WAYS = ("shifted", "swapped", "erased")
CLASSES = ("background", "inclusion", "patches", "scratches")
TEST = 40  # images: a run scores its test split, and nothing here needs that


def main() -> None:
    """Reads the flags, plants, trains, audits, and says what was found."""
    flags = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    flags.add_argument("--raw", default="../shared/data/neu_seg", type=pathlib.Path)
    flags.add_argument("--classes", default=",".join(CLASSES))
    flags.add_argument("--share", default=0.05, type=float)
    flags.add_argument("--seed", default=0, type=int)
    flags.add_argument("--folds", default=2, type=int)
    flags.add_argument("--steps", default=1000, type=int, help="of training, in each fold")
    flags.add_argument("--width", default=12, type=int)
    flags.add_argument("--crop", default=96, type=int)
    flags.add_argument("--run", type=pathlib.Path, help="audit this run of an earlier call instead")
    flags.add_argument("--workdir", type=pathlib.Path, help="kept; a temporary one if not given")
    said = flags.parse_args()
    if not (said.raw / "annotations" / "training").is_dir():
        sys.exit(f"{said.raw} holds no annotations/training: --raw names a folder as of neu_seg.")
    with tempfile.TemporaryDirectory() as room:
        found = measure(said, pathlib.Path(said.workdir or room))
    print(json.dumps(found, indent=2))


def measure(said: argparse.Namespace, folder: pathlib.Path) -> dict[str, Any]:
    """Average precision, overall and per way, and what it took."""
    import recipes.audit
    import recipes.unet

    took, began = {}, time.monotonic()
    names = sorted(path.stem for path in (said.raw / "annotations" / "training").iterdir())
    faults = deal(names, share=said.share, seed=said.seed)
    run = said.run or folder / "run"
    if said.run is None:
        Planted.RAW, Planted.FAULTS, Planted.SEED = said.raw, faults, said.seed
        Planted.NAMES = tuple(said.classes.split(","))
        builder = Planted(data_dir=folder / "data")
        builder.download_and_prepare()
        took["build"] = time.monotonic() - began
        recipes.unet.train_and_evaluate(
            dataset=str(builder.data_path),
            workdir=run,
            overrides={
                **{key: getattr(said, key) for key in ("folds", "steps", "width", "crop", "seed")},
                "epoch_steps": said.steps,
                "rare_share": 0.5,
                "light": 0.1,
                # Weighed, a model sees too much of the rare classes: here it should be honest.
                "class_weights": [1.0] * len(Planted.NAMES),
            },
        )
        took["train"] = time.monotonic() - began - took["build"]
    began = time.monotonic()
    found = recipes.audit.audit(workdir=run, most=len(names) + TEST, page=False)
    rows = [row for row in found["examples"] if row["split"] != "test"]
    took["audit"] = time.monotonic() - began
    return {
        "examples": len(rows),
        "faults": len(faults),
        **precision_of(rows, faults),
        "seconds": {key: round(value) for key, value in took.items()},
    }


def precision_of(rows: Sequence[dict[str, Any]], faults: dict[str, str]) -> dict[str, Any]:
    """Average precision over all faults, and per way with the other faults left out."""
    planted = [faults.get(row["id"]) for row in rows]
    kinds: dict[str, dict[str, int]] = {way: {} for way in WAYS}
    for row, way in zip(rows, planted, strict=True):
        if way:
            kinds[way][row["kind"]] = kinds[way].get(row["kind"], 0) + 1
    first = len(faults)
    return {
        "average_precision": round(average_precision([bool(way) for way in planted]), 4),
        "per_way": {
            one: round(average_precision([way == one for way in planted if way in (None, one)]), 4)
            for one in WAYS
        },
        f"among_the_first_{first}": sum(bool(way) for way in planted[:first]),
        "said_of_each_way": kinds,
    }


def average_precision(relevant: Sequence[bool]) -> float:
    """Mean over the relevant ones of the precision at their place."""
    hits = np.cumsum(relevant)
    places = np.flatnonzero(relevant)
    return float((hits[places] / (places + 1)).mean()) if len(places) else float("nan")


def deal(names: Sequence[str], *, share: float, seed: int) -> dict[str, str]:
    """Which examples are corrupted, and how."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(names))[: round(share * len(names))]
    return {names[at]: WAYS[i % len(WAYS)] for i, at in enumerate(chosen)}


def corrupt(mask: np.ndarray, way: str, *, classes: int, rng: np.random.Generator) -> np.ndarray:
    """A mask with a fault; class 0 is what lies around things."""
    height, width = mask.shape
    if way == "shifted":  # by 8 to 16 % of the side, in any direction; what comes in is class 0
        angle, share = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.16)
        down = round(np.sin(angle) * share * height)
        right = round(np.cos(angle) * share * width)
        wide = np.pad(mask, ((height, height), (width, width)))
        return wide[height - down : 2 * height - down, width - right : 2 * width - right]
    wrong = mask.copy()
    if way == "swapped":  # the class that covers most, all of it, for any other
        most = 1 + int(np.bincount(mask.ravel(), minlength=classes)[1:classes].argmax())
        wrong[mask == most] = rng.choice([i for i in range(1, classes) if i != most])
        return wrong
    # The upper, lower, left or right half of the pixels that are drawn.
    along = np.nonzero(mask)
    axis, low = rng.integers(2), rng.integers(2)
    half = np.median(along[axis])
    gone = along[axis] < half if low else along[axis] > half
    wrong[along[0][gone], along[1][gone]] = 0
    return wrong


class Planted(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """The data set with its faults."""

    name = "planted"
    VERSION = tfds.core.Version("1.0.0")
    RAW: ClassVar = pathlib.Path()
    NAMES: ClassVar[tuple[str, ...]] = CLASSES
    FAULTS: ClassVar[dict[str, str]] = {}
    SEED: ClassVar = 0

    def _info(self) -> tfds.core.DatasetInfo:
        mask = tfds.features.LabeledImage(
            labels=list(self.NAMES), shape=(None, None, 1), encoding_format="png"
        )
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "mask": mask,
                    "id": tfds.features.Text(),
                }
            ),
            metadata=tfds.core.MetadataDict(classes=list(self.NAMES), void_id=255),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {
            "train": self._generate_examples("training"),
            "test": self._generate_examples("test"),
        }

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        paths = sorted((self.RAW / "annotations" / split).iterdir())
        images = {path.stem: path for path in (self.RAW / "images" / split).iterdir()}
        for i, path in enumerate(paths[:TEST] if split == "test" else paths):
            mask = np.array(Image.open(path))
            image = np.array(Image.open(images[path.stem]).convert("RGB"))
            if split == "training" and (way := self.FAULTS.get(path.stem)):
                rng = np.random.default_rng([self.SEED, i])
                mask = corrupt(mask, way, classes=len(self.NAMES), rng=rng)
            yield path.stem, {"image": image, "mask": mask[..., None], "id": path.stem}


if __name__ == "__main__":
    main()
