"""Watching signal and gradient in a JAX model on one batch: its jaxpr is evaluated with taps at the points."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal
from numpy.typing import NDArray

from glorot import stream
from glorot.distributions import Normal
from glorot.errors import GlorotError, NoStepError
from glorot.given import check_classes, check_targets, failed_loss, not_finite, not_one_number, targets_as_array
from glorot.graph import Folded, Forward, Graph
from glorot.graph.axes import Layout, examples_of, layouts_of
from glorot.graph.points import points_of
from glorot.graph.readings import FirstStep, Observed, Placing, Reading, holders_of, note_missing, placing, reading_of
from glorot.inventory import Inventory
from glorot.inventory.leaves import add_leaf
from glorot.jax.graph import Place, inner_of, lower
from glorot.jax.model import whole_model_kept
from glorot.jax.models import eqx, kind_of
from glorot.jax.models.running import refusals

LOOPS = {"scan", "while", "cond", "custom_vjp_call", "custom_vjp_call_jaxpr"}
"""Equations whose insides run as a whole, by a rule of their own or turn by turn."""


class Run(NamedTuple):
    """A forward pass as a function of arrays.

    Attributes:
        function: function (weights, others, batch) → what the model returns; each of the three is a list.
        stock: what is known of the parameters.
        weights: the parameters by their path.
        others: what the model holds besides, by its path.
        batch: the arrays of the batch.
        leaves: adds all arguments to a graph, in order; by default as their stock says.
    """

    function: Any
    stock: Inventory | None
    weights: Mapping[str, Any]
    others: Mapping[str, Any]
    batch: Sequence[Any]
    leaves: Callable[[Graph], list[int]] | None = None

    @property
    def arguments(self) -> tuple[list[Any], list[Any], list[Any]]:
        """The arguments of the function, as arrays of JAX's."""
        held = [*self.weights.values()], [*self.others.values()], [*self.batch]
        return tuple([jnp.asarray(one) if isinstance(one, np.ndarray) else one for one in some] for some in held)  # type: ignore[return-value]


def observe(
    model: Any,
    stock: Inventory,
    inputs: Any,
    targets: Any,
    loss: Any,
    forward: Forward | None = None,
    optimizer: Any = None,
) -> Observed:
    """Run a batch forward and backward, and read every point of a model.

    Args:
        model: the model; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: the batch.
        targets: what the loss compares the outputs with, or None.
        loss: function (what the model returns, targets) → scalar, or None for the usual one.
        forward: function (model, batch) that runs the model; by default it is called.
        optimizer: a transformation of gradients as Optax has them, whose first step is tried.

    Returns:
        What was read.

    Raises:
        GlorotError: if the model refuses the batch, or holds no arrays.
    """
    with whole_model_kept(model), refusals():
        run = run_of(model, stock, inputs, forward)
        step = None if optimizer is None else partial(_first_step, optimizer, run.weights)
        return observe_run(run, targets, loss, step)


def run_of(model: Any, stock: Inventory, inputs: Any, forward: Forward | None) -> Run:
    """Return the forward pass of a model on a batch, as a function of arrays.

    Raises:
        GlorotError: if a model cannot be run without `forward`, or model or batch hold no values.
    """
    kind = kind_of(model)
    if forward is None and kind is eqx:
        raise GlorotError(
            "a model of Equinox takes one example, and signals are measured on a batch; pass "
            "forward=lambda model, batch: jax.vmap(model)(batch)"
        )
    assert kind is not None
    _check(kind.leaves(model), inputs)
    run: Run | None = kind.graph(model, stock, inputs, forward, use=Run)
    if run is None:
        raise GlorotError("a pytree computes nothing by itself; pass forward=, a function (pytree, batch) → outputs")
    return run


def observe_run(run: Run, targets: Any, loss: Any, step: FirstStep | None = None) -> Observed:
    """Run a function of arrays forward and backward, and read every point of what it computes.

    Args:
        run: the function and its arguments.
        targets: what the loss compares the outputs with, or None.
        loss: as for `observe`.
        step: tries an optimiser's first step.

    Raises:
        GlorotError: if the targets do not fit, or the loss is no number.
    """
    jaxpr, shapes = jax.make_jaxpr(run.function, return_shape=True)(*run.arguments)
    structure = jax.tree_util.tree_structure(shapes)
    places: dict[int, Place] = {}
    folded = Folded(lower(jaxpr, lambda graph: add_leaves(graph, run), places))
    try:
        return _read(run, jaxpr, folded, places, Goal(targets, loss, structure), step)
    except GlorotError as error:  # to which JAX, while it traces, adds where it was
        raise GlorotError(str(error)) from error.__cause__


def _check(leaves: Mapping[str, Any], inputs: Any) -> None:
    for path, leaf in leaves.items():
        if not isinstance(leaf, jax.Array | np.ndarray):
            raise GlorotError(f"{path} is abstract and holds nothing; make the model with arrays, then measure it")
        if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
            raise GlorotError(f"{path} is spread over processes, and signals are measured in one process so far")
    for leaf in jax.tree_util.tree_leaves(inputs):
        if isinstance(leaf, jax.ShapeDtypeStruct):
            raise GlorotError(f"the batch of shape {leaf.shape} is abstract and holds no values; pass an array")
        has_values = isinstance(leaf, jax.Array | np.ndarray) and jnp.issubdtype(leaf.dtype, jnp.floating)
        if has_values and not bool(jnp.isfinite(jnp.asarray(leaf)).all()):
            raise not_finite(leaf.shape)


def add_leaves(graph: Graph, run: Run) -> list[int]:
    """Add the arguments of a forward pass to a graph, and return their ids."""
    if run.leaves is not None:
        return run.leaves(graph)
    assert run.stock is not None
    held = {**run.weights, **run.others}
    ids = [add_leaf(graph, run.stock, path, np.shape(array)) for path, array in held.items()]
    return ids + [graph.input(np.shape(array)) for array in run.batch]


class Goal(NamedTuple):
    """What is differentiated.

    Attributes:
        targets: what the loss compares the outputs with, or None.
        loss: the loss, or None for the usual one.
        structure: that of what the model returns.
    """

    targets: Any
    loss: Any
    structure: Any

    def of(self, flat: Sequence[Any]) -> Any:
        """Return the loss of the arrays that a model returned."""
        returned = jax.tree_util.tree_unflatten(self.structure, flat)
        if self.loss is not None:
            return _given_loss(self.loss, returned, self.targets)
        main = getattr(returned, "logits", returned)
        leaves = jax.tree_util.tree_leaves(main)
        if not leaves or not jnp.issubdtype(leaves[0].dtype, jnp.floating):
            what = f"an array of {leaves[0].dtype}" if len(leaves) == 1 else f"a {type(returned).__name__}"
            raise GlorotError(f"expected the model to return an array of values, got {what}")
        outputs = leaves[0]
        if self.targets is None:
            start = stream.draw(stream.key_of(0, "glorot.probe"), Normal(), tuple(outputs.shape))
            return jnp.sum(outputs * jnp.asarray(start).astype(outputs.dtype))
        return _usual_loss(outputs, targets_as_array(self.targets))


def _given_loss(loss: Any, returned: Any, targets: Any) -> Any:
    if isinstance(targets, list | np.ndarray | jax.Array):
        targets = jnp.asarray(targets_as_array(targets))
    try:
        value = loss(returned, targets)
    except Exception as error:
        raise failed_loss(error, targets, returned) from error
    if np.shape(value) != () or not isinstance(value, jax.Array):
        raise not_one_number(value, "an array")
    return value


def _usual_loss(outputs: Any, goal: NDArray[Any]) -> Any:
    are_classes = goal.dtype.kind in "biu"
    check_targets(goal.shape, outputs.shape, are_classes=are_classes)
    if not are_classes:
        return jnp.mean(jnp.square(outputs - jnp.asarray(goal)))
    check_classes(int(goal.min()), int(goal.max()), outputs.shape, outputs.shape[-1])
    chosen = jnp.take_along_axis(jax.nn.log_softmax(outputs), jnp.asarray(goal)[..., None], axis=-1)
    return -jnp.mean(chosen)


# ---- the pass --------------------------------------------------------------------------------------------------------


def _read(
    run: Run, jaxpr: ClosedJaxpr, folded: Folded, places: Mapping[int, Place], goal: Goal, step: FirstStep | None
) -> Observed:
    observed = Observed(folded, points_of(folded))
    layouts, examples = layouts_of(folded), examples_of(folded)
    holders = holders_of(folded, sorted(places))
    taps: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    placings: dict[int, Placing] = {}
    for point in observed.points:
        holder = holders.get(point.value)
        if holder is not None:
            path, n = places[holder]
            taps[path].append((n, point.value))
            shape = folded.graph.shape(holder)
            placings[point.value] = placing(shape, layouts.get(holder, Layout(0, len(shape) - 1)), examples)
    trained = [jnp.issubdtype(one.dtype, jnp.floating) for one in run.arguments[0]]

    @jax.jit
    def whole(weights: list[Any], others: list[Any], batch: list[Any]) -> Any:
        fixed = [None if is_trained else one for one, is_trained in zip(weights, trained, strict=True)]

        def passed(free: list[Any], zeros: dict[int, Any]) -> Any:
            given = iter(free)
            held = [next(given) if one is None else one for one in fixed]
            seen: dict[int, Any] = {}
            outputs = Tapped(taps, zeros, seen).run(jaxpr, [*held, *others, *batch])
            return goal.of(outputs), seen

        free = [one for one, is_trained in zip(weights, trained, strict=True) if is_trained]
        zeros = _zeros(passed, free, placings)
        (value, seen), (gradients, reached) = jax.value_and_grad(passed, argnums=(0, 1), has_aux=True)(free, zeros)
        kept = {key: _keep(one, placings[key]) for key, one in seen.items()}
        arrived = {key: _keep(one, placings[key]) for key, one in reached.items()}
        return value, kept, arrived, [_moments(one) for one in gradients], None if step is None else gradients

    value, kept, arrived, moments, gradients = whole(*run.arguments)
    observed.loss = math.nan if goal.targets is None and goal.loss is None else float(value)
    observed.values.update((key, _reading(one, placings[key])) for key, one in kept.items())
    observed.gradients.update((key, _reading(one, placings[key])) for key, one in arrived.items())
    paths = [path for path, is_trained in zip(run.weights, trained, strict=True) if is_trained]
    idle = _idle(folded)
    for name, (mean, square) in zip(paths, moments, strict=True):
        if name in idle:  # JAX gives zeros for what has no gradient
            continue
        observed.weights[name] = Reading((1, 1, np.size(run.weights[name])), float(mean), float(square), math.nan)
    if step is not None:
        observed.updates.update(step(dict(zip(paths, gradients, strict=True))))
    observed.input_second_moments = _squares(run.batch)
    note_missing(observed)
    return observed


def _idle(folded: Folded) -> set[str]:
    """Return the paths of the leaves that no step takes, and that are not returned as they are."""
    graph = folded.graph
    taken = {value for step in graph.steps for value in step.operands} | set(graph.outputs)
    return {value.path for value in graph.values if value.path and value.id not in taken}


def _first_step(
    optimizer: Any, weights: Mapping[str, Any], gradients: Mapping[str, Any]
) -> dict[str, tuple[float, float]]:
    """Return, by path, the square sums of an optimiser's first update of each weight, and of the weight."""
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        more = "; pass the one in its tx" if hasattr(optimizer, "tx") else ""
        kind = type(optimizer).__name__
        raise GlorotError(f"optimizer is a transformation of gradients as Optax has them, got a {kind}{more}")
    trained = {path: jnp.asarray(weights[path]) for path in gradients}

    @jax.jit
    def square_sums(given: Any) -> Any:
        updates, _ = optimizer.update(given, optimizer.init(trained), trained)
        return {path: (_square_sum(update), _square_sum(trained[path])) for path, update in updates.items()}

    try:
        found = square_sums(dict(gradients))
    except Exception as error:
        raise NoStepError(f"the first step of the optimiser failed with {type(error).__name__}: {error}") from error
    return {path: (float(update), float(weight)) for path, (update, weight) in found.items()}


def _square_sum(array: Any) -> Any:
    return jnp.sum(jnp.square(array.astype(jnp.float32)))


def _zeros(passed: Any, free: list[Any], placings: Mapping[int, Placing]) -> dict[int, Any]:
    """Return zeros like each tapped value that is real: its gradient is the derivative with respect to them."""
    _, seen = jax.eval_shape(passed, free, {})
    return {key: jnp.zeros(one.shape, one.dtype) for key, one in seen.items() if key in placings}


class Tapped:
    """Evaluates a jaxpr, adds zeros at the points, and keeps what is there."""

    def __init__(
        self, taps: Mapping[tuple[int, ...], list[tuple[int, int]]], zeros: Mapping[int, Any], seen: dict[int, Any]
    ) -> None:
        self.taps, self.zeros, self.seen = taps, zeros, seen

    def run(self, jaxpr: ClosedJaxpr | Jaxpr, operands: Sequence[Any], path: tuple[int, ...] = ()) -> list[Any]:
        """Return the results of a jaxpr."""
        body, constants = (jaxpr.jaxpr, jaxpr.consts) if isinstance(jaxpr, ClosedJaxpr) else (jaxpr, [])
        known: dict[Any, Any] = {
            **dict(zip(body.invars, operands, strict=True)),
            **dict(zip(body.constvars, constants, strict=False)),
        }

        def read(atom: Any) -> Any:
            return atom.val if isinstance(atom, Literal) else known[atom]

        for number, equation in enumerate(body.eqns):
            given, at = [read(atom) for atom in equation.invars], (*path, number)
            inner = None if equation.primitive.name in LOOPS else inner_of(equation)
            if inner is not None:
                results = self.run(inner, given, at)
            else:
                bound = equation.primitive.get_bind_params(equation.params)
                functions, params = ([], bound) if isinstance(bound, dict) else bound  # before JAX 0.10 a pair
                made = equation.primitive.bind(*functions, *given, **params)
                results = list(made) if equation.primitive.multiple_results else [made]
            for n, value in self.taps.get(at, ()) if inner is None else ():
                if jnp.issubdtype(results[n].dtype, jnp.floating) and results[n].size:
                    results[n] = results[n] + self.zeros[value] if value in self.zeros else results[n]
                    self.seen[value] = results[n]
            known.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in body.outvars]


# ---- reducing --------------------------------------------------------------------------------------------------------


def _keep(array: Any, place: Placing) -> tuple[Any, Any]:
    """Return mean, mean square and variance across examples in single precision, and the sample."""
    seen = array.reshape(place.shape).transpose(place.order)
    if place.is_whole:
        return None, seen.reshape(place.sizes).astype(jnp.float32)
    sample = seen[(slice(place.chosen), *place.places)].astype(jnp.float32)
    rows = seen.astype(jnp.float32)
    square, means = jnp.mean(jnp.square(rows)), jnp.mean(rows, axis=0)
    return jnp.stack([jnp.mean(means), square, jnp.mean(jnp.var(rows, axis=0))]), sample


def _reading(kept: tuple[Any, Any], place: Placing) -> Reading:
    moments, sample = kept
    return reading_of(place, None if moments is None else np.asarray(moments).tolist(), np.asarray(sample))


def _moments(gradient: Any) -> tuple[Any, Any]:
    exact = gradient.astype(jnp.float32)
    return jnp.mean(exact), jnp.mean(jnp.square(exact))


def _squares(batch: Sequence[Any]) -> tuple[float, ...]:
    """Return the mean square of each example of the batch, if its first array holds values."""
    first = next((np.asarray(one) for one in batch if np.ndim(one)), None)
    if first is None or first.dtype.kind in "iub":
        return ()
    rows = first.astype(np.float64).reshape(len(first), -1)
    return tuple(np.mean(rows**2, axis=1).tolist())
