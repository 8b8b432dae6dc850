"""SegmentationBuilder: the base class of every dataset folder. Ties the rooms together."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from seg_datasets.core import (
    atomic,
    checks,
    commands,
    features,
    ledger,
    ledgers,
    manifest,
    report,
    workspace,
    write,
)
from seg_datasets.core.classes import VOID_ID, ClassTable
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.in_bucket import InBucket
from seg_datasets.core.plan import Sharding, SplitPlan
from seg_datasets.core.shards import Recipe, ShardDone, ShardJob
from seg_datasets.core.sources import Folder, Source
from seg_datasets.core.splits import SplitRule
from seg_datasets.core.stages import NAME as LOG
from seg_datasets.core.stages import Stages
from seg_datasets.core.survey import Survey, bar, declared, survey


class SegmentationBuilder(  # type: ignore[call-arg]
    InBucket, tfds.core.GeneratorBasedBuilder, skip_registration=True
):
    """Builds a segmentation dataset from a raw folder, as its class attributes declare it.

    Attributes:
      CLASSES: names, ids and colours.
      SOURCE: the raw layout.
      SPLITS: which sample goes where.
      CHANNELS: channels of image records; other than 1, 3 or 4 they are stored as a tensor.
      IMAGE_DTYPE: np.uint8 or np.uint16.
      ACCEPT: code of a check → reason, for errors that are known and meant.
      LIMITS: thresholds of checks, where the defaults do not fit the data.
      QUESTIONS: what nobody knows yet; while there is one, nothing is built.

    BUILDER_CONFIGS may hold `SegmentationConfig`s, where one raw folder makes several datasets.
    """

    CLASSES: ClassVar[ClassTable]
    SOURCE: ClassVar[Source]
    SPLITS: ClassVar[SplitRule]
    CHANNELS: ClassVar[int] = 3
    IMAGE_DTYPE: ClassVar[type] = np.uint8
    ACCEPT: ClassVar[Mapping[str, str]] = {}
    LIMITS: ClassVar[checks.Limits] = checks.Limits()
    QUESTIONS: ClassVar[Sequence[str]] = ()
    MANUAL_DOWNLOAD_INSTRUCTIONS = commands.instructions(
        "It is laid out as SOURCE in the dataset folder says.", None
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # TFDS takes a single file for the folder of README and tags, and fails to list it.
        with contextlib.suppress(TypeError, OSError):  # a notebook has no file
            cls.pkg_dir_path = tfds.core.Path(inspect.getfile(cls)).parent
        if own := vars(cls).get("MANUAL_DOWNLOAD_INSTRUCTIONS"):
            cls.MANUAL_DOWNLOAD_INSTRUCTIONS = commands.instructions(own, cls.pkg_dir_path)

    @tfds.core.utils.classproperty
    @classmethod
    def _checksums_path(cls) -> tfds.core.Path:
        """Where TFDS keeps the checksums of URLs: beside the ledger."""
        return tfds.core.Path(cls.ledger_path()).with_suffix(".tsv")

    @classmethod
    def ledger_path(cls) -> pathlib.Path:
        """The ledger of this dataset, see `ledgers.of`."""
        return ledgers.of(cls.name, pathlib.Path(inspect.getfile(cls)))

    def _info(self) -> tfds.core.DatasetInfo:
        declaration = declared(self)
        classes = declaration.classes
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                features.declare(
                    classes,
                    channels=declaration.channels,
                    dtype=declaration.dtype,
                    georeferenced=getattr(declaration.source, "georeferenced", False),
                )
            ),
            supervised_keys=("image", "mask"),
            metadata=tfds.core.MetadataDict(
                classes=list(classes.names),
                void_id=VOID_ID,
                palette=[list(colour) for colour in classes.colours],
                split_rule=declaration.splits.describe(),
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
          ChangedError: a raw file changed meanwhile.
          FullError, ReadOnlyError: a disk takes no more, or cannot be written.
        """
        config = download_config or tfds.download.DownloadConfig()
        root, version_dir = pathlib.Path(self._data_dir_root), pathlib.Path(self.data_dir)
        if self._is_there():
            # TFDS would reuse, or delete, without a look at the raw data.
            self._hold_prepared(download_dir, config)
            if not config.download_mode.overwrite_dataset:
                workspace.sweep(root, version_dir)
                self._sweep()
                logging.info("%s is there; its raw data is unchanged or not at hand", self._place)
                return
        replace = config.download_mode.overwrite_dataset
        opened = workspace.opened(root, version_dir, replace=replace)
        with opened as here, self._building(here) as self._workspace:
            super().download_and_prepare(
                download_dir=download_dir,
                download_config=config,
                file_format=file_format,
                **kwargs,
            )
        logging.info("the page of this build: %s", f"{self._place}/{report.NAME}")

    def _make_download_manager(
        self, download_dir: Any, download_config: tfds.download.DownloadConfig
    ) -> tfds.download.DownloadManager:
        self._raw_given = os.fspath(download_config.manual_dir or "")
        urls = pathlib.Path(self._checksums_path)
        with ledger.told(urls):
            if download_config.register_checksums:
                urls.parent.mkdir(parents=True, exist_ok=True)
            manager = super()._make_download_manager(
                download_dir=download_dir, download_config=download_config
            )
        # To register checksums, TFDS touches the file of URLs; most raw folders come from none.
        # Another build may do the same at once, and who only reads a ledger may not remove it.
        with contextlib.suppress(OSError):
            if not urls.stat().st_size:
                urls.unlink()
        return manager

    def _generate_splits(
        self, dl_manager: tfds.download.DownloadManager, download_config: Any
    ) -> Sequence[tfds.core.SplitInfo]:
        file_format = self.info.file_format.value
        stages = Stages(
            beam_options=download_config.beam_options,
            beam_runner=download_config.beam_runner,
            room=self._workspace,
        )
        survey = self._survey(
            self._manual_dir(dl_manager), download_config, file_format=file_format, stages=stages
        )
        if survey.examined.groups:
            logging.warning("%s", survey.examined.groups)
        if survey.examined.findings:
            logging.warning("%s", checks.describe(survey.examined.findings))
        if download_config.register_checksums:
            ledger.refuse_partial(survey.entry)  # before writing, not after
        path, known = self.ledger_path(), None
        if not survey.entry.partial:
            known = ledger.admit(survey.entry, path, before=self._files_before())
        shards = self._write(survey, stages)
        entry = ledger.with_shards(survey.entry, file_format, shards)
        if known and (note := ledger.hold_bytes_against(entry, known, file_format=file_format)):
            logging.warning("%s", note)
        if download_config.register_checksums:
            ledger.record(path, self.name, entry)
            logging.info("recorded %s in %s", entry.key, path)
        elif not known:
            logging.warning(
                "%s is not in %s: nothing holds later builds to this one. Record it with "
                "--register_checksums.",
                entry.key,
                path,
            )
        return self._move_in(survey, entry, shards, stages)

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        """The plan as TFDS's generators: for whoever calls them; a build writes shards itself."""
        survey = self._survey(
            self._manual_dir(dl_manager),
            tfds.download.DownloadConfig(),
            file_format="tfrecord",
        )
        return {
            split.name: self._generate_examples(split.samples, survey.recipe)
            for split in survey.plan.splits
        }

    def _generate_examples(
        self, samples: Sequence[SampleFacts], recipe: Recipe
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for one in samples:
            record = write.encoded(one, recipe)
            yield one.sample.id, features.example(record, dtype=declared(self).dtype)

    def _survey(
        self,
        manual_dir: str,
        config: tfds.download.DownloadConfig,
        *,
        file_format: str,
        stages: Stages | None = None,
    ) -> Survey:
        """Everything that comes before writing, or a refusal."""
        # The folder named after the dataset, where `manual_dir` holds those of several.
        named = Folder(f"{manual_dir}/{self.name}")
        folder = named if named.exists() else Folder(manual_dir)
        return survey(
            declared(self),
            folder,
            key=ledger.key(
                version=str(self.version),
                config=self.builder_config_name,
                edition=ledger.edition(folder),
            ),
            file_format=file_format,
            sharding=Sharding(config.num_shards, config.min_shard_size, config.max_shard_size),
            max_examples_per_split=config.max_examples_per_split,
            stages=stages,
        )

    def _write(self, survey: Survey, stages: Stages) -> dict[str, list[ShardDone]]:
        work = f"{self._workspace}/{survey.plan.digest[:16]}"
        jobs = {
            split.name: [
                ShardJob(f"{work}/{self._shard_name(split, index)}", samples, survey.recipe)
                for index, samples in enumerate(split.shards)
            ]
            for split in survey.plan.splits
        }
        total = sum(len(split.samples) for split in survey.plan.splits)
        with bar("Writing records", total) as progress:
            done = write.run(
                [job for split in jobs.values() for job in split],
                stages=stages,
                progress=progress,
            )
        by_path = {shard.path: shard for shard in done}
        return {name: [by_path[job.path] for job in split] for name, split in jobs.items()}

    def _shard_name(self, split: SplitPlan, index: int) -> str:
        return (
            self._get_filename_template(split_name=split.name)
            .sharded_filepath(shard_index=index, num_shards=len(split.ends))
            .name
        )

    def _move_in(
        self,
        survey: Survey,
        entry: ledger.Entry,
        shards: Mapping[str, list[ShardDone]],
        stages: Stages,
    ) -> list[tfds.core.SplitInfo]:
        """Shards and all that lies beside them into the folder that TFDS moves into place whole."""
        self._shards = shards
        for done in (shard for split in shards.values() for shard in split):
            if not self._bucket_version:  # there they are copied when all is done
                workspace.link(pathlib.Path(done.path), pathlib.Path(self.data_dir))
        manifest.save(survey.plan, pathlib.Path(self.data_dir))
        atomic.write(
            pathlib.Path(self.data_dir, ledger.ENTRY), json.dumps(entry.to_json(), indent=1) + "\n"
        )
        atomic.write(pathlib.Path(self.data_dir, LOG), stages.to_json())
        again = commands.of_build(self)
        report.save_beside(self.data_dir, survey, entry, name=self.name, how_to_build=again)
        self.info.metadata.update(manifest.metadata(survey))
        return [
            tfds.core.SplitInfo(
                name=split.name,
                shard_lengths=split.lengths,
                num_bytes=sum(shard.bytes for shard in shards[split.name]),
                filename_template=self._get_filename_template(split_name=split.name),
            )
            for split in survey.plan.splits
        ]

    def _hold_prepared(self, download_dir: Any, config: tfds.download.DownloadConfig) -> None:
        """Refuses to pass a prepared version off as the build of raw data that is different.

        Where no raw data is at hand there is nothing to hold against: a prepared dataset is used
        without it.
        """
        downloads = pathlib.Path(download_dir or pathlib.Path(self._data_dir_root, "downloads"))
        manual_dir = os.fspath(config.manual_dir or downloads / "manual" / self.name)
        if not (config.manual_dir or Folder(manual_dir).exists()):
            if config.register_checksums:
                raise ledger.LedgerError("to record a version give its raw data with --manual_dir")
            return
        overwrite = config.download_mode.overwrite_dataset
        version_dir = self._prepared_dir()
        prepared = None if overwrite else ledger.load_entry(version_dir)
        if prepared and prepared.partial and config.max_examples_per_split is None:
            raise ledger.LedgerError(
                f"{version_dir} was built with max_examples_per_split and is no version; delete "
                "that folder and build again"
            )
        if config.max_examples_per_split is not None:
            return
        survey = self._survey(manual_dir, config, file_format=self.info.file_format.value)
        if prepared:
            ledger.hold_against(survey.entry, prepared, where=version_dir)
        before = prepared.files if prepared else self._files_before()
        ledger.admit(survey.entry, self.ledger_path(), before=before)
        if prepared and config.register_checksums:
            ledger.record(self.ledger_path(), self.name, prepared)
            logging.info("recorded %s in %s", prepared.key, self.ledger_path())

    def _files_before(self) -> Mapping[str, str]:
        """Raw file → digest of the version that is prepared here, to tell what has changed."""
        try:
            return ledger.load_entry(self._prepared_dir()).files
        except ledger.LedgerError:
            return {}

    def _prepared_dir(self) -> pathlib.Path:
        """Where the finished version lies, also while `data_dir` is a temporary folder."""
        return pathlib.Path(self._data_dir_root, *self.info.full_name.split("/"))
