"""Plans a run: every choice training makes, computed from the dataset and the machine.

Each entry is a flag of `recipes.unet`; what a flag says is kept, and what follows from it adapts.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from recipes.core.dataset import Dataset
from recipes.core.device import Device
from recipes.core.plan import Plan, PlanError

OVERRIDES = frozenset(field.name for field in dataclasses.fields(Plan)) - {
    "dataset",
    "device",
    "notes",
} | {"epochs"}

# Flags by the values they can take.
POSITIVE = {"crop", "depth", "width", "batch", "steps", "epochs", "minutes", "epoch_steps"}
POSITIVE |= {"learning_rate"}
NOT_NEGATIVE = {"patience", "weight_decay", "clip", "seed"}
NOT_NEGATIVE |= {"zoom", "rotate", "shear", "elastic", "light", "hue", "blur", "noise"}
BELOW_ONE = {"warmup", "cut_out"}

# How training images are varied, by what they show. Light of 0.25: measured on cities never trained
# on, 0.5 costs up to .02 of IoU in a run of minutes.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"light": 0.25},
    "aerial": {"light": 0.25, "zoom": 0.25, "rotate": 180.0},
    "medical": {"light": 0.25, "zoom": 0.25, "rotate": 15.0, "elastic": 6.0, "noise": 0.03},
    "street": {
        "upright": True,
        "light": 0.25,
        "zoom": 0.5,
        "rotate": 5.0,
        "hue": 0.05,
        "blur": 1.0,
    },
}
_VIEWS = ("zoom", "rotate", "shear", "elastic", "light", "hue", "blur", "noise", "cut_out")


def make(dataset: Dataset, device: Device, overrides: Mapping[str, Any] | None = None) -> Plan:
    """Computes the plan of a run.

    Args:
      dataset: what is trained on.
      device: what it is trained with.
      overrides: entries of the plan that the user has decided, and `epochs`, passes over train.

    Raises:
      PlanError: an entry that does not exist, or entries that do not go together.
    """
    said = {key: value for key, value in (overrides or {}).items() if value is not None}
    unknown = sorted(said.keys() - OVERRIDES)
    if unknown:
        raise PlanError(f"no such entry in a plan: {', '.join(unknown)}")
    _refuse_nonsense(said)
    augment = said.get("augment", "plain")
    preset = PRESETS[augment]
    gpu = device.kind == "gpu"
    notes = list(dataset.notes)
    precision = _precision(said.get("precision", "auto"), device, notes)

    crop = said.get("crop") or _crop(dataset, largest=512 if gpu else 128)
    # Below 8 x 8 at the bottom a level sees little but its own padding.
    depth = said.get("depth") or max(1, min(5 if gpu else 4, int(math.log2(max(crop, 16) / 8))))
    if crop % 2**depth:
        raise PlanError(
            f"--crop={crop} cannot be halved {depth} times; take a multiple of {2**depth}"
        )
    batch = said.get("batch") or (16 if gpu else 8)
    # How many steps until as many pixels were seen as the train split has.
    once = dataset.train_examples * dataset.height * dataset.width / (batch * crop**2)
    minutes = float(said.get("minutes") or 0.0)
    steps = said.get("steps") or (
        math.ceil(said["epochs"] * dataset.train_examples / batch)
        if said.get("epochs")
        else 0
        if minutes
        else int(min(max(24 * once, 1000), 40_000 if gpu else 6000))
    )
    # One pass over the examples, but validation shall be neither rare nor most of the work.
    epoch_steps = said.get("epoch_steps") or int(min(max(dataset.train_examples / batch, 50), 500))
    return Plan(
        dataset=dataset,
        crop=crop,
        depth=depth,
        width=said.get("width") or (32 if gpu else 16),
        batch=batch,
        steps=steps,
        minutes=minutes,
        epoch_steps=min(epoch_steps, steps) if steps else epoch_steps,
        patience=said.get("patience", 20),
        learning_rate=said.get("learning_rate", 5e-3),
        warmup=said.get("warmup", 0.05),
        weight_decay=said.get("weight_decay", 1e-2),
        clip=said.get("clip", 1.0),
        class_weights=_weights(said.get("class_weights"), dataset),
        loss=_loss(said.get("loss", "ce+dice")),
        augment=augment,
        **{name: said.get(name, preset.get(name, 0.0)) for name in _VIEWS},
        upright=said.get("upright", preset.get("upright", False)),
        precision=precision,
        seed=said.get("seed", 0),
        device=f"{device.count} x {device.name}" if gpu else f"{device.count} cores, {device.name}",
        notes=tuple(notes),
    )


def _refuse_nonsense(said: Mapping[str, Any]) -> None:
    for key, value in said.items():
        if key in POSITIVE and not value > 0:
            raise PlanError(f"--{key}={value} must be above 0.")
        if key in BELOW_ONE and not 0 <= value < 1:
            raise PlanError(f"--{key}={value} must be at least 0 and below 1.")
        if key in NOT_NEGATIVE and value < 0:
            raise PlanError(f"--{key}={value} must not be below 0.")
    if any(weight <= 0 for weight in said.get("class_weights", ())):
        raise PlanError("--class_weights must be above 0: what shall not count is void.")
    if said.get("steps") and said.get("epochs"):
        raise PlanError("--steps and --epochs both say how long to train; give one of them.")


def class_weights(pixels: Sequence[int]) -> tuple[float, ...]:
    """A weight per class, the root of how rare it is, 1 on average over the pixels, 0.2 to 5.

    The root and the bounds keep a class of a few hundred pixels from drowning all others, which
    plain inverse frequency does. A class that never occurs weighs 1.
    """
    total = sum(pixels)
    if not total:
        return (1.0,) * len(pixels)
    raw = [math.sqrt(total / n) if n else 0.0 for n in pixels]
    mean = sum(w * n for w, n in zip(raw, pixels, strict=True)) / total
    return tuple(round(min(max(w / mean, 0.2), 5.0), 4) if w else 1.0 for w in raw)


def _crop(dataset: Dataset, *, largest: int) -> int:
    """The largest multiple of 16 that most images hold, up to what the machine can take."""
    side = min(dataset.height, dataset.width)
    return max(16, min(largest, side // 16 * 16))


def _weights(said: Sequence[float] | None, dataset: Dataset) -> tuple[float, ...]:
    if said is None:
        return class_weights(dataset.class_pixels)
    if len(said) != len(dataset.classes):
        raise PlanError(
            f"--class_weights has {len(said)} values for {len(dataset.classes)} classes"
        )
    return tuple(float(w) for w in said)


def _loss(said: str) -> str:
    from recipes.core import losses  # it imports Keras

    losses.parse(said)
    return said


def _precision(said: str, device: Device, notes: list[str]) -> str:
    if said == "auto":
        return "bfloat16" if device.bfloat16 else "float32"
    if said == "bfloat16" and not device.bfloat16:
        notes.append("bfloat16 was asked for, but this machine only imitates it: expect it slower.")
    return said
