"""Limits: the thresholds of checks, in one place, for a dataset folder to change."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """From where on a check speaks up. `docs/checks.md` tells how often each default is wrong.

    Attributes:
      share_off: a split is remarked on when its share is off by more than this, and by more than
        half of itself.
    """

    share_off: float = 0.03
