"""Calibration against counting pixel by pixel and bin by bin."""

import numpy as np
import pytest

import drawn_masks as drawn
from recipes.core import calibration
from recipes.core.dataset import VOID


def table_of(c: drawn.Case) -> np.ndarray:
    return calibration.reliability(c.truth, c.predicted, c.probabilities.max(-1), classes=c.classes)


@pytest.mark.parametrize("seed", drawn.CASES)
def test_ece_equals_brute_force(seed: int) -> None:
    c = drawn.case(seed)
    table = table_of(c)
    expected = drawn.ece([c])
    np.testing.assert_allclose(calibration.ece(table.sum(0)), expected, rtol=0, atol=1e-9)
    expected_by_class = [drawn.ece([c], i) for i in range(c.classes)]
    np.testing.assert_allclose(calibration.ece(table), expected_by_class, rtol=0, atol=1e-9)
    assert table[..., 0].sum() == (c.truth != VOID).sum()


def test_images_add_up_to_the_split() -> None:
    cases = [drawn.case(seed, classes=3) for seed in range(20)]
    table = sum(table_of(c).sum(0) for c in cases)
    np.testing.assert_allclose(calibration.ece(table), drawn.ece(cases), rtol=0, atol=1e-9)


def test_model_that_is_as_sure_as_it_is_right_has_no_error() -> None:
    truth = np.array([0] * 80 + [1] * 20, np.uint8)
    sure = np.full(100, 0.8)
    table = calibration.reliability(truth, np.zeros(100, np.uint8), sure, classes=2)
    assert calibration.ece(table.sum(0)) == pytest.approx(0.0, abs=1e-12)
    too_sure = calibration.reliability(truth, np.zeros(100, np.uint8), sure * 0 + 1, classes=2)
    assert calibration.ece(too_sure.sum(0)) == pytest.approx(0.2)


def test_bins_are_closed_above_and_say_what_lies_in_them() -> None:
    truth = np.array([0, 0, 1, VOID], np.uint8)
    sure = np.array([0.0, 1.0, 1.0, 0.5])
    table = calibration.reliability(truth, np.zeros(4, np.uint8), sure, classes=2)
    rows = calibration.rows(table.sum(0))
    assert len(rows) == 15
    assert rows[0] == {"low": 0, "high": 1 / 15, "pixels": 1, "confidence": 0.0, "accuracy": 1.0}
    assert rows[7]["confidence"] is None
    assert (rows[14]["pixels"], rows[14]["accuracy"]) == (2, 0.5)
    fifth = calibration.reliability(truth[:1], truth[:1], np.array([0.2]), classes=2)
    assert fifth[0, :, 0].nonzero()[0].tolist() == [2]


def test_image_of_nothing_but_void_has_no_error() -> None:
    void = np.full((2, 2), VOID, np.uint8)
    table = calibration.reliability(void, void * 0, np.ones((2, 2)), classes=2)
    assert np.isnan(calibration.ece(table)).all()
