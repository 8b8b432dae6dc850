"""Masks drawn from shapes keep the promise as mask files do."""

from __future__ import annotations

import json
import pathlib
from typing import ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

import seg_datasets
from builds import build, everything, records
from seg_datasets.core import ledger, verification


class Town(seg_datasets.SegmentationBuilder, skip_registration=True):
    """Drawn in LabelMe."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    CLASSES = seg_datasets.ClassTable("ground", "roof", "road")
    SOURCE = seg_datasets.sources.LabelMe(
        labels={"house": "roof", "shed": "roof", "street": "road", "unclear": "void"},
        group=r"^(?P<group>[a-z]+)",
    )
    SPLITS = seg_datasets.splits.Grouped(
        train=2, test=1, pin={"train": ["ash", "elm"], "test": ["oak"]}
    )


def draw_town(folder: pathlib.Path) -> pathlib.Path:
    """Draws raw data for `Town`."""
    random = np.random.default_rng(0)
    names = [f"{group}_{i}" for group in ("ash", "elm", "oak") for i in range(3)]
    folder.mkdir()
    for left, name in enumerate(names, start=2):
        Image.fromarray(random.integers(0, 256, (40, 60, 3), np.uint8)).save(folder / f"{name}.png")
        corners = {
            "house": [[left, 3], [left + 12, 3], [left + 12, 15], [left, 15]],
            "street": [[0, 25], [59, 25], [59, 32], [0, 32]],
            "unclear": [[50, 2], [58, 2], [58, 10]],
        }
        fields = {"imagePath": f"{name}.png", "imageWidth": 60, "imageHeight": 40}
        fields["shapes"] = [
            {"label": label, "shape_type": "polygon", "points": points}
            for label, points in corners.items()
        ]
        (folder / f"{name}.json").write_text(json.dumps(fields))
    return folder


@pytest.fixture
def raw(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setenv("SEG_DATASETS_CHECKSUMS", str(tmp_path / "checksums"))
    return draw_town(tmp_path / "raw")


def test_records_hold_what_was_drawn_whoever_writes_them(
    raw: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    version = build(raw, tmp_path / "a", cls=Town)
    examples = list(tfds.builder_from_directory(version).as_dataset("train").as_numpy_iterator())
    assert len(examples) == 6
    for example in examples:
        fields = json.loads((raw / f"{example['id'].decode()}.json").read_text())
        (left, top), (right, bottom) = (fields["shapes"][0]["points"][i] for i in (0, 2))
        mask = example["mask"][..., 0]
        assert (mask[top : bottom + 1, left : right + 1] == 1).all()
        assert (mask == 1).sum() == (bottom + 1 - top) * (right + 1 - left)
        assert (mask[25:33] == 2).all()
        assert {*np.unique(mask)} == {0, 1, 2, 255}
    options = PipelineOptions(
        runner="DirectRunner", direct_running_mode="multi_processing", direct_num_workers=2
    )
    again = build(raw, tmp_path / "b", cls=Town, beam_options=options)
    assert records(again) == records(version)


def test_a_moved_corner_stops_the_build_of_a_recorded_version(
    raw: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    version = build(raw, tmp_path / "data", cls=Town, register_checksums=True)
    assert verification.verify(version, Town.ledger_path(), content=True).sound
    before = everything(version)
    path = raw / "elm_1.json"
    fields = json.loads(path.read_text())
    fields["shapes"][0]["points"][0][0] += 1
    path.write_text(json.dumps(fields))
    with pytest.raises(ledger.LedgerError, match=r"1 altered \(elm_1.json\)"):
        build(raw, tmp_path / "data", cls=Town)
    with pytest.raises(ledger.LedgerError, match=r"1 altered \(elm_1.json\)"):
        build(raw, tmp_path / "elsewhere", cls=Town)
    assert everything(version) == before


def test_a_label_that_leads_to_no_class_stops_the_build(
    raw: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    path = raw / "oak_2.json"
    path.write_text(path.read_text().replace("house", "hut"))
    with pytest.raises(seg_datasets.core.checks.RefusedError, match="'hut'"):
        build(raw, tmp_path / "data", cls=Town)


def test_pixels_lost_to_another_class_are_told(raw: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = raw / "oak_2.json"
    fields = json.loads(path.read_text())
    corners = [[10, 20], [14, 20], [14, 27], [10, 27]]  # 5 columns and 3 rows of the street
    house = {"label": "shed", "shape_type": "polygon", "points": corners}
    path.write_text(json.dumps({**fields, "shapes": [*fields["shapes"], house]}))
    version = build(raw, tmp_path / "data", cls=Town)
    findings = tfds.builder_from_directory(version).info.metadata["findings"]
    assert [(f["code"], f["message"]) for f in findings] == [
        ("SD513", "lies under 'roof' on 15 pixels in 1 image, most of them in oak_2")
    ]
