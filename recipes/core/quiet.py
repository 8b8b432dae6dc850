"""Keeps the libraries' own log out of what a command prints."""

import os


def quiet() -> None:
    """Leaves TFDS's errors, and what is raised; call it before TensorFlow is imported.

    TFDS logs two lines each time a split is opened, which is after every epoch, and TensorFlow its
    build options: between them a user would not find a score. Both can be had back, by --verbosity
    and TF_CPP_MIN_LOG_LEVEL.
    """
    from absl import flags, logging

    # Errors as well: TensorFlow logs as one that there is no GPU, and that oneDNN leaves bytes to
    # other code. What stops it is an exception in Python too.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.ERROR)
