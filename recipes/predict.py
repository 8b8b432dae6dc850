"""Predicts images with the best model of a run: ids, palettes, probabilities, polygons.

    python -m recipes.predict --workdir=runs/aerial-20250101-120000 --input=FOLDER --output=FOLDER

Images of any size: what is larger than a window is read, answered and written window by window, and
the answer is that of the whole image at once. Names are kept. Images whose mask is there are left
out, so a prediction that was stopped goes on where it was. Images that cannot be read are told at
the end, when all others are there.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags

from recipes.core import command, outputs, runs
from recipes.core.errors import RecipeError
from recipes.core.plan import Plan
from seg_datasets.core import records

FLAGS = flags.FLAGS
_SETTINGS = "prediction.json"
_FIRST = 3  # images that an error names


def define_flags() -> None:
    """Defines the flags; not at import: who imports a recipe may have flags of these names."""
    flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
    flags.DEFINE_string("input", None, "An image or a folder of images.", required=True)
    flags.DEFINE_string("output", None, "Folder for what is predicted.", required=True)
    flags.DEFINE_list("write", ["masks"], f"What to write, by commas: {', '.join(outputs.KINDS)}.")
    flags.DEFINE_bool("turns", False, "Average over flipped and turned views: better and slower.")
    flags.DEFINE_integer("window", None, "Side of the windows of large images.")
    flags.DEFINE_string(
        "dicom_window", None, "Grey values of DICOM: file, or CENTRE,WIDTH; stored ones if none."
    )
    flags.DEFINE_bool("overwrite", False, "Predict anew what is there already.")
    flags.DEFINE_string("json", None, "File to write the same facts to.")


def main(argv: Sequence[str]) -> None:
    """Reads the flags and predicts."""
    command.run(argv, _from_flags)


def _from_flags() -> None:
    predict(
        workdir=FLAGS.workdir,
        source=FLAGS.input,
        output=FLAGS.output,
        write=FLAGS.write,
        turns=FLAGS.turns,
        window=FLAGS.window,
        overwrite=FLAGS.overwrite,
        dicom_window=FLAGS.dicom_window,
        json=FLAGS.json,
    )


def predict(
    *,
    workdir: str | pathlib.Path,
    source: str | pathlib.Path,
    output: str | pathlib.Path,
    write: Sequence[str] = ("masks",),
    turns: bool = False,
    window: int | None = None,
    overwrite: bool = False,
    dicom_window: str | None = None,
    json: str | pathlib.Path | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Predicts an image or all images of a folder.

    Args:
      workdir: folder of the run.
      source: an image or a folder of images.
      output: folder for what is predicted.
      write: which of `outputs.KINDS`; masks are always written, the others are made of them.
      turns: average over flipped and turned views.
      window: side of the windows of large images.
      overwrite: predict anew what is there already.
      dicom_window: what grey values of DICOM go through: "file", or "centre,width".
      json: file that takes what is returned.
      say: takes each line for the user.

    Returns:
      the images with their sizes, class pixels and seconds.

    Raises:
      RecipeError: no such run or input; or, after all others were predicted, images that cannot
        be: damaged ones, or of another kind than was trained on.
    """
    if unknown := sorted(set(write) - set(outputs.KINDS)):
        raise RecipeError(f"--write={unknown[0]}: there is {', '.join(outputs.KINDS)}.")
    if window is not None and window < 64:
        raise RecipeError(f"--window={window}: windows are 64 pixels wide or more.")
    grey = _grey(dicom_window)
    run, plan = runs.open_run(pathlib.Path(workdir))
    from recipes.core import inputs

    found, folder = inputs.find(pathlib.Path(source)), pathlib.Path(output)
    import tqdm

    from recipes.core import answering, conclude, tiling

    model, window = conclude.load_best(run), window or tiling.WINDOW
    settings = {
        "run": records.digest(run.best)[0],
        "input": str(pathlib.Path(source).resolve()),
        "turns": turns,
        "window": window,
        "dicom_window": grey,
    }
    _begin(folder, settings, overwrite=overwrite)
    job = _Job(
        plan=plan,
        answer=answering.windows(model, turns=answering.turns(plan) if turns else 1),
        folder=folder,
        write=frozenset(write),
        window=window,
        overwrite=overwrite,
        grey=grey,
    )
    rows: list[dict[str, Any]] = []
    failed: list[tuple[str, inputs.InputError]] = []
    with tqdm.tqdm(total=len(found), unit="image", disable=None, mininterval=0.5) as bar:
        for place, (path, name) in enumerate(found, start=1):
            try:
                rows.append(job.do(path, name, bar.update))
            except inputs.InputError as error:
                failed.append((name, error))
            # Of images that were there or failed, nobody told how far they are.
            bar.update(place - bar.n)
    if not rows:
        raise failed[0][1]
    for name, _ in failed if overwrite else ():
        outputs.forget(folder, name)  # what is there may be of another model
    runs.write_json(folder / _SETTINGS, settings)
    if "coco" in write:
        masks = {row["name"]: pathlib.Path(row["mask"]) for row in rows}
        named = [(path.name, masks[name]) for path, name in found if name in masks]
        outputs.coco(folder / "coco.json", named, plan.dataset.classes)
    told = {
        "run": str(run.folder),
        "output": str(folder),
        "images": rows,
        "classes": [*plan.dataset.classes],
    }
    if failed:
        told["failed"] = [{"name": name, "why": str(error)} for name, error in failed]
    if json:
        runs.write_json(pathlib.Path(json), told)
    new = sum(row["new"] for row in rows)
    say(f"{new} images predicted, {len(rows) - new} were there")
    # Masks are always written.
    kinds = [kind for kind in outputs.KINDS if kind in {*write, "masks"}]
    files = [folder / ("coco.json" if kind == "coco" else kind) for kind in kinds]
    for file in [*files, folder / _SETTINGS, *([json] if json else [])]:
        say(f"written   {file}")
    if failed:
        _complain(failed, len(found), say, overwrite=overwrite)
    return told


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Job:
    """What is done to each image; see `predict`."""

    plan: Plan
    answer: Any
    folder: pathlib.Path
    write: frozenset[str]
    window: int
    overwrite: bool
    grey: str | list[float] | None

    def do(
        self, path: pathlib.Path, name: str, progress: Callable[[float], object]
    ) -> dict[str, Any]:
        """Predicts an image where it is not there; the facts of it.

        Raises:
          InputError: it cannot be read, or is of another kind than was trained on.
        """
        from recipes.core import answering, inputs

        began, folder, dataset = time.monotonic(), self.folder, self.plan.dataset
        with inputs.opened(
            path,
            channels=dataset.channels,
            top=dataset.pixel_top,
            dtype=dataset.dtype,
            dicom_window=self.grey,
        ) as image:
            mask = outputs.mask_path(folder / "masks" / name, image)
            made = (
                self.overwrite
                or not mask.exists()
                or ("probabilities" in self.write and not _probabilities(folder, name))
            )
            if made:
                answering.answer(
                    image,
                    self.answer,
                    folder=folder,
                    name=name,
                    classes=len(dataset.classes),
                    multiple=2**self.plan.depth,
                    window=self.window,
                    keep="probabilities" in self.write,
                    progress=progress,
                )
            size = [image.height, image.width]
        if "palettes" in self.write:
            outputs.palette(folder / "palettes" / name, mask, dataset.palette)
        if "polygons" in self.write:
            outputs.polygons(folder / "polygons" / name, mask, dataset.classes)
        seconds = round(time.monotonic() - began, 3)
        return {"name": name, "size": size, "mask": str(mask), "seconds": seconds, "new": made}


def _complain(
    failed: Sequence[tuple[str, RecipeError]],
    count: int,
    say: Callable[[str], None],
    *,
    overwrite: bool,
) -> None:
    """Tells each image that could not be predicted, and ends the command.

    Raises:
      RecipeError: always.
    """
    for _, error in failed:
        say(f"failed    {error}")
    first = ", ".join(name for name, _ in failed[:_FIRST]) + ", …" * (len(failed) > _FIRST)
    again = "again without --overwrite" if overwrite else "again"
    raise RecipeError(
        f"{len(failed)} of {count} images could not be predicted: {first}. Mend them or take them "
        f"away, and run it {again}: only what is missing is done."
    )


def _grey(said: str | None) -> str | list[float] | None:
    """What `--dicom_window` says.

    Raises:
      RecipeError: it says nothing that could be meant.
    """
    if said is None or said == "file":
        return said
    try:
        centre, width = (float(word) for word in said.split(","))
    except ValueError:
        raise RecipeError(f"--dicom_window={said}: write file, or CENTRE,WIDTH.") from None
    return [centre, width]


def _probabilities(folder: pathlib.Path, name: str) -> bool:
    return any((folder / "probabilities" / f"{name}{end}").exists() for end in (".tif", ".npy"))


def _begin(folder: pathlib.Path, settings: dict[str, Any], *, overwrite: bool) -> None:
    """Writes down what masks are made of; those of another model or image would pass for them.

    Raises:
      RecipeError: the folder holds those of another one.
    """
    path = folder / _SETTINGS
    there = runs.read_json(path) if path.exists() and not overwrite else settings
    if there.get("overwriting"):
        raise RecipeError(f"{folder} is overwritten in part only: go on with --overwrite.")
    if other := [name for name in settings if there.get(name) != settings[name]]:
        told = ["model" if name == "run" else f"--{name}" for name in other]
        raise RecipeError(
            f"{folder} holds predictions with another {', another '.join(told)}: name another "
            "--output, or --overwrite them. Where the images of before were only moved, put their "
            f"new place into {path}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    # A command that is killed while it overwrites leaves masks of both.
    runs.write_json(path, {**settings, "overwriting": True} if overwrite else settings)


if __name__ == "__main__":
    define_flags()
    app.run(main)
