"""Features: what a record holds, as TFDS declares it and as bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from seg_datasets.core import images
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.facts import SampleFacts, place_of
from seg_datasets.core.images import ImageError

# A value of a record: bytes, or whole numbers.
Value = bytes | list[int]

# Channels that a PNG, and so TFDS's Image, holds.
_OF_PICTURES = (1, 3, 4)

_PLACE = "<6d"


def declare(
    classes: ClassTable, *, channels: int, dtype: type, georeferenced: bool = False
) -> dict[str, Any]:
    """The features of a dataset.

    Args:
      classes: names of the ids.
      channels: of the image.
      dtype: np.uint8 or np.uint16.
      georeferenced: whether records tell where their pixels lie.
    """
    import tensorflow_datasets as tfds

    shape = (None, None, channels)
    picture = "The picture, upright, as its source holds it."
    features = {
        "image": tfds.features.Image(shape=shape, dtype=dtype, doc=picture)
        if channels in _OF_PICTURES
        else tfds.features.Tensor(shape=shape, dtype=dtype, encoding="bytes", doc=picture),
        "mask": tfds.features.LabeledImage(
            labels=list(classes.names),
            shape=(None, None, 1),
            encoding_format="png",
            doc="A class id for each pixel, 255 for void.",
        ),
        "id": tfds.features.Text(doc="Unique name within the dataset."),
        "group": tfds.features.Text(doc="What splits never tear apart."),
    }
    if georeferenced:
        features["transform"] = tfds.features.Tensor(
            shape=(6,),
            dtype=np.float64,
            encoding="bytes",
            doc="(a, b, c, d, e, f) of a pixel's upper left corner: x = a·column + b·row + c, "
            "y = d·column + e·row + f.",
        )
        features["crs"] = tfds.features.Text(doc="The coordinate system, EPSG:32633 or WKT.")
    return features


def image(data: bytes) -> dict[str, Value]:
    """A picture that is not stored as its file.

    Raises:
      ImageError: no record holds it without loss.
    """
    opened = images.open_image(data)
    if opened.bands is None or opened.bands.shape[2] in _OF_PICTURES:
        return {"image": images.upright_png(data)}
    values = opened.bands
    little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    return {"image/value": little.tobytes(), "image/shape": [*values.shape]}


def place(facts: SampleFacts) -> dict[str, Value]:
    """Where the pixels lie, of a sample that is georeferenced."""
    if not facts.georeferenced:
        return {}
    return {
        "transform": struct.pack(_PLACE, *facts.image.geo),
        "crs": facts.image.crs.encode(),
    }


def told_place(record: Mapping[str, Any]) -> str:
    """What a record tells of its place, as `place_of` spells it."""
    if "transform" not in record:
        return ""
    return place_of(struct.unpack(_PLACE, record["transform"]), record["crs"].decode())


def example(record: Mapping[str, Value], *, dtype: type) -> dict[str, Any]:
    """A record as TFDS's encoders take it."""
    fields: dict[str, Any] = dict(record)
    if shape := fields.pop("image/shape", None):
        fields["image"] = np.frombuffer(fields.pop("image/value"), dtype).reshape(shape)
    if "transform" in fields:
        fields["transform"] = np.array(struct.unpack(_PLACE, fields["transform"]))
    for name in ("id", "group", "crs"):
        if name in fields:
            fields[name] = fields[name].decode()
    return fields


def pixels(record: Mapping[str, Any]) -> Any:
    """What was put in: the picture of a record, for the digest of its pixels.

    Raises:
      ImageError: it cannot be decoded.
    """
    if shape := record.get("image/shape"):
        size = 2 if len(record["image/value"]) > int(np.prod(shape)) else 1
        return np.frombuffer(record["image/value"], f"<u{size}").reshape(shape)
    data = record["image"]
    opened = images.open_image(data)
    if opened.mode not in images.DEEP_COLOUR:
        return images.pixels(opened)
    import tensorflow as tf  # Pillow has the upper 8 bits only

    try:
        return tf.io.decode_png(data, dtype=tf.uint16).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ImageError(f"cannot be decoded: {error.message}") from None
