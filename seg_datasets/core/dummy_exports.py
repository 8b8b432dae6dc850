"""Dummy exports: a script that draws invented pictures and annotations in a tool's own files."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seg_datasets.core import dummy_writers as writers
from seg_datasets.core import sources
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import Layout
from seg_datasets.core.sources.annotated import ShapeSource
from seg_datasets.core.survey import Declaration

# Source → what writes its files.
WRITERS: Mapping[type, Callable[..., None]] = {
    sources.CityscapesPolygons: writers.write_cityscapes,
    sources.Coco: writers.write_coco,
    sources.CocoPanoptic: writers.write_panoptic,
    sources.Cvat: writers.write_cvat,
    sources.CvatMasks: writers.write_cvat_masks,
    sources.Darwin: writers.write_darwin,
    sources.LabelMe: writers.write_labelme,
    sources.LabelMeXml: writers.write_labelme_xml,
    sources.LabelStudio: writers.write_label_studio,
    sources.Labelbox: writers.write_labelbox,
    sources.ObjectMasks: writers.write_object_masks,
    sources.Supervisely: writers.write_supervisely,
    sources.Via: writers.write_via,
    sources.VocBoxes: writers.write_voc,
    sources.Yolo: writers.write_yolo,
}

# Whose annotation files hold many images; all others have a file for each.
_MANY = (
    *(sources.Coco, sources.CocoPanoptic, sources.Cvat, sources.LabelStudio, sources.Labelbox),
    sources.Via,
)

_SCRIPT = '''"""Draws invented raw data for {name}, annotated as {tool} exports it.

Run it as `python {script} FOLDER`, or call `draw`.
"""

import pathlib
import sys

import numpy as np
from PIL import Image

# Image → the file that annotates it.
FILES: dict[str, str] = {{
{files}
}}  # fmt: skip
# Text files of the raw folder.
LISTS: dict[str, str] = {{{lists}}}
LABELS: tuple[str, ...] = {labels}
CELL = 8  # pixels

# Name of the image file, width, height, shapes.
Picture = tuple[str, int, int, list[tuple[str, int, int, int, int]]]


def draw(folder: pathlib.Path, seed: int = 0) -> None:
    """Draws noisy pictures of cells, and annotates the cells of all labels."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(40, 216, (len(LABELS) + 1, {channels}))
    side = int(np.ceil(np.sqrt(4 * len(colours))))
    drawn: dict[str, list[Picture]] = {{}}
    for image, file in FILES.items():
        cells = rng.permutation(np.arange(side * side) % len(colours)).reshape(side, side)
        which = cells.repeat(CELL, 0).repeat(CELL, 1)
        picture = colours[which] + rng.integers(-40, 40, (*which.shape, {channels}))
        path = folder / image
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray({picture}).save(path)
        shapes = []
        for row, column in np.argwhere(cells).tolist():  # 0 is the ground
            left, top = column * CELL + 1, row * CELL + 1
            label = LABELS[cells[row, column] - 1]
            shapes.append((label, left, top, left + CELL - 2, top + CELL - 2))
        drawn.setdefault(file, []).append((path.name, side * CELL, side * CELL, shapes))
    for file, pictures in drawn.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        {write}
    for file, text in LISTS.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")


{writer}

if __name__ == "__main__":
    draw(pathlib.Path(sys.argv[1]))
'''


def models(layout: Layout, *, alone: int, each: int) -> list[Sample]:
    """A sample of the raw data for each that is to be invented, to have its place from."""
    real = [sample for sample in layout.scan.samples if sample.mask != sample.image]
    if layout.split_folders:
        first = {sample.folder: sample for sample in reversed(real)}
        found = [first[folder] for folder in layout.split_folders.values() if folder in first]
        return [sample for sample in found for _ in range(each)]
    if layout.split_files:
        by_file = {sample.mask: sample for sample in reversed(real)}
        return [by_file[file] for file in sorted(by_file) for _ in range(each)]
    lists = max(1, len(layout.split_lists))
    return [real[0]] * (alone if lists == 1 else each * lists)


def below(source: ShapeSource, sample: Sample) -> str:
    """The folders of a sample's id."""
    place = sample.image.rpartition("/")[0]
    return place if source.images == "." else place[len(source.images) :].lstrip("/")


def script(
    declaration: Declaration,
    source: ShapeSource,
    *,
    placed: Sequence[tuple[Sample, str]],
    extension: str,
    **texts: str,
) -> str:
    """The text of the script.

    Args:
      declaration: what the dataset folder says.
      source: its source.
      placed: for each invented sample, the real one whose place it has, and its name.
      extension: of the images.
      **texts: what else stands in the script: `name`, `script`, `lists`, `picture`.

    Raises:
      DeclarationError: no files of this tool can be drawn.
    """
    writer = WRITERS.get(type(source))
    if writer is None:
        raise DeclarationError(
            f"no example data can be drawn for {type(source).__name__}; write the dataset folder "
            "by hand (docs/raw_data.md)"
        )
    labels = _labels(declaration, source)
    pairs = [_paths(source, sample, name, extension) for sample, name in placed]
    quoted = [json.dumps(label, ensure_ascii=False) for label in labels]
    return _SCRIPT.format(
        tool=type(source).__name__,
        files="\n".join(f"    {json.dumps(image)}: {json.dumps(file)}," for image, file in pairs),
        labels="(\n" + "".join(f"    {label},\n" for label in quoted) + ")",
        channels=declaration.channels,
        write=_call(writer, source),
        writer=inspect.getsource(writer).replace(f"def {writer.__name__}(", "def write("),
        **texts,
    )


def _labels(declaration: Declaration, source: ShapeSource) -> list[str]:
    """A label for each class that has one, and for void where there is one."""
    if source.labels is not None:
        return list(source.labels)
    ground = source.ground or declaration.classes.names[0]
    return [name for name in declaration.classes.names if name != ground] or [ground]


def _paths(source: ShapeSource, sample: Sample, name: str, extension: str) -> tuple[str, str]:
    """Where an invented image lies, and the file that annotates it."""
    if isinstance(source, sources.ObjectMasks):
        above, _, folder, _ = f"/{sample.image}".rsplit("/", 3)
        start = f"{above}/{name}".lstrip("/")
        return f"{start}/{folder}/{name}.{extension}", f"{start}/{sample.mask.split('/')[-2]}/0.png"
    place, _, real = sample.image.rpartition("/")
    stem = real.rpartition(".")[0]
    image = f"{name}.{extension}"
    if isinstance(source, sources.CityscapesPolygons):
        before, _, after = source.image_name.partition("{frame}")
        stem = stem.removeprefix(before).removesuffix(after.rpartition(".")[0])
        image = source.image_name.replace("{frame}", name)
    path = f"{place}/{image}".lstrip("/")
    if isinstance(source, _MANY):
        return path, sample.mask
    above, _, file = sample.mask.rpartition("/")
    file = file.replace(stem, name) if stem in file else f"{name}.{file.rpartition('.')[2]}"
    real_extension = real.rpartition(".")[2]
    file = file.replace(f"{name}.{real_extension}.", f"{name}.{extension}.")  # NAME.jpg.json
    return path, f"{above}/{file}".lstrip("/")


def _call(writer: Callable[..., None], source: ShapeSource) -> str:
    """The line that calls the writer, with what it asks for."""
    known: dict[str, Any] = {"folder": "folder", "labels": "list(LABELS)"}
    given = [
        f"{name}={known.get(name) or json.dumps(getattr(source, name))}"
        for name, parameter in inspect.signature(writer).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    return f"write({', '.join(('folder / file', 'pictures', *given))})"
