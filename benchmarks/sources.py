"""How long a COCO file of many annotations takes to be indexed, and how much memory.

    python benchmarks/sources.py --annotations 200000

draws a file of polygons and runs with empty image files beside it, then scans it in a process of
its own: time, and the most memory that process had, with and without what importing took.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

PER_IMAGE, POINTS, WIDTH, HEIGHT = 7, 26, 640, 480


def draw(folder: pathlib.Path, annotations: int) -> None:
    """A COCO file as large as real ones: 26 points to a polygon, one in ten a string of runs."""
    from pycocotools import mask as coco

    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    count = -(-annotations // PER_IMAGE)
    images = [
        {"id": i, "file_name": f"{i:012}.jpg", "width": WIDTH, "height": HEIGHT}
        for i in range(count)
    ]
    for image in images:
        (folder / "images" / image["file_name"]).touch()
    blob = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    for column in range(120):  # as ragged as a brush leaves it
        blob[rng.integers(90, 100) : rng.integers(200, 210), 50 + column] = 1
    string = coco.encode(blob)["counts"].decode()
    with (folder / "instances.json").open("w", encoding="utf-8") as file:
        file.write('{"info": {}, "annotations": [')
        for number in range(annotations):
            turn = np.sort(rng.uniform(0, 2 * np.pi, POINTS))
            x = rng.uniform(100, WIDTH - 100) + rng.uniform(20, 90) * np.cos(turn)
            y = rng.uniform(100, HEIGHT - 100) + rng.uniform(20, 90) * np.sin(turn)
            ring = np.stack([x, y], axis=1).round(2).ravel().tolist()
            runs = {"counts": string, "size": [HEIGHT, WIDTH]}
            one = {
                "id": number,
                "image_id": int(rng.integers(count)),
                "category_id": int(rng.integers(1, 81)),
                "iscrowd": 0,
                "area": 100.0,
                "bbox": [0, 0, 1, 1],
                "segmentation": runs if number % 10 == 9 else [ring],
            }
            file.write(("," if number else "") + json.dumps(one))
        names = [{"id": i, "name": f"class {i}"} for i in range(1, 81)]
        file.write(f'], "categories": {json.dumps(names)}, "images": {json.dumps(images)}}}')


def scan(folder: pathlib.Path) -> None:
    """Indexes the file and prints what it took."""
    from seg_datasets.core.sources import Coco, Folder

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, busy = time.perf_counter(), time.process_time()
    found = Coco(images="images").scan(Folder(folder))
    took, busy = time.perf_counter() - start, time.process_time() - busy
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{len(found.samples):,} images, {len(found.remarks):,} remarks: "
        f"{took:.1f} s ({busy:.1f} s of one core), "
        f"{most >> 10} MiB at most, {before >> 10} MiB of it by importing"
    )


def main() -> None:
    """Draws and scans."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", type=int, default=200_000)
    parser.add_argument("--scan", type=pathlib.Path, help="a folder drawn before")
    options = parser.parse_args()
    if options.scan:
        scan(options.scan)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        draw(folder, options.annotations)
        size = (folder / "instances.json").stat().st_size
        print(f"{options.annotations:,} annotations, {size / 1e6:.0f} MB", flush=True)
        subprocess.run([sys.executable, __file__, "--scan", name], check=True)


if __name__ == "__main__":
    main()
