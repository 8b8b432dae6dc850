"""How far a run has come: by its steps, by the clock, or by whichever is further."""

import time

from recipes.core import planning
from recipes.core.plan import Plan

LEARNT = 30  # steps after which a step's time is known


class Clock:
    """The time and the steps of a run.

    A budget is kept by the clock itself, not by a guess of what a step takes: the learning rate
    falls with the time that is gone, and what validation and final scoring take is set aside.
    """

    def __init__(self, plan: Plan, *, began: float, before: float):
        """`began` by `time.monotonic`; `before` are the seconds of a run that is gone on with."""
        self._plan, self._began, self._before = plan, began, before
        self._aside = planning.SCORING_SHARE * plan.budget
        self._every = 1.0 / planning.VALIDATIONS
        self._ready = 0.0
        self._known = False
        self._due = 0.0

    @property
    def known(self) -> bool:
        """Whether it is known what a validation takes; not yet in a run that has just gone on."""
        return self._known

    def passed(self) -> float:
        """Seconds of the run so far."""
        return self._before + time.monotonic() - self._began

    def left(self) -> float:
        """Seconds that are left for steps, of a budget."""
        return max(self._plan.budget - self._aside - self.passed(), 0.0)

    def start(self) -> None:
        """Begins the schedule: there is a batch to learn from."""
        if not self._before:
            self._ready = self.passed()

    def progress(self, step: int) -> float:
        """The share of the run that is done; 1 and more is over."""
        by_steps = step / self._plan.steps if self._plan.steps else 0.0
        if not self._plan.budget:
            return by_steps
        whole = self._plan.budget - self._aside - self._ready
        by_time = (self.passed() - self._ready) / whole if whole > 0 else 1.0
        return max(by_steps, by_time)

    def start_epoch(self, step: int) -> None:
        """Sets when the next validation is due."""
        due = self.progress(step) + self._every
        # The last one comes at the end by itself: another just before it would tell nothing new.
        self._due = due if due + self._every / 2 <= 1 else 1.0

    def due(self, done: int, progress: float) -> bool:
        """Whether to validate after so many steps of an epoch."""
        if not done or progress >= 1:
            return done > 0
        every = self._plan.epoch_steps
        return done >= every if every else self._known and progress >= self._due

    def note_step(self, seconds: float, step: int, *, validation: float, test: float) -> None:
        """Learns what a step takes; the others in steps' worth of pixels."""
        if not self._known:
            ahead = seconds * planning.PIXEL_ANSWERED
            self.note_validation(ahead * validation, scoring=planning.FINISHING + 2 * ahead * test)
            self.start_epoch(step)

    def note_validation(self, seconds: float, *, scoring: float) -> None:
        """Learns what a validation takes, and what the final scoring will."""
        self._known, self._aside = True, seconds + scoring
        if self._plan.budget:
            share = seconds / (planning.VALIDATION_SHARE * self._plan.budget)
            # One in the middle is of no use where the last one is all that can be had.
            self._every = max(1.0 / planning.VALIDATIONS, share if share < 0.5 else 1.0)
