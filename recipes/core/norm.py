"""Batch normalization that takes TensorFlow's fused kernel; Keras's own made the U-Net slow."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="seg_datasets")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's `BatchNormalization`, same weights and numbers, several times faster on a CPU.

    Keras 3 computes the moments op by op and in float32, which costs a bfloat16 U-Net on a CPU more
    than its convolutions. The fused kernel reads the input once and takes bfloat16 as it is. On
    another backend, or for an input the kernel does not know, Keras's own code runs.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalizes `inputs`; with `training` by the batch's moments, which it also remembers."""
        if mask is not None or not self._fits(inputs):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        if training and self.trainable:
            outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                inputs,
                tf.convert_to_tensor(self.gamma),
                tf.convert_to_tensor(self.beta),
                epsilon=self.epsilon,
                is_training=True,
            )
            # The kernel hands out the unbiased variance, Keras remembers the biased one.
            count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), variance.dtype)
            variance *= (count - 1.0) / count
            kept = self.momentum
            self.moving_mean.assign(self.moving_mean * kept + mean * (1.0 - kept))
            self.moving_variance.assign(self.moving_variance * kept + variance * (1.0 - kept))
            return outputs
        outputs, _, _ = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
            mean=tf.convert_to_tensor(self.moving_mean),
            variance=tf.convert_to_tensor(self.moving_variance),
            epsilon=self.epsilon,
            is_training=False,
        )
        return outputs

    def _fits(self, inputs: Any) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and bool(self.scale and self.center)
            and not self.synchronized
            and not getattr(self, "renorm", False)  # Keras 3.10 has none
            and keras.backend.standardize_dtype(inputs.dtype) in ("float32", "float16", "bfloat16")
            and keras.backend.standardize_dtype(inputs.dtype) == self.compute_dtype
        )
