"""What the model is fed: whole masks, one order per seed, and no value that no class has."""

import dataclasses
import io
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from preparing import built
from recipes.core import data, describe, device, planning
from recipes.core import dataset as ds
from recipes.core.plan import Plan

CPU = device.Device(kind="cpu", name="CPU", count=2, bfloat16=False)


SUBSAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


def photograph(seed: int, height: int, width: int, **how: Any) -> bytes:
    """A JPEG of coloured blocks and noise, whose colours change at every border."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 255, (-(-height // 5), -(-width // 5), 3))
    pixels = np.kron(blocks, np.ones((5, 5, 1)))[:height, :width]
    pixels = np.clip(pixels + rng.normal(0, 15, pixels.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85, **how)
    return buffer.getvalue()


class Photographs(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """JPEGs of mixed sizes and colour resolutions, one picture that is a PNG, masks of squares."""

    name = "photographs"
    VERSION = tfds.core.Version("1.0.0")
    strange = False

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "mask": tfds.features.LabeledImage(shape=(None, None, 1), labels=["a", "b"]),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {name: self._generate_examples() for name in ("train", "validation")}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for i in range(6):
            height, width = 61 + 9 * i, 83 - 7 * i
            mask = np.zeros((height, width, 1), np.uint8)
            mask[5:30, 7:25] = 9 if self.strange else 1
            picture: Any = io.BytesIO(photograph(i, height, width, subsampling=i % 3))
            if i == 5:
                picture = np.random.default_rng(i).integers(0, 255, (height, width, 3), np.uint8)
            yield i, {"image": picture, "mask": mask}


class Strange(Photographs, skip_registration=True):
    """The same with a value in its masks that no class has."""

    name = "strange"
    strange = True


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> str:
    return built(Photographs, tmp_path_factory.mktemp("photographs"))


def plan_of(name: str, **said: object) -> Plan:
    facts = describe.describe(name)
    return planning.make(facts, CPU, {"steps": 10, "batch": 2, "crop": 32, "depth": 2, **said})


def take(name: str, plan: Plan, count: int, **at: float) -> list[tuple[np.ndarray, np.ndarray]]:
    builder = ds.open_builder(name)
    batches = data.training_batches(builder, plan, **at)
    return [(x.numpy(), y.numpy()) for x, y in batches.take(count)]


def same(one: list, two: list) -> bool:
    return all(
        np.array_equal(a, b)
        for x, y in zip(one, two, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def test_batches_have_the_planned_shape_and_only_ids_and_void(shapes: str) -> None:
    plan = plan_of(shapes)
    for pixels, ids in take(shapes, plan, 8):
        assert pixels.shape == (2, 32, 32, 3)
        assert pixels.dtype == np.float32
        assert ids.shape == (2, 32, 32)
        assert set(np.unique(ids)) <= {0, 1, 2, 255}


@pytest.mark.parametrize("memory", [data.MEMORY, 0.0], ids=["cached", "decoded each time"])
def test_stream_begun_late_goes_on_as_if_it_had_not_stopped(shapes: str, memory: float) -> None:
    plan = plan_of(shapes)
    whole = take(shapes, plan, 20, memory=memory)  # more than three passes over the split
    assert same(whole[13:], take(shapes, plan, 7, first_step=13, memory=memory))


def test_cache_in_memory_changes_nothing(shapes: str) -> None:
    plan = plan_of(shapes)
    assert same(take(shapes, plan, 14), take(shapes, plan, 14, memory=0.0))


@pytest.mark.parametrize(
    "said",
    [
        {"crop": 64, "zoom": 0.5, "rare_share": 0.5},  # some images are smaller
        {"zoom": 0.25, "rotate": 180.0, "shear": 10.0, "elastic": 4.0},
    ],
    ids=["crop", "warp"],
)
def test_part_of_a_jpeg_is_what_the_whole_one_shows_there(photographs: str, said: dict) -> None:
    plan = plan_of(photographs, **said)
    assert same(take(photographs, plan, 15), take(photographs, plan, 15, memory=0.0))


def test_part_of_a_stream_of_jpegs_goes_on_as_well(photographs: str) -> None:
    plan = plan_of(photographs)
    whole = take(photographs, plan, 10, memory=0.0)
    assert same(whole[7:], take(photographs, plan, 3, first_step=7, memory=0.0))


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize("colour", SUBSAMPLINGS)
def test_window_of_a_jpeg_is_exact_at_its_borders(colour: str, progressive: bool) -> None:
    height, width = 97, 131
    how = {"subsampling": SUBSAMPLINGS[colour], "progressive": progressive}
    stored = tf.constant(photograph(3, height, width, **how))
    whole = tf.image.decode_image(stored, channels=3).numpy()
    rng = np.random.default_rng(0)
    for _ in range(60):
        top, left = (int(rng.integers(0, n)) for n in (height, width))
        high, wide = int(rng.integers(1, height - top + 1)), int(rng.integers(1, width - left + 1))
        part = data.jpeg_part(
            stored, tf.constant([top, left, high, wide]), size=[height, width], channels=3
        )
        assert np.array_equal(part, whole[top : top + high, left : left + wide])


def test_windows_of_real_jpegs_are_exact(real_data: pathlib.Path) -> None:
    rng = np.random.default_rng(0)
    for path in sorted((real_data / "labelme").rglob("*.jpg"))[:8]:
        stored = tf.constant(path.read_bytes())
        whole = tf.image.decode_image(stored, channels=3).numpy()
        height, width = whole.shape[:2]
        for _ in range(4):
            side = int(rng.integers(1, min(height, width)))
            top, left = (int(rng.integers(0, n - side + 1)) for n in (height, width))
            window = tf.constant([top, left, side, side])
            part = data.jpeg_part(stored, window, size=[height, width], channels=3)
            assert np.array_equal(part, whole[top : top + side, left : left + side]), path.name


@pytest.mark.parametrize("memory", [data.MEMORY, 0.0], ids=["cached", "decoded each time"])
def test_unknown_mask_value_stops_the_stream(tmp_path: pathlib.Path, memory: float) -> None:
    name = built(Strange, tmp_path)
    plan = plan_of(built(Photographs, tmp_path))
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        list(data.training_batches(ds.open_builder(name), plan, memory=memory).take(3))
    error = data.unknown_values(str(caught.value), plan.dataset)
    assert error is not None
    assert "holds [9]" in str(error)


def test_seed_decides_the_order(shapes: str) -> None:
    one, again = (take(shapes, plan_of(shapes, seed=1), 4) for _ in range(2))
    assert same(one, again)
    assert not same(one, take(shapes, plan_of(shapes, seed=2), 4))


def test_every_example_is_drawn_once_a_pass(shapes: str) -> None:
    plan = plan_of(shapes, light=0.0, batch=1, upright=True, crop=80, depth=1)
    passes = take(shapes, plan, 24)
    # The crop holds each image whole, so its sorted pixels tell which one it is.
    names = [np.sort(pixels.ravel()).tobytes() for pixels, _ in passes]
    assert len(set(names[:12])) == len(set(names[12:])) == 12
    assert names[:12] != names[12:]


def test_whole_images_keep_their_size_and_name(shapes: str) -> None:
    facts = describe.describe(shapes)
    found = list(data.images(ds.open_builder(shapes), facts, "test"))
    assert sorted(image.name for image in found) == [f"test_{i}" for i in range(4)]
    assert {image.group for image in found} == {"town0", "town1"}
    assert all(image.pixels.shape[:2] == image.ids.shape for image in found)
    assert len({image.ids.shape for image in found}) > 1


@pytest.mark.parametrize(
    ("example", "told"),
    [
        ({"id": b"a", "group": b"town"}, ("a", "town")),
        ({"id": np.int64(7), "group": np.int64(0)}, ("7", "0")),
        ({"id": b"a", "group": b""}, ("a", "a")),
        ({"group": b"town"}, ("train-00003", "town")),
        ({}, ("train-00003", "train-00003")),
    ],
)
def test_name_and_group_are_words_whatever_they_are_stored_as(
    example: dict[str, Any], told: tuple[str, str]
) -> None:
    assert data.name_and_group(example, otherwise="train-00003") == told


def test_unknown_split_is_refused_with_those_there_are(shapes: str) -> None:
    facts = describe.describe(shapes)
    with pytest.raises(ds.DatasetError, match=r"no split 'exam'; it has train, validation, test"):
        list(data.images(ds.open_builder(shapes), facts, "exam"))


def test_ids_are_shifted_and_void_is_kept(plain: ds.Dataset) -> None:
    facts = dataclasses.replace(plain, raw_void=0, mask_offset=1, classes=("a", "b"))
    assert data.checked_ids(tf.constant([0, 1, 2]), facts).numpy().tolist() == [255, 0, 1]


def test_small_and_large_masks_give_the_same_ids(plain: ds.Dataset) -> None:
    for change in ({}, {"raw_void": 7}, {"raw_void": -1}, {"mask_offset": 1, "raw_void": 0}):
        facts = dataclasses.replace(plain, classes=("a", "b"), **change)
        values = [facts.mask_offset, facts.mask_offset + 1]
        values += [facts.raw_void] if facts.raw_void >= 0 else []
        small, large = (
            data.checked_ids(tf.constant(values, dtype), facts) for dtype in (tf.uint8, tf.int32)
        )
        assert small.dtype == large.dtype == tf.uint8
        assert small.numpy().tolist() == large.numpy().tolist() == [0, 1, 255][: len(values)]


@pytest.mark.parametrize(
    ("values", "change", "told"),
    [
        ([0, 1, 7, 9], {}, r"holds \[7 9\]; its 2 classes are the values 0..1 and void is 255"),
        ([0, 1], {"mask_offset": 1}, r"holds \[0\]; its 2 classes are the values 1..2"),
        ([0, 255], {"raw_void": 9}, r"holds \[255\]"),
    ],
)
def test_unknown_mask_values_are_named(
    plain: ds.Dataset, values: list, change: dict, told: str
) -> None:
    facts = dataclasses.replace(plain, classes=("a", "b"), **change)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        data.checked_ids(tf.constant(values), facts)
    error = data.unknown_values(str(caught.value), facts)
    assert error is not None
    with pytest.raises(ds.DatasetError, match=told):
        raise error
    assert data.unknown_values("out of memory", facts) is None
