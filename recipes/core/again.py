"""The flags that make a plan again: what a flag had to say, and what was planned without one."""

import shlex
from typing import Any

from recipes.core import plan as plans
from recipes.core import planning
from recipes.core.device import Device
from recipes.core.errors import RecipeError
from recipes.core.plan import Plan

# Entries a flag can say, in the order of the plan; `epochs` is told as steps.
ENTRIES = tuple(name for name in Plan.__dataclass_fields__ if name in planning.OVERRIDES)

_LENGTH = ("budget", "steps")  # a command is read better with them than without
# The precision follows from a machine's bfloat16, and a plan does not tell whether it has that.
_SAID_FIRST = ("seed", "precision")
_COLUMNS = 90


def said(plan: Plan) -> dict[str, Any]:
    """Entries that have to be said for the same plan to be made on the same machine.

    What follows from the dataset, the machine or another entry is not among them. All entries that
    are not empty, where no plan can be made here.
    """
    wanted = {name: getattr(plan, name) for name in ENTRIES}
    given = {name: wanted[name] for name in _LENGTH if wanted[name]}
    try:
        while more := _differing(plan, given, wanted):
            given |= more
        for name in [n for n in given if n not in _LENGTH]:
            fewer = {key: value for key, value in given.items() if key != name}
            if not _differing(plan, fewer, wanted):
                given = fewer
    except RecipeError:
        return {name: value for name, value in wanted.items() if value not in (0, 0.0, "", ())}
    return {name: given[name] for name in ENTRIES if name in given}


def command(plan: Plan) -> str:
    """The command that trains the same model again."""
    data = plan.dataset
    flags: dict[str, Any] = {"dataset": data.name}
    if data.data_dir:
        flags["data_dir"] = data.data_dir
    flags |= _described(plan) | {name: getattr(plan, name) for name in _SAID_FIRST} | said(plan)
    lines = ["python -m recipes.unet"]
    for flag in (_flag(*pair) for pair in flags.items()):
        if len(lines[-1]) + len(flag) > _COLUMNS:
            lines.append(f"   {flag}")
        else:
            lines[-1] += f" {flag}"
    return " \\\n".join(lines)


def _differing(plan: Plan, given: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What a plan made from some flags has otherwise than it was; nothing that is said already."""
    made = planning.make(plan.dataset, _device(plan), given)
    return {
        name: value
        for name, value in wanted.items()
        if getattr(made, name) != value and name not in given
    }


def _device(plan: Plan) -> Device:
    """The machine as the plan tells it."""
    count, _, name = plan.device.partition(" x ")
    kind = "gpu"
    if not (name and count.isdigit()):
        kind, (count, _, name) = "cpu", plan.device.partition(" cores, ")
    return Device(
        kind=kind,
        name=name,
        count=max(int(count), 1) if count.isdigit() else 1,
        bfloat16=plan.precision == "bfloat16",
    )


def _described(plan: Plan) -> dict[str, Any]:
    """What a dataset may not say itself, where it is not the usual."""
    data = plan.dataset
    flags: dict[str, Any] = {}
    for name, value, usual in (
        ("image_key", data.image_key, "image"),
        ("mask_key", data.mask_key, "mask"),
        ("void_id", data.raw_void, 255),
        ("mask_offset", data.mask_offset, 0),
    ):
        if value != usual:
            flags[name] = value
    if all(name == f"class {i}" for i, name in enumerate(data.classes)):
        flags["num_classes"] = len(data.classes)
    if data.held_out:
        flags["validation_share"] = data.held_out
    return flags


def _flag(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"--{'' if value else 'no'}{name}"
    if name == "budget":
        value = plans.duration(value)
    elif isinstance(value, tuple):
        value = ",".join(f"{part:g}" for part in value)
    return f"--{name}={shlex.quote(str(value))}"
