"""How long a training step takes: Keras's own batch norm, ours, and the same net in PyTorch.

    python benchmarks/steps.py --torch_python=PATH    # U-Net 64…1024 on two crops of 256²
    python benchmarks/steps.py --width=16 --rounds=5 --json=FILE

The rows take turns of a few steps, so that a machine whose speed drifts drifts for all of them; the
seconds of processors say what a step takes where other work holds the machine up as well. All are
the same network, cross-entropy and AdamW. Then each learns the same small task from the same
batches, over several seeds: speed must not cost IoU.

* Keras float32: the model with `keras.layers.BatchNormalization`.
* ours: `recipes.core.norm.FusedBatchNormalization`, in float32 and bfloat16.
* PyTorch: channels last, in float32 and bfloat16 by autocast. Needs a Python of its own with torch.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

sys.path.insert(0, os.fspath(pathlib.Path(__file__).resolve().parent))
import with_torch

KERAS, OURS = "Keras float32", "ours bfloat16"


def stepper(kind: str, width: int, depth: int, *, seed: int, rate: float) -> tuple[Any, Any]:
    """(step, predict) as `with_torch.learn` takes them."""
    import keras

    from recipes.core import device, model, norm, planning, steps
    from recipes.core.dataset import Dataset

    facts = Dataset(
        name="shapes",
        data_dir=None,
        image_key="image",
        mask_key="mask",
        classes=tuple("abcd"),
        palette=((0, 0, 0),) * with_torch.CLASSES,
        raw_void=255,
        mask_offset=0,
        channels=3,
        pixel_top=255.0,
        pixel_mean=(110.0,) * 3,
        pixel_std=(50.0,) * 3,
        height=with_torch.SIDE,
        width=with_torch.SIDE,
        train="train",
        validation="validation",
        test=None,
        train_examples=1,
        class_pixels=(1,) * with_torch.CLASSES,
    )
    cpu = device.Device(kind="cpu", name="CPU", count=1, bfloat16=True)
    said = {"steps": 1, "crop": with_torch.SIDE, "batch": with_torch.BATCH, "loss": "ce"}
    said |= {"width": width, "depth": depth, "precision": kind.split()[1], "seed": seed}
    said |= {"weight_decay": 0.0, "clip": 0.0, "ema": 0.0, "class_weights": (1.0,) * 4}
    plan = planning.make(facts, cpu, said)
    layer = keras.layers if kind.startswith("Keras") else norm
    name = "BatchNormalization" if kind.startswith("Keras") else "FusedBatchNormalization"
    with mock.patch.object(norm, "FusedBatchNormalization", getattr(layer, name)):
        net = model.of_plan(plan)
    optimizer = keras.optimizers.AdamW(learning_rate=rate, weight_decay=0.0)
    optimizer.build(net.trainable_variables)
    learn = steps.make(net, net, optimizer, plan)
    forward = steps.forward(net)
    return (
        lambda pixels, ids: float(learn(pixels, ids, rate)[0]),
        lambda pixels: forward(pixels).argmax(-1).astype(np.uint8),
    )


def main() -> None:
    """Reads the flags and measures."""
    flags = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    flags.add_argument("--width", type=int, default=64)
    flags.add_argument("--depth", type=int, default=4)
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--steps", type=int, default=3, help="of each row in a round")
    flags.add_argument(
        "--seeds", type=int, default=3, help="of the task that is learnt; 0 for none"
    )
    flags.add_argument("--learn_steps", type=int, default=200)
    flags.add_argument("--torch_python", default="", help="a Python that has torch")
    flags.add_argument("--json", help="also write the figures to this file")
    said = flags.parse_args()
    missing = with_torch.missing(said.torch_python)
    if missing:
        print(missing)
    kinds = [KERAS, "ours float32", OURS]
    kinds += [] if missing else ["PyTorch float32", "PyTorch bfloat16"]
    other = None if missing else with_torch.Torch(said.torch_python)
    figures = {"steps": timing(kinds, said, other), "task": task(kinds, said, other)}
    if said.json:
        pathlib.Path(said.json).write_text(json.dumps(figures, indent=1))


def timing(kinds: list[str], said: argparse.Namespace, other: Any) -> dict[str, Any]:
    """Seconds a step, rows taking turns."""
    batch = with_torch.shapes(0, count=with_torch.BATCH, side=with_torch.SIDE)
    shape = {"width": said.width, "depth": said.depth}
    turns: dict[str, Callable[[int], list[tuple[float, float]]]] = {}
    for kind in kinds:
        if kind.startswith("PyTorch"):
            asked = {"kind": "steps", "precision": kind.split()[1], **shape}
            turns[kind] = lambda count, asked=asked: other(**asked, count=count)
        else:
            step, _ = stepper(kind, **shape, seed=0, rate=1e-3)
            turns[kind] = lambda count, step=step: with_torch.timed(step, batch, count)
    for turn in turns.values():  # traces graphs, chooses kernels
        turn(2)
    load = os.getloadavg()[0]
    rounds: list[dict[str, np.ndarray]] = []
    for _ in range(said.rounds):
        rounds.append({kind: np.median(turn(said.steps), 0) for kind, turn in turns.items()})
    print(
        f"U-Net {said.width}…{said.width * 2**said.depth}, {with_torch.BATCH} crops of "
        f"{with_torch.SIDE}²; {said.rounds} rounds of {said.steps} steps, medians; load before "
        f"{load:.1f}, {os.cpu_count()} cores"
    )
    found: dict[str, Any] = {}
    for i, clock in enumerate(("the wall's clock", "processors")):
        print(f"\nseconds of {clock:<14}{f'{KERAS}, times as long':>30}{f'{OURS}, …':>24}")
        for kind in kinds:
            seconds = statistics.median(r[kind][i] for r in rounds)
            ratios = {
                base: sorted(float(r[base][i] / r[kind][i]) for r in rounds)
                for base in (KERAS, OURS)
            }
            told = [f"{statistics.median(v):.2f} ({v[0]:.2f}–{v[-1]:.2f})" for v in ratios.values()]
            print(f"{kind:18}{seconds:7.3f}{told[0]:>30}{told[1]:>24}")
            found.setdefault(clock, {})[kind] = {"seconds": seconds, "times_as_long": ratios}
    return found


def task(kinds: list[str], said: argparse.Namespace, other: Any) -> dict[str, Any]:
    """What is learnt in as many steps from the same batches."""
    found: dict[str, Any] = {kind: [] for kind in kinds}
    for seed in range(said.seeds):
        for kind in kinds:
            at = {"seed": seed, "steps": said.learn_steps}
            if kind.startswith("PyTorch"):
                run = other(kind="learn", precision=kind.split()[1], **at)
            else:
                run = with_torch.learn(*stepper(kind, 16, 3, seed=seed, rate=1e-3), **at)
            found[kind].append(run)
    if said.seeds:
        print(
            f"\nShapes, U-Net 16…128, {said.learn_steps} steps, {said.seeds} seeds\n\n"
            f"{'':18}{'mean IoU of each seed':>26}{'mean':>8}   loss, a fifth of the run each"
        )
        for kind in kinds:
            ious = [run["iou"] for run in found[kind]]
            losses = np.mean([run["losses"] for run in found[kind]], 0)
            print(
                f"{kind:18}{' '.join(f'{v:.4f}' for v in ious):>26}{np.mean(ious):8.4f}   "
                + " ".join(f"{v:.3f}" for v in losses)
            )
    return found


if __name__ == "__main__":
    main()
