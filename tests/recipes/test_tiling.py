"""Any size goes through a model that wants multiples, and only real pixels come back."""

import numpy as np
import pytest

from recipes.core import tiling


def strict(multiple: int, largest: int = 10**6) -> tiling.Predict:
    """A model that answers each pixel with itself, and refuses sizes it cannot take."""

    def predict(image: np.ndarray) -> np.ndarray:
        assert not image.shape[0] % multiple
        assert not image.shape[1] % multiple
        assert max(image.shape[:2]) <= largest
        return image.astype(np.float32)

    return predict


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 16), (17, 3), (100, 37), (64, 129)])
@pytest.mark.parametrize("window", [64, 1024])
def test_each_real_pixel_is_answered_once_and_by_itself(
    height: int, width: int, window: int
) -> None:
    image = np.random.default_rng(0).uniform(size=(height, width, 3)).astype(np.float32)
    found = tiling.probabilities(
        image, strict(16, max(window, 16)), multiple=16, window=window, overlap=16
    )
    assert found.shape == image.shape
    np.testing.assert_allclose(found, image, rtol=1e-5)


@pytest.mark.parametrize(
    ("length", "window", "overlap"), [(1, 64, 16), (64, 64, 8), (65, 64, 8), (500, 64, 32)]
)
def test_windows_cover_everything_and_none_sticks_out(
    length: int, window: int, overlap: int
) -> None:
    covered = np.zeros(length, int)
    for span in tiling.spans(length, window=window, overlap=overlap):
        assert 0 <= span.start < span.stop <= length
        assert span.stop - span.start == min(window, length)
        covered[span] += 1
    assert covered.min() >= 1


def test_a_window_gives_way_towards_its_edge() -> None:
    """Two windows that disagree meet in a slope, not in a step."""
    calls = iter((0.0, 1.0))

    def predict(image: np.ndarray) -> np.ndarray:
        return np.full((*image.shape[:2], 1), next(calls), np.float32)

    found = tiling.probabilities(
        np.zeros((16, 48, 1), np.float32), predict, multiple=16, window=32, overlap=16
    )[0, :, 0]
    assert (np.diff(found) >= 0).all()
    assert found[0] == 0.0
    assert found[-1] == 1.0
    assert np.diff(found).max() < 0.1
