"""The U-Net: what `recipes.unet` trains. It takes raw pixels and gives logits, so a saved model
needs nothing beside it: normalization of the input is its first layer.
"""

from collections.abc import Sequence
from typing import Any

import keras

from recipes.core import encoders, norm
from recipes.core.plan import Plan

SUPERVISED = 3  # levels that are told the truth under deep supervision, the finest among them


def of_plan(plan: Plan) -> keras.Model:
    """The model that is planned, with new weights."""
    return unet(
        channels=plan.dataset.channels,
        classes=len(plan.dataset.classes),
        depth=plan.depth,
        width=plan.width,
        mean=plan.dataset.pixel_mean,
        std=plan.dataset.pixel_std,
        top=plan.dataset.pixel_top,
        encoder=plan.encoder,
        encoder_weights=plan.encoder_weights,
        residual=plan.residual,
        deep_supervision=plan.deep_supervision,
        precision=plan.precision,
        seed=plan.seed,
    )


def finished(net: keras.Model) -> keras.Model:
    """A model without what it only has to be trained: its one output is the finest logits."""
    if len(net.outputs) == 1:
        return net
    return keras.Model(net.inputs[0], net.outputs[0], name=net.name)


def unet(
    *,
    channels: int,
    classes: int,
    depth: int,
    width: int,
    mean: Sequence[float],
    std: Sequence[float],
    top: float = 255.0,
    encoder: str = "plain",
    encoder_weights: str = "none",
    residual: bool = False,
    deep_supervision: bool = False,
    precision: str = "float32",
    seed: int = 0,
) -> keras.Model:
    """A U-Net of convolution, batch norm and ReLU, with skip connections.

    Args:
      channels: bands of the image.
      classes: ids 0..classes-1 the model tells apart, background among them.
      depth: how often the image is halved; both its sides must be a multiple of 2**depth.
      width: filters of the first level; each level down has twice as many.
      mean: per channel, what is taken from a pixel before it goes in.
      std: per channel, what it is then divided by.
      top: the largest value a pixel can have.
      encoder: what leads down: "plain", or of `encoders.ENCODERS`.
      encoder_weights: see `encoders.build`.
      residual: whether each block adds its input to what it comes to.
      deep_supervision: whether coarser levels have logits of their own, for training.
      precision: `float32`, or `bfloat16` for its convolutions; weights and logits stay float32.
      seed: of the initial weights.

    Returns:
      a model from (batch, height, width, channels) raw pixels to float32 logits, one per class;
      under deep supervision to a list of them, each half as fine as the one before.
    """
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    seeds = iter(range(seed * 10_000, (seed + 1) * 10_000))

    def initial() -> keras.initializers.Initializer:
        # Each layer its own seed: one initializer used twice gives two layers the same weights.
        return keras.initializers.HeNormal(seed=next(seeds))

    def convolved(x: Any, filters: int, size: int, name: str, part: str) -> Any:
        x = keras.layers.Conv2D(
            filters,
            size,
            padding="same",
            use_bias=False,  # the batch norm behind it has its own
            kernel_initializer=initial(),
            dtype=policy,
            name=f"{name}_conv_{part}",
        )(x)
        return norm.FusedBatchNormalization(
            momentum=norm.MOMENTUM, dtype=policy, name=f"{name}_norm_{part}"
        )(x)

    def block(x: Any, filters: int, name: str) -> Any:
        before = x
        for part in ("a", "b"):
            x = convolved(x, filters, 3, name, part)
            if residual and part == "b":
                if before.shape[-1] != filters:
                    before = convolved(before, filters, 1, name, "past")
                x = keras.layers.Add(dtype=policy, name=f"{name}_add")([x, before])
            x = keras.layers.ReLU(dtype=policy, name=f"{name}_relu_{part}")(x)
        return x

    def answer(x: Any, name: str) -> Any:
        return keras.layers.Conv2D(
            classes,
            1,
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
            dtype="float32",
            name=name,
        )(x)

    if encoder != "plain":
        mean, std = encoders.pixels_of(
            encoders.ENCODERS[encoder],
            weights=encoder_weights,
            channels=channels,
            top=top,
            mean=mean,
            std=std,
        )
    pixels = keras.Input((None, None, channels), dtype="float32", name="image")
    # In float32: bfloat16 has eight bits, and a 16-bit image would lose half of its own.
    x = keras.layers.Normalization(
        mean=list(mean), variance=[value**2 for value in std], dtype="float32", name="normalize"
    )(pixels)
    skips = []
    if encoder == "plain":
        for level in range(depth):
            x = block(x, width * 2**level, f"down{level}")
            skips.append(x)
            x = keras.layers.MaxPooling2D(2, dtype=policy, name=f"down{level}_pool")(x)
        x = block(x, width * 2**depth, "bottom")
    else:
        down = encoders.build(
            encoder, channels=channels, weights=encoder_weights, policy=policy, seed=seed
        )
        # An encoder's first level is half as fine as the image: borders need the pixels too.
        skips, levels_down = [block(x, width, "down0")], list(down(x))
        skips, x = [*skips, *levels_down[:-1]], levels_down[-1]
    levels = []
    for level in reversed(range(depth)):
        x = keras.layers.Conv2DTranspose(
            width * 2**level,
            2,
            strides=2,
            kernel_initializer=initial(),
            dtype=policy,
            name=f"up{level}_grow",
        )(x)
        x = keras.layers.Concatenate(dtype=policy, name=f"up{level}_join")([skips[level], x])
        x = block(x, width * 2**level, f"up{level}")
        levels.append(x)
    logits = [answer(x, "logits")]
    if deep_supervision:
        coarser = levels[-2 : -1 - SUPERVISED : -1]
        logits += [answer(x, f"logits_{2 * 2**i}") for i, x in enumerate(coarser)]
    return keras.Model(pixels, logits if len(logits) > 1 else logits[0], name="unet")
