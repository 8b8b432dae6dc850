"""What a U-Net scores after the same minutes: ours without a flag, the tutorials', and smp's.

    python benchmarks/same_minutes.py --dataset=neu_seg/official --torch_python=PATH
    python benchmarks/same_minutes.py --rows=ours --seeds=0 --budget=40m --json=FILE

Each row is a process of its own, has the machine to itself, and has to be done with everything in
the budget: starting, reading, training, answering the test split.

* ours: `python -m recipes.unet --dataset=… --budget=…`, nothing else; a part of train is held out
  to choose by where the dataset has no validation split.
* tutorial U-Net: 64…1024 filters, no batch norm (with Keras's own a few dozen steps leave moments
  that answer nothing), softmax cross-entropy, Adam at 1e-4, float32, two whole images a step,
  mirrored both ways.
* smp: `segmentation_models_pytorch.Unet("resnet34", encoder_weights=None)`, its Dice plus
  cross-entropy, Adam from 1e-3 down a cosine that ends with the budget, bfloat16, channels last,
  sixteen whole images a step, mirrored both ways. Needs a Python of its own with torch and smp.

The last two learn from all of train and answer with their last weights. All are scored alike: one
confusion matrix over the pixels of the test split that are not void.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

HERE = pathlib.Path(__file__).resolve()
OURS, TUTORIAL, SMP = "ours", "tutorial", "smp"
VOID = 255
MARGIN = 5.0  # seconds of a budget that a row of the others leaves, for what it cannot foresee


def main() -> None:
    """Reads the flags and lets the rows learn, one after the other."""
    flags = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    flags.add_argument("--dataset", default="neu_seg/official", help="as recipes.unet takes it")
    flags.add_argument("--data_dir")
    flags.add_argument("--budget", default="10m")
    flags.add_argument("--seeds", default="0,1,2")
    flags.add_argument("--rows", default=f"{OURS},{TUTORIAL},{SMP}")
    flags.add_argument("--torch_python", default="", help="a Python that has torch and smp")
    flags.add_argument("--json", help="also write the figures to this file, after every row")
    flags.add_argument("--row", help=argparse.SUPPRESS)  # the process of one row
    flags.add_argument("--arrays", type=pathlib.Path, help=argparse.SUPPRESS)
    flags.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    said = flags.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # libraries' logs would bury the rows
    logging.disable(logging.WARNING)
    if said.row:
        found = {TUTORIAL: tutorial, SMP: smp}[said.row](said.arrays, float(said.budget), said.seed)
        (said.arrays / "found.json").write_text(json.dumps(found))
        return
    rows = said.rows.split(",")
    if SMP in rows and not said.torch_python:
        sys.exit("smp needs --torch_python=PATH, a Python with segmentation_models_pytorch.")
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as room:
        folder = pathlib.Path(room)
        names = arrays(said.dataset, said.data_dir, folder)
        for seed in map(int, said.seeds.split(",")):  # a row's seeds lie apart in time
            for row in rows:
                result = one(row, seed, said, folder)
                results.append(result)
                print(line(result, names), flush=True)
                if said.json:
                    text = json.dumps({"classes": names, "rows": results}, indent=1)
                    pathlib.Path(said.json).write_text(text)
    for row in rows:
        print(summary([result for result in results if result["row"] == row]))


def arrays(dataset: str, data_dir: str | None, folder: pathlib.Path) -> list[str]:
    """Writes the splits as arrays, which the others read; the names of the classes."""
    from recipes.core import data, describe
    from recipes.core import dataset as ds

    facts = describe.describe(dataset, data_dir=data_dir)
    builder = ds.open_builder(facts.name, data_dir=facts.data_dir)
    train = facts.train.partition("[")[0]
    for name, split in (("train", train), ("test", facts.test)):
        images = [*data.images(builder, facts, split)]
        if len({image.ids.shape for image in images}) > 1:
            sys.exit(f"{dataset}: images of several sizes; the tutorials' loops take one.")
        np.save(folder / f"{name}_pixels.npy", np.stack([image.pixels for image in images]))
        np.save(folder / f"{name}_ids.npy", np.stack([image.ids for image in images]))
    (folder / "classes.json").write_text(json.dumps(facts.classes))
    return [*facts.classes]


def one(row: str, seed: int, said: argparse.Namespace, folder: pathlib.Path) -> dict[str, Any]:
    """Runs one row and reads what it found."""
    from recipes.core import metrics, plan

    began = time.monotonic()
    if row == OURS:
        run = folder / f"run_{seed}"
        command = [sys.executable, "-m", "recipes.unet", f"--dataset={said.dataset}"]
        command += [f"--budget={said.budget}", f"--seed={seed}", f"--workdir={run}"]
        command += [f"--data_dir={said.data_dir}"] if said.data_dir else []
        log = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        matrix = json.loads((run / "scores.json").read_text())["confusion"]
        more = {"steps": json.loads((run / "history.jsonl").read_text().splitlines()[-1])["step"]}
        more["log"] = log
    else:
        python = said.torch_python if row == SMP else sys.executable
        command = [python, os.fspath(HERE), f"--row={row}", f"--arrays={folder}", f"--seed={seed}"]
        subprocess.run([*command, f"--budget={plan.seconds(said.budget)}"], check=True)
        more = json.loads((folder / "found.json").read_text())
        matrix = more.pop("confusion")
    seconds = time.monotonic() - began
    return {
        "row": row,
        "seed": seed,
        "seconds": seconds,
        "iou": metrics.iou(np.array(matrix)).tolist(),
        **more,
    }


def means(result: dict[str, Any]) -> tuple[float, float]:
    """Over all classes, and over all but the first."""
    from recipes.core import metrics

    every = np.array(result["iou"])
    return metrics.mean(every), metrics.mean(every[1:])


def line(result: dict[str, Any], names: list[str]) -> str:
    """One run."""
    classes = ", ".join(f"{n} {v:.3f}" for n, v in zip(names, result["iou"], strict=True))
    every, drawn = means(result)
    return (
        f"{result['row']:<9} seed {result['seed']}  {result['seconds']:5.0f} s  "
        f"{result['steps']:5d} steps  mIoU {every:.4f}, without {names[0]} {drawn:.4f}  ({classes})"
    )


def summary(results: list[dict[str, Any]]) -> str:
    """The seeds of one row."""
    text = [f"{results[0]['row']:<9}"]
    both = zip(*map(means, results), strict=True)
    for name, values in zip(("all classes", "without the first"), both, strict=True):
        text.append(f"{name} {statistics.mean(values):.4f} ({min(values):.4f}–{max(values):.4f})")
    return "  ".join(text)


def read(folder: pathlib.Path, multiple: int) -> tuple[np.ndarray, ...]:
    """The arrays; images and training ids mirrored beyond their rims to a multiple."""
    found = [np.load(folder / f"{name}.npy") for name in ("train_pixels", "train_ids")]
    found += [np.load(folder / f"{name}.npy") for name in ("test_pixels", "test_ids")]
    sides = [(0, -n % multiple) for n in found[1].shape[1:]]
    for i, width in ((0, [(0, 0), *sides, (0, 0)]), (1, [(0, 0), *sides]), (2, None)):
        found[i] = np.pad(found[i], width or [(0, 0), *sides, (0, 0)], mode="symmetric")
    return tuple(found)


def tutorial(folder: pathlib.Path, budget: float, seed: int) -> dict[str, Any]:
    """Keras, as the tutorials have it."""
    began = time.monotonic()
    import keras
    import tensorflow as tf
    from keras import layers

    keras.utils.set_random_seed(seed)
    train, train_ids, test, test_ids = read(folder, 16)
    classes = len(json.loads((folder / "classes.json").read_text()))

    def block(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.Conv2D(
                filters, 3, padding="same", activation="relu", kernel_initializer="he_normal"
            )(x)
        return x

    inputs = layers.Input((None, None, train.shape[-1]))
    x, skips = layers.Rescaling(1 / 255)(inputs), []
    for filters in (64, 128, 256, 512):
        skips.append(block(x, filters))
        x = layers.MaxPooling2D()(skips[-1])
    x = block(x, 1024)
    for filters in (512, 256, 128, 64):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = block(layers.Concatenate()([skips.pop(), x]), filters)
    net = keras.Model(inputs, layers.Conv2D(classes, 1, activation="softmax")(x))
    optimizer = keras.optimizers.Adam(1e-4)
    optimizer.build(net.trainable_variables)

    @tf.function
    def step(pixels: Any, ids: Any) -> None:
        with tf.GradientTape() as tape:
            said = net(pixels, training=True)
            known = tf.cast(ids != VOID, tf.float32)
            target = tf.where(ids == VOID, tf.zeros_like(ids), ids)
            costs = keras.losses.sparse_categorical_crossentropy(target, said)
            loss = tf.reduce_sum(costs * known) / tf.maximum(tf.reduce_sum(known), 1.0)
        optimizer.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)

    answer = tf.function(lambda pixels: tf.argmax(net(pixels, training=False), -1))

    def learn(pixels: np.ndarray, ids: np.ndarray, _: float) -> None:
        step(tf.constant(pixels, tf.float32), tf.constant(ids.astype(np.int32)))

    def predict(pixels: np.ndarray) -> np.ndarray:
        return answer(tf.constant(pixels, tf.float32)).numpy()

    batches = mirrored(train, train_ids, batch=2, seed=seed)
    steps = until(batches, learn, predict, test, began=began, budget=budget)
    return {"steps": steps, "confusion": exam(predict, test, test_ids, classes)}


def smp(folder: pathlib.Path, budget: float, seed: int) -> dict[str, Any]:
    """segmentation_models_pytorch, as its users have it."""
    began = time.monotonic()
    import segmentation_models_pytorch as models
    import torch

    torch.manual_seed(seed)
    train, train_ids, test, test_ids = read(folder, 32)
    classes = len(json.loads((folder / "classes.json").read_text()))
    net = models.Unet(
        "resnet34", encoder_weights=None, in_channels=train.shape[-1], classes=classes
    ).to(memory_format=torch.channels_last)
    entropy = models.losses.SoftCrossEntropyLoss(smooth_factor=0.0, ignore_index=VOID)
    dice = models.losses.DiceLoss("multiclass", ignore_index=VOID)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    faster = torch.autocast("cpu", torch.bfloat16)
    mean, deviation = (f(train[:256].reshape(-1, train.shape[-1]), 0) for f in (np.mean, np.std))

    def of(pixels: np.ndarray) -> Any:
        tensor = torch.from_numpy(((pixels - mean) / deviation).astype(np.float32))
        return tensor.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    def learn(pixels: np.ndarray, ids: np.ndarray, progress: float) -> None:
        net.train()
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 + np.cos(np.pi * min(progress, 1))) / 2
        optimizer.zero_grad(set_to_none=True)
        with faster:
            logits = net(of(pixels))
        target = torch.from_numpy(ids.astype(np.int64))
        (entropy(logits.float(), target) + dice(logits.float(), target)).backward()
        optimizer.step()

    def predict(pixels: np.ndarray) -> np.ndarray:
        net.eval()
        with torch.no_grad(), faster:
            return net(of(pixels)).argmax(1).numpy()

    batches = mirrored(train, train_ids, batch=16, seed=seed)
    steps = until(batches, learn, predict, test, began=began, budget=budget)
    return {"steps": steps, "confusion": exam(predict, test, test_ids, classes)}


def mirrored(pixels: np.ndarray, ids: np.ndarray, *, batch: int, seed: int) -> Any:
    """Endless shuffled batches, half of the images mirrored, each way."""
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(ids))
        for chosen in order[: len(order) // batch * batch].reshape(-1, batch):
            images, masks = pixels[chosen], ids[chosen]
            for axis in (0, 1):
                turned = random.random(batch) < 0.5
                images[turned] = np.flip(images[turned], axis + 1)
                masks[turned] = np.flip(masks[turned], axis + 1)
            yield images, masks


def until(
    batches: Any, learn: Any, predict: Any, test: np.ndarray, *, began: float, budget: float
) -> int:
    """Learns until only the time to answer the test split is left; how many steps that were."""
    predict(test[:8])  # traces
    asked = time.monotonic()
    predict(test[:8])
    end = began + budget - MARGIN - (time.monotonic() - asked) * len(test) / 8
    first, steps = time.monotonic(), 0
    while (now := time.monotonic()) < end:
        learn(*next(batches), (now - first) / (end - first))
        steps += 1
    return steps


def exam(predict: Any, pixels: np.ndarray, ids: np.ndarray, classes: int) -> list[list[int]]:
    """Truth by answer, in pixels that are not void."""
    matrix = np.zeros((classes, classes), np.int64)
    for at in range(0, len(ids), 8):
        truth = ids[at : at + 8]
        said = predict(pixels[at : at + 8])[:, : truth.shape[1], : truth.shape[2]]
        known = truth != VOID
        cells = truth[known].astype(np.int64) * classes + said[known]
        matrix += np.bincount(cells, minlength=classes**2).reshape(classes, classes)
    return matrix.tolist()


if __name__ == "__main__":
    main()
