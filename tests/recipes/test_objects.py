"""Objects found and made up, against walking from pixel to pixel and comparing every pair."""

import dataclasses

import numpy as np
import pytest

import drawn_masks as drawn
from recipes.core import objects
from recipes.core.dataset import VOID


@pytest.mark.parametrize("seed", drawn.CASES)
def test_objects_equal_brute_force(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    c = drawn.case(seed)
    monkeypatch.setattr(objects, "BOUNDS", (3, 9))
    found = dataclasses.asdict(objects.count(c.truth, c.predicted, classes=c.classes))
    for class_id in range(c.classes):
        expected = drawn.objects(c, class_id, (3, 9))
        assert {key: value[class_id].tolist() for key, value in found.items()} == expected


def one_class(truth: np.ndarray, predicted: np.ndarray) -> dict[str, list[int] | int]:
    found = dataclasses.asdict(objects.count(truth, predicted, classes=2))
    return {key: value[1].tolist() for key, value in found.items()}


def test_sizes_are_those_of_coco() -> None:
    truth = np.zeros((300, 300), np.uint8)
    truth[:31, :33] = 1  # 1023
    truth[40:72, :32] = 1  # 1024
    truth[:95, 100:197] = 1  # 9215
    truth[100:196, 100:196] = 1  # 9216
    found = one_class(truth, truth)
    assert found["there"] == found["found"] == found["met"] == [1, 2, 1]
    assert found["right"] == found["hits"] == 4
    assert found["wrong"] == found["strays"] == 0


def test_lesion_that_is_barely_covered_is_seen_but_not_found() -> None:
    truth, predicted = np.zeros((2, 20, 20), np.uint8)
    truth[5:15, 5:15] = 1
    predicted[5:6, 5:15] = 1
    found = one_class(truth, predicted)
    assert (found["found"], found["met"]) == ([0, 0, 0], [1, 0, 0])
    assert (found["wrong"], found["strays"]) == (1, 0)
    predicted[5, 5] = 0
    assert one_class(truth, predicted)["met"] == [0, 0, 0]


def test_half_is_not_enough_so_no_object_has_two_partners() -> None:
    truth, predicted = np.zeros((2, 4, 5), np.uint8)
    truth[:, :5] = 1
    predicted[:2] = 1
    assert one_class(truth, predicted)["found"] == [0, 0, 0]
    predicted[2, 0] = 1
    assert one_class(truth, predicted)["found"] == [1, 0, 0]


def test_object_under_void_is_nobodys_error_and_void_cuts_none_in_two() -> None:
    truth, predicted = np.zeros((2, 20, 20), np.uint8)
    truth[:, 8:12] = VOID
    predicted[2:5, 8:13] = 1  # four fifths void
    predicted[10:13, 2:18] = 1  # a quarter void
    found = one_class(truth, predicted)
    assert (found["wrong"], found["strays"]) == (1, 1)


def test_diagonal_neighbours_are_one_object() -> None:
    truth = np.eye(6, dtype=np.uint8)
    assert one_class(truth, truth)["there"] == [1, 0, 0]
