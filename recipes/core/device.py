"""What this machine trains on, as far as a plan depends on it."""

import contextlib
import dataclasses
import os
import pathlib
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Device:
    """The processor a model is trained on."""

    kind: str  # "cpu" or "gpu"
    name: str
    count: int
    bfloat16: bool  # computed in hardware; elsewhere it is slower than float32


def find() -> Device:
    """The GPU when Keras's backend sees one, else the CPU."""
    if gpus := _gpus():
        name, capability = gpus[0]
        return Device(kind="gpu", name=name, count=len(gpus), bfloat16=capability >= 8)
    info = pathlib.Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    names = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    return Device(
        kind="cpu",
        name=names[0] if names else "CPU",
        count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        bfloat16="avx512_bf16" in text or "amx_bf16" in text,
    )


def leave_to_jax() -> None:
    """On JAX TensorFlow only reads data: hides the GPUs from it, whose memory it would take."""
    import keras

    if keras.backend.backend() == "jax":
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # it has them already
            tf.config.set_visible_devices([], "GPU")


def strategy() -> Any:
    """How training is shared among several devices; None where there is but one.

    GPUs when there are some, else CPUs, which are several only where someone has said so.
    """
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        return None
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _gpus() -> list[tuple[str, int]]:
    """Name and major compute capability of each GPU."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        told = [
            (one.device_kind, str(getattr(one, "compute_capability", "")).split(".")[0])
            for one in jax.devices()
            if one.platform == "gpu"
        ]
        # AMD's tell no number; those that JAX runs on have bfloat16.
        return [(name, int(major) if major.isdigit() else 8) for name, major in told]
    import tensorflow as tf

    found = []
    for one in tf.config.list_physical_devices("GPU"):
        about = tf.config.experimental.get_device_details(one)
        major = (about.get("compute_capability") or (0, 0))[0]
        found.append((about.get("device_name", "GPU"), major))
    return found
