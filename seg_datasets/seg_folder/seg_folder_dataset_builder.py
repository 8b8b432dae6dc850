"""Any raw folder, stated in JSON or TOML: no class to write."""

import pathlib
from typing import Any, ClassVar

import tensorflow_datasets as tfds

import seg_datasets
from seg_datasets.seg_folder.stating import UNSTATED, FolderConfig, ledger_folder


class Builder(seg_datasets.SegmentationBuilder):
    """A raw folder as a config states it."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = "RAW is your own folder, as the config states it."
    BUILDER_CONFIGS: ClassVar = [FolderConfig(UNSTATED)]

    @classmethod
    def get_builder_config(cls, name: str, version: Any = None) -> Any:
        """The config of a name, or of a TOML file."""
        if name.endswith(".toml"):
            return FolderConfig(toml=name)
        return super().get_builder_config(name, version)

    @classmethod
    def ledger_path(cls) -> pathlib.Path:
        """Where you work, not where this package lies."""
        return ledger_folder() / f"{cls.name}.json"

    def _survey(self, manual_dir: str, *args: Any, **kwargs: Any) -> Any:
        self.builder_config.refuse_unstated(manual_dir)
        return super()._survey(manual_dir, *args, **kwargs)
