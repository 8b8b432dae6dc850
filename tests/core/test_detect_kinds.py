"""Scenes, DICOM, MATLAB's masks, prepared datasets: declared as a person would, and read."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds
from PIL import Image
from rasterio.transform import Affine

import dicoms
import scenes
from layouts import Drawing
from seg_datasets import new
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.detection.corrections import Corrections
from seg_datasets.core.detection.guess import Guess, GuessError, guess
from seg_datasets.core.detection.inspection import by_guess
from seg_datasets.core.sources import (
    CITYSCAPES,
    VOC,
    CbisDdsm,
    Cityscapes,
    Dicom,
    DicomSeg,
    Folder,
    GeoTiff,
    ImageMaskFolders,
    MatMasks,
    PascalVoc,
    Tfds,
    detect,
)
from seg_datasets.mammography import dummy as mammograms

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom's, of what breaks its rules


def look(root: pathlib.Path, **given: Any) -> Guess:
    return guess(Folder(root), Corrections(**given))


def test_scenes_that_tell_where_they_lie_are_read_as_scenes(tmp_path: pathlib.Path) -> None:
    for number in range(3):
        place = Affine(0.5, 0, 500_000 + 900 * number, 0, -0.5, 5_700_000)
        scenes.draw(tmp_path / f"{number}", scenes=1, transform=place)
        for kind in ("images", "labels"):
            (tmp_path / kind).mkdir(exist_ok=True)
            (tmp_path / f"{number}/{kind}/s0.tif").rename(tmp_path / f"{kind}/{number}.tif")
    found = look(tmp_path)
    assert found.layout.source == GeoTiff(tile=70)
    assert found.encoding.levels == (0, 1, 2)
    assert found.declaration.source.values is None
    assert len(found.declaration.classes.names) == 3
    smaller = look(tmp_path, options={"tile": "32"}, values={0: "a", 1: "b", 2: "void"})
    assert smaller.declaration.source.tile == 32
    assert len(smaller.layout.scan.samples) == 18
    with pytest.raises(DeclarationError, match="GeoTiff has no such option"):
        look(tmp_path, options={"tiles": "32"})


def test_labels_in_colours_and_pixels_without_data_are_seen(tmp_path: pathlib.Path) -> None:
    scenes.draw(tmp_path, bands=4, nodata=None)
    ids = np.zeros((50, 70), int)
    ids[9:30, 9:30] = 1
    colours = np.array([(0, 128, 0), (255, 0, 0)], np.uint8)[ids].transpose(2, 0, 1)
    scenes.write(tmp_path / "labels" / "s0.tif", colours)
    found = look(tmp_path)
    assert found.encoding.bands == 3
    assert found.declaration.channels == 4
    assert found.declaration.source.values == {"#008000": "class_0", "#ff0000": "class_1"}
    scenes.write(tmp_path / "labels" / "s0.tif", ids.astype(np.uint8), nodata=0)
    assert look(tmp_path).encoding.levels == (1,)


def test_large_tiffs_are_scenes_and_small_ones_without_a_place_are_pictures(
    tmp_path: pathlib.Path,
) -> None:
    d = Drawing(tmp_path / "small")
    for number in range(3):
        d.image(f"images/{number}.tif")
        d.mask(f"masks/{number}.tif")
    assert detect(tmp_path / "small").source == ImageMaskFolders()
    noise = np.random.default_rng(1).integers(0, 256, (8, 4200, 3), np.uint8)
    for kind, pixels in (("images", noise), ("masks", noise[..., 0] // 128)):
        (tmp_path / "large" / kind).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "large" / kind / "a.tif")
    found = detect(tmp_path / "large")
    assert found.source == GeoTiff(masks="masks", georeferenced=False)
    assert len(found.scan.samples) == 9


@pytest.mark.parametrize("told", [False, True])
def test_footprints_beside_scenes_are_burned_in(told: bool, tmp_path: pathlib.Path) -> None:
    scenes.draw(tmp_path)
    (tmp_path / "labels" / "s0.tif").unlink()
    corners = [(3, 4), (30, 4), (30, 40), (3, 40), (3, 4)]
    moved = [(x + 30, y) for x, y in corners]
    features = [
        {
            "type": "Feature",
            "properties": {"kind": kind, "class": name},
            "geometry": {"type": "Polygon", "coordinates": [[scenes.PLACE @ p for p in points]]},
        }
        for kind, name, points in (
            ("a", "roof", corners),
            ("b", "road", moved),
            ("c", "road", moved),
        )
    ]
    crs = {"type": "name", "properties": {"name": scenes.CRS}}
    text = {"type": "FeatureCollection", "crs": crs, "features": features}
    (tmp_path / "b.geojson").write_text(json.dumps(text))
    found = look(tmp_path, **({"options": {"property": "class"}} if told else {}))
    assert found.layout.source == GeoTiff(
        footprints="b.geojson", tile=70, property="class" if told else ""
    )
    names = ("background", "road", "roof") if told else ("background", "footprint")
    assert found.declaration.classes.names == names
    asked = [question.answer for question in found.questions if question.blocking]
    assert told or asked[0].startswith("--option=property=class")
    assert not by_guess(tmp_path, Corrections(options={"property": "class"})).examined.errors


def test_dicom_images_with_masks_of_their_names(tmp_path: pathlib.Path, capsys: Any) -> None:
    rng = np.random.default_rng(1)
    for number in range(4):
        image = rng.integers(0, 4000, (20, 30)).astype(np.uint16)
        mask = np.zeros((20, 30), np.uint8)
        mask[3 : 9 + number, 4:20] = 1
        made = dicoms.picture(image, PatientID=f"p{number}")
        dicoms.save(tmp_path / "raw" / "images" / f"{number}.dcm", made)
        (tmp_path / "raw" / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(tmp_path / "raw" / "masks" / f"{number}.png")
    found = look(tmp_path / "raw")
    assert found.layout.source == Dicom()
    assert (found.declaration.channels, found.declaration.bits) == (1, 16)
    windowed = look(tmp_path / "raw", options={"window": "2000,4000"})
    assert windowed.declaration.source.window == (2000, 4000)
    assert new.make("new_dicom", str(tmp_path / "raw"), to=str(tmp_path)) == 0
    assert "no test was written" in capsys.readouterr().out
    text = (tmp_path / "new_dicom" / "new_dicom_dataset_builder.py").read_text()
    assert "SOURCE = seg_datasets.sources.Dicom()" in text


def test_dicom_segmentations_are_told_by_their_headers(tmp_path: pathlib.Path) -> None:
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
    dicoms.save(tmp_path / "a.dcm", dicoms.picture(pixels))
    mask = np.zeros((20, 30), bool)
    mask[4:9, 5:20] = True
    frames = [(mask, 1, {"uid": f"{dicoms.ROOT}1"}), (mask.T[:20, :0].any() | ~mask, 2, {})]
    made = dicoms.segmentation([frames[0]], labels=("roof",))
    dicoms.save(tmp_path / "b.dcm", made)
    found = look(tmp_path)
    assert isinstance(found.declaration.source, DicomSeg)
    assert found.declaration.source.annotations == "b.dcm"
    assert found.declaration.classes.names == ("background", "roof")
    assert not found.layout.exports


def test_cbis_ddsm_is_told_by_its_tables(tmp_path: pathlib.Path) -> None:
    mammograms.draw(tmp_path)
    found = look(tmp_path)
    source = found.declaration.source
    assert isinstance(source, CbisDdsm)
    assert set(found.declaration.classes.names) == {"background", "calcification", "mass"}
    assert len(found.layout.scan.samples) == len(CbisDdsm().scan(Folder(tmp_path)).samples)


@pytest.mark.parametrize("nested", [False, True])
def test_masks_in_matlab_files_are_found_by_what_lies_in_them(
    nested: bool, tmp_path: pathlib.Path
) -> None:
    d = Drawing(tmp_path / "raw")
    for number in range(4):
        d.image(f"images/{number}.jpg")
        d.text(f"labels/{number}.mat", "")
        mask = np.zeros((24, 32), np.uint8)
        mask[2 : 8 + number, 3:20] = 1
        content = {"made": "by hand", "GT": {"Seg": mask} if nested else mask}
        scipy.io.savemat(tmp_path / "raw" / "labels" / f"{number}.mat", content)
    variable = "GT.Seg" if nested else "GT"
    found = look(tmp_path / "raw")
    assert found.layout.source == MatMasks(masks="labels", variable=variable)
    assert found.encoding.levels == (0, 1)
    name = f"new_mat_{nested}".lower()
    assert new.make(name, str(tmp_path / "raw"), to=str(tmp_path)) == 0
    assert (tmp_path / name / f"draw_{name}.py").exists()


def test_a_scene_is_drawn_for_the_test_of_a_new_folder(tmp_path: pathlib.Path) -> None:
    scenes.draw(tmp_path / "raw")
    assert new.make("new_scenes", str(tmp_path / "raw"), to=str(tmp_path)) == 0
    assert "rasterio" in (tmp_path / "new_scenes" / "draw_new_scenes.py").read_text()


def test_the_masks_of_public_sets_are_known(tmp_path: pathlib.Path) -> None:
    d = Drawing(tmp_path / "c")
    for number in range(3):
        name = f"aachen_{number:06}_000019"
        d.image(f"leftImg8bit/{name}_leftImg8bit.png")
        d.mask(f"gtFine/{name}_gtFine_labelIds.png", {0: 7, 1: 26, 2: 0})
        d.mask(f"gtFine/{name}_gtFine_labelTrainIds.png", {0: 0, 1: 13, 2: 255})
    found = look(tmp_path / "c")
    assert found.declaration.source == Cityscapes()
    assert found.declaration.classes == CITYSCAPES
    assert not any(question.blocking for question in found.questions)
    stated = look(tmp_path / "c", values={7: "road", 26: "car", 0: "void"})
    assert stated.declaration.classes.names == ("road", "car")
    d = Drawing(tmp_path / "v")
    for number in range(6):
        d.image(f"JPEGImages/2007_{number:06}.jpg")
        if number < 4:
            d.mask(f"SegmentationClass/2007_{number:06}.png", {0: 0, 1: 15, 2: 255}, "P")
    d.text("ImageSets/Segmentation/train.txt", "2007_000000\n2007_000001\n2007_000002\n")
    d.text("ImageSets/Segmentation/val.txt", "2007_000003\n")
    found = look(tmp_path / "v")
    assert isinstance(found.declaration.source, PascalVoc)
    assert found.declaration.classes == VOC
    assert not found.layout.scan.images_without_mask


class Prepared(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    name = "prepared_pets"
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(encoding_format="png"),
            "segmentation_mask": tfds.features.Image(shape=(None, None, 1)),
            "file_name": tfds.features.Text(),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples("a"), "test": self._generate_examples("b")}

    def _generate_examples(self, start: str) -> Any:
        rng = np.random.default_rng(ord(start))
        for number in range(3):
            mask = np.ones((24, 32, 1), np.uint8)
            mask[4:9, 3 : 9 + number] = 2
            image = rng.integers(0, 255, (24, 32, 3)).astype(np.uint8)
            name = f"{start}{number}.png"
            yield number, {"image": image, "segmentation_mask": mask, "file_name": name}


def test_a_dataset_that_tfds_prepared_is_read_as_it_says(tmp_path: pathlib.Path) -> None:
    builder = Prepared(data_dir=tmp_path)
    builder.download_and_prepare()
    raw = pathlib.Path(builder.data_dir)
    found = look(raw)
    assert found.layout.source == Tfds(id="file_name")
    assert found.layout.split_folders == {"train": "train", "test": "test"}
    assert found.encoding.levels == (1, 2)
    assert not by_guess(raw, Corrections(values={1: "pet", 2: "ground"})).examined.errors
    (raw / "features.json").write_text('{"content": {"features": {}}}')
    with pytest.raises(GuessError, match="no image with a mask"):
        look(raw)
