"""What an export is compared by, apart from any export."""

import json

import numpy as np

from recipes.core import parity


def test_export_whose_shape_or_numbers_are_wrong_is_never_within_limits() -> None:
    ids, probabilities = np.zeros((2, 2), np.uint8), np.full((2, 2, 2), 0.5, np.float32)
    wrong = [
        (ids, np.full_like(probabilities, np.nan)),
        (ids, probabilities + 0.2),
        (ids.astype(np.int64), probabilities),
        (ids[:1], probabilities[:1]),
        (ids + 1, probabilities),
    ]
    limit = parity.LIMITS["onnx"]
    for answer in wrong:
        difference = parity.Difference()
        difference.add((ids, probabilities), answer)
        assert not difference.within(limit)
        json.dumps(difference.facts(), allow_nan=False)
    assert not parity.Difference().within(limit)
    same = parity.Difference()
    same.add((ids, probabilities), (ids, probabilities))
    assert same.within(parity.LIMITS["savedmodel"])


def test_what_is_compared_is_padded_now_and_then() -> None:
    drawn = [np.zeros((64, 64, 1), np.uint8)] * 9
    shapes = [p.shape[:2] for p in parity.pieces(drawn, size=None, multiple=16)]
    assert shapes[::2] == [(64, 64)] * 5
    assert all(height % 16 and width % 16 for height, width in shapes[1::2])
    (large,) = parity.pieces([np.zeros((1500, 2, 1), np.uint8)], size=None, multiple=16)
    assert large.shape == (1024, 2, 1)
