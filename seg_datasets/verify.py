"""Is what lies in data_dir what the ledger says?

    python -m seg_datasets.verify aerial --data_dir=DATA

Exit status: 0 all is as recorded, 1 something is not, 2 wrong usage.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from seg_datasets import registration, running
from seg_datasets.core import verification

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags; not at import: who imports this may have flags of these names."""
    data_dir = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    flags.DEFINE_string("data_dir", data_dir, "Where datasets are prepared.")
    flags.DEFINE_string("version", "", "Only this version; all that are prepared if not given.")
    flags.DEFINE_bool(
        "content",
        False,
        "Also decode every record and hold its content against the entry. Done without being asked "
        "where the bytes of the shards may differ from the ledger's.",
    )
    flags.DEFINE_string("json", "", "Also write the result to this file.")


def main(argv: Sequence[str]) -> int:
    """Verifies the prepared versions of one dataset and prints a line for each."""
    if len(argv) != 2:
        print("give one dataset: python -m seg_datasets.verify NAME_OR_FOLDER", file=sys.stderr)
        return 2
    if reason := running.unwritable("json", FLAGS.json):
        print(reason, file=sys.stderr)
        return 2
    try:
        builder = registration.builder_class(argv[1])
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    folder = pathlib.Path(FLAGS.data_dir).expanduser() / builder.name
    versions = [v for v in verification.prepared(folder) if FLAGS.version in ("", v.name)]
    if not versions:
        wanted = f"version {FLAGS.version}" if FLAGS.version else "version"
        print(
            f"no prepared {wanted} of {builder.name} in {folder}; build it, or give --data_dir",
            file=sys.stderr,
        )
        return 2
    results = [
        verification.verify(version, builder.ledger_path(), content=FLAGS.content)
        for version in versions
    ]
    for result in results:
        print(result)
    if FLAGS.json:
        fields = [result.to_json() for result in results]
        pathlib.Path(FLAGS.json).write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    return 0 if all(result.sound for result in results) else 1


if __name__ == "__main__":
    running.run(main, define_flags)
