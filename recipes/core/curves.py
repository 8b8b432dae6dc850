"""The curves of a run as TensorBoard event files."""

import pathlib
from collections.abc import Mapping
from typing import Any


def write(folder: pathlib.Path, row: Mapping[str, Any]) -> None:
    """Appends one epoch's numbers.

    By `tf.summary.write`, which is part of TensorFlow: `tf.summary.scalar` has moved to the
    tensorboard package, and a run must not need that to be trained, only to be looked at.
    """
    import tensorflow as tf

    about = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
    )
    writer = tf.summary.create_file_writer(str(folder), filename_suffix=f".epoch{row['epoch']}")
    with writer.as_default():
        for name, value in row.items():
            if isinstance(value, float):
                tf.summary.write(
                    name, tf.constant(value, tf.float32), step=row["step"], metadata=about
                )
    writer.close()
