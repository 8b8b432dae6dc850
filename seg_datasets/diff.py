"""What changed between two versions of a dataset?

    python -m seg_datasets.diff aerial:1.0.0 aerial:1.1.0 --data_dir=DATA

Exit status, as that of diff(1): 0 no difference, 1 they differ, 2 wrong usage or nothing to hold
against.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence

from absl import flags

from seg_datasets import registration, running
from seg_datasets.core import difference, mirror, storage
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.difference import Difference, Listed
from seg_datasets.core.manifest import ManifestError
from seg_datasets.core.printing import printable

FLAGS = flags.FLAGS

_WIDTH = 14  # of the first column

# What is longer is told in several lines.
_LONGEST = 98

# So many lines of one kind are read; a class table has up to 255 classes.
_LINES = 20


def define_flags() -> None:
    """Defines the flags; not at import: who imports this may have flags of these names."""
    data_dir = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    flags.DEFINE_string("data_dir", data_dir, "Where datasets are prepared.")
    flags.DEFINE_integer("most", 5, "So many examples of each change; 0 for all.", 0)
    flags.DEFINE_string("json", "", "Also write the result to this file.")


def main(argv: Sequence[str]) -> int:
    """Reads the flags and compares."""
    if len(argv) != 3:
        print(
            "give two versions: python -m seg_datasets.diff NAME:1.0.0 NAME:1.1.0, or "
            "NAME/CONFIG:1.0.0 NAME/CONFIG:1.1.0",
            file=sys.stderr,
        )
        return 2
    try:
        data_dir = _here(FLAGS.data_dir, argv[1:])
    except (OSError, DeclarationError) as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    return compare(argv[1], argv[2], data_dir=data_dir, most=FLAGS.most, json_file=FLAGS.json)


def _here(data_dir: str, specs: Iterable[str]) -> pathlib.Path:
    """The data_dir; of one in a bucket the folder that stands for it, with what is compared."""
    if not storage.is_remote(data_dir):
        return pathlib.Path(data_dir).expanduser()
    folder = mirror.data_dir(data_dir)
    # The dataset is one of these: with a config before it or behind, and perhaps a folder.
    for name in sorted({part for spec in specs for part in spec.partition(":")[0].split("/")}):
        if storage.is_sound(name):
            mirror.datasets(data_dir, name, folder)
    return folder


def compare(
    before: str, after: str, *, data_dir: pathlib.Path, most: int = 5, json_file: str = ""
) -> int:
    """Compares two versions and prints what changed; the exit status."""
    if reason := running.unwritable("json", json_file):
        print(reason, file=sys.stderr)
        return 2
    try:
        sides = [difference.find(spec, data_dir, _ledger_of) for spec in (before, after)]
        for side in sides:
            if side.folder:
                mirror.complete(side.folder)
        found = difference.between(*sides, most=most)
    except (
        difference.VersionError,
        ManifestError,
        difference.RecordError,
        storage.StorageError,
    ) as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    for line in lines(found):
        print(printable(line))
    if json_file:
        text = json.dumps(found.to_json(), indent=1)
        try:
            pathlib.Path(json_file).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            print(f"--json={json_file} cannot be written: {error.strerror}", file=sys.stderr)
            return 2
    return 1 if found.differ else 0


def lines(found: Difference) -> Iterator[str]:
    """What a user reads."""
    for sign, version in (("-", found.before), ("+", found.after)):
        held = "" if version.folder else "not prepared; "
        yield f"{sign} {version.name}  ({held}{version.where})"
    if not found.differ:
        yield "no difference"
    else:
        yield from _section("Classes", _classes(found))
        yield from _section("Declaration", _declaration(found))
        yield from _section("Splits", _splits(found))
        yield from _section("Samples", _samples(found))
        yield from _section("Changed pixels", _pixels(found))
        yield from _section("Raw files", _raw(found))
    yield from (f"note: {note}" for note in found.notes)


def _section(title: str, body: Iterable[str]) -> Iterator[str]:
    if body := list(body):
        yield from ("", title, *(f"  {line}" for line in body))


def _classes(found: Difference) -> Iterator[str]:
    classes = found.classes
    kinds = (
        (_row("added", f"{name} (id {number})") for name, number in classes.added),
        (_row("removed", f"{name} (was id {number})") for name, number in classes.removed),
        (_row("renamed", f"{a} → {b}, taken for the same class") for a, b in classes.renamed),
        (_row("renumbered", f"{name}: id {a} → {b}") for name, a, b in classes.renumbered),
        (_row("recoloured", f"{name}: {a} → {b}") for name, a, b in classes.recoloured),
    )
    for rows in kinds:
        yield from _first(rows)
    if classes.void_id:
        yield _row("void", "id {} → {}".format(*classes.void_id))
    if found.samples and (classes.added or classes.removed or not classes.same_ids):
        yield "masks are compared by the names of classes, not by their ids"


def _declaration(found: Difference) -> Iterator[str]:
    if found.split_rule:
        yield _row("split rule", f"- {found.split_rule[0]}")
        yield _row("", f"+ {found.split_rule[1]}")
    if found.image:
        yield _row("images", "{} → {} (channels x bits)".format(*found.image))


def _splits(found: Difference) -> Iterator[str]:
    rows = [(name, *fields) for name, fields in found.splits.items()]
    if len(rows) > 1:
        same = all(row[3] for row in rows)
        rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows), same))
    for name, before, after, same in rows:
        if before != after:
            yield _row(name, f"{before:,} → {_of(after)} ({after - before:+,})")
        else:
            yield _row(name, f"{_of(after)}, {'the same' if same else 'other'} content")


def _samples(found: Difference) -> Iterator[str]:
    samples = found.samples
    if samples is None:
        return
    yield from _listed("added", samples.added, "{id} ({split})")
    yield from _listed("removed", samples.removed, "{id} ({split})")
    yield from _listed("renamed", samples.renamed, "{before} → {after}")
    if samples.relabelled.count:
        yield _row("relabelled", f"{samples.relabelled.count:,}  see the changed pixels")
    yield from _listed("new image", samples.new_image, "{id}")
    resized = Listed(
        samples.resized.count,
        tuple(
            {"id": one["id"]} | {side: "{1}×{0}".format(*one[side]) for side in ("before", "after")}
            for one in samples.resized.examples
        ),
    )
    yield from _listed("resized", resized, "{id}: {before} → {after}, pixels not compared")
    yield from _listed("moved", samples.moved, "{id}: {before} → {after}")
    if len(samples.moves) > 1 or samples.moved.count > len(samples.moved.examples):
        for before, after, count in samples.moves:
            yield _row("", f"{before} → {after}: {count:,} samples")
    yield from _listed("regrouped", samples.regrouped, "{id}: {before} → {after}")


def _listed(title: str, listed: Listed, form: str) -> Iterator[str]:
    if not listed.count:
        return
    few = [form.format(**one) for one in listed.examples]
    left = listed.count - len(few)
    more = f"and {left:,} more" if left else ""
    row = _row(title, f"{listed.count:,}  {'; '.join(few)} {more}".rstrip())
    if len(row) <= _LONGEST:
        yield row
        return
    yield _row(title, f"{listed.count:,}")
    yield from (_row("", one) for one in (*few, more) if one)


def _pixels(found: Difference) -> Iterator[str]:
    samples = found.samples
    if samples is None or not samples.pairs:
        return
    yield (
        f"{samples.changed_pixels:,} of {samples.compared:,} px "
        f"({_share(samples.changed_pixels, samples.compared)}) in {_of(samples.relabelled.count)}"
    )
    yield from _first(
        f"  {pair.before} → {pair.after}: {pair.pixels:,} px in {_of(pair.samples)}"
        for pair in samples.pairs
    )
    yield "most of it in"
    for one in samples.relabelled.examples:
        pairs = ", ".join(f"{old} → {new} {count:,}" for old, new, count in one["pairs"])
        yield f"  {one['id']}: {one['pixels']:,} px ({_share(one['pixels'], one['of'])}): {pairs}"


def _raw(found: Difference) -> Iterator[str]:
    raw = found.raw
    if raw.digest[0] == raw.digest[1]:
        return
    yield "{:,} → {:,} files, digest {:.12} → {:.12}".format(*raw.count, *raw.digest)
    for title, listed in (("added", raw.added), ("removed", raw.removed), ("altered", raw.altered)):
        yield from _listed(title, listed, "{file}")
    if not raw.named:
        yield "which ones is not known: the ledger names files of small sets only"


def _row(title: str, text: str) -> str:
    return f"{title:{_WIDTH}}{text}"


def _first(rows: Iterable[str]) -> Iterator[str]:
    """The first rows of what can be hundreds; all are in the JSON."""
    rows = list(rows)
    yield from rows[:_LINES]
    if len(rows) > _LINES:
        yield f"  … and {len(rows) - _LINES:,} more, all in --json=FILE"


def _of(samples: int) -> str:
    return f"{samples:,} sample{'' if samples == 1 else 's'}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if part / whole >= 0.0001 else "< 0.01%"


def _ledger_of(name_or_folder: str) -> pathlib.Path | None:
    try:
        return registration.builder_class(name_or_folder).ledger_path()
    except LookupError:
        return None


if __name__ == "__main__":
    running.run(main, define_flags)
