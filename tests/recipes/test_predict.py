"""Files in, masks out: names, sizes and places kept, nothing half written, nothing mixed up."""

import json
import pathlib
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from drawn_files import picture, scene
from recipes import predict as recipe
from recipes import unet
from recipes.core import answering, conclude, inputs, outputs, runs
from recipes.core.errors import RecipeError
from recipes.core.tiling import Part

rasterio = pytest.importorskip("rasterio")
TINY: dict[str, Any] = {
    "steps": 2,
    "epoch_steps": 1,
    "crop": 32,
    "depth": 2,
    "width": 4,
    "batch": 2,
}
TINY |= {"precision": "float32"}  # windows of bfloat16 round otherwise than the whole image


@pytest.fixture(scope="module")
def run(shapes: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    unet.train_and_evaluate(dataset=shapes, workdir=folder, overrides=TINY, say=lambda line: None)
    return folder


def expected(run: pathlib.Path, pixels: np.ndarray) -> np.ndarray:
    """The model's own answer for the whole image, padded by mirroring."""
    return answered(run, pixels).argmax(-1)


def answered(run: pathlib.Path, pixels: np.ndarray) -> np.ndarray:
    """The logits of it."""
    model = conclude.load_best(runs.open_run(run)[0])
    more = [(0, -pixels.shape[0] % 4), (0, -pixels.shape[1] % 4), (0, 0)]
    padded = np.pad(pixels, more, mode="symmetric")[None].astype(np.float32)
    logits = keras.ops.convert_to_numpy(model(padded, training=False))[0]
    return logits[: pixels.shape[0], : pixels.shape[1]]


def go(run: pathlib.Path, source: pathlib.Path, output: pathlib.Path, **more: object) -> dict:
    return recipe.predict(workdir=run, source=source, output=output, say=lambda line: None, **more)


def test_a_folder_keeps_its_names_and_sizes(run: pathlib.Path, tmp_path: pathlib.Path) -> None:
    drawn = {
        name: picture(tmp_path / "in", f"{name}.png", size, seed)
        for seed, (name, size) in enumerate({"a/one": (41, 50), "b/one": (33, 64)}.items())
    }
    told = go(run, tmp_path / "in", tmp_path / "out", json=tmp_path / "told.json")
    assert [row["name"] for row in told["images"]] == ["a/one", "b/one"]
    assert json.loads((tmp_path / "told.json").read_text()) == told
    for name, pixels in drawn.items():
        found = np.asarray(Image.open(tmp_path / "out" / "masks" / f"{name}.png"))
        np.testing.assert_array_equal(found, expected(run, pixels))


def test_a_single_file_and_everything_that_can_be_written(
    run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    pixels = picture(tmp_path, "x.png", (40, 52))
    go(run, tmp_path / "x.png", tmp_path / "out", write=outputs.KINDS)
    out = tmp_path / "out"
    ids = np.asarray(Image.open(out / "masks" / "x.png"))
    np.testing.assert_array_equal(ids, expected(run, pixels))
    palette = Image.open(out / "palettes" / "x.png")
    assert palette.mode == "P"
    np.testing.assert_array_equal(np.asarray(palette), ids)
    given = np.load(out / "probabilities" / "x.npy")
    assert given.shape == (40, 52, 3)
    np.testing.assert_allclose(given.sum(-1), 1, atol=2e-3)
    areas = json.loads((out / "polygons" / "x.geojson").read_text())["features"]
    painted = (
        rasterio.features.rasterize(
            [(area["geometry"], area["properties"]["id"]) for area in areas], out_shape=ids.shape
        )
        if areas
        else np.zeros_like(ids)
    )
    np.testing.assert_array_equal(painted, ids)
    from pycocotools import mask as runs_of

    coco = json.loads((out / "coco.json").read_text())
    again = np.zeros_like(ids)
    for one in coco["annotations"]:
        again[runs_of.decode(one["segmentation"]) == 1] = one["category_id"]
        assert one["area"] == runs_of.area(one["segmentation"])
    np.testing.assert_array_equal(again, ids)


def test_a_scene_keeps_its_place_and_has_void_where_it_has_no_data(
    run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    pixels = np.random.default_rng(1).integers(1, 255, (300, 340, 3), np.uint8)
    pixels[:40, :50] = 0
    scene(tmp_path / "in" / "s.tif", pixels, nodata=0)
    go(
        run,
        tmp_path / "in",
        tmp_path / "out",
        window=96,
        write=["masks", "probabilities", "polygons"],
    )
    with rasterio.open(tmp_path / "out" / "masks" / "s.tif") as found:
        assert found.crs == "EPSG:32633"
        assert found.transform == rasterio.Affine(0.5, 0, 400000, 0, -0.5, 5800000)
        ids = found.read(1)
    assert (ids[:40, :50] == 255).all()
    logits = answered(run, pixels)
    given = np.take_along_axis(logits, np.minimum(ids, 2)[..., None], -1)[..., 0]
    # But for float noise: a model of two steps finds two classes equally likely in many places.
    short = logits.max(-1) - given
    short[:40, :50] = 0
    assert short.max() < 1e-4
    with rasterio.open(tmp_path / "out" / "probabilities" / "s.tif") as found:
        assert found.count == 3
        np.testing.assert_allclose(found.read().sum(0), 1, atol=1e-4)
    first = json.loads((tmp_path / "out" / "polygons" / "s.geojson").read_text())["features"][0]
    x, y = first["geometry"]["coordinates"][0][0]
    assert 13 < x < 14
    assert 52 < y < 53


def test_what_is_there_is_left_and_the_rest_is_made(
    run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for number in range(3):
        picture(tmp_path / "in", f"{number}.png", (32, 32), number)
    go(run, tmp_path / "in", tmp_path / "out")
    masks = tmp_path / "out" / "masks"
    (masks / "1.png").unlink()
    before = (masks / "0.png").stat().st_mtime_ns
    told = go(run, tmp_path / "in", tmp_path / "out")
    assert [row["new"] for row in told["images"]] == [False, True, False]
    assert (masks / "0.png").stat().st_mtime_ns == before
    for said in ({"turns": True}, {"window": 64}):
        with pytest.raises(RecipeError, match=f"another --{next(iter(said))}:"):
            go(run, tmp_path / "in", tmp_path / "out", **said)
    assert go(run, tmp_path / "in", tmp_path / "out", turns=True, overwrite=True)


@pytest.mark.parametrize("source", ["", "x.png"], ids=["folders", "files"])
def test_masks_of_other_images_of_the_same_names_are_not_taken_for_these(
    source: str, run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    drawn = [picture(tmp_path / site, "x.png", (32, 32), i) for i, site in enumerate("ab")]
    go(run, tmp_path / "a" / source, tmp_path / "out")
    with pytest.raises(RecipeError, match=r"another --input: .* --overwrite .*prediction\.json"):
        go(run, tmp_path / "b" / source, tmp_path / "out")
    go(run, tmp_path / "b" / source, tmp_path / "out", overwrite=True)
    found = np.asarray(Image.open(tmp_path / "out" / "masks" / "x.png"))
    np.testing.assert_array_equal(found, expected(run, drawn[1]))


def test_moved_images_are_gone_on_with_once_that_is_written_down(
    run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    picture(tmp_path / "in", "x.png", (32, 32))
    go(run, tmp_path / "in", tmp_path / "out")
    new = (tmp_path / "in").rename(tmp_path / "new")
    told = tmp_path / "out" / "prediction.json"
    told.write_text(json.dumps({**json.loads(told.read_text()), "input": str(new)}))
    assert not go(run, new, tmp_path / "out")["images"][0]["new"]


def test_overwriting_that_was_stopped_is_not_taken_for_done(
    run: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        picture(tmp_path / "in", f"{number}.png", (32, 32), number)
    go(run, tmp_path / "in", tmp_path / "out", turns=True)
    real = answering.answer

    def stopped(*args: Any, **said: Any) -> None:
        if said["name"] == "1":
            raise KeyboardInterrupt
        real(*args, **said)

    monkeypatch.setattr(answering, "answer", stopped)
    with pytest.raises(KeyboardInterrupt):
        go(run, tmp_path / "in", tmp_path / "out", overwrite=True)
    monkeypatch.setattr(answering, "answer", real)
    for turns in (False, True):
        with pytest.raises(RecipeError, match="in part only: go on with --overwrite"):
            go(run, tmp_path / "in", tmp_path / "out", turns=turns)
    go(run, tmp_path / "in", tmp_path / "out", overwrite=True)
    told = go(run, tmp_path / "in", tmp_path / "out")
    assert [row["new"] for row in told["images"]] == [False, False]


def test_predicting_before_there_is_a_model_leaves_nothing(
    run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    early = tmp_path / "early"
    early.mkdir()
    (early / "plan.json").write_text((run / "plan.json").read_text())
    picture(tmp_path / "in", "x.png", (32, 32))
    with pytest.raises(RecipeError, match="no best"):
        go(early, tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_prediction_that_is_cut_short_leaves_no_half_mask(
    tmp_path: pathlib.Path,
) -> None:
    image = inputs.Input(height=8, width=8, read=lambda rows, columns: np.zeros((8, 8, 3)))

    def half() -> None:
        with outputs.masks(tmp_path / "x", image) as write:
            write(Part(slice(0, 4), slice(0, 8), np.zeros((4, 8, 2))), np.zeros((4, 8), np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("turns", [2, 8])
def test_turned_views_are_turned_back(turns: int) -> None:
    """A model that answers each pixel by its colour gives what it gives without turns."""
    pixels = keras.Input((None, None, 3))
    model = keras.Model(pixels, keras.layers.Conv2D(2, 1)(pixels))
    image = np.random.default_rng(0).normal(size=(16, 24, 3)).astype(np.float32)
    plain, turned = (answering.windows(model, turns=n)(image) for n in (1, turns))
    np.testing.assert_allclose(turned, plain, atol=1e-6)


def test_turned_views_differ_for_a_model_that_looks_around() -> None:
    pixels = keras.Input((None, None, 3))
    model = keras.Model(pixels, keras.layers.Conv2D(2, 3, padding="same")(pixels))
    image = np.random.default_rng(0).normal(size=(16, 16, 3)).astype(np.float32)
    seen = [answering.windows(model, turns=n)(image) for n in (1, 2, 8)]
    assert np.abs(seen[0] - seen[1]).max() > 1e-3
    assert np.abs(seen[1] - seen[2]).max() > 1e-3


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda p: p.write_bytes(b"no image"), "not an image"),
        (lambda p: Image.new("I;16", (32, 32)).save(p), "channels"),
        (lambda p: Image.new("RGBA", (32, 32)).save(p), "4 channels"),
    ],
    ids=["damaged", "deep", "transparent"],
)
def test_an_image_of_another_kind_is_refused_by_name(
    make: object, told: str, run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    make(tmp_path / "x.png")  # type: ignore[operator]
    with pytest.raises(RecipeError, match=told) as refused:
        go(run, tmp_path / "x.png", tmp_path / "out")
    assert "x.png" in str(refused.value)


def test_damaged_images_are_told_after_all_others_are_there(
    run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for name in ("a", "c"):
        picture(tmp_path / "in", f"{name}.png", (32, 32))
    go(run, tmp_path / "in", tmp_path / "out", turns=True)
    bad = tmp_path / "in" / "b.png"
    bad.write_bytes(b"no image")
    stale = tmp_path / "out" / "masks" / "b.png"
    stale.write_bytes(b"of another model")
    told: list[str] = []
    with pytest.raises(RecipeError, match=r"1 of 3 images .*: b\. .*without --overwrite"):
        recipe.predict(
            workdir=run,
            source=tmp_path / "in",
            output=tmp_path / "out",
            write=["masks", "coco"],
            overwrite=True,
            json=tmp_path / "told.json",
            say=told.append,
        )
    assert not stale.exists()
    (line,) = (line for line in told if line.startswith("failed"))
    assert f"{bad} is not an image" in line
    for file in ("masks", "coco.json", "prediction.json"):
        assert f"written   {tmp_path / 'out' / file}" in told
    found = json.loads((tmp_path / "told.json").read_text())
    assert [row["name"] for row in found["images"]] == ["a", "c"]
    assert [row["name"] for row in found["failed"]] == ["b"]
    picture(tmp_path / "in", "b.png", (32, 32))
    again = go(run, tmp_path / "in", tmp_path / "out")
    assert [row["new"] for row in again["images"]] == [False, True, False]


def test_grey_pictures_and_opaque_ones_are_taken(run: pathlib.Path, tmp_path: pathlib.Path) -> None:
    Image.new("L", (32, 32), 7).save(tmp_path / "grey.png")
    Image.new("RGBA", (32, 32), (1, 2, 3, 255)).save(tmp_path / "opaque.png")
    for name in ("grey.png", "opaque.png"):
        assert go(run, tmp_path / name, tmp_path / f"{name}s")["images"][0]["size"] == [32, 32]


def test_names_that_clash_and_folders_of_nothing_are_refused(
    run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(RecipeError, match="no such file"):
        go(run, tmp_path / "nothing", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match="holds no image"):
        go(run, tmp_path / "empty", tmp_path / "out")
    picture(tmp_path / "two", "a.png", (32, 32))
    picture(tmp_path / "two", "a.jpg", (32, 32))
    with pytest.raises(RecipeError, match="differ in their ending"):
        go(run, tmp_path / "two", tmp_path / "out")


def test_a_window_that_is_none_is_refused(run: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(RecipeError, match="CENTRE,WIDTH"):
        go(run, tmp_path, tmp_path, dicom_window="soft tissue")
