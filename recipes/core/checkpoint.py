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


def save(file: pathlib.Path | BinaryIO, model: Any, optimizer: Any, state: State) -> None:
    """Writes model, optimizer and state as plain arrays."""
    arrays = {f"model/{i}": np.asarray(v) for i, v in enumerate(model.variables)}
    arrays |= {f"optimizer/{i}": np.asarray(v) for i, v in enumerate(optimizer.variables)}
    # A str array, not a pickle: loading a checkpoint must not be able to run code.
    arrays["state"] = np.array(json.dumps(dataclasses.asdict(state)))
    np.savez(file, **arrays)  # type: ignore[arg-type]


def load(file: pathlib.Path, model: Any, optimizer: Any) -> State:
    """Puts what `save` wrote back into a model and a built optimizer of the same plan."""
    with np.load(file) as arrays:
        for name, owner in (("model", model), ("optimizer", optimizer)):
            for i, variable in enumerate(owner.variables):
                variable.assign(arrays[f"{name}/{i}"])
        return State(**json.loads(str(arrays["state"])))
