"""Fake examples: image and mask pairs that a model can learn from, in place of any dataset.

The public name is `seg_datasets.testing.mock_data`.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import itertools
import pathlib
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import dataset_builder, file_adapters, read_only_builder
from tensorflow_datasets.testing import mocking

from seg_datasets.core.builder import SegmentationBuilder
from seg_datasets.core.survey import declared

# Where nobody says which splits a dataset comes in, or which values its masks hold.
SPLITS = ("train", "validation", "test")
VALUES = (0, 1)

_MASK_KEYS = ("mask", "segmentation_mask", "segmentation_label", "annotation")
_REGIONS = 8  # in an image, each of one class
_NOISE = 0.04  # of the range of a pixel
_GROUP = 4  # examples in a group


@contextlib.contextmanager
def mock_data(
    num_examples: int | Mapping[str, int] = 8,
    *,
    size: int | tuple[int, int] = (48, 80),
    seed: int = 0,
    values: Sequence[int] | None = None,
    void_share: float = 0.03,
    image_key: str | None = None,
    mask_key: str | None = None,
) -> Iterator[None]:
    """Makes `tfds.load` give fake examples that a model can learn from; no data is needed.

    `tfds.testing.mock_data` with what it lacks for segmentation: image and mask have one shape, the
    mask holds classes only, and an image shows its mask: regions of a colour for each class, and
    noise. The fakes are written as record files into a temporary folder, so that sub-splits,
    decoders, shuffling, batches and `tfds.data_source` are TFDS's own; they stay readable after the
    block, until the process ends.

    Args:
      num_examples: of each split, or split → examples. Splits that are not named are those of a
        `SegmentationBuilder`'s SPLITS; for other datasets train, validation and test.
      size: edge of the images in pixels, or the least and the greatest one: each image then draws
        its own height and width. What the features fix stays fixed.
      seed: the same seed gives the same examples; each split has its own.
      values: what masks hold, where the mask feature does not know its classes: `(1, 2, 3)` for
        oxford_iiit_pet. (0, 1) if not given.
      void_share: share of each mask that is void, where the metadata has a `void_id`; 0 for none.
      image_key: feature that holds the image; found if not given.
      mask_key: feature that holds the mask; found if not given.

    Raises:
      ValueError: on loading a dataset that has no image with a mask.
    """
    low, high = (size, size) if isinstance(size, int) else size
    folder = pathlib.Path(tempfile.mkdtemp(prefix="seg_datasets_mock_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    numbers = itertools.count()
    init = tfds.core.DatasetBuilder.__init__
    file_init = dataset_builder.FileReaderBuilder.__init__

    def fake_init(self: Any, *, data_dir: Any = None, **kwargs: Any) -> None:
        # A prepared dataset that is opened by its folder stays what it is.
        if not isinstance(self, read_only_builder.ReadOnlyBuilder):
            data_dir = folder / str(next(numbers))
        init(self, data_dir=data_dir, **kwargs)

    def fake_file_init(self: Any, **kwargs: Any) -> None:
        file_init(self, **kwargs)
        if not isinstance(self, read_only_builder.ReadOnlyBuilder):
            image, mask = _keys(self.info, image_key, mask_key)
            metadata = self.info.metadata or {}
            known = getattr(self.info.features[mask], "num_classes", None)
            fakes = _Fakes(
                features=self.info.features,
                image_key=image,
                mask_key=mask,
                values=tuple(values or range(known or 0)) or VALUES,
                void_id=metadata.get("void_id"),
                void_share=void_share,
                edges=(low, high),
                seed=seed,
            )
            _prepare(self, fakes, num_examples)

    with contextlib.ExitStack() as stack:
        stack.enter_context(
            tfds.testing.mock_data(
                policy=tfds.testing.MockPolicy.USE_CODE,
                as_dataset_fn=dataset_builder.FileReaderBuilder._as_dataset,
                as_data_source_fn=tfds.core.DatasetBuilder.as_data_source,
            )
        )
        for owner, name, fake in (
            (tfds.core.DatasetBuilder, "__init__", fake_init),
            (dataset_builder.FileReaderBuilder, "__init__", fake_file_init),
            (SegmentationBuilder, "download_and_prepare", lambda self, **kwargs: None),
        ):
            stack.enter_context(mock.patch.object(owner, name, fake))
        yield


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Fakes:
    """Draws the fake examples of one dataset: each a function of seed, split and index alone."""

    features: Any
    image_key: str
    mask_key: str
    values: tuple[int, ...]
    void_id: int | None
    void_share: float
    edges: tuple[int, int]
    seed: int

    def example(self, split: str, index: int) -> dict[str, Any]:
        """One example, before it is encoded."""
        numbers = [self.seed, zlib.crc32(split.encode()), index]
        rng = np.random.default_rng(numbers)
        image, mask = self._pair(rng)
        example = _Rest(self.features, num_examples=1, seed=int(rng.integers(2**32)))[0]
        example |= {self.image_key: image, self.mask_key: mask}
        group = f"{split}{index // _GROUP:03d}"
        names = {"id": f"{group}_{index:05d}", "group": group}
        return example | {key: name for key, name in names.items() if key in self.features}

    def _pair(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Regions of one class each, in its colour, with noise; a strip of the mask is void."""
        image, mask = self.features[self.image_key], self.features[self.mask_key]
        fixed = [a or b for a, b in zip(image.shape[:2], mask.shape[:2], strict=True)]
        height, width = (n or int(rng.integers(self.edges[0], self.edges[1] + 1)) for n in fixed)
        classes, channels = len(self.values), image.shape[2] or 3
        spots = rng.random((_REGIONS, 2), np.float32) * np.array([height, width], np.float32)
        held = (rng.integers(classes) + np.arange(_REGIONS)) % classes
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        away = (rows[..., None] - spots[:, 0]) ** 2 + (columns[..., None] - spots[:, 1]) ** 2
        ids = held[away.argmin(axis=-1)]
        light = rng.uniform(-_NOISE, _NOISE)  # another one in each image
        pixels = (_colours(classes, channels) + light).astype(np.float32)[ids]
        pixels += _NOISE * rng.standard_normal(pixels.shape, np.float32)
        stored = np.asarray(self.values)[ids]
        if self.void_id is not None:
            strip = round(height * self.void_share)
            first = int(rng.integers(height - strip + 1))
            stored[first : first + strip] = self.void_id
        dtype = np.dtype(image.np_dtype)
        top = np.iinfo(dtype).max if dtype.kind in "iu" else 1
        stored = stored[..., None].repeat(mask.shape[2] or 1, axis=-1)
        return (np.clip(pixels, 0, 1) * top).astype(dtype), stored.astype(mask.np_dtype)


class _Rest(mocking.RandomFakeGenerator):
    """TFDS's random values for all other features, but boxes that its own encoder takes."""

    def _generate_random_obj(self, feature: Any, tensor_info: Any, rng: Any) -> Any:
        if isinstance(feature, tfds.features.BBoxFeature):
            return np.array([0, 0, 1, 1], np.float32)
        return super()._generate_random_obj(feature, tensor_info, rng)


def _colours(classes: int, channels: int) -> np.ndarray:
    """A colour for each class: in each channel levels as far apart as can be, in an own order."""
    orders = [np.random.default_rng(n).permutation(classes) for n in range(channels)]
    return (np.stack(orders, axis=-1) + 0.5) / classes


def _prepare(builder: Any, fakes: _Fakes, num_examples: int | Mapping[str, int]) -> None:
    """Writes fake records where the builder looks for its own, and tells it about them."""
    if isinstance(num_examples, int):
        num_examples = dict.fromkeys(_split_names(builder), num_examples)
    folder = builder.data_path
    folder.mkdir(parents=True)
    adapter = file_adapters.ADAPTER_FOR_FORMAT[builder.info.file_format]
    splits = []
    drawn = {}
    for name, count in num_examples.items():
        drawn[name] = [fakes.example(name, index) for index in range(count)]
        half = (count + 1) // 2  # two files where there is enough, for what shuffles files
        lengths = [n for n in (half, count - half) if n]
        template = builder._get_filename_template(split_name=name)
        waiting = iter(enumerate(map(builder.info.features.serialize_example, drawn[name])))
        paths = [
            template.sharded_filepath(shard_index=i, num_shards=len(lengths))
            for i in range(len(lengths))
        ]
        for path, length in zip(paths, lengths, strict=True):
            adapter.write_examples(path, itertools.islice(waiting, length))
        splits.append(
            tfds.core.SplitInfo(
                name=name,
                shard_lengths=lengths,
                num_bytes=sum(path.stat().length for path in paths),
                filename_template=template,
            )
        )
    builder.info.set_splits(tfds.core.splits.SplitDict(splits))
    if isinstance(builder, SegmentationBuilder):
        builder.info.metadata.update(_metadata(drawn, fakes))
    builder.info.write_to_directory(folder)


def _keys(info: Any, image_key: str | None, mask_key: str | None) -> tuple[str, str]:
    """The features that hold image and mask."""
    pictures = [
        key
        for key, feature in (info.features or {}).items()
        if isinstance(feature, (tfds.features.Image, tfds.features.Tensor))
        and len(feature.shape) == 3
    ]
    labelled = [k for k in pictures if isinstance(info.features[k], tfds.features.LabeledImage)]
    masks = [mask_key] if mask_key else [*labelled, *_MASK_KEYS]
    mask = next((key for key in masks if key in pictures), None)
    images = [image_key] if image_key else ["image", *pictures]
    image = next((key for key in images if key in pictures and key != mask), None)
    if image is None or mask is None:
        raise ValueError(
            f"{info.name} has no image with a mask that fakes could be drawn for; its features are "
            f"{sorted(info.features or ())}. Name them with image_key= and mask_key=, or take "
            "tfds.testing.mock_data for other kinds of datasets"
        )
    return image, mask


def _split_names(builder: Any) -> Sequence[str]:
    """What a dataset of ours declares in SPLITS; else what most datasets have."""
    return declared(builder).splits.names if isinstance(builder, SegmentationBuilder) else SPLITS


def _metadata(drawn: Mapping[str, Sequence[Mapping[str, Any]]], fakes: _Fakes) -> dict[str, Any]:
    """What a build adds to the metadata of a dataset of ours, as far as readers plan with it."""
    masks = {name: [one[fakes.mask_key] for one in examples] for name, examples in drawn.items()}
    sides = np.array([mask.shape[:2] for split in masks.values() for mask in split]).reshape(-1, 2)
    counts = {
        name: np.bincount(np.concatenate([mask.ravel() for mask in split]), minlength=256)
        for name, split in masks.items()
        if split
    }
    return {
        "class_pixels": {k: [int(n[v]) for v in fakes.values] for k, n in counts.items()},
        "void_pixels": {k: int(n[fakes.void_id]) for k, n in counts.items()},
        "sizes": {
            side: [int(v.min()), int(np.median(v)), int(v.max())]
            for side, v in zip(("height", "width"), sides.T, strict=True)
            if len(v)
        },
        "groups": {k: len({one["group"] for one in v}) for k, v in drawn.items()},
        "findings": [],
        "partial": False,
    }
