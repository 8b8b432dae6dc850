"""What is held out is said truly, and the range of pixels is the one they have."""

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from recipes.core import dataset as ds
from recipes.core import describe, folds


def knowing(monkeypatch: pytest.MonkeyPatch, groups: Sequence[str]) -> None:
    """Has a dataset tell these groups, one of each example."""
    names = tuple((f"i{i}", group) for i, group in enumerate(groups))
    monkeypatch.setattr(folds, "names", lambda builder, split: names)


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        (["a", "a", "b", "b", "c"], "Whole groups are"),
        (["a", "b", "c", "d", "e"], "They are single examples"),  # as the engine writes no group
        (["a", "a", "a", "a", "a"], "They are single examples"),
    ],
)
def test_groups_are_said_to_be_whole_only_where_there_are_some(
    monkeypatch: pytest.MonkeyPatch, groups: list[str], told: str
) -> None:
    knowing(monkeypatch, groups)
    notes: list[str] = []
    assert 1 <= describe.hold_out(None, "train", 40, notes=notes) <= 2
    assert told in notes[0]
    found = folds.Folds(folds.names(None, "train"), np.zeros(5, np.int64))
    assert (folds.note(found) is None) == (told == "Whole groups are")


@pytest.mark.parametrize("share", [0, 100, 150, -1])
def test_share_that_leaves_nothing_on_one_side_is_refused(foreign: str, share: int) -> None:
    with pytest.raises(ds.DatasetError, match=f"--validation_share={share} must be from 1 to 99"):
        describe.describe(foreign, validation_share=share)


def test_single_example_is_not_held_out_from_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    knowing(monkeypatch, ["a"])
    with pytest.raises(ds.DatasetError, match=r"has 1 example.*nothing is left to train on"):
        describe.hold_out(None, "train", 15, notes=[])


def test_with_folds_nothing_else_is_held_out(foreign: str) -> None:
    plain, folded = (describe.describe(foreign, mask_offset=1, folded=f) for f in (False, True))
    assert (plain.train_examples, folded.train_examples) == (17, 20)
    assert any("3 examples of train are held out" in note for note in plain.notes)
    assert not any("held out" in note for note in folded.notes)


def test_folder_is_kept_as_one_that_is_found_from_everywhere(
    shapes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pathlib.Path(shapes)
    monkeypatch.chdir(folder.parent)
    found = describe.describe(folder.name)
    assert found.name == shapes
    assert (found.dtype, found.pixel_low, found.pixel_high) == ("uint8", 0.0, 255.0)


def scans(count: int = 3) -> Iterator[dict[str, Any]]:
    """Sixteen-bit images in Hounsfield units, each with a few pixels that mean nothing."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        image = rng.integers(-1000, 2000, (64, 64, 2)).astype(np.int16)
        image[0, 0], image[5, 5] = -32768, 32767
        yield {"image": image, "mask": np.zeros((64, 64, 1), np.uint8)}


def test_range_is_that_of_the_pixels_without_the_odd_ones() -> None:
    found = describe.look_at(scans(), image_key="image", mask_key="mask")
    assert -1000 <= found.low <= -980
    assert 1980 <= found.high <= 2000
    assert found.top == 32767


def test_image_of_one_value_has_a_range_as_well() -> None:
    flat = {"image": np.full((8, 8, 1), 7, np.uint16), "mask": np.zeros((8, 8, 1), np.uint8)}
    found = describe.look_at([flat], image_key="image", mask_key="mask")
    assert (found.low, found.high) == (7.0, 8.0)
