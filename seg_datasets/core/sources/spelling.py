"""Spelling: one pattern for the annotation files of a tool, as a person would write it."""

from __future__ import annotations

import glob
import itertools
import pathlib
from collections.abc import Iterator, Sequence

from seg_datasets.core.sample import plain


def pattern(files: Sequence[str], every: Sequence[str]) -> str:
    """The shortest pattern that fits these files and none besides.

    Args:
      files: at least one.
      every: all files of the raw folder; some fit more, if no pattern tells them apart.
    """
    wanted = {plain(path) for path in files}
    others = [pathlib.PurePosixPath(p) for p in map(plain, every) if p not in wanted]
    tried = [one for one in _candidates(sorted(wanted)) if _fits(one, wanted)]
    for one in tried:
        if not any(path.match(one) for path in others):
            return one
    return min(tried, key=lambda one: sum(path.match(one) for path in others))


def _fits(one: str, wanted: set[str]) -> bool:
    return all(pathlib.PurePosixPath(path).match(one) for path in wanted)


def _candidates(files: Sequence[str]) -> Iterator[str]:
    """Patterns from the plainest to the closest; each may fit too much or too little."""
    if len(files) == 1:
        yield glob.escape(files[0])
    split = [path.split("/") for path in files]
    names = [parts[-1] for parts in split]
    extension = f"*.{names[0].rpartition('.')[2]}"
    for closely in (False, True):
        name = _common(names, closely=True) if closely or len(set(names)) == 1 else extension
        if len({len(parts) for parts in split}) == 1:
            where = [_common(column, closely=closely) for column in zip(*split, strict=True)][:-1]
            yield "/".join((*where, name))
        yield name
    yield extension


def _common(texts: Sequence[str], *, closely: bool) -> str:
    """What texts share, with `*` for the rest."""
    if len(set(texts)) == 1:
        return glob.escape(texts[0])
    if not closely:
        return "*"
    before = _start(texts)
    after = _start([text[len(before) :][::-1] for text in texts])[::-1]
    return f"{glob.escape(before)}*{glob.escape(after)}"


def _start(texts: Sequence[str]) -> str:
    """The letters with which all begin."""
    first, last = min(texts), max(texts)
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in alike)
