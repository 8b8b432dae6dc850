"""The look of a city: streets, ground, plants, roofs, sun and camera.

Cities differ within one family: each draws its look from the same ranges, so that a model which
has seen a dozen of them can know its way in the next.
"""

from __future__ import annotations

import dataclasses

from seg_datasets.aerial.scenery.shapes import HEADINGS, Colour, Dice, Heading

PITCHED: tuple[Colour, ...] = (
    *((174, 96, 68), (142, 88, 64), (98, 106, 124), (80, 80, 90), (160, 118, 90)),
    *((114, 130, 152), (154, 70, 58), (128, 160, 148), (196, 158, 122)),
)
FLAT: tuple[Colour, ...] = (
    *((178, 176, 170), (216, 215, 210), (192, 174, 142), (152, 153, 157), (206, 190, 160)),
    *((164, 114, 90), (132, 138, 98), (96, 98, 108)),
)
CROPS: tuple[Colour, ...] = ((172, 162, 100), (106, 124, 66), (140, 116, 90))
POND: Colour = (64, 86, 88)
POOL: Colour = (78, 160, 180)
TERRACE: Colour = (206, 200, 190)
# Yards, squares and heaps; each is near the colour of some roof.
GROUNDS: tuple[Colour, ...] = (
    *((160, 157, 150), (178, 164, 138), (194, 178, 154), (150, 114, 92), (136, 102, 84)),
    *((128, 128, 126), (88, 88, 90), (150, 122, 94), (178, 154, 120), (124, 98, 78)),
)
RUNOFF: Colour = (92, 118, 98)  # the rim of a court
COURTS: tuple[Colour, ...] = ((160, 94, 70), (74, 110, 88), (74, 100, 138), (124, 126, 124))
TANKS: tuple[Colour, ...] = ((206, 206, 202), (168, 172, 172), (176, 148, 118))
CARS: tuple[Colour, ...] = (
    *((226, 226, 226), (200, 202, 206), (50, 52, 56), (88, 92, 98)),
    *((154, 44, 42), (48, 72, 126), (172, 160, 132)),
)
LINES: Colour = (218, 216, 208)
SHADOW: Colour = (56, 56, 60)
PANELS: Colour = (44, 50, 74)
CHIMNEY: Colour = (96, 84, 80)
PANE: Colour = (206, 212, 216)
LID: Colour = (120, 120, 120)


@dataclasses.dataclass(frozen=True)
class Look:
    """What is alike in all scenes of a city."""

    heading: Heading  # of the street grid
    sun: Heading  # where the sun stands
    reach: int  # length of a shadow for 16 of height
    lush: Colour
    dry: Colour
    soil: Colour
    tree: Colour
    leaf: Colour
    asphalt: Colour
    paving: Colour
    pitched: tuple[Colour, ...]
    flat: tuple[Colour, ...]
    forms: tuple[str, ...]
    street: int  # width in pixels
    lot: int  # width of a lot in pixels
    house: int  # how much of its lot a house fills
    greenery: int  # how many trees
    avenues: bool  # whether trees stand along streets
    districts: tuple[str, ...]
    dusk: Colour  # what a shadow takes away
    haze: int
    gain: Colour
    softness: int  # of the lens
    noise: int  # of the sensor

    @classmethod
    def of(cls, dice: Dice) -> Look:
        """Draws a look from the ranges that all cities share."""
        dryness = dice.between(0, 16)
        sun = dice.pick(HEADINGS)
        deep = dice.between(150, 190)
        warm, bright = dice.between(-10, 10), dice.between(244, 276)
        return cls(
            heading=dice.pick(HEADINGS),
            sun=(sun[0] if dice.chance(50) else -sun[0], -sun[1]),
            reach=dice.between(10, 20),
            lush=dice.near(_blend((78, 106, 56), (150, 138, 96), dryness), 10),
            dry=dice.near(_blend((122, 130, 80), (180, 164, 124), dryness), 10),
            soil=dice.near(dice.pick(((150, 122, 94), (178, 154, 120), (124, 98, 78))), 10),
            tree=dice.near(_blend((50, 76, 42), (88, 92, 58), dryness), 8),
            leaf=dice.pick(((60, 92, 48), (84, 104, 52), (110, 100, 54), (134, 98, 56))),
            asphalt=dice.near((100, 100, 101), 18, 3),
            paving=dice.near((164, 160, 152), 20, 6),
            pitched=dice.some(PITCHED, 5),
            flat=dice.some(FLAT, 4),
            forms=dice.some(("gable", "gable", "hip", "hip", "flat"), 3),
            street=dice.between(11, 20),
            lot=dice.between(34, 46),
            house=dice.between(95, 125),
            greenery=dice.between(15, 80),
            avenues=dice.chance(50),
            districts=dice.some(
                ("homes", "homes", "homes", "rows", "rows", "centre", "centre", "works", "rural"), 5
            ),
            dusk=(deep, deep - dice.between(4, 12), deep - dice.between(14, 34)),
            haze=dice.between(0, 28),
            gain=(bright + warm, bright, bright - warm),
            softness=dice.between(1, 9),
            noise=dice.between(3, 10),
        )


def _blend(one: Colour, other: Colour, part: int) -> Colour:
    red, green, blue = (a + (b - a) * part // 16 for a, b in zip(one, other, strict=True))
    return red, green, blue
