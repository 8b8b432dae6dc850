"""Which of two models is better on a split, and could it be chance?

Both saw the same images, so groups are compared in pairs: an interval by drawing the same groups
for both, and a permutation test that lets whole groups change sides.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recipes.core import figures, resampling, scoring
from recipes.core.errors import RecipeError
from recipes.core.plan import Plan
from recipes.core.scoring import Score

ROUNDS = 1000
SWAPS = 9999
# Key, what it is called, and which way is better.
HEADLINES = (
    ("mean_iou", "mean IoU", 1),
    ("mean_image_iou", "mean IoU image by image", 1),
    ("mean_boundary_iou", "mean boundary IoU", 1),
    ("mean_nsd", "mean NSD", 1),
    ("all_recall", "objects found", 1),
    ("ece", "ECE", -1),
)
POLICY = (
    "Differences are this run's score minus the other's. Intervals of 95 %: the same groups are "
    "drawn again for both. p, two-sided: groups change sides at random, in every way there is up "
    "to 12 groups, else in 9999. Mean IoU is the comparison; p of the other figures is not "
    "corrected for their number."
)


class ComparisonError(RecipeError):
    """Two runs that cannot be compared."""


def refuse_strangers(one: Plan, other: Plan, names: tuple[str, str]) -> None:
    """Stops the comparison of models of different datasets.

    Args:
      one: plan of the run.
      other: plan of the run it is compared with.
      names: of the datasets, each with its version.

    Raises:
      ComparisonError: another dataset, version, class list or reading of the masks.
    """
    if names[0] != names[1]:
        raise ComparisonError(
            f"The run was trained on {names[0]} and the other on {names[1]}. Scores on different "
            "images say nothing about the models: compare runs of one dataset and version."
        )
    for key in ("classes", "mask_key", "image_key", "raw_void", "mask_offset"):
        here, there = getattr(one.dataset, key), getattr(other.dataset, key)
        if here != there:
            raise ComparisonError(
                f"Both runs are of {names[0]}, but {key} is {here} in one and {there} in the "
                "other. Compare runs that read the masks alike."
            )


def compare(one: Score, other: Score, *, seed: int = 0) -> dict[str, Any]:
    """How much better `one` is than `other`, as JSON. None is "no such score".

    Raises:
      ComparisonError: they were scored on different images or masks.
    """
    _refuse_other_images(one, other)
    count = len(one.classes)
    a = figures.by_group(one.tallies, one.details, classes=count)
    b = figures.by_group(other.tallies, other.details, classes=count)
    values = [figures.of(resampling.total(sums)) for sums in (a, b)]
    enough = resampling.groups(a) > 1
    draws: resampling.Figures = {}
    swaps: resampling.Figures = {}
    exact = False
    if enough:
        first, second = (
            resampling.bootstrap(sums, figures.of, rounds=ROUNDS, seed=seed) for sums in (a, b)
        )
        draws = {key: first[key] - second[key] for key in first}
        swaps, exact = resampling.swapped(a, b, _headlines, rounds=SWAPS, seed=seed)

    def row(key: str, i: int | None = None, better: int = 1) -> dict[str, Any]:
        here, there = (_at(found, key, i) for found in values)
        drawn = _at(draws, key, i, axis=True)
        drawn = drawn[~np.isnan(drawn)] * better
        defined = enough and drawn.size and not np.isnan(here - there)
        low, high = resampling.ends(drawn * better) if defined else (np.nan, np.nan)
        return {
            "run": number(here),
            "against": number(there),
            "difference": number(here - there),
            "interval": [number(low), number(high)],
            "better_share": number((drawn > 0).mean()) if defined else None,
            "worse_share": number((drawn < 0).mean()) if defined else None,
        }

    headlines = {key: row(key, better=way) for key, _, way in HEADLINES}
    for key, found in headlines.items():
        difference = _at(values[0], key, None) - _at(values[1], key, None)
        known = key in swaps and not np.isnan(difference)
        p = resampling.p_value(difference, swaps[key], exact=exact) if known else np.nan
        found["p"] = number(p)
    return {
        "split": one.split,
        "images": len(one.tallies),
        "groups": resampling.groups(a),
        **headlines,
        "classes": [{"name": name, **row("iou", i)} for i, name in enumerate(one.classes)],
        "swaps": len(swaps["mean_iou"]) if enough else 0,
        "all_swaps": bool(exact),
        "policy": POLICY,
    }


def table(found: Mapping[str, Any]) -> str:
    """The comparison as a table for the terminal, its verdict last."""
    names = [row["name"] for row in found["classes"]]
    width = max(len(title) for _, title, _ in HEADLINES)
    width = max(width, *(len(name) + 4 for name in names))
    lines = [f"{'':<{width}}     run  against  difference     95 % interval  better in       p"]
    rows = [(title, found[key]) for key, title, _ in HEADLINES if found[key]["run"] is not None]
    rows += [(f"IoU {row['name']}", row) for row in found["classes"]]
    for title, row in rows:
        low, high = row["interval"]
        ends = "-" if low is None else f"{low:+.4f} to {high:+.4f}"
        difference = "-" if row["difference"] is None else f"{row['difference']:+.4f}"
        share = "-" if row["better_share"] is None else f"{row['better_share']:.1%}"
        lines.append(
            f"{title:<{width}}  {scoring.text(row['run']):>6}  {scoring.text(row['against']):>7}"
            f"  {difference:>10}  {ends:>16}  {share:>9}  {scoring.text(row.get('p')):>6}".rstrip()
        )
    lines.append(_verdict(found))
    return "\n".join(lines)


def _verdict(found: Mapping[str, Any]) -> str:
    row, groups = found["mean_iou"], found["groups"]
    if groups < 2:
        return f"No interval and no p: {groups} group says nothing of how groups differ."
    if row["difference"] is None or row["interval"][0] is None:
        return "No verdict: one of the two has no mean IoU."
    swaps = f"all {found['swaps']}" if found["all_swaps"] else f"{found['swaps']}"
    told = f"{found['images']} images of {groups} groups, {swaps} swaps of groups"
    low, high = row["interval"]
    if row["p"] < 0.05 and (low > 0 or high < 0):
        which = "better" if row["difference"] > 0 else "worse"
        return f"The run is {which} by {abs(row['difference']):.4f} mean IoU ({told})."
    verdict = f"No difference in mean IoU is shown ({told})."
    # Nothing and everything swapped always differ as much as what was seen.
    if found["all_swaps"] and 2 / found["swaps"] >= 0.05:
        verdict += f" With {groups} groups p cannot be below {2 / found['swaps']:g}."
    return verdict


def number(value: float) -> float | None:
    """A number for JSON, None where there is none."""
    return None if np.isnan(value) else round(float(value), 6)


def _refuse_other_images(one: Score, other: Score) -> None:
    if len(one.tallies) != len(other.tallies):
        raise ComparisonError(
            f"{one.split} has {len(one.tallies)} images for one run and {len(other.tallies)} for "
            "the other. Score both on the same split of the same data."
        )
    for here, there in zip(one.tallies, other.tallies, strict=True):
        same = (here.name, here.group) == (there.name, there.group)
        if not same or not np.array_equal(here.truth, there.truth):
            raise ComparisonError(
                f"{here.name} of one run is not {there.name} of the other, or has another mask. "
                "The datasets of the two runs have one name but different content: build them "
                "again, or say with --data_dir where the right one lies."
            )


def _headlines(sums: resampling.Sums) -> resampling.Figures:
    found = figures.of(sums)
    return {key: found[key] for key, _, _ in HEADLINES if key in found}


def _at(found: Mapping[str, np.ndarray], key: str, i: int | None, axis: bool = False) -> Any:
    """A figure of the split or of a class; nan, or no draws, where it is not known."""
    if key not in found:
        return np.zeros(0) if axis else np.nan
    return found[key] if i is None else found[key][..., i]
