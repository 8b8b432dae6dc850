"""Prepared layout: which features of a dataset that TFDS prepared are image, mask and name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seg_datasets.core.sources import foreign, patterns
from seg_datasets.core.sources.annotated import AnnotationError
from seg_datasets.core.sources.folder import Folder
from seg_datasets.core.sources.layout import LayoutError, Question
from seg_datasets.core.sources.prepared import Tfds

_RECORDS = re.compile(r"(?:.*/)?[^/]*\.tfrecord-\d{5,}-of-\d{5,}")
_DEEPEST = 6


def find(
    folder: Folder, files: Sequence[str], ignore: Sequence[str]
) -> tuple[Tfds, list[Question]] | None:
    """The source that reads a dataset which TFDS prepared; None where there is none.

    Raises:
      LayoutError: there is one without images and masks.
    """
    told = [path for path in files if path.rpartition("/")[2] == "features.json"]
    if not any(_RECORDS.fullmatch(path) for path in files) or not told:
        return None
    if len(told) > 1:
        raise LayoutError(
            f"{folder} holds several datasets that TFDS prepared: give the folder of one "
            f"version, such as {folder}/{told[0].rpartition('/')[0]}"
        )
    try:
        with foreign.reading(told[0], "features.json of TFDS"):
            fields = foreign.json_of(folder, told[0])
            # Older versions of TFDS call it `content`.
            content = fields.get("featuresDict") or fields["content"]
            features = dict(_features(content, "", 0))
    except AnnotationError as error:
        raise LayoutError(str(error)) from None
    pictures = [name for name, (kind, _) in features.items() if "image" in kind]
    masks = [name for name in pictures if _is_mask(name, features[name])]
    images = [name for name in pictures if name not in masks]
    if not masks or not images:
        raise LayoutError(
            f"{told[0]} tells of no image with a mask: its features are {', '.join(features)}"
        )
    texts = [name for name, (kind, _) in features.items() if kind.endswith("Text")]
    ids = [name for name in ("id", "file_name", "filename", "name") if name in texts]
    source = Tfds(image=images[0], mask=masks[0], id=ids[0] if ids else "", ignore=(*ignore,))
    questions = []
    if len(masks) > 1 or len(images) > 1:
        text = (
            f"There are several pictures: {', '.join(pictures)}. {source.image} is taken for the "
            f"image and {source.mask} for the mask. Is that meant?"
        )
        answer = f"--option=image={source.image} --option=mask={source.mask}"
        questions = [Question("layout", text, answer, blocking=True)]
    return source, questions


def _features(content: Any, above: str, depth: int) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Name → (class, description) of all features."""
    for name, one in sorted(content["features"].items()):
        kind = str(one.get("pythonClassName", "")).rpartition(".")[2]
        if depth < _DEEPEST and "featuresDict" in one:
            yield from _features(one["featuresDict"], f"{above}{name}/", depth + 1)
        elif "image" in one:
            yield f"{above}{name}", (f"image {kind}", one["image"])
        else:
            yield f"{above}{name}", (kind, {})


def _is_mask(name: str, feature: tuple[str, Any]) -> bool:
    kind, image = feature
    shape = image.get("shape") if isinstance(image, Mapping) else None
    channels = [str(n) for n in (shape or {}).get("dimensions", [])][-1:]
    words = re.split(r"[_/]", name.lower())
    named = kind.endswith("LabeledImage") or any(patterns.role(word, "") > 0 for word in words)
    return named and channels == ["1"]
