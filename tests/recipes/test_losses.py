"""Losses against NumPy by hand; void costs nothing and pulls at nothing."""

import numpy as np
import pytest
import tensorflow as tf

from recipes.core import losses
from recipes.core.dataset import VOID

LOGITS = np.array(
    [[[[2.0, -1.0, 0.5], [0.0, 1.0, 0.0]], [[-1.0, 0.0, 3.0], [0.2, 0.1, 0.0]]]], np.float32
)
IDS = np.array([[[0, 1], [1, VOID]]], np.uint8)


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def test_cross_entropy_is_the_weighted_mean_over_valid_pixels() -> None:
    p = softmax(LOGITS[0])
    weights = (1.0, 3.0, 9.0)
    expected = -(np.log(p[0, 0, 0]) + 3 * np.log(p[0, 1, 1]) + 3 * np.log(p[1, 0, 1])) / 7
    found = losses.cross_entropy(IDS, LOGITS, weights=weights)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_does_not_depend_on_the_scale_of_the_weights() -> None:
    one = losses.cross_entropy(IDS, LOGITS, weights=(1.0, 2.0, 1.0))
    ten = losses.cross_entropy(IDS, LOGITS, weights=(10.0, 20.0, 10.0))
    assert float(one) == pytest.approx(float(ten), rel=1e-5)


def test_dice_is_per_image_and_class_over_the_classes_the_image_shows() -> None:
    p = softmax(LOGITS[0])
    valid = [(0, 0), (0, 1), (1, 0)]
    expected = []
    for class_id in (0, 1):  # class 2 is not in the truth
        truth = [float(IDS[0][at] == class_id) for at in valid]
        shown = [p[at][class_id] for at in valid]
        both = sum(t * s for t, s in zip(truth, shown, strict=True))
        expected.append(1 - 2 * both / (sum(truth) + sum(shown)))
    assert float(losses.dice(IDS, LOGITS)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_dice_of_two_images_is_not_that_of_their_pool() -> None:
    ids = np.zeros((2, 4, 4), np.uint8)
    ids[0, 0, 0] = 1
    ids[1] = 1
    logits = np.zeros((2, 4, 4, 2), np.float32)
    one_by_one = [float(losses.dice(ids[i : i + 1], logits[i : i + 1])) for i in range(2)]
    # Image 0 shows two classes, image 1 one: three Dice values in all.
    expected = (2 * one_by_one[0] + one_by_one[1]) / 3
    assert float(losses.dice(ids, logits)) == pytest.approx(expected, rel=1e-5)


def test_empty_truth_and_empty_prediction_cost_nothing() -> None:
    ids = np.zeros((1, 4, 4), np.uint8)
    logits = np.tile(np.array([20.0, -20.0], np.float32), (1, 4, 4, 1))
    assert float(losses.dice(ids, logits)) == pytest.approx(0, abs=1e-6)
    assert float(losses.cross_entropy(ids, logits, weights=(1.0, 1.0))) == pytest.approx(0)


@pytest.mark.parametrize("fill", [0.0, 1e4, -1e4])
def test_void_has_no_gradient_and_its_logits_no_effect(fill: float) -> None:
    changed = LOGITS.copy()
    changed[0, 1, 1] = (fill, -fill, 7.0)

    def loss(logits: tf.Tensor) -> tf.Tensor:
        return losses.combined(tf.constant(IDS), logits, weights=(1.0, 2.0, 3.0), dice_weight=1.0)

    variable = tf.Variable(changed)
    with tf.GradientTape() as tape:
        value = loss(variable)
    gradient = tape.gradient(value, variable).numpy()
    assert float(value) == pytest.approx(float(loss(tf.constant(LOGITS))), rel=1e-6)
    assert not gradient[0, 1, 1].any()
    assert gradient[0, 0, 0].any()


def test_batch_of_nothing_but_void_costs_nothing_and_is_a_number() -> None:
    ids = np.full((2, 4, 4), VOID, np.uint8)
    variable = tf.Variable(np.ones((2, 4, 4, 3), np.float32))
    with tf.GradientTape() as tape:
        value = losses.combined(tf.constant(ids), variable, weights=(1, 1, 1), dice_weight=1.0)
    assert float(value) == 0.0
    assert not tape.gradient(value, variable).numpy().any()


def test_bfloat16_logits_are_summed_in_float32() -> None:
    found = losses.combined(
        IDS, tf.cast(LOGITS, tf.bfloat16), weights=(1.0, 1.0, 1.0), dice_weight=1.0
    )
    assert found.dtype == tf.float32
