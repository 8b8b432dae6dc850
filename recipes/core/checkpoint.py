"""Where a run stands: weights, optimizer and position in one file, so that they cannot part."""

import dataclasses
import json
import pathlib
from typing import Any, BinaryIO

import numpy as np


@dataclasses.dataclass(kw_only=True)
class State:
    """Where a run stands after an epoch."""

    step: int = 0
    seconds: float = 0.0  # of training and validation, over all resumed parts
    best: float = -1.0
    best_epoch: int = 0
    finished: str = ""  # why, once it is
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Epochs done; the first is 1."""
        return len(self.history)


def save(file: pathlib.Path | BinaryIO, state: State, **owners: Any) -> None:
    """Writes a state and the variables of each owner, such as `model=net`, as plain arrays."""
    arrays = {
        f"{name}/{i}": np.asarray(variable)
        for name, owner in owners.items()
        for i, variable in enumerate(owner.variables)
    }
    # A str array, not a pickle: loading a checkpoint must not be able to run code.
    arrays["state"] = np.array(json.dumps(dataclasses.asdict(state)))
    np.savez(file, **arrays)  # type: ignore[arg-type]


def load(file: pathlib.Path, **owners: Any) -> State:
    """Puts what `save` wrote back into built owners of the same plan."""
    with np.load(file) as arrays:
        for name, owner in owners.items():
            for i, variable in enumerate(owner.variables):
                variable.assign(arrays[f"{name}/{i}"])
        return State(**json.loads(str(arrays["state"])))
