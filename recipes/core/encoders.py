"""Encoders out of keras.applications, for a U-Net that need not learn to see from nothing."""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from recipes.core import norm
from recipes.core.errors import RecipeError

LEVELS = 5  # how often every one of them halves an image


class EncoderError(RecipeError):
    """An encoder's weights that are not to be had, or do not fit."""


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A network of keras.applications and what has to be known to take it apart."""

    application: str
    skips: Sequence[str]  # its layers at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image
    # What it takes from a pixel of 0..255, and what it then divides by.
    pixels: tuple[tuple[float, float, float], tuple[float, float, float]]
    reversed: bool = False  # it was trained on blue, green, red
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


_TORCH = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_TO_ONE = ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
_CAFFE = ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0))

ENCODERS: Mapping[str, Encoder] = {
    "resnet50": Encoder(
        "ResNet50",
        (
            "conv1_relu",
            "conv2_block3_out",
            "conv3_block4_out",
            "conv4_block6_out",
            "conv5_block3_out",
        ),
        pixels=_CAFFE,
        reversed=True,
    ),
    "mobilenetv2": Encoder(
        "MobileNetV2",
        (
            "block_1_expand_relu",
            "block_3_expand_relu",
            "block_6_expand_relu",
            "block_13_expand_relu",
            "out_relu",
        ),
        pixels=_TO_ONE,
    ),
    "efficientnetv2b0": Encoder(
        "EfficientNetV2B0",
        (
            "block1a_project_activation",
            "block2b_expand_activation",
            "block4a_expand_activation",
            "block6a_expand_activation",
            "top_activation",
        ),
        pixels=_TORCH,
        options={"include_preprocessing": False},
    ),
    "densenet121": Encoder(
        "DenseNet121",
        ("conv1_relu", "pool2_relu", "pool3_relu", "pool4_relu", "relu"),
        pixels=_TORCH,
    ),
}


def pixels_of(
    encoder: Encoder,
    *,
    weights: str,
    channels: int,
    top: float,
    mean: Sequence[float],
    std: Sequence[float],
) -> tuple[list[float], list[float]]:
    """What the first layer takes from a pixel and divides it by.

    Weights that were learnt on ImageNet want pixels as they were there; everything else, and other
    bands than three, those of the dataset.
    """
    if weights == "none" or channels != 3:
        return list(mean), list(std)
    taken, divided = encoder.pixels
    return [v * top / 255 for v in taken], [v * top / 255 for v in divided]


def build(name: str, *, channels: int, weights: str, policy: str, seed: int) -> keras.Model:
    """An encoder: from normalized pixels to five levels, the finest first.

    Args:
      name: of `ENCODERS`.
      channels: bands of the image.
      weights: "none", "imagenet", or a file: weights as keras.applications has them without the
        top (.h5, .weights.h5), or a model of a run (.keras), whose layers of the same names are
        taken.
      policy: of the computation.
      seed: of the initial weights.

    Raises:
      EncoderError: the weights cannot be had, or fit nothing.
    """
    encoder = ENCODERS[name]
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(seed)
        net = _fused(_application(encoder, channels=channels, weights=None))
        if weights != "none":
            _take(net, _source(encoder, weights), encoder, weights)
    finally:
        keras.config.set_dtype_policy(before)
    return keras.Model(net.input, [net.get_layer(skip).output for skip in encoder.skips], name=name)


def _application(encoder: Encoder, *, channels: int, weights: str | None) -> keras.Model:
    make = getattr(keras.applications, encoder.application)
    made: keras.Model = make(
        include_top=False,
        weights=weights,
        input_shape=(None, None, channels),
        **encoder.options,
    )
    return made


def _source(encoder: Encoder, weights: str) -> keras.Model:
    """A model that has the weights."""
    if weights == "imagenet":
        try:
            return _application(encoder, channels=3, weights="imagenet")
        except Exception as error:
            raise EncoderError(
                f"--encoder_weights=imagenet: {encoder.application} could not be downloaded "
                f"({str(error).splitlines()[0]}). Give the file of its weights instead, or train "
                "from nothing with --encoder_weights=none."
            ) from error
    path = pathlib.Path(weights)
    if not path.is_file():
        raise EncoderError(f"--encoder_weights={weights}: there is no such file.")
    try:
        if path.suffix == ".keras":
            fused = {"FusedBatchNormalization": norm.FusedBatchNormalization}
            loaded: keras.Model = keras.saving.load_model(path, compile=False, custom_objects=fused)
            return loaded
        net = _application(encoder, channels=3, weights=None)
        net.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise EncoderError(
            f"--encoder_weights={weights} does not hold {encoder.application} without its top: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return net


def _take(net: keras.Model, source: keras.Model, encoder: Encoder, weights: str) -> None:
    """Copies the layers of the same names; the first convolution is fitted to the bands."""
    there, taken = {layer.name: layer for layer in _layers(source)}, 0
    foreign = not weights.endswith(".keras")
    first = next(layer for layer in net.layers if layer.weights).name
    for layer in net.layers:
        other = there.get(layer.name)
        if not layer.weights or other is None:
            continue
        values = [np.asarray(v) for v in other.get_weights()]
        if layer.name == first:
            kernel = values[0][:, :, ::-1] if foreign and encoder.reversed else values[0]
            values[0] = banded(kernel, layer.get_weights()[0].shape[2])
        if [v.shape for v in values] != [v.shape for v in layer.get_weights()]:
            raise EncoderError(f"--encoder_weights={weights}: {layer.name} has other shapes.")
        layer.set_weights(values)
        taken += 1
    if not taken:
        raise EncoderError(f"--encoder_weights={weights}: no layer is one of this encoder.")


def _layers(net: keras.Model) -> Iterator[Any]:
    """The layers of a model and of the models in it."""
    for layer in net.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def banded(kernel: np.ndarray, channels: int) -> np.ndarray:
    """A first convolution for other bands: its own in turn, so much weaker as they are more."""
    there = kernel.shape[2]
    if there == channels:
        return kernel
    return kernel[:, :, np.arange(channels) % there] * (there / channels)


def _fused(net: keras.Model) -> keras.Model:
    """The same network with batch norms that are fast on a CPU and soon know their moments."""

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if type(layer) is keras.layers.BatchNormalization:
            return norm.FusedBatchNormalization.from_config({**config, "momentum": norm.MOMENTUM})
        return layer.__class__.from_config(config)

    return keras.models.clone_model(net, clone_function=clone)
