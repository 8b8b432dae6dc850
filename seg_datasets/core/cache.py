"""FactsCache: what was seen in a raw folder, so that a rebuild reads only what changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import pathlib
import sqlite3
from collections.abc import Iterable, Sequence

_ROOT = "SEG_DATASETS_CACHE"

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS facts"
    " (look TEXT, id TEXT, stamp TEXT, facts TEXT, PRIMARY KEY (look, id)) WITHOUT ROWID"
)


def root() -> pathlib.Path:
    """The folder of all that can be had again: `SEG_DATASETS_CACHE`, or the system's for caches."""
    if given := os.environ.get(_ROOT):
        return pathlib.Path(given)
    caches = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(caches) / "seg_datasets"


class FactsCache:
    """Facts of one raw folder in one SQLite file, one row per sample and way of looking.

    It is only ever a short cut: a cache that cannot be opened, read or written is left alone and
    everything is looked at anew. Records are never made from it; `write` hashes the bytes again.
    """

    def __init__(self, raw: str):
        name = hashlib.sha256(os.fsencode(raw)).hexdigest()[:24]
        self.path = root() / f"facts-{name}.sqlite"
        self._usable = True

    def load(self, look: str) -> dict[str, tuple[str, list]]:
        """Id → (stamp, facts) for one way of looking."""
        rows = self._run("SELECT id, stamp, facts FROM facts WHERE look = ?", [(_short(look),)])
        try:
            return {key: (stamp, json.loads(facts)) for key, stamp, facts in rows}
        except ValueError as error:
            self._give_up(error)
            return {}

    def store(self, look: str, rows: Iterable[tuple[str, str, list]]) -> None:
        """Remembers (id, stamp, facts)."""
        self._run(
            "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?)",
            [(_short(look), key, stamp, json.dumps(facts)) for key, stamp, facts in rows],
        )

    def forget(self, look: str, ids: Iterable[str]) -> None:
        """Drops samples that are gone."""
        self._run(
            "DELETE FROM facts WHERE look = ? AND id = ?", [(_short(look), key) for key in ids]
        )

    def _run(self, statement: str, rows: Sequence[tuple]) -> list[tuple]:
        """Runs a statement for each row in one transaction; what it selects, or nothing."""
        if not self._usable:
            return []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as db, db:
                db.execute(_SCHEMA)
                if statement.startswith("SELECT"):
                    return db.execute(statement, rows[0]).fetchall()
                db.executemany(statement, rows)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
        return []

    def _give_up(self, error: Exception) -> None:
        self._usable = False  # once is told, and waited for, enough
        logging.getLogger(__name__).warning(
            "the cache %s cannot be used (%s); what it does not tell is looked at anew. Free its "
            "disk, delete the file, or name another folder in $%s.",
            self.path,
            error,
            _ROOT,
        )


def _short(look: str) -> str:
    return hashlib.sha256(look.encode()).hexdigest()[:16]
