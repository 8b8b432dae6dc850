"""Writes the best model of a run as SavedModel, TFLite or ONNX, and proves that it is the same.

    python -m recipes.export --workdir=runs/aerial-20250101-120000 --format=onnx

The export takes raw pixels and gives ids and probabilities: normalization and padding are in it.
Before it gets its name, real images go through the run's model and through the file; where their
answers differ by more than docs/export.md allows, there is no export.

Cost: a 16-filter U-Net takes half a minute with 50 images of 256 x 256 on 2 cores.
"""

import itertools
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from absl import app, flags

import seg_datasets  # noqa: F401  (tfds.load then knows our datasets by name)
from recipes.core import command, runs
from recipes.core import plan as plans
from recipes.core.errors import RecipeError

FLAGS = flags.FLAGS
FORMATS = ("savedmodel", "tflite", "onnx")


def define_flags() -> None:
    """Defines the flags; not at import: who imports a recipe may have flags of these names."""
    flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
    flags.DEFINE_enum("format", None, FORMATS, "What to write.", required=True)
    flags.DEFINE_string("output", None, "New folder for it; export/FORMAT of the run if none.")
    flags.DEFINE_string("size", "dynamic", "Size it takes: H,W in pixels, or dynamic for any.")
    flags.DEFINE_enum("quantize", None, ["float16"], "Weights of half the size, for TFLite.")
    flags.DEFINE_integer("images", 50, "Images to compare the answers on.", lower_bound=1)
    flags.DEFINE_string("data_dir", None, "Where the dataset lies, if it was moved.")
    flags.DEFINE_string("json", None, "File to write the facts to.")


def main(argv: Sequence[str]) -> None:
    """Reads the flags and exports."""
    command.run(argv, _from_flags)


def _from_flags() -> None:
    # TensorFlow on a GPU rounds products to 10 bits, and its models are compared with others'.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["KERAS_BACKEND"] = "tensorflow"  # which reads the models of other backends
    export(
        workdir=FLAGS.workdir,
        format=FLAGS.format,
        output=FLAGS.output,
        size=FLAGS.size,
        quantize=FLAGS.quantize,
        images=FLAGS.images,
        data_dir=FLAGS.data_dir,
        json=FLAGS.json,
    )


def export(
    *,
    workdir: str | pathlib.Path,
    format: str,
    output: str | pathlib.Path | None = None,
    size: str = "dynamic",
    quantize: str | None = None,
    images: int = 50,
    data_dir: str | None = None,
    json: str | pathlib.Path | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Exports the best model of a run and compares the file with it on real images.

    Args:
      workdir: folder of the run.
      format: one of `FORMATS`.
      output: folder for the export, new or empty; `export/FORMAT` in the run when None.
      size: "H,W", or "dynamic" for any.
      quantize: "float16" for a TFLite file of half the size; None to leave the weights alone.
      images: how many are compared, at most; see docs/export.md for which.
      data_dir: where the dataset lies now; where it lay in training when None.
      json: file that takes what is returned, also when the export fails its comparison.
      say: takes each line for the user.

    Returns:
      what `model.json` beside the export holds.

    Raises:
      RecipeError: no such run, a package that is missing, a converter that gave up, or an export
        that does not give the model's answers; then nothing is left of it.
    """
    folder, taken = pathlib.Path(workdir), _size(size)
    run, plan = runs.open_run(folder)
    if format not in FORMATS:
        raise RecipeError(f"--format={format}: it is one of {', '.join(FORMATS)}.")
    if quantize and format != "tflite":
        raise RecipeError(f"--quantize={quantize} is for --format=tflite.")
    target = pathlib.Path(output) if output else folder / "export" / format
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RecipeError(f"{target} is taken. Move it away, or name another folder by --output.")
    from recipes.core import conclude, exporting
    from recipes.core import dataset as ds

    exporting.refuse_missing(format)
    if data_dir:
        plan = plans.moved(plan, data_dir)
    builder = ds.open_builder(plan.dataset.name, data_dir=plan.dataset.data_dir)
    dtype = builder.info.features[plan.dataset.image_key].np_dtype
    given = exporting.spec(plan, format=format, dtype=np.dtype(dtype).name, size=taken)
    model = exporting.in_float32(conclude.load_best(run))
    digest = exporting.weights_digest(model)

    # It has its own name only once it is proven: a command that is killed leaves no export either.
    part = target.with_name(f".part-{target.name}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        path = exporting.write(model, given, part, format=format, quantize=quantize)
        found = exporting.describe(
            plan, given, format=format, quantize=quantize, builder=builder, weights=digest
        )
        found["files_sha256"] = exporting.file_digests(part)
        found["parity"] = _compare(
            builder, plan, run, path=path, given=given, limit=quantize or format, images=images
        )
        if json:
            runs.write_json(pathlib.Path(json), found)
        say(_told(found))
        if not found["parity"]["passed"]:
            raise exporting.ExportError(
                f"The exported file does not give the model's answers ({_off(found['parity'])}). "
                f"It was removed. Please report it with the versions of {_versions(found)}."
            )
        names = "".join(f"{name}\n" for name in plan.dataset.classes)
        runs.write_text(part / "labels.txt", names)
        runs.write_json(part / "model.json", found)
        if target.exists():
            target.rmdir()
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    say(f"\nexport    {target / found['file']}\nabout it  {target / 'model.json'}")
    return found


def _compare(
    builder: Any,
    plan: plans.Plan,
    run: runs.Run,
    *,
    path: pathlib.Path,
    given: Any,
    limit: str,
    images: int,
) -> dict[str, Any]:
    """The comparison on real images, as `model.json` holds it."""
    from recipes.core import conclude, exporting, parity, scoring

    # Loaded anew: what happened to the model on its way into the file would show.
    trained = conclude.load_best(run)
    model = exporting.in_float32(trained)
    truth = parity.of_keras(scoring.predictor(model, depth=plan.depth))
    reduced = model is not trained
    before = parity.of_keras(scoring.predictor(trained, depth=plan.depth))
    answer = parity.of_file(path)
    split, kept = _images(builder, plan)
    stream = (image.pixels for image in kept)
    _, height, width, _ = given.shape
    exported, precision = parity.Difference(), parity.Difference()
    for pixels in parity.pieces(
        itertools.islice(stream, images),
        size=(height, width) if height else None,
        multiple=given.multiple,
    ):
        expected = truth(pixels)
        exported.add(expected, answer(pixels))
        if reduced:
            precision.add(expected, before(pixels))
    allowed = parity.LIMITS[limit]
    return {
        "split": split,
        "against": "the run's model in float32, run by Keras",
        **exported.facts(),
        "limits": {"equal_ids": allowed.equal, "largest_difference": allowed.probability},
        "passed": exported.within(allowed),
        "trained_precision": {"name": plan.precision, **precision.facts()} if reduced else None,
    }


def _images(builder: Any, plan: plans.Plan) -> tuple[str, Iterator[Any]]:
    """What is compared and its images: of the test split, or what was kept from training."""
    from recipes.core import data
    from recipes.core.unseen import Unseen, each_fold

    dataset = plan.dataset
    if dataset.test is not None:
        return dataset.test, data.images(builder, dataset, dataset.test)
    if plan.is_ensemble:  # an ensemble has seen all there is
        folds = each_fold(builder, plan)
        return data.pool(dataset), (image for held in folds for image in held.images())
    held = Unseen(builder, plan)
    return held.name, held.images()


def _told(found: dict[str, Any]) -> str:
    """The export and its comparison as lines for the terminal."""
    taken, parity = found["input"], found["parity"]
    size = " x ".join("any" if n is None else str(n) for n in taken["shape"][1:3])
    lines = [
        f"model     {found['format']}{', ' + found['quantize'] if found['quantize'] else ''}: "
        f"{taken['dtype']} pixels of {taken['range'][0]} to {taken['range'][1]}, size {size}, to "
        "ids (uint8) and probabilities (float32)",
        f"parity    {parity['images']} images of {parity['split']}, {parity['pixels']} pixels: "
        f"{_off(parity)}",
    ]
    if before := parity["trained_precision"]:
        lines.append(
            f"precision {before['name']}, as it was trained, against float32: {_off(before)}"
        )
    return "\n".join(lines)


def _off(parity: dict[str, Any]) -> str:
    if parity["equal_ids"] is None:
        return "nothing to compare"
    largest = parity["largest_difference"]
    told = "beyond any number" if largest is None else f"{largest:.2g} at most"
    return (
        f"{parity['equal_ids']:.4%} of ids equal, {parity['pixels_that_differ']} pixels differ; "
        f"probabilities differ by {told}"
    )


def _size(said: str) -> tuple[int, int] | None:
    if said == "dynamic":
        return None
    try:
        height, width = (int(word) for word in said.split(","))
    except ValueError:
        height = width = 0
    if height < 1 or width < 1:
        raise RecipeError(
            f"--size={said}: two numbers of pixels, as in --size=512,512, or dynamic."
        )
    return height, width


def _versions(found: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found["versions"].items())


if __name__ == "__main__":
    define_flags()
    app.run(main)
