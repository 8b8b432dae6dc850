"""From a TFDS dataset to what the model eats: random crops in batches, or whole images one by one.

Files, examples and crops are drawn in an order that is a function of the seed and the position in
the stream, so that a run resumed at step n reads what the uninterrupted run would have read.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from recipes.core import augment, sampling
from recipes.core import dataset as ds
from recipes.core.plan import Plan

BUFFER = 4096  # examples kept for shuffling, as compressed bytes: a whole small dataset
MEMORY = 1e9  # bytes of decoded images that may stay in memory
# Around a window of a JPEG: colour that is stored at half the resolution is interpolated, and the
# decoder takes the window's border for the image's.
RIM = 4


class Image(NamedTuple):
    """One example on its original size, its mask as ids."""

    name: str
    group: str
    pixels: np.ndarray
    ids: np.ndarray


def training_batches(
    builder: Any,
    plan: Plan,
    *,
    first_step: int = 0,
    memory: float = MEMORY,
    held_out: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Endless batches of (float32 pixels, uint8 ids), beginning with the one of `first_step`.

    Decoded images stay in memory when all of them fit into `memory` bytes: decoding a PNG costs as
    much as a fifth of a training step on a CPU. Of a JPEG that does not stay only the part that
    is drawn is decoded. What is drawn is the same either way, but for images of more bands than a
    picture has: they wait as large as they are, so fewer of them are shuffled at a time.

    Args:
      builder: the dataset's, prepared.
      plan: what is drawn, and how.
      first_step: of a run that goes on.
      memory: bytes.
      held_out: true for the examples of `pool(data)`, in stored order, that are not to be seen;
        None to see the train split.
    """
    data = plan.dataset
    if held_out is None:
        stream = _stored(builder, data, data.train, shuffle_seed=plan.seed)
        count = data.train_examples
    else:
        stream = _chosen(_stored(builder, data, pool(data)), ~held_out)
        count = int((~held_out).sum())

    pixel = data.channels * np.dtype(builder.info.features[data.image_key].np_dtype).itemsize + 1
    whole = _pixels(builder, data, data.train if held_out is None else pool(data), count) * pixel
    fits = whole <= memory
    decode = _decoder(builder, data, parts=not fits)

    def draw(position: tf.Tensor, example: Any) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, ids = example if fits else decode(example)
        return view(pixels, ids, position, plan)

    threads = {"num_parallel_calls": tf.data.AUTOTUNE, "deterministic": True}
    if fits:
        stream = stream.map(decode, **threads).cache()
    # Otherwise what waits in the buffer waits as it is stored, and is decoded when drawn.
    room = min(BUFFER, count)
    if not (fits or all(_is_image(builder, key) for key in (data.image_key, data.mask_key))):
        room = max(min(room, int(memory * count / whole)), min(count, 16))
    stream = stream.shuffle(room, seed=plan.seed).repeat()
    stream = stream.skip(first_step * plan.batch)
    stream = tf.data.Dataset.zip(tf.data.Dataset.counter(first_step * plan.batch), stream)
    stream = stream.map(draw, **threads)
    return stream.batch(plan.batch, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def pool(data: ds.Dataset) -> str:
    """The examples that folds are made of, as a split."""
    return data.train if data.held_out else f"{data.train}+{data.validation}"


def _pixels(builder: Any, data: ds.Dataset, split: str, count: int) -> float:
    """Pixels of so many images of a split: as the build counted, else as if all were median."""
    metadata, parts = builder.info.metadata or {}, split.split("+")
    classes, void = metadata.get("class_pixels", {}), metadata.get("void_pixels", {})
    if not all(part in classes and part in void for part in parts):
        return float(count * data.height * data.width)
    whole = sum(sum(classes[part]) + void[part] for part in parts)
    return float(whole * count / sum(builder.info.splits[part].num_examples for part in parts))


def _stored(
    builder: Any, data: ds.Dataset, split: str, *, shuffle_seed: int | None = None
) -> tf.data.Dataset:
    """The examples of a split, not decoded yet; `_decoder` decodes them."""
    options = tf.data.Options()
    options.deterministic = True
    # Images are decoded side by side; that each is also spread over the cores only adds hand-overs.
    options.threading.max_intra_op_parallelism = 1
    keys = (data.image_key, data.mask_key)
    skipped = {key: tfds.decode.SkipDecoding() for key in keys if _is_image(builder, key)}
    return builder.as_dataset(
        split=split,
        shuffle_files=shuffle_seed is not None,
        read_config=tfds.ReadConfig(
            options=options,
            try_autocache=False,
            skip_prefetch=True,
            shuffle_seed=shuffle_seed,
            # Drawn anew in each pass, files would come in another order from a cache.
            shuffle_reshuffle_each_iteration=False,
        ),
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(keys, True), decoders=skipped),
    )


def _is_image(builder: Any, key: str) -> bool:
    return isinstance(builder.info.features[key], tfds.features.Image)


def _decoder(
    builder: Any, data: ds.Dataset, *, parts: bool = False
) -> Callable[[dict[str, tf.Tensor]], tuple[tf.Tensor | augment.Parts, tf.Tensor]]:
    """What decodes an example of `_stored` to its pixels and ids.

    Args:
      builder: the dataset's, prepared.
      data: what is known of it.
      parts: whether pixels may be decoded when they are asked for, part by part.
    """
    features = builder.info.features

    def whole(key: str, value: tf.Tensor) -> tf.Tensor:
        return features[key].decode_example(value) if _is_image(builder, key) else value

    def decode(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor | augment.Parts, tf.Tensor]:
        stored, shape = example[data.image_key], [None, None, data.channels]
        ids = checked_ids(whole(data.mask_key, example[data.mask_key]), data)

        def part(window: tf.Tensor) -> tf.Tensor:
            found = tf.cond(
                tf.io.is_jpeg(stored),
                lambda: jpeg_part(stored, window, size=tf.shape(ids)[:2], channels=data.channels),
                lambda: augment.cut(whole(data.image_key, stored), window),
            )
            return tf.ensure_shape(found, shape)

        # What has classes or values of its own decodes itself.
        plain = type(features[data.image_key]) is tfds.features.Image
        if parts and plain and features[data.image_key].np_dtype == np.uint8:
            return part, ids
        return tf.ensure_shape(whole(data.image_key, stored), shape), ids

    return decode


def jpeg_part(stored: tf.Tensor, window: tf.Tensor, *, size: tf.Tensor, channels: int) -> tf.Tensor:
    """The pixels of a JPEG in a window, the same as those of the whole image.

    Args:
      stored: its bytes.
      window: (top, left, height, width).
      size: height and width of the image.
      channels: that come out.
    """
    first, end = tf.maximum(window[:2] - RIM, 0), tf.minimum(window[:2] + window[2:] + RIM, size)
    found = tf.image.decode_and_crop_jpeg(
        stored, tf.concat([first, end - first], 0), channels=channels
    )
    return augment.cut(found, tf.concat([window[:2] - first, window[2:]], 0))


def _chosen(stream: tf.data.Dataset, wanted: np.ndarray) -> tf.data.Dataset:
    """The examples of a stream in stored order that are wanted."""
    flags = tf.constant(wanted)
    return stream.enumerate().filter(lambda i, _: flags[i]).map(lambda _, example: example)


def view(
    image: tf.Tensor | augment.Parts, ids: tf.Tensor, position: tf.Tensor, plan: Plan
) -> tuple[tf.Tensor, tf.Tensor]:
    """The random view of one example that belongs to its position in the stream."""
    seeds = [[plan.seed * 8 + i, tf.cast(position, tf.int32)] for i in range(8)]
    near = sampling.place(
        ids,
        seed=seeds[7],
        share=plan.rare_share,
        rarity=sampling.rarity(plan.dataset.class_pixels),
        side=plan.crop * 2.0**-plan.zoom,
    )
    low, top, firm = value_range(plan.dataset)

    def part(window: tf.Tensor) -> tf.Tensor:
        return tf.cast(augment.cut(image, window), tf.float32)

    if plan.rotate or plan.shear or plan.elastic:
        image, ids = augment.warp(
            part,
            ids,
            size=plan.crop,
            seed=seeds[0],
            zoom=plan.zoom,
            rotate=plan.rotate,
            shear=plan.shear,
            elastic=plan.elastic,
            near=near,
        )
    else:
        image, ids = augment.crop(
            part, ids, size=plan.crop, seed=seeds[0], zoom=plan.zoom, near=near
        )
    image, ids = augment.turn(image, ids, seed=seeds[1], upright=plan.upright)
    values: dict[str, Any] = {"top": top, "firm": firm}
    image = image - low if low else image
    image = augment.light(image, seed=seeds[2], strength=plan.light, **values)
    image = augment.hue(image, seed=seeds[3], strength=plan.hue, **values)
    image = augment.blur(image, seed=seeds[4], strength=plan.blur)
    image = augment.noise(image, seed=seeds[5], strength=plan.noise, **values)
    image = image + low if low else image
    image, ids = augment.cut_out(image, ids, seed=seeds[6], strength=plan.cut_out)
    return image, ids[..., 0]


def value_range(data: ds.Dataset) -> tuple[float, float, bool]:
    """Where the values that are varied begin, how far they reach, and whether none lies beyond."""
    high = data.pixel_top if data.pixel_high is None else data.pixel_high
    # Deeper pixels than bytes go beyond what a look at some of them has seen.
    return data.pixel_low, high - data.pixel_low, data.dtype in ("", "uint8")


def checked_ids(mask: tf.Tensor, data: ds.Dataset) -> tf.Tensor:
    """Stored mask values to ids and void, as a uint8 tensor; any other value stops the run."""
    last = data.mask_offset + len(data.classes) - 1
    if mask.dtype != tf.uint8 or last > 255:
        mask = tf.cast(mask, tf.int32)
    held = range(mask.dtype.min, mask.dtype.max + 1)
    # Small values are compared as they are: four times as fast.
    known = (mask >= data.mask_offset) & (mask <= last)
    void = mask == data.raw_void if data.raw_void in held else tf.zeros_like(known)
    strange = ~(known | void)

    def tell() -> tf.Tensor:
        values = tf.unique(tf.boolean_mask(tf.cast(mask, tf.int32), strange)).y
        return tf.strings.format("<<a mask holds {}>>", values)

    wrong = tf.reduce_any(strange)
    told = tf.cond(wrong, tell, lambda: "")
    with tf.control_dependencies([tf.debugging.Assert(~wrong, [told])]):
        if mask.dtype == tf.uint8 and data.mask_offset == 0 and data.raw_void == ds.VOID:
            return tf.identity(mask)
        ids = tf.cast(mask, tf.int32) - data.mask_offset
        return tf.cast(tf.where(void, ds.VOID, ids), tf.uint8)


def unknown_values(text: str, data: ds.Dataset) -> ds.DatasetError | None:
    """What to tell the user when `checked_ids` stopped the run; None when something else did."""
    told = re.search(r"<<(a mask holds \[.*?\])>>", text)
    if told is None:
        return None
    low, high = data.mask_offset, data.mask_offset + len(data.classes) - 1
    return ds.DatasetError(
        f"{data.name}: {told[1]}; its {len(data.classes)} classes are the values {low}..{high} and "
        f"void is {data.raw_void}. Correct the masks, or say what the values mean with "
        "--num_classes, --mask_offset or --void_id."
    )


def name_and_group(example: Mapping[str, Any], *, otherwise: str) -> tuple[str, str]:
    """Id and group of an example; without an id `otherwise`, and alone without a group."""
    told = {key: example[key] for key in ("id", "group") if key in example}
    # Numbers are names, too.
    text = {k: v.decode() if isinstance(v, bytes) else str(v) for k, v in told.items()}
    name = text.get("id", otherwise)
    return name, text.get("group") or name


def chosen_images(
    builder: Any, data: ds.Dataset, names: Sequence[tuple[str, str]], wanted: np.ndarray
) -> Iterator[Image]:
    """Some images of `pool(data)`, whole, as `images` gives those of a split.

    Args:
      builder: the dataset's, prepared.
      data: what is known of it.
      names: id and group of each example of `pool(data)`, in stored order.
      wanted: true for those.
    """
    stream = _chosen(_stored(builder, data, pool(data)), wanted)
    read = stream.map(_decoder(builder, data), num_parallel_calls=2, deterministic=True)
    chosen = [name for name, one in zip(names, wanted, strict=True) if one]
    try:
        for (name, group), (pixels, ids) in zip(chosen, read.as_numpy_iterator(), strict=True):
            yield Image(name, group, pixels, ids[..., 0])
    except tf.errors.InvalidArgumentError as error:
        raise unknown_values(str(error), data) or error from error


def images(builder: Any, data: ds.Dataset, split: str) -> Iterator[Image]:
    """Every image of a split once, whole, on its original size, its mask as ids.

    Raises:
      DatasetError: no such split, or a mask value that no class has.
    """
    stream = ds.examples(builder, image_key=data.image_key, mask_key=data.mask_key, split=split)
    for i, example in enumerate(stream):
        name, group = name_and_group(example, otherwise=f"{split}-{i:05d}")
        try:
            ids = checked_ids(tf.constant(example[data.mask_key][..., 0]), data).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise unknown_values(str(error), data) or error from error
        yield Image(name, group, example[data.image_key], ids)
