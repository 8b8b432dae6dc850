"""DICOM images: what is seen of them, and what is refused before memory is asked for."""

import io
import pathlib
import tracemalloc
import zlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.pixels import apply_windowing
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

import dicoms
import mutants
from seg_datasets.core import arrays, views
from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources import Dicom, Folder, dicom
from seg_datasets.core.views import dicom_file

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom's, of what breaks its rules

RNG = np.random.default_rng(5)
DEEP = RNG.integers(0, 4096, (20, 30)).astype(np.uint16)
SIGNED = RNG.integers(-900, 2000, (20, 30)).astype(np.int16)
WIDE = SIGNED.astype(int)
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


def _seen(root: pathlib.Path, made=None, **options) -> np.ndarray:
    if made is not None:
        dicoms.save(root / "a.dcm", made)
    view = views.describe("dicom", file="a.dcm", **options)
    return arrays.load(views.read(Folder(root), "a.dcm", view).data)


def _capsuled(made, frames: list[bytes], syntax: str):
    made.PixelData = pydicom.encaps.encapsulate(frames)
    made["PixelData"].VR = "OB"
    made.file_meta.TransferSyntaxUID = syntax
    return made


def test_stored_values_are_kept_and_those_of_monochrome1_turned(tmp_path):
    made = dicoms.picture(DEEP, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(_seen(tmp_path, made), DEEP)
    made.PhotometricInterpretation = "MONOCHROME1"
    turned = _seen(tmp_path, made)
    assert turned.dtype == np.uint16
    np.testing.assert_array_equal(turned, 4095 - DEEP)


def test_signed_values_begin_at_the_least_that_the_bits_hold(tmp_path):
    np.testing.assert_array_equal(_seen(tmp_path, dicoms.picture(SIGNED)), WIDE + (1 << 15))
    np.testing.assert_array_equal(
        _seen(tmp_path, dicoms.picture(SIGNED, photometric="MONOCHROME1")), (1 << 15) - 1 - WIDE
    )


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT"])
def test_windows_are_those_of_dicom(tmp_path, bits, function):
    made = dicoms.picture(SIGNED, RescaleSlope=1.5, RescaleIntercept=-1024)
    made.WindowCenter, made.WindowWidth, made.VOILUTFunction = [40, 7], [401, 9], function
    most = (1 << bits) - 1
    # pydicom's window has the range of its input: here 0..1, to be scaled and rounded.
    exact = dicoms.picture(SIGNED, BitsStored=16)
    exact.update(made)
    lowest, span = -(1 << 15) * 1.5 - 1024, ((1 << 16) - 1) * 1.5
    theirs = (apply_windowing(SIGNED * 1.5 - 1024, exact) - lowest) / span * most
    ours = _seen(tmp_path, made, window="file", bits=bits)
    assert np.abs(ours - theirs).max() <= 0.5 + 1e-6
    assert ours.dtype == (np.uint8 if bits == 8 else np.uint16)
    if function == "LINEAR":
        np.testing.assert_array_equal(_seen(tmp_path, window=(40, 401), bits=bits), ours)
        made.PhotometricInterpretation = "MONOCHROME1"
        turned = _seen(tmp_path, made, window="file", bits=bits)
        np.testing.assert_array_equal(turned, most - ours)


def test_halves_are_rounded_up(tmp_path):
    values = np.arange(4, dtype=np.uint8)[None].repeat(2, 0)
    shown = _seen(tmp_path, dicoms.picture(values), window=(255.5, 511))
    assert shown[0].tolist() == [0, 1, 1, 2]  # 0, 0.5, 1, 1.5


def test_tables_of_brightness_are_followed(tmp_path):
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    bright = [0, 65535, 0, 65535, 32768, 1]
    table = dicoms.item(LUTDescriptor=[6, 0, 16], LUTData=np.array(bright, "<u2").tobytes())
    made = dicoms.picture(values, VOILUTSequence=[table])
    assert _seen(tmp_path, made, window="file").tolist() == [[0, 255, 0], [255, 128, 0]]


def test_a_window_that_the_file_does_not_state_is_an_error(tmp_path):
    with pytest.raises(ImageError, match=r"window=\(centre, width\)"):
        _seen(tmp_path, dicoms.picture(DEEP), window="file")
    made = dicoms.picture(DEEP, WindowCenter=3, WindowWidth=4, VOILUTFunction="SIGMOID")
    with pytest.raises(ImageError, match="SIGMOID"):
        _seen(tmp_path, made, window="file")
    for unclear in ("full", (3, 0), 5):
        with pytest.raises(DeclarationError, match="window"):
            Dicom(window=unclear)


@pytest.mark.parametrize("planar", [0, 1])
def test_colours_in_both_orders(tmp_path, planar):
    colours = RNG.integers(0, 256, (6, 8, 3), np.uint8)
    made = dicoms.picture(colours, photometric="RGB", PlanarConfiguration=planar)
    if planar:
        made.PixelData = colours.transpose(2, 0, 1).tobytes()
    np.testing.assert_array_equal(_seen(tmp_path, made), colours)


def test_ycbcr_becomes_rgb_and_is_no_mask(tmp_path):
    grey = np.full((4, 4, 3), 128, np.uint8)
    grey[..., 0] = np.arange(4) * 60
    seen = _seen(tmp_path, dicoms.picture(grey, photometric="YBR_FULL"))
    np.testing.assert_array_equal(seen, grey[..., :1].repeat(3, 2))
    with pytest.raises(ImageError, match="not exact"):
        _seen(tmp_path, labels=True)


def test_palettes_are_colours_in_images_and_numbers_in_masks(tmp_path):
    values = np.array([[0, 1], [2, 1]], np.uint8)
    made = dicoms.picture(values, photometric="PALETTE COLOR")
    for name, column in zip(
        ("Red", "Green", "Blue"), ((1, 2, 3), (4, 5, 6), (7, 8, 9)), strict=True
    ):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [3, 0, 16])
        data = np.array(column, "<u2") << 8
        setattr(made, f"{name}PaletteColorLookupTableData", data.tobytes())
    assert _seen(tmp_path, made).tolist() == [[[1, 4, 7], [2, 5, 8]], [[3, 6, 9], [2, 5, 8]]]
    np.testing.assert_array_equal(_seen(tmp_path, labels=True), values)


def test_frames_are_counted_from_one(tmp_path):
    frames = RNG.integers(0, 256, (3, 5, 7), np.uint8)
    made = dicoms.picture(frames, NumberOfFrames=3)
    for number in range(3):
        seen = _seen(tmp_path, made, frame=number + 1)
        np.testing.assert_array_equal(seen, frames[number])
    with pytest.raises(ImageError, match="3 frames, no 4"):
        _seen(tmp_path, frame=4)


@pytest.mark.parametrize("pixels", [DEEP, SIGNED, DEEP.astype(np.uint8)])
def test_rle_is_decoded(tmp_path, pixels):
    made = dicoms.picture(pixels)
    made.compress(RLELossless, encoding_plugin="pydicom")
    offset = 1 << 15 if pixels.dtype == np.int16 else 0
    np.testing.assert_array_equal(_seen(tmp_path, made), pixels.astype(int) + offset)


def _jpeg(pixels: np.ndarray, kind: str = "JPEG", **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def test_jpeg_is_an_image_and_never_a_mask(tmp_path):
    grey = np.full((16, 24), 90, np.uint8)
    made = _capsuled(dicoms.picture(grey), [_jpeg(grey)], JPEG_BASELINE)
    assert np.abs(_seen(tmp_path, made).astype(int) - grey).max() <= 1
    with pytest.raises(ImageError, match="compressed with loss"):
        _seen(tmp_path, labels=True)
    plain = dicoms.picture(grey, LossyImageCompression="01")  # decompressed since
    with pytest.raises(ImageError, match="compressed with loss"):
        _seen(tmp_path, plain, labels=True)


def test_a_codestream_of_another_size_is_not_decoded(tmp_path):
    grey = np.full((16, 24), 90, np.uint8)
    for code, syntax in (
        (_jpeg(np.zeros((4000, 4000), np.uint8)), JPEG_BASELINE),
        (_jpeg(np.zeros((64, 64), np.uint8), "JPEG2000", no_jp2=True), JPEG2000Lossless),
    ):
        with pytest.raises(ImageError, match="claims"):
            _seen(tmp_path, _capsuled(dicoms.picture(grey), [code], syntax))


@pytest.mark.parametrize(
    ("syntax", "told"),
    [
        ("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless.*pip install pylibjpeg"),
        ("1.2.840.10008.1.2.4.102", "MPEG-4.*convert it"),
    ],
)
def test_what_nothing_decodes_is_named(tmp_path, syntax, told):
    made = _capsuled(dicoms.picture(DEEP), [b"\xff\xd8\xff\xd9"], syntax)
    with pytest.raises(ImageError, match=told):
        _seen(tmp_path, made)


def test_deflated_files_are_read_and_bombs_are_not(tmp_path, monkeypatch):
    made = dicoms.picture(DEEP)
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    np.testing.assert_array_equal(_seen(tmp_path, made), DEEP)
    monkeypatch.setattr(dicom_file, "_MOST_INFLATED", 1 << 20)
    packer = zlib.compressobj(wbits=-15)
    plain = (tmp_path / "a.dcm").read_bytes()
    start = 132 + 12 + pydicom.dcmread(tmp_path / "a.dcm").file_meta.FileMetaInformationGroupLength
    bomb = packer.compress(bytes(1 << 26)) + packer.flush()
    (tmp_path / "a.dcm").write_bytes(plain[:start] + bomb)
    tracemalloc.start()
    with pytest.raises(ImageError, match="out of all bounds"):
        _seen(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


@pytest.mark.parametrize(
    "claims",
    [
        {"Rows": 65535, "Columns": 65535},
        {"Rows": 60000, "Columns": 8000},
        {"NumberOfFrames": 2_000_000_000},
        {"NumberOfFrames": 20000},
        {"Rows": 0},
        {"BitsAllocated": 64},
        {"SamplesPerPixel": 2},
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_claims_are_held_against_the_bytes_before_memory_is_asked_for(tmp_path, claims, packed):
    made = dicoms.picture(DEEP)
    if packed:
        made.compress(RLELossless, encoding_plugin="pydicom")
    for key, value in claims.items():
        setattr(made, key, value)
    dicoms.save(tmp_path / "a.dcm", made)
    tracemalloc.start()
    with pytest.raises(ImageError):
        _seen(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


@pytest.mark.parametrize("content", [b"", b"DICM", b"\0" * 128 + b"DICM", b"\xff" * 300, b"P5 1 1"])
def test_what_is_no_dicom_is_refused(tmp_path, content):
    (tmp_path / "a.dcm").write_bytes(content)
    with pytest.raises(ImageError):
        _seen(tmp_path)


def test_elements_nested_without_end_are_refused(tmp_path):
    path = dicoms.save(tmp_path / "a.dcm", dicoms.picture(DEEP))
    sequence = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
    nested = (sequence + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 5000
    path.write_bytes(path.read_bytes().partition(b"\x08\x00\x60\x00")[0] + nested)
    with pytest.raises(ImageError, match=r"a\.dcm"):
        _seen(tmp_path)


@pytest.mark.parametrize("slope", ["1e308", "nan", "inf"])
def test_rescaling_out_of_all_bounds_is_refused(tmp_path, slope):
    made = dicoms.picture(DEEP, RescaleSlope=1, RescaleIntercept=0)
    made["RescaleSlope"]._value = slope
    dicoms.save(tmp_path / "a.dcm", made)
    with pytest.raises(ImageError):
        _seen(tmp_path, window=(40, 400))


def test_masks_hold_stored_values_whatever_the_picture_would_be(tmp_path):
    ids = np.arange(6, dtype=np.uint8).reshape(2, 3)
    made = dicoms.picture(ids, photometric="MONOCHROME1", RescaleSlope=9, RescaleIntercept=1)
    np.testing.assert_array_equal(_seen(tmp_path, made, labels=True), ids)
    with pytest.raises(ImageError, match="-1"):
        _seen(tmp_path, dicoms.picture(np.full((2, 2), -1, np.int16)), labels=True)


@hypothesis.settings(max_examples=40)
@hypothesis.given(st.data())
def test_slides_are_put_together(tmp_path_factory, data):
    width, height, side = (data.draw(st.integers(1, n)) for n in (30, 30, 12))
    across, down = -(-width // side), -(-height // side)
    whole = np.zeros((down * side, across * side), np.uint8)
    whole[:height, :width] = np.random.default_rng(width * 31 + height).integers(
        0, 256, (height, width)
    )
    frames = whole.reshape(down, side, across, side).transpose(0, 2, 1, 3).reshape(-1, side, side)
    made = dicoms.picture(
        np.ascontiguousarray(frames),
        NumberOfFrames=len(frames),
        TotalPixelMatrixColumns=width,
        TotalPixelMatrixRows=height,
        DimensionOrganizationType="TILED_FULL",
    )
    seen = _seen(tmp_path_factory.mktemp("slide"), made, frame=0)
    np.testing.assert_array_equal(seen, whole[:height, :width])


def test_where_a_slide_has_no_tile_there_is_no_data(tmp_path):
    frames = np.full((3, 4, 4), 7, np.uint8)
    made = dicoms.picture(frames, NumberOfFrames=3, TotalPixelMatrixColumns=8)
    made.TotalPixelMatrixRows = 8
    places = ((1, 1), (5, 1), (1, 5))
    made.PerFrameFunctionalGroupsSequence = [
        dicoms.item(
            PlanePositionSlideSequence=[
                dicoms.item(
                    ColumnPositionInTotalImagePixelMatrix=left,
                    RowPositionInTotalImagePixelMatrix=top,
                )
            ]
        )
        for left, top in places
    ]
    dicoms.save(tmp_path / "a.dcm", made)
    view = views.describe("dicom", file="a.dcm", frame=0)
    seen = views.read(Folder(tmp_path), "a.dcm", view)
    assert seen.none is not None
    assert seen.none.tolist() == [[y > 3 and x > 3 for x in range(8)] for y in range(8)]


def test_2000_mutated_images_are_read_or_refused(tmp_path):
    made = dicoms.picture(DEEP[:6, :8], WindowCenter=[40, 3], WindowWidth=[400, 9])
    made.RescaleSlope, made.RescaleIntercept = 2, -5
    path = dicoms.save(tmp_path / "images/a.dcm", made)
    folder = Folder(tmp_path)
    plain = path.read_bytes()
    made.compress(RLELossless, encoding_plugin="pydicom")
    packed = dicoms.save(path, made).read_bytes()

    def read(content):
        path.unlink()  # cutting a file short waits for the disk
        mutants.put(path, content)
        seen = dicom.look(folder, "images/a.dcm")
        for number, name in enumerate(seen.names):
            views.read(folder, name, seen.view(number, window="file"))

    for content in (plain[128:], packed[128:]):
        mutants.try_all(content, lambda mutant: read(b"\0" * 128 + mutant), 1000)
