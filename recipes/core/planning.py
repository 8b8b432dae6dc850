"""Plans a run: every choice training makes, computed from the dataset and the machine.

Each entry is a flag of `recipes.unet`; what a flag says is kept, and what follows from it adapts.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from recipes.core import plan as plans
from recipes.core.dataset import Dataset
from recipes.core.device import Device
from recipes.core.plan import Plan, PlanError

OVERRIDES = frozenset(field.name for field in dataclasses.fields(Plan)) - {
    "dataset",
    "device",
    "notes",
} | {"epochs"}

# Flags by the values they can take.
POSITIVE = {"crop", "depth", "width", "batch", "steps", "epochs", "epoch_steps"}
POSITIVE |= {"learning_rate"}
NOT_NEGATIVE = {"patience", "weight_decay", "clip", "seed"}
NOT_NEGATIVE |= {"zoom", "rotate", "shear", "elastic", "light", "hue", "blur", "noise"}
BELOW_ONE = {"warmup", "cut_out", "ema", "weights_until"}

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

# What a budget buys. A guess that only has to tell a width that fits from one that does not: the
# length of the run is measured, not guessed.
PIXELS_A_SECOND = {"cpu": 0.33e6, "gpu": 27e6}  # per core or GPU: width 16, bfloat16
WITHOUT_BFLOAT16 = 0.6
FIXED = 0.25  # of what a step of width 16 takes, that no width changes; the rest
GROWTH = 1.85  # takes 2**GROWTH as long at twice the width
WIDTHS = (8, 16, 24, 32, 48, 64)
PASSES = 2.5  # over the pixels of train; with fewer a smaller model is better
STEPS = 800  # with fewer a smaller one is better as well
VALIDATIONS = 10  # in a budget, unless
VALIDATION_SHARE = 0.1  # of it would be spent on them
SCORING_SHARE = 0.15  # set aside until the first validation has shown what scoring takes
PIXEL_ANSWERED = 0.5  # what a pixel costs to be answered, of what it costs to be learnt from
FINISHING = 8.0  # seconds for intervals, pictures, page, and to start and end


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
    budget = plans.seconds(said.get("budget", 0.0))
    encoder = said.get("encoder", "plain")

    halved = 5 if gpu or encoder != "plain" else 4
    crop = said.get("crop") or _crop(dataset, largest=512 if gpu else 128, encoder=encoder)
    # Below 8 x 8 at the bottom a level sees little but its own padding.
    depth = said.get("depth") or max(1, min(halved, int(math.log2(max(crop, 16) / 8))))
    if encoder != "plain":
        if said.get("depth", 5) != 5:
            raise PlanError(f"--depth={said['depth']}: --encoder={encoder} halves 5 times.")
        depth = 5
    if crop % 2**depth:
        raise PlanError(
            f"--crop={crop} cannot be halved {depth} times; take a multiple of {2**depth}"
        )
    batch = said.get("batch") or (16 * device.count if gpu else 8)
    if gpu and batch % device.count:
        raise PlanError(f"--batch={batch} cannot be shared by {device.count} GPUs evenly.")
    width = said.get("width") or (32 if gpu else 16)
    # How many steps until as many pixels were seen as the train split has.
    once = dataset.train_examples * dataset.height * dataset.width / (batch * crop**2)
    if budget:
        share = budget / max(said.get("folds", 0), 1) if said.get("fold", -1) < 0 else budget
        rate = _rate(device, precision) * (1 - SCORING_SHARE) * share / (batch * crop**2)
        if not said.get("width") and encoder == "plain":
            width = _affordable(rate, once)
        expected = int(rate / _cost(width))
        notes.append(
            f"A budget of {plans.duration(budget)} should buy some {_rounded(expected)} steps, "
            f"{expected / max(once, 1e-9):.1f} passes over the training pixels, at width {width}; "
            f"wider models are taken from {PASSES:g} passes and {STEPS} steps on. The clock "
            "decides."
        )
    steps = said.get("steps") or (
        plans.steps_of(said["epochs"], dataset.train_examples, batch)
        if said.get("epochs")
        else 0
        if budget
        else int(min(max(24 * once, 1000), 40_000 if gpu else 6000))
    )
    # One pass over the examples, but validation shall be neither rare nor most of the work.
    epoch_steps = said.get("epoch_steps") or (
        0 if budget else int(min(max(dataset.train_examples / batch, 50), 500))
    )
    return Plan(
        dataset=dataset,
        crop=crop,
        depth=depth,
        width=width,
        encoder=_encoder(encoder),
        encoder_weights=_encoder_weights(said, encoder),
        residual=said.get("residual", False),
        deep_supervision=said.get("deep_supervision", True),
        batch=batch,
        rare_share=said.get("rare_share", 0.33),
        steps=steps,
        budget=budget,
        epoch_steps=min(epoch_steps, steps) if steps and epoch_steps else epoch_steps,
        patience=said.get("patience", 20),
        learning_rate=said.get("learning_rate", 5e-3),
        warmup=said.get("warmup", 0.05),
        weight_decay=said.get("weight_decay", 1e-2),
        clip=said.get("clip", 1.0),
        ema=said.get("ema", 0.99),
        class_weights=_weights(said.get("class_weights"), dataset),
        weights_until=said.get("weights_until", 0.0 if said.get("class_weights") else 0.5),
        loss=_loss(said.get("loss", "ce+dice")),
        augment=augment,
        **{name: said.get(name, preset.get(name, 0.0)) for name in _VIEWS},
        upright=said.get("upright", preset.get("upright", False)),
        precision=precision,
        seed=said.get("seed", 0),
        folds=said.get("folds", 0),
        fold=said.get("fold", -1),
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
    if not 0 <= said.get("rare_share", 0) <= 1:
        raise PlanError(f"--rare_share={said['rare_share']} must be from 0 to 1.")
    if "budget" in said and not plans.seconds(said["budget"]) > 0:
        raise PlanError(f"--budget={said['budget']} must be above 0.")
    if any(weight <= 0 for weight in said.get("class_weights", ())):
        raise PlanError("--class_weights must be above 0: what shall not count is void.")
    if said.get("steps") and said.get("epochs"):
        raise PlanError("--steps and --epochs both say how long to train; give one of them.")
    folds, fold = said.get("folds", 0), said.get("fold", -1)
    if folds and folds < 2:
        raise PlanError(f"--folds={folds}: cross-validation needs 2 or more.")
    if fold >= 0 and fold >= folds:
        raise PlanError(f"--fold={fold}: --folds={folds} has the folds 0 to {folds - 1}.")


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


def _rate(device: Device, precision: str) -> float:
    """Pixels a second at width 16, as a guess."""
    slower = 1.0 if precision == "bfloat16" else WITHOUT_BFLOAT16
    return PIXELS_A_SECOND[device.kind] * device.count * slower


def _cost(width: int) -> float:
    return float(FIXED + (1 - FIXED) * (width / 16) ** GROWTH)


def _affordable(rate: float, once: float) -> int:
    """The widest model that still gets enough steps; `rate` is what width 16 would get."""
    needed = max(PASSES * once, STEPS)
    return max((w for w in WIDTHS if rate / _cost(w) >= needed), default=WIDTHS[0])


def _rounded(count: int) -> int:
    """Two digits: it is a guess."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return round(count / unit) * unit


def _crop(dataset: Dataset, *, largest: int, encoder: str) -> int:
    """The largest multiple of 16 that most images hold, up to what the machine can take."""
    side, unit = min(dataset.height, dataset.width), 16 if encoder == "plain" else 32
    return max(unit, min(largest, side // unit * unit))


def _weights(said: Sequence[float] | None, dataset: Dataset) -> tuple[float, ...]:
    if said is None:
        return class_weights(dataset.class_pixels)
    if len(said) != len(dataset.classes):
        raise PlanError(
            f"--class_weights has {len(said)} values for {len(dataset.classes)} classes"
        )
    return tuple(float(w) for w in said)


def _encoder(said: str) -> str:
    from recipes.core import encoders

    if said != "plain" and said not in encoders.ENCODERS:
        there = ", ".join(["plain", *encoders.ENCODERS])
        raise PlanError(f"--encoder={said}: there is {there}.")
    return said


def _encoder_weights(said: Mapping[str, Any], encoder: str) -> str:
    weights = str(said.get("encoder_weights", "none"))
    if weights != "none" and encoder == "plain":
        raise PlanError(f"--encoder_weights={weights} needs an --encoder that has them.")
    return weights


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
