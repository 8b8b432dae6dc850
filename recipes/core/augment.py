"""Random views of one example: image and mask always together, light and colour on the image only.

Every draw is stateless: a function of the seed pair it is given, so that a run that is resumed sees
what an uninterrupted one would have seen, however many threads prepare it.
"""

import tensorflow as tf

from recipes.core.dataset import VOID


def crop(
    image: tf.Tensor,
    mask: tf.Tensor,
    *,
    size: int,
    seed: tf.Tensor,
    zoom: float = 0.0,
    smooth: bool = True,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts the same random square from image and mask; what lies outside is zero and void.

    Args:
      image: (height, width, channels).
      mask: (height, width, 1) ids.
      size: side of the squares that come out.
      seed: a pair of integers.
      zoom: 0 cuts `size` pixels; 1 between half and twice as many, brought to `size`.
      smooth: whether the image is interpolated when it is zoomed; the mask never is.
    """
    channels, draws = image.shape[-1], tf.random.stateless_uniform([3], seed)
    side = tf.cast(tf.round(size * tf.pow(2.0, zoom * (2.0 * draws[2] - 1.0))), tf.int32)
    more = tf.maximum(side - tf.shape(mask)[:2], 0)
    padding = [[0, more[0]], [0, more[1]], [0, 0]]
    image = tf.pad(image, padding)
    mask = tf.pad(mask, padding, constant_values=VOID)
    room = tf.cast(tf.shape(mask)[:2] - side + 1, tf.float32)
    begin = tf.concat([tf.cast(tf.floor(draws[:2] * room), tf.int32), [0]], 0)
    image = tf.slice(image, begin, tf.stack([side, side, -1]))
    mask = tf.slice(mask, begin, tf.stack([side, side, -1]))
    if zoom:
        # Both by half-pixel centres, so that a mask's edge stays on the image's.
        method = "bilinear" if smooth else "nearest"
        image = tf.cast(tf.image.resize(image, [size, size], method), image.dtype)
        mask = tf.image.resize(mask, [size, size], "nearest")
    shape = [size, size]
    return tf.ensure_shape(image, [*shape, channels]), tf.ensure_shape(mask, [*shape, 1])


def turn(
    image: tf.Tensor, mask: tf.Tensor, *, seed: tf.Tensor, upright: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """Flips and turns a square image and its mask alike; `upright` leaves only the mirror image."""
    mirror, quarters = tf.unstack(
        tf.random.stateless_uniform([2], seed, maxval=4, dtype=tf.int32), num=2
    )
    # A mirror and four quarter turns make all eight views of a square; a second flip adds none.
    image, mask = tf.cond(
        mirror < 2,
        lambda: (tf.reverse(image, [1]), tf.reverse(mask, [1])),
        lambda: (image, mask),
    )
    if upright:
        return image, mask
    return tf.image.rot90(image, quarters), tf.image.rot90(mask, quarters)


def light(image: tf.Tensor, *, seed: tf.Tensor, strength: float, top: float) -> tf.Tensor:
    """Changes brightness, contrast, gamma and each channel's gain, as weather and cameras do.

    Args:
      image: float pixels from 0 to `top`.
      seed: a pair of integers.
      strength: 0 leaves the image alone; 1 halves or doubles.
      top: the largest value a pixel can have.
    """
    if not strength:
        return image
    channels = image.shape[-1]
    draws = tf.random.stateless_uniform([3 + channels], seed, minval=-strength, maxval=strength)
    gamma, contrast, brightness, gains = draws[0], draws[1], draws[2], draws[3:]
    unit = tf.clip_by_value(image / top, 0.0, 1.0)
    unit = tf.pow(unit, tf.pow(2.0, gamma))
    middle = tf.reduce_mean(unit, axis=(0, 1))
    # Colour is varied half as much as light: a red roof may not become a green field.
    unit = (unit - middle) * tf.pow(2.0, contrast) + middle * tf.pow(2.0, gains / 2)
    unit += brightness / 4
    return tf.clip_by_value(unit, 0.0, 1.0) * top
