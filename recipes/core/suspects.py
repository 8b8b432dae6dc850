"""The order in which labels should be looked at, from what was kept of each."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from recipes.core.auditing import SMALL, Box, Cut, Trace

FENCE = 3.0  # times the spread of the middle half, above it: far out, as Tukey has it
TRUST = 2  # power of the Dice of all the rest: who errs there is not believed here


POOR = 0.5  # mean IoU under which models err more than any labels that are worth a training


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suspect:
    """A label with its score, and what seems to be wrong with it."""

    name: str
    split: str
    group: str
    score: float
    kind: str  # swapped, missing, extra or shifted; empty where nothing is suspicious
    labelled: int | None
    suspected: int | None
    box: Box | None  # of the worst region
    move: tuple[int, int] | None  # right and down: of a shifted label


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Gain:
    """What a correction of one kind makes better."""

    kind: str
    value: float
    labelled: int | None = None
    suspected: int | None = None
    box: Box | None = None
    move: tuple[int, int] | None = None


def rank(traces: Sequence[Trace]) -> list[Suspect]:
    """All labels, the most suspicious first; equal ones by split and name."""
    if not traces:
        return []
    areas = [trace.labelled for trace in traces if trace.labelled]
    some = max(SMALL * float(np.median(areas)), 1.0) if areas else 1.0
    by_region = [_of_regions(trace, some) for trace in traces]
    fences = {
        kind: _fence([next((g.value for g in gains if g.kind == kind), 0.0) for gains in by_region])
        for kind in ("missing", "extra", "swapped")
    }
    found = []
    for trace, gains in zip(traces, by_region, strict=True):
        beyond = [
            dataclasses.replace(gain, value=gain.value - fences[gain.kind])
            for gain in gains
            if gain.value > fences[gain.kind]
        ]
        found.append(_suspect(trace, [*_of_the_whole(trace, some), *beyond]))
    return sorted(found, key=lambda one: (-one.score, one.split, one.name))


def doubt(mean_iou: float, suspicious: int, count: int) -> str:
    """Why a list of suspects is not to be believed; empty where nothing speaks against it.

    Args:
      mean_iou: of the judging models against the labels; nan if nothing was judged.
      suspicious: labels with a score.
      count: all labels.
    """
    if mean_iou < POOR:
        return (
            f"The models judge poorly (mIoU {mean_iou:.2f}): most of these are their own errors; "
            "train longer."
        )
    if 2 * suspicious > count:
        return (
            f"The models quarrel with {suspicious:,} of {count:,} labels (mIoU {mean_iou:.2f}): "
            "most of that is their own error. Look at the first ones, or train longer."
        )
    return ""


def _suspect(trace: Trace, gains: Sequence[_Gain]) -> Suspect:
    # Faults of several kinds add up: each is reason enough to look.
    score = round(sum(gain.value for gain in gains), 6)
    worst = max(gains, key=lambda gain: round(gain.value, 6)) if score > 0 else None
    box = worst.box if worst else None
    if worst and box is None and trace.regions:
        box = max((region for _, region in trace.regions), key=lambda r: round(r.weight, 3)).box
    return Suspect(
        name=trace.name,
        split=trace.split,
        group=trace.group,
        score=score,
        kind=worst.kind if worst else "",
        labelled=worst.labelled if worst else None,
        suspected=worst.suspected if worst else None,
        box=box,
        move=worst.move if worst else None,
    )


def _of_the_whole(trace: Trace, some: float) -> list[_Gain]:
    """Gains of what is done to a label as a whole."""
    dice = _dice(some)
    gains = []
    if trace.swapped:
        i, j, more, box = trace.swapped
        before = dice(trace.agreed, trace.labelled, trace.shown)
        after = dice(trace.agreed + more, trace.labelled, trace.shown)
        gains.append(_Gain(kind="swapped", value=after - before, labelled=i, suspected=j, box=box))
    gain, move = trace.moved
    if gain > 0:
        gains.append(_Gain(kind="shifted", value=gain, move=move))
    cuts = [(_of_cut(trace, cut, dice), cut) for cut in trace.cuts]
    if cuts:
        value, cut = max(cuts, key=lambda pair: round(pair[0], 6))
        gains.append(
            _Gain(kind="missing", value=value, labelled=0, suspected=cut.suspected, box=cut.box)
        )
    return gains


def _of_cut(trace: Trace, cut: Cut, dice: Callable[[float, float, float], float]) -> float:
    """Gain of adding what lies beyond a line: only where label and model agree on this side of it,
    and things go on across it, is that more than what a model makes up."""
    before = dice(trace.agreed, trace.labelled, cut.within + cut.beyond)
    after = dice(trace.agreed + cut.beyond, trace.labelled + cut.beyond, cut.within + cut.beyond)
    trusted = min(dice(trace.agreed, trace.labelled, cut.within), 1.0)
    return max(after - before, 0.0) * trusted**TRUST * cut.contact**0.5


def _of_regions(trace: Trace, some: float) -> list[_Gain]:
    """Gains of what is done to single regions, before what is usual is taken off."""
    dice, gains = _dice(some), []
    now = dice(trace.agreed, trace.labelled, trace.shown)
    for kind, region in trace.regions:
        agreed, labelled, shown = trace.agreed, trace.labelled, trace.shown
        if kind == "missing":
            after = dice(agreed + region.weight, labelled + region.weight, shown)
            rest = dice(agreed, labelled, max(shown - region.weight, agreed))
        elif kind == "extra":
            after = rest = dice(agreed, max(labelled - region.weight, agreed), shown)
        else:
            after = rest = dice(agreed + region.weight, labelled, shown)
        gains.append(
            _Gain(
                kind=kind,
                value=max(after - now, 0.0) * min(rest, 1.0) ** TRUST,
                labelled=region.labelled,
                suspected=region.suspected,
                box=region.box,
            )
        )
    return gains


def _dice(some: float) -> Callable[[float, float, float], float]:
    """Dice of what is agreed in a label and a prediction, where `some` more pixels agree: a few
    pixels of nearly nothing are no great loss."""
    return lambda agreed, one, other: (2 * agreed + some) / (one + other + some)


def _fence(values: Sequence[float]) -> float:
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high + FENCE * (high - low))
