"""Class names, ids and colours, and the tables that lead from raw mask values to them."""

from __future__ import annotations

import colorsys
import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence

import numpy as np

from seg_datasets.core.sample import plain, same, tidy

VOID = "void"
VOID_ID = 255
MAX_CLASSES = 255  # ids 0..254; 255 is void

Colour = tuple[int, int, int]

# A raw value as it is written in a dataset folder: a grey value or palette index, an (r, g, b) or
# (r, g, b, a) tuple, or "#rrggbb" / "#rrggbbaa".
RawValue = int | str | tuple[int, ...]


class DeclarationError(ValueError):
    """A dataset folder declares something that cannot be meant."""


@dataclasses.dataclass(frozen=True)
class Threshold:
    """A grey mask cut in two at a stated value: `v < at` is `below`, `v >= at` is `above`.

    For masks whose grey values are a drawing's anti-aliased edges or a model's scores. There is no
    default for `at`: where the edge of a class lies is the label, and the dataset folder states it.
    """

    at: int
    below: str
    above: str

    def __post_init__(self) -> None:
        if not isinstance(self.at, int) or not 0 < self.at <= 65535:
            raise DeclarationError(
                f"Threshold(at={self.at!r}): a threshold is a whole number in 1..65535"
            )
        if self.below == self.above:
            raise DeclarationError(f"Threshold: {self.below!r} stands on both sides")


Values = Mapping[RawValue, str] | Threshold


@dataclasses.dataclass(frozen=True)
class RawTable:
    """From raw mask values to class ids. Values that are not in it are refused, never mapped.

    Attributes:
      bands: 1 for grey values and palette indices, 3 for colours, 4 for colours with alpha.
      ids: raw value (a colour as 0xRRGGBB or 0xRRGGBBAA) → class id.
      threshold: set where the table was declared as a `Threshold`.
      labels: label of an annotated shape → class id; then `ids` are themselves.
      ground: the id of pixels that no shape covers.
    """

    bands: int
    ids: Mapping[int, int]
    threshold: Threshold | None = None
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)
    ground: int = 0

    @functools.cached_property
    def lut(self) -> np.ndarray:
        """Class id for each grey value 0..65535, -1 where there is none."""
        table = np.full(65536, -1, np.int16)
        for value, class_id in self.ids.items():
            if value >= 0:
                table[value] = class_id
        return table

    @functools.cached_property
    def signed(self) -> bool:
        """Whether values below 0 stand for classes: -1, as some tools write void."""
        return any(value < 0 for value in self.ids)

    def label(self, value: int) -> str:
        """A raw value as a user writes it."""
        return str(value) if self.bands == 1 else f"#{value:0{2 * self.bands}x}"

    def id_of(self, label: str) -> int | None:
        """The id of a shape's label; letter case and blanks count only if they must."""
        if label in self.labels:
            return self.labels[label]
        return self._loosely.get(same(tidy(label)))

    @functools.cached_property
    def _loosely(self) -> dict[str, int]:
        return {same(tidy(label)): i for label, i in reversed([*self.labels.items()])}

    def describe(self) -> str:
        """The known raw values, for error messages."""
        if self.threshold is not None:
            return f"a threshold at {self.threshold.at}"
        return few([self.label(value) for value in sorted(self.ids)])

    def signature(self) -> str:
        """One line that differs when the table does: part of the key of cached facts."""
        ids = "" if self.threshold else sorted(self.ids.items())
        labels = f":{self.ground}:{sorted(self.labels.items())}" if self.labels else ""
        return f"{self.bands}:{self.threshold}:{ids}{labels}"


@dataclasses.dataclass(frozen=True, init=False)
class ClassTable:
    """The classes of a dataset: names in the order of their ids 0..K-1, a colour each; 255 is void.

    Args:
      *names: class names; the first has id 0.
      colours: name → (r, g, b) or "#rrggbb" for pictures; classes without one get distinct hues.

    Raises:
      DeclarationError: no class, a name twice, empty or "void", more than 255 classes, a colour for
        a class that is not there.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]

    def __init__(self, *names: str, colours: Mapping[str, RawValue] | None = None):
        _refuse_bad_names(names)
        given = dict(colours or {})
        if unknown := sorted(given.keys() - set(names)):
            raise DeclarationError(f"colours for {few(unknown)}, which are not among the classes")
        palette = tuple(
            _colour(given[name]) if name in given else _default_colour(index, len(names))
            for index, name in enumerate(names)
        )
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "colours", palette)

    @classmethod
    def from_ids(cls, names: Mapping[int, str]) -> ClassTable:
        """A table from id → name, as annotation tools write it; gaps are refused."""
        if missing := sorted(set(range(max(names, default=-1) + 1)) - names.keys()):
            raise DeclarationError(
                f"ids must run 0..K-1 without gaps, but {few(missing)} is missing; number the "
                "classes anew here and lead the raw values to them with the source's `values`"
            )
        if negative := [i for i in names if i < 0]:
            raise DeclarationError(f"class ids {few(negative)} are negative; ids run 0..K-1")
        return cls(*(names[i] for i in sorted(names)))

    def __len__(self) -> int:
        return len(self.names)

    def id_of(self, name: str) -> int:
        """The id of a class name, or of "void"."""
        if name == VOID:
            return VOID_ID
        try:
            return self.names.index(name)
        except ValueError:
            raise DeclarationError(
                f"no class is called {name!r}; the classes are {few(self.names)} and {VOID!r}"
            ) from None

    def name_of(self, class_id: int) -> str:
        """The name of an id, "void" for 255."""
        return VOID if class_id == VOID_ID else self.names[class_id]

    def label_table(self, labels: Mapping[str, str] | None, *, ground: str = "") -> RawTable:
        """The table from the labels of shapes to ids.

        Args:
          labels: label → class name (or "void"). None says that labels are class names.
          ground: the class of pixels that no shape covers, or "void"; the first one if not given.
        """
        named = {name: name for name in (*self.names, VOID)} if labels is None else labels
        return dataclasses.replace(
            self.raw_table(None),
            labels={plain(label): self.id_of(name) for label, name in named.items()},
            ground=self.id_of(ground) if ground else 0,
        )

    def raw_table(self, values: Values | None) -> RawTable:
        """The table from the raw values of masks to ids.

        Args:
          values: raw value → class name (or "void"), or a `Threshold`. None says that masks hold
            ids already, with 255 for void.
        """
        if values is None:
            return RawTable(1, {**{i: i for i in range(len(self))}, VOID_ID: VOID_ID})
        if isinstance(values, Threshold):
            below, above = self.id_of(values.below), self.id_of(values.above)
            return RawTable(1, {v: below if v < values.at else above for v in range(65536)}, values)
        if not isinstance(values, Mapping):
            raise DeclarationError(
                f"values={values!r}: write raw value → class name, {{0: 'name'}}"
            )
        codes: dict[int, int] = {}
        bands: set[int] = set()
        for value, name in values.items():
            count, code = _code(value)
            if code in codes:
                raise DeclarationError(f"values: {value!r} stands for two classes")
            bands.add(count)
            codes[code] = self.id_of(name)
        if len(bands) != 1:
            raise DeclarationError(
                "values: write all raw values in one way: grey values or palette indices (7), "
                "colours ('#ff0000' or (255, 0, 0)), or colours with alpha"
            )
        return RawTable(bands.pop(), codes)


def few(things: Sequence[object], most: int = 8) -> str:
    """A short list for messages: '0, 1, 15 and 235 more'."""
    shown = ", ".join(str(t) for t in things[:most])
    return shown + (f" and {len(things) - most} more" if len(things) > most else "")


def _refuse_bad_names(names: Sequence[str]) -> None:
    if not names:
        raise DeclarationError("a class table needs at least one class")
    if len(names) > MAX_CLASSES:
        raise DeclarationError(
            f"{len(names)} classes; a mask of 8 bits and void hold {MAX_CLASSES}"
        )
    if strange := [n for n in names if not isinstance(n, str) or not n or n != n.strip()]:
        raise DeclarationError(f"class names must be text without blanks around: {strange!r}")
    if repeated := sorted({n for n in names if names.count(n) > 1}):
        raise DeclarationError(f"class names given twice: {few(repeated)}")
    if VOID in names:
        raise DeclarationError(f"{VOID!r} is not a class: it always has id {VOID_ID}; leave it out")


def _colour(value: RawValue) -> Colour:
    bands, code = _code(value)
    if bands != 3:
        raise DeclarationError(f"{value!r} is no colour; write '#rrggbb' or (r, g, b)")
    return code >> 16, code >> 8 & 255, code & 255


def _code(value: RawValue) -> tuple[int, int]:
    """Number of bands and the value as one integer."""
    if isinstance(value, bool):
        raise DeclarationError(f"{value!r} is no raw value; write {int(value)}")
    if isinstance(value, int):
        if -32768 <= value <= 65535:
            return 1, value
    elif isinstance(value, str):
        if re.fullmatch(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})", value):
            return len(value) // 2, int(value[1:], 16)
    elif (
        isinstance(value, tuple)
        and len(value) in (3, 4)
        and all(isinstance(v, int) and 0 <= v <= 255 for v in value)
    ):
        return len(value), int.from_bytes(bytes(value), "big")
    raise DeclarationError(
        f"{value!r} is no raw value; write a grey value or palette index 0..65535 (below 0 only "
        "where masks hold such), '#rrggbb', (r, g, b) or (r, g, b, a)"
    )


def _default_colour(index: int, count: int) -> Colour:
    """Black for id 0, then hues as far apart as they can be."""
    if index == 0:
        return 0, 0, 0
    red, green, blue = colorsys.hsv_to_rgb((index - 1) / max(1, count - 1), 0.8, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)
