"""Look-alikes: which thumbnails show one picture, turned and flipped ones included.

Two thumbnails are compared by their detail: the grey values less the mean and less an even slope
across the picture, because two skies are not one. Their unlikeness is 1 − r, where r is the
correlation of the two details in the best of the eight positions: what brightness and contrast do
does not count. All sums are of whole numbers below 2⁵³, exact in any order, so the verdict is the
same on every machine.

Who is compared with whom is found in a k-d tree of descriptors that the eight positions do not
change, and in which look-alikes are never further apart than their details are; no pass over all
pairs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from seg_datasets.core.facts import THUMB
from seg_datasets.core.neighbours.components import Components

_CELLS = THUMB * THUMB
_STEPS = 2.0 * np.arange(THUMB) - THUMB + 1  # whole, and 0 on average
_ACROSS = np.stack([np.tile(_STEPS, THUMB), np.repeat(_STEPS, THUMB)], axis=1)
_SLOPE = int((_ACROSS[:, 0] ** 2).sum())
_MEAN = _SLOPE // _CELLS  # _SLOPE is a multiple of _CELLS: the sums below stay whole

# The eight positions of a picture, as orders of its cells.
_GRID = np.arange(_CELLS).reshape(THUMB, THUMB)
_TURNS = [np.rot90(grid, k).ravel() for grid in (_GRID, _GRID.T) for k in range(4)]

# A detail under this standard deviation, in grey values of 255, is mostly rounding and noise:
# skies, black tiles, blank paper. Nothing is said of such pictures here.
LEAST_DETAIL = 3

# Where all pictures of a set look alike (X-rays of one view), a pair has to stand out from them: it
# may be this part as unlike as two pictures of the set usually are, but this much is always let be.
_OF_USUAL = 0.05
_ALWAYS = 0.001
_USUAL_FROM = 16  # pictures; of fewer, nobody can say what is usual
_PAIRS_TRIED = 2000

# The descriptor holds the coefficients of the cosine transform up to this order; a finer one, of
# all orders, sorts out most pairs that are none.
_ORDER = 5
_ALL_ORDERS = 2 * (THUMB - 1)
_ROUNDING = 1e-4  # of the finer one's distances, and more
_NEIGHBOURS = (8, 64)
_AT_A_TIME = 1 << 13


def pixels(thumbs: Sequence[str]) -> np.ndarray:
    """Thumbnails as they stand in facts, in rows; what is none is black."""
    black = bytes(_CELLS).hex()
    whole = "".join(thumb if len(thumb) == len(black) else black for thumb in thumbs)
    return np.frombuffer(bytes.fromhex(whole), np.uint8).reshape(-1, _CELLS)


def clusters(thumbs: np.ndarray, *, most: float) -> list[list[int]]:
    """Pictures that look alike, directly or by others between them.

    Args:
      thumbs: from `pixels`.
      most: unlikeness up to which two pictures are look-alikes, see `bar`.

    Returns:
      Rows of two and more look-alikes, sorted; their number of pairs does not matter.
    """
    worth = np.flatnonzero(detailed(thumbs))
    found = Components(len(thumbs))
    kept = _join_equal(thumbs, worth, found)
    if len(kept) > 1:
        _join_near(thumbs, kept, found, bar(thumbs, most))
    return found.several()


def bar(thumbs: np.ndarray, most: float) -> float:
    """Unlikeness up to which two pictures of this set are look-alikes."""
    usual = usual_unlikeness(thumbs)
    return most if usual is None else min(most, max(_ALWAYS, _OF_USUAL * usual))


def usual_unlikeness(thumbs: np.ndarray, others: np.ndarray | None = None) -> float | None:
    """The median unlikeness of two pictures of a set, or of one of it and one of others.

    None where too few have any detail.
    """
    rows = _by_look(thumbs)
    beside = rows if others is None else _by_look(others) + len(thumbs)
    if min(len(rows), len(beside)) < _USUAL_FROM:
        return None
    pick = random.Random(0)
    tried = [(int(pick.random() * len(rows)), int(pick.random() * len(beside))) for _ in
             range(_PAIRS_TRIED)]  # fmt: skip
    pairs = [(rows[a], beside[b]) for a, b in tried if rows[a] != beside[b]]
    both = thumbs if others is None else np.concatenate([thumbs, others])
    return float(np.median(unlikeness(both, np.array(pairs))))


def _by_look(thumbs: np.ndarray) -> np.ndarray:
    """Rows that have detail, by what they show, not by where they stand."""
    worth = np.flatnonzero(detailed(thumbs))
    return np.asarray(worth[np.lexsort(thumbs[worth].T)])


def detailed(thumbs: np.ndarray) -> np.ndarray:
    """Which thumbnails have enough detail to be told from others."""
    return _sums(thumbs)[1] >= LEAST_DETAIL**2 * _CELLS * _SLOPE


def unlikeness(thumbs: np.ndarray, pairs: np.ndarray, *, turned: bool = True) -> np.ndarray:
    """1 − r of pairs of rows, 0 for the same picture; see the top of this file.

    Args:
      thumbs: from `pixels`.
      pairs: two columns of row numbers.
      turned: also in the seven other positions.
    """
    found = [_unlike(thumbs, pairs[at : at + _AT_A_TIME], _TURNS if turned else _TURNS[:1])
             for at in range(0, len(pairs), _AT_A_TIME)]  # fmt: skip
    return np.concatenate(found) if found else np.empty(0)


def _unlike(thumbs: np.ndarray, pairs: np.ndarray, turns: Sequence[np.ndarray]) -> np.ndarray:
    one, other = thumbs[pairs[:, 0]].astype(np.float64), thumbs[pairs[:, 1]].astype(np.float64)
    slopes, power = _sums(one)
    _, other_power = _sums(other)
    means = _MEAN * one.sum(1) * other.sum(1)
    best = np.full(len(pairs), -np.inf)
    for turn in turns:
        placed = other[:, turn]
        shared = _SLOPE * np.einsum("pc,pc->p", one, placed) - means
        best = np.maximum(best, shared - (slopes * (placed @ _ACROSS)).sum(1))
    scale = np.sqrt(power * other_power)
    return 1 - np.divide(best, scale, out=np.zeros_like(best), where=scale > 0)


def _sums(thumbs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes, and `_SLOPE` times the squared detail: whole numbers, all of them."""
    slopes, powers = np.empty((len(thumbs), 2)), np.empty(len(thumbs))
    for at in range(0, len(thumbs), _AT_A_TIME):
        some = thumbs[at : at + _AT_A_TIME].astype(np.float64)
        here = slopes[at : at + _AT_A_TIME] = some @ _ACROSS
        squares = _SLOPE * np.einsum("pc,pc->p", some, some) - _MEAN * some.sum(1) ** 2
        powers[at : at + _AT_A_TIME] = squares - (here**2).sum(1)
    return slopes, powers


def _join_equal(thumbs: np.ndarray, rows: np.ndarray, found: Components) -> np.ndarray:
    """Joins rows that are the same but for their position; the first of each."""
    least: list[bytes] = []
    for at in range(0, len(rows), _AT_A_TIME):
        some = thumbs[rows[at : at + _AT_A_TIME]]
        turned = [np.ascontiguousarray(some[:, turn]) for turn in _TURNS]
        least += [min(t[i].tobytes() for t in turned) for i in range(len(some))]
    first: dict[bytes, int] = {}
    for key, row in zip(least, rows.tolist(), strict=True):
        found.join([(first.setdefault(key, row), row)])
    return np.array(list(first.values()), np.int64)


def _join_near(thumbs: np.ndarray, rows: np.ndarray, found: Components, most: float) -> None:
    """Joins look-alikes among rows.

    Where a picture has more neighbours than were asked for, and strangers among them, more are
    asked for; where all were look-alikes, its cluster is in any case found, and only the first of
    each such cluster is asked again.
    """
    from scipy import spatial

    points = _descriptors(thumbs[rows], _ORDER)
    # Neighbours in the tree become neighbours in memory: a quarter of the time.
    order = spatial.cKDTree(points, leafsize=32, balanced_tree=False).indices
    points, rows = np.ascontiguousarray(points[order]), rows[order]
    # Unit details lie √(2·unlikeness) apart; a bit more, so that rounding decides nothing.
    reach = (2 * most) ** 0.5 + 1e-6
    asking = np.arange(len(rows))
    tree = spatial.cKDTree(points, leafsize=32, balanced_tree=False)
    fine = _descriptors(thumbs[rows], _ALL_ORDERS, np.float32)
    checked = np.empty(0, np.int64)

    def join(pairs: np.ndarray) -> None:
        """Joins those that are look-alikes, of pairs that nobody has looked at yet."""
        nonlocal checked
        key = pairs[:, 0] * len(rows) + pairs[:, 1]
        new = ~np.isin(key, checked)
        checked = np.append(checked, key[new])
        pairs = _not_far(fine, pairs[new], reach + _ROUNDING)
        alike = unlikeness(thumbs, rows[pairs]) <= most
        found.join((int(one), int(other)) for one, other in rows[pairs[alike]])

    for count in _NEIGHBOURS:
        near, far = _ask(tree, points, asking, count, reach)
        join(near)
        full = asking[far]
        strangers = {int(a) for a, b in near if found.first(rows[a]) != found.first(rows[b])}
        firsts = {found.first(int(rows[i])) for i in full}
        asking = np.array([int(i) for i in full if int(i) in strangers], np.int64)
        heads = np.array([i for i, row in enumerate(rows) if int(row) in firsts], np.int64)
        if 1 < len(heads) < len(rows):
            few, _ = _ask(spatial.cKDTree(points[heads]), points[heads], None, count, reach)
            join(heads[few])
        if not len(asking):
            return


def _ask(
    tree: object, points: np.ndarray, asking: np.ndarray | None, count: int, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of near points, and which of those asking have more of them than `count`."""
    who = np.arange(len(points)) if asking is None else asking
    apart, near = tree.query(  # type: ignore[attr-defined]
        points[who], k=count, distance_upper_bound=reach, workers=-1
    )
    here = np.isfinite(apart)
    pairs = np.stack([np.repeat(who, here.sum(1)), near[here]], axis=1)
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    return pairs, here[:, -1]


def _not_far(points: np.ndarray, pairs: np.ndarray, reach: float) -> np.ndarray:
    """Pairs that lie no further apart than this."""
    near = [np.empty((0, 2), np.int64)]
    for at in range(0, len(pairs), _AT_A_TIME):
        some = pairs[at : at + _AT_A_TIME]
        apart = points[some[:, 0]] - points[some[:, 1]]
        near.append(some[np.einsum("pc,pc->p", apart, apart) <= reach**2])
    return np.concatenate(near)


def _descriptors(thumbs: np.ndarray, order: int, kind: type = np.float64) -> np.ndarray:
    """Frequencies of the details up to an order, in a form that no position changes.

    A flip turns the sign of coefficients of odd order, a turn by 90° also swaps c[u, v] and
    c[v, u]; absolute values, sums and differences stay, and are never further apart than the
    coefficients themselves. All details are of length 1.
    """
    from scipy import fft

    rows: list[np.ndarray] = []
    for at in range(0, len(thumbs), _AT_A_TIME):
        some = thumbs[at : at + _AT_A_TIME].astype(np.float64)
        some -= some.mean(axis=1, keepdims=True)
        some -= (some @ _ACROSS) @ _ACROSS.T / _SLOPE
        some /= np.sqrt(np.einsum("pc,pc->p", some, some))[:, None]
        waves = fft.dctn(some.reshape(-1, THUMB, THUMB), axes=(1, 2), norm="ortho")
        rows.append(_invariant(waves, order).astype(kind))
    return np.concatenate(rows)


def _invariant(coefficients: np.ndarray, most: int) -> np.ndarray:
    columns: list[np.ndarray] = []
    for order in range(2, most + 1):  # of order 1, the slope has taken nearly all
        for u in range(max(0, order - THUMB + 1), order // 2 + 1):
            v = order - u
            one, other = coefficients[:, u, v], coefficients[:, v, u]
            if u % 2 or v % 2:
                one, other = np.abs(one), np.abs(other)
            if u == v:
                columns.append(one)
            else:
                columns += [(one + other) / 2**0.5, np.abs(one - other) / 2**0.5]
    return np.stack(columns, axis=1)
