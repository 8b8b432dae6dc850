"""What is in a raw folder, and what is wrong with it?

    python -m seg_datasets.check RAW
    python -m seg_datasets.check RAW --values=0=background,255=road --json=found.json
    python -m seg_datasets.check RAW --dataset=seg_datasets/aerial --report=page.html

Nothing is written but what is asked for. Exit status: 0 clean, warnings allowed; 1 errors; 2 wrong
usage, or nothing that could be checked.
"""

from __future__ import annotations

import json
import pathlib
import shlex
import sys
from collections.abc import Sequence

from absl import flags

from seg_datasets import correcting, registration, running
from seg_datasets.core import commands
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.detection import inspection
from seg_datasets.core.detection.corrections import Corrections
from seg_datasets.core.detection.guess import GuessError
from seg_datasets.core.detection.inspection import Inspection
from seg_datasets.core.printing import printable
from seg_datasets.core.sources import AnnotationError
from seg_datasets.core.survey import declared

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags; not at import: who imports this may have flags of these names."""
    correcting.define_flags()
    flags.DEFINE_string(
        "dataset", "", "Take the declaration of this dataset: name, name/config, or folder."
    )
    flags.DEFINE_string("json", "", "Also write the result to this file.")
    flags.DEFINE_string("report", "", "Also write a page with pictures to this file, name.html.")


def main(argv: Sequence[str]) -> int:
    """Reads the flags and checks."""
    if len(argv) != 2:
        print("give one raw folder: python -m seg_datasets.check RAW", file=sys.stderr)
        return 2
    try:
        given = correcting.given()
    except DeclarationError as error:
        print(error, file=sys.stderr)
        return 2
    return check(
        argv[1],
        given,
        dataset=FLAGS.dataset,
        json_file=FLAGS.json,
        report_file=FLAGS.report,
        typed=correcting.typed(),
    )


def check(
    raw: str,
    given: Corrections | None = None,
    *,
    dataset: str = "",
    json_file: str = "",
    report_file: str = "",
    typed: str = "",
) -> int:
    """Checks a raw folder and prints what there is to say; the exit status.

    Args:
      raw: the folder.
      given: what the user states of it.
      dataset: whose declaration is taken instead.
      json_file: where the result goes as well, or "".
      report_file: where the page goes, or "".
      typed: the flags behind `given`, for the commands that the page shows.
    """
    reason = (
        correcting.no_folder(raw)
        or running.unwritable("json", json_file)
        or running.unwritable("report", report_file)
        or f"what {raw} is, {dataset} states: leave the other flags out"
        * bool(dataset and given not in (None, Corrections()))
    )
    if reason:
        print(reason, file=sys.stderr)
        return 2
    try:
        found = _inspect(raw, given, dataset)
    except (LookupError, DeclarationError, GuessError, AnnotationError) as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    print(inspection.describe(found))
    try:
        if json_file:
            text = json.dumps(inspection.to_json(found), indent=1, ensure_ascii=False)
            pathlib.Path(json_file).write_text(text + "\n", encoding="utf-8")
        if report_file:
            _report(found, pathlib.Path(report_file), typed)
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    return 1 if found.examined.errors else 0


def _inspect(raw: str, given: Corrections | None, dataset: str) -> Inspection:
    if not dataset:
        return inspection.by_guess(raw, given)
    declaration = declared(*registration.builder_and_config(dataset))
    return inspection.by_declaration(raw, declaration, dataset=dataset)


def _report(found: Inspection, path: pathlib.Path, typed: str) -> None:
    from seg_datasets.core import report

    raw = shlex.quote(found.raw)
    if found.dataset:
        builder, config = registration.builder_and_config(found.dataset)
        named = config.name if config else ""
        how = commands.build_and_verify(builder.name, builder.pkg_dir_path, config=named, raw=raw)
    else:
        new, without_code = inspection.ways_to_build(found.raw, typed)
        how = "\n".join((new, commands.build_and_verify("NAME", None, raw=raw), without_code))
    title = found.examined.folder.name
    report.save(path, found.examined, title=title, how_to_build=how, questions=found.questions)


if __name__ == "__main__":
    running.run(main, define_flags)
