"""Verification: is a prepared version, as it lies on disk, what its entry and the ledger say?"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Iterator, Set
from typing import Any

from seg_datasets.core import features, ledger, manifest, masks
from seg_datasets.core.classes import RawTable
from seg_datasets.core.facts import content_digest, ids_digest, pixel_digest
from seg_datasets.core.ledger import Entry, LedgerError
from seg_datasets.core.records import digest
from seg_datasets.core.survey import bar

# A build finds the version in place and leaves it alone.
_AGAIN = "delete the version's folder and build it again"


@dataclasses.dataclass(frozen=True)
class Result:
    """What was found of one version.

    Attributes:
      version: its folder, or its URL.
      problems: what is wrong, one line each; the file's name first.
      note: what could not be held against anything.
      shards: how many files were read.
    """

    version: pathlib.Path | str
    problems: tuple[str, ...]
    note: str = ""
    shards: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        head = f"{self.version}: {'as recorded' if self.sound else 'NOT as recorded'}"
        lines = [f"{head}, {self.shards} shards read", *(f"  {p}" for p in self.problems)]
        return "\n".join(lines + ([f"  note: {self.note}"] if self.note else []))

    def to_json(self) -> dict[str, Any]:
        """The same facts for scripts."""
        fields = dataclasses.asdict(self)
        return {**fields, "version": str(self.version), "sound": self.sound}


def prepared(dataset_dir: pathlib.Path) -> list[pathlib.Path]:
    """Folders of the prepared versions of a dataset, with and without configs."""
    found = [*dataset_dir.glob("*/dataset_info.json"), *dataset_dir.glob("*/*/dataset_info.json")]
    # A half-made `incomplete.…` folder of a killed build is no version.
    return sorted(p.parent for p in found if p.parent.name.replace(".", "").isdigit())


def verify(version: pathlib.Path, ledger_path: pathlib.Path, *, content: bool = False) -> Result:
    """Holds one prepared version against its own entry and against the ledger.

    Args:
      version: folder of the version.
      ledger_path: the dataset's ledger; it need not exist.
      content: decode every record as well.
    """
    try:
        entry = ledger.load_entry(version)
        recorded = ledger.load(ledger_path).get(entry.key)
    except LedgerError as error:
        return Result(version, (str(error),))
    dataset = ledger_path.stem
    problems = [*_files(version, entry, dataset), *_declared(version, entry)]
    if entry.partial:
        problems.append("was built with max_examples_per_split: it is no version")
    note = ""
    if recorded is None:
        note = f"{entry.key} is not in {ledger_path}: held against its own entry only"
    else:
        problems += _against(entry, recorded, ledger_path)
        content = content or _bytes_may_differ(entry, recorded)
    if content and not problems:
        problems += _content(version, entry)
    shards = sum(len(s) for fields in entry.splits.values() for s in fields["shards"].values())
    return Result(version, tuple(problems), note, shards)


def _files(version: pathlib.Path, entry: Entry, dataset: str) -> Iterator[str]:
    """Files that are missing, altered or too many."""
    expected = {
        f"{dataset}-{split}.{file_format}-{index:05d}-of-{len(digests):05d}": sha256
        for split, fields in entry.splits.items()
        for file_format, digests in fields["shards"].items()
        for index, sha256 in enumerate(digests)
    }
    for name, sha256 in expected.items():
        if not (version / name).is_file():
            yield f"{name} is missing; {_AGAIN}"
        elif digest(version / name)[0] != sha256:
            yield f"{name} has other bytes than were written; {_AGAIN}"
    for path in sorted(version.glob("*-of-*")):
        if path.name not in expected:
            yield f"{path.name} is not part of the version; move it away"
    files = manifest.files(version)
    if files is None or any(not d.startswith(entry.files.get(n, " ")) for n, d in files.items()):
        yield f"{manifest.NAME} is missing or altered; {_AGAIN}"
    elif entry.seen and manifest.seen(version) != entry.seen:
        yield f"{manifest.NAME} is altered where it tells of views and drawings; {_AGAIN}"


def _declared(version: pathlib.Path, entry: Entry) -> Iterator[str]:
    """What `tfds.load` reads beside the shards."""
    import tensorflow_datasets as tfds

    try:
        info = tfds.builder_from_directory(version).info
        names = tuple(info.features["mask"].names)
        image = info.features["image"]
        kind = f"{image.shape[-1]}x{image.np_dtype.itemsize * 8}"
        examples = {name: split.num_examples for name, split in info.splits.items()}
    # Whatever a damaged file makes TFDS raise: protobuf's, JSON's and its own.
    except Exception as error:
        yield f"dataset_info.json or features.json cannot be read: {error}"
        return
    if names != entry.classes:
        yield f"mask.labels.txt has the classes {list(names)}, built were {list(entry.classes)}"
    if kind != entry.image:
        yield f"features.json tells of {kind} images (channels x bits), built were {entry.image}"
    built = {name: fields["examples"] for name, fields in entry.splits.items()}
    if examples != built:
        yield f"dataset_info.json tells of {examples} examples, built were {built}"


def _against(entry: Entry, recorded: Entry, ledger_path: pathlib.Path) -> Iterator[str]:
    try:
        ledger.hold_against(entry, recorded, where=ledger_path)
        for file_format in {f for s in entry.splits.values() for f in s["shards"]}:
            ledger.hold_bytes_against(entry, recorded, file_format=file_format)
    except LedgerError as error:
        yield str(error).partition("\n")[0]


def _bytes_may_differ(entry: Entry, recorded: Entry) -> bool:
    """Whether shards may be right without having the recorded bytes."""
    return any(
        recorded.splits[name]["shards"].get(file_format) != digests
        for name, fields in entry.splits.items()
        for file_format, digests in fields["shards"].items()
    )


def _content(version: pathlib.Path, entry: Entry) -> Iterator[str]:
    """Decodes all records and makes the content digests of the splits again."""
    as_source = frozenset(entry.files.values())
    for split, fields in entry.splits.items():
        content = hashlib.sha256()
        with bar(f"Reading {split}", fields["examples"]) as progress:
            try:
                for record in _records(version, split):
                    content.update(_record_content(record, as_source))
                    progress(1)
            except (ValueError, OSError) as error:  # ImageError is one
                yield f"split {split}: a record cannot be read: {error}"
                continue
        if content.hexdigest() != fields["content"]:
            yield f"split {split} holds other content than was recorded; {_AGAIN}"


def _records(version: pathlib.Path, split: str) -> Iterator[bytes]:
    """Serialised records of a split, in order."""
    for path in sorted(version.glob(f"*-{split}.tfrecord-*-of-*")):
        import tensorflow as tf

        try:
            yield from tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
        except tf.errors.DataLossError as error:
            raise ValueError(f"{path.name} is damaged: {error.message}") from None
    for path in sorted(version.glob(f"*-{split}.array_record-*-of-*")):
        from array_record.python import array_record_data_source

        with array_record_data_source.ArrayRecordDataSource([str(path)]) as shard:
            for index in range(len(shard)):
                yield shard[index]


def _record_content(record: bytes, as_source: Set[str]) -> bytes:
    """`SampleFacts.content`, from the record."""
    import tensorflow as tf

    fields = tf.train.Example.FromString(record).features.feature
    held: dict[str, Any] = {
        name: list(field.int64_list.value) or field.bytes_list.value[0]
        for name, field in fields.items()
    }
    content = hashlib.sha256(held.get("image", b"")).hexdigest()
    if content[: ledger.DIGITS] not in as_source:  # encoded anew: its pixels count
        content = pixel_digest(features.pixels(held))
    ids = masks.read(held["mask"], RawTable(1, {i: i for i in range(256)})).ids
    name, group = held["id"].decode(), held["group"].decode()
    return content_digest(name, group, content, ids_digest(ids), features.told_place(held))
