"""Footprints of GeoJSON and GeoPackage, burned into tiles as GDAL burns them."""

import json
import pathlib
import sqlite3
import struct

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import rasterio
from rasterio import features, warp

import kit
import mutants
import scenes
from seg_datasets.core import centres, drawing, opening
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.geo import Geo
from seg_datasets.core.sources import AnnotationError, Folder, GeoTiff, footprints, geopackage
from seg_datasets.core.sources.grid import spans
from seg_datasets.core.splits import Grouped

CLASSES = ClassTable("ground", "building")
TWO = ClassTable("ground", "house", "shed")
SIZE = 70, 50


def _polygon(*rings):
    return {"type": "Polygon", "coordinates": [[list(p) for p in ring] for ring in rings]}


def _on_ground(points):
    """Pixels to the scene's system."""
    return [scenes.PLACE @ (x, y) for x, y in points]


def _lonlat(points):
    xs, ys = zip(*_on_ground(points), strict=True)
    return list(zip(*warp.transform(scenes.CRS, "EPSG:4326", xs, ys), strict=True))


SQUARE = ((3.2, 4.1), (40.3, 4.1), (40.3, 44.7), (3.2, 44.7), (3.2, 4.1))
HOLE = ((10.1, 10.2), (20.4, 10.2), (20.4, 30.3), (10.1, 30.3), (10.1, 10.2))
STAR = ((50.3, 3.1), (66.2, 40.4), (45.1, 20.6), (69.9, 17.3), (47.2, 44.4), (50.3, 3.1))


def _write_json(path, geometries, *, properties=None, crs=None):
    content = {"type": "FeatureCollection"}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    content["features"] = [
        {"type": "Feature", "properties": (properties or [{}] * 99)[n], "geometry": geometry}
        for n, geometry in enumerate(geometries)
    ]
    path.write_text(json.dumps(content))


def _wkb(geometry, order="<", axes=2):
    head = bytes([order == "<"])
    extra = (0.0,) * (axes - 2)
    if geometry["type"] == "MultiPolygon":
        parts = [
            _wkb({"type": "Polygon", "coordinates": c}, order) for c in geometry["coordinates"]
        ]
        return head + struct.pack(f"{order}II", 6, len(parts)) + b"".join(parts)
    rings = geometry["coordinates"]
    data = head + struct.pack(f"{order}II", 3 + (1000 if axes == 3 else 0), len(rings))
    for ring in rings:
        data += struct.pack(f"{order}I", len(ring))
        data += b"".join(struct.pack(f"{order}{axes}d", *p, *extra) for p in ring)
    return data


def _write_gpkg(path, geometries, *, srs=32633, kinds=None, order="<", axes=2, layers=("roofs",)):
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        database.executescript(
            "CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER PRIMARY KEY, "
            "organization TEXT, organization_coordsys_id INTEGER, definition TEXT);"
            "CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, "
            "geometry_type_name TEXT, srs_id INTEGER, z TINYINT, m TINYINT);"
        )
        row = ("x", srs, "EPSG", srs, "undefined")
        database.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (?,?,?,?,?)", row)
        for layer in layers:
            database.execute(f'CREATE TABLE "{layer}" (fid INTEGER PRIMARY KEY, geom, kind TEXT)')
            row = (layer, "geom", "POLYGON", srs, 0, 0)
            database.execute("INSERT INTO gpkg_geometry_columns VALUES (?,?,?,?,?,?)", row)
            for number, geometry in enumerate(geometries):
                envelope = struct.pack("<4d", 0, 1, 0, 1)
                blob = b"GP\x00\x03" + struct.pack("<i", srs) + envelope
                blob += _wkb(geometry, order, axes)
                kind = kinds[number] if kinds else None
                database.execute(f'INSERT INTO "{layer}" VALUES (?,?,?)', (number + 1, blob, kind))
    database.close()


def _burned(root, source, classes=CLASSES, size=SIZE):
    folder = Folder(root)
    ids = np.full(size[::-1], 77, np.uint8)
    for sample in source.scan(folder).samples:
        seen = opening.image_file(sample, folder)
        top, left = (int(v) for v in sample.image.rpartition("#")[2].split(","))
        raw = opening.mask_file(sample, folder)
        table = source.table(classes)
        read = opening.mask(sample, raw, table, folder=folder, size=(1, 1), none=seen.none)
        part = ids[top : top + len(read.mask.ids), left : left + read.mask.ids.shape[1]]
        part[...] = read.mask.ids[: part.shape[0], : part.shape[1]]
    return ids


def _by_gdal(geometries, values, size=SIZE):
    return features.rasterize(
        list(zip(geometries, values, strict=True)), out_shape=size[::-1], transform=scenes.PLACE
    )


@pytest.mark.parametrize("kind", ["geojson", "geojson in UTM", "gpkg", "gpkg in WGS 84"])
@pytest.mark.parametrize("tile", [{}, {"tile": 16}, {"tile": 16, "overlap": 5, "partial": "pad"}])
def test_tiles_of_footprints_are_the_scene_burned_by_gdal(tmp_path, kind, tile):
    scenes.draw(tmp_path)
    outlines = ((SQUARE, HOLE), (STAR,))
    ground = [_polygon(*map(_on_ground, rings)) for rings in outlines]
    far = [_polygon(*map(_lonlat, rings)) for rings in outlines]
    name = f"roofs.{kind.split()[0]}"
    if kind.startswith("geojson"):
        crs = "urn:ogc:def:crs:EPSG::32633" if "UTM" in kind else None
        _write_json(tmp_path / name, ground if crs else far, crs=crs)
    else:
        _write_gpkg(
            tmp_path / name, far if "WGS" in kind else ground, srs=4326 if "WGS" in kind else 32633
        )
    ids = _burned(tmp_path, GeoTiff(footprints=name, **tile))
    np.testing.assert_array_equal(ids, _by_gdal(ground, [1, 1]))
    assert not ids[20, 15]


def test_footprints_are_painted_in_the_order_of_the_file(tmp_path):
    scenes.draw(tmp_path)
    shapes = [_polygon(_on_ground(STAR)), _polygon(_on_ground(SQUARE)), _polygon(_on_ground(HOLE))]
    labels = [{"kind": "house"}, {"kind": "shed"}, {"kind": "house"}]
    _write_json(tmp_path / "a.json", shapes, properties=labels, crs="EPSG:32633")
    source = GeoTiff(footprints="a.json", property="kind", tile=32)
    np.testing.assert_array_equal(_burned(tmp_path, source, TWO), _by_gdal(shapes, [1, 2, 1]))
    _write_gpkg(tmp_path / "a.gpkg", shapes, kinds=["house", "shed", "house"])
    source = GeoTiff(footprints="a.gpkg", property="kind", tile=32)
    np.testing.assert_array_equal(_burned(tmp_path, source, TWO), _by_gdal(shapes, [1, 2, 1]))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("axes", [2, 3])
def test_a_geopackage_is_read_in_either_order_and_with_heights(tmp_path, order, axes):
    scenes.draw(tmp_path)
    shape = _polygon(_on_ground(SQUARE), _on_ground(HOLE))
    _write_gpkg(tmp_path / "a.gpkg", [shape], order=order, axes=axes)
    ids = _burned(tmp_path, GeoTiff(footprints="a.gpkg", tile=32))
    np.testing.assert_array_equal(ids, _by_gdal([shape], [1]))


def test_parts_of_a_multipolygon_are_joined(tmp_path):
    scenes.draw(tmp_path)
    rings = [_polygon(_on_ground(r))["coordinates"] for r in (SQUARE, HOLE, STAR)]
    shape = {"type": "MultiPolygon", "coordinates": rings}
    for name, write in (("a.geojson", _write_json), ("a.gpkg", _write_gpkg)):
        write(tmp_path / name, [shape], **({"crs": "EPSG:32633"} if "geo" in name else {}))
        ids = _burned(tmp_path, GeoTiff(footprints=name, tile=32))
        np.testing.assert_array_equal(ids, _by_gdal([shape], [1]))


def test_a_turned_scene_is_burned_too(tmp_path):
    place = scenes.PLACE @ scenes.Affine.rotation(30)
    scenes.draw(tmp_path, transform=place)
    shape = _polygon([place @ p for p in SQUARE], [place @ p for p in HOLE])
    _write_json(tmp_path / "a.json", [shape], crs="EPSG:32633")
    ids = _burned(tmp_path, GeoTiff(footprints="a.json", tile=32))
    expected = features.rasterize([(shape, 1)], out_shape=SIZE[::-1], transform=place)
    np.testing.assert_array_equal(ids, expected)


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    st.lists(st.tuples(st.integers(-8, 50), st.integers(-8, 50)), min_size=3, max_size=8),
    st.integers(2, 9),
)
def test_cutting_a_ring_changes_no_pixel(points, times):
    """Halves of pixels: half of all edges run through centres."""
    line = np.array([p for _ in range(times) for p in points], np.float64) / 2
    line = centres.ring(np.repeat(line, 4, axis=0) if times == 9 else line)
    left, top, whole = centres.paint([0, 0, line.ravel().tolist()], (24, 24))
    scene = np.zeros((24, 24), bool)
    scene[top : top + whole.shape[0], left : left + whole.shape[1]] = whole
    least, centres._WORTH_CUTTING = centres._WORTH_CUTTING, 0
    try:
        for y in (0, 8, 16):
            for x in (0, 8, 16):
                parts = [p.ravel().tolist() for p in centres.cut(line, (x, y, 8, 8))]
                left, top, mask = centres.paint([x, y, *parts], (8, 8))
                tile = np.zeros((8, 8), bool)
                tile[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
                np.testing.assert_array_equal(tile, scene[y : y + 8, x : x + 8])
    finally:
        centres._WORTH_CUTTING = least


@hypothesis.settings(max_examples=150)
@hypothesis.given(st.data())
def test_centres_on_edges_go_where_gdal_puts_them(data):
    """Convex outlines with a rectangular hole, in halves of pixels."""
    half = st.integers(1, 7)
    x0, y0, x1, y1 = 1, 1, 25, 27
    a, b, c, d = (data.draw(half) for _ in range(4))
    outer = [(x0 + a, y0), (x1 - b, y0), (x1, y0 + b), (x1, y1 - c), (x1 - c, y1), (x0 + d, y1)]
    outer += [(x0, y1 - d), (x0, y0 + a)]
    p, q, r, s = (data.draw(st.integers(0, 3)) for _ in range(4))
    inner = [(9 + p, 9 + q), (16 + r, 9 + q), (17 + r, 16 + s), (9 + p, 18 + s)]
    rings = [[(x / 2, y / 2) for x, y in ring] for ring in (outer, inner)]
    rings = [ring[:: data.draw(st.sampled_from([1, -1]))] for ring in rings]
    lines = [centres.ring(np.array(ring)) for ring in rings]
    left, top, mask = centres.paint([0, 0, *(line.ravel().tolist() for line in lines)], (16, 16))
    scene = np.zeros((16, 16), np.uint8)
    scene[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    shape = _polygon(*(ring + ring[:1] for ring in rings))
    np.testing.assert_array_equal(scene, features.rasterize([(shape, 1)], out_shape=(16, 16)))


def test_large_polygons_are_cut_to_tiles(tmp_path):
    scenes.draw(tmp_path, size=(300, 200))
    turn = np.linspace(0, 2 * np.pi, 4001)
    far = 90 + 8 * np.sin(40 * turn)
    ring = np.stack([150 + 1.5 * far * np.cos(turn), 100 + far * np.sin(turn)], axis=1)
    shape = _polygon(_on_ground(ring.tolist()))
    _write_json(tmp_path / "a.json", [shape], crs="EPSG:32633")
    source = GeoTiff(footprints="a.json", tile=32)
    ids = _burned(tmp_path, source, size=(300, 200))
    np.testing.assert_array_equal(ids, _by_gdal([shape], [1], (300, 200)))
    drawn = [len(s.drawing) for s in source.scan(Folder(tmp_path)).samples]
    assert sum(drawn) < 2 * (tmp_path / "a.json").stat().st_size


def test_each_scene_may_have_a_file_and_one_of_them_none_on_it(tmp_path):
    scenes.draw(tmp_path, scenes=2)
    _write_json(tmp_path / "s0.json", [_polygon(_on_ground(SQUARE))], crs="EPSG:32633")
    _write_json(tmp_path / "s1.json", [])
    source = GeoTiff(footprints="{stem}.json", tile=32)
    scan = source.scan(Folder(tmp_path))
    assert {s.mask for s in scan.samples} == {"s0.json", "s1.json"}
    assert scan.others == ("s0.json", "s1.json")


def test_labels_that_lead_nowhere_are_found(tmp_path):
    scenes.draw(tmp_path)
    shape = _polygon(_on_ground(SQUARE))
    _write_json(tmp_path / "a.json", [shape], properties=[{"kind": "barn"}], crs="EPSG:32633")
    declared = {"classes": TWO, "splits": Grouped(train=1)}
    source = GeoTiff(footprints="a.json", property="kind", tile=32)
    found = kit.said(kit.findings(tmp_path, source=source, **declared))
    assert ("SD501", "a.json: feature 0") in found
    with pytest.raises(DeclarationError, match="leave open which"):
        GeoTiff(footprints="a.json").table(TWO)


@pytest.mark.parametrize(
    ("geometry", "said"),
    [
        ({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, "no area"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1]]]}, "IndexError"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1e400]]]}, "no number"),
        ({"type": "Polygon", "coordinates": [[[90, 0], [91, 0], [91, 1]]]}, "lies on any scene"),
        (_polygon(_on_ground(SQUARE)), "lies on any scene|cannot be brought|do not exist"),
    ],
)
def test_footprints_that_cannot_be_burned_are_refused(tmp_path, geometry, said):
    scenes.draw(tmp_path)
    _write_json(tmp_path / "a.json", [geometry])
    with pytest.raises(AnnotationError, match=said):
        GeoTiff(footprints="a.json").scan(Folder(tmp_path))


def test_what_sqlite_could_be_made_to_run_is_refused(tmp_path):
    scenes.draw(tmp_path)
    path = tmp_path / "a.gpkg"
    _write_gpkg(path, [_polygon(_on_ground(SQUARE))])
    with sqlite3.connect(path) as database:
        database.executescript(
            "ALTER TABLE roofs RENAME TO hidden;"
            "CREATE VIEW roofs AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT i AS fid, zeroblob(99999999) AS geom, '' AS kind FROM n;"
            "UPDATE gpkg_geometry_columns SET table_name = 'roofs';"
        )
    database.close()
    with pytest.raises(AnnotationError, match="one layer is read"):
        GeoTiff(footprints="a.gpkg").scan(Folder(tmp_path))
    _write_gpkg(path, [_polygon(_on_ground(SQUARE))], layers=("a", "b"))
    with pytest.raises(AnnotationError, match="name it in `layer`"):
        GeoTiff(footprints="a.gpkg").scan(Folder(tmp_path))
    assert GeoTiff(footprints="a.gpkg", layer="b").scan(Folder(tmp_path)).samples
    pathlib.Path(f"{path}-wal").write_bytes(b"changes")
    with pytest.raises(AnnotationError, match="has it open"):
        GeoTiff(footprints="a.gpkg", layer="b").scan(Folder(tmp_path))


def _read_mutated(tmp_path, name):
    folder, lies = Folder(tmp_path), Geo(tuple(scenes.PLACE)[:6], scenes.CRS)
    crs = rasterio.CRS.from_user_input(scenes.CRS)
    columns = spans(SIZE[0], tile=32, overlap=0, partial="shift")
    rows = spans(SIZE[1], tile=32, overlap=0, partial="shift")

    def read(content: bytes) -> None:
        mutants.put(tmp_path / name, content)
        found = footprints.read(folder, name)
        near = footprints.on_scene(found, scene="s", geo=lies, crs=crs, size=SIZE)
        budget = footprints.Budget()
        for shapes in footprints.on_tiles(near, rows=rows, columns=columns, budget=budget):
            table = CLASSES.label_table({footprints.LABEL: "building"})
            drawing.paint(drawing.dump(shapes, (32, 32)), table, size=(32, 32))

    mutants.try_all((tmp_path / name).read_bytes(), read)


def test_2000_mutated_geojson_files_are_read_or_refused(tmp_path):
    shape = _polygon(_on_ground(SQUARE), _on_ground(HOLE))
    _write_json(tmp_path / "a.json", [shape, _polygon(_on_ground(STAR))], crs="EPSG:32633")
    _read_mutated(tmp_path, "a.json")


def test_2000_mutated_geopackages_are_read_or_refused(tmp_path):
    scenes.draw(tmp_path)
    _write_gpkg(tmp_path / "a.gpkg", [_polygon(_on_ground(SQUARE)), _polygon(_on_ground(STAR))])
    with sqlite3.connect(tmp_path / "a.gpkg") as database:
        database.execute("PRAGMA page_size=512")
        database.commit()
        database.execute("VACUUM")
    database.close()
    _read_mutated(tmp_path, "a.gpkg")


def test_2000_mutated_geometries_are_read_or_refused():
    blob = b"GP\x00\x01" + struct.pack("<i", 1) + _wkb(_polygon(SQUARE, HOLE))

    def read(content: bytes) -> None:
        try:
            geopackage.polygons(content)
        except ValueError as error:
            raise AnnotationError(str(error)) from error

    mutants.try_all(blob, read)
