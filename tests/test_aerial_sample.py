"""The sample's raw data: the same bytes everywhere, exact masks, and no folder overwritten.

The digests below were recorded once. If one of them changes, every ledger entry and score that was
made from the sample is void: change them only together with those.
"""

import hashlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from seg_datasets.aerial import sample

SCENES = {
    ("alderwick", 0, 96, 0): "fdeb104688316f997f44fb2d5326ebabebc9077e223586bb97a1d10c602f62bb",
    ("jorvale", 3, 64, 0): "51a22fb2e1d668b05fa4344551eeda9e299cf1e20b0cda956c9f84045e05abf8",
    ("ostelle", 1, 33, 7): "65bd01a6d5439ecfd80845609a730c0ed42c104bd016f906bf31ac4de17287a3",
}
DRAWING = "d232cd82114502a8e90e659cc44e16408271f33c72f9ad8146015d0979000acc"
CHECKOUT = pathlib.Path(__file__).parents[1]
EDITION = {"scenes": 6, "size": 48, "seed": 0}


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _files(folder: pathlib.Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _drawing(folder: pathlib.Path) -> str:
    files = _files(folder)
    return _digest(*(part for name in sorted(files) for part in (name.encode(), files[name])))


@pytest.fixture(scope="module")
def gallery() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A scene of every city, at the size of the demo."""
    return {city: sample.scene(city, 0, size=256) for city in sample.CITIES}


@pytest.mark.parametrize("case", SCENES, ids=str)
def test_scene_has_the_recorded_pixels_and_file_bytes(case):
    city, index, size, seed = case
    image, mask = sample.scene(city, index, size=size, seed=seed)
    parts = image.tobytes(), mask.tobytes(), sample.png(image), sample.png(mask)
    assert _digest(*parts) == SCENES[case]


def test_drawing_has_the_recorded_bytes(tmp_path):
    sample.draw(tmp_path, **EDITION)
    assert _drawing(tmp_path) == DRAWING


def test_command_draws_the_same_bytes_whatever_the_hash_seed(tmp_path):
    for hash_seed in ("0", "12345"):
        out = tmp_path / hash_seed
        flags = [f"--{name}={value}" for name, value in EDITION.items()]
        subprocess.run(
            [sys.executable, "-m", "seg_datasets.aerial.sample", str(out), *flags],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=CHECKOUT,
            check=True,
            capture_output=True,
        )
        assert _drawing(out) == DRAWING


def test_drawing_needs_no_tensorflow():
    program = "import sys, seg_datasets.aerial.sample; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, check=True)


def test_scene_does_not_depend_on_how_many_are_drawn(tmp_path):
    sample.draw(tmp_path / "few", scenes=2, size=48)
    sample.draw(tmp_path / "more", scenes=17, size=48)
    few, more = _files(tmp_path / "few"), _files(tmp_path / "more")
    few.pop(sample.EDITION)
    assert few.items() <= more.items()
    assert {"images/alderwick_0001.png", "masks/brenholm_0001.png"} <= more.keys()


def test_other_seeds_and_cities_and_scenes_are_other_pictures():
    scenes = (("alderwick", 0, 0), ("alderwick", 1, 0), ("alderwick", 0, 1), ("brenholm", 0, 0))
    pictures = {sample.scene(c, k, size=48, seed=seed)[0].tobytes() for c, k, seed in scenes}
    assert len(pictures) == len(scenes)


def test_folder_holds_pairs_and_the_edition_and_nothing_else(tmp_path):
    sample.draw(tmp_path, **EDITION)
    names = [f"{city}_0000.png" for city in sample.CITIES[:6]]
    expected = {f"{part}/{name}" for part in ("images", "masks") for name in names}
    assert _files(tmp_path).keys() == expected | {"edition.txt"}
    assert (tmp_path / "edition.txt").read_bytes() == b"sample-6x48-seed0\n"


def test_masks_are_0_or_1_and_show_a_believable_share_of_buildings(gallery):
    shares = []
    for image, mask in gallery.values():
        assert image.shape == (256, 256, 3)
        assert mask.shape == (256, 256)
        assert image.dtype == mask.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 1}
        assert image.std() > 15
        shares.append((mask > 0).mean())
    assert min(shares) > 0.005
    assert max(shares) < 0.5
    assert 0.1 < np.mean(shares) < 0.25


def test_brightness_alone_tells_no_building(gallery):
    """Roofs and grounds share their colours: else the sample would be no test of a model."""
    images, masks = (np.stack(part) for part in zip(*gallery.values(), strict=True))
    grey = images.mean(axis=-1) // 8
    roofs, grounds = (
        np.histogram(grey[masks == value], bins=32, range=(0, 32), density=True)[0]
        for value in (1, 0)
    )
    assert np.minimum(roofs, grounds).sum() > 0.5


@pytest.mark.parametrize("size", [32, 33, 160, 512])
def test_pictures_of_any_size_can_be_drawn(size):
    image, mask = sample.scene("castrevo", 1, size=size)
    assert image.shape == (size, size, 3)
    assert mask.shape == (size, size)
    assert image.std() > 5


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (200, 400, 3)])
def test_png_decodes_to_the_same_pixels(shape, tmp_path):
    pixels = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    path = tmp_path / "pixels.png"
    path.write_bytes(sample.png(pixels))
    with Image.open(path) as image:
        assert image.mode == ("RGB" if len(shape) == 3 else "L")
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_drawing_again_changes_nothing(tmp_path):
    sample.draw(tmp_path, **EDITION)
    before = _files(tmp_path)
    sample.draw(tmp_path, **EDITION)
    assert _files(tmp_path) == before


def test_interrupted_drawing_is_finished(tmp_path):
    sample.draw(tmp_path, **EDITION)
    (tmp_path / "edition.txt").unlink()
    half = tmp_path / "masks" / "castrevo_0000.png"
    half.rename(half.with_name(f"{half.name}.unfinished"))
    sample.draw(tmp_path, **EDITION)
    assert _drawing(tmp_path) == DRAWING


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("holiday.jpg", b"", "holiday.jpg"),
        ("images/somewhere_0000.png", b"", "images/somewhere_0000.png"),
        ("edition.txt", b"sample-6x48-seed1\n", "'sample-6x48-seed1'"),
    ],
)
def test_folder_with_something_else_is_refused_and_left_alone(tmp_path, name, content, reason):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(sample.OutputFolderError, match=r"empty this one first") as error:
        sample.draw(tmp_path, **EDITION)
    assert str(tmp_path) in str(error.value)
    assert reason in str(error.value)
    assert _files(tmp_path) == {name: content}


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(sample.OutputFolderError, match="is a file"):
        sample.draw(path, **EDITION)


@pytest.mark.parametrize("wrong", [{"scenes": 0}, {"size": 31}, {"size": 4096}, {"seed": -1}])
def test_numbers_that_cannot_be_drawn_are_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is "):
        sample.draw(tmp_path / "out", **{**EDITION, **wrong})
    assert not (tmp_path / "out").exists()
