"""Exports: the files of annotation tools in a raw folder, told by a few bytes of them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from seg_datasets.core.sources.export import Export, ends, extension
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.patterns import evenly
from seg_datasets.core.sources.tools import TOOLS, Tool

# Files of each folder that are opened, and in all.
_EACH, _MOST = 24, 600


def find(folder: Folder, files: Sequence[str], *, only: str = "") -> list[Export]:
    """The exports of a raw folder, those of most files first.

    Args:
      folder: the raw folder.
      files: what is in it.
      only: the name of the one tool that counts.
    """
    waiting: dict[tuple[str, str], list[str]] = defaultdict(list)
    kinds = {kind for tool in TOOLS for kind in tool.extensions}
    for path in files:
        if (kind := extension(path)) in kinds:
            waiting[kind, path.rpartition("/")[0]].append(path)
    found: dict[Tool, list[str]] = defaultdict(list)
    left = _MOST
    for paths in waiting.values():
        opened = evenly(paths, min(_EACH, max(2, left)))
        left -= len(opened)
        # A file of nothing, as YOLO has for an image of nothing, is as the others.
        told = {path: _tool(folder, path) for path in opened if not _is_empty(folder, path)}
        counts = Counter(tool for tool in told.values() if tool is not None)
        if not counts:
            continue
        # The files of one folder are of few kinds: those that were not opened are of the usual one.
        usual = min(counts, key=lambda tool: (-counts[tool], TOOLS.index(tool)))
        rest = usual if 2 * counts[usual] > len(told) else None
        for path in paths:
            if tool := told.get(path, rest):
                found[tool].append(path)
    for tool in TOOLS:
        if tool.by_name and (named := tool.by_name(folder, files)):
            found[tool] += named
    exports = [
        Export(tool, folder, tuple(paths), files)
        for tool, paths in found.items()
        if only in ("", tool.name)
    ]
    return sorted(exports, key=lambda one: (-len(one.files), TOOLS.index(one.tool)))


def _tool(folder: Folder, path: str) -> Tool | None:
    text = ends(folder, path)
    kind = extension(path)
    for tool in TOOLS:
        if (
            kind in tool.extensions
            and tool.words
            and all(re.search(word, text) for word in tool.words)
        ):
            return tool
    return None


def _is_empty(folder: Folder, path: str) -> bool:
    try:
        return not folder.size(path)
    except (OSError, ValueError):
        return True
