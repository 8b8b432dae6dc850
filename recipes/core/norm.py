"""Batch normalization that takes TensorFlow's fused kernel; Keras's own made the U-Net slow."""

from typing import Any

import keras

MOMENTUM = 0.95  # Keras's 0.99 needs some 500 steps before validation means anything


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
            if tf.distribute.get_strategy().num_replicas_in_sync > 1:
                return self._across_devices(inputs)
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
            self._remember(mean, variance)
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

    def _remember(self, mean: Any, variance: Any) -> None:
        kept = self.momentum
        self.moving_mean.assign(self.moving_mean * kept + mean * (1.0 - kept))
        self.moving_variance.assign(self.moving_variance * kept + variance * (1.0 - kept))

    def _across_devices(self, inputs: Any) -> Any:
        """Normalizes by the moments of the whole batch, of which this device has a part."""
        import tensorflow as tf

        x = tf.cast(inputs, tf.float32)
        parts = [tf.reduce_sum(x, (0, 1, 2)), tf.reduce_sum(tf.square(x), (0, 1, 2))]
        parts.append(tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32))
        context = tf.distribute.get_replica_context()
        total, squares, count = context.all_reduce(tf.distribute.ReduceOp.SUM, parts)
        mean = total / count
        variance = tf.maximum(squares / count - tf.square(mean), 0.0)
        self._remember(mean, variance)
        outputs = tf.nn.batch_normalization(
            x,
            mean,
            variance,
            tf.convert_to_tensor(self.beta),
            tf.convert_to_tensor(self.gamma),
            self.epsilon,
        )
        return tf.cast(outputs, inputs.dtype)

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
