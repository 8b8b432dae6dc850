"""Choice: which samples of a set get a picture on its page, the same on every machine."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.report.places import by_turns

# Pixels that are decoded for one page, so that it is made in seconds of scenes as well; and how
# many pictures there are whatever they cost.
PIXELS = 300_000_000
LEAST = 24


def choose(
    facts: Sequence[SampleFacts],
    split_of: Mapping[str, str],
    *,
    first: Sequence[int],
    most: int,
) -> list[int]:
    """Indices of samples: `first`, then a spread over splits, classes and groups.

    Rare classes and small groups get as many turns as large ones: a page is read for what is odd.
    """
    order = list(first)
    if len(order) < most:
        order += _spread(facts, split_of)
    chosen: list[int] = []
    pixels = 0
    for index in dict.fromkeys(order):
        image = facts[index].image
        pixels += 2 * image.width * image.height
        if len(chosen) >= most or (pixels > PIXELS and len(chosen) >= LEAST):
            break
        chosen.append(index)
    return chosen


def _spread(facts: Sequence[SampleFacts], split_of: Mapping[str, str]) -> list[int]:
    by_class: dict[tuple[str, int], list[int]] = defaultdict(list)
    by_group: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index in sorted(range(len(facts)), key=lambda i: _lot(facts[i].sample.id)):
        sample = facts[index].sample
        split = split_of.get(sample.id, "")
        by_group[split, sample.group].append(index)
        for class_id in facts[index].mask.counts:
            by_class[split, class_id].append(index)
    rarest = sorted(by_class, key=lambda key: (len(by_class[key]), key))
    groups = sorted(by_group, key=lambda key: (_lot(key[1]), key))
    return by_turns([by_turns(by_class[k] for k in rarest), by_turns(by_group[k] for k in groups)])


def _lot(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
