"""Look-alikes: copies are found, strangers are not, and the way they are found changes nothing."""

import numpy as np
import pytest

import leaks
from seg_datasets.core.neighbours import lookalikes
from seg_datasets.core.neighbours.components import Components

MOST = 0.02


def _rows(images: list) -> np.ndarray:
    return lookalikes.pixels([leaks.thumb(image) for image in images])


@pytest.mark.parametrize("way", sorted(leaks.again(leaks.picture(0))))
def test_copies_of_every_kind_are_found_and_strangers_are_not(way: str) -> None:
    images = [leaks.picture(seed) for seed in range(40)]
    copies = [leaks.again(image)[way] for image in images[:20]]
    found = lookalikes.clusters(_rows(images + copies), most=MOST)
    assert found == [[i, 40 + i] for i in range(20)]


def test_skies_and_black_tiles_are_not_each_other() -> None:
    images = [leaks.sky(seed) for seed in range(30)]
    images += [leaks.Image.new("RGB", (64, 64)) for _ in range(3)]
    assert lookalikes.clusters(_rows(images), most=MOST) == []


def test_unlikeness_is_the_same_to_the_last_bit_in_every_position() -> None:
    one, other = leaks.picture(0), leaks.picture(1)
    turned = leaks.again(other)["turned"]
    rows = _rows([one, other, turned])
    got = lookalikes.unlikeness(rows, np.array([[0, 1], [1, 0], [1, 1]]))
    assert got[0] == got[1]
    assert got[2] == 0


def test_pairs_found_are_those_of_a_pass_over_all_pairs() -> None:
    rng = np.random.default_rng(3)
    base = _rows([leaks.picture(seed, 32) for seed in range(150)]).astype(float)
    noisy = (base + rng.normal(0, rng.uniform(0, 12, (150, 1)), base.shape)).clip(0, 255)
    rows = np.concatenate([base, noisy]).astype(np.uint8)
    pairs = np.stack(np.triu_indices(300, 1), axis=1)
    limit = lookalikes.bar(rows, MOST)
    all_pairs = Components(300)
    all_pairs.join(pairs[lookalikes.unlikeness(rows, pairs) <= limit].tolist())
    expected = all_pairs.several()
    assert 20 < len(expected) < 150
    assert lookalikes.clusters(rows, most=MOST) == expected


def test_order_of_the_pictures_changes_no_cluster() -> None:
    images = [leaks.picture(seed) for seed in range(30)]
    rows = _rows(images + [leaks.again(image)["compressed"] for image in images[:10]])
    order = np.random.default_rng(0).permutation(len(rows))
    straight = {frozenset(c) for c in lookalikes.clusters(rows, most=MOST)}
    shuffled = {frozenset(order[c].tolist()) for c in lookalikes.clusters(rows[order], most=MOST)}
    assert straight == shuffled


def test_thousands_of_near_equal_pictures_are_one_cluster() -> None:
    rng = np.random.default_rng(0)
    base = _rows([leaks.picture(0)]).astype(float)
    rows = (base + rng.normal(0, 0.6, (3000, 256))).clip(0, 255).astype(np.uint8)
    found = lookalikes.clusters(rows, most=MOST)
    assert [len(cluster) for cluster in found] == [3000]


def test_in_a_set_of_one_view_a_pair_has_to_stand_out() -> None:
    view = np.asarray(leaks.picture(99).convert("L"), float)
    own = [np.asarray(leaks.picture(seed).convert("L"), float) for seed in range(40)]
    mixed = [leaks.Image.fromarray((view * 0.92 + grey * 0.08).astype(np.uint8)) for grey in own]
    assert lookalikes.clusters(_rows(mixed), most=MOST) == []
    copy = leaks.again(mixed[3].convert("RGB"))["compressed"]
    assert lookalikes.clusters(_rows([*mixed, copy]), most=MOST) == [[3, 40]]


def test_no_pictures_and_unreadable_ones_are_no_look_alikes() -> None:
    assert lookalikes.clusters(lookalikes.pixels([]), most=MOST) == []
    assert lookalikes.clusters(lookalikes.pixels(["", "", "00"]), most=MOST) == []


def test_pairs_that_a_finer_look_sorts_out_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    view = np.asarray(leaks.picture(0).resize((16, 16)).convert("L"), np.int64).reshape(-1)
    rng = np.random.default_rng(0)
    thumbs = (view + rng.integers(-9, 10, (200, 256))).clip(0, 255).astype(np.uint8)
    thumbs[199] = thumbs[7].reshape(16, 16).T.reshape(-1)
    thumbs[199, 0] ^= 1
    assert lookalikes.clusters(thumbs, most=0.001) == [[7, 199]]
    monkeypatch.setattr(lookalikes, "_not_far", lambda points, pairs, reach: pairs)
    assert lookalikes.clusters(thumbs, most=0.001) == [[7, 199]]
