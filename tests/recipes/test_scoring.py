"""A split's figures, from images to JSON, against means and sums made by hand."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import drawn_masks as drawn
from recipes.core import figures, metrics, objects, resampling, scoring
from recipes.core.data import Image

NAMES = ("ground", "disc", "square")


def scored(cases: dict[str, drawn.Case], tolerance: float | None = 2.0) -> scoring.Score:
    """A split of images `group/number`, as the model of the cases answers them."""
    waiting = iter(cases.values())

    def images() -> Iterator[Image]:
        for name, c in cases.items():
            yield Image(name, name.split("/")[0], np.zeros((*c.truth.shape, 3)), c.truth)

    found = scoring.answers(
        images(), lambda _: next(waiting).probabilities, classes=3, nsd_tolerance=tolerance
    )
    return scoring.score(found, split="test", classes=NAMES, nsd_tolerance=tolerance)


def split_of(seed: int, images: int, groups: int) -> dict[str, drawn.Case]:
    return {f"g{i % groups}/{i}": drawn.case(seed * 7 + i, classes=3) for i in range(images)}


def by_hand(cases: list[drawn.Case]) -> dict[str, Any]:
    """The figures of a split from its images, with the plain definitions."""
    found: dict[str, Any] = {}
    for key, function in (
        ("image_iou", drawn.iou),
        ("boundary_iou", lambda c, i: drawn.boundary_iou(c, i, 1)),
        ("nsd", lambda c, i: drawn.nsd(c, i, 2.0)),
    ):
        found[key] = [drawn.plain_mean([function(c, i) for c in cases]) for i in range(3)]
    found["mean_boundary_iou"] = drawn.plain_mean(found["boundary_iou"])
    found["mean_nsd"] = drawn.plain_mean(found["nsd"])
    images = [drawn.plain_mean([drawn.iou(c, i) for i in range(3)]) for c in cases]
    found["mean_image_iou"] = drawn.plain_mean(images)
    found["ece"] = drawn.ece(cases)
    counts = [[drawn.objects(c, i, objects.BOUNDS) for c in cases] for i in range(3)]

    def total(i: int, key: str) -> int:
        return sum(int(np.sum(count[key])) for count in counts[i])

    ids = range(3)
    found["object_recall"] = [drawn.share(total(i, "found"), total(i, "there")) for i in ids]
    found["object_overlap_recall"] = [drawn.share(total(i, "met"), total(i, "there")) for i in ids]
    found["object_precision"] = [
        drawn.share(total(i, "right"), total(i, "right") + total(i, "wrong")) for i in ids
    ]
    found["object_overlap_precision"] = [
        drawn.share(total(i, "hits"), total(i, "hits") + total(i, "strays")) for i in ids
    ]
    found["all_recall"] = drawn.share(
        sum(total(i, "found") for i in (1, 2)), sum(total(i, "there") for i in (1, 2))
    )
    return found


@pytest.mark.parametrize("seed", drawn.CASES)
def test_figures_of_a_split_equal_brute_force(seed: int) -> None:
    cases = split_of(seed, images=1 + seed % 4, groups=2)
    result = scored(cases)
    sums = figures.by_group(result.tallies, result.details, classes=3)
    found = figures.of(resampling.total(sums))
    for key, expected in by_hand(list(cases.values())).items():
        np.testing.assert_allclose(found[key], expected, rtol=0, atol=1e-9, err_msg=key)
    # Sums of groups and the confusion matrix tell the same.
    for key in ("iou", "dice", "precision", "recall"):
        expected = getattr(metrics, key)(result.matrix)
        np.testing.assert_allclose(found[key], expected, rtol=0, atol=1e-9, err_msg=key)


def test_facts_are_json_with_nothing_unknown_made_up() -> None:
    found = scoring.facts(scored(split_of(1, images=9, groups=3)))
    json.dumps(found, allow_nan=False)
    assert found["nsd_tolerance"] == 2.0
    assert len(found["reliability"]) == 15
    low, high = found["mean_boundary_iou_interval"]
    assert low <= found["mean_boundary_iou"] <= high
    assert found["classes"][1]["objects"]["by_size"]["small"]["objects"] > 0
    assert found["classes"][1]["objects"]["by_size"]["large"]["recall"] is None
    worst = [row["iou"] for row in found["worst_images"]]
    assert worst == sorted(worst)
    assert worst[0] == min(r["iou"] for r in found["per_image"] if r["iou"] is not None)


def test_without_a_tolerance_only_pixels_are_counted_and_the_rest_is_null() -> None:
    cases = split_of(1, images=6, groups=3)
    whole, cheap = scoring.facts(scored(cases)), scoring.facts(scored(cases, tolerance=None))
    assert whole.keys() == cheap.keys()
    assert cheap["mean_iou"] == whole["mean_iou"]
    assert cheap["mean_iou_interval"] == whole["mean_iou_interval"]
    for key in ("mean_boundary_iou", "mean_nsd", "ece", "reliability", "objects", "nsd_tolerance"):
        assert cheap[key] is None
    assert cheap["classes"][0]["objects"] is None
    assert cheap["classes"][0].keys() == whole["classes"][0].keys()
    assert scoring.table(cheap)
    assert scoring.detail_table(cheap)


def test_split_without_images_has_no_score() -> None:
    found = scoring.facts(scored({}))
    json.dumps(found, allow_nan=False)
    assert found["mean_iou"] is None
    assert found["mean_iou_interval"] == [None, None]
    assert [row["iou"] for row in found["classes"]] == [None] * 3
    assert scoring.table(found)
    assert "none has a score" in scoring.detail_table(found)


def test_tables_hold_every_class_and_the_worst_image() -> None:
    found = scoring.facts(scored(split_of(1, images=9, groups=3)))
    told = scoring.detail_table(found)
    assert all(name in told for name in NAMES)
    assert f"worst images: {found['worst_images'][0]['name']}" in told
    assert "NSD within 2 pixels" in told


def test_order_of_the_images_changes_no_figure() -> None:
    cases = split_of(3, images=8, groups=3)
    turned = dict(reversed(cases.items()))
    one, other = (scoring.facts(scored(c)) for c in (cases, turned))
    one.pop("per_image")
    other.pop("per_image")
    assert one == other


def sums_of(groups: dict[str, list[tuple[int, int]]]) -> resampling.Sums:
    """Per image of a group: right and wrong pixels of class 1."""
    tallies = [
        metrics.tally(np.array([[10, 0], [wrong, right]]), name=f"{group}{i}", group=group)
        for group, images in groups.items()
        for i, (right, wrong) in enumerate(images)
    ]
    return figures.by_group(tallies, classes=2)


def test_interval_holds_the_score_and_needs_two_groups() -> None:
    found = figures.intervals(sums_of({"a": [(9, 1)], "b": [(5, 5)], "c": [(7, 3)]}))
    low, high = found["iou"][:, 1]
    assert low == pytest.approx(0.5)
    assert high == pytest.approx(0.9)
    one_group = figures.intervals(sums_of({"a": [(9, 1), (5, 5)]}))
    assert all(np.isnan(ends).all() for ends in one_group.values())
    assert np.isnan(figures.intervals(sums_of({}))["mean_iou"]).all()


def test_interval_is_drawn_over_groups_not_images() -> None:
    images = [(9, 1)] * 8
    one_each = {f"g{i}": [(i, 8 - i)] for i in range(8)}
    pairs = {f"g{i}": [(2 * i, 8 - 2 * i), (2 * i, 8 - 2 * i)] for i in range(4)}
    wide, narrow = (figures.intervals(sums_of(g))["iou"][:, 1] for g in (pairs, one_each))
    assert wide[1] - wide[0] > narrow[1] - narrow[0]
    same = figures.intervals(sums_of({"a": images, "b": images}))["iou"][:, 1]
    assert same.tolist() == [0.9, 0.9]


def test_interval_of_a_mean_over_images_is_of_groups_drawn_again() -> None:
    cases = split_of(5, images=12, groups=4)
    result = scored(cases)
    sums = figures.by_group(result.tallies, result.details, classes=3)
    drawn_again = resampling.bootstrap(sums, figures.of, rounds=5, seed=3)
    rng = np.random.default_rng(3)
    for i in range(5):
        times = rng.multinomial(4, [0.25] * 4)
        split = [
            c
            for group, count in enumerate(times)
            for c in [c for name, c in cases.items() if name.startswith(f"g{group}/")] * count
        ]
        for key, expected in by_hand(split).items():
            np.testing.assert_allclose(drawn_again[key][i], expected, rtol=0, atol=1e-9)
