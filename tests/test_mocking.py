"""`mock_data`: fakes in place of any dataset."""

import pathlib
import pickle
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from seg_datasets import testing


def read(name: str = "aerial", **options: Any) -> list[dict[str, Any]]:
    return list(tfds.as_numpy(tfds.load(name, **options)))


def test_fake_image_and_mask_have_one_shape_and_the_mask_holds_classes_and_void() -> None:
    with testing.mock_data(6, size=(20, 40)):
        info = tfds.builder("aerial").info
        examples = read(split="train+test")
    shapes = {example["image"].shape[:2] for example in examples}
    assert len(shapes) > 3
    assert all(20 <= edge <= 40 for shape in shapes for edge in shape)
    for example in examples:
        assert example["image"].shape[:2] == example["mask"].shape[:2]
        assert set(np.unique(example["mask"])) == {0, 1, 255}
        assert 0 < (example["mask"] == 255).mean() < 0.06
    assert info.features["mask"].names == ["background", "building"]


def test_fakes_without_void_and_of_one_size_can_be_asked_for() -> None:
    with testing.mock_data(3, size=24, void_share=0):
        examples = read(split="train")
    assert {example["image"].shape for example in examples} == {(24, 24, 3)}
    assert {*np.unique([example["mask"] for example in examples])} == {0, 1}


def test_fakes_can_be_learnt_from() -> None:
    """The best line through the three channels, found on train, tells classes apart on test."""

    def pixels(split: str) -> tuple[np.ndarray, np.ndarray]:
        colours = [(e["image"].reshape(-1, 3), e["mask"].ravel()) for e in read(split=split)]
        x, y = (np.concatenate(parts) for parts in zip(*colours, strict=True))
        return np.c_[x[y != 255] / 255, np.ones((y != 255).sum())], y[y != 255]

    with testing.mock_data(4):
        (x, y), (unseen, truth) = pixels("train"), pixels("test")
    line = np.linalg.lstsq(x, y * 2.0 - 1, rcond=None)[0]
    assert ((unseen @ line > 0) == truth).mean() > 0.99
    assert 0.3 < truth.mean() < 0.7


def test_a_seed_gives_the_same_fakes_again_and_each_split_its_own() -> None:
    with testing.mock_data(3, size=16):
        first, again = read(split="train"), read(split="train")
        test = read(split="test")
    with testing.mock_data(3, size=16, seed=1):
        other = read(split="train")
    assert pickle.dumps(first) == pickle.dumps(again)
    for others in (test, other):
        for one, two in zip(first, others, strict=True):
            assert not np.array_equal(one["image"], two["image"])


def test_fake_groups_lie_in_one_split_and_ids_are_unique() -> None:
    with testing.mock_data(9, size=16):
        splits = tfds.load("aerial")
    examples = [(name, e) for name, split in splits.items() for e in tfds.as_numpy(split)]
    assert len({e["id"] for _, e in examples}) == len(examples) == 27
    groups = {(e["group"], name) for name, e in examples}
    assert len(groups) == len(dict(groups)) == 9


def test_splits_and_counts_are_those_of_the_dataset_or_those_asked_for() -> None:
    with testing.mock_data(5, size=16):
        info = tfds.builder("aerial").info
        assert {k: v.num_examples for k, v in info.splits.items()} == {
            "train": 5,
            "validation": 5,
            "test": 5,
        }
        first = [e["id"] for e in read(split="train[:40%]")]
        rest = [e["id"] for e in read(split="train[40%:]")]
        whole = [e["id"] for e in read(split="train")]
        both = tfds.load("aerial", split=["train[:3]", "test"])
    assert first + rest == whole
    assert (len(first), [len(split) for split in both]) == (2, [3, 5])
    with testing.mock_data({"train": 4, "extra": 1}, size=16):
        splits, info = tfds.load("aerial", with_info=True)
    assert {name: len(split) for name, split in splits.items()} == {"train": 4, "extra": 1}
    assert info.splits["extra"].num_examples == 1


def test_arguments_of_load_mean_what_they_mean_for_real_data() -> None:
    with testing.mock_data(6, size=(16, 24)):
        image, mask = next(iter(tfds.load("aerial", split="train", as_supervised=True)))
        assert image.shape[:2] == mask.shape[:2]
        batch = next(iter(tfds.load("aerial", split="train", batch_size=4)))
        assert batch["image"].shape[:3] == batch["mask"].shape[:3]
        skip = {"mask": tfds.decode.SkipDecoding()}
        stored, decoded = read(split="test", decoders=skip)[0], read(split="test")[0]
        assert np.array_equal(tf.io.decode_png(stored["mask"]), decoded["mask"])
        partial = tfds.decode.PartialDecoding({"mask": True})
        assert set(read(split="test", decoders=partial)[0]) == {"mask"}
        configs = [tfds.ReadConfig(shuffle_seed=seed) for seed in range(8)]
        orders = {
            tuple(e["id"] for e in read(split="train", shuffle_files=True, read_config=config))
            for config in configs
        }
    assert len(orders) == 2  # a split is two files
    assert len({frozenset(order) for order in orders}) == 1


def test_fake_metadata_is_that_of_the_fake_masks() -> None:
    with testing.mock_data(5):
        builder = tfds.builder("aerial")
        seen = np.concatenate([e["mask"].ravel() for e in read(split="train")])
    assert builder.is_prepared()
    assert builder.info.metadata["class_pixels"]["train"] == [(seen == 0).sum(), (seen == 1).sum()]
    assert builder.info.metadata["void_pixels"]["train"] == (seen == 255).sum()
    least, median, most = builder.info.metadata["sizes"]["height"]
    assert 48 <= least <= median <= most <= 80


def test_a_prepared_dataset_opened_by_its_folder_stays_what_it_is() -> None:
    with testing.mock_data(5, size=16):
        prepared = tfds.builder("aerial")
    with testing.mock_data(3, size=32, seed=1):
        reread = tfds.builder_from_directory(prepared.data_path)
        examples = list(tfds.as_numpy(reread.as_dataset(split="train")))
    assert [example["mask"].shape for example in examples] == [(16, 16, 1)] * 5
    assert reread.info.metadata["palette"] == prepared.info.metadata["palette"]


def test_a_dataset_of_others_is_faked_by_its_code_alone() -> None:
    with testing.mock_data({"train": 3, "test": 2}, values=(1, 2, 3)):
        examples = read("oxford_iiit_pet", split="train")
    for example in examples:
        assert example["image"].shape[:2] == example["segmentation_mask"].shape[:2]
        assert set(np.unique(example["segmentation_mask"])) <= {1, 2, 3}


def test_a_dataset_without_masks_is_refused_by_name() -> None:
    with testing.mock_data(), pytest.raises(ValueError, match="mnist has no image with a mask"):
        tfds.load("mnist")


def test_after_the_block_tfds_is_as_it_was(tmp_path: pathlib.Path) -> None:
    with testing.mock_data(1):
        pass
    assert not tfds.builder("aerial", data_dir=tmp_path).is_prepared()
