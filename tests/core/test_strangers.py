"""Files from strangers: whatever is in them, an error of this project comes out, or the truth."""

import contextlib
import dataclasses
import io
import pathlib
import tempfile

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

import kit
from seg_datasets.core import images, masks
from seg_datasets.core.classes import ClassTable, DeclarationError, RawTable, Threshold
from seg_datasets.core.images import ImageError
from seg_datasets.core.sample import Sample
from seg_datasets.core.sources import CsvGroups, Folder
from seg_datasets.core.splits import FromLists, SplitError

# Pillow warns of tags it cannot read; what counts is what comes out.
pytestmark = pytest.mark.filterwarnings("ignore")

CLASSES = ClassTable("a", "b", "c")
TABLES = (
    CLASSES.raw_table(None),
    CLASSES.raw_table({"#000000": "a", "#010101": "b"}),
    CLASSES.raw_table({"#000000ff": "a"}),
    CLASSES.raw_table(Threshold(at=9, below="a", above="b")),
)


def _seeds() -> list[bytes]:
    """A sound file of each kind."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 3, (9, 13), np.uint8)
    grey, colour = Image.fromarray(ids), Image.fromarray(np.stack([ids] * 3, axis=-1))
    palette = grey.convert("P")
    tags = kit.exif(6)
    return [
        kit.encoded(grey, "png", exif=tags),
        kit.encoded(palette, "png", transparency=1),
        kit.encoded(ids.astype(np.uint16), "png"),
        kit.encoded(colour, "png"),
        kit.encoded(grey, "jpg", exif=tags),
        kit.encoded(colour, "jpg", progressive=True),
        kit.encoded(colour.convert("CMYK"), "jpg"),
        kit.encoded(colour, "mpo", save_all=True, append_images=[colour]),
        kit.encoded(grey, "tif", exif=tags),
        kit.encoded(colour, "tif", compression="tiff_lzw"),
        kit.encoded(grey, "tif", compression="jpeg"),
        kit.encoded(ids > 1, "tif", compression="group4"),
        kit.encoded(grey, "bmp"),
        kit.encoded(ids > 1, "bmp"),
        kit.encoded(palette, "gif"),
        kit.encoded(colour, "webp", lossless=True, exif=tags),
        kit.encoded(colour, "webp"),
    ]


SEEDS = _seeds()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound file with bytes changed, cut out, doubled or put in."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        part = draw(st.one_of(st.binary(max_size=8), st.just(bytes(data[at : at + length] * 2))))
        data[at : at + length] = part
    return bytes(data)


anything = st.one_of(damaged(), st.binary(max_size=200))


@given(anything)
def test_damaged_images_raise_our_error_or_are_read(data: bytes) -> None:
    opened = None
    with contextlib.suppress(ImageError):
        opened = images.open_image(data)
        assert min(opened.size) > 0
    with contextlib.suppress(ImageError):
        small = images.open_image(data, small=True)
        # What one look lets through must not fail at a later one.
        assert opened is not None
        assert dataclasses.replace(small, image=opened.image) == opened
        assert images.small_grey(small.image).dtype == np.uint8
    with contextlib.suppress(ImageError):
        images.open_image(images.upright_png(data))


@given(anything, st.sampled_from(TABLES))
def test_damaged_masks_raise_our_error_or_are_read(data: bytes, table: RawTable) -> None:
    with contextlib.suppress(ImageError):
        mask = masks.read(data, table)
        assert mask.ids.shape == mask.raw.shape
        assert {*np.unique(mask.ids).tolist()} <= {0, 1, 2, 255}


@given(st.integers(0, 2**32 - 1))
def test_one_flipped_bit_of_a_png_mask_never_changes_an_id_silently(place: int) -> None:
    truth = np.asarray(Image.open(io.BytesIO(SEEDS[0])))
    data = bytearray(kit.encoded(truth, "png"))
    data[place % len(data)] ^= 1 << (place >> 16) % 8
    try:
        mask = masks.read(bytes(data), TABLES[0])
    except ImageError:
        return
    np.testing.assert_array_equal(mask.ids, truth)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: repr(seed[:4]))
def test_file_that_breaks_off_is_refused_or_has_lost_nothing(seed: bytes) -> None:
    whole = np.asarray(images.open_image(seed).image)
    for cut in range(1, len(seed)):
        with contextlib.suppress(ImageError):
            np.testing.assert_array_equal(images.open_image(seed[:-cut]).image, whole)


csv_like = st.text(alphabet='idgroup,;"\n\r\t\0 x\ufeffé', max_size=80).map(str.encode)


@given(st.one_of(csv_like, st.binary(max_size=80)))
@example(b"id,group\n\0,\0")
@example(b"\xef\xbb\xbfid,group\r\na,b\r\n")
def test_any_csv_gives_groups_or_our_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "groups.csv").write_bytes(data)
        with contextlib.suppress(DeclarationError):
            groups = CsvGroups("groups.csv").read(Folder(folder))
            assert all(isinstance(text, str) for row in groups.items() for text in row)


@given(st.one_of(st.text("ab/.\n\r \t\0", max_size=60).map(str.encode), st.binary(max_size=60)))
def test_any_list_gives_splits_or_our_error(data: bytes) -> None:
    facts = [kit.unseen(Sample(n, f"{n}.png", "m", n)) for n in ("a", "b", "a/b")]
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "all.txt").write_bytes(data)
        with contextlib.suppress(SplitError):
            assignment = FromLists(all="all.txt").assign(facts, Folder(folder))
            assert {*assignment.split_of} == {"a", "b", "a/b"}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "CMYK", "P", "LAB", "I", "F"])
def test_pictures_of_every_mode_have_a_small_grey(mode: str) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8))
    if mode == "LAB":
        shown = Image.merge("LAB", picture.split())
    else:
        shown = picture.convert("L").convert(mode) if mode in "IF" else picture.convert(mode)
    grey = images.small_grey(images.open_image(kit.encoded(shown, "tif")).image)
    assert grey.shape == (150, 200)
    assert grey.min() < grey.max()


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_none_are_black() -> None:
    values = np.array([[np.nan, np.inf], [-np.inf, 7.0]], np.float32)
    assert images.small_grey(Image.fromarray(values)).tolist() == [[0, 255], [0, 0]]


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_depths_that_fill_a_part_of_16_bits_are_as_bright_as_others(bits: int) -> None:
    grey = np.arange(256).repeat(40).reshape(64, 160)
    deep = (grey << bits - 8).astype(np.uint16)
    assert (images.small_grey(Image.fromarray(deep)) == grey).all()
    deep[0, 0] = 65535  # a hot pixel
    assert (images.small_grey(Image.fromarray(deep))[1:] == grey[1:]).all()
    upper = Image.fromarray((grey << bits - 8 >> 8).astype(np.uint8)).convert("RGB")
    spread = images.small_grey(upper, deep=True)
    assert spread.max() >= 128 or bits == 8
