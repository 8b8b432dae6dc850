"""Ranks the labels of a data set by how likely they are wrong, with models that have not seen them.

    python -m recipes.unet  --dataset=aerial --folds=3 --workdir=runs/folds
    python -m recipes.audit --workdir=runs/folds

Every label of train and validation is held against the model of the fold that left it out.
docs/audit.md says how labels are ranked and what the files hold.
"""

import math
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from absl import app, flags

import seg_datasets  # noqa: F401  (tfds.load then knows our datasets by name)
from recipes.core import command, runs
from recipes.core import plan as plans
from recipes.core.errors import RecipeError

FLAGS = flags.FLAGS
SHOWN = 10  # labels that the terminal shows


def define_flags() -> None:
    """Defines the flags; not at import: who imports a recipe may have flags of these names."""
    flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
    flags.DEFINE_integer("most", 100, "Labels to list, the most suspicious ones.")
    flags.DEFINE_bool("all", False, "Of a run without folds: also what it was trained on.")
    flags.DEFINE_string("data_dir", None, "Where the dataset lies, if it was moved.")
    flags.DEFINE_string("json", None, "File to write the same facts to.")


def main(argv: Sequence[str]) -> None:
    """Reads the flags and audits."""
    command.run(argv, _from_flags)


def _from_flags() -> None:
    audit(
        workdir=FLAGS.workdir,
        most=FLAGS.most,
        everything=bool(FLAGS["all"].value),
        data_dir=FLAGS.data_dir,
        json=FLAGS.json,
    )


def audit(
    *,
    workdir: str | pathlib.Path,
    most: int = 100,
    everything: bool = False,
    data_dir: str | None = None,
    json: str | pathlib.Path | None = None,
    page: bool = True,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Ranks labels by how likely they are wrong; writes a page and a CSV below the run.

    Args:
      workdir: folder of the run; with folds, each label is judged by a model that has not seen it.
      most: how many labels to list.
      everything: of a run without folds, judge what it was trained on as well.
      data_dir: where the dataset lies now; where it lay in training when None.
      json: file that takes what is returned.
      page: whether to draw the page.
      say: takes each line for the user.

    Returns:
      how many were judged, what the listed ones look like, and each of them, the worst first.

    Raises:
      RecipeError: no such run, a fold that was not finished, or a mask value that no class has.
    """
    if most < 1:
        raise RecipeError(f"--most={most}: list at least one label.")
    run, plan = runs.open_run(pathlib.Path(workdir))
    from recipes.core import audit_page, auditing, scoring
    from recipes.core import dataset as ds
    from recipes.core import suspects as order

    if data_dir:
        plan = plans.moved(plan, data_dir)
    builder = ds.open_builder(plan.dataset.name, data_dir=plan.dataset.data_dir)
    sources, notes = auditing.sources(builder, plan, run, everything=everything)
    seen, mean_iou = _read(sources, say, classes=len(plan.dataset.classes))
    ranked = order.rank(seen)
    suspects = ranked[:most]
    flagged = sum(one.score > 0 for one in ranked)
    found: dict[str, Any] = {
        "count": len(seen),
        "splits": dict(Counter(trace.split for trace in seen)),
        "kinds": dict(Counter(one.kind for one in suspects if one.kind)),
        "mean_iou": None if math.isnan(mean_iou) else round(mean_iou, 6),
        "suspicious": flagged,
        "doubt": order.doubt(mean_iou, flagged, len(seen)),
        "notes": notes,
        "examples": [_row(one, plan.dataset.classes) for one in suspects],
    }
    folder = run.folder / "audit"
    folder.mkdir(exist_ok=True)
    runs.write_text(
        folder / "suspects.csv",
        audit_page.table(suspects, plan.dataset, auditing.paths(builder)),
    )
    if page:
        wanted = {(one.split, one.name): one for one in suspects[: audit_page.MOST]}
        drawn = {
            key: audit_page.draw(
                image,
                predict(image.pixels),
                wanted[key],
                palette=plan.dataset.palette,
                top=plan.dataset.pixel_top,
            )
            for source in sources
            for split, image, predict in source.images()
            if (key := (split, image.name)) in wanted
        }
        html = audit_page.render(
            title=f"Labels of {ds.title(plan.dataset.name)} to look at",
            drawn=[drawn[key] for key in wanted],
            suspects=suspects,
            dataset=plan.dataset,
            facts=found,
        )
        runs.write_text(folder / "index.html", html)
    say(f"models    mean IoU {scoring.text(found['mean_iou'])} against the labels")
    if found["doubt"]:
        say(f"doubt     {found['doubt']}")
    for place, one in enumerate(suspects[:SHOWN], start=1):
        say(f"{place:>4}  {one.score:.3f}  {one.name}  {audit_page.told(one, plan.dataset)}")
    for note in notes:
        say(f"note      {note}")
    listed, above = len(suspects), min(len(suspects), SHOWN)
    say(f"\n{len(seen)} labels judged: the first {above} above, the first {listed} in the table")
    say(f"table     {folder / 'suspects.csv'}")
    if page:
        say(f"page      {folder / 'index.html'}")
    if json:
        runs.write_json(pathlib.Path(json), found)
    return found


def _read(sources: Any, say: Callable[[str], None], *, classes: int) -> tuple[list[Any], float]:
    """What is kept of each label, and the mean IoU of the models against all of them."""
    from recipes.core import auditing, metrics

    counts = np.zeros((classes, classes), np.int64)

    def each() -> Iterator[Any]:
        for source in sources:
            say(f"judging   {source.name}")
            for split, image, predict in source.images():
                shown = predict(image.pixels)
                counts[:] += metrics.confusion(image.ids, shown.argmax(-1), classes=classes)
                yield auditing.look(image, shown, split=split)

    return list(each()), metrics.mean(metrics.iou(counts))


def _row(one: Any, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "id": one.name,
        "split": one.split,
        "group": one.group,
        "score": round(one.score, 6),
        "kind": one.kind,
        "labelled": None if one.labelled is None else classes[one.labelled],
        "suspected": None if one.suspected is None else classes[one.suspected],
        "box": None if one.box is None else list(one.box),
        "move": None if one.move is None else list(one.move),
    }


if __name__ == "__main__":
    define_flags()
    app.run(main)
