"""GeoTIFFs of strangers: nothing beside them is read, and nothing that they claim is believed."""

import numpy as np
import pytest

import mutants
import scenes
from seg_datasets.core import opening
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources import AnnotationError, Folder, GeoTiff
from seg_datasets.core.views import tiles


@pytest.mark.parametrize(
    "sidecar", ["s0.tif.aux.xml", "s0.tfw", "s0.tif.msk", "s0.tif.ovr", "s0.TAB", "s0_RPC.TXT"]
)
def test_nothing_beside_a_scene_is_read(tmp_path, sidecar):
    scenes.draw(tmp_path, crs=None, transform=None)
    content = b"1\n0\n0\n-1\n5\n5\n"
    if sidecar.endswith("xml"):
        content = (
            b"<PAMDataset><SRS>EPSG:32633</SRS><GeoTransform>5,1,0,5,0,-1</GeoTransform>"
            b"<PAMRasterBand band='1'><NoDataValue>3</NoDataValue></PAMRasterBand></PAMDataset>"
        )
    elif sidecar.endswith("msk"):
        scenes.write(tmp_path / "m.tif", np.zeros((50, 70), np.uint8))
        content = (tmp_path / "m.tif").read_bytes()
    (tmp_path / "images" / sidecar).write_bytes(content)
    with pytest.raises(AnnotationError, match="no transform"):
        GeoTiff(tile=32).scan(Folder(tmp_path))
    folder = Folder(tmp_path)
    first = GeoTiff(tile=32, georeferenced=False).scan(folder).samples[0]
    assert opening.image_file(first, folder).none is None


def test_other_formats_are_never_opened(tmp_path):
    scenes.draw(tmp_path)
    text = '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand><SimpleSource>'
    (tmp_path / "images/s0.tif").write_text(text + "/etc/hostname")
    with pytest.raises(AnnotationError, match=r"images/s0\.tif is no sound GeoTIFF"):
        GeoTiff(tile=32).scan(Folder(tmp_path))
    (tmp_path / "images/s0.tif").unlink()
    (tmp_path / "images/s0.tif").symlink_to("/etc/hostname")
    scan = GeoTiff(tile=32).scan(Folder(tmp_path))
    assert scan.outside == ("images/s0.tif",)
    assert not scan.samples


@pytest.mark.parametrize(
    ("layout", "width", "height", "said"),
    [
        ({}, 1 << 28, 1 << 4, "stored in pieces"),
        ({"tiled": True, "blockxsize": 16, "blockysize": 16}, 1 << 16, 1 << 15, "are cut"),
    ],
)
def test_pieces_and_sizes_that_no_scene_has_are_refused(tmp_path, layout, width, height, said):
    scenes.draw(tmp_path, compress="deflate", **layout)
    scenes.claim(tmp_path / "images/s0.tif", width=width, height=height)
    with pytest.raises(AnnotationError, match=said):
        GeoTiff(tile=64).scan(Folder(tmp_path))


def test_labels_compressed_with_loss_are_refused(tmp_path):
    scenes.draw(tmp_path)
    zeros = np.zeros((50, 70), np.uint8)
    scenes.write(tmp_path / "labels/s0.tif", zeros, compress="jpeg")
    with pytest.raises(AnnotationError, match=r"labels/s0\.tif is compressed with loss"):
        GeoTiff(tile=32).scan(Folder(tmp_path))


def test_floating_point_is_refused(tmp_path):
    scenes.draw(tmp_path)
    scenes.write(tmp_path / "images/s0.tif", np.ones((3, 50, 70), np.float32))
    with pytest.raises(ImageError, match=r"images/s0\.tif holds float32"):
        tiles.read(Folder(tmp_path), file="images/s0.tif", window=(0, 0, 32, 32))


@pytest.mark.parametrize(
    "options",
    [
        {"tile": 0},
        {"overlap": 512},
        {"partial": "crop"},
        {"bands": (0, 1)},
        {"bands": 3},
        {"property": "type"},
        {"footprints": "a.geojson", "values": {0: "ground"}},
        {"footprints": "../a.geojson"},
        {"footprints": "a.geojson", "georeferenced": False},
        {"images": "../x"},
    ],
)
def test_what_cannot_be_meant_is_refused(options):
    with pytest.raises(DeclarationError):
        GeoTiff(**options)


@pytest.mark.parametrize("compress", ["lzw", "deflate"])
def test_2000_mutated_scenes_are_read_or_refused(tmp_path, compress):
    scenes.draw(tmp_path, size=(20, 18), bands=2, compress=compress, nodata=0)
    path = tmp_path / "images/s0.tif"
    folder = Folder(tmp_path)

    def read(content: bytes) -> None:
        mutants.put(path, content)
        tiles.read(folder, file="images/s0.tif", window=(4, 4, 20, 20))

    mutants.try_all(path.read_bytes(), read, 1000)
