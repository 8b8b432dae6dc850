"""The PyTorch side of `pipeline.py` and `steps.py`, run by a Python of its own that has torch.

Nothing in this project needs torch; a benchmark that is told of no such Python leaves these rows
out. A line on standard input asks for something, a line on standard output answers, so that rounds
of both sides alternate in one run and neither works while the other is timed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

CLASSES = 4
BATCH, SIDE = 2, 256  # of the steps that are timed


class Torch:
    """A process of another Python that answers with what it measured."""

    def __init__(self, python: str, *arguments: str):
        self._process = subprocess.Popen(
            [python, __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, **asked: Any) -> Any:
        """Asks and waits."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("The Python with torch ended; its message stands above.")
        return json.loads(line)

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def missing(python: str) -> str:
    """Why there are no rows of PyTorch; empty where there are."""
    if not python:
        return "PyTorch: left out, --torch_python=PATH names a Python that has torch."
    found = subprocess.run([python, "-c", "import torch"], check=False, capture_output=True)
    return f"PyTorch: left out, {python} has none." if found.returncode else ""


def shapes(seed: int, *, count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Coloured blocks and discs in noise: float32 pixels 0..255 and uint8 ids."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    ids = np.zeros((count, side, side), np.uint8)
    for mask in ids:
        for class_id in (1, 2, 3, 1, 2, 3):
            y, x = random.integers(0, side, 2)
            size = random.integers(side // 12, side // 5)
            if class_id == 1:
                inside = (rows - y) ** 2 + (columns - x) ** 2 < size**2
            else:
                inside = (abs(rows - y) < size) & (abs(columns - x) < size)
            mask[inside] = class_id
    colours = np.array([[90, 110, 90], [130, 90, 90], [90, 90, 140], [110, 110, 120]])
    pixels = colours[ids] + random.normal(0, 35, (*ids.shape, 3))
    return np.clip(pixels, 0, 255).astype(np.float32), ids


def mean_iou(truth: np.ndarray, said: np.ndarray) -> float:
    """Over the classes, from one confusion matrix."""
    cells = truth.astype(np.int64).ravel() * CLASSES + said.astype(np.int64).ravel()
    matrix = np.bincount(cells, minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    hit = np.diag(matrix)
    return float(np.mean(hit / (matrix.sum(0) + matrix.sum(1) - hit)))


def learn(
    step: Callable[[np.ndarray, np.ndarray], float],
    predict: Callable[[np.ndarray], np.ndarray],
    *,
    seed: int,
    steps: int,
) -> dict[str, Any]:
    """Trains on shapes; the loss of each fifth of the run, and the IoU on shapes never seen."""
    losses = []
    for i in range(steps):
        losses.append(step(*shapes(1000 * seed + 10 + i, count=4, side=64)))
    pixels, ids = shapes(7, count=64, side=64)
    fifth = steps // 5
    return {
        "losses": [float(np.mean(losses[i * fifth : (i + 1) * fifth])) for i in range(5)],
        "iou": mean_iou(ids, np.stack([predict(image) for image in pixels])),
    }


def unet(width: int, depth: int, *, seed: int) -> Any:
    """The network of `recipes.core.model.unet` in PyTorch, with the same kind of first weights."""
    import torch
    from torch import nn

    torch.manual_seed(seed)

    class Block(nn.Sequential):
        def __init__(self, inside: int, outside: int):
            layers = []
            for channels in (inside, outside):
                layers.append(nn.Conv2d(channels, outside, 3, padding=1, bias=False))
                layers.append(nn.BatchNorm2d(outside, eps=1e-3, momentum=0.05))
                layers.append(nn.ReLU(inplace=True))
            super().__init__(*layers)

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [width * 2**level for level in range(depth + 1)]
            self.down = nn.ModuleList(map(Block, [3, *sizes[:-2]], sizes[:-1]))
            self.bottom = Block(sizes[-2], sizes[-1])
            self.grow = nn.ModuleList(
                nn.ConvTranspose2d(2 * n, n, 2, stride=2) for n in reversed(sizes[:-1])
            )
            self.up = nn.ModuleList(Block(2 * n, n) for n in reversed(sizes[:-1]))
            self.answer = nn.Conv2d(width, CLASSES, 1)

        def forward(self, x: Any) -> Any:
            x, skips = (x - 110.0) / 50.0, []
            for block in self.down:
                x = block(x)
                skips.append(x)
                x = nn.functional.max_pool2d(x, 2)
            x = self.bottom(x)
            for grow, block in zip(self.grow, self.up, strict=True):
                x = block(torch.cat([skips.pop(), grow(x)], 1))
            return self.answer(x)

    net = UNet()
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    return net.to(memory_format=torch.channels_last)


def stepper(width: int, depth: int, precision: str, *, seed: int, rate: float) -> Any:
    """(step, predict) as `learn` takes them."""
    import torch

    net = unet(width, depth, seed=seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.0, eps=1e-7)
    loss_of = torch.nn.CrossEntropyLoss(ignore_index=255)
    faster = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")

    def of(pixels: np.ndarray) -> Any:
        tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        return tensor.contiguous(memory_format=torch.channels_last)

    def step(pixels: np.ndarray, ids: np.ndarray) -> float:
        net.train()
        optimizer.zero_grad(set_to_none=True)
        with faster:
            logits = net(of(pixels))
        loss = loss_of(logits.float(), torch.from_numpy(ids.astype(np.int64)))
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    def predict(pixels: np.ndarray) -> np.ndarray:
        net.eval()
        with torch.no_grad(), faster:
            return net(of(pixels[None])).argmax(1)[0].numpy().astype(np.uint8)

    return step, predict


def timed(
    step: Callable[..., float], batch: tuple[np.ndarray, np.ndarray], count: int
) -> list[tuple[float, float]]:
    """Seconds of each of some steps: by the wall's clock, and of processors."""
    seconds = []
    for _ in range(count):
        began, busy = time.perf_counter(), time.process_time()
        step(*batch)
        seconds.append((time.perf_counter() - began, time.process_time() - busy))
    return seconds


def loader(folder: pathlib.Path, names: list[str], *, reader: str, workers: int, batch: int) -> Any:
    """Endless batches of random 256² crops, flipped or not, from the files."""
    import torch

    torch.set_num_threads(1)

    class Files(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(names)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            image, mask = folder / "images" / names[index], folder / "masks" / names[index]
            mask = mask.with_suffix(".png")
            if reader == "OpenCV":
                import cv2

                cv2.setNumThreads(0)
                pixels, ids = cv2.imread(str(image)), cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
                pixels = pixels[..., ::-1]
            else:
                from PIL import Image

                pixels, ids = (np.asarray(Image.open(path)) for path in (image, mask))
            y, x = (int(torch.randint(n - SIDE + 1, ())) for n in ids.shape)
            pixels, ids = (a[y : y + SIDE, x : x + SIDE] for a in (pixels, ids))
            if torch.rand(()) < 0.5:
                pixels, ids = pixels[:, ::-1], ids[:, ::-1]
            pixels = np.ascontiguousarray(pixels, np.float32)
            return torch.from_numpy(pixels), torch.from_numpy(np.ascontiguousarray(ids))

    batches = torch.utils.data.DataLoader(
        Files(),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=True,
    )
    while True:
        yield from batches


def rate(batches: Iterator[Any], *, count: int, batch: int, warm: int) -> tuple[float, float]:
    """Images a second, once what lay ready is used up, and images a second of processors."""
    for _ in range(warm):
        next(batches)
    began, busy = time.perf_counter(), _busy()
    for _ in range(count):
        next(batches)
    images = count * batch
    return images / (time.perf_counter() - began), images / (_busy() - busy)


def _busy() -> float:
    """Seconds of processors that this process and its workers have had."""
    seconds = time.process_time()
    for child in multiprocessing.active_children():
        fields = pathlib.Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def main() -> None:
    """Answers until nobody asks."""
    made: dict[str, Any] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        kind = asked.pop("kind")
        key = json.dumps([kind, asked.get("precision"), asked.get("reader"), asked.get("workers")])
        if kind == "loader":
            if key not in made:
                keys = ("reader", "workers", "batch")
                made[key] = loader(
                    pathlib.Path(asked["folder"]), asked["names"], **{k: asked[k] for k in keys}
                )
            found: Any = rate(
                made[key], count=asked["count"], batch=asked["batch"], warm=asked["warm"]
            )
        elif kind == "steps":
            if key not in made:
                made[key] = stepper(
                    asked["width"], asked["depth"], asked["precision"], seed=0, rate=1e-3
                )
            found = timed(made[key][0], shapes(0, count=BATCH, side=SIDE), asked["count"])
        else:
            step, predict = stepper(16, 3, asked["precision"], seed=asked["seed"], rate=1e-3)
            found = learn(step, predict, seed=asked["seed"], steps=asked["steps"])
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
