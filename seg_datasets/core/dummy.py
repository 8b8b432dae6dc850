"""Dummy: a script that draws invented raw data in the layout and encoding of a raw folder."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import random
import re
import string
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from seg_datasets.core import dummy_exports, dummy_savers
from seg_datasets.core.classes import RawTable
from seg_datasets.core.detection.guess import Guess
from seg_datasets.core.images import FORMAT_OF
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources.annotated import ShapeSource
from seg_datasets.core.sources.image_mask_folders import AUTO
from seg_datasets.core.sources.patterns import evenly
from seg_datasets.core.survey import Declaration

# Samples drawn for a set without splits, and for each split of one that has them.
_ALONE, _EACH = 24, 4

_SCRIPT = '''"""Draws invented raw data for {name}.

Run it as `python {script} FOLDER`, or call `draw`.
"""

import pathlib
import sys

import numpy as np
from PIL import Image

IMAGE = {image}
MASK = {mask}
# Folder → names of its samples.
NAMES: dict[str, tuple[str, ...]] = {{
{names}
}}  # fmt: skip
# Text files of the raw folder.
LISTS: dict[str, str] = {{{lists}}}
# What masks hold, one value for each class, and void.
VALUES = {values}
PALETTE: dict[int, int] = {palette}
CELL = 8  # pixels


def draw(folder: pathlib.Path, seed: int = 0) -> None:
    """Draws all samples into a folder: cells of all classes, with a noisy picture of them."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(40, 216, (len(VALUES), {channels}))
    side = int(np.ceil(np.sqrt(4 * len(VALUES))))
    every = [(below, stem) for below, stems in NAMES.items() for stem in stems]
    for {loop} in {every}:
        cells = rng.permutation(np.arange(side * side) % len(VALUES)).reshape(side, side)
        which = cells.repeat(CELL, 0).repeat(CELL, 1)
        picture = colours[which] + rng.integers(-40, 40, (*which.shape, {channels}))
        save(folder / IMAGE.format(folder=below, stem=stem), {picture}{number})
        mask = np.array(VALUES, {dtype})[which]
        save(folder / MASK.format(folder=below, stem=stem), mask{number}, PALETTE)
    for path, text in LISTS.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


{save}


if __name__ == "__main__":
    draw(pathlib.Path(sys.argv[1]))
'''


@dataclasses.dataclass(frozen=True)
class _Invented:
    folder: str
    stem: str


def script(name: str, guess: Guess, declaration: Declaration, *, file: str) -> str:
    """The text of the script.

    Args:
      name: of the dataset.
      guess: what was seen of the raw folder; none of its pixels goes into the script.
      declaration: what the dataset folder says.
      file: name of the script.
    """
    if guess.layout.is_drawn:
        return _of_export(name, guess, declaration, file=file)
    source: Any = guess.layout.source
    assert guess.encoding is not None
    names = _names(guess, _group(declaration))
    values = _values(declaration)
    table = declaration.source.table(declaration.classes)
    lossless = _mask_extension(guess) not in ("gif", "bmp")
    palette = guess.encoding.palette if table.bands == 1 and lossless else {}
    colours = [f"{i}: 0x{c:06X}" for i, c in palette.items() if i in values]
    return _SCRIPT.format(
        name=name,
        script=file,
        image=json.dumps(_path(guess, *_where(source, "image"), extension=_image_extension(guess))),
        mask=json.dumps(_path(guess, *_where(source, "mask"), extension=_mask_extension(guess))),
        names="\n".join(_stems(folder, names) for folder in dict.fromkeys(n.folder for n in names)),
        lists=_lists(guess, names),
        values=_wrapped([_raw(value, table) for value in values]),
        palette=_wrapped(colours, "{}") if colours else "{}",
        channels=declaration.channels,
        picture=_picture(declaration),
        **dummy_savers.texts(source),
        dtype="np.uint16" if table.bands == 1 and max(values) > 255 else "np.uint8",
    )


def can_draw(guess: Guess) -> bool:
    """Whether there is a script for the source; else somebody has to give data."""
    source = guess.layout.source
    return type(source) in dummy_exports.WRITERS or (
        not guess.layout.is_drawn and dummy_savers.has(source)
    )


def _where(source: Any, kind: str) -> tuple[str, str]:
    """Folder and name of images, or of masks."""
    folder = getattr(source, f"{kind}s")
    if "{stem}" not in folder:
        return folder, getattr(source, f"{kind}_name", "{stem}")
    above, _, name = folder.rpartition("/")
    return above or ".", name


def _of_export(name: str, guess: Guess, declaration: Declaration, *, file: str) -> str:
    source = cast("ShapeSource", declaration.source)
    models = dummy_exports.models(guess.layout, alone=_ALONE, each=_EACH)
    folders = [dummy_exports.below(source, model) for model in models]
    names = _invented(folders, guess.layout.scan.samples, _group(declaration))
    return dummy_exports.script(
        declaration,
        source,
        placed=[(model, one.stem) for model, one in zip(models, names, strict=True)],
        extension=_image_extension(guess),
        name=name,
        script=file,
        lists=_lists(guess, names),
        picture=_picture(declaration),
    )


def _group(declaration: Declaration) -> object:
    return getattr(declaration.splits, "group", None)


def _picture(declaration: Declaration) -> str:
    """The picture's pixels as they are saved."""
    deep = declaration.bits == 16
    picture = "picture[..., 0]" if declaration.channels == 1 else "picture"
    picture = f"({picture} * 257)" if deep else picture
    return f"{picture}.astype(np.uint{16 if deep else 8})"


def draw(text: str, folder: pathlib.Path) -> None:
    """Runs a script that `script` made."""
    room: dict[str, object] = {"__name__": "drawn"}
    exec(compile(text, "draw", "exec"), room)
    room["draw"](folder)  # type: ignore[operator]


def _names(guess: Guess, group: object) -> list[_Invented]:
    """Invented names, in folders as those of the raw data."""
    layout = guess.layout
    samples = layout.scan.samples
    if layout.split_folders:
        folders = [folder for folder in layout.split_folders.values() for _ in range(_EACH)]
    else:
        lists = max(1, len(layout.split_lists))
        count = _ALONE if lists == 1 else _EACH * lists
        first = sorted({s.folder for s in samples})
        folders = [first[i % len(first)] for i in range(count)]
    return _invented(folders, samples, group)


def _invented(folders: Sequence[str], samples: Sequence[Sample], group: object) -> list[_Invented]:
    """Invented names: letters, so that nobody takes them for frames of one video."""
    rng = random.Random(0)
    made = [
        _Invented(folder, "".join(rng.choices(string.ascii_lowercase, k=6))) for folder in folders
    ]
    stated = isinstance(group, str) and group != AUTO
    if stated and not all(re.search(str(group), _id(one)) for one in made):
        # Names in the shape of those that are there, letter for letter and figure for figure.
        real = evenly([s.id.rpartition("/")[2] for s in samples], len(made)) or ["a"]
        made = [
            _Invented(one.folder, f"{_shaped(real[i % len(real)], rng)}")
            for i, one in enumerate(made)
        ]
    return made


def _id(one: _Invented) -> str:
    return "/".join(filter(None, (one.folder, one.stem)))


def _shaped(name: str, rng: random.Random) -> str:
    kinds = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    return "".join(next((rng.choice(kind) for kind in kinds if c in kind), c) for c in name)


def _path(guess: Guess, folder: str, name: str, *, extension: str) -> str:
    """Where files of one kind lie, with {folder} and {stem}."""
    if any(s.folder for s in guess.layout.scan.samples) and "{split}" not in folder:
        folder += "/{folder}"
    if "." not in name or name.rpartition(".")[2].lower() not in (*FORMAT_OF, "mat"):
        name += f".{extension}"
    parts = (*folder.replace("{split}", "{folder}").split("/"), name)
    return "/".join(part for part in parts if part != ".")


def _stems(folder: str, names: Sequence[_Invented]) -> str:
    stems = _wrapped([json.dumps(one.stem) for one in names if one.folder == folder])
    return textwrap.indent(f"{json.dumps(folder)}: {stems},", "    ").replace(
        ")  # fmt: skip,", "),"
    )


def _lists(guess: Guess, names: Sequence[_Invented]) -> str:
    lists = guess.layout.split_lists
    texts = {
        path: "".join(_id(one) + "\\n" for one in names[index :: len(lists)])
        for index, path in enumerate(lists.values())
    }
    return "".join(f'\n    "{path}": "{text}",' for path, text in texts.items()) + "\n" * bool(
        texts
    )


def _values(declaration: Declaration) -> list[int]:
    """A raw value for each class, and for void where there is one."""
    table = declaration.source.table(declaration.classes)
    if table.threshold is not None:
        return [0, table.threshold.at]
    ids: Mapping[int, int] = table.ids
    return sorted(ids)


def _raw(value: int, table: RawTable) -> str:
    if table.bands == 1:
        return str(value)
    return str(tuple(value.to_bytes(table.bands, "big")))


def _wrapped(values: Sequence[str], ends: str = "()") -> str:
    inner = ", ".join(values)
    if len(values) > 1 and len(inner) < 64:
        return f"{ends[0]}{inner}{ends[1]}"
    text = ", ".join(value.replace(" ", "\0") for value in values) + ","
    lines = [line.replace("\0", " ") for line in textwrap.wrap(text, 92)]
    inner = "\n".join(f"    {line}" for line in lines)
    return f"{ends[0]}\n{inner}\n{ends[1]}  # fmt: skip"


def _image_extension(guess: Guess) -> str:
    found = Counter(_extension(s.image, s.view) for s in guess.layout.scan.samples)
    usual = min(found, key=lambda e: (-found[e], e))
    # A JPEG has no alpha and no 16 bits.
    plain = guess.declaration.channels != 4 and guess.declaration.bits == 8
    return usual if plain or FORMAT_OF[usual] in ("PNG", "TIFF") else "png"


def _mask_extension(guess: Guess) -> str:
    found = Counter(_extension(s.mask, s.mask_view) for s in guess.layout.scan.samples)
    usual = min(found, key=lambda e: (-found[e], e))
    if any(sample.mask_view for sample in guess.layout.scan.samples):
        return usual
    kinds = {one.partition(" ")[0] for one in guess.encoding.formats} if guess.encoding else set()
    exact = FORMAT_OF[usual] in kinds and FORMAT_OF[usual] not in ("JPEG", "WEBP")
    return usual if exact else "png"


def _extension(name: str, view: str) -> str:
    """Of a file, or of the file of a view."""
    return (name.rpartition("#")[0] if view and "#" in name else name).rpartition(".")[2].lower()
