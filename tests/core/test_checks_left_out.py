"""Samples that the split rule leaves out: in no record, counted, and their files still raw data."""

import dataclasses
import pathlib
from typing import Any

import kit
from seg_datasets.core import checks
from seg_datasets.core.plan import Sharding
from seg_datasets.core.sources import Folder, ImageMaskFolders
from seg_datasets.core.splits import Spatial
from seg_datasets.core.survey import Survey, survey

TILES = r"_x(?P<x>\d+)_y(?P<y>\d+)$"


def _survey(root: pathlib.Path, **rule: Any) -> Survey:
    raw = kit.Raw(root, kit.np.random.default_rng(0))
    for x in range(12):
        raw.put(f"s_x{x}_y0")
    declaration = dataclasses.replace(
        kit.DECLARATION,
        source=ImageMaskFolders(),
        splits=Spatial(train=2, test=1, block=4, tiles=TILES, **rule),
    )
    return survey(
        declaration, Folder(root), key="1.0.0", file_format="tfrecord", sharding=Sharding()
    )


def test_left_out_samples_are_in_no_record_and_told(tmp_path: pathlib.Path) -> None:
    done = _survey(tmp_path, gap=1)
    planned = {one.sample.id for split in done.plan.splits for one in split.samples}
    left_out = {*done.examined.assignment.left_out}
    assert len(planned) + len(left_out) == 12
    assert 1 <= len(left_out) <= 2
    assert not planned & left_out
    told = [f for f in done.examined.findings if f.code == "SD420"]
    assert [(f.where, f.severity) for f in told] == [("SPLITS", checks.Severity.WARNING)]
    assert f"{len(left_out)} of 12 samples" in told[0].message
    assert done.entry.raw_files == 24


def test_rule_that_leaves_nothing_out_is_silent(tmp_path: pathlib.Path) -> None:
    done = _survey(tmp_path, gap=0)
    assert done.examined.assignment.left_out == ()
    assert ("SD420", "SPLITS") not in kit.said(list(done.examined.findings))
