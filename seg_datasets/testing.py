"""For people's own tests: fake examples in place of a dataset, and a test case for a dataset.

Stands beside the flow, not in it: no build and no recipe imports it. See docs/testing.md.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import multiprocessing
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from concurrent import futures
from typing import Any, ClassVar
from unittest import mock

import numpy as np
import tensorflow_datasets as tfds

from seg_datasets.core import records
from seg_datasets.core.builder import SegmentationBuilder
from seg_datasets.core.classes import VOID_ID
from seg_datasets.mocking import mock_data

__all__ = ["SegmentationBuilderTestCase", "mock_data"]


class SegmentationBuilderTestCase(tfds.testing.DatasetBuilderTestCase):
    """Test case for a dataset folder: TFDS's own, and what a segmentation dataset promises.

    Beyond `tfds.testing.DatasetBuilderTestCase`: masks hold class ids and void only and have the
    size of their image; ids are unique and no group is in two splits; the record files are the same
    bytes from raw data at another path, from another process and from Beam; the generators yield
    what is written. Neither the project's ledger nor its cache is touched.

    Attributes:
      DATASET_CLASS: the `Builder` under test.
      SPLITS: split → number of examples in the example data.
      EXAMPLE_DIR: folder of raw example data, used as `--manual_dir`; by default `dummy_data/` in
        the dataset folder. A test that defines `draw_example_data` needs neither.
      OVERLAPPING_SPLITS: splits that may share groups and examples with others.
    """

    DATASET_CLASS: ClassVar[type[SegmentationBuilder]]

    @classmethod
    def draw_example_data(cls, folder: pathlib.Path) -> None:
        """Draws raw example data into an empty folder: in place of files that are kept in git."""
        raise NotImplementedError

    @classmethod
    def setUpClass(cls) -> None:
        """Draws the example data, where the test says how."""
        own = cls.draw_example_data.__func__  # type: ignore[attr-defined]
        if own is not SegmentationBuilderTestCase.draw_example_data.__func__:  # type: ignore[attr-defined]
            folder = pathlib.Path(tempfile.mkdtemp(prefix="example_data_"))
            cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
            cls.draw_example_data(folder)
            cls.dummy_data = tfds.core.Path(folder)
            cls.addClassCleanup(delattr, cls, "dummy_data")
        super().setUpClass()

    def setUp(self) -> None:
        """Puts ledger and cache out of the way."""
        super().setUp()
        self._outside = dict(os.environ)
        away = {"SEG_DATASETS_CHECKSUMS": self._folder(), "SEG_DATASETS_CACHE": self._folder()}
        # A declaration is tested as it stands; open questions hold up builds of the real data.
        for patched in (
            mock.patch.dict(os.environ, {name: str(path) for name, path in away.items()}),
            mock.patch.object(self.dataset_class, "QUESTIONS", ()),
        ):
            patched.start()
            self.addCleanup(patched.stop)

    def test_registered(self) -> None:
        """`tfds.load(name)` finds this class. TFDS's own test knows no lazy registration."""
        self.assertIs(tfds.builder_cls(self.builder.name), self.dataset_class)

    def test_masks_hold_class_ids_and_have_the_size_of_their_image(self) -> None:
        """What a loss and a metric rely on."""
        for config in self._configs():
            builder = self._build(config)
            allowed = {*range(builder.info.features["mask"].num_classes), VOID_ID}
            wrong = []
            for split, example in _examples(builder):
                image, mask = example["image"].shape[:2], example["mask"].shape[:2]
                name = f"{split}: {example['id'].decode()}"
                if image != mask:
                    wrong.append(f"{name}: the image is {image}, the mask {mask}")
                if strange := sorted({*np.unique(example["mask"]).tolist()} - allowed):
                    wrong.append(f"{name}: the mask holds {strange}, which no class has")
            self.assertEmpty(wrong, "\n".join(wrong))

    def test_ids_are_unique_and_no_group_is_in_two_splits(self) -> None:
        """What a score relies on."""
        for config in self._configs():
            ids: collections.Counter[str] = collections.Counter()
            splits: dict[str, set[str]] = collections.defaultdict(set)
            for split, example in _examples(self._build(config)):
                if split not in self.OVERLAPPING_SPLITS:
                    ids[example["id"].decode()] += 1
                    splits[example["group"].decode()].add(split)
            wrong = [f"the id {name!r} is there {n} times" for name, n in ids.items() if n > 1]
            wrong += [f"the group {g!r} is in {sorted(s)}" for g, s in splits.items() if len(s) > 1]
            self.assertEmpty(wrong, "\n".join(wrong))

    def test_record_files_do_not_depend_on_path_order_or_workers(self) -> None:
        """A copy of the raw data elsewhere, its files made in another order, is the same data."""
        copy = self._copied_backwards()
        for config in self._configs():
            expected = _digests(self._build(config))
            with mock.patch.dict(os.environ, SEG_DATASETS_WORKERS="1"):
                self.assertEqual(_digests(self._build(config, copy)), expected)

    def test_record_files_do_not_depend_on_the_process(self) -> None:
        """Not on Python's hash seed above all, which orders sets of names."""
        configs = self._configs()
        expected = [_digests(self._build(config)) for config in configs]
        self.assertEqual(self._digests_of_another_process(configs), expected)

    def test_beam_writes_the_same_record_files(self) -> None:
        """Beam decides where shards are written, never what is in them."""
        from apache_beam.options.pipeline_options import PipelineOptions

        options = PipelineOptions(["--direct_running_mode=in_memory", "--direct_num_workers=1"])
        for config in self._configs():
            by_beam = self._build(config, beam_runner="DirectRunner", beam_options=options)
            self.assertEqual(_digests(by_beam), _digests(self._build(config)))

    def test_generators_yield_what_is_written(self) -> None:
        """`_generate_examples` is what others call; the record files are what is trained on."""
        for config in self._configs():
            built = self._build(config)
            written: dict[str, dict] = {name: {} for name in built.info.splits}
            for split, example in _examples(built):
                written[split][example["id"].decode()] = example
            builder = self._new_builder(config)
            with self._raw_data(self.dummy_data):
                dl_manager = builder._make_download_manager(
                    download_dir=None, download_config=tfds.download.DownloadConfig()
                )
                yielded = {
                    split: [(key, _through_record(builder, example)) for key, example in examples]
                    for split, examples in builder._split_generators(dl_manager).items()
                }
            self.assertCountEqual(yielded, written)
            for split, examples in yielded.items():
                self.assertCountEqual([key for key, _ in examples], written[split])
                for key, example in examples:
                    self.assertAllEqualNested(example, written[split][key])

    def _test_checksums(self) -> None:
        with mock.patch.dict(os.environ, self._outside, clear=True):  # those of URLs are kept there
            super()._test_checksums()

    def _configs(self) -> list[Any]:
        """Configs to test: the same as TFDS's test case takes."""
        given = self.BUILDER_CONFIG_NAMES_TO_TEST
        return list(given or self.builder.builder_configs or [None])

    def _new_builder(self, config: Any) -> SegmentationBuilder:
        return self.dataset_class(data_dir=self._folder(), config=config, version=self.VERSION)

    def _build(
        self, config: Any, raw: pathlib.Path | None = None, **options: Any
    ) -> SegmentationBuilder:
        """Builds anew, from the example data or a copy of it."""
        builder = self._new_builder(config)
        skip = tfds.download.ComputeStatsMode.SKIP
        with self._raw_data(raw or self.dummy_data):
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(compute_stats=skip, **options)
            )
        return builder

    @contextlib.contextmanager
    def _raw_data(self, raw: os.PathLike[str]) -> Iterator[None]:
        """Downloads and `manual_dir` from a folder, as TFDS's test case has them from its own."""
        patches = {
            "download_and_extract": self._get_dl_extract_result,
            "download": self._get_dl_download_result,
            "download_checksums": self._download_checksums,
            "manual_dir": tfds.core.Path(raw),
        }
        if self.DL_EXTRACT_ONLY_RESULT:
            patches["extract"] = self._get_dl_extract_only_result
        with (
            mock.patch.object(type(self), "dummy_data", tfds.core.Path(raw)),
            mock.patch.multiple(tfds.download.DownloadManager, **patches),
        ):
            yield

    def _folder(self) -> pathlib.Path:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="seg_datasets_test_"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _copied_backwards(self) -> pathlib.Path:
        """A copy at another path, its files made in the opposite order."""
        raw, copy = pathlib.Path(self.dummy_data), self._folder() / "a copy"
        for path in sorted(raw.rglob("*"), reverse=True):
            if path.is_file():
                target = copy / path.relative_to(raw)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        return copy

    def _digests_of_another_process(self, configs: list[Any]) -> list[dict[str, str]]:
        work = _another_process().submit(_build_and_digest, type(self), self.dummy_data, configs)
        try:
            return work.result()
        except futures.BrokenExecutor:
            _another_process.cache_clear()  # the next test has one that works
            raise


@functools.cache
def _another_process() -> futures.Executor:
    """A process with another hash seed; one for all test classes, since to import TFDS takes
    longer than what is tested."""
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    with mock.patch.dict(os.environ, PYTHONHASHSEED=seed):
        pool = futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        pool.submit(os.getpid)  # starts it, with the environment of this moment
    return pool


def _build_and_digest(
    case_class: type[SegmentationBuilderTestCase], raw: os.PathLike[str], configs: list[Any]
) -> list[dict[str, str]]:
    """What another process does: builds without the test around them."""
    case_class.dummy_data = tfds.core.Path(raw)
    # TFDS's own, not ours: the example data is drawn already.
    tfds.testing.DatasetBuilderTestCase.setUpClass.__func__(case_class)
    case = case_class("test_record_files_do_not_depend_on_the_process")
    case.setUp()
    try:
        return [_digests(case._build(config)) for config in configs]
    except Exception as error:  # an error with arguments of its own does not come back whole
        raise RuntimeError(f"{type(error).__name__}: {error}") from None
    finally:
        case.tearDown()
        case.doCleanups()
        case_class.tearDownClass()


def _digests(builder: SegmentationBuilder) -> dict[str, str]:
    """Record file → digest of its bytes."""
    files = [path for split in builder.info.splits.values() for path in split.filepaths]
    return {path.name: records.digest(pathlib.Path(path))[0] for path in files}


def _examples(builder: SegmentationBuilder) -> Iterator[tuple[str, dict[str, Any]]]:
    """All examples, each with its split."""
    for split in builder.info.splits:
        for example in tfds.as_numpy(builder.as_dataset(split=split)):
            yield split, example


def _through_record(builder: SegmentationBuilder, example: dict[str, Any]) -> dict[str, Any]:
    """An example as it would come back, had TFDS written what a generator yields."""
    features = builder.info.features
    return tfds.as_numpy(features.deserialize_example(features.serialize_example(example)))
