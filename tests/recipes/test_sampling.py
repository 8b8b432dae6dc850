"""Crops show rare classes, never void alone, and follow from the seed."""

import numpy as np
import pytest
import tensorflow as tf

from recipes.core import augment, sampling
from recipes.core.dataset import VOID


def spotted(size: int = 256) -> np.ndarray:
    """Ground with one spot of class 2 and half of it class 1."""
    ids = np.zeros((size, size, 1), np.uint8)
    ids[:, : size // 2] = 1
    ids[200:204, 30:34] = 2
    return ids


def places(ids: np.ndarray, count: int, *, share: float, side: float = 64) -> np.ndarray:
    rarity = sampling.rarity([(ids == i).sum() for i in range(3)])
    drawn = tf.function(
        lambda i: sampling.place(
            tf.constant(ids), seed=tf.stack([3, i]), share=share, rarity=rarity, side=side
        )
    )
    return np.array([drawn(tf.constant(i)) for i in range(count)])


def test_rare_class_is_drawn_first_and_others_still_come() -> None:
    ids = spotted()
    found = places(ids, 200, share=1.0)
    classes = np.array([ids[int(r), int(c), 0] for r, c in found])
    counts = np.bincount(classes, minlength=3)
    assert counts[2] > counts[1] > 0
    assert counts[0] > 0


def test_share_of_the_crops_is_kept() -> None:
    found = places(spotted(), 300, share=0.3)
    assert 0.2 < (found[:, 0] >= 0).mean() < 0.4
    assert (places(spotted(), 30, share=0.0) == -1).all()


def test_place_follows_from_the_seed() -> None:
    np.testing.assert_array_equal(
        places(spotted(), 20, share=0.5), places(spotted(), 20, share=0.5)
    )


@pytest.mark.parametrize("bent", [False, True])
def test_crop_holds_the_pixel_it_is_cut_near(bent: bool) -> None:
    ids = tf.constant(spotted())
    image = tf.cast(ids, tf.float32)
    for i in range(30):
        near = tf.constant([201.5, 31.5])
        if bent:
            _, cut = augment.warp(
                image, ids, size=64, seed=(1, i), zoom=0.25, rotate=180.0, near=near
            )
        else:
            _, cut = augment.crop(image, ids, size=64, seed=(1, i), zoom=0.5, near=near)
        assert (cut.numpy() == 2).any()


def test_crop_at_the_rim_stays_inside() -> None:
    ids = tf.zeros((100, 100, 1), tf.uint8)
    for corner in ([0.5, 0.5], [99.5, 99.5], [0.5, 99.5]):
        _, cut = augment.crop(
            tf.cast(ids, tf.float32), ids, size=64, seed=(1, 2), near=tf.constant(corner)
        )
        assert not (cut.numpy() == VOID).any()


def test_no_crop_is_void_alone() -> None:
    ids = np.full((256, 256, 1), VOID, np.uint8)
    ids[100:110, 200:210] = 0
    found = places(ids, 40, share=0.3)
    assert (found >= 0).all()
    assert all(ids[int(r), int(c), 0] == 0 for r, c in found)


@pytest.mark.parametrize("size", [8, 40, 300])
def test_mask_without_any_label_is_cut_anywhere(size: int) -> None:
    ids = np.full((size, size, 1), VOID, np.uint8)
    assert (places(ids, 5, share=1.0) == -1).all()
