"""Boundary IoU and NSD against sets of pixels, compared one by one."""

import math

import numpy as np
import pytest

import drawn_masks as drawn
from recipes.core import boundaries, metrics
from recipes.core.dataset import VOID

TOLERANCES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 40.0)


@pytest.mark.parametrize("seed", drawn.CASES)
def test_borders_equal_brute_force(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    c, tolerance = drawn.case(seed), TOLERANCES[seed // 8 % 8]
    # Images as small as these have bands of one pixel; wider ones need another share.
    monkeypatch.setattr(boundaries, "SHARE", (0.02, 0.2, 0.5)[seed % 3])
    reach = boundaries.width(*c.truth.shape)
    found = boundaries.borders(c.truth, c.predicted, classes=c.classes, tolerance=tolerance)
    ids = range(c.classes)
    expected = [drawn.boundary_iou(c, i, reach) for i in ids]
    np.testing.assert_allclose(found.boundary_iou, expected, rtol=0, atol=1e-9)
    expected = [drawn.nsd(c, i, tolerance) for i in ids]
    np.testing.assert_allclose(found.nsd, expected, rtol=0, atol=1e-9)
    # As with IoU: a class has a score where it is in truth or prediction.
    scores = metrics.iou(metrics.confusion(c.truth, c.predicted, classes=c.classes))
    assert np.array_equal(np.isnan(scores), np.isnan(found.boundary_iou))
    assert np.array_equal(np.isnan(scores), np.isnan(found.nsd))


@pytest.mark.parametrize("reach", [1, 2, 3, 4, 7, 8, 20, 70])
def test_band_is_what_erosions_take_away(reach: int) -> None:
    from scipy import ndimage

    rng = np.random.default_rng(reach)
    mask = ndimage.gaussian_filter(rng.normal(size=(60, 45)), 4) > -0.02
    left = ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=reach)
    assert np.array_equal(boundaries.band(mask, reach), mask & ~left)


@pytest.mark.parametrize("tolerance", [0, 0.9, 1, math.sqrt(2), 2, 2.5, 7, 13.3, 100])
def test_around_is_what_a_distance_transform_says(tolerance: float) -> None:
    from scipy import ndimage

    mask = np.random.default_rng(3).random((40, 33)) < 0.01
    rows, columns = ndimage.distance_transform_edt(
        ~mask, return_distances=False, return_indices=True
    ) - np.indices(mask.shape)
    near = rows**2 + columns**2 <= tolerance * tolerance
    assert np.array_equal(boundaries.around(mask, tolerance), near)


def test_band_is_two_percent_of_the_diagonal_and_at_least_one_pixel() -> None:
    assert boundaries.width(512, 512) == 14
    assert boundaries.width(1024, 2048) == 46
    assert boundaries.width(3, 3) == 1
    assert boundaries.width(0, 0) == 1


def square(start: int, size: int = 20) -> np.ndarray:
    mask = np.zeros((60, 60), np.uint8)
    mask[start : start + size, start : start + size] = 1
    return mask


def test_border_within_the_tolerance_is_met_and_beyond_it_is_not() -> None:
    def nsd(shift: int, tolerance: float) -> float:
        truth, predicted = square(20), np.roll(square(20), shift, axis=1)
        found = boundaries.borders(truth, predicted, classes=2, tolerance=tolerance)
        return float(found.nsd[1])

    assert nsd(0, 0) == 1.0
    assert nsd(2, 2) == 1.0
    assert 0.5 < nsd(3, 2) < 1.0
    assert nsd(30, 2) == 0.0


def test_class_in_one_of_the_two_scores_nothing_and_in_neither_has_no_score() -> None:
    found = boundaries.borders(square(20), np.zeros((60, 60), np.uint8), classes=3)
    for scores in (found.boundary_iou, found.nsd):
        assert scores[1] == 0.0
        assert np.isnan(scores[2])


def test_what_is_predicted_under_void_changes_nothing() -> None:
    truth, rng = square(20), np.random.default_rng(0)
    truth[15:25] = VOID
    scores = []
    for _ in range(3):
        predicted = square(20)
        predicted[15:25] = rng.integers(0, 2, (10, 60))
        found = boundaries.borders(truth, predicted, classes=2)
        scores.append((found.boundary_iou[1], found.nsd[1]))
    assert scores == [(1.0, 1.0)] * 3


def test_class_that_fills_the_image_ends_at_its_rim() -> None:
    full = np.ones((100, 100), np.uint8)
    found = boundaries.borders(full, full, classes=2)
    assert found.either[1] == 100**2 - 94**2
    assert found.length[1] == 2 * (100**2 - 98**2)
