"""Roofs from above: their outline, their slopes in the sun and what lies on them."""

from __future__ import annotations

import dataclasses

import numpy as np

from seg_datasets.aerial.scenery.shapes import RADIUS, SUB, Box, Colour, Heading, Ints, Patch

Extra = tuple[Box, Colour]
FAR = 1 << 20  # deeper outside of a roof than anything can be

EAVES = 20  # width of the brighter or darker edge of a flat roof
RIDGE = 12  # half width of the row of ridge tiles


@dataclasses.dataclass(frozen=True)
class Roof:
    """What a roof looks like from above."""

    wings: tuple[Box, ...]
    form: str  # "flat", "gable", "hip" or "dome"; a dome is round and has one wing
    colour: Colour
    pitch: int  # how much the sun tells the sides apart; of a flat roof: its edge
    height: int  # in pixels, for the shadow
    ribs: int = 0  # distance of tile rows or metal ribs; 0 for none
    extras: tuple[Extra, ...] = ()  # sky-lights, machines, solar panels, chimneys

    def reach(self) -> int:
        """How far from its middle the roof may lie."""
        return max(max(abs(u) + half_u, abs(v) + half_v) for u, v, half_u, half_v in self.wings)

    def outline(self, patch: Patch) -> Ints:
        """Depth of each pixel inside the roof; the picture and the mask both follow it."""
        if self.form == "dome":
            return patch.disc(self.wings[0].half_u)
        depth = np.full(patch.u.shape, -FAR, np.int32)
        for wing in self.wings:
            np.maximum(depth, patch.box(wing), out=depth)
        return depth

    def tones(self, patch: Patch, heading: Heading, sun: Heading) -> Ints:
        """Brightness of each pixel; 256 leaves the colour as it is."""
        (a, b), (x, y) = heading, sun
        sun_u, sun_v = (a * x + b * y) // RADIUS, (a * y - b * x) // RADIUS
        if self.form == "dome":
            lit = (patch.u * sun_u + patch.v * sun_v) // self.wings[0].half_u
            return 256 + lit * self.pitch // RADIUS
        tone = np.full(patch.u.shape, 256, np.int32)
        top = np.full(patch.u.shape, -FAR, np.int32)
        for u, v, half_u, half_v in self.wings:
            du, dv = half_u - abs(patch.u - u), half_v - abs(patch.v - v)
            near = np.minimum(du, dv)
            to_u = np.where(patch.u > u, sun_u, -sun_u)
            to_v = np.where(patch.v > v, sun_v, -sun_v)
            if self.form == "flat":
                rise, lit = near, np.where(near < EAVES, 300, 0)
            elif self.form == "hip":
                rise, lit = near, np.where(du < dv, to_u, to_v)
            else:
                rise, lit = (dv, to_v) if half_u >= half_v else (du, to_u)
            bright = 256 + lit * self.pitch // RADIUS
            if self.ribs:
                bright += ((patch.u if half_u >= half_v else patch.v) // self.ribs & 1) * 14
            if self.form != "flat":
                bright += np.where(rise > min(half_u, half_v) - RIDGE, 22, 0)
            # Where wings meet, the higher slope is the one that is seen: so valleys come out right.
            seen = (near >= -SUB) & (rise > top)
            tone, top = np.where(seen, bright, tone), np.where(seen, rise, top)
        return tone
