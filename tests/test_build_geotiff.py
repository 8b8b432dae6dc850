"""Tiles of scenes as records: exact values of many bands and 16 bits, with their place."""

from __future__ import annotations

import json
import pathlib
from typing import ClassVar

import numpy as np
import pytest
import rasterio
import tensorflow_datasets as tfds

import seg_datasets
from builds import build, records
from seg_datasets import registration
from seg_datasets.core import ledger, verification
from seg_datasets.core.classes import DeclarationError

BANDS = 12

FOLDER = '''
import numpy as np
import seg_datasets
import tensorflow_datasets as tfds


class Builder(seg_datasets.SegmentationBuilder):
    """Scenes of many bands."""

    VERSION = tfds.core.Version("1.0.0")
    CLASSES = seg_datasets.ClassTable("ground", "roof", "road")
    SOURCE = seg_datasets.sources.GeoTiff(tile=32, overlap=4)
    SPLITS = seg_datasets.splits.Grouped(
        train=1, test=1, pin={"train": ["s0"], "test": ["s1"]}
    )
    CHANNELS = 12
    IMAGE_DTYPE = np.uint16
'''


class Many(seg_datasets.SegmentationBuilder, skip_registration=True):
    """Twelve bands of 16 bits: a tensor."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    CLASSES = seg_datasets.ClassTable("ground", "roof", "road")
    SOURCE = seg_datasets.sources.GeoTiff(tile=32, overlap=4)
    SPLITS = seg_datasets.splits.Grouped(train=1, test=1, pin={"train": ["s0"], "test": ["s1"]})
    CHANNELS = BANDS
    IMAGE_DTYPE = np.uint16


class Four(Many, skip_registration=True):
    """Four bands of 16 bits: a PNG."""

    SOURCE = seg_datasets.sources.GeoTiff(tile=32, bands=(8, 4, 3, 2), partial="pad")
    CHANNELS = 4


@pytest.fixture
def raw(tmp_path: pathlib.Path) -> pathlib.Path:
    random = np.random.default_rng(0)
    for number in range(2):
        place = rasterio.Affine(10, 0, 500_000 + 5000 * number, 0, -10, 5_700_000)
        image = random.integers(1, 65536, (BANDS, 50, 70), np.uint16)
        image[:, :3, :5] = 0
        labels = np.repeat(np.repeat(random.integers(0, 3, (10, 14), np.uint8), 5, 0), 5, 1)
        for folder, values, nodata in (("images", image, 0), ("labels", labels[None], None)):
            (tmp_path / "raw" / folder).mkdir(parents=True, exist_ok=True)
            with rasterio.open(
                tmp_path / "raw" / folder / f"s{number}.tif",
                "w",
                driver="GTiff",
                count=len(values),
                width=70,
                height=50,
                dtype=values.dtype,
                crs="EPSG:32633",
                transform=place,
                nodata=nodata,
            ) as out:
                out.write(values)
    return tmp_path / "raw"


def _hold_against_scenes(version: pathlib.Path, raw: pathlib.Path, bands: list[int]) -> None:
    """Every record holds just what its scene has there."""
    seen = 0
    for split in ("train", "test"):
        dataset = tfds.builder_from_directory(version).as_dataset(split)
        for example in dataset.as_numpy_iterator():
            scene, _, place = example["id"].decode().rpartition("/")
            top, left = (int(part[1:]) for part in place.split("_"))
            assert example["group"].decode() == scene
            window = rasterio.windows.Window(left, top, 32, 32)
            with rasterio.open(raw / "images" / f"{scene}.tif") as file:
                image = file.read(bands, window=window, boundless=True, fill_value=0)
                whole = file.read(window=window, boundless=True, fill_value=0)
                assert example["transform"].tolist() == [*file.window_transform(window)][:6]
                assert example["crs"].decode() == "EPSG:32633"
            with rasterio.open(raw / "labels" / f"{scene}.tif") as file:
                labels = file.read(1, window=window, boundless=True, fill_value=0)
            np.testing.assert_array_equal(example["image"], np.moveaxis(image, 0, -1))
            expected = np.where((whole == 0).all(axis=0), 255, labels)
            np.testing.assert_array_equal(example["mask"][..., 0], expected)
            seen += 1
    assert seen == 12 if bands == [8, 4, 3, 2] else seen > 8


@pytest.mark.parametrize(("cls", "bands"), [(Many, [*range(1, BANDS + 1)]), (Four, [8, 4, 3, 2])])
def test_records_hold_just_what_scenes_do(raw, tmp_path, cls, bands):
    version = build(raw, tmp_path / "a", cls=cls, register_checksums=True)
    _hold_against_scenes(version, raw, bands)
    assert verification.verify(version, cls.ledger_path(), content=True).sound
    again = build(raw, tmp_path / "b", cls=cls)
    assert records(again) == records(version)


def test_array_record_holds_the_same(raw, tmp_path):
    version = build(raw, tmp_path / "a", cls=Many, file_format="array_record")
    assert verification.verify(version, Many.ledger_path(), content=True).sound


def test_a_pixel_of_a_scene_stops_the_build_of_a_recorded_version(raw, tmp_path):
    build(raw, tmp_path / "a", cls=Many, register_checksums=True)
    with rasterio.open(raw / "images" / "s1.tif", "r+") as file:
        values = file.read()
        values[7, 40, 60] ^= 1
        file.write(values)
    with pytest.raises(ledger.LedgerError, match=r"1 altered \(images/s1\.tif\)"):
        build(raw, tmp_path / "b", cls=Many)


def test_a_row_of_a_tile_that_was_altered_in_the_manifest_is_found(raw, tmp_path):
    version = build(raw, tmp_path / "a", cls=Many, register_checksums=True)
    path = version / "manifest.jsonl"
    lines = path.read_text().splitlines()
    row = json.loads(lines[3])
    row["mask_sha256"] = "0" * 64
    path.write_text("\n".join([*lines[:3], json.dumps(row), *lines[4:]]) + "\n")
    (problem,) = verification.verify(version, Many.ledger_path()).problems
    assert "altered where it tells of views" in problem


def test_a_split_that_tfds_takes_for_all_splits_is_refused(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(Many, "SPLITS", seg_datasets.splits.Grouped(all=1))
    with pytest.raises(DeclarationError, match="no split can be called 'all'"):
        build(raw, tmp_path / "a", cls=Many)
    assert not [*(tmp_path / "a").rglob("*tfrecord*")]


def test_a_dataset_folder_is_loaded_by_its_name(raw, tmp_path):
    folder = tmp_path / "terrain"
    folder.mkdir()
    (folder / "terrain_dataset_builder.py").write_text(FOLDER)
    (folder / "__init__.py").touch()
    for name in ("README.md", "CITATIONS.bib", "TAGS.txt"):
        (folder / name).touch()
    cls = registration.builder_class(str(folder))
    version = build(raw, tmp_path / "data", cls=cls)
    for example in tfds.load("terrain", data_dir=str(tmp_path / "data"), split="train"):
        assert example["image"].shape == (32, 32, BANDS)
    assert verification.verify(version, cls.ledger_path(), content=True).sound
