"""The ledger: what a version is.

`checksums/<name>.json` remembers it, and every build is held against it.

An entry stands for one config, version and edition. The edition is the name that a raw folder
gives itself in `edition.txt`; most have none. It is there for raw data that is no promise of the
dataset's own version, such as the drawn sample that ships with `aerial`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from seg_datasets.core import atomic, digests, disks, images
from seg_datasets.core.classes import few
from seg_datasets.core.plan import BuildPlan
from seg_datasets.core.shards import ShardDone
from seg_datasets.core.sources import Folder

EDITION_FILE = "edition.txt"

# The entry of a built version, beside its records.
ENTRY = "ledger_entry.json"

# Up to here an entry carries the digest of each raw file, so that a mismatch can be named anywhere.
# Beyond, names come from the manifest beside a built dataset.
FILES_NAMED = 1000


# So many digits of a file's digest tell it from all others that are likely to stand in its place.
DIGITS = 16


class LedgerError(RuntimeError):
    """What is there is not what the ledger says."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What one version is.

    Attributes:
      key: [config/]version[+edition].
      raw_files: how many raw files went in.
      raw_digest: digest over their names and bytes.
      classes: names in the order of ids.
      image: channels and bits of image records, "3x8".
      split_rule: the rule, in one line.
      splits: split → {"examples", "content", and "shards": file format → digests of the files}.
      encoders: versions that the bytes of re-encoded images and masks depend on.
      reencoded: how many images and masks were encoded anew.
      files: raw file → first digits of its digest; in the ledger for sets of up to `FILES_NAMED`.
      seen: digest over what records have of views and drawings, whose rows in the manifest tell no
        raw file; "" where there are none, and in entries of older versions of this package.
      partial: whether only some samples of each split were asked for, which is no version.
    """

    key: str
    raw_files: int
    raw_digest: str
    classes: tuple[str, ...]
    image: str
    split_rule: str
    splits: Mapping[str, Mapping[str, Any]]
    encoders: Mapping[str, str]
    reencoded: int
    files: Mapping[str, str]
    partial: bool = False
    seen: str = ""

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON holds it."""
        fields = {**dataclasses.asdict(self), "classes": list(self.classes)}
        return fields if self.seen else {k: v for k, v in fields.items() if k != "seen"}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], where: object) -> Entry:
        """Reads an entry, or says what is wrong with it."""
        try:
            if not isinstance(fields.get("seen", ""), str):
                raise TypeError("`seen` is no text")
            return cls(**{**fields, "classes": tuple(fields["classes"])})
        except (TypeError, KeyError) as error:
            raise LedgerError(f"{where} is damaged ({error}); restore it from git") from error


def make_entry(
    *,
    key: str,
    plan: BuildPlan,
    files: Mapping[str, str],
    classes: Sequence[str],
    image: str,
    split_rule: str,
    partial: bool,
) -> Entry:
    """The entry of a plan, before its shards are written."""
    members = [split.samples for split in plan.splits]
    return Entry(
        key=key,
        raw_files=len(files),
        raw_digest=digests.of_files(files),
        classes=tuple(classes),
        image=image,
        split_rule=split_rule,
        splits={
            split.name: {"examples": len(split.samples), "content": split.content, "shards": {}}
            for split in plan.splits
        },
        encoders=images.encoders(),
        reencoded=sum(
            int((~of).sum())
            for m in members
            for of in (m.stored_as_is, m.numbers("mask.as_stored"))
        ),
        files={name: digest[:DIGITS] for name, digest in files.items()},
        partial=partial,
        seen=digests.of_made(members),
    )


def with_shards(entry: Entry, file_format: str, shards: Mapping[str, Sequence[ShardDone]]) -> Entry:
    """The entry with the digests of the files that were written."""
    splits = {
        name: {**fields, "shards": {file_format: [shard.sha256 for shard in shards[name]]}}
        for name, fields in entry.splits.items()
    }
    return dataclasses.replace(entry, splits=splits)


def edition(folder: Folder) -> str:
    """The name the raw folder gives itself, or ""."""
    if not folder.is_file(EDITION_FILE):
        return ""
    name = folder.read_text(EDITION_FILE).strip()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise LedgerError(
            f"{EDITION_FILE} holds {name[:80]!r}; an edition is one word of letters, digits, '.', "
            "'_' and '-'"
        )
    return name


def key(*, version: str, config: str | None, edition: str) -> str:
    """The name of an entry."""
    return (f"{config}/" if config else "") + version + (f"+{edition}" if edition else "")


def load(path: pathlib.Path) -> dict[str, Entry]:
    """All entries of a ledger; none where it does not exist."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return {k: Entry.from_json(v, path) for k, v in fields["entries"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerError(f"{path} is damaged ({error}); restore it from git") from error


def load_entry(version: pathlib.Path) -> Entry:
    """The entry that lies beside a built version.

    Raises:
      LedgerError: it is missing or damaged.
    """
    path = version / ENTRY
    try:
        return Entry.from_json(json.loads(path.read_text(encoding="utf-8")), path)
    except (OSError, ValueError, LedgerError) as error:
        raise LedgerError(
            f"{version} has no sound {ENTRY} ({error}): built by another tool, or damaged. Delete "
            "that folder and build again"
        ) from None


def admit(entry: Entry, path: pathlib.Path, *, before: Mapping[str, str]) -> Entry | None:
    """The recorded entry that a build is held against, or None where there is none.

    Args:
      entry: what would be built.
      path: the ledger.
      before: raw file → digest of a version of the same raw data that is at hand.

    Raises:
      LedgerError: the build is not what was recorded.
    """
    entries = load(path)
    known = entries.get(entry.key)
    version = entry.key.partition("+")[0]
    if known is None and version in entries:
        # Otherwise a file in the raw folder would switch the ledger off.
        raise LedgerError(
            f"{path} has version {version} without an edition, the raw folder calls itself "
            f"{entry.key.partition('+')[2]!r} in {EDITION_FILE}. Nothing was written. Remove that "
            "file, or raise VERSION"
        )
    if known:
        hold_against(entry, known, where=path, before=before)
    return known


def refuse_partial(entry: Entry) -> None:
    """Refuses to record what holds only some samples of each split."""
    if entry.partial:
        raise LedgerError(
            "a build with max_examples_per_split is no version; build it whole to record it"
        )


def record(path: pathlib.Path, name: str, entry: Entry) -> None:
    """Adds an entry, or the digests of another file format to the same one. Never changes one."""
    refuse_partial(entry)
    with told(path), contextlib.ExitStack() as stack:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        stack.callback(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)  # of two builds that record at once, both get in
        for half in path.parent.glob(f"{path.name}.*.tmp"):  # of one that was killed
            half.unlink()
        entries = load(path)
        entries[entry.key] = _joined(entry, entries[entry.key]) if entry.key in entries else entry
        rows = {key: _named(entries[key]).to_json() for key in sorted(entries)}
        fields = {"name": name, "entries": rows}
        atomic.write(path, json.dumps(fields, indent=1, ensure_ascii=False) + "\n")


def told(path: pathlib.Path) -> contextlib.AbstractContextManager[None]:
    """`disks.told`, where the folder of a ledger is written."""
    return disks.told(path.parent, elsewhere="$SEG_DATASETS_CHECKSUMS")


def _joined(entry: Entry, known: Entry) -> Entry:
    """The recorded entry with the digests of one more file format."""
    hold_against(entry, known, where="the ledger")
    if entry.reencoded and entry.encoders != known.encoders:
        raise LedgerError(
            f"{known.key} was recorded with {dict(known.encoders)}; add file formats with the same "
            f"versions, not with {dict(entry.encoders)}"
        )
    splits = {
        split: {**fields, "shards": {**entry.splits[split]["shards"], **fields["shards"]}}
        for split, fields in known.splits.items()
    }
    return dataclasses.replace(known, splits=splits)


def _named(entry: Entry) -> Entry:
    """The entry as the ledger keeps it: with the names of its raw files where they are few."""
    return entry if len(entry.files) <= FILES_NAMED else dataclasses.replace(entry, files={})


def hold_against(
    entry: Entry, known: Entry, *, where: object, before: Mapping[str, str] | None = None
) -> None:
    """Refuses raw data, classes or splits that are not those of the recorded version.

    Args:
      entry: what would be built.
      known: what is recorded.
      where: the ledger, or the folder of the prepared version.
      before: raw file → digest of the recorded version, for where `known` names no files.

    Raises:
      LedgerError: they differ; says what was added, removed or altered.
    """
    what = ""
    if entry.raw_digest != known.raw_digest:
        what = _changes(entry, known, known.files or before or {})
    elif entry.classes != known.classes:
        what = f"the classes are {list(entry.classes)}, recorded are {list(known.classes)}"
    elif entry.image != known.image:
        what = f"images are {entry.image} (channels x bits), recorded are {known.image}"
    else:
        differ = [n for n in known.splits if not _same_content(entry, known, n)]
        differ += sorted(entry.splits.keys() - known.splits.keys())
        if differ and entry.split_rule != known.split_rule:
            what = f"the split rule is\n  {entry.split_rule}\nrecorded is\n  {known.split_rule}"
        elif differ:
            what = (
                f"the same raw files give other content in {few(differ)}: `values`, the group rule "
                "or the project's code changed"
            )
    if what:
        raise LedgerError(
            f"This is not version {known.key} as {where} has it: {what}.\n"
            "Nothing was written. Restore the raw files, or raise VERSION in the dataset folder "
            "(with a line in RELEASE_NOTES) and record it with --register_checksums."
        )


def hold_bytes_against(entry: Entry, known: Entry, *, file_format: str) -> str:
    """Refuses shards whose bytes are not those recorded.

    Returns:
      A note where bytes differ and may, because PNGs were encoded by another build of the encoder;
      otherwise "".
    """
    for name, fields in known.splits.items():
        recorded = fields["shards"].get(file_format)
        written = entry.splits[name]["shards"][file_format]
        if recorded is None or len(recorded) != len(written) or recorded == written:
            continue  # another format or another number of shards: the content was held already
        if entry.reencoded and entry.encoders != known.encoders:
            return (
                f"the content of {name} is as recorded; its bytes differ, as they may: PNGs were "
                f"encoded with {dict(entry.encoders)}, recorded with {dict(known.encoders)}"
            )
        raise LedgerError(
            f"{name} was written with other bytes than version {known.key} was recorded with, from "
            "the same content. Nothing was moved into place. Please report this with the versions "
            f"of TensorFlow and protobuf: {dict(entry.encoders)}"
        )
    return ""


def _same_content(entry: Entry, known: Entry, split: str) -> bool:
    ours, theirs = entry.splits.get(split, {}), known.splits[split]
    return all(ours.get(field) == theirs[field] for field in ("examples", "content"))


def _changes(entry: Entry, known: Entry, before: Mapping[str, str]) -> str:
    now = entry.files
    if not before or not now:
        return (
            f"it has {entry.raw_files} raw files, recorded are {known.raw_files}, and at least one "
            "has other bytes (a built version at hand would tell which)"
        )
    added = [n for n in now if n not in before]
    removed = [n for n in before if n not in now]
    altered = [n for n in now if n in before and before[n][:DIGITS] != now[n][:DIGITS]]
    parts = [
        f"{len(names)} {verb} ({few(names, 5)})"
        for verb, names in (("added", added), ("removed", removed), ("altered", altered))
        if names
    ]
    return "raw files were changed: " + ", ".join(parts)
