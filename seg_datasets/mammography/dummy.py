"""Draws invented mammograms in the layout of CBIS-DDSM.

python -m seg_datasets.mammography.dummy RAW
"""

from __future__ import annotations

import csv
import pathlib
import struct

import numpy as np

from seg_datasets import dummies

# Set, patient, view, lesions. P_00003 is in both sets, and on both sides of the published split.
CASES = (
    *(("Mass-Training", 1, "LEFT_CC", 1), ("Mass-Training", 1, "LEFT_MLO", 2)),
    *(("Calc-Training", 2, "RIGHT_CC", 1), ("Mass-Training", 3, "LEFT_CC", 1)),
    *(("Calc-Test", 3, "LEFT_CC", 1), ("Mass-Test", 4, "RIGHT_MLO", 1)),
    *(("Calc-Test", 5, "LEFT_MLO", 2), ("Calc-Training", 6, "LEFT_CC", 1)),
    *(("Mass-Training", 7, "RIGHT_CC", 1), ("Calc-Training", 8, "RIGHT_MLO", 1)),
    ("Mass-Test", 9, "LEFT_CC", 1),
)
_SIZE = 96, 64
_ROOT = "1.3.6.1.4.1.9590.100.1.2"
_COLUMNS = (
    *("patient_id", "breast_density", "left or right breast", "image view", "abnormality id"),
    *("abnormality type", "assessment", "pathology", "subtlety"),
    *("image file path", "cropped image file path", "ROI mask file path"),
)


def draw(folder: pathlib.Path) -> None:
    """Ten mammograms of nine patients, one of them twice."""
    tables: dict[str, list[list[object]]] = {}
    for which, patient, view, lesions in CASES:
        kind, part = which.lower().split("-")
        name = f"{which}_P_{patient:05}_{view}"
        rng = np.random.default_rng([patient, view.endswith("CC"), view.startswith("LEFT")])
        rows, columns = np.mgrid[: _SIZE[0], : _SIZE[1]]
        breast = np.hypot(rows - 48, columns * 1.1) < 46
        image = (breast * 20000 + rng.integers(0, 4000, _SIZE)).astype(np.uint16)
        spots = [(rng.integers(24, 72), rng.integers(8, 28), rng.integers(4, 9)) for _ in range(3)]
        for y, x, radius in spots:
            image[np.hypot(rows - y, columns - x) < radius] += 15000
        _save(folder, name, "full mammogram images", image)
        # The same film shows another lesion in each of the two sets.
        for number, (y, x, radius) in enumerate(spots[::-1] if kind == "calc" else spots, 1):
            if number > lesions:
                break
            mask = (np.hypot(rows - y, columns - x) < radius).astype(np.uint8) * 255
            crop = image[y - 4 : y + 4, x - 4 : x + 4]
            own = f"{name}_{number}"
            _save(folder, own, "ROI mask images", mask)
            _save(folder, own, "cropped images", crop, file="1-2.dcm")
            paths = [f"{each}/{_ROOT}.1/{_ROOT}.2/000000.dcm\n" for each in (name, own, own)]
            kinds = {"mass": "mass", "calc": "calcification"}
            row = [f"P_{patient:05}", 2, *view.split("_"), number, kinds[kind], 4, "BENIGN", 3]
            part = {"training": "train"}.get(part, part)
            tables.setdefault(f"{kind}_case_description_{part}_set.csv", []).append([*row, *paths])
    for table, lines in tables.items():
        with (folder / table).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([_COLUMNS, *lines])


def _save(
    folder: pathlib.Path, name: str, series: str, pixels: np.ndarray, file: str = "1-1.dcm"
) -> None:
    path = folder / "CBIS-DDSM" / name / "07-20-2016-DDSM" / f"1.000000-{series}" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dicom(pixels, name, series))


def dicom(pixels: np.ndarray, patient: str, series: str) -> bytes:
    """Grey pixels as a DICOM file, the same bytes everywhere."""
    bits = pixels.itemsize * 8
    kind, name = (
        "1.2.840.10008.5.1.4.1.1.7",
        f"{_ROOT}.{sum(pixels.tobytes())}",
    )  # Secondary Capture
    meta = b"".join(
        [
            _element(2, 1, "OB", b"\0\1"),
            *(_element(2, 2, "UI", kind), _element(2, 3, "UI", name)),
            *(_element(2, 16, "UI", "1.2.840.10008.1.2.1"), _element(2, 18, "UI", _ROOT)),
        ]
    )
    grey = "MONOCHROME2"
    shape = [
        (16, pixels.shape[0]),
        (17, pixels.shape[1]),
        (256, bits),
        (257, bits),
        (258, bits - 1),
    ]
    body = [
        *(_element(8, 22, "UI", kind), _element(8, 24, "UI", name)),
        *(_element(8, 0x103E, "LO", series), _element(16, 32, "LO", patient)),
        *(_element(40, 2, "US", 1), _element(40, 4, "CS", grey)),
        *(_element(40, key, "US", value) for key, value in (*shape, (259, 0))),
        _element(0x7FE0, 16, "OW", pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()),
    ]
    length = _element(2, 0, "UL", struct.pack("<I", len(meta)))
    return b"\0" * 128 + b"DICM" + length + meta + b"".join(body)


def _element(group: int, key: int, kind: str, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        value = struct.pack("<H", value)
    if isinstance(value, str):
        value = value.encode() + (b"\0" if kind == "UI" else b" ") * (len(value) % 2)
    value += b"\0" * (len(value) % 2)
    long = kind in ("OB", "OW")
    size = struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value))
    return struct.pack("<HH", group, key) + kind.encode() + size + value


if __name__ == "__main__":
    dummies.main(draw)
