"""DICOM images with masks under the same names, from the raw folder to what a build would say."""

import json
import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

import dicoms
import kit
from seg_datasets.core import checks
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.sources import AnnotationError, Dicom, DicomSeg, Folder
from seg_datasets.core.splits import Grouped
from seg_datasets.core.survey import Declaration, examine

DEEP = np.random.default_rng(5).integers(0, 4096, (20, 30)).astype(np.uint16)


def _raw(root: pathlib.Path) -> Folder:
    for number in range(3):
        made = dicoms.picture(DEEP, uid=f"{dicoms.ROOT}{number}", PatientID=f"p{number // 2}")
        dicoms.save(root / f"images/a{number}.dcm", made)
    ids = (DEEP > 2000).astype(np.uint8)
    dicoms.save(root / "masks/a0_mask.dcm", dicoms.picture(ids))
    for number in (1, 2):
        Image.fromarray(ids).save(root / f"masks/a{number}_mask.png")
    return Folder(root)


def test_masks_are_found_by_name_as_dicom_or_png(tmp_path):
    scan = Dicom(mask_name="{stem}_mask", window=(2000, 900)).scan(_raw(tmp_path))
    assert [(s.id, s.group, s.mask) for s in scan.samples] == [
        ("a0", "p0", "masks/a0_mask.dcm"),
        ("a1", "p0", "masks/a1_mask.png"),
        ("a2", "p1", "masks/a2_mask.png"),
    ]
    assert scan.samples[0].parts == ("images/a0.dcm", "masks/a0_mask.dcm")
    assert json.loads(scan.samples[1].view)[1]["window"] == [2000, 900]
    assert scan.samples[1].mask_view == ""


def test_files_of_several_frames_are_several_samples_of_one_group(tmp_path):
    frames = np.zeros((3, 4, 5), np.uint8)
    made = dicoms.picture(frames, NumberOfFrames=3, PatientID="")
    dicoms.save(tmp_path / "images/a.dcm", made)
    dicoms.save(tmp_path / "masks/a.dcm", made)
    samples = Dicom().scan(Folder(tmp_path)).samples
    assert [(s.id, s.image, s.group) for s in samples] == [
        (f"a#{n}", f"images/a.dcm#{n}", "a") for n in (1, 2, 3)
    ]
    dicoms.save(tmp_path / "masks/a.dcm", dicoms.picture(frames[0]))
    with pytest.raises(AnnotationError, match="3 frames"):
        Dicom().scan(Folder(tmp_path))


def _square(number: int) -> np.ndarray:
    ids = np.zeros((40, 30), np.uint8)
    ids[number : number + 12, 5 : 9 + number] = 1
    return ids


def _examined(folder: Folder, source, **declared):
    declaration = Declaration(
        classes=ClassTable("ground", "one"),
        source=source,
        splits=Grouped(train=75, test=25),
        channels=1,
        **declared,
    )
    return examine(declaration, folder)


@pytest.mark.parametrize("objects", [False, True])
def test_a_build_finds_nothing_wrong(tmp_path, objects):
    frames = []
    for number, name in enumerate("qlbzxgwd"):
        pixels = np.random.default_rng(number).integers(0, 4096, (40, 30)).astype(np.uint16)
        pixels += _square(number).astype(np.uint16) * 4000
        uid = f"{dicoms.ROOT}{number}"
        image = dicoms.picture(pixels, uid=uid, PatientID=f"p{number // 2}")
        dicoms.save(tmp_path / f"images/{name}.dcm", image)
        frames.append((_square(number), 1, {"uid": uid}))
        if not objects:
            dicoms.save(tmp_path / f"masks/{name}.dcm", dicoms.picture(_square(number)))
    if objects:
        dicoms.save(tmp_path / "objects/seg.dcm", dicoms.segmentation(frames))
    folder = Folder(tmp_path)
    source = DicomSeg(images="images") if objects else Dicom()
    found = _examined(folder, source, bits=16)
    errors = [f for f in found.findings if f.severity is checks.Severity.ERROR]
    assert not errors
    assert {(f.sample.group, f.image.depth, f.image.mode) for f in found.subject.facts} == {
        (f"p{n}", 16, "I;16") for n in range(4)
    }
    areas = {name: _square(number).sum() for number, name in enumerate("qlbzxgwd")}
    assert {f.sample.id: f.mask.counts[1] for f in found.subject.facts} == areas


def test_a_mask_of_another_size_is_a_finding(tmp_path):
    dicoms.save(tmp_path / "images/a.dcm", dicoms.picture(DEEP))
    dicoms.save(tmp_path / "masks/a.dcm", dicoms.picture(_square(3)))
    found = kit.said(_examined(Folder(tmp_path), Dicom(), bits=16).findings)
    assert ("SD101", "masks/a.dcm") in found


def test_a_picture_that_is_broken_is_a_finding_and_not_an_end(tmp_path):
    path = dicoms.save(tmp_path / "images/a.dcm", dicoms.picture(DEEP, BitsStored=12))
    dicoms.save(tmp_path / "masks/a.dcm", dicoms.picture((DEEP > 99).astype(np.uint8)))
    found = kit.said(_examined(Folder(tmp_path), Dicom(), bits=16).findings)
    assert ("SD004", "images/a.dcm") in found  # its highest bit is not where it should be
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(AnnotationError, match=r"images/a\.dcm .*ignore"):
        _examined(Folder(tmp_path), Dicom(), bits=16)


def test_without_pydicom_it_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    for source in (Dicom(), DicomSeg()):
        with pytest.raises(DeclarationError, match=r"pip install 'seg_datasets\[dicom\]'"):
            source.scan(Folder(tmp_path))
