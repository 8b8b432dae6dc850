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


def test_values_beyond_the_range_are_kept_where_they_are_not_its_ends() -> None:
    # Reflectances up to 10,000, a cloud far beyond, and a sensor that reads below 0.
    image = np.random.default_rng(0).uniform(0, 10_000, (16, 16, 3)).astype(np.float32)
    image[0, 0], image[0, 1] = 30_000, -3_000
    for i in range(10):
        for name, strength in (("light", 0.25), ("hue", 0.1), ("noise", 0.03)):
            change = getattr(augment, name)
            how = {"seed": [0, i], "strength": strength, "top": 10_000.0}
            found = change(tf.constant(image), firm=False, **how).numpy()
            assert np.isfinite(found).all()
            assert found[0, 0].min() > 15_000
            assert found[0, 1].max() < 0
            clipped = change(tf.constant(image), **how).numpy()
            assert clipped.min() >= 0
            assert clipped.max() <= 10_001


def test_same_seed_same_view() -> None:
    image = tf.cast(pattern(16, 16)[0], tf.float32)
    one, two, other = (
        augment.light(image, seed=[0, i], strength=0.5, top=255.0).numpy() for i in (4, 4, 5)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    "how", [{"rotate": 180.0}, {"shear": 30.0}, {"elastic": 9.0}, {"zoom": 1.0}]
)
@pytest.mark.parametrize("height", [200, 20])
def test_a_warped_mask_is_that_of_the_warped_image(height: int, how: dict[str, float]) -> None:
    image, mask = pattern(height, 90)
    seen, outside = set(), 0
    for i in range(30):
        view, ids = augment.warp(
            tf.constant(image), tf.constant(mask), size=32, seed=[1, i], smooth=False, **how
        )
        view, ids = view.numpy(), ids.numpy()
        assert (mask_of(view) != ids).sum() == 0
        assert ((view[..., 0] == 0) == (ids[..., 0] == VOID)).all()
        outside += int((ids == VOID).sum())
        seen.add(view.tobytes())
    assert len(seen) == 30
    assert outside or height == 200


def test_a_warp_of_nothing_is_a_crop() -> None:
    image, mask = pattern(32, 32)
    for smooth in (True, False):
        view, ids = augment.warp(
            tf.constant(image), tf.constant(mask), size=32, seed=[1, 1], smooth=smooth
        )
        np.testing.assert_array_equal(view, image)
        np.testing.assert_array_equal(ids, mask)


def test_a_quarter_turn_by_warping_is_one_by_turning() -> None:
    rows = tf.cast(tf.range(32)[:, None, None] * tf.ones([1, 32, 1], tf.int32), tf.uint8)
    for i in range(200):  # until a draw lies close to a right angle
        turned = (2.0 * tf.random.stateless_uniform([5], [4, i])[1] - 1.0) * 180
        if abs(abs(float(turned)) - 90) < 0.5:
            view, ids = augment.warp(rows, rows, size=32, seed=[4, i], rotate=180.0, smooth=False)
            quarters = tf.image.rot90(rows, 1 if turned < 0 else 3)
            same = (view.numpy() == quarters.numpy()) | (ids.numpy() == VOID)
            assert same.mean() > 0.95
            return
    raise AssertionError("no draw was close enough")


def test_a_smooth_warp_keeps_edges_where_the_mask_has_them() -> None:
    mask = np.zeros((128, 128, 1), np.uint8)
    mask[40:100, 30:90] = 1
    image = np.repeat(mask * 200.0, 3, axis=-1).astype(np.float32)
    for i in range(20):
        view, ids = augment.warp(
            tf.constant(image), tf.constant(mask), size=64, seed=[1, i], rotate=45.0, elastic=4.0
        )
        wrong = (view.numpy()[..., 0] > 100) != (ids.numpy()[..., 0] == 1)
        wrong &= ids.numpy()[..., 0] != VOID
        assert wrong.mean() < 0.004  # corners, where a half-way value is that of a quarter


def test_holes_are_zero_and_void_together() -> None:
    image, mask = pattern(40, 40)
    seen = set()
    for i in range(30):
        view, ids = augment.cut_out(
            tf.constant(image), tf.constant(mask), seed=[9, i], strength=0.5
        )
        assert (mask_of(view.numpy()) != ids.numpy()).sum() == 0
        seen.add(int((ids.numpy() == VOID).sum()))
    assert len(seen) > 20
    assert max(seen) < 2 * 20 * 20 + 1


@pytest.mark.parametrize("name", ["hue", "blur", "noise"])
def test_what_changes_pixels_only_keeps_shape_and_range_and_can_be_off(name: str) -> None:
    change = getattr(augment, name)
    more = {} if name == "blur" else {"top": 255.0}
    image = tf.cast(pattern(24, 30)[0], tf.float32)
    np.testing.assert_array_equal(change(image, seed=[0, 0], strength=0.0, **more), image)
    for i in range(10):
        found = change(image, seed=[0, i], strength=0.6, **more).numpy()
        assert found.shape == image.shape
        assert np.isfinite(found).all()
        assert found.min() >= -1e-3
        assert found.max() <= 255.01


def test_blur_of_one_colour_is_that_colour_and_hue_leaves_grey_alone() -> None:
    flat = tf.fill([20, 20, 2], 77.0)
    np.testing.assert_allclose(augment.blur(flat, seed=[1, 2], strength=2.0), flat, rtol=1e-5)
    grey = tf.fill([20, 20, 3], 77.0)
    found = augment.hue(grey, seed=[1, 2], strength=1.0, top=255.0)
    np.testing.assert_allclose(found, grey, atol=0.01)
