"""Series: numbered neighbours by their names, such as frames of a video or tiles of a scene.

A number in a name is no evidence by itself: most sets are numbered 1…N, and nothing follows from
it. Numbers tell something where neighbours are measured to look more alike than strangers of the
same series, where they run in equal steps greater than one (frames taken from a video, offsets of
tiles), or where the name says what they count.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from seg_datasets.core.facts import SampleFacts
from seg_datasets.core.neighbours import lookalikes
from seg_datasets.core.sample import plain, same

# Folders that are splits by their names are no part of what a series is called.
_SPLIT = re.compile(
    r"(train|training|val|valid|validation|test|testing|dev|eval)([-_]?\d+)?", re.IGNORECASE
)

# "_x3_y4", "r12c07", "row3-col4" at the end of a name.
_TILE = re.compile(
    r"[-_. ]?(?:x(\d{1,12})[-_. ]?y|r(\d{1,12})[-_. ]?c|row[-_. ]?(\d{1,12})[-_. ]?col)"
    r"[-_. ]?(\d{1,12})(\D{0,40})$",
    re.IGNORECASE,
)
_COUNT = re.compile(r"([^\W\d_]*)(\d{1,18})")  # "00930", "f00750", "frame12"
_PART = re.compile(r"[^\W_]+")

_SAYING = frozenset({"f", "frame", "slice", "tile", "patch", "crop", "part"})
_SAYS_ALONE = frozenset({"frame", "slice", "tile"})  # even where all of a set is one series

_PLURAL = {"f": "frames", "patch": "patches"}

_STEP = 3  # a step from here on does not come about when some of 1…N are left out
_STEP_SHARE = 1 / 3
_LEAST_STEPS = 6

_ALIKE = 0.65  # chance that a neighbour looks more alike than a stranger; .5 tells nothing
_SIGMAS = 4.0
_PAIRS_TRIED = 4000


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where an id stands in a series.

    Attributes:
      series: what the ids of the series share, `#` for the number.
      numbers: its number, or row and column.
      says: what the name says that the number counts, or "".
    """

    series: str
    numbers: tuple[int, ...]
    says: str = ""


@dataclasses.dataclass(frozen=True)
class Series:
    """One run of numbered ids.

    Attributes:
      name: what the ids share, `#` for the number.
      rows: their places in the sequence of ids they were found in, by number.
      numbers: the number of each, or row and column.
      says: what the names say that is counted, or "".
    """

    name: str
    rows: tuple[int, ...]
    numbers: tuple[tuple[int, ...], ...]
    says: str = ""

    def neighbours(self) -> Iterator[tuple[int, int]]:
        """Rows of those that follow each other, or of tiles that lie side by side."""
        if len(self.numbers[0]) == 1:
            yield from itertools.pairwise(self.rows)
            return
        across, down = (_least_step(n[axis] for n in self.numbers) for axis in (1, 0))
        at = dict(zip(self.numbers, self.rows, strict=True))
        for (row, column), one in at.items():
            for beside in ((0, across), (down, -across), (down, 0), (down, across)):
                other = at.get((row + beside[0], column + beside[1]))
                if any(beside) and other is not None and other != one:
                    yield one, other


@dataclasses.dataclass(frozen=True)
class Numbering:
    """What the numbers in the names of a set are worth.

    Attributes:
      series: those of two members and more.
      alike: chance that a numbered neighbour looks more alike than a stranger of its series.
      measured: whether that is far beyond chance.
      step: the step in which numbers run, 0 for none.
    """

    series: tuple[Series, ...] = ()
    alike: float = 0.5
    measured: bool = False
    step: int = 0

    def evidence(self, one: Series) -> str:
        """Why a series is one, in words, or "" where its numbers may mean nothing."""
        if self.measured:
            return (
                f"numbered neighbours of this set look more alike than strangers of one series "
                f"do, {self.alike:.0%} of the time"
            )
        if self.step and len(self.series) > 1:
            return f"numbers of this set run in steps of {self.step}, like frames of a video"
        if one.says in _SAYS_ALONE or (one.says and len(self.series) > 1):
            return f"their names count {_PLURAL.get(one.says, one.says + 's')}"
        return ""


def place(name: str) -> Place | None:
    """The series of an id and its number there; None where nothing is counted."""
    *folders, stem = plain(name).split("/")
    if folders and _SPLIT.fullmatch(folders[0]):
        folders = folders[1:]
    above = "".join(f"{folder}/" for folder in folders)
    if tile := _TILE.search(stem):
        row, column = [int(number) for number in tile.groups()[:4] if number]
        return Place(f"{above}{stem[: tile.start()]}_#{tile[5]}", (row, column), "tile")
    for part in reversed([*_PART.finditer(stem)]):
        if counted := _COUNT.fullmatch(part[0]):
            start, end = part.start() + counted.start(2), part.start() + counted.end(2)
            at = same(counted[1])
            words = {at, *(same(word) for word in _PART.findall(stem[: part.start()])[-1:])}
            # One letter counts only where it stands at the number.
            says = next((w for w in sorted(words & _SAYING) if len(w) > 1 or w == at), "")
            return Place(f"{above}{stem[:start]}#{stem[end:]}", (int(counted[2]),), says)
    return None


def find(names: Sequence[str]) -> tuple[Series, ...]:
    """The series of two members and more, by name."""
    members: dict[str, list[tuple[tuple[int, ...], str, int, Place]]] = defaultdict(list)
    for row, name in enumerate(names):
        if found := place(name):
            key = f"{len(found.numbers)} {same(found.series)}"
            members[key].append((found.numbers, name, row, found))
    several = [sorted(group, key=lambda m: m[:3]) for _, group in sorted(members.items())]
    return tuple(
        Series(
            group[0][3].series,
            tuple(row for _, _, row, _ in group),
            tuple(numbers for numbers, *_ in group),
            group[0][3].says,
        )
        for group in several
        if len(group) > 1
    )


def numbering(facts: Sequence[SampleFacts]) -> Numbering:
    """What the numbers in the names of a set are worth, by the names and by the thumbnails."""
    names = [one.sample.id for one in facts]
    found = find(names)
    if not found:
        return Numbering()
    alike, measured = _alikeness([one.image.thumb for one in facts], found)
    return Numbering(found, alike, measured, _step(found))


def _step(found: Iterable[Series]) -> int:
    """The step that a third of all numbered neighbours keep, where it is greater than chance."""
    steps: Counter[int] = Counter()
    for series in found:
        if len(series.numbers[0]) == 1:
            steps.update(b[0] - a[0] for a, b in itertools.pairwise(series.numbers))
    if not steps:
        return 0
    step, times = max(steps.items(), key=lambda item: (item[1], -item[0]))
    enough = times >= max(_LEAST_STEPS, _STEP_SHARE * steps.total())
    return step if enough and step >= _STEP else 0


def _least_step(numbers: Iterable[int]) -> int:
    """The least distance of two numbers, 0 where there is only one."""
    return min((b - a for a, b in itertools.pairwise(sorted({*numbers}))), default=0)


def _alikeness(thumbs: Sequence[str], found: Sequence[Series]) -> tuple[float, bool]:
    """How often a numbered neighbour looks more alike than a stranger of its series."""
    grey = lookalikes.pixels(thumbs)
    worth = lookalikes.detailed(grey)
    near, far = [], []
    pick = random.Random(0)
    total = sum(len(series.rows) for series in found)
    for series in found:
        beside = {*series.neighbours()}
        near += [pair for pair in sorted(beside) if worth[pair[0]] and worth[pair[1]]]
        for _ in range(math.ceil(_PAIRS_TRIED * len(series.rows) / total)):
            one, other = (series.rows[int(pick.random() * len(series.rows))] for _ in "ab")
            stranger = one != other and not beside & {(one, other), (other, one)}
            if stranger and worth[one] and worth[other]:
                far.append((one, other))
    if not near or not far:
        return 0.5, False
    near = near[:: math.ceil(len(near) / _PAIRS_TRIED)]
    close = lookalikes.unlikeness(grey, np.array(near), turned=False)
    apart = np.sort(lookalikes.unlikeness(grey, np.array(far), turned=False))
    ranks = np.searchsorted(apart, close, "left") + np.searchsorted(apart, close, "right")
    alike = 1 - float(ranks.sum()) / (2 * len(apart) * len(close))
    sigmas = (alike - 0.5) * math.sqrt(12 * len(close))
    return alike, alike >= _ALIKE and sigmas >= _SIGMAS
