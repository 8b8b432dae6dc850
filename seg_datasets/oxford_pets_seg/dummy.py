"""Draws an invented `oxford_iiit_pet` as TFDS would have prepared it, for `oxford_pets_seg`."""

import io
import pathlib

import numpy as np
from PIL import Image

from seg_datasets import dummies
from seg_datasets.core import records

PETS = {
    "train": ("Abyssinian_100", "Bengal_12", "beagle_7", "pug_171"),
    "test": ("Abyssinian_201", "Sphynx_55", "boxer_3", "samoyed_90"),
}


def draw(folder: pathlib.Path) -> None:
    """Eight pets in two record files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = dummies.pairs(sum(map(len, PETS.values())), values=(1, 2, 3), size=(72, 64))
    for split, names in PETS.items():
        examples = [record(name, *next(drawn)) for name in names]
        file = folder / f"oxford_iiit_pet-{split}.tfrecord-00000-of-00001"
        records.write(file, examples, file_format="tfrecord")


def record(name: str, image: np.ndarray, mask: np.ndarray) -> bytes:
    """What TFDS writes of one pet, but for what is not read."""
    import tensorflow as tf

    values = {
        "image": encoded(image, "jpeg"),
        "segmentation_mask": encoded(mask, "png"),
        "file_name": f"{name}.jpg".encode(),
    }
    feature = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for key, value in values.items()
    }
    feature["label"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    """The bytes of a picture file."""
    Image.fromarray(pixels).save(file := io.BytesIO(), kind)
    return file.getvalue()


if __name__ == "__main__":
    dummies.main(draw)
