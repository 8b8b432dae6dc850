"""All sources of mask files make the same of one raw folder, and say what is wrong with a file."""

import csv
import dataclasses
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import scipy.io
from PIL import Image
from scipy import ndimage

import kit
from seg_datasets.core.sources import (
    CroppedMasks,
    CvatMasks,
    Folder,
    ImageMaskFolders,
    MatMasks,
    ObjectMasks,
    Source,
)
from seg_datasets.core.survey import Examined, examine

COLOURS = np.array([(0, 0, 0), (200, 0, 0), (0, 0, 200)], np.uint8)
GROUP = r"^(?P<group>[^_]+)_"


def objects(ids: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The areas of a mask, each with its class."""
    for class_id, name in enumerate(kit.CLASSES.names):
        areas, count = ndimage.label(ids == class_id)
        for number in range(1, count + 1) if class_id else ():
            yield name, areas == number


def as_objects(root: pathlib.Path, stem: str, ids: np.ndarray) -> None:
    (root / stem).mkdir()
    for number, (label, mask) in enumerate(objects(ids)):
        Image.fromarray(mask.astype(np.uint8) * 255).save(root / stem / f"{number}_{label}.png")


def as_crops(root: pathlib.Path, stem: str, ids: np.ndarray) -> None:
    image = next((root.parent / "images").glob(f"{stem}.*")).name
    with (root.parent / "objects.csv").open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if not file.tell():
            writer.writerow(("file", "image", "left", "top", "label"))
        for number, (label, mask) in enumerate(objects(ids)):
            ((rows, columns),) = ndimage.find_objects(mask.astype(int))
            Image.fromarray(mask[rows, columns]).save(root / f"{stem}-{number}.png")
            writer.writerow((f"{stem}-{number}.png", image, columns.start, rows.start, label))


def as_colours(root: pathlib.Path, stem: str, ids: np.ndarray) -> None:
    Image.fromarray(COLOURS[ids]).save(root / f"{stem}.png")
    pairs = zip(("background", "roof", "road"), COLOURS, strict=True)
    rows = (f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in pairs)
    (root.parent / "labelmap.txt").write_text("".join(rows))


def as_matlab(root: pathlib.Path, stem: str, ids: np.ndarray) -> None:
    content = {"GTcls": {"Segmentation": ids.astype(float)}}
    scipy.io.savemat(root / f"{stem}.mat", content, do_compression=True)


def as_arrays(root: pathlib.Path, stem: str, ids: np.ndarray) -> None:
    np.save(root / f"{stem}.npy", ids.astype(np.int32) - 1)


NUMBERS = {number - 1: name for number, name in enumerate(kit.CLASSES.names)}
LAYOUTS: dict[str, tuple[Callable[[pathlib.Path, str, np.ndarray], None], Source]] = {
    "objects": (as_objects, ObjectMasks(masks="masks/{stem}/*_{label}", group=GROUP)),
    "crops": (as_crops, CroppedMasks(group=GROUP)),
    "cvat": (as_colours, CvatMasks(images="images", masks="masks", group=GROUP)),
    "matlab": (as_matlab, MatMasks(variable="GTcls.Segmentation", group=GROUP)),
    "arrays": (as_arrays, ImageMaskFolders(values=NUMBERS, group=GROUP)),
}


def laid_out(root: pathlib.Path, layout: str) -> pathlib.Path:
    kit.draw(root)
    for path in sorted((root / "masks").iterdir()):
        ids = np.asarray(Image.open(path))
        path.unlink()
        LAYOUTS[layout][0](root / "masks", path.stem, ids)
    return root


def examined(root: pathlib.Path, source: Source) -> Examined:
    return examine(dataclasses.replace(kit.DECLARATION, source=source), Folder(root))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_layouts_make_the_same_masks_and_no_finding(tmp_path, layout):
    plain = examined(kit.draw(tmp_path / "plain").root, kit.DECLARATION.source)
    made = examined(laid_out(tmp_path / "raw", layout), LAYOUTS[layout][1])
    wanted = {facts.sample.id: facts.mask.ids for facts in plain.subject.facts}
    assert {facts.sample.id: facts.mask.ids for facts in made.subject.facts} == wanted
    assert kit.said(list(made.findings)) == kit.said(list(plain.findings)) == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_broken_mask_file_is_told_of_its_image(tmp_path, layout):
    root = laid_out(tmp_path / "raw", layout)
    every = (path for path in sorted((root / "masks").rglob("*")) if path.is_file())
    broken = next(path for path in every if "a_0" in f"{path}")
    broken.write_bytes(broken.read_bytes()[:40])
    (found,) = examined(root, LAYOUTS[layout][1]).findings
    assert found.name == "unreadable-file"
    assert broken.name in f"{found.where} {found.message}"


def test_objects_of_two_classes_that_overlap_are_told(tmp_path):
    root = laid_out(tmp_path / "raw", "objects")
    for path in sorted((root / "masks" / "a_0").iterdir()):
        Image.fromarray(np.full((24, 32), 255, np.uint8)).save(path)
    found = examined(root, LAYOUTS["objects"][1]).findings
    assert "SD513" in {f.code for f in found}


@pytest.mark.parametrize("layout", ["objects", "crops", "cvat", "matlab"])
def test_a_changed_mask_file_is_looked_at_again(tmp_path, layout):
    root, source = laid_out(tmp_path / "raw", layout), LAYOUTS[layout][1]
    before = [facts.mask.ids for facts in examined(root, source).subject.facts]
    part = root / examined(root, source).subject.facts[0].sample.parts[-1]
    ids = np.zeros((24, 32), np.uint8)
    if layout == "matlab":
        as_matlab(part.parent, part.stem, ids)
    else:
        values = {"cvat": COLOURS[ids], "crops": ids[:2, :2], "objects": ids}[layout]
        Image.fromarray(values).save(part)
    after = [facts.mask.ids for facts in examined(root, source).subject.facts]
    assert after[0] != before[0]
    assert after[1:] == before[1:]
