"""What this machine trains on, as far as a plan depends on it."""

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
    """The GPU when TensorFlow sees one, else the CPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        about = tf.config.experimental.get_device_details(gpus[0])
        major = (about.get("compute_capability") or (0, 0))[0]
        name = about.get("device_name", "GPU")
        return Device(kind="gpu", name=name, count=len(gpus), bfloat16=major >= 8)
    info = pathlib.Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    names = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    return Device(
        kind="cpu",
        name=names[0] if names else "CPU",
        count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        bfloat16="avx512_bf16" in text or "amx_bf16" in text,
    )


def strategy() -> Any:
    """How training is shared among several devices; None where there is but one.

    GPUs when there are some, else CPUs, which are several only where someone has said so.
    """
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        return None
    return tf.distribute.MirroredStrategy([device.name for device in devices])
