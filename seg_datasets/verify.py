"""Is what lies in data_dir what the ledger says?

    python -m seg_datasets.verify aerial --data_dir=DATA
    python -m seg_datasets.verify seg_folder/roofs:1.0.0 --data_dir=DATA

Exit status: 0 all is as recorded, 1 something is not, 2 wrong usage.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from absl import flags

from seg_datasets import registration, running
from seg_datasets.core import mirror, storage, verification
from seg_datasets.core.classes import DeclarationError, few

FLAGS = flags.FLAGS

_USAGE = "python -m seg_datasets.verify NAME_OR_FOLDER[/CONFIG][:VERSION]"


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
        print(f"give one dataset: {_USAGE}", file=sys.stderr)
        return 2
    if reason := running.unwritable("json", FLAGS.json):
        print(reason, file=sys.stderr)
        return 2
    try:
        builder, config, version = registration.builder_and_version(argv[1])
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    if version and FLAGS.version not in ("", version):
        print(f"{argv[1]} and --version={FLAGS.version}: give one of them", file=sys.stderr)
        return 2
    version = (version or FLAGS.version).partition("+")[0]  # folders do not name the edition
    try:
        with _here(FLAGS.data_dir, builder.name) as data_dir:
            return _verify(builder, config, version, data_dir)
    except (OSError, DeclarationError) as error:
        print(error, file=sys.stderr)
        return 2


@contextlib.contextmanager
def _here(data_dir: str, dataset: str) -> Iterator[pathlib.Path]:
    """The data_dir; of one in a bucket a copy, made anew: what lies there is verified, and not
    what was brought here for training."""
    if not storage.is_remote(data_dir):
        yield pathlib.Path(data_dir).expanduser()
        return
    with tempfile.TemporaryDirectory(prefix="seg_datasets-") as copy:
        mirror.datasets(data_dir, dataset, pathlib.Path(copy))
        yield pathlib.Path(copy)


def _verify(builder: Any, config: str, version: str, data_dir: pathlib.Path) -> int:
    folder = data_dir / builder.name
    there = verification.prepared(folder)
    below = folder / config
    versions = [v for v in there if version in ("", v.name) and (v.parent == below or not config)]
    if not versions:
        wanted = f"version {version}" if version else "version"
        of = f"{builder.name}/{config}" if config else builder.name
        held = f", which has {few([_named(v, folder) for v in there])}" * bool(there)
        print(
            f"no prepared {wanted} of {of} in {_shown(folder, data_dir)}{held}; "
            "build it, or give --data_dir",
            file=sys.stderr,
        )
        return 2
    results = []
    for one in versions:
        mirror.complete(one)
        result = verification.verify(one, builder.ledger_path(), content=FLAGS.content)
        results.append(dataclasses.replace(result, version=_shown(one, data_dir)))
    for result in results:
        print(result)
    if FLAGS.json:
        fields = [result.to_json() for result in results]
        pathlib.Path(FLAGS.json).write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    return 0 if all(result.sound for result in results) else 1


def _shown(path: pathlib.Path, data_dir: pathlib.Path) -> str:
    """A path below the data_dir as it was given."""
    if not storage.is_remote(FLAGS.data_dir):
        return str(path)
    return f"{FLAGS.data_dir.rstrip('/')}/{path.relative_to(data_dir).as_posix()}"


def _named(version: pathlib.Path, folder: pathlib.Path) -> str:
    """A prepared version as this command takes it."""
    of = version.parent.relative_to(folder.parent).as_posix()
    return f"{of}:{version.name}"


if __name__ == "__main__":
    running.run(main, define_flags)
