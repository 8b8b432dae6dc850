"""Stencils: objects and classes that stand in mask files of their own, as shapes of a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seg_datasets.core import views
from seg_datasets.core.classes import few
from seg_datasets.core.images import DEEP_COLOUR, ImageError, open_image, pixels
from seg_datasets.core.sources.folder import Folder

# The kind of shape: [file, left, top, value, view]. `left` and `top` are None where the file is as
# large as the picture. `value` is a grey value or palette index, a colour "#rrggbb", or None for
# whatever is not 0: then the file must hold 0 and one other value, nothing soft. `view` may be left
# out; it says how a file is read that is no plain picture, see `views`.
STENCIL = "stencil"


class Stencils:
    """The mask files of one drawing, each decoded once."""

    def __init__(self, folder: Folder | None):
        self.nothing: list[str] = []  # files of single objects without a pixel
        self._folder = folder
        self._files: dict[tuple[str, str], np.ndarray] = {}  # (file, view) → values
        self._asked: dict[tuple[str, str], dict[int, int]] = {}  # its values → pixels

    def cut(self, data: Sequence[Any], size: tuple[int, int]) -> tuple[int, int, np.ndarray]:
        """Where a stencil lies, and which pixels it covers.

        Raises:
          OSError, ValueError: the file cannot be read or is no stencil of this picture.
        """
        name, left, top, value, view = (*data, "")[:5]
        name, view = str(name), str(view)
        raw = self._values(name, view, value)
        height, width = raw.shape
        if left is None:
            if (width, height) != size:
                raise ValueError(f"{name} is {width}×{height}, the picture {size[0]}×{size[1]}")
            left = top = 0
        left, top = int(left), int(top)
        if not (0 <= left <= size[0] - width and 0 <= top <= size[1] - height):
            raise ValueError(f"{name} at {left}, {top} does not lie within the picture")
        if value is None:
            if (name, view) not in self._asked:
                del self._files[name, view]  # of one object, and a picture may have hundreds
            inside = raw != 0
            if not inside.any():
                self.nothing.append(name)
            if not (raw[inside] == raw.max()).all():
                present = np.unique(raw)
                raise ValueError(
                    f"{name} holds {len(present)} values ({few(present.tolist(), 4)}): an object's "
                    "own mask has 0 and one more"
                )
            return left, top, inside
        code = int(value[1:], 16) if isinstance(value, str) else int(value)
        inside = raw == code
        self._asked.setdefault((name, view), {})[code] = int(np.count_nonzero(inside))
        return left, top, inside

    def refuse_unasked(self) -> None:
        """Refuses files that hold values which no shape is of.

        Raises:
          ValueError: names the values.
        """
        for key, asked in self._asked.items():
            raw = self._files[key]
            if sum(asked.values()) != raw.size:
                strange = sorted(set(np.unique(raw).tolist()) - asked.keys())
                shown = [f"#{v:06x}" if raw.dtype == np.uint32 else v for v in strange]
                raise ValueError(f"{key[0]} holds {few(shown, 4)}, which stands for no label")

    def _values(self, name: str, view: str, value: object) -> np.ndarray:
        """Numbers, or colours as 0xRRGGBB."""
        if self._folder is None:
            raise ValueError(f"{name} cannot be read without its folder")
        if (name, view) not in self._files:
            data = views.read(self._folder, name, view).data
            try:
                opened = open_image(data)
            except ImageError as error:
                raise ImageError(f"{name} {error}") from error
            if opened.lossy:
                raise ValueError(f"{name} is compressed with loss, which changes values")
            if opened.orientation != 1:
                raise ValueError(
                    f"{name} has EXIF orientation {opened.orientation}; save it upright"
                )
            image = opened.image
            # Which number a palette gives to black is left to chance.
            colours = isinstance(value, str) or (value is None and image.mode == "P")
            several = opened.bands is not None or opened.mode in DEEP_COLOUR
            if opened.depth > 8 and (colours or several):
                raise ValueError(f"{name} has colours of {opened.depth} bits; save it with 8")
            if colours:
                image = image.convert("RGBA") if "A" in image.mode else image.convert("RGB")
            values = np.asarray(image if opened.bands is None else pixels(opened))
            self._files[name, view] = _single(values, name, colours=colours)
        return self._files[name, view]


def _single(values: np.ndarray, name: str, *, colours: bool) -> np.ndarray:
    """One number for each pixel."""
    if values.ndim == 2 and not colours:
        return values
    if values.shape[2] in (2, 4):  # with alpha
        if not (values[..., -1] == np.iinfo(values.dtype).max).all():
            raise ValueError(f"{name} has transparent pixels; save it without alpha")
        values = values[..., :-1]
    if colours:
        red, green, blue = np.moveaxis(values.astype(np.uint32), -1, 0)
        return np.asarray(red << 16 | green << 8 | blue)
    if not (values == values[..., :1]).all():
        raise ValueError(f"{name} is coloured; an object's own mask is grey")
    return np.ascontiguousarray(values[..., 0])
