"""Where a GeoTIFF's pixels lie on the ground, and which value of it is none, by its tags."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

_SCALE, _TIEPOINT, _MATRIX, _KEYS, _NODATA = 33550, 33922, 34264, 34735, 42113
_GEOGRAPHIC, _PROJECTED, _USER_DEFINED = 2048, 3072, 32767
_RASTER_TYPE, _PIXEL_IS_POINT = 1025, 2


@dataclasses.dataclass(frozen=True)
class Geo:
    """What the tags of a GeoTIFF say.

    Attributes:
      transform: (a, b, c, d, e, f), x = a·column + b·row + c and y = d·column + e·row + f of a
        pixel's upper left corner; () where nothing is told.
      crs: its coordinate system, "EPSG:32633", or "".
      nodata: the value that stands for no data, as the file names it, or "".
    """

    transform: tuple[float, ...] = ()
    crs: str = ""
    nodata: str = ""


def geo_of(tags: Mapping[int, object]) -> Geo:
    """The geo tags of a TIFF; what is damaged counts as not there."""
    keys = _keys(tags.get(_KEYS))
    return Geo(_transform(tags, keys), _crs(keys), _text(tags.get(_NODATA)))


def apart(one: Sequence[float], other: Sequence[float], *, width: int, height: int) -> float:
    """How many pixels of `one` two transforms lie apart, at the corner where it is most."""
    pixel = math.sqrt(abs(one[0] * one[4] - one[1] * one[3])) or 1.0
    return max(
        math.dist(_at(one, column, row), _at(other, column, row)) / pixel
        for column in (0, width)
        for row in (0, height)
    )


def _at(transform: Sequence[float], column: float, row: float) -> tuple[float, float]:
    a, b, c, d, e, f = transform
    return a * column + b * row + c, d * column + e * row + f


def _transform(tags: Mapping[int, object], keys: Mapping[int, int]) -> tuple[float, ...]:
    matrix = _numbers(tags.get(_MATRIX), 16)
    scale, tie = _numbers(tags.get(_SCALE), 2), _numbers(tags.get(_TIEPOINT), 6)
    if matrix:
        a, b, _, c, d, e, _, f = matrix[:8]
    elif scale and tie:
        a, b, d, e = scale[0], 0.0, 0.0, -scale[1]
        c, f = tie[3] - a * tie[0], tie[4] - e * tie[1]
    else:
        return ()
    if keys.get(_RASTER_TYPE) == _PIXEL_IS_POINT:  # then the numbers are of a pixel's middle
        c, f = c - (a + b) / 2, f - (d + e) / 2
    # Also numbers that are finite may be so large or small that nothing can be reckoned with them.
    sound = math.isfinite(c) and math.isfinite(f) and 0 < abs(a * e - b * d) < math.inf
    return (a, b, c, d, e, f) if sound else ()


def _crs(keys: Mapping[int, int]) -> str:
    for key in (_PROJECTED, _GEOGRAPHIC):
        if 0 < (code := keys.get(key, 0)) < _USER_DEFINED:
            return f"EPSG:{code}"
    return ""


def _keys(value: object) -> dict[int, int]:
    """Key → value, of the keys whose value is in the directory itself."""
    flat = [int(v) for v in _numbers(value, 4)]
    rows = [flat[at : at + 4] for at in range(4, len(flat) - 3, 4)]
    return {key: here for key, where, _, here in rows if where == 0}


def _numbers(value: object, least: int) -> tuple[float, ...]:
    """Finite numbers, at least so many, or none."""
    if not isinstance(value, tuple) or len(value) < least:
        return ()
    try:
        numbers = tuple(float(v) for v in value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return ()
    return numbers if all(math.isfinite(v) for v in numbers) else ()


def _text(value: object) -> str:
    return value.replace("\0", "").strip()[:40] if isinstance(value, str) else ""
