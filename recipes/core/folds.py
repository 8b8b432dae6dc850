"""Cross-validation: which example is held out by which fold, whole groups together."""

import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from recipes.core import data, runs
from recipes.core.dataset import Dataset
from recipes.core.plan import Plan, PlanError


class Folds(NamedTuple):
    """The examples of train and validation, in stored order, and where they belong."""

    names: tuple[tuple[str, str], ...]  # id and group
    fold_of: np.ndarray

    def held_out(self, fold: int) -> np.ndarray:
        """True for the examples of a fold."""
        return np.asarray(self.fold_of == fold)


def deal(groups: Sequence[str], count: int) -> np.ndarray:
    """The fold of each example, given the group of each.

    Large groups first, each to the fold that has the fewest examples; equal ones by a hash of their
    names, so that neither their order nor their alphabet decides.

    Raises:
      PlanError: fewer groups than folds.
    """
    sizes = Counter(groups)
    if len(sizes) < count:
        raise PlanError(
            f"--folds={count}: train and validation hold {len(sizes)} groups, and a group is never "
            "split."
        )
    loads, fold_of = [0] * count, {}
    for group in sorted(sizes, key=lambda g: (-sizes[g], hashlib.md5(g.encode()).hexdigest())):
        fold_of[group] = loads.index(min(loads))
        loads[fold_of[group]] += sizes[group]
    return np.array([fold_of[group] for group in groups], np.int64)


def of(builder: Any, plan: Plan) -> Folds:
    """The folds of a dataset, by its groups; by its examples where it has none.

    Raises:
      PlanError: fewer groups than folds.
    """
    examples = names(builder, data.pool(plan.dataset))
    return Folds(examples, deal([group for _, group in examples], plan.folds))


def instead_of_validation(builder: Any, dataset: Dataset) -> Folds:
    """A part of train, held out as fold 0, for a dataset without a validation split."""
    examples = names(builder, dataset.train)
    return Folds(examples, np.where(hold_out(examples, dataset.held_out), 0, 1))


def hold_out(examples: Sequence[tuple[str, str]], share: int) -> np.ndarray:
    """True for `share` percent of some examples, whole groups together, or nearly as many.

    Groups come by a hash of their names; one that would be too many stays where it is. Of one group
    alone single examples are held out.
    """
    alone = len({group for _, group in examples}) == 1
    groups = [name if alone else group for name, group in examples]
    sizes, room, held = Counter(groups), len(groups) * share / 100, set[str]()
    for group in sorted(sizes, key=lambda g: hashlib.md5(g.encode()).hexdigest()):
        if sizes[group] <= room:
            held.add(group)
            room -= sizes[group]
    held = held or {min(sizes, key=lambda g: (sizes[g], g))}
    return np.array([group in held for group in groups])


def run_of(run: runs.Run, fold: int) -> runs.Run:
    """Where the run of one fold of an ensemble lies."""
    return runs.Run(run.folder / f"fold_{fold}")


def grouped(examples: Sequence[tuple[str, str]]) -> bool:
    """Whether a dataset tells what belongs together: neither nothing nor everything does."""
    return 1 < len({group for _, group in examples}) < len(examples)


def note(found: Folds) -> str | None:
    """What a user should know of folds whose examples may belong together."""
    if grouped(found.names):
        return None
    return (
        "The dataset knows no groups: folds are made of single examples, and those of one scene or "
        "patient can lie in several."
    )


@functools.lru_cache(maxsize=4)  # each time all of the records are read
def names(builder: Any, split: str) -> tuple[tuple[str, str], ...]:
    """Id and group of each example of a split, in stored order; alone it is its own group."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    wanted = sorted({"id", "group"} & set(builder.info.features.keys()))
    if not wanted:
        count = sum(builder.info.splits[part].num_examples for part in split.split("+"))
        return tuple((f"{split}-{i:05d}",) * 2 for i in range(count))
    options = tf.data.Options()
    options.deterministic = True
    stream = builder.as_dataset(
        split=split,
        read_config=tfds.ReadConfig(options=options, try_autocache=False),
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(wanted, True)),
    )
    return tuple(
        data.name_and_group(example, otherwise=f"{split}-{i:05d}")
        for i, example in enumerate(stream.as_numpy_iterator())
    )
