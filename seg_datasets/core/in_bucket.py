"""InBucket: what is other of a builder whose raw folder or data_dir is a URL."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from seg_datasets.core import bucket, mirror, storage
from seg_datasets.core.shards import ShardDone


class InBucket:
    """Mixed into a TFDS builder, before it; where all is local, nothing of this does anything.

    TFDS asks TensorFlow for what lies in a bucket, and that knows no s3://. So raw data is read
    past it, see `sources.Folder`. Where the data_dir is a URL, TFDS is shown the folder that
    mirrors it: it would also rename a folder of objects one by one, and that in any order.
    """

    _data_dir: str
    info: Any
    MANUAL_DOWNLOAD_INSTRUCTIONS: ClassVar[str | None]
    _raw_given = ""  # the raw folder
    _bucket_dir = ""  # URL of the data_dir
    _bucket_version = ""  # URL of the version

    def _build_data_dir(self, given_data_dir: str | None) -> tuple[str, str]:
        from tensorflow_datasets.core import constants

        given = given_data_dir or constants.DATA_DIR
        if not storage.is_remote(given):
            return super()._build_data_dir(given_data_dir)  # type: ignore[misc]
        self._bucket_dir = given.rstrip("/")
        root = mirror.data_dir(self._bucket_dir)
        found: tuple[str, str] = super()._build_data_dir(str(root))  # type: ignore[misc]
        version = pathlib.Path(found[1])
        self._bucket_version = f"{self._bucket_dir}/{version.relative_to(root).as_posix()}"
        mirror.refresh(self._bucket_version, version)
        return found

    def _manual_dir(self, dl_manager: Any) -> str:
        """The raw folder that was given, or TFDS's own place for it, or how to get one."""
        if not storage.is_remote(self._raw_given):
            return os.fspath(dl_manager.manual_dir)
        if not storage.is_folder(self._raw_given):
            raise AssertionError(
                f"There is no object below {self._raw_given}. {self.MANUAL_DOWNLOAD_INSTRUCTIONS}"
            )
        return self._raw_given

    def as_dataset(self, split: Any = None, **kwargs: Any) -> Any:
        """See TFDS; of a version in a bucket, the records of these splits are brought here."""
        self._bring(split)
        return super().as_dataset(split=split, **kwargs)  # type: ignore[misc]

    def as_data_source(self, split: Any = None, **kwargs: Any) -> Any:
        """See TFDS; of a version in a bucket, the records of these splits are brought here."""
        self._bring(split)
        return super().as_data_source(split=split, **kwargs)  # type: ignore[misc]

    def is_prepared(self) -> bool:
        """Whether the version is there, whole."""
        if not self._bucket_version:
            return super().is_prepared()  # type: ignore[misc]
        return mirror.refresh(self._bucket_version, pathlib.Path(self._data_dir))

    def _bring(self, split: Any) -> None:
        if not self._bucket_version:
            return
        if not self.is_prepared():
            raise AssertionError(
                f"{self._bucket_version} is not prepared; call download_and_prepare() before"
            )
        import tree

        splits = self.info.splits
        wanted = list(splits) if split is None else tree.flatten(split)
        names = {name for one in wanted for name in splits[one].filenames}
        mirror.complete(pathlib.Path(self._data_dir), names.__contains__)

    def _is_there(self) -> bool:
        """Whether the version is prepared; what is needed to hold it against the raw data is here
        then."""
        folder = pathlib.Path(self._data_dir)
        if not self._bucket_version:
            return folder.exists()
        there = mirror.refresh(self._bucket_version, folder)
        if there:
            mirror.complete(folder, lambda name: not mirror.is_records(name))
        return there

    @property
    def _place(self) -> str:
        """Where the version lies, for people."""
        return self._bucket_version or self._data_dir

    def _sweep(self) -> None:
        """Removes what a build left that was killed after its version was in place."""
        if self._bucket_version:
            bucket.sweep(self._bucket_version, self._bucket_dir)

    @contextlib.contextmanager
    def _building(self, here: pathlib.Path) -> Iterator[str]:
        """Where shards are written. Of a bucket, the version is put in place at the end."""
        self._shards: Mapping[str, Sequence[ShardDone]] = {}
        if not self._bucket_version:
            yield str(here)
            return
        with bucket.building(self._bucket_version, self._bucket_dir) as (folder, lease):
            if not mirror.refresh(self._bucket_version, pathlib.Path(self._data_dir)):
                # What a build that failed has left here.
                shutil.rmtree(self._data_dir, ignore_errors=True)
            yield folder
            if not self._shards:
                return  # another build was done just before: TFDS has found its version
            done = {
                shard.path.rpartition("/")[2]: (shard.path, shard.bytes)
                for shards in self._shards.values()
                for shard in shards
            }
            files = pathlib.Path(self._data_dir)
            bucket.publish(self._bucket_version, files, done, lease=lease)
