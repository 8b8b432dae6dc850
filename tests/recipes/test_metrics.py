"""Scores against counting by hand, pixel by pixel."""

import numpy as np
import pytest

import drawn_masks as drawn
from recipes.core import metrics
from recipes.core.dataset import VOID


def by_hand(truth: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, list[float]]:
    """Scores by walking over the pixels, without a confusion matrix."""
    found: dict[str, list[float]] = {"iou": [], "dice": [], "precision": [], "recall": []}
    for class_id in range(classes):
        both = there = said = 0
        for t, p in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
            if t == VOID:
                continue
            both += t == class_id and p == class_id
            there += t == class_id
            said += p == class_id
        found["iou"].append(drawn.share(both, there + said - both))
        found["dice"].append(drawn.share(2 * both, there + said))
        found["precision"].append(drawn.share(both, said))
        found["recall"].append(drawn.share(both, there))
    return found


@pytest.mark.parametrize("seed", drawn.CASES)
def test_scores_equal_counting_by_hand(seed: int) -> None:
    c = drawn.case(seed)
    matrix = metrics.confusion(c.truth, c.predicted, classes=c.classes)
    expected = by_hand(c.truth, c.predicted, c.classes)
    for key, function in (
        ("iou", metrics.iou),
        ("dice", metrics.dice),
        ("precision", metrics.precision),
        ("recall", metrics.recall),
    ):
        np.testing.assert_allclose(function(matrix), expected[key], rtol=0, atol=1e-9)
    assert matrix.dtype == np.int64
    assert matrix.sum() == (c.truth != VOID).sum()
    np.testing.assert_allclose(
        metrics.mean(metrics.iou(matrix)), drawn.plain_mean(expected["iou"]), rtol=0, atol=1e-9
    )
    tally = metrics.tally(matrix, name="", group="")
    np.testing.assert_allclose(tally.iou, expected["iou"], rtol=0, atol=1e-9)
    by_cell = np.zeros_like(matrix)
    for t, p in zip(c.truth.ravel().tolist(), c.predicted.ravel().tolist(), strict=True):
        if t != VOID:
            by_cell[t, p] += 1
    assert np.array_equal(matrix, by_cell)


def test_void_is_left_out_of_truth_and_prediction() -> None:
    truth = np.array([[0, 1, VOID, VOID]], np.uint8)
    predicted = np.array([[0, 1, 1, 0]], np.uint8)
    matrix = metrics.confusion(truth, predicted, classes=2)
    assert metrics.iou(matrix).tolist() == [1.0, 1.0]
    assert matrix.sum() == 2


def test_class_in_neither_has_no_score_and_in_one_only_scores_nothing() -> None:
    truth = np.array([0, 0, 1], np.uint8)
    predicted = np.array([0, 2, 1], np.uint8)
    scores = metrics.iou(metrics.confusion(truth, predicted, classes=4))
    assert scores[:3].tolist() == [0.5, 1.0, 0.0]
    assert np.isnan(scores[3])
    assert metrics.mean(scores) == 0.5


def test_image_of_nothing_but_void_has_no_score() -> None:
    void = np.full((2, 2), VOID, np.uint8)
    matrix = metrics.confusion(void, np.zeros((2, 2), np.uint8), classes=2)
    assert np.isnan(metrics.mean(metrics.iou(matrix)))
    assert np.isnan(metrics.accuracy(matrix))


def test_missed_255_masks_do_not_score_one() -> None:
    # What keras.metrics.MeanIoU gives 1.0 for: every building missed, and masks of 0 and 255.
    truth = np.array([0, 200], np.uint8)
    with pytest.raises(metrics.UnknownIds, match=r"truth holds 200; the classes are 0\.\.1"):
        metrics.confusion(truth, np.zeros(2, np.uint8), classes=2)


def test_prediction_without_a_class_is_refused() -> None:
    with pytest.raises(metrics.UnknownIds, match="prediction holds 7"):
        metrics.confusion(np.zeros(2, np.uint8), np.array([0, 7]), classes=2)


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="truth is"):
        metrics.confusion(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), classes=2)


def test_split_is_scored_from_one_matrix_not_from_the_mean_of_images() -> None:
    large = metrics.confusion(np.zeros(90, np.uint8), np.zeros(90, np.uint8), classes=2)
    small = metrics.confusion(np.zeros(10, np.uint8), np.ones(10, np.uint8), classes=2)
    assert metrics.iou(large + small)[0] == 0.9
    per_image = [metrics.tally(m, name="", group="").iou[0] for m in (large, small)]
    assert per_image == [1.0, 0.0]


def test_boxes_hold_all_of_a_class_in_both() -> None:
    truth, predicted = np.full((2, 9, 9), VOID, np.uint8)
    truth[2, 3] = 1
    predicted[5:7, 1] = 1
    truth[8, 8] = 0
    found = dict(metrics.boxes(truth, predicted, classes=3))
    assert found == {0: np.s_[8:9, 8:9], 1: np.s_[2:7, 1:4]}
    assert not list(metrics.boxes(truth[:0], predicted[:0], classes=3))
