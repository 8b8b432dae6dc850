"""What the model is fed: whole masks, one order per seed, and no value that no class has."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from recipes.core import data, describe, device, planning
from recipes.core import dataset as ds
from recipes.core.plan import Plan

CPU = device.Device(kind="cpu", name="CPU", count=2, bfloat16=False)


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


def test_unknown_split_is_refused_with_those_there_are(shapes: str) -> None:
    facts = describe.describe(shapes)
    with pytest.raises(ds.DatasetError, match=r"no split 'exam'; it has train, validation, test"):
        list(data.images(ds.open_builder(shapes), facts, "exam"))


def test_ids_are_shifted_and_void_is_kept(plain: ds.Dataset) -> None:
    facts = dataclasses.replace(plain, raw_void=0, mask_offset=1, classes=("a", "b"))
    assert data.checked_ids(tf.constant([0, 1, 2]), facts).numpy().tolist() == [255, 0, 1]


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
