"""What is read to be predicted, and how areas are written, apart from any run."""

import json
import pathlib
import tracemalloc
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawn_files import picture, scene
from recipes.core import inputs, outputs


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (40, 33)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_runs_of_areas_are_those_of_coco(
    shape: tuple[int, int], share: float, tmp_path: pathlib.Path
) -> None:
    from pycocotools import mask as rle
    from scipy import ndimage

    ids = (np.random.default_rng(7).random(shape) < share).astype(np.uint8)
    ids[-1, -1] = 1
    Image.fromarray(ids).save(tmp_path / "x.png")
    outputs.coco(tmp_path / "coco.json", [("x.png", tmp_path / "x.png")], ["ground", "area"])
    areas, count = ndimage.label(ids, np.ones((3, 3)))
    meant = [rle.encode(np.asfortranarray(areas == i, np.uint8)) for i in range(1, count + 1)]
    found = json.loads((tmp_path / "coco.json").read_text())["annotations"]
    assert [one["segmentation"]["counts"] for one in found] == [m["counts"].decode() for m in meant]
    assert [one["area"] for one in found] == [int(rle.area(m)) for m in meant]
    assert [one["bbox"] for one in found] == [rle.toBbox(m).tolist() for m in meant]


def test_area_is_encoded_without_an_array_of_the_image() -> None:
    """With one for each, an image of a thousand areas takes minutes."""
    one, where, shape = np.eye(2, dtype=bool), (slice(2990, 2992), slice(5, 7)), (3000, 3000)
    outputs._encoded(one, where, shape)  # imports what it needs
    tracemalloc.start()
    outputs._encoded(one, where, shape)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100_000


@pytest.mark.filterwarnings("error")
def test_plain_pictures_without_a_place_give_no_warning(tmp_path: pathlib.Path) -> None:
    picture(tmp_path, "x.tif", (32, 32))
    Image.new("L", (32, 32), 1).save(tmp_path / "m.png")
    with inputs.opened(tmp_path / "x.tif", channels=3, top=255.0) as image:
        assert not image.geo
    outputs.polygons(tmp_path / "p", tmp_path / "m.png", ["ground", "area"])


def test_dicom_goes_through_the_window_that_is_said(tmp_path: pathlib.Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    stored = np.arange(32 * 24, dtype=np.uint16).reshape(32, 24)
    file = pydicom.Dataset()
    file.file_meta = pydicom.dataset.FileMetaDataset()
    file.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file.SOPClassUID = file.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    file.SOPInstanceUID = file.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    file.Rows, file.Columns, file.SamplesPerPixel = 32, 24, 1
    file.PhotometricInterpretation, file.PixelRepresentation = "MONOCHROME2", 0
    file.BitsAllocated = file.BitsStored = 16
    file.HighBit = 15
    file.PixelData = stored.tobytes()
    path = tmp_path / "x.dcm"
    file.save_as(path, enforce_file_format=True)

    def pixels(**said: Any) -> np.ndarray:
        with inputs.opened(path, **said) as image:
            return image.read(slice(0, image.height), slice(0, image.width))

    np.testing.assert_array_equal(pixels(channels=1, top=65535.0)[..., 0], stored)
    grey = pixels(channels=3, top=255.0, dicom_window=[384, 768])
    assert grey.shape == (32, 24, 3)
    assert grey.dtype == np.uint8
    assert grey[0, 0, 0] == 0
    assert grey[-1, -1, 0] == 255
    with pytest.raises(inputs.InputError, match="uint16"):
        pixels(channels=1, top=255.0)


@pytest.mark.parametrize("said", [{"top": 1.0}, {"top": 255.0, "dtype": "float32"}])
def test_model_of_floats_takes_floats_only(said: dict, tmp_path: pathlib.Path) -> None:
    def pixels(name: str) -> np.ndarray:
        with inputs.opened(tmp_path / name, channels=2, **said) as image:
            return image.read(slice(0, image.height), slice(0, image.width))

    values = np.random.default_rng(0).random((32, 24, 2)).astype(np.float32)
    np.save(tmp_path / "x.npy", values)
    scene(tmp_path / "x.tif", values)
    for name in ("x.npy", "x.tif"):
        np.testing.assert_array_equal(pixels(name), values)
    np.save(tmp_path / "whole.npy", (255 * values).astype(np.uint8))
    np.save(tmp_path / "double.npy", values.astype(np.float64))
    np.save(tmp_path / "object.npy", np.array([[{}]]), allow_pickle=True)
    Image.new("LA", (32, 24)).save(tmp_path / "picture.png")
    for name, told in (
        ("whole.npy", "holds uint8; the model was trained on float32"),
        ("double.npy", "holds float64"),
        ("object.npy", "not numbers"),
        ("picture.png", r"holds uint8.*as \.npy or GeoTIFF"),
    ):
        with pytest.raises(inputs.InputError, match=told) as refused:
            pixels(name)
        assert name in str(refused.value)


@pytest.mark.parametrize(("made", "known"), [("uint8", "uint16"), ("uint16", "uint8")])
def test_pictures_of_another_depth_are_refused(
    made: str, known: str, tmp_path: pathlib.Path
) -> None:
    Image.fromarray(np.zeros((32, 32), made)).save(tmp_path / "x.png")
    with (
        pytest.raises(inputs.InputError, match=f"holds {made}; the model was trained on {known}"),
        inputs.opened(tmp_path / "x.png", channels=1, top=255.0, dtype=known),
    ):
        pass
