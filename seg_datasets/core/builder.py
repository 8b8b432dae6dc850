"""SegmentationBuilder: the base class of every dataset folder. Ties the rooms together."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import os
import pathlib
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from tqdm import auto as tqdm

from seg_datasets.core import checks, facts, ledger, plan, workspace, write
from seg_datasets.core.cache import FactsCache
from seg_datasets.core.classes import VOID_ID, ClassTable, DeclarationError
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.sources import Folder, Scan, Source
from seg_datasets.core.sources.image_mask_folders import group_files, with_groups
from seg_datasets.core.splits import Assignment, SplitError, SplitRule

MANIFEST = "manifest.jsonl"
ENTRY = "ledger_entry.json"

_CHECKSUMS = "SEG_DATASETS_CHECKSUMS"

# Pillow modes that a record can hold without loss, by channels and bits. Palettes and 1-bit pictures
# are spread to grey or colour by every decoder alike.
_MODES = {
    (1, 8): frozenset({"1", "L"}),
    (3, 8): frozenset({"1", "L", "P", "RGB"}),
    (4, 8): frozenset({"RGBA"}),
    (1, 16): frozenset({"I;16"}),
    (3, 16): frozenset({"RGB;16"}),
    (4, 16): frozenset({"RGBA;16"}),
}


@dataclasses.dataclass(frozen=True)
class Survey:
    """A raw folder, looked at, checked, split and planned; nothing written yet."""

    folder: Folder
    plan: plan.BuildPlan
    findings: Sequence[checks.Finding]
    entry: ledger.Entry
    recipe: write.Recipe
    partial: bool


class SegmentationBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Builds a segmentation dataset from a raw folder, as its class attributes declare it.

    Attributes:
      CLASSES: names, ids and colours.
      SOURCE: the raw layout.
      SPLITS: which sample goes where.
      CHANNELS: channels of image records: 1, 3 or 4.
      IMAGE_DTYPE: np.uint8 or np.uint16.
      ACCEPT: code of a check → reason, for errors that are known and meant.
    """

    CLASSES: ClassVar[ClassTable]
    SOURCE: ClassVar[Source]
    SPLITS: ClassVar[SplitRule]
    CHANNELS: ClassVar[int] = 3
    IMAGE_DTYPE: ClassVar[type] = np.uint8
    ACCEPT: ClassVar[Mapping[str, str]] = {}
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Lay the raw folder out as SOURCE in the dataset folder says, and give it with --manual_dir."

    @tfds.core.utils.classproperty
    @classmethod
    def _checksums_path(cls) -> tfds.core.Path:
        """Where TFDS keeps the checksums of URLs: beside the ledger."""
        return tfds.core.Path(cls.ledger_path()).with_suffix(".tsv")

    @classmethod
    def ledger_path(cls) -> pathlib.Path:
        """The ledger of this dataset.

        `$SEG_DATASETS_CHECKSUMS/<name>.json` where that is set; for the datasets of this project
        `checksums/`, at the top of a checkout or inside an installed package; for others
        `checksums/` in the dataset folder.
        """
        if given := os.environ.get(_CHECKSUMS):
            return pathlib.Path(given) / f"{cls.name}.json"
        package = pathlib.Path(__file__).resolve().parents[1]
        folder = pathlib.Path(inspect.getfile(cls)).resolve().parent
        if folder.is_relative_to(package):
            installed = package / "checksums"
            shared = installed if installed.is_dir() else package.parent / "checksums"
            return shared / f"{cls.name}.json"
        return folder / "checksums" / f"{cls.name}.json"

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(
                        shape=(None, None, self.CHANNELS),
                        dtype=self.IMAGE_DTYPE,
                        doc="The picture, upright, as its source holds it.",
                    ),
                    "mask": tfds.features.LabeledImage(
                        labels=list(self.CLASSES.names),
                        shape=(None, None, 1),
                        encoding_format="png",
                        doc="A class id for each pixel, 255 for void.",
                    ),
                    "id": tfds.features.Text(doc="Unique name within the dataset."),
                    "group": tfds.features.Text(doc="What splits never tear apart."),
                }
            ),
            supervised_keys=("image", "mask"),
            metadata=tfds.core.MetadataDict(
                classes=list(self.CLASSES.names),
                void_id=VOID_ID,
                palette=[list(colour) for colour in self.CLASSES.colours],
                split_rule=self.SPLITS.describe(),
            ),
        )

    def download_and_prepare(
        self,
        *,
        download_dir: Any = None,
        download_config: tfds.download.DownloadConfig | None = None,
        file_format: Any = None,
        **kwargs: Any,
    ) -> None:
        """Builds the version, or holds one that is there against the raw data and the ledger.

        Raises:
          RefusedError: the raw data has errors.
          LedgerError: the raw data is not what this version was recorded or built from.
          BusyError: another process builds the same version here.
        """
        config = download_config or tfds.download.DownloadConfig()
        if self.data_path.exists():
            # TFDS would reuse, or delete, without a look at the raw data.
            self._hold_prepared_against_raw(download_dir, config)
        if self.data_path.exists() and not config.download_mode.overwrite_dataset:
            logging.info("%s is there and as it should be", self.data_path)
            return
        root = pathlib.Path(self._data_dir_root)
        with workspace.opened(root, pathlib.Path(self.data_dir)) as self._workspace:
            super().download_and_prepare(
                download_dir=download_dir,
                download_config=config,
                file_format=file_format,
                **kwargs,
            )

    def _generate_splits(
        self, dl_manager: tfds.download.DownloadManager, download_config: Any
    ) -> Sequence[tfds.core.SplitInfo]:
        file_format = self.info.file_format.value
        survey = self._survey(dl_manager, download_config, file_format)
        known = ledger.load(self.ledger_path()).get(survey.entry.key)
        if known and not survey.partial:
            ledger.hold_against(survey.entry, known, before=self._manifest_files())
        shards = self._write(survey, download_config)
        entry = ledger.with_shards(survey.entry, file_format, shards)
        if known and not survey.partial:
            if note := ledger.hold_bytes_against(entry, known, file_format=file_format):
                logging.warning(note)
        if download_config.register_checksums:
            self._record(entry, partial=survey.partial)
        elif not known:
            logging.warning(
                "version %s is not in %s: nothing holds later builds to this one. Record it with "
                "--register_checksums.",
                entry.key,
                self.ledger_path(),
            )
        return self._move_in(survey, entry, shards)

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        """The plan as TFDS's generators: for whoever calls them; a build writes shards itself."""
        survey = self._survey(dl_manager, tfds.download.DownloadConfig(), "tfrecord")
        return {
            split.name: self._generate_examples(split.samples, survey.recipe)
            for split in survey.plan.splits
        }

    def _generate_examples(
        self, samples: Sequence[SampleFacts], recipe: write.Recipe
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for one in samples:
            example: dict[str, Any] = dict(write.encoded(one, recipe))
            yield one.sample.id, {**example, "id": one.sample.id, "group": one.sample.group}

    def _survey(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig,
        file_format: str,
    ) -> Survey:
        """Everything that comes before writing, or a refusal."""
        folder = self._raw_folder(pathlib.Path(dl_manager.manual_dir))
        scan = self.SOURCE.scan(folder)
        if self.SPLITS.group is not None:
            scan = _regroup(scan, self.SOURCE, self.SPLITS, folder)
        table = self.CLASSES.raw_table(self.SOURCE.values)
        with _bar("Looking at samples", len(scan.samples)) as progress:
            seen = facts.collect(
                scan.samples,
                folder=folder,
                table=table,
                masks_follow_exif=self.SOURCE.masks_follow_exif,
                cache=FactsCache(folder.root),
                progress=progress,
            )
        assignment, problem = self._assign(scan, folder)
        findings = checks.run(
            checks.Subject(
                scan=scan,
                facts=seen,
                classes=self.CLASSES,
                table=table,
                modes=self._modes(),
                masks_follow_exif=self.SOURCE.masks_follow_exif,
                split_of=assignment.split_of,
                wanted=assignment.wanted,
                split_problem=problem,
                listed_nowhere=assignment.listed_nowhere,
            ),
            accept=self.ACCEPT,
        )
        if any(f.severity is checks.Severity.ERROR for f in findings):
            raise checks.RefusedError(findings, folder.root)
        if findings:
            logging.warning("%s", checks.describe(findings))
        build_plan = plan.make(
            seen,
            assignment.split_of,
            splits=list(dict.fromkeys(assignment.split_of[s.id] for s in scan.samples)),
            sharding=plan.Sharding(
                download_config.num_shards,
                download_config.min_shard_size,
                download_config.max_shard_size,
            ),
            max_examples_per_split=download_config.max_examples_per_split,
        )
        entry = ledger.make_entry(
            key=self._ledger_key(folder),
            plan=build_plan,
            files=ledger.raw_files(seen, folder, (*scan.others, *assignment.files)),
            classes=self.CLASSES.names,
            split_rule=self.SPLITS.describe(),
        )
        recipe = write.Recipe(
            os.fspath(folder.root.resolve()), table, self.SOURCE.masks_follow_exif, file_format
        )
        partial = download_config.max_examples_per_split is not None
        return Survey(folder, build_plan, findings, entry, recipe, partial)

    def _raw_folder(self, manual_dir: pathlib.Path) -> Folder:
        """The raw folder: `manual_dir` itself, or the folder named after the dataset in it."""
        named = manual_dir / self.name
        return Folder(named if named.is_dir() else manual_dir)

    def _assign(self, scan: Scan, folder: Folder) -> tuple[Assignment, str]:
        if not scan.samples:
            return Assignment({}), ""
        try:
            return self.SPLITS.assign(scan.samples, folder), ""
        except SplitError as error:
            return Assignment({}), str(error)

    def _modes(self) -> frozenset[str]:
        bits = np.dtype(self.IMAGE_DTYPE).itemsize * 8
        try:
            return _MODES[self.CHANNELS, bits]
        except KeyError:
            raise DeclarationError(
                f"no image has CHANNELS = {self.CHANNELS} with {bits} bits; take 1, 3 or 4 channels "
                "of np.uint8 or np.uint16"
            ) from None

    def _write(
        self, survey: Survey, config: tfds.download.DownloadConfig
    ) -> dict[str, list[write.ShardDone]]:
        work = self._workspace / survey.plan.digest[:16]
        jobs = {
            split.name: [
                write.ShardJob(
                    os.fspath(work / self._shard_name(split, index)), samples, survey.recipe
                )
                for index, samples in enumerate(split.shards)
            ]
            for split in survey.plan.splits
        }
        total = sum(len(split.samples) for split in survey.plan.splits)
        with _bar("Writing records", total) as progress:
            done = write.run(
                [job for split in jobs.values() for job in split],
                beam_options=config.beam_options,
                beam_runner=config.beam_runner,
                progress=progress,
            )
        by_path = {shard.path: shard for shard in done}
        return {name: [by_path[job.path] for job in split] for name, split in jobs.items()}

    def _shard_name(self, split: plan.SplitPlan, index: int) -> str:
        return (
            self._get_filename_template(split_name=split.name)
            .sharded_filepath(shard_index=index, num_shards=len(split.shards))
            .name
        )

    def _move_in(
        self, survey: Survey, entry: ledger.Entry, shards: Mapping[str, list[write.ShardDone]]
    ) -> list[tfds.core.SplitInfo]:
        """Shards, manifest and entry into the folder that TFDS then moves into place whole."""
        for done in (shard for split in shards.values() for shard in split):
            _link(pathlib.Path(done.path), pathlib.Path(self.data_dir))
        rows = _manifest(survey.plan)
        write.write_atomically(
            pathlib.Path(self.data_dir, MANIFEST),
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
        )
        write.write_atomically(
            pathlib.Path(self.data_dir, ENTRY), json.dumps(entry.to_json(), indent=1) + "\n"
        )
        self.info.metadata.update(_metadata(survey))
        return [
            tfds.core.SplitInfo(
                name=split.name,
                shard_lengths=[len(samples) for samples in split.shards],
                num_bytes=sum(shard.bytes for shard in shards[split.name]),
                filename_template=self._get_filename_template(split_name=split.name),
            )
            for split in survey.plan.splits
        ]

    def _hold_prepared_against_raw(
        self, download_dir: Any, config: tfds.download.DownloadConfig
    ) -> None:
        """Refuses to pass a prepared version off as the build of raw data that is different.

        Where no raw data is at hand there is nothing to hold against: a prepared dataset is used
        without it.
        """
        manual = config.manual_dir or pathlib.Path(
            download_dir or os.path.join(self._data_dir_root, "downloads"), "manual", self.name
        )
        path = pathlib.Path(self.data_dir, ENTRY)
        if config.max_examples_per_split is not None or not path.exists():
            return
        if not config.manual_dir and not pathlib.Path(manual).is_dir():
            return
        prepared = ledger.Entry.from_json(json.loads(path.read_text(encoding="utf-8")), path)
        dl_manager = self._make_download_manager(
            download_dir=download_dir, download_config=config.replace(manual_dir=manual)
        )
        survey = self._survey(dl_manager, config, self.info.file_format.value)
        known = ledger.load(self.ledger_path()).get(survey.entry.key)
        overwrite = config.download_mode.overwrite_dataset
        for other in filter(None, (known, None if overwrite else prepared)):
            ledger.hold_against(survey.entry, other, before=self._manifest_files())
        if config.register_checksums and not overwrite:
            self._record(prepared, partial=False)

    def _record(self, entry: ledger.Entry, *, partial: bool) -> None:
        if partial:
            raise ledger.LedgerError(
                "a build with max_examples_per_split is no version; build it whole to record it"
            )
        ledger.record(self.ledger_path(), self.name, entry)
        logging.info("recorded %s in %s", entry.key, self.ledger_path())

    def _ledger_key(self, folder: Folder) -> str:
        return ledger.key(
            version=str(self.version),
            config=self.builder_config_name,
            edition=ledger.edition(folder),
        )

    def _manifest_files(self) -> dict[str, str] | None:
        """Raw file → digest of the version that is prepared here, where there is one."""
        final = pathlib.Path(self._data_dir_root, *self.info.full_name.split("/"), MANIFEST)
        try:
            rows = [json.loads(line) for line in final.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError):
            return None
        files = {row["image"]: row["image_sha256"] for row in rows}
        return files | {row["mask"]: row["mask_sha256"] for row in rows}


def _regroup(scan: Scan, source: Source, rule: SplitRule, folder: Folder) -> Scan:
    """Groups by the split rule's own `group`."""
    if getattr(source, "group", None) is not None:
        raise DeclarationError("both SOURCE and SPLITS have a `group`; state it once")
    samples, ungrouped = with_groups(scan.samples, rule.group, folder)
    others = (*scan.others, *group_files(rule.group))
    return dataclasses.replace(
        scan, samples=tuple(samples), ungrouped=tuple(ungrouped), others=others
    )


def _manifest(build_plan: plan.BuildPlan) -> Iterator[dict[str, Any]]:
    """One row per sample, in record order."""
    for split in build_plan.splits:
        for shard, samples in enumerate(split.shards):
            for one in samples:
                yield {
                    "id": one.sample.id,
                    "split": split.name,
                    "shard": shard,
                    "group": one.sample.group,
                    "image": one.sample.image,
                    "image_sha256": one.image.sha256,
                    "mask": one.sample.mask,
                    "mask_sha256": one.mask.sha256,
                    "ids_sha256": one.mask.ids,
                    "height": one.image.height,
                    "width": one.image.width,
                    "pixels": {str(i): n for i, n in sorted(one.mask.counts.items())},
                }


def _metadata(survey: Survey) -> dict[str, Any]:
    """What stays with the dataset, beside the declaration."""
    classes = range(len(survey.entry.classes))
    pixels: dict[str, Counter] = {}
    for split in survey.plan.splits:
        pixels[split.name] = Counter()
        for one in split.samples:
            pixels[split.name].update(one.mask.counts)
    everything = [one for split in survey.plan.splits for one in split.samples]
    return {
        "ledger_key": survey.entry.key,
        "class_pixels": {name: [n[i] for i in classes] for name, n in pixels.items()},
        "void_pixels": {name: n[VOID_ID] for name, n in pixels.items()},
        "sizes": {
            side: [min(v), int(statistics.median(v)), max(v)]
            for side in ("height", "width")
            if (v := [getattr(one.image, side) for one in everything])
        },
        "groups": {s.name: len({f.sample.group for f in s.samples}) for s in survey.plan.splits},
        "findings": [
            {**dataclasses.asdict(finding), "severity": finding.severity.value}
            for finding in survey.findings
        ],
        "partial": survey.partial,
    }


@contextlib.contextmanager
def _bar(title: str, total: int) -> Iterator[Any]:
    """A progress bar's `update`."""
    with tqdm.tqdm(desc=title, total=total, unit=" samples", leave=False) as bar:
        yield bar.update


def _link(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Puts a shard into the folder and keeps it in the workspace too, in case the build is killed
    before the folder is in place."""
    try:
        (folder / path.name).hardlink_to(path)
    except OSError:  # a file system without hard links
        path.replace(folder / path.name)
