import pathlib
import pickle
import secrets
import unittest
from collections.abc import Callable
from typing import Any, ClassVar
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import seg_datasets
from seg_datasets import testing
from seg_datasets.aerial import aerial_dataset_builder, sample
from seg_datasets.core import masks, write
from seg_datasets.core.splits import Assignment

MASKS = "test_masks_hold_class_ids_and_have_the_size_of_their_image"
GROUPS = "test_ids_are_unique_and_no_group_is_in_two_splits"
PLACE = "test_record_files_do_not_depend_on_path_order_or_workers"
PROCESS = "test_record_files_do_not_depend_on_the_process"
BEAM = "test_beam_writes_the_same_record_files"
GENERATORS = "test_generators_yield_what_is_written"


class AerialTest(testing.SegmentationBuilderTestCase):
    DATASET_CLASS = aerial_dataset_builder.Builder
    SPLITS: ClassVar = {"train": 22, "validation": 4, "test": 4}

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        sample.draw(folder, scenes=30, size=64)


class Squares(seg_datasets.SegmentationBuilder, skip_registration=True):
    """A sound dataset; `defect` alters what its records hold."""

    name = "squares"
    VERSION = tfds.core.Version("1.0.0")
    CLASSES = seg_datasets.ClassTable("ground", "square")
    SOURCE = seg_datasets.sources.ImageMaskFolders()
    SPLITS = seg_datasets.splits.Grouped(
        train=1, test=1, pin={"train": ["a"], "test": ["b"]}, group=r"^(?P<group>[a-z])"
    )
    defect: Callable[[dict[str, bytes], write.Recipe], dict[str, bytes]] | None = None

    def _generate_splits(self, *args: Any) -> Any:
        sound, defect = write.encoded, type(self).defect
        if defect is None:
            return super()._generate_splits(*args)

        def spoilt(facts: Any, recipe: write.Recipe, folder: Any = None) -> dict[str, bytes]:
            return defect(sound(facts, recipe, folder), recipe)

        with mock.patch.object(write, "encoded", spoilt):
            return super()._generate_splits(*args)


class SquaresTest(testing.SegmentationBuilderTestCase):
    __test__ = False  # run below, for its outcome
    DATASET_CLASS = Squares
    SPLITS: ClassVar = {"train": 3, "test": 3}

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        draw_squares(folder)


def draw_squares(folder: pathlib.Path) -> None:
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for name in ("a0", "a1", "a2", "b0", "b1", "b2"):
        image = rng.integers(0, 255, (20, 24, 3)).astype(np.uint8)
        mask = np.zeros((20, 24), np.uint8)
        mask[4:12, 5:15] = 1
        (folder / "images" / f"{name}.png").write_bytes(sample.png(image))
        (folder / "masks" / f"{name}.png").write_bytes(sample.png(mask))


def with_mask(example: dict[str, bytes], ids: np.ndarray) -> dict[str, bytes]:
    return {**example, "mask": masks.encode(ids.astype(np.uint8))}


class StrayId(Squares, skip_registration=True):
    defect = lambda example, recipe: with_mask(example, np.full((20, 24), 2))  # noqa: E731


class StrayIdTest(SquaresTest):
    DATASET_CLASS = StrayId


class OtherSize(Squares, skip_registration=True):
    defect = lambda example, recipe: with_mask(example, np.zeros((24, 20)))  # noqa: E731


class OtherSizeTest(SquaresTest):
    DATASET_CLASS = OtherSize


class SameId(Squares, skip_registration=True):
    defect = lambda example, recipe: {**example, "id": b"a0"}  # noqa: E731


class SameIdTest(SquaresTest):
    DATASET_CLASS = SameId


class ByNumber:
    """A rule that tears groups: a0 and b0 to test."""

    group = None

    def describe(self) -> str:
        return "ByNumber()"

    def assign(self, samples: Any, folder: Any) -> Assignment:
        return Assignment({s.id: "test" if s.id.endswith("0") else "train" for s in samples})


class Leaky(Squares, skip_registration=True):
    SOURCE = seg_datasets.sources.ImageMaskFolders(group=r"^(?P<group>[a-z])")
    SPLITS = ByNumber()
    ACCEPT: ClassVar = {"SD403": "to see whether the test case minds"}


class LeakyTest(SquaresTest):
    DATASET_CLASS = Leaky
    SPLITS: ClassVar = {"train": 4, "test": 2}


class LeakyAndKnownTest(LeakyTest):
    OVERLAPPING_SPLITS: ClassVar = ["test"]


class OfItsPlace(Squares, skip_registration=True):
    defect = lambda example, recipe: {**example, "group": recipe.raw.encode()}  # noqa: E731


class OfItsPlaceTest(SquaresTest):
    DATASET_CLASS = OfItsPlace


class OfItsProcess(Squares, skip_registration=True):
    defect = lambda example, recipe: {**example, "group": b"%d" % hash("salted")}  # noqa: E731


class OfItsProcessTest(SquaresTest):
    DATASET_CLASS = OfItsProcess


class Restless(Squares, skip_registration=True):
    defect = lambda example, recipe: {**example, "group": secrets.token_bytes(4)}  # noqa: E731


class RestlessTest(SquaresTest):
    DATASET_CLASS = Restless


class OtherGenerator(Squares, skip_registration=True):
    def _generate_examples(self, *args: Any) -> Any:
        for key, example in super()._generate_examples(*args):
            yield key, {**example, "group": "z"}


class OtherGeneratorTest(SquaresTest):
    DATASET_CLASS = OtherGenerator


def outcome(case: type[unittest.TestCase], name: str) -> str:
    """What went wrong in one test, or ""."""
    result = unittest.TestResult()
    unittest.TestSuite([case(name)]).run(result)
    assert result.testsRun == 1
    return "\n".join(text for _, text in result.errors + result.failures)


@pytest.mark.parametrize("name", [MASKS, GROUPS, GENERATORS])
def test_a_sound_dataset_passes(name: str) -> None:
    assert outcome(SquaresTest, name) == ""


@pytest.mark.parametrize(
    ("case", "name", "told"),
    [
        (StrayIdTest, MASKS, "train: a0: the mask holds [2], which no class has"),
        (OtherSizeTest, MASKS, "test: b1: the image is (20, 24), the mask (24, 20)"),
        (SameIdTest, GROUPS, "the id 'a0' is there 6 times"),
        (LeakyTest, GROUPS, "the group 'a' is in ['test', 'train']"),
        (OfItsPlaceTest, PLACE, "of_its_place-train.tfrecord-00000-of-00001"),
        (OfItsProcessTest, PROCESS, "of_its_process-train.tfrecord-00000-of-00001"),
        (RestlessTest, BEAM, "restless-train.tfrecord-00000-of-00001"),
        (OtherGeneratorTest, GENERATORS, "Arrays are not equal"),
    ],
)
def test_a_planted_defect_is_found(case: type[unittest.TestCase], name: str, told: str) -> None:
    assert told in outcome(case, name)


def test_splits_that_may_overlap_may_share_groups() -> None:
    assert outcome(LeakyAndKnownTest, GROUPS) == ""


def test_the_projects_ledger_and_cache_stay_untouched(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SEG_DATASETS_CHECKSUMS", "SEG_DATASETS_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert outcome(SquaresTest, MASKS) == ""
    assert list(tmp_path.iterdir()) == []


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
