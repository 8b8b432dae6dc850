"""CBIS-DDSM: masks told from crops by size, lesions united, patients together."""

import csv
import io
import pathlib
import shutil

import numpy as np
import pytest

import dicoms
import mutants
from seg_datasets.core import arrays, drawing, opening
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import AnnotationError, CbisDdsm, Folder
from seg_datasets.core.sources.dicom import look
from seg_datasets.mammography import dummy

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom's, of what breaks its rules

CLASSES = ClassTable("background", "mass", "calcification")
SOURCE = CbisDdsm()
MASSES = "mass_case_description_train_set.csv"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("cbis") / "raw"
    dummy.draw(folder)
    return folder


@pytest.fixture
def raw(drawn, tmp_path) -> pathlib.Path:
    shutil.copytree(drawn, tmp_path / "raw")
    return tmp_path / "raw"


def _one(raw: pathlib.Path, name: str, series: str = "") -> pathlib.Path:
    """The file of a folder, or that of one of its series."""
    (path,) = (raw / "CBIS-DDSM" / name).rglob(f"*{series}*/*.dcm")
    return path


def _ids(raw: pathlib.Path, name: str) -> np.ndarray:
    folder = Folder(raw)
    (sample,) = [s for s in SOURCE.scan(folder).samples if s.id == name]
    table = SOURCE.table(CLASSES)
    return drawing.paint(sample.drawing, table, size=(1, 1), folder=folder).ids


def _mask(raw: pathlib.Path, name: str) -> np.ndarray:
    """A mask as it is stored, without anything of the project."""
    content = _one(raw, name, "ROI mask").read_bytes()
    return np.frombuffer(content[-96 * 64 :], np.uint8).reshape(96, 64) > 0


def _edit(raw: pathlib.Path, change, table: str = MASSES) -> None:
    rows = [*csv.reader(io.StringIO((raw / table).read_text()))]
    rows[1:] = [change(dict(zip(rows[0], row, strict=True))) for row in rows[1:]]
    lines = [rows[0], *([*row.values()] for row in rows[1:])]
    with (raw / table).open("w", newline="") as file:
        csv.writer(file).writerows(lines)


def test_all_mammograms_are_found_and_grouped_by_patient(drawn):
    scan = SOURCE.scan(Folder(drawn))
    assert not scan.remarks
    assert not scan.clashes
    assert len(scan.samples) == 10
    assert {(s.id, s.group) for s in scan.samples} >= {
        ("P_00001_LEFT_CC", "P_00001"),
        ("P_00001_LEFT_MLO", "P_00001"),
    }
    assert {*scan.labels} == {"mass", "calcification"}
    assert len(scan.others) == 4


def test_several_lesions_are_united(drawn):
    one, two = (_mask(drawn, f"Mass-Training_P_00001_LEFT_MLO_{n}") for n in (1, 2))
    np.testing.assert_array_equal(_ids(drawn, "P_00001_LEFT_MLO"), one | two)


def test_a_mammogram_of_both_sets_is_one_sample_with_the_lesions_of_both(drawn):
    masses = _mask(drawn, "Mass-Training_P_00003_LEFT_CC_1")
    calcifications = _mask(drawn, "Calc-Test_P_00003_LEFT_CC_1")
    expected = np.where(calcifications, 2, masses)
    np.testing.assert_array_equal(_ids(drawn, "P_00003_LEFT_CC"), expected)


def test_the_same_view_with_other_pixels_is_left_out_in_both_sets(raw):
    path = _one(raw, "Calc-Test_P_00003_LEFT_CC")
    path.write_bytes(path.read_bytes()[:-1] + b"\x77")
    scan = SOURCE.scan(Folder(raw))
    assert len(scan.samples) == 9
    (remark,) = scan.remarks
    assert remark.fault is Fault.NO_ANNOTATION
    assert "Mass-Training_P_00003_LEFT_CC" in remark.where
    assert "other pixels" in remark.what


def test_the_image_has_all_its_bits(drawn):
    folder = Folder(drawn)
    sample = SOURCE.scan(folder).samples[0]
    seen = arrays.load(opening.image_file(sample, folder).data)
    content = (drawn / sample.image).read_bytes()
    stored = np.frombuffer(content[-96 * 64 * 2 :], "<u2").reshape(96, 64)
    np.testing.assert_array_equal(seen, stored)
    assert seen.dtype == np.uint16


@pytest.mark.parametrize("swap", ["columns", "names", "series", "one series"])
def test_mask_and_crop_are_told_apart_however_they_are_called(drawn, raw, swap):
    name = "Mass-Training_P_00001_LEFT_CC_1"
    mask, crop = _one(raw, name, "ROI mask"), _one(raw, name, "cropped")
    if swap == "columns":
        first, second = "ROI mask file path", "cropped image file path"
        _edit(raw, lambda row: {**row, first: row[second], second: row[first]})
    elif swap == "names":
        mask.rename(mask.with_name("1-2.dcm"))
        crop.rename(crop.with_name("1-1.dcm"))
    elif swap == "series":
        contents = mask.read_bytes(), crop.read_bytes()
        mask.write_bytes(contents[1])
        crop.write_bytes(contents[0])
    else:  # as older downloads have it
        crop.rename(mask.with_name("000000.dcm"))
        mask.rename(mask.with_name("000001.dcm"))
    expected = _mask(drawn, name)
    np.testing.assert_array_equal(_ids(raw, "P_00001_LEFT_CC"), expected)


def test_classic_folders_of_uids_are_read_as_well(raw):
    for path in [*raw.rglob("*.dcm")]:
        series = {"full": "1.1", "ROI": "1.2", "crop": "1.3"}
        uid = next(uid for word, uid in series.items() if word in path.parent.name)
        target = path.parents[2] / "1.3.6.1.4.1" / uid / "000000.dcm"
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    assert len(SOURCE.scan(Folder(raw)).samples) == 10


def test_masks_of_another_size_are_never_stretched(raw):
    path = _one(raw, "Mass-Test_P_00004_RIGHT_MLO_1", "ROI mask")
    path.write_bytes(dummy.dicom(np.zeros((90, 60), np.uint8), "x", "ROI mask images"))
    scan = SOURCE.scan(Folder(raw))
    assert len(scan.samples) == 9
    (remark,) = scan.remarks
    assert (remark.fault, "64×96" in remark.what, "60×90" in remark.what) == (
        Fault.NO_ANNOTATION,
        True,
        True,
    )


def test_two_files_that_could_be_the_mask_are_not_guessed_between(raw):
    mask = _one(raw, "Mass-Test_P_00004_RIGHT_MLO_1", "ROI mask")
    shutil.copy(mask, mask.with_name("1-3.dcm"))
    scan = SOURCE.scan(Folder(raw))
    assert [r.fault for r in scan.remarks] == [Fault.NO_ANNOTATION]
    assert len(scan.samples) == 9


def test_what_was_not_loaded_is_told(raw):
    shutil.rmtree(raw / "CBIS-DDSM/Mass-Training_P_00001_LEFT_CC_1")
    shutil.rmtree(raw / "CBIS-DDSM/Calc-Training_P_00002_RIGHT_CC")
    scan = SOURCE.scan(Folder(raw))
    assert [r.fault for r in scan.remarks] == [Fault.NO_IMAGE] * 2
    assert len(scan.samples) == 8  # without the mammogram whose lesion would be background


def test_a_mammogram_that_no_table_names_is_not_taken_for_a_healthy_one(raw):
    (raw / "calc_case_description_train_set.csv").unlink()
    scan = SOURCE.scan(Folder(raw))
    assert len(scan.samples) == 7
    assert [r.fault for r in scan.remarks] == [Fault.NO_ANNOTATION] * 3
    healthy = CbisDdsm(unannotated=True).scan(Folder(raw)).samples
    assert len(healthy) == 10


def test_soft_masks_are_refused(raw):
    path = _one(raw, "Mass-Training_P_00001_LEFT_CC_1", "ROI mask")
    soft = np.arange(96 * 64).reshape(96, 64).astype(np.uint8)
    path.write_bytes(dummy.dicom(soft, "x", "ROI mask images"))
    with pytest.raises(drawing.DrawingError, match="256 values"):
        _ids(raw, "P_00001_LEFT_CC")


def test_pathology_is_a_label_too(drawn):
    assert [*CbisDdsm(label="pathology").scan(Folder(drawn)).labels] == ["BENIGN"]


def test_two_tables_that_disagree_are_refused(raw):
    _edit(raw, lambda row: {**row, "abnormality type": "calcification"})
    (raw / "a").mkdir()
    shutil.copy(raw / MASSES, raw / "a" / MASSES)
    assert len(SOURCE.scan(Folder(raw)).samples) == 10  # the same twice
    _edit(raw, lambda row: {**row, "abnormality type": "mass"})
    with pytest.raises(AnnotationError, match="in two ways"):
        SOURCE.scan(Folder(raw))


def test_paths_of_a_table_lead_nowhere_outside(raw):
    outside = raw.parent / "Mass-Training_P_00001_LEFT_CC_1"
    outside.mkdir()
    dicoms.save(outside / "1-1.dcm", dicoms.picture(np.ones((96, 64), np.uint8)))
    shutil.rmtree(raw / "CBIS-DDSM/Mass-Training_P_00001_LEFT_CC_1")
    _edit(raw, lambda row: {**row, "ROI mask file path": f"../{outside.name}/1-1.dcm"})
    assert Fault.NO_IMAGE in {remark.fault for remark in SOURCE.scan(Folder(raw)).remarks}


def test_2000_mutated_tables_are_read_or_refused(raw, monkeypatch):
    for path in (raw / "CBIS-DDSM").glob("*_P_0000[2-9]_*"):
        shutil.rmtree(path)
    table = raw / MASSES
    content = table.read_bytes()[:900]
    for other in raw.glob("*.csv"):
        other.unlink()
    table.touch()
    folder = Folder(raw)
    looked = {path: look(folder, path) for path in folder.files()[0] if ".dcm" in path}
    monkeypatch.setattr("seg_datasets.core.sources.dicom.look", lambda _, path: looked[path])

    def read(text):
        table.unlink()  # cutting a file short waits for the disk
        mutants.put(table, text)
        SOURCE.scan(folder)

    mutants.try_all(content, read)
