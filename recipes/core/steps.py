"""One step of gradient descent, on TensorFlow or on JAX, on one device or several.

The loss is always that of the whole batch: on several devices each works on a part of it and is
told what the others came to, so that their number changes no result but for float noise.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from recipes.core import losses
from recipes.core.dataset import VOID
from recipes.core.errors import RecipeError
from recipes.core.plan import Plan

ROUGH = 64  # JAX compiles for each size of images anew: those above are answered at multiples of it


class BackendError(RecipeError):
    """Keras runs on something the recipes do not know."""


class Step(Protocol):
    """From a batch and a learning rate to its loss and its confusion matrix."""

    def __call__(
        self, pixels: Any, ids: Any, rate: float, weights: Sequence[float] | None = None
    ) -> tuple[Any, Any]:
        """Makes the step, with the plan's class weights or others."""
        ...

    def settle(self) -> None:
        """Puts everything into the variables of model and optimizer, where others look for it."""
        ...


def make(net: Any, average: Any, optimizer: Any, plan: Plan, *, strategy: Any = None) -> Step:
    """The step for the backend that Keras runs on.

    Args:
      net: what is trained.
      average: the same model, whose weights follow those of `net`; `net` itself for none.
      optimizer: built for `net`.
      plan: loss, clip and average.
      strategy: of tf.distribute, under whose scope all three were made.

    Raises:
      BackendError: neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return TensorFlowStep(net, average, optimizer, plan, strategy=strategy)
    if backend == "jax":
        return JaxStep(net, average, optimizer, plan)
    raise BackendError(f"KERAS_BACKEND={backend}: the recipes run on tensorflow and on jax.")


def cost(terms: Sequence[losses.Term], ids: Any, outputs: Any, weights: Sequence[float]) -> Any:
    """The loss of a batch; with deep supervision of every level, each coarser one half as much."""
    levels = outputs if isinstance(outputs, list | tuple) else [outputs]
    total: Any = 0.0
    for i, logits in enumerate(levels):
        seen = ids[:, 2**i // 2 :: 2**i, 2**i // 2 :: 2**i] if i else ids
        total = total + 0.5**i * losses.total(terms, seen, logits, weights=weights)
    return total / sum(0.5**i for i in range(len(levels)))


def clipped(gradients: Sequence[Any], limit: float) -> list[Any]:
    """Gradients whose norm, taken over all of them, is no larger than a limit; 0 is no limit."""
    if not limit:
        return list(gradients)
    norm = ops.sqrt(sum(ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients))
    scale = limit / ops.maximum(norm, limit)
    return [g * ops.cast(scale, g.dtype) for g in gradients]


def counted(ids: Any, outputs: Any, classes: int) -> Any:
    """The confusion matrix of a batch, void left out."""
    logits = outputs[0] if isinstance(outputs, list | tuple) else outputs
    ids, said = ops.cast(ids, "int32"), ops.cast(ops.argmax(logits, axis=-1), "int32")
    cells = ops.where(ops.equal(ids, VOID), classes**2, ids * classes + said)
    flat = ops.reshape(cells, (-1,))
    counts = ops.segment_sum(ops.ones_like(flat), flat, num_segments=classes**2 + 1)
    return ops.reshape(counts[:-1], (classes, classes))


def kept(steps: Any, share: float) -> Any:
    """The share of an average that stays in a step: less at first, when it has seen little."""
    steps = ops.cast(steps, "float32")
    return ops.minimum(share, (1.0 + steps) / (10.0 + steps))


def followed(old: Any, new: Any, stays: Any) -> Any:
    """An average after one more step. Batch norm's moments are averaged with the weights they
    belong to; what is no float is taken as it is."""
    if "float" not in keras.backend.standardize_dtype(old.dtype):
        return new
    return old + (1.0 - ops.cast(stays, old.dtype)) * (new - old)


class TensorFlowStep:
    """A step as one graph, under a tf.distribute strategy where there is one."""

    def __init__(self, net: Any, average: Any, optimizer: Any, plan: Plan, *, strategy: Any = None):
        import tensorflow as tf

        self._optimizer = optimizer
        terms, classes = losses.parse(plan.loss), len(plan.dataset.classes)
        devices = strategy.num_replicas_in_sync if strategy else 1

        def whole(part: Any) -> Any:
            """A tensor of the whole batch, of which only this device's part has a gradient."""
            if devices == 1:
                return part
            context = tf.distribute.get_replica_context()
            rank, size = context.replica_id_in_sync_group, tf.shape(part)[0]
            others = context.all_gather(tf.stop_gradient(part), axis=0)
            return tf.concat([others[: rank * size], part, others[(rank + 1) * size :]], 0)

        def learn(pixels: Any, ids: Any, weights: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape:
                outputs = tf.nest.map_structure(whole, net(pixels, training=True))
                ids = whole(tf.cast(ids, tf.int32))  # bytes cannot be gathered
                loss = cost(terms, ids, outputs, weights)
            gradients = tape.gradient(loss, net.trainable_variables)
            if devices > 1:
                context = tf.distribute.get_replica_context()
                gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            gradients = clipped(gradients, plan.clip)
            # The optimizer adds up what the devices hand it.
            gradients = [g / devices for g in gradients] if devices > 1 else gradients
            optimizer.apply(gradients, net.trainable_variables)
            return loss, counted(ids, outputs, classes)

        def follow() -> None:
            if average is net:
                return
            stays = kept(optimizer.iterations, plan.ema)
            for old, new in zip(average.variables, net.variables, strict=True):
                if strategy:
                    strategy.extended.update(
                        old.value,
                        lambda one, other: one.assign(followed(one, other, stays)),
                        args=(new.value,),
                    )
                else:
                    old.assign(followed(old.value, new.value, stays))

        @tf.function
        def step(pixels: Any, ids: Any, weights: Any) -> tuple[Any, Any]:
            if not strategy:
                found = learn(pixels, ids, weights)
                follow()
                return found
            size = pixels.shape[0] // devices

            def part_of(tensor: Any) -> Any:
                def cut(context: Any) -> Any:
                    first = context.replica_id_in_sync_group * size
                    return tensor[first : first + size]

                return strategy.experimental_distribute_values_from_function(cut)

            loss, matrix = strategy.run(learn, args=(part_of(pixels), part_of(ids), weights))
            follow()
            # Each device has worked out the same.
            return tuple(strategy.experimental_local_results(v)[0] for v in (loss, matrix))

        self._step, self._weights = step, plan.class_weights

    def __call__(
        self, pixels: Any, ids: Any, rate: float, weights: Sequence[float] | None = None
    ) -> tuple[Any, Any]:
        """Makes the step."""
        self._optimizer.learning_rate.assign(rate)
        # An array: of a tuple of numbers each one would be traced anew.
        asked = np.asarray(weights or self._weights, np.float32)
        found: tuple[Any, Any] = self._step(pixels, ids, asked)
        return found

    def settle(self) -> None:
        """Nothing to do: the graph works on the variables themselves."""


class JaxStep:
    """A step as a pure function of everything that changes; several devices share the batch."""

    def __init__(self, net: Any, average: Any, optimizer: Any, plan: Plan):
        import jax

        terms, classes = losses.parse(plan.loss), len(plan.dataset.classes)
        self._owners = [net.trainable_variables, net.non_trainable_variables, optimizer.variables]
        if average is not net:
            self._owners += [average.trainable_variables, average.non_trainable_variables]
        self._rate = next(
            i for i, v in enumerate(optimizer.variables) if v is optimizer.learning_rate
        )
        self._place = _sharing(plan.batch)
        self._state: list[list[Any]] | None = None

        def learn(state: list[list[Any]], pixels: Any, ids: Any, by_class: Any) -> Any:
            weights, rest, moments = state[:3]

            def loss_of(weights: list[Any]) -> Any:
                outputs, after = net.stateless_call(weights, rest, pixels, training=True)
                return cost(terms, ids, outputs, by_class), (outputs, after)

            (loss, (outputs, rest)), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights)
            gradients = clipped(gradients, plan.clip)
            weights, moments = optimizer.stateless_apply(moments, gradients, weights)
            found = [list(weights), list(rest), list(moments)]
            if len(state) > 3:
                stays = kept(moments[0], plan.ema)  # an optimizer's first variable counts its steps
                for old, new in zip(state[3:], (weights, rest), strict=True):
                    pairs = zip(old, new, strict=True)
                    found.append([followed(one, other, stays) for one, other in pairs])
            return found, loss, counted(ids, outputs, classes)

        if optimizer.variables[0] is not optimizer.iterations:
            raise BackendError("this version of Keras does not count an optimizer's steps first.")
        self._learn, self._weights = jax.jit(learn), plan.class_weights

    def __call__(
        self, pixels: Any, ids: Any, rate: float, weights: Sequence[float] | None = None
    ) -> tuple[Any, Any]:
        """Makes the step."""
        if self._state is None:  # now, since a checkpoint may have been read after `__init__`
            self._state = [[v.value for v in owned] for owned in self._owners]
        self._state[2][self._rate] = ops.convert_to_tensor(rate, "float32")
        batch = self._place(np.asarray(pixels)), self._place(np.asarray(ids))
        asked = np.asarray(weights or self._weights, np.float32)
        self._state, loss, matrix = self._learn(self._state, *batch, asked)
        return loss, matrix

    def settle(self) -> None:
        """Writes the state into the variables."""
        if self._state is not None:
            for owned, values in zip(self._owners, self._state, strict=True):
                for variable, value in zip(owned, values, strict=True):
                    variable.assign(value)


def _sharing(batch: int) -> Callable[[np.ndarray], Any]:
    """A function that lays a batch across all devices that JAX has, if it can be shared evenly."""
    import jax

    devices = jax.devices()
    if len(devices) == 1 or batch % len(devices):
        return lambda array: array
    mesh = jax.sharding.Mesh(np.array(devices), ("batch",))
    shares = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    return lambda array: jax.device_put(array, shares)


def forward(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    """A function from one image's raw pixels to its class probabilities, on either backend."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # One trace for all sizes: a trace per size would cost seconds on images of mixed sizes.
        signature = [tf.TensorSpec([None, None, None, model.input_shape[-1]], tf.float32)]

        @tf.function(input_signature=signature)
        def of_tensor(pixels: Any) -> Any:
            return tf.nn.softmax(tf.cast(first(model(pixels, training=False)), tf.float32))

        return lambda pixels: of_tensor(tf.constant(pixels[None], tf.float32)).numpy()[0]
    import jax

    @jax.jit
    def of_array(weights: Any, rest: Any, pixels: Any) -> Any:
        outputs, _ = model.stateless_call(weights, rest, pixels, training=False)
        return ops.softmax(ops.cast(first(outputs), "float32"))

    def whole(pixels: np.ndarray) -> np.ndarray:
        values = [
            [v.value for v in owned]
            for owned in (model.trainable_variables, model.non_trainable_variables)
        ]
        height, width = pixels.shape[:2]
        more = [(0, -side % ROUGH if side > ROUGH else 0) for side in (height, width)]
        padded = np.pad(pixels, [*more, (0, 0)], mode="symmetric")[None]
        return np.asarray(of_array(*values, np.asarray(padded, np.float32)))[0, :height, :width]

    return whole


def first(outputs: Any) -> Any:
    """The logits of the finest level."""
    return outputs[0] if isinstance(outputs, list | tuple) else outputs
