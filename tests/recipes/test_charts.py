"""Charts are whole SVG with round axes, whatever the numbers are."""

import xml.etree.ElementTree
from collections.abc import Sequence

import hypothesis
import pytest
from hypothesis import strategies as st

from recipes.core import charts


def drawn(html: str) -> list[str]:
    return [e.tag for e in xml.etree.ElementTree.fromstring(html).iter()]


def test_chart_has_a_line_per_series_and_survives_one_point() -> None:
    found = charts.lines([1, 2, 3], {"a": [1, 2, 3], "b": [3, 2, 1]}, title="T")
    assert drawn(found).count("polyline") == 2
    assert drawn(charts.lines([1], {"a": [0.5]}, title="T")).count("circle") == 1
    assert charts.lines([], {"a": []}, title="T") == ""


def test_missing_values_leave_a_gap() -> None:
    ys = [1.0, 2.0, None, float("nan"), 3.0, 4.0]
    assert drawn(charts.lines(range(6), {"a": ys}, title="T")).count("polyline") == 2
    assert charts.lines([1, 2], {"a": [None, None]}, title="T") == ""


def test_lines_of_different_places_go_on_where_the_other_was_measured() -> None:
    series = {"a": [1.0, None, 3.0], "b": [None, 2.0, 4.0]}
    found = charts.lines([1, 2, 3], series, title="T", gaps=False)
    assert drawn(found).count("polyline") == 2
    assert drawn(found).count("circle") == 4


def test_names_are_inert() -> None:
    found = charts.lines([1, 2], {"<b>": [1, 2]}, title="<i>", mark=1, marked="<u>")
    assert not {"b", "i", "u"} & set(drawn(found))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 2.3, [0, 0.5, 1, 1.5, 2, 2.5]),
        (0.3, 0.3, [0.3, 0.4]),
        (0, 0, [0, 0.2]),
    ],
)
def test_axes_end_on_round_values(low: float, high: float, ticks: Sequence[float]) -> None:
    assert charts._ticks(low, high) == pytest.approx(ticks)


@hypothesis.given(
    st.lists(st.floats(-1e12, 1e12) | st.none() | st.just(float("inf")), min_size=1, max_size=20)
)
def test_any_numbers_are_drawn_inside_the_picture(ys: list[float | None]) -> None:
    html = charts.lines(range(len(ys)), {"a": ys}, title="T")
    for element in xml.etree.ElementTree.fromstring(html).iter("circle") if html else ():
        assert 0 <= float(element.attrib["cx"]) <= charts.WIDTH
        assert 0 <= float(element.attrib["cy"]) <= charts.HEIGHT


def test_reliability_has_a_bar_per_bin_that_has_pixels() -> None:
    bins = [
        {"low": 0.0, "high": 0.5, "pixels": 0, "confidence": None, "accuracy": None},
        {"low": 0.5, "high": 1.0, "pixels": 10, "confidence": 0.8, "accuracy": 0.0},
    ]
    assert drawn(charts.reliability(bins, title="T")).count("rect") == 2
    assert charts.reliability(bins[:1], title="T") == ""
