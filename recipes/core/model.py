"""The U-Net: what `recipes.unet` trains. It takes raw pixels and gives logits, so a saved model
needs nothing beside it: normalization of the input is its first layer.
"""

from collections.abc import Sequence
from typing import Any

import keras

from recipes.core import norm


def unet(
    *,
    channels: int,
    classes: int,
    depth: int,
    width: int,
    mean: Sequence[float],
    std: Sequence[float],
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
      precision: `float32`, or `bfloat16` for its convolutions; weights and logits stay float32.
      seed: of the initial weights.

    Returns:
      a model from (batch, height, width, channels) raw pixels to float32 logits, one per class.
    """
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    seeds = iter(range(seed * 10_000, (seed + 1) * 10_000))

    def initial() -> keras.initializers.Initializer:
        # Each layer its own seed: one initializer used twice gives two layers the same weights.
        return keras.initializers.HeNormal(seed=next(seeds))

    def block(x: Any, filters: int, name: str) -> Any:
        for part in ("a", "b"):
            x = keras.layers.Conv2D(
                filters,
                3,
                padding="same",
                use_bias=False,  # the batch norm behind it has its own
                kernel_initializer=initial(),
                dtype=policy,
                name=f"{name}_conv_{part}",
            )(x)
            # Keras's momentum of 0.99 needs some 500 steps before validation means anything.
            x = norm.FusedBatchNormalization(
                momentum=0.95, dtype=policy, name=f"{name}_norm_{part}"
            )(x)
            x = keras.layers.ReLU(dtype=policy, name=f"{name}_relu_{part}")(x)
        return x

    pixels = keras.Input((None, None, channels), dtype="float32", name="image")
    # In float32: bfloat16 has eight bits, and a 16-bit image would lose half of its own.
    x = keras.layers.Normalization(
        mean=list(mean), variance=[value**2 for value in std], dtype="float32", name="normalize"
    )(pixels)
    skips = []
    for level in range(depth):
        x = block(x, width * 2**level, f"down{level}")
        skips.append(x)
        x = keras.layers.MaxPooling2D(2, dtype=policy, name=f"down{level}_pool")(x)
    x = block(x, width * 2**depth, "bottom")
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
    logits = keras.layers.Conv2D(
        classes,
        1,
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        dtype="float32",
        name="logits",
    )(x)
    return keras.Model(pixels, logits, name="unet")
