"""Scores the best model of a run on a split, on original sizes; or two runs, one against the other.

    python -m recipes.evaluate --workdir=runs/aerial-20250101-120000 --split=test
    python -m recipes.evaluate --workdir=runs/mine --against=runs/yours

docs/scores.md says what each figure is.
"""

import math
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags

import seg_datasets  # noqa: F401  (tfds.load then knows our datasets by name)
from recipes.core import boundaries, command, runs
from recipes.core import plan as plans
from recipes.core.errors import RecipeError

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags; not at import: who imports a recipe may have flags of these names."""
    flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
    flags.DEFINE_string("against", None, "Folder of another run of the dataset, to compare with.")
    flags.DEFINE_string("split", "test", "Split to score, a part of one: test[:10%], or held_out.")
    flags.DEFINE_string("data_dir", None, "Where the dataset lies, if it was moved.")
    flags.DEFINE_float(
        "nsd_tolerance", boundaries.TOLERANCE, "Pixels a border may be off and is still met."
    )
    flags.DEFINE_string("json", None, "File to write the same facts to.")


def main(argv: Sequence[str]) -> None:
    """Reads the flags and scores."""
    command.run(argv, _from_flags)


def _from_flags() -> None:
    evaluate(
        workdir=FLAGS.workdir,
        against=FLAGS.against,
        split=FLAGS.split,
        data_dir=FLAGS.data_dir,
        nsd_tolerance=FLAGS.nsd_tolerance,
        json=FLAGS.json,
    )


def evaluate(
    *,
    workdir: str | pathlib.Path,
    against: str | pathlib.Path | None = None,
    split: str = "test",
    data_dir: str | None = None,
    nsd_tolerance: float = boundaries.TOLERANCE,
    json: str | pathlib.Path | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Scores the best model of a run on a split, unpadded and on original sizes.

    Args:
      workdir: folder of the run.
      against: folder of another run, scored on the same images and compared, group by group.
      split: of the run's dataset, or `held_out`: what the run was validated on in place of one.
      data_dir: where the dataset lies now; where it lay in training when None.
      nsd_tolerance: pixels a border may be off and is still met.
      json: file that takes what is returned.
      say: takes each line for the user.

    Returns:
      the scores, as `scores.json` of a run holds them; with `against`, the comparison under
      "comparison" and the other run's scores under "against" as well.

    Raises:
      RecipeError: no such run or split, a mask value that no class has, or runs that cannot be
        compared.
    """
    if not (math.isfinite(nsd_tolerance) and nsd_tolerance >= 0):
        raise RecipeError(f"--nsd_tolerance={nsd_tolerance:g}: a number of pixels, 0 or more.")
    folders = [pathlib.Path(folder) for folder in (workdir, against) if folder is not None]
    opened = [runs.open_run(folder) for folder in folders]
    from recipes.core import comparison, conclude, scoring
    from recipes.core import dataset as ds

    if data_dir:
        opened = [(run, plans.moved(plan, data_dir)) for run, plan in opened]
    builders = [
        ds.open_builder(plan.dataset.name, data_dir=plan.dataset.data_dir) for _, plan in opened
    ]
    if against is not None:
        names = (builders[0].info.full_name, builders[1].info.full_name)
        comparison.refuse_strangers(opened[0][1], opened[1][1], names)
    results, told = [], []
    for (run, plan), builder in zip(opened, builders, strict=True):
        predict = scoring.predictor(conclude.load_best(run), depth=plan.depth)
        results.append(
            conclude.score_split(builder, plan, predict, split, nsd_tolerance=nsd_tolerance)
        )
        told.append(scoring.facts(results[-1]))
        say(f"{run.folder}: {plan.dataset.name}, {split}, original sizes")
        say(f"{scoring.table(told[-1])}\n\n{scoring.detail_table(told[-1])}")
        if note := _seen_before(plan, split):
            say(f"note      {note}")
        say(f"\npage      {run.page}\npictures  {run.pictures}\n")
    found = told[0]
    if against is not None:
        compared = comparison.compare(*results)
        found = {**found, "comparison": compared, "against": told[1]}
        say(f"{folders[0]} against {folders[1]}, {split}:\n{comparison.table(compared)}")
    if json:
        runs.write_json(pathlib.Path(json), found)
    return found


def _seen_before(plan: plans.Plan, split: str) -> str:
    """What makes a score look better than it is; nothing for a split that was kept apart."""
    from recipes.core import data, unseen

    parts = {part.split("[", maxsplit=1)[0].strip() for part in split.split("+")}
    trained = data.pool(plan.dataset) if plan.folds else plan.dataset.train
    if not parts.isdisjoint(trained.split("+")):
        return f"the model was trained on {trained}: {split} may hold the same images."
    if unseen.validated_on(plan) in parts:
        return f"the model was chosen by its score on {split}: a test split says more."
    return ""


if __name__ == "__main__":
    define_flags()
    app.run(main)
