"""Any size goes through a model that wants multiples, and only real pixels come back."""

import numpy as np
import pytest
import tensorflow as tf

from recipes.core import model, tiling


def strict(multiple: int, largest: int = 10**6) -> tiling.Predict:
    """A model that answers each pixel with itself, and refuses sizes it cannot take."""

    def predict(image: np.ndarray) -> np.ndarray:
        assert not image.shape[0] % multiple
        assert not image.shape[1] % multiple
        assert max(image.shape[:2]) <= largest
        return image.astype(np.float32)

    return predict


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 16), (17, 3), (100, 37), (64, 409)])
@pytest.mark.parametrize("window", [224, 1024])
@pytest.mark.parametrize("memory", [1, 1 << 28])
def test_each_real_pixel_is_answered_once_and_by_itself(
    height: int, width: int, window: int, memory: int
) -> None:
    image = np.random.default_rng(0).uniform(size=(height, width, 3)).astype(np.float32)
    seen = np.zeros((height, width), int)
    for part in tiling.stream(
        lambda rows, columns: image[rows, columns],
        (height, width),
        strict(16, window),
        multiple=16,
        classes=3,
        window=window,
        context=40,
        memory=memory,
    ):
        seen[part.rows, part.columns] += 1
        np.testing.assert_allclose(part.probabilities, image[part.rows, part.columns], rtol=1e-5)
    assert (seen == 1).all()
    found = tiling.probabilities(image, strict(16), multiple=16, classes=3)
    np.testing.assert_allclose(found, image, rtol=1e-5)


def net(depth: int) -> tiling.Predict:
    """An untrained U-Net, with statistics that no batch has made."""
    made = model.unet(channels=2, classes=3, depth=depth, width=2, mean=(0, 0), std=(1, 1), seed=1)
    rng = np.random.default_rng(5)
    for variable in made.variables:
        if "moving" in variable.path or "gamma" in variable.path or "beta" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return lambda image: tf.nn.softmax(made(image[None].astype(np.float32))).numpy()[0]


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("memory", [1, 1 << 28])
def test_windows_answer_as_the_whole_image_does(depth: int, memory: int) -> None:
    rng = np.random.default_rng(2)
    image = rng.normal(size=(395, 517, 2)).astype(np.float32)
    predict = net(depth)
    whole = tiling.probabilities(image, predict, multiple=2**depth, classes=3, window=10**4)
    parts = tiling.stream(
        lambda rows, columns: image[rows, columns],
        (395, 517),
        predict,
        multiple=2**depth,
        classes=3,
        window=192,
        memory=memory,
    )
    for part in parts:
        found = whole[part.rows, part.columns]
        np.testing.assert_allclose(part.probabilities, found, atol=2e-6)


def test_less_context_than_a_pixel_sees_is_told_apart() -> None:
    """What the test above holds would not hold for any context."""
    image = np.random.default_rng(2).normal(size=(300, 300, 2)).astype(np.float32)
    predict = net(3)
    whole, cut = (
        tiling.probabilities(image, predict, multiple=8, classes=3, window=w, context=8)
        for w in (10**4, 160)
    )
    assert np.abs(whole - cut).max() > 1e-4


def test_a_window_gives_way_towards_its_edge() -> None:
    """Two windows that disagree meet in a slope, not in a step."""
    calls = iter((0.0, 1.0))

    def predict(image: np.ndarray) -> np.ndarray:
        return np.full((*image.shape[:2], 1), next(calls), np.float32)

    found = tiling.probabilities(
        np.zeros((16, 280, 1), np.float32), predict, multiple=16, classes=1, window=192, context=16
    )[0, :, 0]
    assert (np.diff(found) >= 0).all()
    assert found[0] == 0.0
    assert found[-1] == 1.0
    assert np.diff(found).max() < 0.1


def test_a_strip_keeps_no_more_than_its_windows() -> None:
    held = []

    def read(rows: slice, columns: slice) -> np.ndarray:
        held.append((rows.stop - rows.start, columns.stop - columns.start))
        return np.zeros((*held[-1], 1), np.float32)

    parts = tiling.stream(
        read, (5000, 700), strict(16), multiple=16, classes=1, window=256, context=16, memory=1
    )
    assert max(part.probabilities.size for part in parts) <= 256 * 256
    assert max(max(shape) for shape in held) <= 256
