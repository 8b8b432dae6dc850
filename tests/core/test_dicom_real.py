"""Real DICOM files: images, and every frame of every segmentation, held against bare decoding."""

import pathlib

import numpy as np
import pydicom
import pytest

import dicoms
from seg_datasets.core import arrays, drawing, opening, views
from seg_datasets.core.classes import ClassTable
from seg_datasets.core.sources import DicomSeg, Folder

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom's, of what breaks its rules

CLASSES = ClassTable("ground", "one")


def _painted(folder, source, classes=CLASSES, size=(128, 128)) -> dict[str, drawing.Painted]:
    table = source.table(classes)
    samples = source.scan(folder).samples
    return {s.id: drawing.paint(s.drawing, table, size=size) for s in samples}


def test_real_images(real_data):
    folder = Folder(real_data / "dicom_seg")
    for name, options in (("ct_image.dcm", {"window": (40, 400)}), ("dx_image.dcm", {})):
        view = views.describe("dicom", file=name, **options)
        seen = arrays.load(views.read(folder, name, view).data)
        header = pydicom.dcmread(folder.path(name))
        values = header.pixel_array.astype(int)
        if options:
            low, high = 40 - 0.5 - 399 / 2, 40 - 0.5 + 399 / 2
            share = ((values - 1024 - low) / (high - low)).clip(0, 1)
            np.testing.assert_array_equal(seen, np.floor(share * 255 + 0.5))
        else:
            assert header.PhotometricInterpretation == "MONOCHROME1"
            np.testing.assert_array_equal(seen, 255 - values)


def _frames_of(path: pathlib.Path) -> np.ndarray:
    """All frames of a real object, decoded without anything of the project or of pydicom."""
    made = pydicom.dcmread(path)
    shape = (int(made.NumberOfFrames), made.Rows, made.Columns)
    values = np.frombuffer(made.PixelData, np.uint8)
    if made.BitsAllocated == 1:
        values = np.unpackbits(values, bitorder="little")
    return values[: np.prod(shape)].reshape(shape)


def _with_images(root: pathlib.Path, path: pathlib.Path) -> pydicom.Dataset:
    """A real object, and an invented image for each that it names."""
    made = pydicom.dcmread(path)
    (root / "seg.dcm").write_bytes(path.read_bytes())
    size = (
        made.get("TotalPixelMatrixRows", made.Rows),
        made.get("TotalPixelMatrixColumns", made.Columns),
    )
    for number, one in enumerate(made.ReferencedSeriesSequence[0].ReferencedInstanceSequence):
        image = dicoms.picture(np.zeros(size, np.uint8), uid=one.ReferencedSOPInstanceUID)
        dicoms.save(root / f"{number}.dcm", image)
    return made


REAL = (
    *("cr_binary", "ct_binary", "ct_binary_fractional", "ct_binary_overlap", "sm_control"),
    *("ct_binary_single_frame", "ct_true_fractional", "sm_control_labelmap", "sm_dots"),
    *("sm_control_labelmap_palette_color", "sm_dots_tiled_full", "sm_numbers"),
)


@pytest.mark.parametrize("name", REAL)
def test_every_real_frame_is_exact(real_data, tmp_path, name):
    path = real_data / "dicom_seg" / f"seg_image_{name}.dcm"
    made = _with_images(tmp_path, path)
    frames, number_of = _frames_of(path), {}
    uids = made.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    for number, one in enumerate(uids):
        number_of[one.ReferencedSOPInstanceUID] = str(number)
    labels = {s.SegmentLabel: f"c{s.SegmentNumber}" for s in made.SegmentSequence}
    classes = ClassTable("ground", *(f"c{s.SegmentNumber}" for s in made.SegmentSequence))
    source = DicomSeg(threshold=0.25, labels=labels, unannotated=True)
    painted = _painted(Folder(tmp_path), source, classes, (made.Columns, made.Rows))
    assert len(painted) == len(uids)
    height, width = next(iter(painted.values())).ids.shape
    slide = "TotalPixelMatrixRows" in made
    expected = {name: np.zeros((height, width), np.uint8) for name in painted}
    lost = 0
    groups = made.get("PerFrameFunctionalGroupsSequence", [None] * len(frames))
    tiles = -(-height // made.Rows) * -(-width // made.Columns)
    for number, (frame, group) in enumerate(zip(frames, groups, strict=True)):
        left = top = 0
        if group is None:  # TILED_FULL: tiles row after row, segment after segment
            segment, tile = divmod(number, tiles)
            segment += 1
            top, left = (tile // (width // 10) * 10, tile % (width // 10) * 10)
            image = "0"
        else:
            source_image = group.DerivationImageSequence[0].SourceImageSequence[0]
            image = number_of[source_image.ReferencedSOPInstanceUID]
            if "SegmentIdentificationSequence" in group:
                segment = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            if slide:
                place = group.PlanePositionSlideSequence[0]
                left = place.ColumnPositionInTotalImagePixelMatrix - 1
                top = place.RowPositionInTotalImagePixelMatrix - 1
        part = expected[image][top : top + made.Rows, left : left + made.Columns]
        frame = frame[: part.shape[0], : part.shape[1]]
        if made.SegmentationType == "LABELMAP":
            part[...] = np.where(frame, frame + 1, 0)  # segment 0 is described, too
            continue
        mask = frame >= (64 if made.SegmentationType == "FRACTIONAL" else 1)
        lost += np.count_nonzero(mask & (part > 0) & (part != segment))
        part[mask] = segment
    for name_, painted_one in painted.items():
        np.testing.assert_array_equal(painted_one.ids, expected[name_])
    assert sum(sum(one.lost.values()) for one in painted.values()) == lost
    assert any(one.ids.any() for one in painted.values())


def test_tiled_full_and_tiled_sparse_are_the_same_slide(real_data, tmp_path):
    ids = []
    for name in ("sm_dots", "sm_dots_tiled_full"):
        (tmp_path / name).mkdir()
        made = _with_images(tmp_path / name, real_data / "dicom_seg" / f"seg_image_{name}.dcm")
        labels = {s.SegmentLabel: "one" for s in made.SegmentSequence}
        ids.append(_painted(Folder(tmp_path / name), DicomSeg(labels=labels))["0"].ids)
    np.testing.assert_array_equal(*ids)


def test_a_real_image_with_its_segmentation(real_data, tmp_path):
    for name in ("ct_image", "seg_image_ct_binary_single_frame"):
        content = (real_data / "dicom_seg" / f"{name}.dcm").read_bytes()
        (tmp_path / f"{name}.dcm").write_bytes(content)
    folder = Folder(tmp_path)
    source = DicomSeg(window=(40, 400), labels={"first segment": "one"})
    (sample,) = source.scan(folder).samples
    assert (sample.id, sample.group, sample.parts) == ("ct_image", "1CT1", ("ct_image.dcm",))
    seen = arrays.load(opening.image_file(sample, folder).data)
    assert (seen.shape, seen.dtype) == ((128, 128), np.uint8)
    frame = _frames_of(tmp_path / "seg_image_ct_binary_single_frame.dcm")[0]
    np.testing.assert_array_equal(_painted(folder, source)["ct_image"].ids, frame)
