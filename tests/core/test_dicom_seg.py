"""DICOM-SEG: every frame as it is stored, on the image that it names."""

import pathlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from pydicom.uid import RLELossless

import dicoms
import mutants
from seg_datasets.core import drawing
from seg_datasets.core.classes import ClassTable, DeclarationError
from seg_datasets.core.remarks import Fault
from seg_datasets.core.sources import AnnotationError, DicomSeg, Folder
from seg_datasets.core.sources import dicom_seg as module

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom's, of what breaks its rules

CLASSES = ClassTable("ground", "one", "two")
SOURCE = DicomSeg()
HERE = f"{dicoms.ROOT}7"
BOX = np.zeros((5, 7), np.uint8)
BOX[1:4, 2:6] = 1
EAST = np.zeros((5, 7), np.uint8)
EAST[2:, 4:] = 1


def _raw(root: pathlib.Path, made, count: int = 1, **elements) -> Folder:
    """A segmentation and images `a0.dcm`, … with the uids `HERE` + "0", …"""
    dicoms.save(root / "seg.dcm", made)
    for number in range(count):
        pixels = np.full((5, 7), number, np.uint8)
        image = dicoms.picture(pixels, uid=f"{HERE}{number}", **elements)
        dicoms.save(root / f"a{number}.dcm", image)
    return Folder(root)


def _painted(
    folder: Folder, source=SOURCE, classes=CLASSES, size=(7, 5)
) -> dict[str, drawing.Painted]:
    table = source.table(classes)
    return {
        sample.id: drawing.paint(sample.drawing, table, size=size)
        for sample in source.scan(folder).samples
    }


def test_segments_that_overlap_are_painted_by_number_and_what_is_lost_is_told(tmp_path):
    uid = {"uid": f"{HERE}0"}
    made = dicoms.segmentation([(EAST, 2, uid), (BOX, 1, uid)])  # not in the order of numbers
    painted = _painted(_raw(tmp_path, made))["a0"]
    np.testing.assert_array_equal(painted.ids, np.where(EAST, 2, BOX))
    assert painted.lost == {(1, 2): np.count_nonzero(BOX & EAST)}


@hypothesis.settings(max_examples=40)
@hypothesis.given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6)),
    st.integers(0, 99),
    st.booleans(),
)
def test_bits_are_those_of_the_frames_whatever_their_size(tmp_path_factory, sides, seed, fractions):
    width, height, count = sides
    root = tmp_path_factory.mktemp("seg")
    frames = np.random.default_rng(seed).integers(0, 2, (count, height, width), np.uint8)
    kind = "FRACTIONAL" if fractions else "BINARY"
    made = dicoms.segmentation(
        [
            (frame * (200 if fractions else 1), 1, {"uid": f"{HERE}{n}"})
            for n, frame in enumerate(frames)
        ],
        kind=kind,
        MaximumFractionalValue=255,
    )
    if fractions and seed % 2:
        made.compress(RLELossless, encoding_plugin="pydicom")
    painted = _painted(_raw(root, made, count), DicomSeg(threshold=0.5))
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(painted[f"a{number}"].ids, frame)


def test_fractions_need_a_threshold_and_it_is_exact(tmp_path):
    shares = (np.arange(35, dtype=np.uint8) * 7).reshape(5, 7)
    made = dicoms.segmentation(
        [(shares, 1, {"uid": f"{HERE}0"})], kind="FRACTIONAL", MaximumFractionalValue=250
    )
    folder = _raw(tmp_path, made)
    with pytest.raises(AnnotationError, match=r"threshold=0\.5"):
        SOURCE.scan(folder)
    for threshold in (0.1, 0.28, 0.7, 0.0281, 1.0):
        ids = _painted(folder, DicomSeg(threshold=threshold))["a0"].ids
        exact = np.array(
            [v * 10000 >= round(threshold * 10000) * 250 for v in shares.flatten().tolist()]
        )
        np.testing.assert_array_equal(ids.reshape(-1), exact)
    for wrong in (0, -1, 1.5):
        with pytest.raises(DeclarationError, match="threshold"):
            DicomSeg(threshold=wrong)
    made.MaximumFractionalValue = 100
    with pytest.raises(AnnotationError, match="greatest"):
        DicomSeg(threshold=0.5).scan(_raw(tmp_path, made))


def test_label_maps_hold_numbers_of_segments(tmp_path):
    numbers = BOX + EAST * 2
    made = dicoms.segmentation(
        [(np.where(numbers == 3, 2, numbers), 0, {"uid": f"{HERE}0"})], kind="LABELMAP"
    )
    del made.PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence
    ids = _painted(_raw(tmp_path, made))["a0"].ids
    np.testing.assert_array_equal(ids, np.where(EAST, 2, BOX))
    made.SegmentSequence = made.SegmentSequence[:1]
    with pytest.raises(AnnotationError, match="segment 2, which it does not describe"):
        SOURCE.scan(_raw(tmp_path, made))


def test_frames_lie_on_the_image_at_their_place_if_they_name_none(tmp_path):
    def of(z):
        return {"place": (-1.5, 2, z)}

    made = dicoms.segmentation([(BOX, 1, of(3)), (EAST, 2, of(1.004))], FrameOfReferenceUID="1.2")
    folder = _raw(tmp_path, made)
    for number in range(3):
        image = dicoms.picture(
            np.zeros((5, 7), np.uint8),
            uid=f"{HERE}{number}",
            FrameOfReferenceUID="1.2",
            ImagePositionPatient=[-1.5, 2, number + 1],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        )
        dicoms.save(tmp_path / f"a{number}.dcm", image)
    scan = SOURCE.scan(folder)
    assert [sample.id for sample in scan.samples] == ["a0", "a2"]
    assert [r.where for r in scan.remarks if r.fault is Fault.NO_ANNOTATION] == ["a1.dcm"]
    painted = _painted(folder)
    np.testing.assert_array_equal(painted["a2"].ids, BOX)
    np.testing.assert_array_equal(painted["a0"].ids, EAST * 2)
    dicoms.save(tmp_path / "b.dcm", image)
    image.SOPInstanceUID = f"{HERE}8"
    dicoms.save(tmp_path / "b.dcm", image)  # two at one place
    with pytest.raises(AnnotationError, match=r"2 images of the folder fit"):
        SOURCE.scan(folder)


def test_frames_name_frames_of_images_of_several(tmp_path):
    uid = f"{HERE}0"
    made = dicoms.segmentation(
        [(BOX, 1, {"uid": uid, "number": 3}), (EAST, 2, {"uid": uid, "number": 1})]
    )
    dicoms.save(tmp_path / "seg.dcm", made)
    image = dicoms.picture(np.zeros((3, 5, 7), np.uint8), uid=uid, NumberOfFrames=3)
    dicoms.save(tmp_path / "images/a.dcm", image)
    folder, source = Folder(tmp_path), DicomSeg(images="images", unannotated=True)
    painted = _painted(folder, source)
    assert [*painted] == ["a#1", "a#2", "a#3"]
    np.testing.assert_array_equal(painted["a#3"].ids, BOX)
    assert not painted["a#2"].ids.any()
    assert {sample.group for sample in source.scan(folder).samples} == {"someone"}
    made.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[
        0
    ].ReferencedFrameNumber = 4
    dicoms.save(tmp_path / "seg.dcm", made)
    with pytest.raises(AnnotationError, match="on which of 3 frames"):
        source.scan(folder)


def test_an_object_of_one_image_need_not_name_it_in_each_frame(tmp_path):
    def referring(*uids):
        made = dicoms.segmentation([(BOX, 1, {}), (EAST, 2, {})])
        named = [dicoms.item(ReferencedSOPInstanceUID=uid) for uid in uids]
        made.ReferencedSeriesSequence = [dicoms.item(ReferencedInstanceSequence=named)]
        return _raw(tmp_path, made, 2)

    folder = referring(f"{HERE}1")
    np.testing.assert_array_equal(_painted(folder)["a1"].ids, np.where(EAST, 2, BOX))
    assert SOURCE.scan(referring("1.2.3")).remarks[0].fault is Fault.NO_IMAGE
    with pytest.raises(AnnotationError, match="2 images"):
        SOURCE.scan(referring(f"{HERE}0", f"{HERE}1"))


def test_images_that_nothing_names_are_remarked_on_and_so_is_what_is_not_there(tmp_path):
    made = dicoms.segmentation([(BOX, 1, {"uid": f"{HERE}0"}), (BOX, 1, {"uid": "1.2.3"})])
    folder = _raw(tmp_path, made, 2)
    remarks = SOURCE.scan(folder).remarks
    assert [(r.fault, r.where, r.what) for r in remarks] == [
        (Fault.NO_IMAGE, "seg.dcm", "'1.2.3'"),
        (Fault.NO_ANNOTATION, "a1.dcm", ""),
    ]
    assert not _painted(folder, DicomSeg(unannotated=True))["a1"].ids.any()


def test_an_object_for_each_segment_makes_one_mask(tmp_path):
    uid = {"uid": f"{HERE}0"}
    folder = _raw(tmp_path, dicoms.segmentation([(BOX, 1, uid)]))
    dicoms.save(tmp_path / "then.dcm", dicoms.segmentation([(EAST, 1, uid)], labels=["two"]))
    np.testing.assert_array_equal(_painted(folder)["a0"].ids, np.where(EAST, 2, BOX))
    assert SOURCE.scan(folder).others == ("seg.dcm", "then.dcm")


def test_labels_are_those_of_segments_or_their_types(tmp_path):
    folder = _raw(tmp_path, dicoms.segmentation([(BOX, 1, {"uid": f"{HERE}0"})]))
    assert [*SOURCE.scan(folder).labels] == ["one"]
    assert [*DicomSeg(name="type").scan(folder).labels] == ["type of one"]


def test_tiles_are_put_together_and_cut_at_the_edge_of_the_slide(tmp_path):
    full = np.ones((5, 7), np.uint8)
    frames = [(full, 1, {"tile": (8, 1)}), (BOX, 2, {"tile": (1, 6)})]
    made = dicoms.segmentation(frames, TotalPixelMatrixColumns=12, TotalPixelMatrixRows=9)
    made.ReferencedSeriesSequence = [
        dicoms.item(ReferencedInstanceSequence=[dicoms.item(ReferencedSOPInstanceUID=f"{HERE}0")])
    ]
    folder = _raw(tmp_path, made)
    slide = dicoms.picture(np.zeros((9, 12), np.uint8), uid=f"{HERE}0")
    dicoms.save(tmp_path / "a0.dcm", slide)
    expected = np.zeros((9, 12), np.uint8)
    expected[:5, 7:] = 1
    expected[5:, :7] = BOX[:4] * 2
    np.testing.assert_array_equal(_painted(folder)["a0"].ids, expected)
    made.PerFrameFunctionalGroupsSequence[0].PlanePositionSlideSequence[
        0
    ].ColumnPositionInTotalImagePixelMatrix = 14
    with pytest.raises(AnnotationError, match="outside of its slide"):
        SOURCE.scan(_raw(tmp_path, made))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"LossyImageCompression": "01"}, "with loss"),
        ({"SegmentationType": "SPLINE"}, "SPLINE"),
        ({"TotalPixelMatrixColumns": 1 << 30, "TotalPixelMatrixRows": 1 << 20}, "pixels"),
        ({"PerFrameFunctionalGroupsSequence": []}, "0 of its 1 frames"),
        (
            {
                "TotalPixelMatrixColumns": 20000,
                "TotalPixelMatrixRows": 20000,
                "DimensionOrganizationType": "TILED_FULL",
                "PerFrameFunctionalGroupsSequence": [],
            },
            "too few tiles",
        ),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path, wrong, told):
    made = dicoms.segmentation([(BOX, 1, {"uid": f"{HERE}0"})], **wrong)
    with pytest.raises(AnnotationError, match=told):
        SOURCE.scan(_raw(tmp_path, made))


def test_masks_that_lie_askew_on_their_images_are_refused(tmp_path):
    made = dicoms.segmentation([(BOX, 1, {"uid": f"{HERE}0", "kept": "NO"})])
    with pytest.raises(AnnotationError, match="askew"):
        SOURCE.scan(_raw(tmp_path, made))


def test_noise_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_RUNS", 10)
    noise = np.indices((5, 7)).sum(axis=0) % 2
    made = dicoms.segmentation([(noise, 1, {"uid": f"{HERE}0"})])
    with pytest.raises(AnnotationError, match="noise"):
        SOURCE.scan(_raw(tmp_path, made))


def test_a_folder_without_segmentations_is_refused(tmp_path):
    dicoms.save(tmp_path / "a.dcm", dicoms.picture(BOX))
    with pytest.raises(AnnotationError, match="no DICOM segmentation fits"):
        SOURCE.scan(Folder(tmp_path))


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_1000_mutated_objects_are_read_or_refused(tmp_path, kind):
    frames = [
        (BOX, 1, {"uid": f"{HERE}0", "tile": (1, 1)}),
        (EAST, 2, {"uid": f"{HERE}0", "tile": (8, 1)}),
    ]
    made = dicoms.segmentation(
        frames,
        kind=kind,
        MaximumFractionalValue=1,
        TotalPixelMatrixColumns=14,
        TotalPixelMatrixRows=5,
    )
    folder, source = _raw(tmp_path, made), DicomSeg(threshold=0.5)
    table = source.table(CLASSES)

    def read(content):
        (tmp_path / "seg.dcm").unlink()  # cutting a file short waits for the disk
        mutants.put(tmp_path / "seg.dcm", b"\0" * 128 + content)
        for sample in source.scan(folder).samples:
            drawing.paint(sample.drawing, table, size=(7, 5))

    mutants.try_all((tmp_path / "seg.dcm").read_bytes()[128:], read, 1000)
