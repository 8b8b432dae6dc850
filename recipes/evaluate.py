"""Scores the best model of a run on a split, on original sizes.

python -m recipes.evaluate --workdir=runs/aerial-20250101-120000 --split=test
"""

import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags

import seg_datasets  # noqa: F401  (tfds.load then knows our datasets by name)
from recipes.core import plan as plans
from recipes.core import quiet, runs
from recipes.core.errors import RecipeError

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags; not at import: who imports a recipe may have flags of these names."""
    flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
    flags.DEFINE_string("split", "test", "Split to score, or a part of one: test[:10%].")
    flags.DEFINE_string("data_dir", None, "Where the dataset lies, if it was moved.")
    flags.DEFINE_string("json", None, "File to write the same facts to.")


def main(argv: Sequence[str]) -> None:
    """Reads the flags and scores."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    quiet.quiet()
    try:
        evaluate(workdir=FLAGS.workdir, split=FLAGS.split, data_dir=FLAGS.data_dir, json=FLAGS.json)
    except RecipeError as error:
        sys.exit(f"error: {error}")


def evaluate(
    *,
    workdir: str | pathlib.Path,
    split: str = "test",
    data_dir: str | None = None,
    json: str | pathlib.Path | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Scores the best model of a run on a split, unpadded and on original sizes.

    Args:
      workdir: folder of the run.
      split: of the run's dataset.
      data_dir: where the dataset lies now; where it lay in training when None.
      json: file that takes what is returned.
      say: takes each line for the user.

    Returns:
      the scores, as `scores.json` of a run holds them.

    Raises:
      RecipeError: no such run or split, or a mask value that no class has.
    """
    run, plan = runs.open_run(pathlib.Path(workdir))
    from recipes.core import conclude, scoring
    from recipes.core import dataset as ds

    if data_dir:
        plan = plans.moved(plan, data_dir)
    builder = ds.open_builder(plan.dataset.name, data_dir=plan.dataset.data_dir)
    predict = scoring.predictor(conclude.load_best(run), depth=plan.depth)
    found = scoring.facts(conclude.score_split(builder, plan, predict, split))
    say(f"{plan.dataset.name}, {split}, original sizes:\n{scoring.table(found)}")
    say(f"\npage      {run.page}\npictures  {run.pictures}")
    if json:
        runs.write_json(pathlib.Path(json), found)
    return found


if __name__ == "__main__":
    define_flags()
    app.run(main)
