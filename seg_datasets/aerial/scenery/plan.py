"""The plan of a scene: its district, its streets, and what runs across them."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from seg_datasets.aerial.scenery import blocks
from seg_datasets.aerial.scenery.look import LINES, Look
from seg_datasets.aerial.scenery.shapes import HEADINGS, SUB, Box, Colour, Dice, Ints, Patch
from seg_datasets.aerial.scenery.town import Town

Pixels = NDArray[np.uint8]

BANK = 6 * SUB
WATERS: tuple[Colour, ...] = ((58, 84, 92), (70, 92, 84), (50, 68, 84))
BALLAST: Colour = (124, 116, 108)


@dataclasses.dataclass(frozen=True)
class Band:
    """A river or a railway: where it runs, and how deep inside each pixel lies."""

    patch: Patch
    depth: Ints
    rails: bool


def paint(seed: int, city: str, index: int, *, size: int) -> tuple[Pixels, Pixels]:
    """Draws one scene of a city: its picture (size, size, 3) and mask (size, size) of 0 and 1."""
    look = Look.of(Dice(seed, city))
    dice = Dice(seed, city, index)
    town = Town(look, dice, size=size)
    canvas, district = town.canvas, dice.pick(look.districts)
    _ground(town, rural=district == "rural")
    band = _band(town) if dice.chance(22) else None
    across, down, street = _grid(town, district)
    for v, half_v in down:
        for u, half_u in across:
            blocks.fill(town, Box(u, v, half_u, half_v), district)
    if band:
        _run(town, band)
    for v, half_v in down:
        _street(town, v + half_v + street // 2, street, turned=False, rural=district == "rural")
    for u, half_u in across:
        _street(town, u + half_u + street // 2, street, turned=True, rural=district == "rural")
    canvas.finish(look.dusk)
    image = canvas.photograph(
        dice, softness=look.softness, haze=look.haze, gain=look.gain, noise=look.noise
    )
    return image, canvas.building.astype(np.uint8)


def _whole(town: Town) -> Patch:
    middle = town.size * SUB // 2
    heading = town.dice.pick(HEADINGS)
    whole = Patch.around((middle, middle), heading, (middle * 2, middle * 2), size=town.size)
    assert whole is not None
    return whole


def _ground(town: Town, *, rural: bool) -> None:
    look = town.look
    one, other = (look.lush, look.dry) if rural else (look.asphalt, town.dice.near(look.asphalt, 6))
    town.canvas.rgb[:] = town.canvas.mixed(_whole(town), one, other, grain=20 if rural else 8)


def _band(town: Town) -> Band:
    """Chooses where a river or a railway runs, and keeps houses off it."""
    canvas, dice = town.canvas, town.dice
    rails = dice.chance(35)
    whole = _whole(town)
    half = (dice.between(5, 12) if rails else dice.between(9, 22)) * SUB
    place = dice.between(-town.size * 6, town.size * 6)
    bends = 0 if rails else (canvas.wide - 128) * dice.between(3, 9)
    band = Band(whole, half - abs(whole.u + place + bends), rails)
    canvas.taken |= band.depth >= -BANK - SUB
    return band


def _run(town: Town, band: Band) -> None:
    """Paints the river or railway over the blocks; the streets, painted later, are its bridges."""
    canvas, dice, look = town.canvas, town.dice, town.look
    patch, depth = band.patch, band.depth
    canvas.paint(patch, depth + BANK, canvas.mixed(patch, look.dry, look.lush, grain=30))
    if band.rails:
        ballast = dice.near(BALLAST, 14)
        canvas.paint(patch, depth, canvas.mixed(patch, ballast, dice.near(ballast, 10), grain=30))
        rail = 4 - abs(abs(depth % 96 - 48) - 20)
        canvas.paint(patch, np.minimum(rail, depth - SUB), dice.near((92, 82, 78), 10))
        return
    water = dice.near(dice.pick(WATERS), 10)
    canvas.paint(patch, depth, canvas.mixed(patch, water, dice.near(water, 8), grain=5))


def _grid(town: Town, district: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]], int]:
    """Cuts the ground into blocks: middles and half sides each way, and the streets' width."""
    lot = town.look.lot * SUB
    long, deep = {
        "homes": ((3 * lot, 6 * lot), (2 * lot, 2 * lot + 200)),
        "rows": ((4 * lot, 6 * lot), (2 * lot, 3 * lot)),
        "centre": ((2 * lot, 4 * lot), (2 * lot, 3 * lot)),
        "works": ((4 * lot, 7 * lot), (3 * lot, 5 * lot)),
        "rural": ((3 * lot, 6 * lot), (2 * lot, 4 * lot)),
    }[district]
    street = (town.dice.between(5, 10) if district == "rural" else town.look.street) * SUB
    return _cuts(town, *long, street), _cuts(town, *deep, street), street


def _cuts(town: Town, low: int, high: int, street: int) -> list[tuple[int, int]]:
    # Three quarters of an edge reach the corners of the picture whichever way the grid is turned.
    reach = town.size * SUB * 3 // 4
    cuts, place = [], -reach - town.dice.between(0, high)
    while place < reach:
        length = town.dice.between(low, high)
        cuts.append((place + length // 2, length // 2))
        place += length + street
    return cuts


def _street(town: Town, place: int, width: int, *, turned: bool, rural: bool) -> None:
    """Paves a street, marks its middle and puts cars on it."""
    dice, look = town.dice, town.look
    reach = town.size * SUB * 3 // 4

    def lay(along: int, half_along: int, half_aside: int, colour: Colour, grain: int) -> None:
        box = Box(along, place, half_along, half_aside)
        if turned:
            box = Box(box.v, box.u, box.half_v, box.half_u)
        town.lay(box, colour, grain=grain)

    lay(0, reach, width // 2 - (SUB if rural else 0), look.soil if rural else look.asphalt, 10)
    if not rural and dice.chance(65):
        dash = dice.pick((40, 64, 400))
        for along in range(-reach, reach, dash * 2):
            lay(along, dash // 2, 4, LINES, 0)
    for along in range(-reach, reach, 6 * SUB):
        if dice.chance(2 if rural else 9):
            aside = place + dice.pick((-1, 1)) * width // 4
            u, v = (aside, along) if turned else (along, aside)
            town.car(u, v, across=turned, truck=dice.chance(8))
