"""Inputs of a prediction: image files of any kind, read window by window where they are large."""

import contextlib
import dataclasses
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from recipes.core.errors import RecipeError

CACHE = 128 << 20  # bytes of scenes, read and written, that GDAL keeps

EXTENSIONS = ("png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp", "gif", "npy", "dcm")


class InputError(RecipeError):
    """A file that cannot be predicted; says which and why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Input:
    """One image, opened.

    Attributes:
      read: gives (rows, columns) of it as (h, w, channels).
      none: gives where it has no data there; None if it has everywhere.
      geo: what a GeoTIFF says of its place: `transform`, `crs`; empty where nothing is told.
    """

    height: int
    width: int
    read: Callable[[slice, slice], np.ndarray]
    none: Callable[[slice, slice], np.ndarray] | None = None
    geo: dict[str, Any] = dataclasses.field(default_factory=dict)


def find(path: pathlib.Path) -> list[tuple[pathlib.Path, str]]:
    """The image files of a folder, or the one that is named, and what their answers are called.

    Raises:
      InputError: there is none, or two of one name.
    """
    if path.is_file():
        return [(path, path.stem)]
    if not path.is_dir():
        raise InputError(f"--input={path}: there is no such file or folder.")
    named: dict[str, pathlib.Path] = {}
    for file in sorted(path.rglob("*")):
        below = file.relative_to(path)
        hidden = any(part.startswith(".") for part in below.parts)
        if hidden or not file.is_file() or file.suffix[1:].lower() not in EXTENSIONS:
            continue
        name = below.with_suffix("").as_posix()
        if name in named:
            raise InputError(f"{named[name]} and {file} differ in their ending only; rename one.")
        named[name] = file
    if not named:
        raise InputError(f"--input={path} holds no image ({', '.join(EXTENSIONS)}).")
    return [(file, name) for name, file in named.items()]


@contextlib.contextmanager
def opened(
    path: pathlib.Path,
    *,
    channels: int,
    top: float,
    dtype: str = "",
    dicom_window: str | list[float] | None = None,
) -> Iterator[Input]:
    """An image, for as long as it is needed.

    Args:
      path: the file.
      channels: that the model was trained on.
      top: the largest value that pixels of the training data could have.
      dtype: of the training data's images, as NumPy names it; told by `top` if "".
      dicom_window: what grey values of DICOM go through, as the dataset's source has it: "file"
        for the file's own, [centre, width], or None for stored values.

    Raises:
      InputError: the file cannot be read, or is not of the kind the model knows.
    """
    dtype = dtype or {255.0: "uint8", 65535.0: "uint16"}.get(top, "float32")
    if path.suffix.lower() in (".tif", ".tiff") and (rasterio := _rasterio()):
        with _scene(rasterio, path, channels=channels, dtype=dtype) as scene:
            yield scene
        return
    pixels = _pixels(path, channels=channels, dtype=dtype, dicom_window=dicom_window)
    yield Input(
        height=pixels.shape[0],
        width=pixels.shape[1],
        read=lambda rows, columns: pixels[rows, columns],
    )


def _pixels(
    path: pathlib.Path, *, channels: int, dtype: str, dicom_window: str | list[float] | None
) -> np.ndarray:
    """All of a plain picture, upright, as training saw such pictures."""
    from seg_datasets.core import arrays, images, views
    from seg_datasets.core.sources import Folder

    try:
        if path.suffix.lower() == ".npy" and np.dtype(dtype).kind == "f":
            values = arrays.load(path.read_bytes())  # no picture holds them
            values = values[..., None] if values.ndim == 2 else values
            _refuse_other(path, values.shape[2], values.dtype, channels=channels, dtype=dtype)
            return values
        if path.suffix.lower() == ".dcm":
            bits = 16 if dtype == "uint16" else 8
            view = views.describe("dicom", file=path.name, window=dicom_window, bits=bits)
            data = views.read(Folder(path.parent), path.name, view).data
        else:
            data = path.read_bytes()
        found = images.open_image(data)
    except (OSError, ValueError) as error:  # ImageError is one
        raise InputError(f"{path} {error}") from error
    except ImportError as error:
        raise InputError(f"{path}: {error}; pip install 'seg_datasets[dicom]'") from error
    if found.bands is not None:
        values = found.bands
    else:
        image = images.storable(found.image)
        if channels == 3 and image.mode in ("1", "L"):
            image = image.convert("RGB")
        elif image.mode == "1":
            image = image.convert("L")
        values = np.asarray(image)
    values = values[..., None] if values.ndim == 2 else values
    opaque = values.shape[2] == channels + 1 and (values[..., -1] == 255).all()
    values = values[..., :channels] if opaque and found.bands is None else values
    _refuse_other(path, values.shape[2], values.dtype, channels=channels, dtype=dtype)
    return values


@contextlib.contextmanager
def _scene(rasterio: Any, path: pathlib.Path, *, channels: int, dtype: str) -> Iterator[Input]:
    """A TIFF that is read by windows."""
    from rasterio.windows import Window

    safely = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_PAM_ENABLED": "NO",
        "GDAL_CACHEMAX": CACHE,  # else a twentieth of the machine's memory
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(rasterio.Env(**safely))
        try:
            scene = stack.enter_context(raster(path, driver="GTiff"))
        except rasterio.errors.RasterioError as error:
            raise InputError(f"{path} cannot be read: {error}") from error
        bands = min(scene.count, channels)
        alpha = scene.count == channels + 1 and scene.colorinterp[-1].name == "alpha"
        count = channels if alpha else scene.count
        palette = scene.count == 1 and channels == 3 and scene.colorinterp[0].name == "palette"
        if palette:
            raise InputError(f"{path} has a palette; save it as RGB.")
        grey = scene.count == 1 and channels == 3
        _refuse_other(path, 3 if grey else count, scene.dtypes[0], channels=channels, dtype=dtype)
        indexes = [1] * channels if grey else [*range(1, bands + 1)]

        def window(rows: slice, columns: slice) -> Any:
            return Window(
                columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
            )

        def read(rows: slice, columns: slice) -> np.ndarray:
            try:
                return np.moveaxis(scene.read(indexes, window=window(rows, columns)), 0, -1)
            except rasterio.errors.RasterioError as error:
                raise InputError(f"{path} cannot be read: {error}") from error

        def none(rows: slice, columns: slice) -> np.ndarray:
            return scene.dataset_mask(window=window(rows, columns)) == 0

        full = all(rasterio.enums.MaskFlags.all_valid in flags for flags in scene.mask_flag_enums)
        told = not scene.transform.is_identity
        yield Input(
            height=scene.height,
            width=scene.width,
            read=read,
            none=None if full else none,
            geo={"transform": scene.transform, "crs": scene.crs} if told else {},
        )


def _refuse_other(path: pathlib.Path, count: int, found: Any, *, channels: int, dtype: str) -> None:
    if count != channels:
        raise InputError(f"{path} has {count} channels; the model was trained on {channels}.")
    if np.dtype(found) != np.dtype(dtype):
        floats = ", as .npy or GeoTIFF," if np.dtype(dtype).kind == "f" else ""
        raise InputError(
            f"{path} holds {np.dtype(found)}; the model was trained on {dtype}. Bring it{floats} "
            "to that range as the training data was."
        )


def raster(path: pathlib.Path, **said: Any) -> Any:
    """A file that rasterio reads; that most files tell no place is nothing to warn of."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, **said)


def _rasterio() -> Any:
    try:
        import rasterio
        import rasterio.enums
        import rasterio.errors
    except ImportError:
        return None
    return rasterio
