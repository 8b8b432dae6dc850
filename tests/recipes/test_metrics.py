"""Scores against counting by hand, pixel by pixel."""

import numpy as np
import pytest

from recipes.core import metrics
from recipes.core.dataset import VOID


def by_hand(truth: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, list[float]]:
    """IoU and Dice by walking over the pixels, without a confusion matrix."""
    found: dict[str, list[float]] = {"iou": [], "dice": []}
    for class_id in range(classes):
        both = either = sizes = 0
        for t, p in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
            if t == VOID:
                continue
            both += t == class_id and p == class_id
            either += class_id in (t, p)
            sizes += (t == class_id) + (p == class_id)
        found["iou"].append(both / either if either else np.nan)
        found["dice"].append(2 * both / sizes if sizes else np.nan)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_iou_and_dice_equal_counting_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 7))
    shape = [(1, 1), (3, 5), (16, 9), (0, 4)][seed % 4]
    # Few of the classes occur, so that some are in neither and some in only one of the two.
    ids = np.array([*rng.integers(0, classes, 3), VOID], np.uint8)
    truth = rng.choice(ids, shape)
    predicted = rng.choice(rng.integers(0, classes, 3), shape).astype(np.uint8)
    matrix = metrics.confusion(truth, predicted, classes=classes)
    expected = by_hand(truth, predicted, classes)
    np.testing.assert_allclose(metrics.iou(matrix), expected["iou"], atol=1e-12)
    np.testing.assert_allclose(metrics.dice(matrix), expected["dice"], atol=1e-12)
    assert matrix.dtype == np.int64
    assert matrix.sum() == (truth != VOID).sum()
    wanted = np.nanmean(expected["iou"]) if truth.size and matrix.any() else np.nan
    np.testing.assert_allclose(metrics.mean(metrics.iou(matrix)), wanted)


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


def tallies(groups: dict[str, list[tuple[int, int]]]) -> list[metrics.Tally]:
    """Per image of a group: right and wrong pixels of class 1."""
    return [
        metrics.tally(np.array([[10, 0], [wrong, right]]), name=f"{group}{i}", group=group)
        for group, images in groups.items()
        for i, (right, wrong) in enumerate(images)
    ]


def test_interval_holds_the_score_and_needs_two_groups() -> None:
    found = metrics.interval(tallies({"a": [(9, 1)], "b": [(5, 5)], "c": [(7, 3)]}))
    low, high = found["iou"][:, 1]
    assert low == pytest.approx(0.5)
    assert high == pytest.approx(0.9)
    assert np.isnan(metrics.interval(tallies({"a": [(9, 1), (5, 5)]}))["mean_iou"]).all()
    assert np.isnan(metrics.interval([])["mean_iou"]).all()


def test_interval_is_drawn_over_groups_not_images() -> None:
    images = [(9, 1)] * 8
    one_each = metrics.interval(tallies({f"g{i}": [(i, 8 - i)] for i in range(8)}))["iou"][:, 1]
    pairs = {f"g{i}": [(2 * i, 8 - 2 * i), (2 * i, 8 - 2 * i)] for i in range(4)}
    paired = metrics.interval(tallies(pairs))["iou"][:, 1]
    assert paired[1] - paired[0] > one_each[1] - one_each[0]
    assert metrics.interval(tallies({"a": images, "b": images}))["iou"][:, 1].tolist() == [0.9, 0.9]
