"""The test base for people's own datasets: a sound one passes, planted defects are found."""

import pathlib
import secrets
import unittest
from collections.abc import Callable
from typing import Any, ClassVar
from unittest import mock

import numpy as np
import pytest
import tensorflow_datasets as tfds

import seg_datasets
from seg_datasets import testing
from seg_datasets.aerial import aerial_dataset_builder, sample
from seg_datasets.core import masks, shards, write
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
    defect: Callable[[dict[str, bytes], shards.Recipe], dict[str, bytes]] | None = None

    def _generate_splits(self, *args: Any) -> Any:
        sound, defect = write.encoded, type(self).defect
        if defect is None:
            return super()._generate_splits(*args)

        def spoilt(facts: Any, recipe: shards.Recipe, folder: Any = None) -> dict[str, bytes]:
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
    names = ("train", "test")

    def describe(self) -> str:
        return "ByNumber()"

    def assign(self, facts: Any, folder: Any) -> Assignment:
        ids = [one.sample.id for one in facts]
        return Assignment({name: "test" if name.endswith("0") else "train" for name in ids})


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
