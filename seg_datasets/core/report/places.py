"""Places: which samples a finding is about."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from seg_datasets.core.checks import Finding, Subject
from seg_datasets.core.sample import plain

# What stands between names in a message.
_BETWEEN = re.compile(r"[\s,;]+")

_FEW = 3  # examples of what is about no one sample


class Places:
    """Finds the samples of findings by what these name: files, ids, groups, classes."""

    def __init__(self, subject: Subject):
        self._facts = subject.facts
        self._split_of = subject.split_of
        self._classes = {f"class {name!r}": i for i, name in enumerate(subject.classes.names)}
        self._named: dict[str, int] = {}
        self._groups: dict[str, list[int]] = defaultdict(list)
        for index, one in enumerate(subject.facts):
            for name in (one.sample.image, one.sample.mask, one.sample.id):
                self._named.setdefault(name, index)
                self._named.setdefault(plain(name), index)
            self._groups[f"group {one.sample.group!r}"].append(index)

    def named(self, finding: Finding) -> list[int]:
        """Samples that the finding names, the one it stands at first; a group by its samples."""
        if finding.where in self._groups and finding.where not in self._named:
            return self._by_turns(self._groups[finding.where])
        found = [self._named[finding.where]] if finding.where in self._named else []
        # In a message names stand among words, often at the end of a clause.
        for word in _BETWEEN.split(finding.message):
            index = self._named.get(word.strip("'\"`():."))
            # An id may be a word like any other ("1", "mask"); a path is not.
            if index is not None and ("/" in word or "." in word.strip(".")):
                found.append(index)
        return list(dict.fromkeys(found))

    def examples(self, finding: Finding) -> list[int]:
        """Samples that show what the finding means, where it names none the least of its class."""
        if named := self.named(finding):
            return named
        class_id = self._classes.get(finding.where)
        if class_id is None:
            return []
        pixels = ((one.mask.counts.get(class_id, 0), i) for i, one in enumerate(self._facts))
        return [index for _, index in sorted(p for p in pixels if p[0])[:_FEW]]

    def _by_turns(self, indices: Sequence[int]) -> list[int]:
        """One of each split, then the next of each: a torn group shows its sides."""
        sides: dict[str, list[int]] = defaultdict(list)
        for index in indices:
            sides[self._split_of.get(self._facts[index].sample.id, "")].append(index)
        return by_turns(sides[name] for name in sorted(sides))


def by_turns(lists: Iterable[Sequence[int]]) -> list[int]:
    """The first of each list, then the second of each, and so on; nothing twice."""
    columns = [list(one) for one in lists]
    longest = max(map(len, columns), default=0)
    rows = (one[row] for row in range(longest) for one in columns if row < len(one))
    return list(dict.fromkeys(rows))
