"""DICOM files, made for tests."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
ROOT = "1.2.826.0.1.3680043.8.498."


def picture(
    pixels: np.ndarray, *, uid: str = f"{ROOT}1", photometric: str = "MONOCHROME2", **elements: Any
) -> Dataset:
    """A picture: (H, W), (H, W, 3), or with `NumberOfFrames` the same of several."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = SECONDARY, uid
    made.PatientID, made.Modality = "someone", "OT"
    several = "NumberOfFrames" in elements
    made.Rows, made.Columns = pixels.shape[several : several + 2]
    made.SamplesPerPixel = 1 if pixels.ndim == 2 + several else 3
    if made.SamplesPerPixel == 3:
        made.PlanarConfiguration = 0
    made.PhotometricInterpretation = photometric
    made.BitsAllocated = made.BitsStored = pixels.itemsize * 8
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    made.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    made["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    for key, value in elements.items():
        setattr(made, key, value)
    return made


def save(path: pathlib.Path, made: Dataset) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, made, enforce_file_format=True)
    return path


def item(**elements: Any) -> Dataset:
    made = Dataset()
    for key, value in elements.items():
        setattr(made, key, value)
    return made


def segmentation(
    frames: Sequence[tuple[np.ndarray, int, Mapping[str, Any]]],
    *,
    labels: Sequence[str] = ("one", "two"),
    kind: str = "BINARY",
    **elements: Any,
) -> Dataset:
    """A segmentation object.

    Args:
      frames: (pixels, number of the segment, {"uid": …, "number": …, "place": …, "tile": …}).
      labels: of segments 1, 2, …
      kind: BINARY is packed into bits.
      **elements: further ones.
    """
    pixels = np.stack([frame for frame, *_ in frames]).astype(np.uint8)
    made = picture(pixels, uid=f"{ROOT}99", NumberOfFrames=len(frames), SegmentationType=kind)
    made.SOPClassUID = SEGMENTATION
    if kind == "BINARY":
        made.BitsAllocated = made.BitsStored = 1
        made.HighBit = 0
        packed = np.packbits(pixels.reshape(-1), bitorder="little").tobytes()
        made.PixelData = packed + b"\0" * (len(packed) % 2)
    made.SegmentSequence = [
        item(
            SegmentNumber=number,
            SegmentLabel=label,
            SegmentedPropertyTypeCodeSequence=[item(CodeMeaning=f"type of {label}")],
        )
        for number, label in enumerate(labels, 1)
    ]
    made.PerFrameFunctionalGroupsSequence = [_group(number, **of) for _, number, of in frames]
    for key, value in elements.items():
        setattr(made, key, value)
    return made


def _group(
    segment: int,
    *,
    uid: str = "",
    number: int | None = None,
    place: Sequence[float] = (),
    tile: Sequence[int] = (),
    kept: str = "YES",
) -> Dataset:
    made = item(SegmentIdentificationSequence=[item(ReferencedSegmentNumber=segment)])
    if uid:
        source = item(ReferencedSOPInstanceUID=uid, SpatialLocationsPreserved=kept)
        if number is not None:
            source.ReferencedFrameNumber = number
        made.DerivationImageSequence = [item(SourceImageSequence=[source])]
    if place:
        made.PlanePositionSequence = [item(ImagePositionPatient=[*place])]
        made.PlaneOrientationSequence = [item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]
    if tile:
        made.PlanePositionSlideSequence = [
            item(
                ColumnPositionInTotalImagePixelMatrix=tile[0],
                RowPositionInTotalImagePixelMatrix=tile[1],
            )
        ]
    return made
