"""A run's plan: every choice training makes, as data that is printed, written and read back."""

import dataclasses
import math
import re
from collections.abc import Mapping
from fnmatch import fnmatch
from typing import Any

from recipes.core import dataset as ds
from recipes.core.dataset import Dataset
from recipes.core.errors import RecipeError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Every choice of a run; what `plan.json` holds."""

    dataset: Dataset
    crop: int
    depth: int
    width: int
    encoder: str  # of keras.applications, see `encoders.ENCODERS`; "plain" for the U-Net's own
    encoder_weights: str  # "none", "imagenet" or a file
    residual: bool
    deep_supervision: bool  # coarser levels are told the truth as well
    batch: int
    rare_share: float  # of the crops that are cut near a pixel of a class drawn by its rarity
    steps: int  # 0: as many as `budget` allows
    budget: float  # seconds of training and final scoring; 0: as long as `steps` takes
    epoch_steps: int  # an epoch ends in a validation; 0: by the clock
    patience: int  # epochs without a better validation before training stops
    learning_rate: float
    warmup: float  # share of the run
    weight_decay: float
    clip: float  # global norm of the gradient
    ema: float  # share of the averaged weights that stays in each step; 0: no average
    class_weights: tuple[float, ...]
    weights_until: float  # share of the run over which they fade to 1; 0: they stay
    loss: str  # as `losses.parse` reads it
    augment: str  # the preset that the following entries come from, where they were not said
    zoom: float  # how much size is varied: 1 is from half to twice
    rotate: float  # largest turn, degrees
    shear: float  # largest slant, degrees
    elastic: float  # largest bend, pixels
    light: float  # how much brightness, contrast and colour are varied
    hue: float  # how far colours are turned: 1 is all around
    blur: float  # largest sigma, pixels
    noise: float  # largest grain, share of the range
    cut_out: float  # largest hole, share of the side
    upright: bool  # no quarter turns: for images that have an up and a down
    precision: str
    seed: int
    folds: int  # for cross-validation over train and validation together; 0: none
    fold: int  # the one that is held out; -1: each in turn, for an ensemble
    device: str
    notes: tuple[str, ...] = ()

    @property
    def epochs(self) -> int:
        """Validations of the whole run; 0 when the clock decides."""
        return math.ceil(self.steps / self.epoch_steps) if self.steps and self.epoch_steps else 0

    @property
    def is_ensemble(self) -> bool:
        """Whether a model of each fold is trained, and all of them joined."""
        return self.folds > 0 > self.fold

    def learning_rate_at(self, progress: float) -> float:
        """Warm-up, then half a cosine down to nothing, at a share 0..1 of the run."""
        if progress < self.warmup:
            return self.learning_rate * max(progress, 0.0) / self.warmup
        rest = (min(progress, 1.0) - self.warmup) / max(1.0 - self.warmup, 1e-9)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * rest))

    def class_weights_at(self, progress: float) -> tuple[float, ...]:
        """As planned at first, then less and less, and all 1 in the end."""
        if not self.weights_until:
            return self.class_weights
        left = max(1.0 - progress / self.weights_until, 0.0)
        return tuple(1.0 + left * (weight - 1.0) for weight in self.class_weights)


class PlanError(RecipeError):
    """Flags that do not go together."""


_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


def seconds(said: str | float) -> float:
    """A stretch of time as a flag gives it: `20m`, `1h`, `1h30m`, `90s`; a number is seconds.

    Raises:
      PlanError: it is none.
    """
    if isinstance(said, int | float):
        return float(said)
    match = _DURATION.fullmatch(said)
    if not said or not match:
        raise PlanError(f"--budget={said}: write 20m, 1h, 1h30m or 90s.")
    parts = zip(match.groups(), (3600, 60, 1), strict=True)
    return float(sum(float(number or 0) * unit for number, unit in parts))


def duration(seconds: float) -> str:
    """A stretch of time as `seconds` reads it."""
    whole = round(seconds)
    if abs(seconds - whole) > 1e-9 or not whole:
        return f"{seconds:g}s"
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def text(plan: Plan) -> str:
    """The plan as lines for the terminal."""
    data = plan.dataset
    shares = [n / max(sum(data.class_pixels), 1) for n in data.class_pixels]
    classes = ", ".join(
        f"{name} ({share:.1%}, weight {weight:g})"
        for name, share, weight in list(zip(data.classes, shares, plan.class_weights, strict=True))[
            :8
        ]
    )
    length = [f"{plan.steps} steps"] if plan.steps else []
    length += [f"{duration(plan.budget)} with the final scoring"] if plan.budget else []
    lines = [
        f"dataset   {data.name}: {data.train_examples} training images, {data.channels} channels, "
        f"median {data.height} x {data.width}",
        f"splits    {data.train} to train, {chosen_on(plan)} to choose, "
        f"{data.test or 'none'} to test",
        f"classes   {len(data.classes)}: {classes}{' …' if len(data.classes) > 8 else ''}",
        f"model     U-Net{_made(plan)}, depth {plan.depth}, width {plan.width}, "
        f"{plan.precision} on {plan.device}",
        f"training  {' or '.join(length)}, {plan.batch} crops of {plan.crop} x {plan.crop} a step, "
        f"validation {f'every {plan.epoch_steps} steps' if plan.epoch_steps else 'by the clock'}",
        f"          learning rate {plan.learning_rate:g}, weight decay {plan.weight_decay:g}, "
        f"loss {plan.loss}, seed {plan.seed}",
        *_fading(plan),
        f"          weights {f'averaged by {plan.ema:g}' if plan.ema else 'as they are'}, "
        f"{plan.rare_share:.0%} of the crops near a rare class",
        *_folds(plan),
        f"views     {plan.augment}: {_views(plan)}",
        *(f"note      {note}" for note in plan.notes),
    ]
    return "\n".join(lines)


def chosen_on(plan: Plan) -> str:
    """What the best epoch is chosen by."""
    if plan.folds:
        return "the fold held out"
    data = plan.dataset
    return f"{data.held_out} % of it held out" if data.held_out else data.validation


def _made(plan: Plan) -> str:
    told = []
    if plan.encoder != "plain":
        told.append(f" on {plan.encoder} (weights: {plan.encoder_weights})")
    told += [" with residual blocks"] if plan.residual else []
    told += [" with deep supervision"] if plan.deep_supervision else []
    return ",".join(told)


def _fading(plan: Plan) -> list[str]:
    if not plan.weights_until or len({*plan.class_weights}) == 1:
        return []
    return [f"          class weights fade to 1 in the first {plan.weights_until:.0%} of the run"]


def _folds(plan: Plan) -> list[str]:
    if not plan.folds:
        return []
    which = f"fold {plan.fold} is held out" if plan.fold >= 0 else "each is held out in turn"
    return [
        f"folds     {plan.folds} of {plan.dataset.train}"
        f"{'' if plan.dataset.held_out else f' and {plan.dataset.validation}'}; {which}"
    ]


def _views(plan: Plan) -> str:
    """How training images are varied."""
    names = ("zoom", "rotate", "shear", "elastic", "light", "hue", "blur", "noise", "cut_out")
    told = [f"{name} {getattr(plan, name):g}" for name in names if getattr(plan, name)]
    return ", ".join(["mirrored" if plan.upright else "mirrored and turned", *told])


def moved(plan: Plan, data_dir: str) -> Plan:
    """The same plan for the same dataset in another folder.

    Raises:
      DatasetError: the dataset cannot be there.
    """
    return dataclasses.replace(plan, dataset=ds.moved(plan.dataset, data_dir))


def refuse_changes(
    plan: Plan,
    *,
    dataset: str | None,
    described: Mapping[str, Any] | None,
    overrides: Mapping[str, Any] | None,
) -> None:
    """Stops a resumed run that is told something else than it was planned with.

    Raises:
      PlanError: a curve whose first half was made by another plan says nothing.
    """
    given = {**(described or {}), **(overrides or {})}
    changed = [
        f"--{key}={value}"
        for key, value in given.items()
        if value is not None and not _same(*_as_planned(key, value, plan))
    ]
    if dataset and not _is_called(dataset, plan.dataset.name):
        changed.insert(0, f"--dataset={dataset}")
    if changed:
        told = (
            f"The run was planned otherwise than {', '.join(changed)}. A resumed run keeps its "
            "plan: leave these flags out, or start a new run in another folder."
        )
        if any(word.startswith(("--steps=", "--epochs=", "--budget=")) for word in changed):
            told += " A run cannot be made longer: start a new one."
        raise PlanError(told)


def steps_of(epochs: int, examples: int, batch: int) -> int:
    """The steps that passes over the train split come to."""
    return math.ceil(epochs * examples / batch)


def _as_planned(flag: str, value: Any, plan: Plan) -> tuple[Any, Any]:
    """What a flag comes to in a plan, and what the plan has."""
    data = plan.dataset
    if flag == "epochs":
        return steps_of(value, data.train_examples, plan.batch), plan.steps
    if flag == "epoch_steps" and plan.steps:
        return min(value, plan.steps), plan.epoch_steps
    if flag == "budget":
        return seconds(value), plan.budget
    if flag == "validation_share":  # says nothing where there is a validation split
        return value, data.held_out or value
    told = {"num_classes": len(data.classes), "void_id": data.raw_void}
    return value, told.get(flag, getattr(plan, flag, getattr(data, flag, None)))


def _is_called(said: str, planned: str) -> bool:
    """Whether a name means the planned dataset; config and version need not be said."""
    if ds.absolute(said) == ds.absolute(planned):
        return True
    (name, _, version), (whole, _, its) = said.partition(":"), planned.partition(":")
    return name in (whole, whole.split("/")[0]) and fnmatch(its, version or "*")


def _same(said: Any, planned: Any) -> bool:
    if isinstance(said, list | tuple):
        return [float(v) for v in said] == [float(v) for v in planned or ()]
    return said in ("auto", planned)


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain data."""
    return dataclasses.asdict(plan)


def from_json(data: Mapping[str, Any]) -> Plan:
    """The plan that `to_json` wrote.

    Raises:
      PlanError: another version of the recipes wrote it.
    """
    known = {field.name for field in dataclasses.fields(Plan)}
    if strange := sorted(known ^ data.keys()):
        raise PlanError(
            f"plan.json was written by another version of the recipes: {', '.join(strange)} "
            "differ. Start a new run."
        )
    dataset = {key: _frozen(value) for key, value in data["dataset"].items()}
    rest = {key: _frozen(value) for key, value in data.items() if key != "dataset"}
    return Plan(dataset=Dataset(**dataset), **rest)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
