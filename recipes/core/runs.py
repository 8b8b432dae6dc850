"""The folder of a run: what was planned, what happened, the best model, how good it is.

plan.json       every choice of the run
history.jsonl   one line per epoch
best.keras      the model with the best validation, ready to use
last.npz        weights, optimizer and position, for --resume
scores.json     how good the best model is on the test split
pictures/       image, truth, prediction and error side by side
index.html      all of it on one page
tensorboard/    the curves, for TensorBoard
"""

import dataclasses
import datetime
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recipes.core import dataset as ds
from recipes.core import plan as plans
from recipes.core.errors import RecipeError


class RunError(RecipeError):
    """A run folder that is taken, missing or not one."""


@dataclasses.dataclass(frozen=True)
class Run:
    """Where the parts of a run lie."""

    folder: pathlib.Path

    @property
    def plan(self) -> pathlib.Path:
        """Every choice of the run."""
        return self.folder / "plan.json"

    @property
    def history(self) -> pathlib.Path:
        """One line of JSON per epoch."""
        return self.folder / "history.jsonl"

    @property
    def best(self) -> pathlib.Path:
        """The model with the best validation."""
        return self.folder / "best.keras"

    @property
    def last(self) -> pathlib.Path:
        """What `--resume` goes on from."""
        return self.folder / "last.npz"

    @property
    def scores(self) -> pathlib.Path:
        """Scores of the best model on the test split."""
        return self.folder / "scores.json"

    @property
    def pictures(self) -> pathlib.Path:
        """Folder of the pictures."""
        return self.folder / "pictures"

    @property
    def page(self) -> pathlib.Path:
        """The page of the run."""
        return self.folder / "index.html"

    @property
    def tensorboard(self) -> pathlib.Path:
        """Folder that TensorBoard is pointed to."""
        return self.folder / "tensorboard"


def new_folder(dataset: str) -> pathlib.Path:
    """A folder name under `runs/` that tells the dataset, its config and the time."""
    plain = ds.title(dataset).replace("/", "-")
    return pathlib.Path("runs") / f"{plain}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def refuse_taken(folder: pathlib.Path) -> None:
    """Stops a run that would go into a folder where something lies.

    Raises:
      RunError: a run never overwrites another.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        told = "another run" if (folder / "plan.json").exists() else "other files"
        raise RunError(
            f"{folder} holds {told}. Go on with a run by --resume --workdir={folder}, or name "
            "another folder."
        )


def create(folder: pathlib.Path, plan: plans.Plan) -> Run:
    """Starts a run in a folder that is new or empty.

    Raises:
      RunError: something lies there.
    """
    refuse_taken(folder)
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder)
    write_json(run.plan, plans.to_json(plan))
    return run


def open_run(folder: pathlib.Path) -> tuple[Run, plans.Plan]:
    """A run that was started before, and its plan.

    Raises:
      RunError: no run lies there.
    """
    run = Run(folder)
    if not run.plan.exists():
        raise RunError(f"{folder} holds no run: there is no plan.json in it.")
    return run, plans.from_json(read_json(run.plan))


def read_json(path: pathlib.Path) -> Any:
    """What a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_lines(path: pathlib.Path) -> list[dict[str, Any]]:
    """The rows of a file with one line of JSON each."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_json(path: pathlib.Path, data: Mapping[str, Any]) -> None:
    """Writes JSON so that a reader never sees half of it."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def write_lines(path: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes one line of JSON per row."""
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text so that a reader never sees half of it."""
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def write_whole(path: pathlib.Path, write: Callable[[pathlib.Path], Any]) -> None:
    """Has a file written beside its place and moves it there: a killed run leaves the old one."""
    part = path.with_name(f".part-{path.name}")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
