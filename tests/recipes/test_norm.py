"""The fused layer is Keras's own in everything but time."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.core.norm import FusedBatchNormalization

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(3.0, 2.0, (4, 6, 5, 7)).astype(np.float32)
UPSTREAM = RNG.normal(0.0, 1.0, INPUTS.shape).astype(np.float32)


def pair(**config: float | str) -> tuple[keras.layers.Layer, keras.layers.Layer]:
    layers = keras.layers.BatchNormalization(**config), FusedBatchNormalization(**config)
    for layer in layers:
        layer.build(INPUTS.shape)
    values = [np.random.default_rng(i).uniform(0.5, 2.0, 7) for i in range(4)]
    for layer in layers:
        layer.set_weights(values)
    return layers


def run(layer: keras.layers.Layer, *, training: bool) -> list[np.ndarray]:
    inputs = tf.Variable(INPUTS)
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=training)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * UPSTREAM)
    gradients = tape.gradient(loss, [inputs, *layer.trainable_variables])
    return [v.numpy() for v in (outputs, *gradients, *layer.non_trainable_variables)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("epsilon", [1e-3, 1e-5])
def test_outputs_gradients_and_moving_statistics_equal_keras(
    training: bool, epsilon: float
) -> None:
    own, fused = pair(momentum=0.9, epsilon=epsilon)
    for expected, found in zip(
        run(own, training=training), run(fused, training=training), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


def test_frozen_layer_keeps_its_statistics_in_training() -> None:
    own, fused = pair()
    own.trainable = fused.trainable = False
    before = [v.numpy() for v in fused.variables]
    np.testing.assert_allclose(fused(INPUTS, training=True), own(INPUTS, training=True), atol=1e-4)
    for old, new in zip(before, fused.variables, strict=True):
        np.testing.assert_array_equal(new.numpy(), old)


def test_bfloat16_stays_close_and_keeps_its_weights_in_float32() -> None:
    own, fused = pair(dtype="mixed_bfloat16")
    found, expected = run(fused, training=True), run(own, training=True)
    np.testing.assert_allclose(found[0].astype("f4"), expected[0].astype("f4"), atol=0.1)
    assert {v.dtype for v in fused.variables} == {"float32"}
    np.testing.assert_allclose(found[-2:], expected[-2:], rtol=2e-2)


@pytest.mark.parametrize("config", [{"axis": 1}, {"scale": False}, {"center": False}])
def test_what_the_kernel_does_not_know_goes_through_keras(config: dict[str, object]) -> None:
    own, fused = keras.layers.BatchNormalization(**config), FusedBatchNormalization(**config)
    for training in (True, False):
        np.testing.assert_allclose(
            fused(INPUTS, training=training), own(INPUTS, training=training), atol=1e-4
        )


def test_survives_being_saved(tmp_path: pathlib.Path) -> None:
    model = keras.Sequential([keras.Input((6, 5, 7)), FusedBatchNormalization(momentum=0.8)])
    model(INPUTS, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again.layers[0], FusedBatchNormalization)
    np.testing.assert_array_equal(again(INPUTS), model(INPUTS))


def test_weights_fit_into_keras_own_layer() -> None:
    own, fused = pair()
    assert [v.path.split("/")[-1] for v in own.variables] == [
        v.path.split("/")[-1] for v in fused.variables
    ]
