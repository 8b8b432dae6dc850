"""Image and mask stay together through everything, and what lies outside is void."""

import numpy as np
import pytest
import tensorflow as tf

from recipes.core import augment
from recipes.core.dataset import VOID


def pattern(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """An image in which each pixel tells its place, and a mask that follows from the image."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows + 1, columns + 1, (rows * 7 + columns * 13) % 200], -1).astype(np.uint8)
    return image, mask_of(image)


def mask_of(image: np.ndarray) -> np.ndarray:
    """The mask that belongs to a piece of the pattern, wherever it was moved."""
    ids = (image[..., :1].astype(int) * 5 + image[..., 1:2] * 3 + image[..., 2:]) % 4
    return np.where(image[..., :1] == 0, VOID, ids).astype(np.uint8)


@pytest.mark.parametrize("inside", [False, True], ids=["eager", "in tf.data"])
@pytest.mark.parametrize(("height", "width"), [(40, 50), (32, 32), (20, 60), (1, 1)])
def test_mask_goes_where_the_image_goes(height: int, width: int, inside: bool) -> None:
    image, mask = pattern(height, width)

    def both(i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        moved = augment.crop(tf.constant(image), tf.constant(mask), size=32, seed=[1, i])
        return augment.turn(*moved, seed=[2, i])

    numbers = tf.data.Dataset.range(24, output_type=tf.int32)
    views = numbers.map(both) if inside else map(both, numbers)
    seen = set()
    for view, ids in views:
        view, ids = np.asarray(view), np.asarray(ids)
        assert view.shape == (32, 32, 3)
        assert (mask_of(view) != ids).sum() == 0
        seen.add(view.tobytes())
    assert len(seen) >= 4  # four corners, for a single pixel


def test_outside_of_a_small_image_is_void_and_black() -> None:
    image, mask = pattern(10, 20)
    view, ids = augment.crop(tf.constant(image), tf.constant(mask), size=16, seed=[0, 0])
    outside = np.asarray(ids)[10:]
    assert (outside == VOID).all()
    assert not np.asarray(view)[10:].any()
    assert (np.asarray(ids)[:10] != VOID).all()


def test_crops_reach_every_corner() -> None:
    image, mask = pattern(5, 5)
    seen = {
        tuple(
            np.asarray(augment.crop(tf.constant(image), tf.constant(mask), size=4, seed=[0, i])[0])[
                0, 0
            ]
        )
        for i in range(60)
    }
    assert len(seen) == 4


@pytest.mark.parametrize("height", [200, 20])
def test_zoomed_mask_is_that_of_the_zoomed_image(height: int) -> None:
    image, mask = pattern(height, 90)
    sides = set()
    for i in range(40):
        view, ids = augment.crop(
            tf.constant(image), tf.constant(mask), size=32, seed=[1, i], zoom=1.0, smooth=False
        )
        assert view.shape == (32, 32, 3)
        assert (mask_of(view.numpy()) != ids.numpy()).sum() == 0
        sides.add(len(np.unique(view.numpy()[..., 1])))
    assert min(sides) < 20  # half as much is seen, each column twice
    assert max(sides) >= 32


def test_edges_of_a_zoomed_mask_lie_on_those_of_the_smooth_image() -> None:
    mask = np.zeros((128, 128, 1), np.uint8)
    mask[:, 40:100] = 1  # straight edges: at a corner two half-way values multiply
    image = np.repeat(mask * 200.0, 3, axis=-1).astype(np.float32)
    for i in range(20):
        view, ids = augment.crop(
            tf.constant(image), tf.constant(mask), size=64, seed=[1, i], zoom=1.0
        )
        far = np.abs(view.numpy()[..., 0] - 200.0 * ids.numpy()[..., 0])
        # An interpolated edge is between the two values, never past the middle.
        assert far.max() <= 100.01


def test_turns_are_all_eight_views_and_upright_ones_two() -> None:
    image, mask = pattern(6, 6)
    for upright, count in ((False, 8), (True, 2)):
        views = {
            augment.turn(tf.constant(image), tf.constant(mask), seed=[3, i], upright=upright)[0]
            .numpy()
            .tobytes()
            for i in range(120)
        }
        assert len(views) == count


def test_light_stays_in_range_keeps_the_shape_and_can_be_off() -> None:
    image = tf.cast(pattern(16, 16)[0], tf.float32)
    np.testing.assert_array_equal(augment.light(image, seed=[0, 0], strength=0.0, top=255.0), image)
    for i in range(20):
        found = augment.light(image, seed=[0, i], strength=1.0, top=255.0).numpy()
        assert found.shape == image.shape
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert found.max() <= 255.0001
        assert not np.array_equal(found, image)


def test_same_seed_same_view() -> None:
    image = tf.cast(pattern(16, 16)[0], tf.float32)
    one, two, other = (
        augment.light(image, seed=[0, i], strength=0.5, top=255.0).numpy() for i in (4, 4, 5)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
