"""Exports give the model's answers to who runs them without this project, or are not there."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from ai_edge_litert.interpreter import Interpreter

import recipes.export
import recipes.unet
from recipes.core import exporting, model, norm, runs
from recipes.core.errors import RecipeError

TINY: dict[str, Any] = {"steps": 4, "epoch_steps": 4, "batch": 2, "crop": 32, "depth": 2}
TINY |= {"width": 4, "precision": "float32", "patience": 0}
FORMATS = recipes.export.FORMATS
# Runs an ONNX file where there is nothing but ONNX Runtime.
BARE_ONNX = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
found = session.run(["ids", "probabilities"], {"image": numpy.load(sys.argv[2])})
numpy.savez(sys.argv[3], ids=found[0], probabilities=found[1])
assert not {"tensorflow", "keras", "recipes"} & set(sys.modules)
"""


def quietly(line: str) -> None:
    """Takes what a command would say."""


@pytest.fixture(scope="module")
def run(shapes: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A small run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    recipes.unet.train_and_evaluate(dataset=shapes, workdir=folder, overrides=TINY, say=quietly)
    return folder


def loaded(path: pathlib.Path) -> Any:
    """The run's model, by Keras alone."""
    known = {"FusedBatchNormalization": norm.FusedBatchNormalization}
    return keras.saving.load_model(path, compile=False, custom_objects=known)


def expected(net: Any, image: np.ndarray, multiple: int) -> np.ndarray:
    """Probabilities of a batch, padded by NumPy."""
    height, width = image.shape[1:3]
    more = [(0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0)]
    padded = np.pad(image, more, mode="symmetric").astype(np.float32)
    return tf.nn.softmax(net(padded, training=False)).numpy()[:, :height, :width]


def by_savedmodel(path: pathlib.Path, image: np.ndarray, _: pathlib.Path) -> dict[str, Any]:
    module = tf.saved_model.load(str(path))
    return {key: value.numpy() for key, value in module.serve(image).items()}


def by_tflite(path: pathlib.Path, image: np.ndarray, _: pathlib.Path) -> dict[str, Any]:
    interpreter = Interpreter(model_path=str(path))
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], image.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    found = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
    return {"ids" if array.dtype == np.uint8 else "probabilities": array for array in found}


def by_onnx(path: pathlib.Path, image: np.ndarray, folder: pathlib.Path) -> dict[str, Any]:
    np.save(folder / "in.npy", image)
    words = [sys.executable, "-c", BARE_ONNX, path, folder / "in.npy", folder / "out.npz"]
    subprocess.run(words, check=True)
    with np.load(folder / "out.npz") as arrays:
        return dict(arrays)


RUNNERS = {"savedmodel": by_savedmodel, "tflite": by_tflite, "onnx": by_onnx}


@pytest.mark.parametrize("format", FORMATS)
def test_export_gives_the_models_answers_to_raw_images(
    format: str, run: pathlib.Path, shapes: str, tmp_path: pathlib.Path
) -> None:
    said: list[str] = []
    target = tmp_path / "out"
    found = recipes.export.export(
        workdir=run, format=format, output=target, json=tmp_path / "facts.json", say=said.append
    )
    assert found == json.loads((target / "model.json").read_text())
    assert found == json.loads((tmp_path / "facts.json").read_text())
    assert (target / "labels.txt").read_text() == "ground\ndisc\nsquare\n"
    assert found["parity"]["passed"]
    assert found["parity"]["images"] == 4
    assert found["input"]["dtype"] == "uint8"
    assert found["input"]["range"] == [0, 255]
    assert [c["colour"] for c in found["classes"]] == [[40, 40, 40], [255, 0, 0], [0, 0, 255]]
    assert found["tiling"] == {"window": [1024, 1024], "context": 23, "multiple": 4}
    for name, digest in found["files_sha256"].items():
        assert hashlib.sha256((target / name).read_bytes()).hexdigest() == digest
    assert any("ids equal" in line for line in said)

    net = loaded(run / "best.keras")
    stream = tfds.builder_from_directory(shapes).as_dataset(split="test").as_numpy_iterator()
    pixels = [example["image"] for example in stream]
    height, width = np.min([image.shape[:2] for image in pixels], axis=0)
    batch = np.stack([image[:height, :width] for image in pixels])
    for image in (pixels[0][None], pixels[1][None, :3, :35], batch):
        truth = expected(net, image, 4)
        answer = RUNNERS[format](target / found["file"], image, tmp_path)
        assert answer["ids"].dtype == np.uint8
        assert answer["probabilities"].dtype == np.float32
        np.testing.assert_allclose(answer["probabilities"], truth, atol=1e-5)
        assert (answer["ids"] == truth.argmax(-1)).mean() >= (format == "savedmodel" or 0.999)


def swapped_input(net: Any) -> None:
    kernel = net.get_layer("down0_conv_a").kernel
    kernel.assign(np.asarray(kernel)[:, :, ::-1])


def swapped_classes(net: Any) -> None:
    for weight in net.get_layer("logits").weights:
        weight.assign(np.asarray(weight)[..., ::-1])


def changed_weights(net: Any) -> None:
    for weight in net.get_layer("up0_norm_b").weights:
        weight.assign(np.asarray(weight) * 1.5)


@pytest.mark.parametrize(
    ("format", "spoil"),
    [
        ("savedmodel", swapped_input),
        ("tflite", changed_weights),
        ("onnx", swapped_classes),
    ],
)
def test_export_that_is_another_model_is_not_left_there(
    format: str,
    spoil: Callable[[Any], None],
    run: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = exporting.write

    def spoilt(net: Any, *args: Any, **said: Any) -> pathlib.Path:
        spoil(net)
        return write(net, *args, **said)

    monkeypatch.setattr(exporting, "write", spoilt)
    facts, target = tmp_path / "facts.json", tmp_path / "out"
    with pytest.raises(RecipeError, match="does not give the model's answers"):
        recipes.export.export(workdir=run, format=format, output=target, json=facts, say=quietly)
    assert [path.name for path in tmp_path.iterdir()] == ["facts.json"]
    assert not json.loads(facts.read_text())["parity"]["passed"]


def test_model_trained_in_bfloat16_is_exported_in_float32(
    run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    reduced = tmp_path / "run"
    shutil.copytree(run, reduced)
    facts = json.loads((run / "plan.json").read_text())
    (reduced / "plan.json").write_text(json.dumps({**facts, "precision": "bfloat16"}))
    was = loaded(run / "best.keras")
    net = model.unet(
        channels=3,
        classes=3,
        depth=2,
        width=4,
        mean=facts["dataset"]["pixel_mean"],
        std=facts["dataset"]["pixel_std"],
        precision="bfloat16",
    )
    net.set_weights(was.get_weights())
    net.save(reduced / "best.keras")
    plain = exporting.in_float32(net)
    assert {layer.compute_dtype for layer in plain.layers} == {"float32"}
    assert exporting.in_float32(plain) is plain
    assert exporting.weights_digest(plain) == exporting.weights_digest(net)
    assert exporting.weights_digest(plain) == exporting.weights_digest(was)
    said: list[str] = []
    found = recipes.export.export(workdir=reduced, format="savedmodel", images=2, say=said.append)
    assert (reduced / "export" / "savedmodel" / "saved_model").is_dir()
    assert found["parity"]["pixels_that_differ"] == 0
    assert found["parity"]["trained_precision"]["name"] == "bfloat16"
    assert 1e-5 < found["parity"]["trained_precision"]["largest_difference"] < 0.1
    assert "bfloat16, as it was trained" in "\n".join(said)


def test_model_of_models_with_coarser_answers_goes_into_float32_and_out(
    tmp_path: pathlib.Path,
) -> None:
    pixels = keras.Input((None, None, 3), name="image")
    said = {"channels": 3, "classes": 2, "depth": 1, "width": 2, "precision": "bfloat16"}
    parts = [model.unet(mean=[9.0] * 3, std=[5.0] * 3, seed=i, **said) for i in (0, 1)]
    for i, part in enumerate(parts):
        part.name = f"part_{i}"
    mean = keras.layers.Average(dtype="float32")([part(pixels) for part in parts])
    coarse = keras.layers.AveragePooling2D(2)(mean)
    net = exporting.in_float32(keras.Model(pixels, [mean, coarse]))
    given = exporting.Spec("uint8", (None, None, None, 3), 2)
    path = exporting.write(net, given, tmp_path, format="tflite", quantize=None)
    image = np.random.default_rng(0).integers(0, 256, (1, 9, 12, 3), np.uint8)
    truth = expected(lambda x, training: net(x, training=training)[0], image, 2)
    answer = by_tflite(path, image, tmp_path)
    np.testing.assert_allclose(answer["probabilities"], truth, atol=1e-5)


@pytest.mark.parametrize(
    ("format", "size"),
    [("savedmodel", None), ("tflite", None), ("tflite", (19, 27)), ("onnx", None)],
)
def test_sixteen_bit_images_of_any_or_one_size(
    format: str, size: tuple[int, int] | None, tmp_path: pathlib.Path
) -> None:
    net = model.unet(
        channels=2, classes=4, depth=2, width=2, mean=[30e3, 20e3], std=[9e3, 5e3], seed=3
    )
    given = exporting.Spec("uint16", (None, *(size or (None, None)), 2), 4)
    path = exporting.write(net, given, tmp_path, format=format, quantize=None)
    rng = np.random.default_rng(0)
    for height, width in [size] if size else [(19, 27), (1, 33), (16, 8)]:
        image = rng.integers(0, 65536, (1, height, width, 2), np.uint16)
        answer = RUNNERS[format](path, image, tmp_path)
        np.testing.assert_allclose(
            answer["probabilities"], expected(net, image, 4), atol=1e-4, rtol=0
        )


def test_tflite_folds_batch_norms_and_halves_with_float16(tmp_path: pathlib.Path) -> None:
    net = model.unet(channels=3, classes=2, depth=2, width=16, mean=[9.0] * 3, std=[5.0] * 3)
    given = exporting.Spec("uint8", (1, 32, 32, 3), 4)
    sizes = []
    for quantize in (None, "float16"):
        path = exporting.write(net, given, tmp_path, format="tflite", quantize=quantize)
        sizes.append(path.stat().st_size)
        interpreter = Interpreter(model_path=str(path))
        assert list(interpreter.get_input_details()[0]["shape"]) == [1, 32, 32, 3]
        names = {d["op_name"] for d in interpreter._get_ops_details()}
        assert names <= {
            *("CAST", "SUB", "MUL", "CONV_2D", "MAX_POOL_2D", "TRANSPOSE_CONV", "CONCATENATION"),
            *("SOFTMAX", "ARG_MAX", "DEQUANTIZE", "DELEGATE", "RESHAPE", "ADD"),
        }
    assert sizes[1] < 0.6 * sizes[0]


def test_fixed_size_is_compared_on_images_of_that_size(
    run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    found = recipes.export.export(
        workdir=run, format="savedmodel", size="50,70", output=tmp_path / "out", say=quietly
    )
    assert found["input"]["shape"] == [None, 50, 70, 3]
    assert found["tiling"]["window"] == [50, 70]
    assert found["parity"]["pixels"] == 4 * 50 * 70


@pytest.mark.parametrize(
    ("said", "told"),
    [({"folds": 2, "fold": -1}, "train+validation"), ({}, "validation")],
    ids=["ensemble", "alone"],
)
def test_without_a_test_split_other_images_are_compared_and_named(
    said: dict[str, int], told: str, run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    other, lines = tmp_path / "run", list[str]()
    shutil.copytree(run, other)
    plan = json.loads((run / "plan.json").read_text())
    plan |= {**said, "dataset": {**plan["dataset"], "test": None}}
    (other / "plan.json").write_text(json.dumps(plan))
    found = recipes.export.export(workdir=other, format="savedmodel", images=3, say=lines.append)
    assert (found["parity"]["images"], found["parity"]["split"]) == (3, told)
    assert f"3 images of {told}," in "\n".join(lines)


def test_refusals_say_what_to_do(
    run: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(told: str, **said: Any) -> None:
        with pytest.raises(RecipeError, match=told):
            recipes.export.export(**{"workdir": run, "format": "onnx", "say": quietly, **said})

    refused("holds no run", workdir=tmp_path)
    refused("two numbers of pixels", size="64")
    refused("two numbers of pixels", size="0,64")
    refused("is for --format=tflite", quantize="float16")
    refused("it is one of savedmodel", format="h5")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    refused("is taken", output=tmp_path / "full")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    monkeypatch.setattr(exporting.importlib.util, "find_spec", lambda name: None)
    refused(r"tf2onnx.*pip install 'seg_datasets\[export\]'", output=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_converter_that_gives_up_is_told_in_plain_words(
    run: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **said: Any) -> bytes:
        raise RuntimeError("no kernel for Foo\nand a page of more")

    monkeypatch.setattr(exporting, "_onnx", fail)
    with pytest.raises(RecipeError, match=r"gave up: no kernel for Foo\nTry another"):
        recipes.export.export(workdir=run, format="onnx", output=tmp_path / "out", say=quietly)
    assert list(tmp_path.iterdir()) == []


def test_command_ends_with_1_and_a_line(tmp_path: pathlib.Path) -> None:
    words = [sys.executable, "-m", "recipes.export", f"--workdir={tmp_path}", "--format=onnx"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert runs.Run(tmp_path).plan.name in ended.stderr
