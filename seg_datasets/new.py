"""A dataset folder out of a raw folder: declaration, README, tags, and a test on drawn data.

    python -m seg_datasets.new roofs --from=RAW
    python -m seg_datasets.new roofs --from=RAW --classes=ground,roof --to=my_datasets

What the raw folder does not tell is a marked question in the declaration, and no answer is made up.
Nothing that exists is touched. Exit status: 0 written, 2 wrong usage or nothing to start from.
"""

from __future__ import annotations

import importlib.util
import keyword
import os
import pathlib
import re
import sys
from collections.abc import Mapping, Sequence

from absl import flags

from seg_datasets import correcting, registration, running
from seg_datasets.core import scaffold
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.detection import inspection
from seg_datasets.core.detection.corrections import Corrections
from seg_datasets.core.detection.guess import GuessError
from seg_datasets.core.printing import printable
from seg_datasets.core.sources import AnnotationError

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags; not at import: who imports this may have flags of these names."""
    correcting.define_flags()
    flags.DEFINE_string("from", "", "The raw folder.")
    flags.DEFINE_string("to", ".", "Where the dataset folder is made.")


def main(argv: Sequence[str]) -> int:
    """Reads the flags and makes a dataset folder."""
    raw = FLAGS["from"].value
    if len(argv) != 2 or not raw:
        print("give a name: python -m seg_datasets.new NAME --from=RAW", file=sys.stderr)
        return 2
    try:
        given = correcting.given()
    except DeclarationError as error:
        print(error, file=sys.stderr)
        return 2
    return make(argv[1], raw, given, to=FLAGS.to)


def make(name: str, raw: str, given: Corrections | None = None, *, to: str = ".") -> int:
    """Makes a dataset folder and prints what comes next; the exit status."""
    folder = pathlib.Path(to) / name
    # In a checkout of this package tests have a folder of their own, which `make test` runs.
    package = pathlib.Path(registration.__file__).parent
    ours = folder.parent.resolve() == package
    beside = pathlib.Path(os.path.relpath(package.parent / "tests"))
    tests = beside if ours and beside.is_dir() else folder
    reason = (
        correcting.no_folder(raw)
        or f"{folder} exists already; nothing was written. Remove it, or take another name"
        * folder.exists()
        or f"{package.name}/{name}.py exists" * (ours and (package / f"{name}.py").exists())
        or unfit(name)
    )
    if reason:
        print(reason, file=sys.stderr)
        return 2
    try:
        found = inspection.by_guess(raw, given)
    except (DeclarationError, GuessError, AnnotationError) as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    module = f"{__package__}.{name}" if ours else name
    made = scaffold.make(name, found, module=module, tests_beside=tests == folder)
    written = [folder / file for file in made.folder] + [tests / file for file in made.tests]
    if there := [path for path in written if path.exists()]:
        print(f"{there[0]} exists already; nothing was written", file=sys.stderr)
        return 2
    try:
        _write(folder, made.folder)
        _write(tests, made.tests)
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print("\n".join(f"wrote {path}" for path in written))
    _print_next(folder, tests, raw, found, made)
    return 0


def unfit(name: str) -> str:
    """Why a name cannot be that of a dataset, or ""."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        return (
            f"{name!r} is no name for a dataset: lower-case letters, figures and _, as in roofs_2"
        )
    if name in registration.dataset_names():
        return f"there is a dataset {name} in this package; take another name"
    # A folder without code, the raw folder for one, has no origin and is in nobody's way.
    if (spec := importlib.util.find_spec(name)) is not None and spec.origin:
        return f"there is a Python package or module {name}, which would be imported in its place"
    import tensorflow_datasets as tfds

    if name in tfds.list_builders(with_community_datasets=False):
        return f"TensorFlow Datasets has a dataset {name}; take another name, such as {name}_seg"
    return ""


def _write(folder: pathlib.Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _print_next(
    folder: pathlib.Path,
    tests: pathlib.Path,
    raw: str,
    found: inspection.Inspection,
    made: scaffold.Scaffold,
) -> None:
    blocking = [q for q in made.questions if q.blocking]
    print()
    for number, question in enumerate(made.questions, 1):
        print(printable(f"QUESTION {number}{' *' if question.blocking else ''}: {question}"))
    if blocking:
        builder = folder / f"{folder.name}_dataset_builder.py"
        print(
            f"Answer those with a * where they are marked in {builder} before anything is "
            f"built; or remove {folder} and run this again with the flags."
        )
    print(f"\n{inspection.verdict(found)}\n")
    test = next((name for name in made.tests if "test" in name), "")
    kind = type(found.examined.declaration.source).__name__
    print(
        f"test it:   python -m pytest {tests / test}"
        if test
        else f"test it:   no test was written, since nothing draws raw data for {kind}: put a few "
        f"of your files into {folder / 'dummy_data'} and write one (docs/testing.md)"
    )
    print(f"build it:  tfds build {folder} --manual_dir={raw}")


if __name__ == "__main__":
    running.run(main, define_flags)
