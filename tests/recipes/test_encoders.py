"""Encoders fit under the U-Net with any bands, and take weights from where they are told."""

import pathlib
from typing import Any

import keras
import numpy as np
import pytest

from recipes.core import encoders, model
from recipes.core.norm import FusedBatchNormalization


def small(name: str, channels: int = 3, **changes: Any) -> keras.Model:
    return model.unet(
        channels=channels,
        classes=2,
        depth=encoders.LEVELS,
        width=4,
        mean=(100.0,) * channels,
        std=(50.0,) * channels,
        encoder=name,
        **changes,
    )


@pytest.mark.parametrize("name", sorted(encoders.ENCODERS))
def test_levels_halve_the_image(name: str) -> None:
    net = encoders.build(name, channels=3, weights="none", policy="float32", seed=0)
    found = net(np.zeros((1, 64, 96, 3), np.float32))
    assert [level.shape[1:3] for level in found] == [(64 >> i, 96 >> i) for i in range(1, 6)]


def test_unet_on_an_encoder_takes_bands_and_any_size(tmp_path: pathlib.Path) -> None:
    net = small("mobilenetv2", channels=5, precision="bfloat16")
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 32, 5)).astype(np.float32)
    found = net(image, training=True)
    assert found.shape == (1, 64, 32, 2)
    assert found.dtype == "float32"
    inner = net.get_layer("mobilenetv2")
    norms = [one for one in inner.layers if isinstance(one, keras.layers.BatchNormalization)]
    assert norms
    assert all(isinstance(one, FusedBatchNormalization) for one in norms)
    assert keras.config.dtype_policy().name == "float32"
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(image), net(image))


def test_same_seed_gives_the_same_weights() -> None:
    one, same, other = (small("mobilenetv2", seed=seed) for seed in (1, 1, 2))
    pairs = list(zip(one.get_weights(), same.get_weights(), strict=True))
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert not all(
        np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True)
    )


def test_weights_come_from_a_file_of_keras_and_fit_other_bands(tmp_path: pathlib.Path) -> None:
    source = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(None, None, 3)
    )
    source.save_weights(tmp_path / "mobile.weights.h5")
    file = str(tmp_path / "mobile.weights.h5")
    net = encoders.build("mobilenetv2", channels=3, weights=file, policy="float32", seed=3)
    kernel = source.get_layer("Conv1").get_weights()[0]
    np.testing.assert_array_equal(net.get_layer("Conv1").get_weights()[0], kernel)
    wide = encoders.build("mobilenetv2", channels=6, weights=file, policy="float32", seed=3)
    found = wide.get_layer("Conv1").get_weights()[0]
    np.testing.assert_allclose(found[:, :, :3], kernel / 2)
    np.testing.assert_allclose(found[:, :, 3:], kernel / 2)


def test_weights_come_from_a_run(tmp_path: pathlib.Path) -> None:
    source = small("mobilenetv2", seed=5)
    source.save(tmp_path / "best.keras")
    net = small("mobilenetv2", seed=6, encoder_weights=str(tmp_path / "best.keras"))
    for name in ("Conv1", "block_6_expand", "out_relu"):
        for a, b in zip(
            net.get_layer("mobilenetv2").get_layer(name).get_weights(),
            source.get_layer("mobilenetv2").get_layer(name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


def test_network_trained_on_blue_green_red_is_turned_around() -> None:
    encoder = encoders.ENCODERS["resnet50"]
    mean, std = encoders.pixels_of(
        encoder, weights="imagenet", channels=3, top=65535.0, mean=(1, 1, 1), std=(1, 1, 1)
    )
    assert mean[0] == pytest.approx(123.68 * 257)
    assert std[0] == pytest.approx(257)
    own = encoders.pixels_of(
        encoder, weights="none", channels=3, top=255.0, mean=(7, 7, 7), std=(2, 2, 2)
    )
    assert own == ([7, 7, 7], [2, 2, 2])


def test_download_that_fails_says_what_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(**options: Any) -> Any:
        if options["weights"] == "imagenet":
            raise Exception("URL fetch failure on https://x: None -- no route to host")
        return real(**options)

    real = keras.applications.MobileNetV2
    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    with pytest.raises(encoders.EncoderError, match=r"could not be downloaded .*no route"):
        encoders.build("mobilenetv2", channels=3, weights="imagenet", policy="float32", seed=0)


def test_file_that_does_not_fit_is_refused(tmp_path: pathlib.Path) -> None:
    build = {"channels": 3, "policy": "float32", "seed": 0}
    with pytest.raises(encoders.EncoderError, match="no such file"):
        encoders.build("mobilenetv2", weights=str(tmp_path / "none.h5"), **build)  # type: ignore
    (tmp_path / "noise.weights.h5").write_bytes(b"not weights")
    with pytest.raises(encoders.EncoderError, match="does not hold MobileNetV2"):
        encoders.build("mobilenetv2", weights=str(tmp_path / "noise.weights.h5"), **build)  # type: ignore
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    with pytest.raises(encoders.EncoderError, match="no layer is one of this encoder"):
        encoders.build("mobilenetv2", weights=str(tmp_path / "other.keras"), **build)  # type: ignore
