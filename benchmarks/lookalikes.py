"""How long it takes to find near-duplicates among many thumbnails, and how many are found.

    python benchmarks/lookalikes.py                   # 100,000 pictures, 2 % of them copies
    python benchmarks/lookalikes.py --near_equal      # 10,000 of which each is nearly each other

The thumbnails have the spectrum of photographs, from busy to so soft that they are nearly a slope,
and all contrasts down to none. Copies are turned or flipped, brighter or darker, noisy as after
strong compression, or shifted by a part of a cell as after cropping; what is planted in pictures
with too little detail to tell (skies) is counted apart. False alarms are clusters that join
pictures of which none was planted.
"""

from __future__ import annotations

import resource
import time

import numpy as np
from absl import app, flags

from seg_datasets.core.checks import Limits
from seg_datasets.core.neighbours import lookalikes

_COUNT = flags.DEFINE_integer("count", 0, "Pictures; 100,000, or 10,000 near-equal ones.")
_NEAR_EQUAL = flags.DEFINE_bool("near_equal", False, "Pictures that are nearly one.")
_SHARE = flags.DEFINE_float("copies", 0.02, "Share of the pictures that are copies.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the drawing.")

_KINDS = ("turned", "brighter", "noisy", "shifted .1 cell", "shifted .4 cell")


def photographs(count: int, random: np.random.Generator) -> np.ndarray:
    """Thumbnails, 16×16 grey values in rows."""
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(16) * 16] * 2))
    frequency[0, 0] = np.inf
    rows = np.empty((count, 256), np.uint8)
    for at in range(0, count, 10_000):
        some = rows[at : at + 10_000]
        steepness = random.uniform(0.8, 2.2, (len(some), 1, 1))
        noise = np.fft.fft2(random.normal(size=(len(some), 16, 16)))
        field = np.fft.ifft2(noise / frequency**steepness).real
        field *= random.uniform(3, 60, (len(some), 1, 1)) / field.std(axis=(1, 2), keepdims=True)
        field += random.uniform(80, 170, (len(some), 1, 1))
        some[:] = field.clip(0, 255).round().reshape(len(some), 256)
    return rows


def copy(row: np.ndarray, kind: str, random: np.random.Generator) -> np.ndarray:
    """The same picture again, in one of eight positions."""
    grid = np.rot90(row.reshape(16, 16).astype(float), random.integers(4))
    grid = grid.T if random.random() < 0.5 else grid
    if kind == "brighter":
        grid = grid * random.choice([0.8, 1.2])
    if kind == "noisy":
        grid = grid + random.normal(0, 1, grid.shape)
    if kind.startswith("shifted"):
        part = float(kind.split()[1])
        grid = grid * (1 - part) + np.roll(grid, 1, axis=1) * part
    return grid.clip(0, 255).round().astype(np.uint8).ravel()


def main(argv: list[str]) -> None:
    """Draws, finds, prints."""
    del argv
    random = np.random.default_rng(_SEED.value)
    count = _COUNT.value or (10_000 if _NEAR_EQUAL.value else 100_000)
    planted: list[tuple[int, int, str]] = []
    if _NEAR_EQUAL.value:
        base = photographs(1, random).astype(float)
        rows = (base + random.normal(0, 0.6, (count, 256))).clip(0, 255).astype(np.uint8)
    else:
        rows = photographs(count, random)
        places = random.permutation(count)[: 2 * int(count * _SHARE.value)].reshape(-1, 2)
        for number, (one, other) in enumerate(places.tolist()):
            kind = _KINDS[number % len(_KINDS)]
            rows[other] = copy(rows[one], kind, random)
            planted.append((one, other, kind))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, busy = time.perf_counter(), time.process_time()
    hexes = [row.tobytes().hex() for row in rows]
    found = lookalikes.clusters(lookalikes.pixels(hexes), most=Limits().near_duplicate)
    took, used = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{count:,} thumbnails: {took:.1f} s ({used:.1f} of processors), peak {peak / 1024:.0f} MB "
        f"of the process ({before / 1024:.0f} MB before)"
    )
    largest = max(map(len, found), default=0)
    print(f"{len(found):,} clusters, the largest of {largest:,}")
    cluster_of = {row: number for number, cluster in enumerate(found) for row in cluster}
    worth = lookalikes.detailed(rows)
    for kind in _KINDS if planted else ():
        pairs = [(a, b) for a, b, planted_as in planted if planted_as == kind]
        told = [(a, b) for a, b in pairs if worth[a] and worth[b]]
        hits = sum(cluster_of.get(a, -1) == cluster_of.get(b, -2) for a, b in told)
        print(
            f"  {kind:16} {hits:,} of {len(told):,} found ({hits / len(told):.1%}); "
            f"{len(pairs) - len(told):,} have too little detail to tell"
        )
    if planted:
        copies = {row for a, b, _ in planted for row in (a, b)}
        false = sum(copies.isdisjoint(cluster) for cluster in found)
        print(f"  false alarms: {false:,} clusters among {count - len(copies):,} pictures")


if __name__ == "__main__":
    app.run(main)
