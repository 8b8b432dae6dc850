"""Random views of one example: image and mask always together, light and colour on the image only.

Every draw is stateless: a function of the seed pair it is given, so that a run that is resumed sees
what an uninterrupted one would have seen, however many threads prepare it.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from recipes.core.dataset import VOID

BENDS = 5  # places along a side that are moved apart by an elastic warp
HOLES = 2  # that are cut out of a view

# An image of which only a part is looked at: from (top, left, height, width) to its pixels there.
Parts = Callable[[tf.Tensor], tf.Tensor]


def another(seed: tf.Tensor, number: int) -> tf.Tensor:
    """A further seed of one that is used already."""
    return tf.random.experimental.stateless_fold_in(tf.convert_to_tensor(seed), number)


def cut(image: tf.Tensor | Parts, window: tf.Tensor) -> tf.Tensor:
    """The pixels of an image in a window: (top, left, height, width), all of it inside."""
    if callable(image):
        return image(window)
    top, left, height, width = tf.unstack(window)
    return image[top : top + height, left : left + width]


def crop(
    image: tf.Tensor | Parts,
    mask: tf.Tensor,
    *,
    size: int,
    seed: tf.Tensor,
    zoom: float = 0.0,
    smooth: bool = True,
    near: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts the same random square from image and mask; what lies outside is zero and void.

    Args:
      image: (height, width, channels), or what gives parts of it.
      mask: (height, width, 1) ids.
      size: side of the squares that come out.
      seed: a pair of integers.
      zoom: 0 cuts `size` pixels; 1 between half and twice as many, brought to `size`.
      smooth: whether the image is interpolated when it is zoomed; the mask never is.
      near: a pixel that the square holds, in its middle half where the image goes on; below 0,
        anywhere.
    """
    draws, whole = tf.random.stateless_uniform([3], seed), tf.shape(mask)[:2]
    side = tf.cast(tf.round(size * tf.pow(2.0, zoom * (2.0 * draws[2] - 1.0))), tf.int32)
    room = tf.cast(tf.maximum(whole - side, 0) + 1, tf.float32)
    first = tf.floor(draws[:2] * room)
    if near is not None:
        held = tf.floor(near - (0.25 + 0.5 * draws[:2]) * tf.cast(side, tf.float32))
        first = tf.where(near < 0, first, tf.clip_by_value(held, 0.0, room - 1.0))
    begin = tf.cast(first, tf.int32)
    extent = tf.minimum(side, whole - begin)
    window = tf.concat([begin, extent], 0)
    padding = [[0, side - extent[0]], [0, side - extent[1]], [0, 0]]
    image = tf.pad(cut(image, window), padding)
    mask = tf.pad(cut(mask, window), padding, constant_values=VOID)
    if zoom:
        # Both by half-pixel centres, so that a mask's edge stays on the image's.
        method = "bilinear" if smooth else "nearest"
        image = tf.cast(tf.image.resize(image, [size, size], method), image.dtype)
        mask = tf.image.resize(mask, [size, size], "nearest")
    shape = [size, size]
    return tf.ensure_shape(image, [*shape, image.shape[-1]]), tf.ensure_shape(mask, [*shape, 1])


def warp(
    image: tf.Tensor | Parts,
    mask: tf.Tensor,
    *,
    size: int,
    seed: tf.Tensor,
    zoom: float = 0.0,
    rotate: float = 0.0,
    shear: float = 0.0,
    elastic: float = 0.0,
    smooth: bool = True,
    near: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts a random square that is turned, sheared and bent; what lies outside is zero and void.

    Each pixel that comes out is looked up in the whole image, so a turned square has corners of the
    image's own wherever the image goes on.

    Args:
      image: (height, width, channels), or what gives parts of it.
      mask: (height, width, 1) ids.
      size: side of the squares that come out.
      seed: a pair of integers.
      zoom: see `crop`.
      rotate: largest turn either way, in degrees.
      shear: largest slant either way, in degrees.
      elastic: largest bend, in pixels of what comes out.
      smooth: whether the image is interpolated; the mask never is.
      near: see `crop`.
    """
    whole = tf.shape(mask)[:2]
    draws = tf.random.stateless_uniform([5], seed)
    either = 2.0 * draws - 1.0
    side = size * tf.pow(2.0, zoom * either[0])
    angle, slant = (v * math.pi / 180 for v in (rotate * either[1], shear * either[2]))
    line = (tf.range(size, dtype=tf.float32) + 0.5) / size - 0.5
    y, x = tf.meshgrid(line, line, indexing="ij")
    x = x + tf.tan(slant) * y
    at = tf.stack(
        [tf.cos(angle) * y - tf.sin(angle) * x, tf.sin(angle) * y + tf.cos(angle) * x], -1
    )
    if elastic:
        coarse = tf.random.stateless_uniform([1, BENDS, BENDS, 2], another(seed, 7), -1.0, 1.0)
        at += tf.image.resize(coarse, [size, size], "bicubic")[0] * (elastic / size)
    room = tf.cast(whole, tf.float32) - side
    middle = draws[3:] * room + side / 2
    if near is not None:
        ends = tf.stack([tf.broadcast_to(side / 2, [2]), room + side / 2])
        held = near + 0.5 * (0.5 - draws[3:]) * side
        held = tf.clip_by_value(held, tf.reduce_min(ends, 0), tf.reduce_max(ends, 0))
        middle = tf.where(near < 0, middle, held)
    at = at * side + middle
    nearest = tf.cast(tf.floor(at), tf.int32)
    inside = tf.reduce_all((nearest >= 0) & (nearest < whole), -1, keepdims=True)
    upper = tf.floor(at - 0.5)
    ends = tf.stack([tf.reduce_min(upper, (0, 1)), tf.reduce_max(upper, (0, 1)) + 1])
    ends = tf.clip_by_value(tf.cast(ends, tf.int32), 0, whole - 1)
    part = cut(image, tf.concat([ends[0], ends[1] - ends[0] + 1], 0))
    channels, dtype = part.shape[-1], part.dtype

    def look_up(pixels: tf.Tensor, where: tf.Tensor, origin: tf.Tensor) -> tf.Tensor:
        row, column = tf.unstack(tf.clip_by_value(where, 0, whole - 1) - origin, axis=-1)
        flat = tf.reshape(pixels, [-1, pixels.shape[-1]])
        return tf.gather(flat, row * tf.shape(pixels)[1] + column)

    if smooth:
        between = at - 0.5 - upper
        found = tf.zeros([size, size, channels])
        for down in (0, 1):
            for right in (0, 1):
                corner = tf.cast(upper, tf.int32) + tf.constant((down, right))
                share = tf.abs(1.0 - down - between[..., :1])
                share *= tf.abs(1.0 - right - between[..., 1:])
                found += share * tf.cast(look_up(part, corner, ends[0]), tf.float32)
        view = tf.cast(tf.where(inside, found, 0.0), dtype)
    else:
        view = tf.where(inside, look_up(part, nearest, ends[0]), tf.cast(0, dtype))
    ids = tf.where(inside, look_up(mask, nearest, [0, 0]), tf.cast(VOID, mask.dtype))
    return tf.ensure_shape(view, [size, size, channels]), tf.ensure_shape(ids, [size, size, 1])


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


def within(image: tf.Tensor, *, top: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Pixels as shares of `top`, from 0 to 1, and by how much they lie beyond."""
    unit = image / top
    inner = tf.clip_by_value(unit, 0.0, 1.0)
    return inner, unit - inner


def light(
    image: tf.Tensor, *, seed: tf.Tensor, strength: float, top: float, firm: bool = True
) -> tf.Tensor:
    """Changes brightness, contrast, gamma and each channel's gain, as weather and cameras do.

    Args:
      image: float pixels from 0 to `top`.
      seed: a pair of integers.
      strength: 0 leaves the image alone; 1 halves or doubles.
      top: the largest value a pixel can have.
      firm: whether that and 0 are the ends; otherwise some lie beyond, and none is cut off.
    """
    if not strength:
        return image
    channels = image.shape[-1]
    draws = tf.random.stateless_uniform([3 + channels], seed, minval=-strength, maxval=strength)
    gamma, contrast, brightness, gains = draws[0], draws[1], draws[2], draws[3:]
    unit, beyond = within(image, top=top)
    unit = tf.pow(unit, tf.pow(2.0, gamma))
    unit = unit if firm else unit + beyond
    middle = tf.reduce_mean(unit, axis=(0, 1))
    # Colour is varied half as much as light: a red roof may not become a green field.
    unit = (unit - middle) * tf.pow(2.0, contrast) + middle * tf.pow(2.0, gains / 2)
    unit += brightness / 4
    return (tf.clip_by_value(unit, 0.0, 1.0) if firm else unit) * top


def hue(
    image: tf.Tensor, *, seed: tf.Tensor, strength: float, top: float, firm: bool = True
) -> tf.Tensor:
    """Turns the colours of a picture of three channels around the colour wheel; others stay.

    Args:
      image: float pixels from 0 to `top`.
      seed: a pair of integers.
      strength: 0 leaves the image alone; 1 gives any colour.
      top: the largest value a pixel can have.
      firm: see `light`.
    """
    if not strength or image.shape[-1] != 3:
        return image
    turned = tf.random.stateless_uniform([], seed, -strength / 2, strength / 2)
    unit, beyond = within(image, top=top)
    unit = tf.image.adjust_hue(unit, turned)
    return (unit if firm else unit + beyond) * top


def blur(image: tf.Tensor, *, seed: tf.Tensor, strength: float) -> tf.Tensor:
    """Blurs by a Gaussian of up to `strength` pixels, which an image out of focus looks like."""
    if not strength:
        return image
    reach, channels = math.ceil(2 * strength), image.shape[-1]
    sigma = tf.maximum(tf.random.stateless_uniform([], seed, 0.0, strength), 1e-2)
    bell = tf.exp(-0.5 * tf.square(tf.range(-reach, reach + 1, dtype=tf.float32) / sigma))
    bell /= tf.reduce_sum(bell)
    rim = [[0, 0], [reach, reach], [reach, reach], [0, 0]]
    found = tf.pad(image[None], rim, "SYMMETRIC") if reach <= min(image.shape[:2]) else image[None]
    for shape in ([-1, 1, 1, 1], [1, -1, 1, 1]):
        kernel = tf.tile(tf.reshape(bell, shape), [1, 1, channels, 1])
        found = tf.nn.depthwise_conv2d(found, kernel, [1, 1, 1, 1], "VALID")
    return found[0] if found.shape[1:] == image.shape else image


def noise(
    image: tf.Tensor, *, seed: tf.Tensor, strength: float, top: float, firm: bool = True
) -> tf.Tensor:
    """Adds grain of up to `strength` of the range of values, as sensors do in the dark."""
    if not strength:
        return image
    much = tf.random.stateless_uniform([], seed, 0.0, strength * top)
    grain = tf.random.stateless_normal(tf.shape(image), another(seed, 1))
    image += much * grain
    return tf.clip_by_value(image, 0.0, top) if firm else image


def cut_out(
    image: tf.Tensor, mask: tf.Tensor, *, seed: tf.Tensor, strength: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts holes of up to `strength` of the side: zero in the image, void in the mask, since no
    label can be told from nothing."""
    if not strength:
        return image, mask
    sides = tf.cast(tf.shape(mask)[:2], tf.float32)
    for number in range(HOLES):
        draws = tf.random.stateless_uniform([4], another(seed, number))
        extent = draws[:2] * strength * sides
        first = draws[2:] * (sides - extent)
        rows, columns = (
            (tf.range(sides[i]) >= first[i]) & (tf.range(sides[i]) < first[i] + extent[i])
            for i in range(2)
        )
        hole = (rows[:, None] & columns[None, :])[..., None]
        image = tf.where(hole, tf.cast(0, image.dtype), image)
        mask = tf.where(hole, tf.cast(VOID, mask.dtype), mask)
    return image, mask
