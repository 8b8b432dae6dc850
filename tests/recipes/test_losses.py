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

EVERY = losses.parse("ce+dice+2*focal+tversky(alpha=0.2,gamma=0.75,pooled=1)+boundary(width=1)")


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
        return losses.total(EVERY, tf.constant(IDS), logits, weights=(1.0, 2.0, 3.0))

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
        value = losses.total(EVERY, tf.constant(ids), variable, weights=(1, 1, 1))
    assert float(value) == 0.0
    assert not tape.gradient(value, variable).numpy().any()


def test_bfloat16_logits_are_summed_in_float32() -> None:
    found = losses.total(EVERY, IDS, tf.cast(LOGITS, tf.bfloat16), weights=(1.0, 1.0, 1.0))
    assert found.dtype == tf.float32


def test_focal_counts_a_pixel_by_how_wrong_it_is() -> None:
    p = softmax(LOGITS[0])
    at = [p[0, 0, 0], p[0, 1, 1], p[1, 0, 1]]
    expected = np.mean([-((1 - q) ** 2) * np.log(q) for q in at])
    found = losses.focal(IDS, LOGITS, weights=(1.0, 1.0, 1.0))
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("pooled", [False, True])
def test_tversky_prices_false_alarms_and_misses_apart(pooled: bool) -> None:
    rng = np.random.default_rng(3)
    ids = rng.choice(np.array([0, 1, VOID], np.uint8), (2, 5, 6))
    logits = rng.normal(size=(2, 5, 6, 3)).astype(np.float32)
    p = np.stack([softmax(one) for one in logits])
    lost = []
    for part in [slice(None)] if pooled else [slice(0, 1), slice(1, 2)]:
        valid = ids[part] != VOID
        for class_id in (0, 1):
            truth, shown = (ids[part] == class_id)[valid], p[part][..., class_id][valid]
            both, false, missed = shown[truth].sum(), shown[~truth].sum(), (1 - shown[truth]).sum()
            lost.append((1 - both / (both + 0.2 * false + 0.9 * missed)) ** 0.5)
    found = losses.tversky(ids, logits, alpha=0.2, beta=0.9, gamma=0.5, pooled=pooled)
    assert float(found) == pytest.approx(np.mean(lost), rel=1e-4)


def square(at: int) -> np.ndarray:
    ids = np.zeros((1, 24, 24), np.uint8)
    ids[0, 8:16, at : at + 8] = 1
    return ids


def certain(ids: np.ndarray) -> np.ndarray:
    return (np.eye(3, dtype=np.float32)[ids] * 60).astype(np.float32)


def test_borders_may_be_off_by_the_width_and_cost_more_beyond() -> None:
    truth = square(8)
    off = [float(losses.boundary(truth, certain(square(8 + n)), width=2)) for n in range(6)]
    assert off[0] == pytest.approx(0, abs=1e-5)
    assert off[2] == pytest.approx(0, abs=1e-5)
    assert off[2] < off[3] < off[5]
    assert losses.boundary(truth, certain(np.zeros_like(truth)), width=2) > 0.5


def test_the_rim_of_the_picture_and_of_void_is_no_border() -> None:
    truth = np.zeros((1, 12, 12), np.uint8)
    truth[0, :, 6:] = VOID
    assert float(losses.boundary(truth, certain(np.ones_like(truth)))) == 0.0


@pytest.mark.parametrize("name", ["ce", "focal", "dice", "tversky", "boundary"])
def test_every_loss_falls_when_training_pulls_at_it(name: str) -> None:
    terms = losses.parse(name)
    truth, logits = (
        tf.constant(square(8)),
        tf.Variable(tf.random.stateless_normal((1, 24, 24, 2), [1, 2])),
    )
    values = []
    for _ in range(30):
        with tf.GradientTape() as tape:
            value = losses.total(terms, truth, logits, weights=(1.0, 2.0))
        values.append(float(value))
        gradient = tape.gradient(value, logits)
        assert np.isfinite(gradient.numpy()).all()
        logits.assign_sub(gradient / (tf.norm(gradient) + 1e-9) * 3)
    assert values[-1] < 0.8 * values[0]


def test_a_sum_is_read_as_it_is_written() -> None:
    assert losses.parse("ce + 0.5*tversky(alpha=0.1, pooled=1)") == (
        losses.Term("ce", 1.0, {}),
        losses.Term("tversky", 0.5, {"alpha": 0.1, "pooled": 1.0}),
    )


@pytest.mark.parametrize(
    "text",
    ["", "jaccard", "ce+", "ce(gamma=2)", "focal(gamma)", "focal(gamma=x)", "1.2.3*ce", "-ce"],
)
def test_what_is_no_loss_is_refused_in_words(text: str) -> None:
    with pytest.raises(losses.LossError, match="--loss="):
        losses.parse(text)
