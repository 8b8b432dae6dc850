"""Grouping: groups that nobody stated, and what a person is told of them."""

import random

import leaks
from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.neighbours import grouping


def _set() -> list[SampleFacts]:
    names = [f"ride{r}_{n:05}" for r in "ab" for n in range(0, 240, 24)] + ["m_x", "n_y", "o_z"]
    facts = [leaks.fact(n, shows=leaks.thumb(leaks.picture(i))) for i, n in enumerate(names)]
    turned = leaks.again(leaks.picture(len(names) - 1))["turned"]
    return [*facts, leaks.fact("p_q", shows=leaks.thumb(turned))]


def test_names_and_look_alikes_make_groups_together() -> None:
    found = grouping.propose(_set(), most=0.02)
    assert found.group_of["ridea_00024"] == "ridea_#"
    assert found.group_of["rideb_00216"] == "rideb_#"
    assert found.group_of["m_x"] == "m_x"
    assert found.group_of["o_z"] == found.group_of["p_q"] == "o_z"


def test_order_of_the_samples_changes_no_group() -> None:
    facts = _set()
    shuffled = random.Random(1).sample(facts, len(facts))
    straight = grouping.propose(facts, most=0.02)
    assert straight.group_of == grouping.propose(shuffled, most=0.02).group_of
    assert straight.describe() == grouping.propose(shuffled, most=0.02).describe()


def test_groups_are_described_before_they_are_used() -> None:
    text = grouping.propose(_set(), most=0.02).describe()
    assert "5 groups of 24 samples: 3 of several, 2 of one" in text
    assert "'ridea_#': 10 samples, such as ridea_00000, ridea_00024, ridea_00048" in text
    assert "look-alikes: 2 samples in 1 groups" in text


def test_sets_without_a_hint_stay_single() -> None:
    facts = [leaks.fact(f"img_{i}", shows=leaks.thumb(leaks.picture(i))) for i in range(20)]
    found = grouping.propose(facts, most=0.02)
    assert all(name == group for name, group in found.group_of.items())
    assert found.reasons == ()


def test_two_groups_of_one_name_stay_two() -> None:
    names = [f"a_{n:03}" for n in range(0, 96, 8)] + [f"a_x{n}_y0" for n in range(12)]
    names += [f"b_{n:03}" for n in range(0, 96, 8)]
    facts = [leaks.fact(n, shows=leaks.thumb(leaks.picture(i))) for i, n in enumerate(names)]
    found = grouping.propose(facts, most=0.02).group_of
    assert {found[f"a_{n:03}"] for n in range(0, 96, 8)} == {"a_000"}
    assert {found[f"a_x{n}_y0"] for n in range(12)} == {"a_x0_y0"}
