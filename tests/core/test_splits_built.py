"""Rules at work in whole builds: folds load as TFDS writes sums, left-out samples stay out."""

import pathlib

import pytest
import tensorflow_datasets as tfds

import kit
import seg_datasets
from seg_datasets import testing
from seg_datasets.core import ledger, verification


class Tiles(seg_datasets.SegmentationBuilder, skip_registration=True):
    name = "tiles"
    VERSION = tfds.core.Version("1.0.0")
    CLASSES = kit.CLASSES
    SOURCE = seg_datasets.sources.ImageMaskFolders()


class Folds(Tiles, skip_registration=True):
    name = "folds"
    SPLITS = seg_datasets.splits.KFold(folds=4, test=20)


class Blocks(Tiles, skip_registration=True):
    name = "blocks"
    SPLITS = seg_datasets.splits.Spatial(
        train=2, test=1, block=5, gap=1, tiles=r"_x(?P<x>\d+)_y(?P<y>\d+)$"
    )


@pytest.fixture
def raw(tmp_path: pathlib.Path) -> pathlib.Path:
    drawn = kit.Raw(tmp_path / "raw", kit.np.random.default_rng(0))
    for x in range(15):
        drawn.put(f"s_x{x}_y0")
    return drawn.root


def _build(cls: type[Tiles], raw: pathlib.Path, **config: bool) -> pathlib.Path:
    builder = cls(data_dir=str(raw.parent / "data"))
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=str(raw), **config)
    )
    return pathlib.Path(builder.data_dir)


def test_folds_are_loaded_by_their_sum(raw: pathlib.Path) -> None:
    version = _build(Folds, raw)
    builder = tfds.builder_from_directory(version)
    counts = {name: split.num_examples for name, split in builder.info.splits.items()}
    assert counts == {"fold_0": 3, "fold_1": 3, "fold_2": 3, "fold_3": 3, "test": 3}
    train = builder.as_dataset(split="fold_1+fold_2+fold_3")
    held = builder.as_dataset(split="fold_0")
    ids = [{bytes(e["id"]) for e in tfds.as_numpy(some)} for some in (train, held)]
    assert [len(some) for some in ids] == [9, 3]
    assert not ids[0] & ids[1]


def test_fakes_come_in_the_splits_of_the_rule() -> None:
    with testing.mock_data(2, size=16):
        builder = Folds()
        builder.download_and_prepare()
        assert [*builder.info.splits] == ["fold_0", "fold_1", "fold_2", "fold_3", "test"]


def test_samples_left_out_are_in_no_record_and_their_files_in_the_ledger(
    raw: pathlib.Path,
) -> None:
    version = _build(Blocks, raw, register_checksums=True)
    info = tfds.builder_from_directory(version).info
    there = sum(split.num_examples for split in info.splits.values())
    told = next(f["message"] for f in info.metadata["findings"] if f["code"] == "SD420")
    assert there < 15
    assert f"{15 - there} of 15 samples" in told
    assert ledger.load(Blocks.ledger_path())["1.0.0"].raw_files == 30
    assert not verification.verify(version, Blocks.ledger_path(), content=True).problems
    left_out = told.rpartition(": ")[2].split(", ")[0]
    other = kit.Raw(raw, kit.np.random.default_rng(1)).picture()
    (raw / "images" / f"{left_out}.png").write_bytes(kit.encoded(other, "png"))
    with pytest.raises(ledger.LedgerError, match=rf"1 altered \(images/{left_out}.png\)"):
        _build(Blocks, raw)
