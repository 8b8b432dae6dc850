"""The U-Net's shape is pinned: a change to it is a change to every saved run."""

import pathlib

import keras
import numpy as np
import pytest

from recipes.core import model
from recipes.core.norm import FusedBatchNormalization


def small(**changes: object) -> keras.Model:
    config: dict = {"channels": 3, "classes": 4, "depth": 2, "width": 4}
    config |= {"mean": (1.0, 2.0, 3.0), "std": (4.0, 5.0, 6.0)}
    return model.unet(**(config | changes))


@pytest.mark.parametrize(("height", "width"), [(16, 16), (24, 8), (4, 32)])
def test_logits_have_the_image_size_and_a_channel_per_class(height: int, width: int) -> None:
    found = small()(np.zeros((2, height, width, 3), np.float32))
    assert found.shape == (2, height, width, 4)
    assert found.dtype == "float32"


@pytest.mark.parametrize(
    ("changes", "count"),
    [({}, 7_724), ({"depth": 4, "width": 16, "classes": 2}, 1_945_538), ({"channels": 5}, 7_796)],
)
def test_parameter_count_is_pinned(changes: dict[str, object], count: int) -> None:
    extra = {"mean": (0.0,) * 5, "std": (1.0,) * 5} if changes.get("channels") == 5 else {}
    assert small(**changes, **extra).count_params() == count


def test_same_seed_gives_the_same_weights_and_no_two_layers_the_same() -> None:
    one, same, other = small(seed=1), small(seed=1), small(seed=2)
    for a, b in zip(one.weights, same.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    kernels = [layer.kernel for layer in one.layers if hasattr(layer, "kernel")]
    assert not np.array_equal(kernels[0].numpy(), other.get_layer("down0_conv_a").kernel.numpy())
    values = [tuple(kernel.numpy().ravel()[:4]) for kernel in kernels]
    assert len(set(values)) == len(values)


def test_raw_pixels_are_normalized_inside() -> None:
    net = small()
    found = net.get_layer("normalize")(np.full((1, 1, 1, 3), 7.0, np.float32))
    np.testing.assert_allclose(np.ravel(found), [6 / 4, 5 / 5, 4 / 6], rtol=1e-6)


def test_bfloat16_keeps_float32_weights_and_logits() -> None:
    net = small(precision="bfloat16")
    assert net.get_layer("down0_conv_a").compute_dtype == "bfloat16"
    assert {str(v.dtype) for v in net.variables if v.path.startswith(("down", "up"))} == {"float32"}
    found = net(np.ones((1, 8, 8, 3), np.float32), training=True)
    assert found.dtype == "float32"
    exact = small()(np.ones((1, 8, 8, 3), np.float32), training=True)
    np.testing.assert_allclose(found, exact, atol=0.15)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_saved_model_says_the_same(tmp_path: pathlib.Path, precision: str) -> None:
    net = small(precision=precision)
    image = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3)).astype(np.float32)
    net(image, training=True)
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(image), net(image))
    assert any(isinstance(layer, FusedBatchNormalization) for layer in again.layers)


def test_every_pixel_counts_for_every_pixel_near_it() -> None:
    net, image = small(), np.zeros((1, 16, 16, 3), np.float32)
    before = net(image, training=False).numpy()
    image[0, 8, 8] = 50.0
    changed = np.abs(net(image, training=False).numpy() - before).sum(-1)[0] > 0
    assert changed[6:11, 6:11].all()
