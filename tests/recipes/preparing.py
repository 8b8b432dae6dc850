"""Datasets of TFDS for tests, prepared where they are told."""

import pathlib

import tensorflow_datasets as tfds


def built(builder: type[tfds.core.GeneratorBasedBuilder], folder: pathlib.Path) -> str:
    """The folder a dataset was prepared in, which is a name that recipes take."""
    made = builder(data_dir=folder)
    made.download_and_prepare()
    return str(made.data_path)
