"""Are rare classes where they can be learnt and scored, and are the shares met?

    pip install scikit-learn
    python benchmarks/splits.py                   # under a minute

Random problems, dealt by `Stratified` and by scikit-learn's StratifiedGroupKFold. The latter deals
samples of one class each; it is given the rare class of a sample that has one, and else the class
with the most pixels. Counted are problems with a split that stays without a class that at least as
many groups have as there are splits, those apart where trying all deals shows that it cannot be
otherwise; and how far shares of pixels and samples are off, in percentage points: the mean over
splits and classes, and the worst one. Exit status 1 if `Stratified` fails once.
"""

from __future__ import annotations

import json
import pathlib
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
from absl import app, flags

from seg_datasets.core.facts import ImageFacts, MaskFacts, SampleFacts
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Folder
from seg_datasets.core.splits import SplitError, Stratified

_PROBLEMS = flags.DEFINE_integer("problems", 200, "Random problems of each kind.")
_GROUPS = flags.DEFINE_integer("groups", 100_000, "Groups of the large problem.")
_JSON = flags.DEFINE_string("json", "", "Also write the figures to this file.")

_NOWHERE = Folder(pathlib.Path("/nowhere"))

# Name, groups, samples in a group, common classes, rare classes with the groups that have them.
KINDS = {
    "12 groups, 3 with the rare class": (12, (5, 50), 8, [3]),
    "the same, fewer samples": (12, (2, 8), 3, [3]),
    "12 groups, 4 rare classes in 3 each": (12, (2, 8), 3, [3] * 4),
    "30 groups, 6 rare classes in 3 to 5": (30, (1, 12), 8, [3, 3, 4, 4, 5, 5]),
    "300 groups, 19 classes": (300, (1, 20), 15, [4, 6, 10, 20]),
}


def problem(seed: int, groups: int, samples: tuple[int, int], common: int, rare: Sequence[int]):
    """Random samples in groups, as facts."""
    random = np.random.default_rng(seed)
    mix = random.dirichlet(np.full(common, 0.7), groups)
    having = [set(random.choice(groups, n, replace=False).tolist()) for n in rare]
    facts = []
    for group in range(groups):
        many = random.integers(1, 5, len(rare))
        for index in range(int(random.integers(*samples, endpoint=True))):
            pixels = random.multinomial(65536, random.dirichlet(mix[group] * 3 + 0.01)).tolist()
            counts = {c: n for c, n in enumerate(pixels) if n}
            for class_id, members in enumerate(having, start=common):
                if group in members and index < many[class_id - common]:
                    counts[class_id] = int(random.integers(20, 2000))
            facts.append(fact(f"{group:06d}", index, counts))
    return facts


def fact(group: str, index: int, counts: dict[int, int]) -> SampleFacts:
    sample = Sample(f"{group}_{index}", f"{group}_{index}.png", "m", group)
    return SampleFacts(sample, ImageFacts("", 0), MaskFacts("", 0, counts=counts))


def ours(facts: Sequence[SampleFacts], seed: int) -> dict[str, int] | None:
    try:
        split_of = Stratified(a=1, b=1, c=1, seed=seed).assign(facts, _NOWHERE).split_of
    except SplitError:
        return None
    return {name: "abc".index(split) for name, split in split_of.items()}


def groups_of(facts: Sequence[SampleFacts]) -> dict[int, set[str]]:
    """Class → the groups that have it."""
    groups: dict[int, set[str]] = {}
    for one in facts:
        for class_id in one.mask.counts:
            groups.setdefault(class_id, set()).add(one.sample.group)
    return groups


def there_is_a_way(facts: Sequence[SampleFacts]) -> bool:
    """Whether any deal gives all three splits every class that three groups have; tries all."""
    scarce = [groups for groups in groups_of(facts).values() if 3 <= len(groups) <= 6]
    names = sorted(set().union(*scarce))
    if len(names) > 12:
        raise ValueError(f"{len(names)} groups with rare classes are too many to try all deals")
    deals = np.arange(3 ** len(names))
    ways = np.ones(len(deals), bool)
    for groups in scarce:
        seen = np.zeros(len(deals), np.uint8)
        for group in groups:
            seen |= np.uint8(1) << (deals // 3 ** names.index(group) % 3).astype(np.uint8)
        ways &= seen == 7
    return bool(ways.any())


def scikit(facts: Sequence[SampleFacts], seed: int) -> dict[str, int]:
    from sklearn.model_selection import StratifiedGroupKFold

    rare = {c for c, groups in groups_of(facts).items() if len(groups) <= 5}
    label = [
        max(one.mask.counts, key=lambda c: (c in rare, one.mask.counts[c], c)) for one in facts
    ]
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=seed)
    groups = [one.sample.group for one in facts]
    split_of = {}
    for fold, (_, test) in enumerate(folds.split(np.zeros(len(facts)), label, groups)):
        split_of |= {facts[i].sample.id: fold for i in test}
    return split_of


def judged(facts: Sequence[SampleFacts], split_of: dict[str, int]) -> tuple[bool, list[float]]:
    """Whether a class is missing that need not be; and percentage points off for each share."""
    classes = 1 + max(max(one.mask.counts) for one in facts)
    pixels = np.zeros((3, classes + 1))
    having: list[set[str]] = [set() for _ in range(classes)]
    for one in facts:
        split = split_of[one.sample.id]
        pixels[split, classes] += 1
        for class_id, count in one.mask.counts.items():
            pixels[split, class_id] += count
            having[class_id].add(one.sample.group)
    fails = any(len(having[c]) >= 3 and not pixels[:, c].all() for c in range(classes))
    occurs = pixels.sum(axis=0) > 0
    shares = pixels[:, occurs] / pixels[:, occurs].sum(axis=0)
    return fails, (abs(shares - 1 / 3) * 100).ravel().tolist()


def rows(problems: int) -> Iterator[dict[str, object]]:
    for kind, (groups, samples, common, rare) in KINDS.items():
        count = problems if groups < 100 else max(1, problems // 10)
        drawn = [problem(seed, groups, samples, common, rare) for seed in range(count)]
        for name, dealer in (("Stratified", ours), ("StratifiedGroupKFold", scikit)):
            start = time.perf_counter()
            dealt = [dealer(facts, seed) for seed, facts in enumerate(drawn)]
            took = time.perf_counter() - start
            told = [judged(f, d) for f, d in zip(drawn, dealt, strict=True) if d is not None]
            failed = [
                f
                for f, d in zip(drawn, dealt, strict=True)
                if (d is None or judged(f, d)[0]) and (groups > 12 or there_is_a_way(f))
            ]
            yield {
                "problem": kind,
                "by": name,
                "problems": count,
                "fails": len(failed),
                "refused": dealt.count(None),
                "mean": statistics.mean(statistics.mean(off) for _, off in told),
                "worst": statistics.mean(max(off) for _, off in told),
                "seconds": took / count,
            }


def large(groups: int) -> dict[str, object]:
    """One problem of many groups and 20 classes, three of them rare."""
    random = np.random.default_rng(0)
    pixels = (random.dirichlet(np.full(17, 0.5), groups) * 65536).astype(np.int64)
    facts = [
        fact(f"{i:06d}", 0, {c: n for c, n in enumerate(row) if n})
        for i, row in enumerate(pixels.tolist())
    ]
    for class_id, count in ((17, 3), (18, 10), (19, 500)):
        for i in random.choice(groups, count, replace=False):
            facts[i].mask.counts[class_id] = 500  # type: ignore[index]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    rule = Stratified(train=80, validation=10, test=10)
    split_of = rule.assign(facts, _NOWHERE).split_of
    took = time.perf_counter() - start
    sums: dict[str, np.ndarray] = {name: np.zeros(20) for name in rule.names}
    for one in facts:
        for class_id, count in one.mask.counts.items():
            sums[split_of[one.sample.id]][class_id] += count
    total = sum(sums.values())
    wanted = {"train": 0.8, "validation": 0.1, "test": 0.1}
    off = np.concatenate([abs(sums[n] / total - wanted[n])[:17] for n in rule.names])
    return {
        "groups": groups,
        "seconds": took,
        "more_megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "worst_of_common_classes": float(off.max()) * 100,
        "every_class_everywhere": bool(all(s.all() for s in sums.values())),
    }


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unknown argument {argv[1]!r}")
    try:
        import sklearn
    except ImportError:
        sys.exit("scikit-learn is compared with and is not there: pip install scikit-learn")
    biggest = large(_GROUPS.value)
    table = []
    print(f"scikit-learn {sklearn.__version__}; shares are off by percentage points\n")
    heads = f"{'fails':>9} {'refused':>8} {'mean':>6} {'worst':>6} {'s each':>7}"
    print(f"{'problem':36} {'by':21} {heads}")
    for row in rows(_PROBLEMS.value):
        table.append(row)
        fails = f"{row['fails']}/{row['problems']}"
        print(
            f"{row['problem']:36} {row['by']:21} {fails:>9} {row['refused']:8} {row['mean']:6.1f} "
            f"{row['worst']:6.1f} {row['seconds']:7.4f}"
        )
    print("\n" + ", ".join(f"{key}: {value}" for key, value in biggest.items()))
    if _JSON.value:
        pathlib.Path(_JSON.value).write_text(json.dumps({"kinds": table, "large": biggest}))
    bad = any(row["fails"] for row in table if row["by"] == "Stratified")
    sys.exit(1 if bad or not biggest["every_class_everywhere"] else 0)


if __name__ == "__main__":
    app.run(main)
