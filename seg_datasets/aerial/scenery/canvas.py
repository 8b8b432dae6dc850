"""The picture while it is painted: ground, shadows, trees, roofs, and the camera above them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seg_datasets.aerial.scenery.roofs import Roof
from seg_datasets.aerial.scenery.shapes import (
    RADIUS,
    SUB,
    Colour,
    Dice,
    Heading,
    Ints,
    Patch,
    cover,
)

SKY: Colour = (196, 204, 214)


class Canvas:
    """A picture in the making, its building mask, and what ground is taken."""

    def __init__(self, size: int, dice: Dice, *, sun: Heading, reach: int) -> None:
        self.size = size
        self.sun = sun
        self.reach = reach  # length of a shadow for 16 of height
        self.rgb: Ints = np.zeros((size, size, 3), np.int32)
        self.building = np.zeros((size, size), bool)
        self.taken = np.zeros((size, size), bool)
        self.shade: Ints = np.zeros((size, size), np.int32)
        # Three textures serve all grounds: new ones for each thing would take most of the time.
        self.fine = (dice.grid(size, size) + 2 * dice.clouds(size, 3)) // 3
        self.soft = (2 * dice.clouds(size, 19) + dice.clouds(size, 8) + dice.clouds(size, 4)) // 4
        self.wide = dice.clouds(size, 60)
        self._roofs: list[tuple[Patch, Heading, Roof]] = []
        self._trees: list[tuple[Patch, Ints, int, Colour]] = []

    def paint(self, patch: Patch, depth: Ints, colour: Colour | Ints, opacity: int = 16) -> None:
        """Lays one colour, or one for each pixel, over what is inside, soft at the edge."""
        below = self.rgb[patch.at]
        below += ((_colours(colour) - below) * (cover(depth) * opacity)[..., None]) >> 8

    def mixed(self, patch: Patch, one: Colour, other: Colour, *, grain: int) -> Ints:
        """Two colours in clouds, for ground that is not all alike; `grain` (0 to 64) roughens."""
        speck = (self.fine[patch.at] - 128) * grain >> 7
        first, second = _colours(one), _colours(other)
        if one == other:
            return first + speck[..., None]
        mix = (self.soft[patch.at] * grain + self.wide[patch.at] * (64 - grain)) >> 6
        return first + ((second - first) * mix[..., None] >> 8) + speck[..., None]

    def free(self, patch: Patch, depth: Ints, gap: int) -> bool:
        """Takes the ground inside, with a gap around it, unless some of it is taken."""
        ground = depth >= -gap
        if not ground.any() or (self.taken[patch.at] & ground).any():
            return False
        self.taken[patch.at] |= ground
        return True

    def build(self, place: tuple[int, int], heading: Heading, roof: Roof, *, gap: int) -> bool:
        """Sets up a building, unless some of its ground is taken."""
        reach = roof.reach() + gap
        patch = Patch.around(place, heading, (reach, reach), size=self.size)
        if patch is None or not self.free(patch, roof.outline(patch), gap):
            return False
        self._roofs.append((patch, heading, roof))
        self.building[patch.at] |= roof.outline(patch) >= 0
        reach += roof.height * self.reach
        wide = Patch.around(place, heading, (reach, reach), size=self.size)
        if wide is not None:
            self.cast(wide, roof.outline(wide), roof.height)
        return True

    def plant(self, place: tuple[int, int], radius: int, colour: Colour) -> None:
        """Plants a tree where the ground is free; in a shadow it is a dark one."""
        x, y = place
        if 0 <= x < self.size * SUB and 0 <= y < self.size * SUB:
            if self.taken[y // SUB, x // SUB]:
                return
            dark = int(self.shade[y // SUB, x // SUB])
            red, green, blue = (value * (40 - dark) // 40 for value in colour)
            colour = red, green, blue
        height = max(2, radius // SUB)
        reach = radius + height * self.reach
        patch = Patch.around(place, (RADIUS, 0), (reach, reach), size=self.size)
        if patch is None:
            return
        ragged = (self.soft[patch.at] + self.fine[patch.at] - 256) * radius >> 9
        depth = patch.disc(radius) + ragged
        self._trees.append((patch, depth, radius, colour))
        self.cast(patch, depth, height)

    def cast(self, patch: Patch, depth: Ints, height: int) -> None:
        """Throws the shadow of a thing of this outline and height (in pixels)."""
        shape = cover(depth)
        shade = self.shade[patch.at]
        rows, cols = shape.shape
        for step in range(1, height * self.reach // SUB + 1):
            dx, dy = (-(2 * part * step + RADIUS) // (2 * RADIUS) for part in self.sun)
            if abs(dx) >= cols or abs(dy) >= rows:
                break
            to = slice(max(dy, 0), rows + min(dy, 0)), slice(max(dx, 0), cols + min(dx, 0))
            come = slice(max(-dy, 0), rows - max(dy, 0)), slice(max(-dx, 0), cols - max(dx, 0))
            np.maximum(shade[to], shape[come], out=shade[to])

    def finish(self, dusk: Colour) -> None:
        """Lays the shadows over the ground, then trees and roofs, which stand above it.

        Roofs come last: no tree hangs over one, so the mask is both what is built and what is seen.
        """
        self.rgb -= self.rgb * (self.shade[..., None] * _colours(dusk)) >> 12
        for patch, depth, radius, colour in self._trees:
            lit = (patch.u * self.sun[0] + patch.v * self.sun[1]) * 48 // (RADIUS * radius)
            lit = np.minimum(np.maximum(lit, -64), 64)
            tone = 256 + lit + (self.fine[patch.at] - 128) // 2
            self.paint(patch, depth, _colours(colour) * tone[..., None] >> 8, 15)
        for patch, heading, roof in self._roofs:
            weather = (self.fine[patch.at] - 128) // 14 + (self.soft[patch.at] - 128) // 10
            tone = (roof.tones(patch, heading, self.sun) + weather)[..., None]
            depth = roof.outline(patch)
            self.paint(patch, depth, _colours(roof.colour) * tone >> 8)
            for box, colour in roof.extras:
                inside = np.minimum(patch.box(box), depth)
                self.paint(patch, inside, _colours(colour) * tone >> 8)

    def photograph(
        self, dice: Dice, *, softness: int, haze: int, gain: Colour, noise: int
    ) -> NDArray[np.uint8]:
        """Looks at the picture through lens, air and sensor."""
        rgb = np.minimum(np.maximum(self.rgb, 0), 255)
        edged = np.pad(rgb, ((1, 1), (1, 1), (0, 0)), mode="edge")
        rows = edged[:-2] + 2 * edged[1:-1] + edged[2:]
        soft = rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]
        rgb = (soft * softness + rgb * (16 * (16 - softness))) >> 8
        rgb += (_colours(SKY) - rgb) * haze >> 8
        rgb = rgb * _colours(gain) >> 8
        # Two throws make a triangle: near enough to a bell, and without a logarithm.
        rgb += (dice.grid(*rgb.shape) + dice.grid(*rgb.shape) - 255) * noise >> 8
        return np.minimum(np.maximum(rgb, 0), 255).astype(np.uint8)


def _colours(colour: Colour | Ints) -> Ints:
    # The default dtype of a tuple is 32 bits on one system and 64 on another.
    return np.asarray(colour, np.int32)
