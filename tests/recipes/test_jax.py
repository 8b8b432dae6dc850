"""What is done otherwise on JAX; a stand-in for it is enough to see that."""

import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.core import device, steps


@pytest.fixture
def jax(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """A package by that name that runs functions as they are, and Keras as if it used it."""
    known = types.SimpleNamespace(jit=lambda one: one, devices=list)
    monkeypatch.setitem(sys.modules, "jax", known)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    return known


@pytest.mark.parametrize(
    ("about", "bfloat16"),
    [({"compute_capability": "9.0"}, True), ({"compute_capability": "7.5"}, False), ({}, True)],
)
def test_gpus_are_those_that_jax_sees(
    about: dict[str, str], bfloat16: bool, jax: types.SimpleNamespace
) -> None:
    assert device.find().kind == "cpu"
    gpu = types.SimpleNamespace(platform="gpu", device_kind="NVIDIA H100", **about)
    jax.devices = lambda: [gpu, gpu]
    found = device.find()
    assert (found.kind, found.name, found.count) == ("gpu", "NVIDIA H100", 2)
    assert found.bfloat16 == bfloat16


def test_gpus_are_left_to_jax_and_only_to_it(
    shapes: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    from recipes.core import dataset as ds

    hidden: list[str] = []

    def hide(devices: list[str], kind: str) -> None:
        assert not devices
        hidden.append(kind)
        raise RuntimeError("TensorFlow has them already")

    monkeypatch.setattr(tf.config, "set_visible_devices", hide)
    ds.open_builder(shapes)
    assert hidden == []
    request.getfixturevalue("jax")
    ds.open_builder(shapes)
    assert hidden == ["GPU"]


def test_images_of_all_sizes_are_answered_at_a_few(jax: types.SimpleNamespace) -> None:
    pixels = keras.Input((None, None, 3))
    near = keras.layers.Conv2D(4, 3, padding="same")(pixels)
    model = keras.Model(pixels, keras.layers.Conv2D(2, 3, padding="same")(near))
    seen = set()
    jax.jit = lambda one: lambda *values: seen.add(values[-1].shape) or one(*values)
    answer = steps.forward(model)
    rng = np.random.default_rng(0)
    for height, width in ((32, 48), (64, 80), (80, 96), (100, 100), (128, 70), (200, 130)):
        image = rng.uniform(0, 9, (height, width, 3)).astype(np.float32)
        found = answer(image)
        assert found.shape == (height, width, 2)
        meant = keras.ops.softmax(model(image[None], training=False)).numpy()[0]
        # Beyond a rim that was padded the model sees the image mirrored, not nothing.
        inside = slice(0, height - 2), slice(0, width - 2)
        np.testing.assert_allclose(found[inside], meant[inside], atol=1e-5)
    sides = {side for shape in seen for side in shape[1:3]}
    assert sides == {32, 48, 64, 128, 192, 256}
