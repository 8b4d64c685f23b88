"""Watching a Keras model on TensorFlow: the traced graph is run again, with its points as further outputs."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from glorot import stream
from glorot.distributions import Normal
from glorot.errors import GlorotError
from glorot.given import check_classes, check_targets, failed_loss, not_one_number, targets_as_array
from glorot.graph.axes import Layout, examples_of, layouts_of
from glorot.graph.points import points_of
from glorot.graph.readings import FirstStep, Observed, Placing, Reading, holders_of, note_missing, placing, reading_of
from glorot.graph.spectra import (
    EXACT,
    Found,
    Values,
    check_apart,
    ends_of,
    first_alone,
    largest_by_lanczos,
    no_dependence,
)
from glorot.keras.graph.calls import Pass
from glorot.keras.observing.traced import Traced


def observe(
    given: Pass,
    targets: Any,
    loss: Any,
    step: FirstStep | None = None,
) -> Observed:
    """Return what a pass shows.

    Args:
        given: the pass.
        targets: what the loss compares the outputs with, or None.
        loss: the loss, or None for the usual one.
        step: tries an optimiser's first step.
    """
    traced = Traced(given)
    observed = Observed(traced.folded, points_of(traced.folded))
    taps, placings = _taps(observed, traced.places)
    trained = traced.trained
    with traced.graph.as_default():
        value = loss_of(traced.returned, targets, loss)
        slopes_at = tf.gradients(value, [*taps.values(), *trained.values()])
        reached = _reached(trained, slopes_at[len(taps) :])
        fetched = {
            "loss": value,
            "values": {key: _keep(one, placings[key]) for key, one in taps.items()},
            "gradients": {key: _keep(one, placings[key]) for key, one in _reached(taps, slopes_at).items()},
            "weights": {path: (tf.size(one), *_moments(one)) for path, one in reached.items()},
            "reached": {} if step is None else reached,
        }
    found = traced.function(fetched)()
    observed.loss = math.nan if targets is None and loss is None else float(found["loss"])
    _fill(observed, found, placings)
    if step is not None:
        observed.updates.update(step(found["reached"]))
    first = np.asarray(given.batch[0])
    if first.dtype.kind == "f":
        rows = first.astype(np.float64).reshape(len(first), -1)
        observed.input_second_moments = tuple(np.mean(rows**2, axis=1).tolist())
    note_missing(observed)
    return observed


def jacobians(given: Pass) -> Found:
    """Return the singular values of the Jacobians of a pass."""
    traced = Traced(given)
    (start,) = traced.batch
    holders = holders_of(traced.folded, sorted(traced.places))
    if traced.outputs:
        _check_apart(traced, start, traced.outputs[0])
    layers, before = [], start
    for point, name in ends_of(points_of(traced.folded)):
        if point.value in holders:
            after = traced.places[holders[point.value]]
            values = singular_values(traced, before, after)
            layers += [(name, *values)] if values is not None else []
            before = after
    whole = singular_values(traced, start, traced.outputs[0]) if traced.outputs else None
    if whole is None:
        raise no_dependence()
    return layers, whole


def _check_apart(traced: Traced, start: Any, outputs: Any) -> None:
    """Check that no example of a batch changes the outputs of another, where both begin with the examples."""
    if outputs.shape[:1] != start.shape[:1]:
        return
    with traced.graph.as_default():
        weights = tf.compat.v1.placeholder(outputs.dtype, outputs.shape)
        (back,) = tf.gradients(outputs, start, weights)
    if back is not None:
        chosen = tf.cast(first_alone(outputs.shape), outputs.dtype)
        check_apart(traced.function(back, [weights])(chosen).numpy().astype(np.float64))


def singular_values(traced: Traced, before: Any, after: Any) -> tuple[Values, bool] | None:
    """Return the singular values of ∂after/∂before of each example, largest first; None if after ignores before.

    Args:
        traced: the pass that both tensors are of.
        before: a tensor, its examples first.
        after: a tensor, each example of which depends on the same example of the other alone.
    """
    if after.shape[:1] != before.shape[:1]:
        return None
    with traced.graph.as_default():
        weights = tf.compat.v1.placeholder(after.dtype, after.shape)
        (back,) = tf.gradients(after, before, weights)
    if back is None:
        return None
    transposed = traced.function(back, [weights])
    examples, outputs = int(after.shape[0]), math.prod(after.shape[1:])
    if outputs > EXACT:
        return _largest(traced, (before, weights, back), transposed), False
    rows = []
    for unit in np.eye(outputs):  # examples do not interact, so one derivative serves all of them
        chosen = tf.cast(np.broadcast_to(unit, (examples, outputs)).reshape(after.shape), after.dtype)
        rows.append(transposed(chosen).numpy().reshape(examples, -1))
    return np.linalg.svd(np.stack(rows, axis=1).astype(np.float64), compute_uv=False), True


def _largest(traced: Traced, product: tuple[Any, Any, Any], transposed: Callable[[Any], Any]) -> Values:
    """Return the largest singular values of each example, by Lanczos' method on products with the Jacobian.

    Args:
        traced: the pass.
        product: the tensor before, the weights of the one after, and the gradient that they make together.
        transposed: function of such weights → that gradient.
    """
    before, weights, back = product
    with traced.graph.as_default():
        change = tf.compat.v1.placeholder(before.dtype, before.shape)
        (made,) = tf.gradients(back, weights, change)  # the gradient is linear in the weights
    applied = traced.function(made, [change])
    sizes = math.prod(weights.shape[1:]), math.prod(before.shape[1:])

    def product_of(function: Callable[[Any], Any], vector: Values, like: Any, example: int) -> Values:
        given = np.zeros(like.shape)
        given[example] = vector.reshape(like.shape[1:])
        return np.asarray(function(tf.cast(given, like.dtype))[example], np.float64).ravel()

    def of_one(example: int) -> Values:
        return largest_by_lanczos(
            sizes,
            lambda vector: product_of(applied, vector, before, example),
            lambda vector: product_of(transposed, vector, weights, example),
        )

    return np.stack([of_one(example) for example in range(int(before.shape[0]))])


def _reached(keys: Iterable[Any], gradients: Sequence[Any]) -> dict[Any, Any]:
    """Return the gradients that exist, as dense tensors."""
    pairs = zip(keys, gradients, strict=False)
    return {key: tf.convert_to_tensor(one) for key, one in pairs if one is not None}


def _fill(observed: Observed, found: Mapping[str, Any], placings: Mapping[int, Placing]) -> None:
    """Turn what was fetched into readings."""
    observed.values.update((key, _reading(one, placings[key])) for key, one in found["values"].items())
    observed.gradients.update((key, _reading(one, placings[key])) for key, one in found["gradients"].items())
    for path, (count, mean, square) in found["weights"].items():
        observed.weights[path] = Reading((1, 1, int(count)), float(mean), float(square), math.nan)


def _taps(observed: Observed, places: Mapping[int, Any]) -> tuple[dict[int, Any], dict[int, Placing]]:
    """Return the tensor at each point that has one, and how it is read."""
    folded, taps, placings = observed.folded, dict[int, Any](), dict[int, Placing]()
    layouts, examples = layouts_of(folded), examples_of(folded)
    holders = holders_of(folded, sorted(places))
    for point in observed.points:
        holder = holders.get(point.value)
        if holder is not None and places[holder].dtype.is_floating:
            taps[point.value] = places[holder]
            shape = tuple(places[holder].shape)
            placings[point.value] = placing(shape, layouts.get(holder, Layout(0, len(shape) - 1)), examples)
    return taps, placings


def loss_of(outputs: Sequence[Any], targets: Any, loss: Any) -> Any:
    """Return the loss of what a model returned: the given one, cross-entropy for classes, mean square for values."""
    main = next((one for one in outputs if one.dtype.is_floating), None)
    if main is None:
        raise GlorotError("expected the model to return a tensor of values, got none")
    if loss is not None:
        return _given_loss(outputs[0] if len(outputs) == 1 else list(outputs), targets, loss)
    if targets is None:
        start = stream.draw(stream.key_of(0, "glorot.probe"), Normal(), tuple(main.shape))
        return tf.reduce_sum(main * tf.cast(tf.constant(start), main.dtype))
    goal, shape = targets_as_array(targets), tuple(main.shape)
    are_classes = goal.dtype.kind in "biu"
    check_targets(goal.shape, shape, are_classes=are_classes)
    if not are_classes:
        return tf.reduce_mean(tf.square(main - tf.cast(tf.constant(goal), main.dtype)))
    check_classes(int(goal.min()), int(goal.max()), shape, shape[-1])
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.constant(goal.astype(np.int64)), main))


def _given_loss(returned: Any, targets: Any, loss: Any) -> Any:
    if isinstance(targets, list | np.ndarray) or tf.is_tensor(targets):
        targets = tf.constant(targets_as_array(targets))
    try:
        value = loss(returned, targets)
    except Exception as error:
        raise failed_loss(error, targets, returned) from error
    if not tf.is_tensor(value) or value.shape.rank != 0:
        raise not_one_number(value, "a tensor")
    return value


def _keep(tensor: Any, place: Placing) -> tuple[Any, Any]:
    """Return mean, mean square and variance across examples in single precision, and the sample."""
    seen = tf.transpose(tf.reshape(tensor, place.shape), place.order)
    if place.is_whole:
        return (), tf.cast(tf.reshape(seen, place.sizes), tf.float32)
    chosen = tf.reshape(seen, place.sizes)
    positions = np.ravel_multi_index(place.places, [place.shape[axis] for axis in place.order[1:-1]])
    sample = tf.cast(tf.gather(chosen[: place.chosen], positions, axis=1), tf.float32)
    exact = tf.cast(seen, tf.float32)
    variance = tf.reduce_mean(tf.math.reduce_variance(exact, axis=0))
    return tf.stack([tf.reduce_mean(exact), tf.reduce_mean(tf.square(exact)), variance]), sample


def _reading(kept: tuple[Any, Any], place: Placing) -> Reading:
    moments, sample = kept
    return reading_of(place, None if place.is_whole else moments.numpy().tolist(), sample.numpy())


def _moments(gradient: Any) -> tuple[Any, Any]:
    exact = tf.cast(gradient, tf.float32)
    return tf.reduce_mean(exact), tf.reduce_mean(tf.square(exact))
