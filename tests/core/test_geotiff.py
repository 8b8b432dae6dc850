"""GeoTIFF scenes: tiles that put back together are the scene, and what is refused."""

import dataclasses
import itertools
import shutil

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import rasterio

import kit
import scenes
from seg_datasets.core import images, looking, opening
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.sources import AnnotationError, CsvGroups, Folder, GeoTiff
from seg_datasets.core.sources.grid import spans
from seg_datasets.core.splits import Grouped
from seg_datasets.core.survey import examine

CLASSES = ClassTable("ground", "roof", "road")


def _tiles(root, source, classes=CLASSES):
    """(sample, view of the image, values, ids) of each tile."""
    folder = Folder(root)
    for sample in source.scan(folder).samples:
        seen = opening.image_file(sample, folder)
        raw = opening.mask_file(sample, folder)
        opened = images.open_image(seen.data)
        values = np.asarray(images.pixels(opened))
        size = values.shape[1], values.shape[0]
        table = source.table(classes)
        read = opening.mask(sample, raw, table, folder=folder, size=size, none=seen.none)
        yield sample, seen, values, read.mask.ids


def _window(sample):
    return [int(v) for v in sample.image.rpartition("#")[2].split(",")]


def _put_back(root, source, shape, classes=CLASSES):
    ids = np.full(shape[:2], 77, np.uint8)
    picture = np.zeros(shape, np.uint16)
    for sample, _, values, read in _tiles(root, source, classes):
        top, left = _window(sample)
        height, width = min(len(read), shape[0] - top), min(read.shape[1], shape[1] - left)
        ids[top : top + height, left : left + width] = read[:height, :width]
        picture[top : top + height, left : left + width] = values[:height, :width]
    return picture, ids


@pytest.mark.parametrize("partial", ["shift", "pad"])
@pytest.mark.parametrize("overlap", [0, 7])
def test_real_scenes_come_back_from_their_tiles(real_data, tmp_path, partial, overlap):
    for end in ("", "2"):
        for kind, folder in (("image", "images"), ("labels", "labels")):
            (tmp_path / folder).mkdir(exist_ok=True)
            shutil.copy(
                real_data / "geotiff_scenes" / f"{kind}{end}.tif",
                tmp_path / folder / f"scene{end}.tif",
            )
    classes = ClassTable("green", "red")
    source = GeoTiff(
        tile=256,
        overlap=overlap,
        partial=partial,
        values={"#008000": "green", "#ff0000": "red"},
    )
    pictures, labels, geos = {}, {}, {}
    for sample, seen, values, ids in _tiles(tmp_path, source, classes):
        top, left = _window(sample)
        assert sample.group in ("scene", "scene2")
        assert sample.id == f"{sample.group}/r{top:04d}_c{left:04d}"
        picture = pictures.setdefault(sample.group, np.zeros((900, 900, 3), np.uint8))
        label = labels.setdefault(sample.group, np.full((900, 900), 9, np.uint8))
        picture[top : top + 256, left : left + 256] = values
        label[top : top + 256, left : left + 256] = ids
        geos[sample.group, top, left] = seen.geo
    for end in ("", "2"):
        with rasterio.open(real_data / "geotiff_scenes" / f"image{end}.tif") as scene:
            expected = np.moveaxis(scene.read(), 0, -1)
            np.testing.assert_array_equal(pictures[f"scene{end}"][:600, :600], expected)
            for (group, top, left), geo in geos.items():
                window = rasterio.windows.Window(left, top, 256, 256)
                if group == f"scene{end}":
                    assert geo.transform == tuple(scene.window_transform(window))[:6]
                    assert geo.crs == "EPSG:4326"
        with rasterio.open(real_data / "geotiff_scenes" / f"labels{end}.tif") as scene:
            red = (scene.read(1) == 255).astype(np.uint8)
            np.testing.assert_array_equal(labels[f"scene{end}"][:600, :600], red)


@hypothesis.given(
    st.integers(1, 300), st.integers(1, 40), st.integers(0, 39), st.sampled_from(["shift", "pad"])
)
def test_spans_cover_a_side_and_none_is_in_vain(length, tile, overlap, partial):
    overlap = min(overlap, tile - 1)
    found = spans(length, tile=tile, overlap=overlap, partial=partial)
    assert {at for start, n in found for at in range(start, start + n)} >= set(range(length))
    assert all(0 <= start < length for start, _ in found)
    for (one, n), (other, _) in itertools.pairwise(found):
        assert one < other <= one + n - overlap
        assert one + n < length
    whole = spans(length, tile=tile, overlap=overlap, partial="drop")
    assert (
        whole
        == [s for s in found if s[0] % (tile - overlap) == 0 and sum(s) <= length][: len(whole)]
    )
    assert all(sum(s) <= length for s in whole)


@pytest.mark.parametrize("layout", ["striped", "tiled"])
@pytest.mark.parametrize(
    ("dtype", "bands"), [(np.uint8, 1), (np.uint8, 4), (np.uint16, 3), (np.uint16, 12)]
)
def test_scenes_of_any_kind_come_back(tmp_path, layout, dtype, bands):
    options = {"tiled": True, "blockxsize": 16, "blockysize": 16} if layout == "tiled" else {}
    scenes.draw(tmp_path, bands=bands, dtype=dtype, compress="deflate", **options)
    shape = (50, 70, bands) if bands > 1 else (50, 70)
    picture, ids = _put_back(tmp_path, GeoTiff(tile=32), shape)
    with rasterio.open(tmp_path / "images/s0.tif") as scene:
        np.testing.assert_array_equal(picture, np.moveaxis(scene.read(), 0, -1).reshape(shape))
    with rasterio.open(tmp_path / "labels/s0.tif") as scene:
        np.testing.assert_array_equal(ids, scene.read(1))


def test_beyond_a_padded_scene_is_void_and_black(tmp_path):
    scenes.draw(tmp_path)
    *_, (sample, _, values, ids) = _tiles(tmp_path, GeoTiff(tile=32, partial="pad"))
    assert sample.image == "images/s0.tif#32,64"
    assert (ids[18:] == 255).all()
    assert (ids[:, 6:] == 255).all()
    assert (ids[:18, :6] < 3).all()
    assert not values[18:].any()
    assert not values[:, 6:].any()


def test_what_drop_leaves_out_is_told(tmp_path):
    scenes.draw(tmp_path)
    scan = GeoTiff(tile=32, partial="drop").scan(Folder(tmp_path))
    assert [s.image for s in scan.samples] == ["images/s0.tif#0,0", "images/s0.tif#0,32"]
    (remark,) = scan.remarks
    assert remark.what == "1,452 pixels, 41 % of it"
    found = kit.findings(tmp_path, source=GeoTiff(tile=32, partial="drop"), splits=Grouped(train=1))
    assert ("SD515", "images/s0.tif") in kit.said(found)


def test_bands_are_taken_in_the_order_that_is_stated(tmp_path):
    scenes.draw(tmp_path, bands=5)
    (_, _, values, _), *_ = _tiles(tmp_path, GeoTiff(tile=32, bands=(4, 1)))
    with rasterio.open(tmp_path / "images/s0.tif") as scene:
        np.testing.assert_array_equal(np.moveaxis(values, -1, 0), scene.read([4, 1])[:, :32, :32])


def test_nodata_is_void_where_all_bands_say_so(tmp_path):
    image = np.full((3, 32, 32), 9, np.uint8)
    image[:, :4] = 7
    image[0, 4:8] = 7
    scenes.write(tmp_path / "images/a.tif", image, nodata=7)
    scenes.write(tmp_path / "labels/a.tif", np.ones((32, 32), np.uint8))
    ((_, _, values, ids),) = _tiles(tmp_path, GeoTiff(tile=32))
    assert (ids == np.where(np.arange(32) < 4, 255, 1)[:, None]).all()
    np.testing.assert_array_equal(values, np.moveaxis(image, 0, -1))


def test_a_mask_inside_the_scene_is_void(tmp_path):
    valid = np.ones((32, 32), bool)
    valid[3:5, 6:9] = False
    image = np.full((3, 32, 32), 9, np.uint8)
    scenes.write(tmp_path / "images/a.tif", image, own_mask=valid)
    scenes.write(tmp_path / "labels/a.tif", np.ones((32, 32), np.uint8))
    ((_, _, _, ids),) = _tiles(tmp_path, GeoTiff(tile=32))
    np.testing.assert_array_equal(ids == 255, ~valid)


def test_transparency_is_void_where_it_is_not_taken_for_a_band(tmp_path):
    image = np.full((4, 32, 32), 9, np.uint8)
    image[3] = 255
    image[3, 5] = 0
    scenes.write(tmp_path / "images/a.tif", image, photometric="RGB", alpha="YES")
    scenes.write(tmp_path / "labels/a.tif", np.ones((32, 32), np.uint8))
    ((_, _, values, ids),) = _tiles(tmp_path, GeoTiff(tile=32, bands=(1, 2, 3)))
    assert (ids[5] == 255).all()
    assert np.count_nonzero(ids == 255) == 32
    ((_, _, values, ids),) = _tiles(tmp_path, GeoTiff(tile=32))
    assert values.shape == (32, 32, 4)
    assert (ids == 1).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32])
def test_what_labels_call_no_data_is_void(tmp_path, dtype):
    mark = 200 if dtype == np.uint8 else -9999
    labels = np.ones((32, 32), dtype)
    labels[2] = mark
    scenes.write(tmp_path / "images/a.tif", np.ones((3, 32, 32), np.uint8))
    scenes.write(tmp_path / "labels/a.tif", labels, nodata=mark)
    ((_, _, _, ids),) = _tiles(tmp_path, GeoTiff(tile=32))
    assert (ids == np.where(np.arange(32) == 2, 255, 1)[:, None]).all()


def test_no_data_that_values_call_a_class_is_asked_about(tmp_path):
    scenes.draw(tmp_path, nodata=0)
    values = {0: "ground", 1: "roof", 2: "road"}
    with pytest.raises(AnnotationError, match=r"labels/s0\.tif says that 0 is no data.*nodata="):
        GeoTiff(tile=32, values=values).scan(Folder(tmp_path))
    source = GeoTiff(tile=32, values=values, nodata=False)
    assert {*np.unique(_put_back(tmp_path, source, (50, 70, 3))[1])} == {0, 1, 2}
    source = GeoTiff(tile=32, values={**values, 0: "void"})
    assert {*np.unique(_put_back(tmp_path, source, (50, 70, 3))[1])} == {1, 2, 255}


@pytest.mark.parametrize("by_colour", [False, True])
def test_a_palette_of_labels_is_read_by_number_or_by_colour(tmp_path, by_colour):
    numbers = np.random.default_rng(0).choice(np.array([3, 7, 9], np.uint8), (32, 32))
    colours = {3: (10, 0, 0, 255), 7: (0, 20, 0, 255), 9: (0, 0, 30, 255)}
    scenes.write(tmp_path / "images/a.tif", np.ones((3, 32, 32), np.uint8))
    scenes.write(
        tmp_path / "labels/a.tif", numbers, colormap=colours, photometric="PALETTE", alpha=None
    )
    values = {3: "ground", 7: "roof", 9: "road"}
    if by_colour:
        values = {f"#{bytes(colours[n][:3]).hex()}": name for n, name in values.items()}
    ((_, _, _, ids),) = _tiles(tmp_path, GeoTiff(tile=32, values=values))
    np.testing.assert_array_equal(np.array([3, 7, 9])[ids], numbers)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"crs": "EPSG:32632"}, "EPSG:32632 and EPSG:32633"),
        ({"transform": scenes.PLACE @ scenes.Affine.translation(0, 1)}, "1 pixels apart"),
        ({"crs": None}, "in no system"),
        ({"transform": None}, "no place"),
        ({"values": np.zeros((50, 71), np.uint8)}, "71×50 pixels and 70×50"),
    ],
)
def test_labels_on_another_grid_are_refused_with_both_names(tmp_path, options, said):
    scenes.draw(tmp_path)
    values = options.pop("values", np.zeros((50, 70), np.uint8))
    scenes.write(tmp_path / "labels/s0.tif", values, **options)
    with pytest.raises(AnnotationError, match=r"labels/s0\.tif and images/s0\.tif") as error:
        GeoTiff(tile=32).scan(Folder(tmp_path))
    assert said in str(error.value)


@pytest.mark.parametrize("lacking", [{"crs": None}, {"transform": None}])
def test_a_scene_that_lies_nowhere_is_refused_unless_it_may(tmp_path, lacking):
    scenes.draw(tmp_path, **lacking)
    with pytest.raises(AnnotationError, match=r"images/s0\.tif has no .*georeferenced=False"):
        GeoTiff(tile=32).scan(Folder(tmp_path))
    source = GeoTiff(tile=32, georeferenced=False)
    (sample, seen, _, _), *_ = _tiles(tmp_path, source)
    assert seen.geo.transform == ()
    facts = looking.look_at(sample, folder=Folder(tmp_path), table=source.table(CLASSES))
    assert not facts.georeferenced


def test_groups_are_of_scenes(tmp_path):
    scenes.draw(tmp_path, scenes=2)
    groups = {s.group for s in GeoTiff(tile=32).scan(Folder(tmp_path)).samples}
    assert groups == {"s0", "s1"}
    groups = {s.group for s in GeoTiff(tile=32, group="^s").scan(Folder(tmp_path)).samples}
    assert groups == {"s"}
    (tmp_path / "groups.csv").write_text("id,group\ns0,north\ns1,south\n")
    source = GeoTiff(tile=32, group=CsvGroups("groups.csv"))
    scan = source.scan(Folder(tmp_path))
    assert {s.group for s in scan.samples} == {"north", "south"}
    assert scan.others == ("groups.csv",)


def test_groups_that_are_found_do_not_tear_a_scene(tmp_path):
    scenes.draw(tmp_path, scenes=2)
    source = GeoTiff(tile=32, group="auto")
    declaration = dataclasses.replace(kit.DECLARATION, source=source, splits=Grouped(train=1))
    samples = examine(declaration, Folder(tmp_path)).subject.scan.samples
    for scene in ("s0", "s1"):
        assert len({s.group for s in samples if s.id.startswith(scene)}) == 1
