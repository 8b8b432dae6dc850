"""A tiny dataset of coloured shapes, drawn from a seed, as our engine would have built it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from preparing import built
from recipes.core.dataset import Dataset

COUNTS = {"train": 12, "validation": 4, "test": 4}
CLASSES = ("ground", "disc", "square")


def draw(rng: np.random.Generator, *, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """An image whose classes have colours of their own, and its mask with a strip of void."""
    mask = np.zeros((height, width), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    for class_id in (1, 2):
        y, x = rng.integers(0, height), rng.integers(0, width)
        size = rng.integers(6, 14)
        if class_id == 1:
            mask[(rows - y) ** 2 + (columns - x) ** 2 < size**2] = 1
        else:
            mask[(abs(rows - y) < size) & (abs(columns - x) < size)] = 2
    colours = np.array([[60, 90, 60], [200, 60, 50], [60, 80, 210]])
    noise = rng.normal(0, 12, (height, width, 3))
    image = np.clip(colours[mask] + noise, 0, 255).astype(np.uint8)
    mask[: rng.integers(0, 4)] = 255
    return image, mask[..., None]


def sizes(rng: np.random.Generator) -> tuple[int, int]:
    """Mixed, and mostly no multiple of anything."""
    return int(rng.integers(33, 70)), int(rng.integers(33, 70))


class Shapes(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Shapes with our features and metadata."""

    name = "shapes"
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        pixels = {split: [0, 0, 0] for split in COUNTS}
        for split in COUNTS:
            for _, example in self._generate_examples(split):
                for class_id in range(3):
                    pixels[split][class_id] += int((example["mask"] == class_id).sum())
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "mask": tfds.features.LabeledImage(
                        labels=list(CLASSES), shape=(None, None, 1), encoding_format="png"
                    ),
                    "id": tfds.features.Text(),
                    "group": tfds.features.Text(),
                }
            ),
            supervised_keys=("image", "mask"),
            metadata=tfds.core.MetadataDict(
                void_id=255,
                classes=list(CLASSES),
                palette=[[40, 40, 40], [255, 0, 0], [0, 0, 255]],
                class_pixels=pixels,
                void_pixels={},
                sizes={"height": [33, 51, 69], "width": [33, 52, 69]},
                split_rule="drawn",
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {split: self._generate_examples(split) for split in COUNTS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        rng = np.random.default_rng(sorted(COUNTS).index(split))
        for i in range(COUNTS[split]):
            height, width = sizes(rng)
            image, mask = draw(rng, height=height, width=width)
            name = f"{split}_{i}"
            yield name, {"image": image, "mask": mask, "id": name, "group": f"town{i % 2}"}


class Foreign(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Shapes as someone else would have built them: other names, ids from 1, nothing said."""

    name = "foreign"
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "segmentation_mask": tfds.features.Image(
                        shape=(None, None, 1), use_colormap=True, encoding_format="png"
                    ),
                }
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(20), "test": self._generate_examples(4)}

    def _generate_examples(self, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        rng = np.random.default_rng(count)
        for i in range(count):
            height, width = sizes(rng)
            image, mask = draw(rng, height=height, width=width)
            mask[mask == 255] = 0
            yield i, {"image": image, "segmentation_mask": mask + 1}


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Our kind of dataset, by its folder."""
    return built(Shapes, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another kind of dataset, by its folder."""
    return built(Foreign, tmp_path_factory.mktemp("data"))


@pytest.fixture
def plain() -> Dataset:
    """What a recipe would know of a small binary dataset."""
    return Dataset(
        name="aerial:1.0.0",
        data_dir=None,
        image_key="image",
        mask_key="mask",
        classes=("background", "building"),
        palette=((0, 0, 0), (255, 0, 0)),
        raw_void=255,
        mask_offset=0,
        channels=3,
        pixel_top=255.0,
        pixel_mean=(100.0, 100.0, 100.0),
        pixel_std=(50.0, 50.0, 50.0),
        height=256,
        width=256,
        train="train",
        validation="validation",
        test="test",
        train_examples=100,
        class_pixels=(800, 200),
    )
