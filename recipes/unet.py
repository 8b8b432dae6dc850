"""Trains a U-Net on a segmentation dataset of TFDS, scores it, and leaves a page to look at.

    python -m recipes.unet --dataset=aerial

Nothing else is needed: crop, size of the model, schedule and class weights are planned from the
dataset and the machine, and every entry of the plan is a flag.

Cost: the sample of `aerial` (88 scenes of 256 x 256, 1056 steps) takes 4 minutes on 2 cores
with bfloat16 and 1.1 GB of memory; `--budget=3m` keeps it, with the scoring, to three. Score to
expect: building IoU 0.94 on the test split, two cities that were not trained on.
"""

import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import app, flags

import seg_datasets  # noqa: F401  (tfds.load then knows our datasets by name)
from recipes.core import command, planning, runs
from recipes.core import plan as plans
from recipes.core.errors import RecipeError

FLAGS = flags.FLAGS
DESCRIBED = ("image_key", "mask_key", "num_classes", "void_id", "mask_offset", "validation_share")


def define_flags() -> None:
    """Defines the flags; not at import: who imports a recipe may have flags of these names."""
    flags.DEFINE_string("dataset", None, "Dataset, as tfds.load takes it, or its folder.")
    flags.DEFINE_string("data_dir", None, "Where TFDS built it, unless its default.")
    flags.DEFINE_string("workdir", None, "Folder of the run; a new one under runs/ if none.")
    flags.DEFINE_bool("resume", False, "Go on with the run in --workdir.")
    # What a dataset does not say itself.
    flags.DEFINE_string("image_key", None, "Feature that holds the image.")
    flags.DEFINE_string("mask_key", None, "Feature that holds the mask.")
    flags.DEFINE_integer("num_classes", None, "Number of classes, if the dataset is silent.")
    flags.DEFINE_integer("void_id", None, "Mask value that means void; the dataset's, or 255.")
    flags.DEFINE_integer("mask_offset", None, "Taken from each mask value: 1 if ids start at 1.")
    flags.DEFINE_integer("validation_share", None, "Percent of train, without a validation split.")
    # Entries of the plan.
    flags.DEFINE_integer("crop", None, "Side of the training crops, in pixels.")
    flags.DEFINE_integer("depth", None, "How often the U-Net halves the image.")
    flags.DEFINE_integer("width", None, "Filters of the U-Net's first level.")
    flags.DEFINE_string("encoder", None, "What leads down: plain, or of keras.applications.")
    flags.DEFINE_string("encoder_weights", None, "Of the encoder: none, imagenet, or a file.")
    flags.DEFINE_bool("residual", None, "Each block adds its input to what it comes to.")
    flags.DEFINE_bool("deep_supervision", None, "Coarser levels are told the truth as well.")
    flags.DEFINE_integer("batch", None, "Crops per step.")
    flags.DEFINE_float("rare_share", None, "Share of the crops that are cut near a rare class.")
    flags.DEFINE_integer("steps", None, "Steps of training.")
    flags.DEFINE_integer("epochs", None, "Steps of training, as passes over the train split.")
    flags.DEFINE_string("budget", None, "Time for training and final scoring: 20m, 1h, 90s.")
    flags.DEFINE_integer("epoch_steps", None, "Steps between two validations.")
    flags.DEFINE_integer("patience", None, "Epochs without a better validation; 0: never stop.")
    flags.DEFINE_float("learning_rate", None, "Highest learning rate.")
    flags.DEFINE_float("warmup", None, "Share of the run in which the learning rate rises.")
    flags.DEFINE_float("weight_decay", None, "Weight decay of AdamW.")
    flags.DEFINE_float("clip", None, "Largest global norm of the gradient; 0: no limit.")
    flags.DEFINE_float("ema", None, "Share of the averaged weights kept in a step; 0: none.")
    flags.DEFINE_list("class_weights", None, "One weight per class, by commas.")
    flags.DEFINE_float("weights_until", None, "Share of the run in which they fade to 1; 0: never.")
    flags.DEFINE_string("loss", None, "A sum of ce, focal, dice, tversky, boundary: ce+0.5*dice.")
    flags.DEFINE_enum("augment", None, sorted(planning.PRESETS), "How images are varied.")
    flags.DEFINE_float("zoom", None, "How much size is varied: 1 is from half to twice.")
    flags.DEFINE_float("rotate", None, "Largest turn either way, in degrees.")
    flags.DEFINE_float("shear", None, "Largest slant either way, in degrees.")
    flags.DEFINE_float("elastic", None, "Largest bend, in pixels of a crop.")
    flags.DEFINE_float("light", None, "How much light and colour are varied, 0 to 1.")
    flags.DEFINE_float("hue", None, "How far colours are turned; 1 is all around the wheel.")
    flags.DEFINE_float("blur", None, "Largest blur, sigma in pixels.")
    flags.DEFINE_float("noise", None, "Largest grain, as a share of the range of values.")
    flags.DEFINE_float("cut_out", None, "Largest hole, as a share of the crop's side.")
    flags.DEFINE_bool("upright", None, "No quarter turns: the images have an up and a down.")
    flags.DEFINE_enum("precision", None, ["auto", "float32", "bfloat16"], "Of the convolutions.")
    flags.DEFINE_integer("seed", None, "Of weights, order and augmentation.")
    flags.DEFINE_integer("folds", None, "Cross-validation over train and validation; 0: none.")
    flags.DEFINE_integer("fold", None, "The one that is held out; -1: each, for an ensemble.")


def main(argv: Sequence[str]) -> None:
    """Reads the flags and trains."""
    command.run(argv, _from_flags)


def _from_flags() -> None:
    overrides = _given(sorted(planning.OVERRIDES))
    if "class_weights" in overrides:
        overrides["class_weights"] = _numbers(overrides["class_weights"])
    train_and_evaluate(
        dataset=FLAGS.dataset,
        data_dir=FLAGS.data_dir,
        workdir=FLAGS.workdir,
        resume=FLAGS.resume,
        described=_given(DESCRIBED),
        overrides=overrides,
    )


def train_and_evaluate(
    *,
    dataset: str | None = None,
    data_dir: str | None = None,
    workdir: str | pathlib.Path | None = None,
    resume: bool = False,
    described: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Trains a U-Net, keeps the best model of validation, and scores it on the test split.

    Args:
      dataset: as `tfds.load` takes it, or the folder it was prepared in.
      data_dir: where TFDS prepared it.
      workdir: folder of the run, new or empty; one under `runs/` when None.
      resume: go on with the run in `workdir` instead of starting one.
      described: what the dataset does not say itself; arguments of `describe.describe`.
      overrides: entries of the plan that are decided; see `planning.OVERRIDES`.
      say: takes each line for the user.

    Returns:
      the scores of the best model, as `scores.json` holds them.

    Raises:
      RecipeError: anything the user can put right.
    """
    began = time.monotonic()
    # Imported here: flags, --help and every refusal should not wait seconds for TensorFlow.
    from recipes.core import conclude, describe, device, ensemble, folds, scoring, training
    from recipes.core import dataset as ds

    if resume:
        run, plan = _resumed(workdir, dataset, described, overrides)
        if data_dir:  # the dataset may have been moved since
            plan = plans.moved(plan, data_dir)
    else:
        if not dataset:
            raise RecipeError("--dataset says what to train on, for example --dataset=aerial.")
        folder = pathlib.Path(workdir) if workdir else runs.new_folder(dataset)
        runs.refuse_taken(folder)
        folded = bool((overrides or {}).get("folds"))
        facts = describe.describe(dataset, data_dir=data_dir, folded=folded, **(described or {}))
        plan = planning.make(facts, device.find(), overrides)
        run = runs.create(folder, plan)
    say(plans.text(plan))
    builder = ds.open_builder(plan.dataset.name, data_dir=plan.dataset.data_dir)
    if plan.folds and (note := folds.note(folds.of(builder, plan))):
        say(f"note      {note}")
    beyond = None
    if plan.is_ensemble:
        beyond = ensemble.train(builder, plan, run, say=say, began=began)
    else:
        training.train(builder, plan, run, say=say, began=began)
    found = conclude.conclude(builder, plan, run, scored=beyond)
    say(f"\nBest model on {found['split']}, original sizes:\n{scoring.table(found)}")
    say(f"\npage      {run.page}\npictures  {run.pictures}\nscores    {run.scores}")
    for doubt in conclude.doubts(plan, run):
        say(f"note      {doubt}")
    return found


def _resumed(
    workdir: str | pathlib.Path | None,
    dataset: str | None,
    described: Mapping[str, Any] | None,
    overrides: Mapping[str, Any] | None,
) -> tuple[runs.Run, plans.Plan]:
    if not workdir:
        raise RecipeError("--resume needs --workdir, the folder of the run to go on with.")
    run, plan = runs.open_run(pathlib.Path(workdir))
    plans.refuse_changes(plan, dataset=dataset, described=described, overrides=overrides)
    return run, plan


def _given(names: Sequence[str]) -> dict[str, Any]:
    return {name: FLAGS[name].value for name in names if FLAGS[name].value is not None}


def _numbers(words: Sequence[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise RecipeError(f"--class_weights={','.join(words)}: {error}.") from error


if __name__ == "__main__":
    define_flags()
    app.run(main)
