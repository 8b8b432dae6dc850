"""Tracks: the shapes of a video as CVAT writes them, sorted into its frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

# One shape: its kind, and its fields as the file has them.
Fields = tuple[str, Mapping[str, str]]

# A file of a few lines may say that a box moves for a thousand years.
_MOST_BETWEEN = 1_000_000

_MOVING = ("xtl", "ytl", "xbr", "ybr")


class Film:
    """The shapes of all tracks, frame by frame, in the order of the tracks."""

    def __init__(self) -> None:
        self._frames: dict[int, list[Fields]] = {}
        self._between = 0

    def add(self, track: Element) -> None:
        """Adds one track.

        Raises:
          ValueError: frames that are not written down, and cannot be told from those around.
        """
        label = track.attrib["label"]
        shapes = sorted(
            ((int(shape.attrib["frame"]), shape) for shape in track if "frame" in shape.attrib),
            key=lambda one: one[0],
        )
        for frame, shape in shapes:
            # Where an object has left the picture is a frame of the film too.
            here = self._frames.setdefault(frame, [])
            if not _outside(shape):
                here.append((shape.tag, {**shape.attrib, "label": label}))
        for (first, one), (last, other) in itertools.pairwise(shapes):
            if first == last:
                raise ValueError(f"a track that is twice in frame {first}")
            if last > first + 1 and not _outside(one):
                self._between += last - first
                if self._between > _MOST_BETWEEN:
                    raise ValueError("tracks over more frames than any video has")
                for frame in range(first + 1, last):
                    part = (frame - first) / (last - first)
                    fields = {**_between(one, other, part), "label": label}
                    self._frames.setdefault(frame, []).append((one.tag, fields))

    def frames(self) -> Iterator[tuple[int, list[Fields]]]:
        """The frames that any track names, in order."""
        yield from sorted(self._frames.items())


def _outside(shape: Element) -> bool:
    return shape.attrib.get("outside") == "1"


def _between(one: Element, other: Element, part: float) -> dict[str, str]:
    """A shape between two keyframes: boxes move evenly, as in CVAT; masks stay until the next."""
    fields = dict(one.attrib)
    if one.tag == "mask" or _outside(other):
        return fields
    if one.tag != "box" or other.tag != "box":
        raise ValueError(
            f"a {one.tag[:40]} between frames {one.attrib['frame']} and {other.attrib['frame']}, "
            "which are not written down"
        )
    for key in _MOVING:
        here, there = float(one.attrib[key]), float(other.attrib[key])
        fields[key] = repr(here + (there - here) * part)
    if "rotation" in one.attrib or "rotation" in other.attrib:
        here, there = (float(s.attrib.get("rotation", 0)) for s in (one, other))
        way = (there - here + 180) % 360 - 180  # the shorter way round
        fields["rotation"] = repr((here + way * part) % 360)
    return fields
