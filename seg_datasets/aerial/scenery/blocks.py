"""What fills a block between streets: gardens, halls, yards, parks, fields."""

from __future__ import annotations

from collections.abc import Callable

from seg_datasets.aerial.scenery import look as colours
from seg_datasets.aerial.scenery.shapes import SUB, Box
from seg_datasets.aerial.scenery.town import Town

KERB = 3 * SUB
# What blocks hold, by district; what is named twice is met twice as often.
DISTRICTS: dict[str, tuple[str, ...]] = {
    "homes": (*("homes",) * 9, "park", "park", "centre", "shop", "yard"),
    "rows": (*("rows",) * 7, "homes", "homes", "park", "shop", "yard"),
    "centre": (*("centre",) * 7, "rows", "park", "shop", "yard"),
    "works": (*("works",) * 6, "shop", "yard", "centre"),
    "rural": (*("field",) * 4, *("farm",) * 3, *("homes",) * 3, "park"),
}


def fill(town: Town, block: Box, district: str) -> None:
    """Paves a block and fills it with something that this district may hold."""
    if town.patch(block) is None:
        return
    look, dice = town.look, town.dice
    filling = _FILLINGS[dice.pick(DISTRICTS[district])]
    if district == "rural":
        filling(town, block)
        return
    town.lay(block, dice.near(look.paving, 6), cut=KERB, grain=8)
    filling(town, block.inner(KERB))
    if look.avenues and dice.chance(70):
        step = dice.between(9, 16) * SUB
        for u in range(block.u - block.half_u, block.u + block.half_u, step):
            for side in (-1, 1):
                row = block.v + side * (block.half_v - SUB)
                town.trees(Box(u, row, 12, 4), 1 if dice.chance(80) else 0)


def _lawn(town: Town, box: Box) -> None:
    town.lay(box, town.look.lush, town.look.dry, grain=26)


def _within(town: Town, block: Box, half_u: int, half_v: int, margin: int = 0) -> Box:
    """A box of this size somewhere in the block."""
    free_u = max(0, block.half_u - half_u - margin)
    free_v = max(0, block.half_v - half_v - margin)
    u, v = town.dice.between(-free_u, free_u), town.dice.between(-free_v, free_v)
    return Box(block.u + u, block.v + v, half_u, half_v)


def _homes(town: Town, block: Box) -> None:
    """Two rows of gardens, back to back."""
    _lawn(town, block)
    lots = max(1, 2 * block.half_u // (town.look.lot * SUB))
    for lot in block.split(lots, 2):
        _home(town, lot, side=1 if lot.v > block.v else -1)
    town.trees(block, lots * town.look.greenery // 12)


def _home(town: Town, lot: Box, *, side: int) -> None:
    """A house on its lot, a drive to the street on this side, and what people put behind it."""
    dice, look = town.dice, town.look
    u, v, half_u, half_v = lot
    lawn = dice.near(look.lush if dice.chance(65) else look.dry, 12)
    town.lay(lot.inner(6), lawn, dice.near(lawn, 14), grain=22)
    if dice.chance(35):
        town.lay(Box(u + half_u, v, 20, half_v - 10), dice.near(look.tree, 8), grain=50)
    if dice.chance(10):
        town.trees(lot.inner(60), 4)
        return
    drive = Box(u + half_u * 3 // 4, v + side * half_v // 2, 22, half_v // 2)
    town.lay(drive, dice.near(look.paving, 12), grain=10)
    if dice.chance(45):
        town.car(drive.u, v + side * half_v * 3 // 4, across=True)
    long = 2 * half_u * look.house * dice.between(70, 100) // 25600
    wide = max(88, min(long, half_v) * dice.between(60, 80) // 100)
    long = max(96, min(long, half_u - 40))
    place = u + dice.between(-20, 20), v + side * dice.between(0, half_v // 4)
    if not town.house(Box(*place, long, wide), turn=dice.chance(25) and long < 200):
        return
    behind = u + dice.between(-half_u, half_u) * 2 // 3, v - side * half_v // 2
    kind = dice.between(0, 9)
    if kind < 2 and town.lay(Box(*behind, 76, 50), dice.near(colours.TERRACE, 12), take=10):
        town.lay(Box(*behind, 60, 34), dice.near(colours.POOL, 14), grain=6, cut=30)
    elif kind < 5:
        half = dice.between(50, 110), dice.between(40, 90)
        town.lay(Box(*behind, *half), dice.near(dice.pick(colours.GROUNDS), 12), take=10)


def _rows(town: Town, block: Box) -> None:
    """Long houses with lawns, paths and parked cars between them."""
    dice = town.dice
    _lawn(town, block)
    wide, height = dice.between(88, 116), dice.between(9, 20)
    rows = max(1, 2 * block.half_v // (wide * 2 + dice.between(14, 26) * SUB))
    for row in block.split(1, rows):
        path = row.v + row.half_v
        if path < block.v + block.half_v - 2 * SUB:
            tile = dice.near(town.look.paving, 10)
            town.lay(Box(block.u, path, block.half_u, 20), tile, grain=8)
            for _ in range(dice.between(0, 5)):
                u = block.u + dice.between(-block.half_u, block.half_u)
                town.car(u, path + dice.pick((-50, 50)), across=dice.chance(40))
        left, end = row.u - row.half_u + 40, row.u + row.half_u
        while left + 400 < end:
            long = min(dice.between(260, 520), (end - left) // 2 - 20)
            box = Box(left + long, row.v, long, wide)
            if dice.chance(55):
                town.hall(box, height=height)
            else:
                town.house(box)
            left += 2 * long + dice.between(5, 12) * SUB
    town.trees(block, town.look.greenery // 3)


def _centre(town: Town, block: Box) -> None:
    """Large roofs close together, with courts and a few trees."""
    dice, look = town.dice, town.look
    yard = dice.near(dice.pick((look.paving, look.asphalt, look.soil)), 10)
    town.lay(block, yard, dice.near(yard, 10), grain=18)
    parts = (1 + half // dice.between(380, 620) for half in block[2:])
    for part in block.split(*parts):
        long, wide = (half * dice.between(62, 90) // 100 for half in part[2:])
        if dice.chance(88):
            town.hall(Box(part.u, part.v, long, wide), height=dice.between(10, 26), gap=24)
        else:
            _lawn(town, part.inner(40))
            town.trees(part.inner(60), 5)
    town.trees(block, look.greenery // 8)


def _works(town: Town, block: Box) -> None:
    """Halls, tanks, containers and lorries, each works on its own yard."""
    dice, look = town.dice, town.look
    parts = (1 + half // dice.between(600, 1000) for half in block[2:])
    for part in block.split(*parts):
        ground = dice.near(dice.pick((look.asphalt, look.asphalt, look.paving, look.soil)), 14)
        town.lay(part, ground, dice.near(ground, 14), grain=dice.between(16, 30))
        for _ in range(dice.between(2, 4)):
            long = max(150, part.half_u * dice.between(30, 90) // 100)
            wide = max(120, part.half_v * dice.between(30, 70) // 100)
            town.hall(_within(town, part, long, wide, 60), height=dice.between(7, 13))
        for _ in range(dice.between(0, 2)):
            town.tank(*_within(town, part, 150, 150)[:2], dice.between(70, 150))
        for _ in range(dice.between(1, 4)):
            town.stack(*_within(town, part, 120, 120)[:2])
        town.bays(_within(town, part, 260, 60, 20))
        town.trees(part, look.greenery // 16)


def _shop(town: Town, block: Box) -> None:
    """A shop in its car park."""
    dice = town.dice
    ground = dice.near(town.look.asphalt, 10)
    town.lay(block, ground, dice.near(ground, 8), grain=10)
    long, wide = (max(160, half * dice.between(30, 50) // 100) for half in block[2:])
    town.hall(_within(town, block, long, wide, 60), height=8)
    for part in block.split(max(1, block.half_u // 340), max(1, block.half_v // 130)):
        if dice.chance(70):
            town.bays(Box(part.u, part.v, dice.between(170, 290), 60))
        else:
            _lawn(town, part.inner(40))
            town.trees(part.inner(60), 3)


def _park(town: Town, block: Box) -> None:
    """Grass, paths, courts, perhaps a pond and a house, and many trees."""
    dice, look = town.dice, town.look
    _lawn(town, block)
    path, cross = dice.near(look.soil, 12), _within(town, block, 200, 200)
    town.lay(Box(block.u, cross.v, block.half_u, 18), path)
    town.lay(Box(cross.u, block.v, 18, block.half_v), path)
    for _ in range(dice.between(0, 3)):
        court, ground = _within(town, block, 330, 200), dice.near(dice.pick(colours.COURTS), 10)
        if town.lay(court, dice.near(colours.RUNOFF, 8), grain=14, take=16):
            town.lay(court.inner(54), colours.LINES, grain=0)
            town.lay(court.inner(62), ground, grain=8)
            town.lay(Box(court.u, court.v, 4, 146), colours.LINES, grain=0)
            town.lay(Box(court.u, court.v, 150, 4), colours.LINES, grain=0)
    if dice.chance(25):
        pond = dice.near(colours.POND, 10)
        town.lay(_within(town, block, 250, 180), pond, cut=170, grain=5, take=8)
    if dice.chance(60):
        town.house(_within(town, block, dice.between(120, 200), dice.between(90, 120), 80))
    town.trees(block, 8 + look.greenery // 2)


def _yard(town: Town, block: Box) -> None:
    """Bare ground: building sites, squares and stores."""
    dice = town.dice
    for part in block.split(dice.between(1, 3), dice.between(1, 2)):
        ground = dice.near(dice.pick((town.look.soil, *colours.GROUNDS)), 12)
        town.lay(part, ground, dice.near(ground, 16), grain=dice.between(20, 44))
        for _ in range(dice.between(1, 4)):
            heap = _within(town, part, dice.between(60, 240), dice.between(60, 180))
            town.lay(heap, dice.near(dice.pick(colours.GROUNDS), 12), take=8)
        for _ in range(dice.between(0, 3)):
            town.stack(*_within(town, part, 100, 100)[:2])
        if dice.chance(70):
            hall = _within(town, part, dice.between(130, 280), dice.between(100, 180), 40)
            town.hall(hall, height=9)


def _field(town: Town, block: Box) -> None:
    dice, look = town.dice, town.look
    crop = dice.near(dice.pick((look.lush, look.dry, look.soil, *colours.CROPS)), 16)
    town.lay(block, crop, dice.near(crop, 16), rows=dice.pick((0, 24, 32, 48)))
    if dice.chance(30):
        town.trees(Box(block.u, block.v + block.half_v, block.half_u, 60), 16)
    if dice.chance(35):
        _farmstead(town, block)


def _farm(town: Town, block: Box) -> None:
    _lawn(town, block)
    _farmstead(town, block)
    town.trees(block, 8 + town.look.greenery // 4)


def _farmstead(town: Town, block: Box) -> None:
    """A yard with a house, barns, perhaps a silo."""
    dice = town.dice
    u, v, *_ = yard = _within(town, block, 500, 400, 20)
    town.lay(yard, dice.near(town.look.soil, 14), dice.near(town.look.dry, 10), cut=220, grain=30)
    town.house(Box(u - 240, v - 180, dice.between(120, 170), dice.between(90, 120)))
    barn = Box(u + 180, v + 140, dice.between(220, 320), dice.between(110, 170))
    stable = Box(u - 260, v + 180, dice.between(110, 160), dice.between(160, 240))
    shed = Box(u + 240, v - 220, dice.between(100, 240), dice.between(90, 130))
    for hall, height in ((barn, 8), (stable, 7), (shed, 6)):
        town.hall(hall, height=height)
    if dice.chance(50):
        town.tank(u - 20, v - 160, dice.between(50, 80))
    for _ in range(dice.between(0, 4)):
        town.stack(u + dice.between(-300, 300), v + dice.between(-300, 300))


_FILLINGS: dict[str, Callable[[Town, Box], None]] = {
    "homes": _homes,
    "rows": _rows,
    "centre": _centre,
    "works": _works,
    "shop": _shop,
    "park": _park,
    "yard": _yard,
    "field": _field,
    "farm": _farm,
}
