"""Flags that say what a raw folder does not, shared by `check` and `new`."""

from __future__ import annotations

from absl import flags

from seg_datasets.core.detection.corrections import Corrections, parse_classes, parse_values

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags; not at import: who imports this may have flags of these names."""
    flags.DEFINE_string("images", None, "Folder of the images below the raw folder; {split} in it.")
    flags.DEFINE_string("masks", None, "Folder of the masks.")
    flags.DEFINE_string("image_name", None, "Name of an image: {stem}, {stem}_img, {stem}.jpg.")
    flags.DEFINE_string("mask_name", None, "Name of a mask: {stem}_mask.")
    flags.DEFINE_string("values", None, "What mask values mean: 0=background,255=road,7=void.")
    flags.DEFINE_integer("threshold", None, "Grey value from which on a pixel is the upper class.")
    flags.DEFINE_string("classes", None, "Names of the classes, in the order of the mask values.")
    flags.DEFINE_string(
        "group", None, "Regular expression that finds a sample's group in its id; or auto."
    )
    flags.DEFINE_multi_string("ignore", [], "Pattern of files to leave out; may be given again.")


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
    )
