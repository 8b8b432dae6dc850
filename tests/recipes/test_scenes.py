"""Images of other bands and depths than pictures have: their range, their names, their memory."""

import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from preparing import built
from recipes.core import auditing, data, describe, folds
from recipes.core import dataset as ds
from test_data import plan_of, take


class Scenes(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Scenes of five bands in 16 bits that do not fill them, with numbers for names."""

    name = "scenes"
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Tensor(shape=(None, None, 5), dtype=np.int16, encoding="bytes"),
            "mask": tfds.features.LabeledImage(shape=(None, None, 1), labels=["a", "b"]),
            "id": np.int64,
            "group": np.int64,
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {name: self._generate_examples() for name in ("train", "validation")}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        rng = np.random.default_rng(0)
        for i in range(20):
            image = rng.integers(-1000, 2000, (40, 40, 5)).astype(np.int16)
            mask = np.zeros((40, 40, 1), np.uint8)
            yield i, {"image": image, "mask": mask, "id": i, "group": i // 4}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> str:
    return built(Scenes, tmp_path_factory.mktemp("scenes"))


def test_examples_named_by_numbers_are_read_folded_and_audited(scenes: str) -> None:
    builder, facts = ds.open_builder(scenes), describe.describe(scenes)
    found = list(data.images(builder, facts, "train"))
    assert sorted((i.name, i.group) for i in found) == sorted(folds.names(builder, "train"))
    assert {i.group for i in found} == set("01234")
    assert auditing._ids(builder, "train") == {str(i) for i in range(20)}


def test_views_of_a_scan_stay_in_the_range_it_has(scenes: str) -> None:
    plan = plan_of(scenes, light=0.25, noise=0.03)
    assert (plan.dataset.dtype, plan.dataset.pixel_top) == ("int16", 32767.0)
    still, lowest = plan_of(scenes, light=0.0, noise=0.0), list[float]()
    for (varied, ids), (kept, same_ids) in zip(
        take(scenes, plan, 6), take(scenes, still, 6), strict=True
    ):
        np.testing.assert_array_equal(ids, same_ids)
        assert kept.min() < -900
        lowest.append(varied.min())
        assert np.abs(varied - kept).max() < 3000
        assert np.corrcoef(varied.ravel(), kept.ravel())[0, 1] > 0.9
    assert min(lowest) < plan.dataset.pixel_low  # nothing is cut off


def test_range_of_bytes_is_all_of_them(shapes: str, plain: ds.Dataset) -> None:
    assert data.value_range(describe.describe(shapes)) == (0.0, 255.0, True)
    assert data.value_range(plain) == (0.0, 255.0, True)  # as a plan of before has it


@pytest.mark.parametrize(
    ("memory", "room"),
    [(data.MEMORY, 20), (18 * 17_600, 18), (0.0, 16)],
    ids=["cached", "most", "as few as can be shuffled"],
)
def test_raw_images_wait_in_as_much_memory_as_there_is(
    scenes: str, memory: float, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = tf.data.Dataset.shuffle

    def shuffle(self: Any, size: int, **how: Any) -> Any:
        asked.append(size)
        return real(self, size, **how)

    monkeypatch.setattr(tf.data.Dataset, "shuffle", shuffle)
    assert len(take(scenes, plan_of(scenes), 2, memory=memory)) == 2
    assert asked[-1] == room


def test_pixels_of_a_split_are_those_the_build_counted(plain: ds.Dataset) -> None:
    class Counted:
        class info:
            metadata = {
                "class_pixels": {"train": [50, 30], "validation": [10, 5]},
                "void_pixels": {"train": 20, "validation": 5},
            }
            splits = {
                "train": types.SimpleNamespace(num_examples=4),
                "validation": types.SimpleNamespace(num_examples=2),
            }

    assert data._pixels(Counted, plain, "train", 4) == 100
    assert data._pixels(Counted, plain, "train+validation", 3) == 60
    assert data._pixels(Counted, plain, "test", 3) == 3 * 256 * 256
