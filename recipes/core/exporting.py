"""A run's model as a file that runs without this project: SavedModel, TFLite or ONNX.

All of it is in the graph: raw pixels go in as the dataset stores them, the normalization is the
model's first layer, a side that is no multiple of 2**depth is mirrored up to one and cut back.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import pathlib
import platform
import tempfile
from typing import Any, NamedTuple

import numpy as np

from recipes.core import tiling
from recipes.core.errors import RecipeError
from recipes.core.plan import Plan
from seg_datasets.core import records

# What each format is written and run with, by the names Python and pip know.
NEEDS = {
    "savedmodel": {},
    "tflite": {"ai_edge_litert": "ai-edge-litert"},
    "onnx": {"onnx": "onnx", "onnxruntime": "onnxruntime", "tf2onnx": "tf2onnx"},
}
FILES = {"savedmodel": "saved_model", "tflite": "model.tflite", "onnx": "model.onnx"}
OPSET = 17  # of ONNX; every runtime since 2022 reads it
REDUCED = ("bfloat16", "float16", "mixed_bfloat16", "mixed_float16")


class ExportError(RecipeError):
    """A model that cannot be exported as asked, or an export that is not the model."""


class Spec(NamedTuple):
    """What an export takes."""

    dtype: str  # of the dataset's images
    shape: tuple[int | None, int | None, int | None, int]  # batch, height, width, channels
    multiple: int  # that both sides of the model's own input must be of


def refuse_missing(format: str) -> None:
    """Stops before any work when a package is not installed, or Keras runs on another backend.

    Raises:
      ExportError: says what to install or set.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"KERAS_BACKEND={keras.backend.backend()}: exports are written by TensorFlow. Export "
            "with KERAS_BACKEND=tensorflow; it reads the models of other backends."
        )
    missing = [pip for name, pip in NEEDS[format].items() if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(
            f"--format={format} needs {' and '.join(missing)}, not installed here. "
            "Install with: pip install 'seg_datasets[export]'"
        )


def spec(plan: Plan, *, format: str, dtype: str, size: tuple[int, int] | None) -> Spec:
    """What the export of a run's model takes."""
    # Delegates of phones want every side fixed, so a fixed TFLite model takes one image at a time.
    batch = 1 if format == "tflite" and size else None
    height, width = size or (None, None)
    return Spec(dtype, (batch, height, width, plan.dataset.channels), 2**plan.depth)


def in_float32(model: Any) -> Any:
    """The model with every layer computing in float32: itself, or a copy with the same weights.

    Raises:
      ExportError: its weights do not fit the copy.
    """
    import keras

    from recipes.core import norm

    config = keras.saving.serialize_keras_object(model)
    plain = _in_float32(config)
    if plain == config:
        return model
    known = {"FusedBatchNormalization": norm.FusedBatchNormalization}
    copy = keras.saving.deserialize_keras_object(plain, custom_objects=known)
    try:
        copy.set_weights(model.get_weights())
    except ValueError as error:
        raise ExportError(f"The model cannot be put into float32: {error}") from error
    return copy


def graph(model: Any, given: Spec) -> Any:
    """The whole way from raw pixels to ids and probabilities, as a function of TensorFlow."""
    import tensorflow as tf

    taken = tf.TensorSpec(given.shape, given.dtype, name="image")

    @tf.function(input_signature=[taken])
    def serve(image: Any) -> Any:
        pixels = tf.cast(image, tf.float32)
        if given.dtype == "uint16":
            # Changes nothing, but keeps TFLite's converter from gathering before it casts: TFLite
            # cannot gather uint16.
            pixels = tf.maximum(pixels, 0.0)
        height, width = (given.shape[i] or tf.shape(image)[i] for i in (1, 2))
        fits = given.shape[1] and height % given.multiple == width % given.multiple == 0
        if not fits:
            for axis, length in ((1, height), (2, width)):
                pixels = tf.gather(pixels, _mirrored(length, given.multiple), axis=axis)
        outputs = model(pixels, training=False)
        # A model of deep supervision has coarser answers behind its own.
        logits = outputs[0] if isinstance(outputs, list | tuple) else outputs
        probabilities = tf.nn.softmax(tf.cast(logits, tf.float32))
        if not fits:
            probabilities = probabilities[:, :height, :width]
        ids = tf.argmax(probabilities, -1, output_type=tf.int32)
        return {"ids": tf.cast(ids, tf.uint8), "probabilities": probabilities}

    return serve


def write(
    model: Any, given: Spec, folder: pathlib.Path, *, format: str, quantize: str | None
) -> pathlib.Path:
    """Writes a float32 model as a file of the format.

    Raises:
      ExportError: the converter gave up.
    """
    path = folder / FILES[format]
    serve = graph(model, given)
    if format == "savedmodel":
        _save(serve, path, weights=[variable.value for variable in model.variables])
        return path
    try:
        if format == "tflite":
            path.write_bytes(_tflite(serve, quantize=quantize))
        else:
            path.write_bytes(_onnx(serve))
    except Exception as error:  # converters raise what they like
        first = (str(error).strip() or repr(error)).splitlines()[0][:300]
        raise ExportError(
            f"The converter to {format} gave up: {first}\n"
            "Try another --size, or --format=savedmodel, which needs no converter."
        ) from error
    return path


def describe(
    plan: Plan, given: Spec, *, format: str, quantize: str | None, builder: Any, weights: str
) -> dict[str, Any]:
    """What who runs the export has to know: the first part of its `model.json`."""
    data = plan.dataset
    batch, height, width, _ = given.shape
    whole = np.dtype(given.dtype).kind in "iu"
    low = int(np.iinfo(given.dtype).min) if whole else 0.0
    top = int(np.iinfo(given.dtype).max) if whole else data.pixel_top
    dims = [batch, height, width]
    window = [height or tiling.WINDOW, width or tiling.WINDOW]
    return {
        "format": format,
        "file": FILES[format],
        "quantize": quantize,
        "input": {
            "name": "image",
            "dtype": given.dtype,
            "shape": list(given.shape),
            "range": [low, top],
            "is": "raw pixels as the dataset stores them; nothing is to be scaled or padded",
        },
        "outputs": {
            "ids": {"dtype": "uint8", "shape": dims, "is": "the likeliest class of a pixel"},
            "probabilities": {
                "dtype": "float32",
                "shape": [*dims, len(data.classes)],
                "is": "one per class, 1 in sum",
            },
        },
        "classes": [
            {"id": i, "name": name, "colour": list(colour)}
            for i, (name, colour) in enumerate(zip(data.classes, data.palette, strict=True))
        ],
        "void": {"id": data.raw_void, "is": "unlabelled pixels of masks; never an answer"},
        "tiling": {
            "window": window,
            "context": tiling.sight(plan.depth),
            "multiple": given.multiple,
        },
        "weights_sha256": weights,
        "dataset": _dataset(builder),
        "trained_in": plan.precision,
        "versions": {"python": platform.python_version(), **_versions(format)},
    }


def weights_digest(model: Any) -> str:
    """A digest of the weights, the same for whatever file they lie in."""
    digest = hashlib.sha256()
    for variable in model.variables:
        value = np.ascontiguousarray(variable.numpy())
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def file_digests(folder: pathlib.Path) -> dict[str, str]:
    """The sha256 of each file in a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): records.digest(path)[0]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _in_float32(value: Any) -> Any:
    """The configuration of a layer, or a part of it, with no dtype below float32."""
    if isinstance(value, list | tuple):
        return type(value)(_in_float32(v) for v in value)
    if not isinstance(value, dict):
        return value
    kept = {key: _in_float32(v) for key, v in value.items()}
    if kept.get("dtype") in REDUCED:
        kept["dtype"] = "float32"
    if kept.get("class_name") == "DTypePolicy" and kept["config"].get("name") in REDUCED:
        kept["config"] = {**kept["config"], "name": "float32"}
    return kept


def _mirrored(length: Any, multiple: int) -> Any:
    """Positions 0..length-1 and on, back from the end, until there is a multiple of them: what
    NumPy's symmetric padding does, for sides shorter than their padding too."""
    import tensorflow as tf

    # No division of a negative number: ONNX rounds it towards zero.
    count = (length + multiple - 1) // multiple * multiple
    at = tf.math.floormod(tf.range(count), 2 * length)
    return tf.where(at < length, at, 2 * length - 1 - at)


def _save(serve: Any, path: pathlib.Path, *, weights: Any = ()) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.weights = list(weights)
    module.serve = serve
    # Gradients of an activation of its own (swish) cannot be saved once weights are constants.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(path), signatures={"serving_default": serve}, options=options)


def _frozen(serve: Any) -> Any:
    """The same function with its weights as constants.

    With variables, the TFLite converter of TensorFlow 2.21 writes a file without them, whose
    answers are NaN, and tf2onnx makes inputs of some. Batch norms are folded into convolutions only
    where both are constants.
    """
    import tensorflow as tf
    from tensorflow.python.framework import convert_to_constants

    constant = convert_to_constants.convert_variables_to_constants_v2(serve.get_concrete_function())

    @tf.function(input_signature=serve.input_signature)
    def answer(image: Any) -> Any:
        ids, probabilities = constant(image)
        return {"ids": ids, "probabilities": probabilities}

    return answer


def _tflite(serve: Any, *, quantize: str | None) -> bytes:
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "frozen"
        _save(_frozen(serve), path)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(path))
        # Built-in operations only: others need a runtime that phones do not have.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantize == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def _onnx(serve: Any) -> bytes:
    import onnx
    import tf2onnx

    for name in list(logging.root.manager.loggerDict):
        if name.startswith("tf2onnx"):
            logging.getLogger(name).setLevel(logging.ERROR)
    made, _ = tf2onnx.convert.from_function(
        _frozen(serve), input_signature=serve.input_signature, opset=OPSET
    )
    for value in [*made.graph.input, *made.graph.output]:
        dims = value.type.tensor_type.shape.dim
        for dim, name in zip(dims, ("batch", "height", "width"), strict=False):
            if not dim.dim_value:
                dim.dim_param = name
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


def _dataset(builder: Any) -> dict[str, Any]:
    """Which dataset the model was trained on; digests where its builder has left them."""
    known = {"name": builder.info.full_name, "raw_digest": None, "content": None}
    entry = pathlib.Path(builder.data_path) / "ledger_entry.json"
    if entry.exists():
        ledger = json.loads(entry.read_text(encoding="utf-8"))
        known |= {
            "ledger_key": ledger["key"],
            "raw_digest": ledger["raw_digest"],
            "content": {name: split["content"] for name, split in ledger["splits"].items()},
        }
    return known


def _versions(format: str) -> dict[str, str]:
    names = ("tensorflow", "keras", "numpy", *NEEDS[format].values())
    return {name: importlib.metadata.version(name) for name in names}
