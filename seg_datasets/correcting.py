"""Flags that say what a raw folder does not, shared by `check` and `new`."""

from __future__ import annotations

import pathlib
import shlex
import tarfile
import zipfile

from absl import flags

from seg_datasets.core import storage
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.detection.corrections import (
    Corrections,
    parse_classes,
    parse_labels,
    parse_pairs,
    parse_values,
)
from seg_datasets.core.sources import tools

FLAGS = flags.FLAGS

# All but those which may be given again.
NAMES = (
    *("source", "images", "masks", "image_name", "mask_name", "values", "threshold", "labels"),
    *("classes", "ground", "group"),
)
_AGAIN = ("option", "ignore")


def define_flags() -> None:
    """Defines the flags; not at import: who imports this may have flags of these names."""
    flags.DEFINE_enum("source", None, tools.NAMES, "What is meant: masks, or a tool's export.")
    flags.DEFINE_string("images", None, "Folder of the images below the raw folder; {split} in it.")
    flags.DEFINE_string("masks", None, "Folder of the masks.")
    flags.DEFINE_string("image_name", None, "Name of an image: {stem}, {stem}_img, {stem}.jpg.")
    flags.DEFINE_string("mask_name", None, "Name of a mask: {stem}_mask.")
    flags.DEFINE_string("values", None, "What mask values mean: 0=background,255=road,7=void.")
    flags.DEFINE_integer("threshold", None, "Grey value from which on a pixel is the upper class.")
    flags.DEFINE_string("labels", None, "What labels of shapes mean: CAR=vehicle,SIGN=void.")
    flags.DEFINE_string("ground", None, "The class of pixels that no shape covers, or void.")
    flags.DEFINE_multi_string(
        "option", [], "What the tool's source is told: line_width=3; may be given again."
    )
    flags.DEFINE_string("classes", None, "Names of the classes, in the order of the mask values.")
    flags.DEFINE_string(
        "group", None, "Regular expression that finds a sample's group in its id; or auto."
    )
    flags.DEFINE_multi_string("ignore", [], "Pattern of files to leave out; may be given again.")


def no_folder(raw: str) -> str:
    """Why a raw folder cannot be looked at, with what to do; or ""."""
    if storage.is_remote(raw):
        return _no_remote_folder(raw)
    path = pathlib.Path(raw)
    if path.is_dir():
        return ""
    if not path.exists():
        return f"{raw} is no folder: there is nothing of this name"
    if path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path)):
        return f"{raw} is an archive: unpack it, and give the folder"
    return f"{raw} is no folder, but a file: give the folder that holds images and masks"


def _no_remote_folder(raw: str) -> str:
    try:
        there = storage.is_folder(raw)
    except (OSError, DeclarationError) as error:
        return str(error)
    return "" if there else f"{raw} is no folder: there is no object below it"


def typed() -> str:
    """The flags as they were given, to be pasted after another command."""
    values = [(name, FLAGS[name].value) for name in NAMES if FLAGS[name].present]
    values += [(name, given) for name in _AGAIN for given in FLAGS[name].value or ()]
    return "".join(f" --{name}={shlex.quote(str(value))}" for name, value in values)


def given() -> Corrections:
    """What the flags say.

    Raises:
      DeclarationError: one of them cannot be meant.
    """
    return Corrections(
        images=FLAGS.images,
        masks=FLAGS.masks,
        image_name=FLAGS.image_name,
        mask_name=FLAGS.mask_name,
        values=parse_values(FLAGS.values) if FLAGS.values else None,
        threshold=FLAGS.threshold,
        classes=parse_classes(FLAGS.classes) if FLAGS.classes else (),
        group=FLAGS.group,
        ignore=tuple(FLAGS.ignore),
        source=FLAGS.source or "",
        labels=parse_labels(FLAGS.labels) if FLAGS.labels else None,
        ground=FLAGS.ground or "",
        options=parse_pairs(FLAGS.option, "--option", "NAME=VALUE, such as line_width=3"),
    )
