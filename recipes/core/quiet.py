"""Keeps the libraries' own log out of what a command prints."""

import os


def quiet() -> None:
    """Leaves errors only; call it before TensorFlow is imported.

    TFDS logs two lines each time a split is opened, which is after every epoch, and TensorFlow its
    build options: between them a user would not find a score. Both can be had back, by --verbosity
    and TF_CPP_MIN_LOG_LEVEL.
    """
    from absl import flags, logging

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.ERROR)
