"""Time for runs on a budget, which in a test shall not hang on how fast the machine is."""

import itertools
import types

import pytest

LOOK = 0.01  # seconds that pass with every look at the clock


def tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has time pass for a run by looks at the clock only, from 0 on; a step takes one or two."""
    looks = itertools.count()
    clock = types.SimpleNamespace(monotonic=lambda: LOOK * next(looks))
    for name in ("clock", "training", "unseen"):
        monkeypatch.setattr(f"recipes.core.{name}.time", clock)
    monkeypatch.setattr("recipes.unet.time", clock)
