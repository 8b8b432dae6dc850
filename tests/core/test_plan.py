"""The plan: every sample once, in TFDS's own order, in TFDS's own number of shards."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_datasets.core import hashing
from tensorflow_datasets.core.utils import shard_utils

from seg_datasets.core import plan
from seg_datasets.core.columns import Facts
from seg_datasets.core.facts import ImageFacts, MaskFacts, SampleFacts
from seg_datasets.core.plan import PlanError, Sharding
from seg_datasets.core.sample import Sample

ids = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=60, unique=True)


def _facts(sample_id: str, size: int = 1000) -> SampleFacts:
    image = ImageFacts("i" + sample_id, size, format="PNG", mode="RGB", width=8, height=8)
    mask = MaskFacts("m" + sample_id, 100, format="PNG", mode="L", ids="x", as_stored=True)
    return SampleFacts(Sample(sample_id, "image", "mask", "group"), image, mask)


def _plan(
    facts: Sequence[SampleFacts], shards: int | None = None, most: int | None = None
) -> plan.BuildPlan:
    split_of = {f.sample.id: "ab"[len(f.sample.id) % 2] for f in facts}
    return plan.make(
        facts,
        split_of,
        splits=sorted({*split_of.values()}),
        sharding=Sharding(num_shards=shards),
        max_examples_per_split=most,
    )


@given(ids)
def test_every_sample_is_in_its_split_exactly_once(names: list[str]) -> None:
    made = _plan([_facts(n) for n in names])
    for split in made.splits:
        expected = [n for n in names if "ab"[len(n) % 2] == split.name]
        assert Counter(f.sample.id for f in split.samples) == Counter(expected)


@given(ids)
def test_order_is_that_of_tfds(names: list[str]) -> None:
    for split in _plan([_facts(n) for n in names]).splits:
        keys = [hashing.Hasher(split.name).hash_key(f.sample.id) for f in split.samples]
        assert keys == sorted(keys)


@given(ids, st.randoms(use_true_random=False))
def test_plan_does_not_depend_on_the_order_of_facts(names: list[str], random: st.randoms) -> None:
    facts = [_facts(n) for n in names]
    first = _plan(facts)
    random.shuffle(facts)  # type: ignore[attr-defined]
    assert _plan(facts) == first
    assert _plan(facts).digest == first.digest


@given(st.integers(1, 300), st.data())
def test_shards_differ_by_one_sample_at_most(count: int, data: st.DataObject) -> None:
    shards = data.draw(st.integers(1, count))
    facts = [_facts(str(i)) for i in range(count)]
    made = plan.make(
        facts,
        {f.sample.id: "all" for f in facts},
        splits=["all"],
        sharding=Sharding(num_shards=shards),
    )
    sizes = [len(shard) for shard in made.splits[0].shards]
    assert sizes == made.splits[0].lengths
    assert len(sizes) == shards
    assert sum(sizes) == count
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(2_000, 10**7), st.integers(0, 10**12 - 1))
def test_number_of_shards_is_that_of_tfds(examples: int, size: int) -> None:
    """Not asked where few examples are huge: there TFDS's rule never ends."""
    theirs = shard_utils.ShardConfig().get_number_shards(size, examples)
    total = size + examples * shard_utils.ShardConfig.overhead
    assert Sharding().count(examples=examples, total_bytes=total) == theirs


@given(st.integers(1, 10**6), st.integers(0, 10**15), st.integers(1, 2**31))
def test_no_shard_is_larger_than_asked_while_there_are_examples_to_part(
    examples: int, total: int, most: int
) -> None:
    count = Sharding(max_bytes=most).count(examples=examples, total_bytes=total)
    assert 1 <= count <= examples
    assert total / count <= most or count == examples


def test_more_shards_than_examples_is_refused() -> None:
    assert Sharding(num_shards=3).count(examples=3, total_bytes=1) == 3
    with pytest.raises(PlanError, match="3 shards for 2 examples"):
        Sharding(num_shards=3).count(examples=2, total_bytes=1)


def test_part_of_a_plan_is_its_beginning() -> None:
    facts = [_facts(str(i)) for i in range(20)]
    whole, part = _plan(facts), _plan(facts, most=3)
    for split, few in zip(whole.splits, part.splits, strict=True):
        assert few.samples == split.samples[:3]


def test_content_does_not_depend_on_shards_but_the_digest_does() -> None:
    facts = [_facts(str(i)) for i in range(20)]
    one, four = _plan(facts, shards=1), _plan(facts, shards=4)
    assert [s.content for s in one.splits] == [s.content for s in four.splits]
    assert one.digest != four.digest


@pytest.mark.parametrize("part", ["id", "group", "image", "ids"])
def test_anything_that_is_written_changes_content_and_digest(part: str) -> None:
    facts = [_facts(str(i)) for i in range(3)]
    one = facts[1]
    changed = {
        "id": dataclasses.replace(one, sample=dataclasses.replace(one.sample, id="z")),
        "group": dataclasses.replace(one, sample=dataclasses.replace(one.sample, group="z")),
        "image": dataclasses.replace(one, image=dataclasses.replace(one.image, sha256="z")),
        "ids": dataclasses.replace(one, mask=dataclasses.replace(one.mask, ids="z")),
    }[part]
    before, after = _plan(facts), _plan([facts[0], changed, facts[2]])
    assert [s.content for s in before.splits] != [s.content for s in after.splits]
    assert before.digest != after.digest


def test_size_of_a_record_does_not_depend_on_an_encoder() -> None:
    facts = _facts("a")
    assert Facts.of([facts]).record_bytes.tolist() == [1000 + 100 + 1 + 96]
    turned = dataclasses.replace(facts, image=dataclasses.replace(facts.image, orientation=6))
    assert Facts.of([turned]).record_bytes.tolist() == [8 * 8 * 3 + 100 + 1 + 96]
