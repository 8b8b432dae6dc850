"""The things that stand in a city. One pixel is about half a metre.

Roof colours are shared with yards, lorries, courts and soil on purpose: colour alone must not tell
a building, its form and its shadow have to.
"""

from __future__ import annotations

from seg_datasets.aerial.scenery import look as colours
from seg_datasets.aerial.scenery.canvas import Canvas
from seg_datasets.aerial.scenery.look import Look
from seg_datasets.aerial.scenery.roofs import Extra, Roof
from seg_datasets.aerial.scenery.shapes import HEADINGS, RADIUS, SUB, Box, Colour, Dice, Patch


class Town:
    """One scene in the making: places things on the street grid of a city."""

    def __init__(self, look: Look, dice: Dice, *, size: int) -> None:
        self.look, self.dice, self.size = look, dice, size
        self.heading = look.heading if dice.chance(70) else dice.pick(HEADINGS)
        self.canvas = Canvas(size, dice, sun=look.sun, reach=look.reach)

    def at(self, u: int, v: int) -> tuple[int, int]:
        """Where a place of the street grid lies in the picture."""
        (a, b), middle = self.heading, self.size * SUB // 2
        return middle + (a * u - b * v) // RADIUS, middle + (b * u + a * v) // RADIUS

    def patch(self, box: Box, margin: int = 0) -> Patch | None:
        """The pixels that a box of the street grid may cover."""
        half = box.half_u + margin, box.half_v + margin
        return Patch.around(self.at(box.u, box.v), self.heading, half, size=self.size)

    def lay(
        self,
        box: Box,
        one: Colour,
        other: Colour | None = None,
        *,
        grain: int = 20,
        cut: int = 0,
        rows: int = 0,
        take: int | None = None,
    ) -> bool:
        """Lays a flat thing on the ground.

        Args:
          box: where.
          one: its colour.
          other: the colour it has elsewhere, in clouds; as a rule the same.
          grain: how rough it is, 0 to 64.
          cut: how much of its corners is cut off.
          rows: width of furrows across it, 0 for none.
          take: lay it only where nothing stands this near, and keep other things off.

        Returns:
          Whether there was room.
        """
        patch = self.patch(box, take or 0)
        if patch is None:
            return False
        depth = patch.box(Box(0, 0, box.half_u, box.half_v), cut=cut)
        if take is not None and not self.canvas.free(patch, depth, take):
            return False
        if not grain:
            self.canvas.paint(patch, depth, one)
            return True
        mixed = self.canvas.mixed(patch, one, other or one, grain=grain)
        if rows:
            mixed -= ((patch.v // rows & 1) * 16)[..., None]
        self.canvas.paint(patch, depth, mixed)
        return True

    def car(self, u: int, v: int, *, across: bool = False, truck: bool = False) -> None:
        """Puts a car, a lorry or a container, and its shadow, on the ground."""
        dice = self.dice
        half_u, half_v = (dice.between(45, 110), 20) if truck else (dice.between(31, 38), 15)
        if across:
            half_u, half_v = half_v, half_u
        colour = dice.near(
            dice.pick((*colours.CARS, *self.look.pitched) if truck else colours.CARS), 10
        )
        patch = self.patch(Box(u, v, half_u, half_v), 2 * SUB)
        if patch is None:
            return
        (a, b), (x, y) = self.heading, self.look.sun
        fall = 24 if truck else 14
        du, dv = (-fall * (a * x + b * y)) // RADIUS**2, (-fall * (a * y - b * x)) // RADIUS**2
        self.canvas.paint(patch, patch.box(Box(du, dv, half_u, half_v), cut=8), colours.SHADOW, 9)
        body = patch.box(Box(0, 0, half_u, half_v), cut=8)
        self.canvas.paint(patch, body, colour)
        if not truck:
            glass = abs(patch.v if across else patch.u)
            self.canvas.paint(patch, body - abs(glass - 12) - 2, (36, 40, 46), 12)

    def stack(self, u: int, v: int) -> None:
        """Puts lorries or containers side by side: colours of roofs, but no roof."""
        across = self.dice.chance(50)
        for place in range(self.dice.between(1, 4)):
            du, dv = (place * 52, 0) if across else (0, place * 52)
            self.car(u + du, v + dv, across=across, truck=True)

    def bays(self, box: Box) -> bool:
        """Marks a row of parking bays with some cars, where nothing stands."""
        dice, bay = self.dice, 42
        if not self.lay(box, dice.near(self.look.asphalt, 10), grain=8, take=8):
            return False
        for left in range(box.u - box.half_u + 12, box.u + box.half_u - bay, bay):
            self.lay(Box(left, box.v, 4, 48), colours.LINES, grain=0)
            if dice.chance(60):
                self.car(left + bay // 2, box.v + dice.between(-6, 6), across=True)
        return True

    def trees(self, box: Box, count: int) -> None:
        """Plants trees here and there, some in clumps."""
        dice = self.dice
        for _ in range(count):
            du, dv = dice.between(-box.half_u, box.half_u), dice.between(-box.half_v, box.half_v)
            colour = self.look.leaf if dice.chance(25) else self.look.tree
            for _ in range(dice.between(2, 5) if dice.chance(25) else 1):
                place = self.at(box.u + du, box.v + dv)
                self.canvas.plant(place, dice.between(40, 110), dice.near(colour, 12))
                du, dv = du + dice.between(-100, 100), dv + dice.between(-100, 100)

    def house(self, box: Box, *, turn: bool = False) -> bool:
        """Builds a house of one or two wings, its longer side along the box."""
        dice, look = self.dice, self.look
        long, wide = box.half_u, box.half_v
        form = dice.pick(look.forms)
        wings: tuple[Box, ...] = (Box(0, 0, long, wide),)
        if dice.chance(40):
            side = dice.between(wide * 9 // 16, wide * 13 // 16)
            place = (long - side) * dice.between(-1, 1), dice.pick((-1, 1)) * wide // 2
            wings += (Box(*place, side, wide),)
        pitch, ribs = dice.between(40, 80), dice.pick((0, 32, 48))
        extras: tuple[Extra, ...]
        if form == "flat":
            colour, pitch = dice.near(dice.pick(look.flat), 14), dice.between(80, 150)
            extras = self._machines(box, dice.between(0, 2))
        else:
            colour = dice.near(dice.pick(look.pitched), 16)
            third = long // 3
            panels = Box(dice.between(-third, third), wide // 2, third, wide // 4)
            chimney = Box(dice.between(-third, third), -wide // 4, 14, 14)
            extras = ((panels, colours.PANELS),) * dice.chance(18) + (
                (chimney, colours.CHIMNEY),
            ) * dice.chance(60)
        roof = Roof(wings, form, colour, pitch, dice.between(5, 9), ribs, extras)
        a, b = self.heading
        heading = (-b, a) if turn else (a, b)
        return self.canvas.build(self.at(box.u, box.v), heading, roof, gap=3 * SUB)

    def hall(self, box: Box, *, height: int, gap: int = 4 * SUB) -> bool:
        """Builds a large roof: a hall, a shop, a block of flats, perhaps around a court."""
        dice = self.dice
        long, wide = box.half_u, box.half_v
        kind = dice.between(0, 9)
        form, ribs, pitch = "flat", 0, dice.between(80, 160)
        wings: tuple[Box, ...] = (Box(0, 0, long, wide),)
        if kind < 3 and min(long, wide) > 160:
            arm = min(long, wide) * dice.between(5, 7) // 16
            sides = Box(0, arm - wide, long, arm), Box(0, wide - arm, long, arm)
            ends = Box(arm - long, 0, arm, wide), Box(long - arm, 0, arm, wide)
            wings = (*ends, *sides[: 2 if kind == 0 else 1])
        extras = self._machines(box, dice.between(1, 3 + long // 100))
        colour = dice.near(dice.pick(self.look.flat if kind < 8 else self.look.pitched), 14)
        if kind >= 7 and height < 14:
            form, ribs, pitch = "gable", dice.pick((32, 64)), dice.between(14, 36)
            panes = (
                (Box(place, side * wide // 2, 14, wide // 4), colours.PANE)
                for place in range(80 - long, long - 60, 110)
                for side in (-1, 1)
            )
            extras = tuple(panes) if dice.chance(50) and long >= wide else ()
        roof = Roof(wings, form, colour, pitch, height, ribs, extras)
        return self.canvas.build(self.at(box.u, box.v), self.heading, roof, gap=gap)

    def tank(self, u: int, v: int, radius: int) -> bool:
        """Builds a round tank or silo."""
        dice = self.dice
        wings = (Box(0, 0, radius, radius),)
        colour, height = dice.near(dice.pick(colours.TANKS), 14), dice.between(8, 14)
        roof = Roof(wings, "dome", colour, 60, height, extras=((Box(0, 0, 12, 12), colours.LID),))
        return self.canvas.build(self.at(u, v), self.heading, roof, gap=2 * SUB)

    def _machines(self, box: Box, count: int) -> tuple[Extra, ...]:
        dice = self.dice
        extras: tuple[Extra, ...] = ()
        for _ in range(count):
            u, v = (dice.between(-half * 2 // 3, half * 2 // 3) for half in box[2:])
            machine = Box(u, v, dice.between(14, 44), dice.between(14, 36))
            light = dice.near((190, 190, 188), 30, 3)
            extras += ((machine.at(u + 12, v + 12), colours.SHADOW), (machine, light))
        return extras
