"""DICOM files: opened without harm, and decoded frame by frame."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import mmap
import zlib
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from seg_datasets.core.classes import DeclarationError
from seg_datasets.core.images import ImageError
from seg_datasets.core.sources.folder import Folder

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# More pixels than any picture has, and more frames than any file.
_MOST_PIXELS = 1 << 29
_MOST_FRAMES = 1 << 20

# A deflated file may become so large; none is, since pixels are compressed in other ways.
_MOST_INFLATED = 1 << 28

# What packed bytes may grow by.
_RLE_GROWTH = 64

_IMPLICIT, _EXPLICIT, _DEFLATED, _BIG_ENDIAN, _RLE = (
    f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".1.99", ".2", ".5")
)
_NATIVE = (_IMPLICIT, _EXPLICIT, _BIG_ENDIAN)

# Transfer syntaxes that keep values as they are, native ones apart: RLE, JPEG, JPEG-LS, JPEG 2000.
_LOSSLESS = frozenset(
    f"1.2.840.10008.1.2.{end}" for end in ("5", "4.57", "4.70", "4.80", "4.90", "4.201", "4.202")
)

_PACKAGES = {
    **dict.fromkeys(("50",), "pylibjpeg and pylibjpeg-libjpeg"),
    **dict.fromkeys(("51", "57", "70", "80", "81"), "pylibjpeg and pylibjpeg-libjpeg"),
    **dict.fromkeys(("90", "91", "201", "202", "203"), "pylibjpeg and pylibjpeg-openjpeg"),
}

_DEPTHS = (1, 8, 16, 32)


def needed() -> None:
    """Refuses to go on without pydicom.

    Raises:
      DeclarationError: it is not installed.
    """
    try:
        import pydicom  # noqa: F401
    except ImportError:
        raise DeclarationError(
            "DICOM is read with pydicom: pip install 'seg_datasets[dicom]'"
        ) from None


@contextlib.contextmanager
def reading(name: str) -> Iterator[None]:
    """Whatever goes wrong in a DICOM file comes out as `ImageError`."""
    try:
        yield
    except (ImageError, DeclarationError, MemoryError):
        raise
    # pydicom reads elements when they are asked for, and raises whatever its code does.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ImageError(f"{name} cannot be read as DICOM ({reason})") from None


@dataclasses.dataclass(frozen=True)
class Opened:
    """A DICOM file whose pixels have not been decoded, held for as long as it is open.

    Attributes:
      name: below the raw folder.
      header: all elements before the pixels.
      syntax: the transfer syntax.
      rows, columns, samples, bits: of one frame; `bits` are those allocated for a sample.
      frames: how many there are, 0 where the file holds no picture.
    """

    name: str
    header: Dataset
    syntax: str
    rows: int
    columns: int
    samples: int
    bits: int
    frames: int
    _stream: BinaryIO
    _pixels: int

    @property
    def lossy(self) -> bool:
        """Whether compression changed its values, here or before."""
        was = str(self.header.get("LossyImageCompression", "00")).strip()
        return was == "01" or self.syntax not in (*_NATIVE, *_LOSSLESS)

    def decode(self, numbers: Sequence[int], *, raw: bool = True) -> Iterator[np.ndarray]:
        """Frames, (rows, columns) or (rows, columns, samples).

        Args:
          numbers: which, from 0.
          raw: without turning YCbCr into RGB.
        """
        from pydicom.pixels import iter_pixels

        if self.frames == 0:
            raise ImageError(f"{self.name} holds no picture")
        if strange := [n for n in numbers if not 0 <= n < self.frames]:
            raise ImageError(f"{self.name} has {self.frames} frames, no {strange[0] + 1}")
        if not numbers:
            return
        if self.bits == 1 and self.samples == 1 and self.syntax in _NATIVE:
            yield from map(self._unpacked, numbers)
            return
        self._refuse_undecodable()
        if self.syntax not in (*_NATIVE, _RLE):
            self._refuse_other_sizes(numbers)
        shape = (self.rows, self.columns, self.samples)[: 2 + (self.samples > 1)]
        frames = iter_pixels(self._stream, indices=[*numbers], raw=raw)
        try:
            for pixels in frames:
                if pixels.shape != shape:
                    told = f"{self.name} decodes to {pixels.shape}, its header says {shape}"
                    raise ImageError(told)
                yield pixels
        finally:
            with contextlib.suppress(ValueError, OSError):  # the file may be closed already
                cast("Generator", frames).close()

    def _unpacked(self, number: int) -> np.ndarray:
        """A frame of bits. Frames follow one another without a gap, and pydicom 3.0 breaks off a
        byte too early where one begins within a byte."""
        pixels = self.rows * self.columns
        first, skipped = divmod(number * pixels, 8)
        self._stream.seek(self._pixels + first)
        packed = np.frombuffer(self._stream.read((skipped + pixels + 7) // 8), np.uint8)
        bits = np.unpackbits(packed, bitorder="little")[skipped : skipped + pixels]
        return bits.reshape(self.rows, self.columns)

    def _refuse_undecodable(self) -> None:
        from pydicom.pixels import get_decoder
        from pydicom.uid import UID

        try:
            decoder = get_decoder(self.syntax)
        except NotImplementedError:
            decoder = None
        if decoder is not None and decoder.is_available:
            return
        packages = _PACKAGES.get(self.syntax.rpartition(".")[2]) if decoder is not None else None
        raise ImageError(
            f"{self.name} is compressed as {UID(self.syntax).name}: "
            + (f"pip install {packages}" if packages else "convert it, nothing here decodes it")
        )

    def _refuse_other_sizes(self, numbers: Sequence[int]) -> None:
        """Decoders ask for the memory that a codestream claims, whatever the header says."""
        from pydicom.encaps import get_frame

        for number in numbers:
            self._stream.seek(self._pixels)
            code = get_frame(self._stream, number, number_of_frames=self.frames)
            if (size := _codestream_size(code)) != (self.columns, self.rows):
                claimed = f"{size[0]}×{size[1]}" if size else "no size"
                raise ImageError(
                    f"{self.name}: frame {number + 1} claims {claimed}, the header "
                    f"{self.columns}×{self.rows}"
                )


@contextlib.contextmanager
def opened(folder: Folder, name: str) -> Iterator[Opened]:
    """Opens a DICOM file; what is read of it inside comes out as `ImageError` when it is broken.

    Raises:
      OSError: it cannot be read.
      ImageError: no DICOM, damaged, or of more pixels than it has bytes for.
    """
    needed()
    with folder.open(name) as file, reading(name), _mapped(file) as stream:
        yield _open(name, stream)


def is_dicom(folder: Folder, name: str) -> bool:
    """Whether a file begins as DICOM files do, whatever its name ends with."""
    try:
        return folder.part(name, 0, 132)[128:] == b"DICM"
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def _mapped(file: BinaryIO) -> Iterator[BinaryIO]:
    """The bytes of a file, read where they are asked for; never more than there are."""
    if not file.seek(0, io.SEEK_END):
        raise ImageError("is empty")
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield cast(BinaryIO, mapped)


def _open(name: str, stream: BinaryIO) -> Opened:
    from pydicom import dcmread

    stream = _inflated(stream)
    stream.seek(0)
    header = dcmread(stream, stop_before_pixels=True, force=False)
    at = stream.tell()
    length = stream.seek(0, io.SEEK_END) or stream.tell()
    syntax = str(header.file_meta.get("TransferSyntaxUID", ""))
    if not syntax:
        raise ImageError(f"{name} does not say how it is encoded (no TransferSyntaxUID)")
    # Two elements hold pixels of another kind: floats.
    stream.seek(at)
    order = ">" if syntax == _BIG_ENDIAN else "<"
    head = stream.read(12).ljust(12, b"\0")
    tag = np.frombuffer(head, f"{order}u2", 2).tolist()
    if tag != [0x7FE0, 0x0010]:
        if tag in ([0x7FE0, 0x0008], [0x7FE0, 0x0009]):
            raise ImageError(f"{name} holds floating-point pixels; convert it to whole numbers")
        return Opened(name, header, syntax, 0, 0, 0, 0, 0, stream, 0)
    rows, columns = (_count(header, key) for key in ("Rows", "Columns"))
    samples = _count(header, "SamplesPerPixel", 1)
    bits = _count(header, "BitsAllocated")
    frames = _count(header, "NumberOfFrames", 1)
    if syntax != _IMPLICIT and head[4:6] not in (b"OB", b"OW", b"UN"):
        raise ImageError(f"{name} holds pixels as {head[4:6]!r}, which is none of DICOM's ways")
    pixels = at + (8 if syntax == _IMPLICIT else 12)
    told = int(np.frombuffer(head[pixels - at - 4 : pixels - at], f"{order}u4")[0])
    found = Opened(name, header, syntax, rows, columns, samples, bits, frames, stream, pixels)
    _refuse_claims(found, min(told, length - pixels))  # where none is told, all bits are set
    return found


def _count(header: Dataset, key: str, default: int | None = None) -> int:
    value = header.get(key)
    if value is None or value == "":
        if default is None:
            raise ImageError(f"has no {key}")
        return default
    return int(value)


def _refuse_claims(found: Opened, length: int) -> None:
    """What a header claims is held against the bytes there are before memory is asked for."""
    rows, columns, samples, bits = found.rows, found.columns, found.samples, found.bits
    if not (rows > 0 and columns > 0 and rows * columns <= _MOST_PIXELS):
        raise ImageError(f"{found.name} claims {columns}×{rows} pixels")
    if samples not in (1, 3) or bits not in _DEPTHS:
        raise ImageError(f"{found.name} has {samples} samples of {bits} bits, which is no picture")
    if not 0 < found.frames <= _MOST_FRAMES:
        raise ImageError(f"{found.name} claims {found.frames:,} frames")
    if found.syntax in _NATIVE:
        subsampled = found.header.get("PhotometricInterpretation") == "YBR_FULL_422"
        each = rows * columns * (2 if subsampled else samples) * bits
        enough = (each * found.frames + 7) // 8 <= length
    else:  # each frame is an item with a head of its own
        enough = found.frames * 8 <= length
        if found.syntax == _RLE:
            enough &= rows * columns * samples * bits // 8 <= _RLE_GROWTH * length
    if not enough:
        raise ImageError(
            f"{found.name} is truncated: its header claims {found.frames} frames of "
            f"{columns}×{rows} pixels"
        )


def _inflated(stream: BinaryIO) -> BinaryIO:
    """A deflated file as one that is not, as far as it may grow."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filereader import read_dataset, read_preamble
    from pydicom.filewriter import write_file_meta_info
    from pydicom.uid import UID

    stream.seek(0)
    read_preamble(stream, force=False)
    found = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag.group > 2)
    if str(found.get("TransferSyntaxUID", "")) != _DEFLATED:
        return stream
    meta = FileMetaDataset(found)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    data = inflate.decompress(stream.read(), _MOST_INFLATED)
    if not inflate.eof:
        raise ImageError("is truncated, or grows out of all bounds when it is inflated")
    meta.TransferSyntaxUID = UID(_EXPLICIT)
    out = DicomBytesIO()
    out.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(out, meta, enforce_standard=False)
    out.write(data)
    return io.BytesIO(out.getvalue())


def _codestream_size(code: bytes) -> tuple[int, int] | None:
    """Width and height as a JPEG, JPEG-LS or JPEG 2000 codestream claims them."""
    if code[:4] == b"\xff\x4f\xff\x51":  # JPEG 2000: two corners of the picture
        right, bottom, left, top = np.frombuffer(code, ">u4", 4, offset=8).tolist()
        return right - left, bottom - top
    at = 2
    while at + 9 <= len(code) and code[at] == 0xFF:
        kind = code[at + 1]
        if kind == 0xFF:  # fill bytes
            at += 1
            continue
        if kind == 0xF7 or (0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC)):
            height, width = np.frombuffer(code, ">u2", 2, offset=at + 5).tolist()
            return width, height
        if kind == 0xDA:
            break
        at += 2 + int.from_bytes(code[at + 2 : at + 4], "big")
    return None
