"""Series: numbers in names, and what they are worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import leaks
from seg_datasets.core.neighbours import series


@pytest.mark.parametrize(
    ("name", "found", "numbers"),
    [
        ("train/0016E5_00930", "0016E5_#", (930,)),
        ("val/Seq05VD_f00750", "Seq05VD_f#", (750,)),
        ("rome/0007", "rome/#", (7,)),
        ("city_x3_y4", "city_#", (3, 4)),
        ("tile_r012_c7_RGB", "tile_#_RGB", (12, 7)),
        ("scene-12-07", "scene-12-#", (7,)),
        ("aachen_000000_000019_leftImg8bit", "aachen_000000_#_leftImg8bit", (19,)),
        ("patient01/slice_003", "patient01/slice_#", (3,)),
        ("000000184324", "#", (184324,)),
    ],
)
def test_names_are_taken_apart(name: str, found: str, numbers: tuple[int, ...]) -> None:
    place = series.place(name)
    assert place is not None
    assert (place.series, place.numbers) == (found, numbers)


@pytest.mark.parametrize("name", ["", "a", "00ae65c1c6631ae6", "rome/x1y", "9b2e-7c1d"])
def test_names_that_count_nothing(name: str) -> None:
    assert series.place(name) is None


_NAMES = st.lists(
    st.one_of(st.text(max_size=20), st.from_regex(r"[ab/]{0,3}_?[xyf]?\d{0,4}", fullmatch=True)),
    unique=True,
    max_size=12,
)


@given(_NAMES, st.randoms(use_true_random=False))
def test_any_names_in_any_order_make_the_same_series(names: list[str], random: object) -> None:
    shuffled = [*names]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def found(ids: list[str]) -> list[tuple[str, list[str], set[frozenset[str]]]]:
        return [
            (
                s.name,
                [ids[r] for r in s.rows],
                {frozenset((ids[a], ids[b])) for a, b in s.neighbours()},
            )
            for s in series.find(ids)
        ]

    assert found(names) == found(shuffled)
    series.numbering([leaks.fact(name) for name in names])


def test_sets_numbered_without_meaning_have_no_evidence() -> None:
    for names in (
        [f"{n:012}" for n in (139, 285, 632, 724, 776, 785, 802, 872, 885, 1000)],
        [f"2007_{n:06}" for n in (32, 39, 63, 68)] + [f"2008_{n:06}" for n in (2, 3, 7, 8, 9, 15)],
        [f"img_{n}" for n in range(50)],
        [f"cat_{n}" for n in range(20)] + [f"dog_{n}" for n in range(20)],
    ):
        numbers = series.numbering([leaks.fact(name) for name in names])
        assert not any(numbers.evidence(one) for one in numbers.series)
