"""The singular values of what a JAX model does between its points: all of them, or by Lanczos where it is wide."""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from glorot.graph import Folded, Forward
from glorot.graph.points import points_of
from glorot.graph.readings import holders_of
from glorot.graph.spectra import (
    EXACT,
    Found,
    Values,
    check_apart,
    ends_of,
    first_alone,
    largest_by_lanczos,
    no_dependence,
    not_one_tensor,
)
from glorot.inventory import Inventory
from glorot.jax.graph import Place, lower
from glorot.jax.model import whole_model_kept
from glorot.jax.models.running import refusals
from glorot.jax.observing import Run, Tapped, add_leaves, run_of

START, END = -2, -1
"""What stands for the batch and for what the model returns, among the values of its graph."""

Change = Callable[[Any], Any]
"""What is returned at a point, as a function of what is added at another."""


def jacobians(model: Any, stock: Inventory, inputs: Any, forward: Forward | None = None) -> Found:
    """Return the singular values of each layer with its activation, and of the whole model; whether they are all.

    Args:
        model: the model; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: a batch of values, of which each example is taken by itself.
        forward: function (model, batch) that runs the model; by default it is called.

    Raises:
        GlorotError: if the model refuses the batch, or the batch holds whole numbers.
    """
    arrays = [leaf for leaf in jax.tree_util.tree_leaves(inputs) if hasattr(leaf, "dtype")]
    if len(arrays) != 1 or not jnp.issubdtype(arrays[0].dtype, jnp.floating):
        raise not_one_tensor()
    with whole_model_kept(model), refusals():
        return jacobians_of_run(run_of(model, stock, inputs, forward))


def jacobians_of_run(run: Run) -> Found:
    """Return the same of a forward pass as a function of arrays, whose batch is one array.

    Raises:
        GlorotError: if what it returns does not depend on the batch, or examples depend on each other.
    """
    jaxpr = jax.make_jaxpr(run.function)(*run.arguments)
    places: dict[int, Place] = {}
    folded = Folded(lower(jaxpr, lambda graph: add_leaves(graph, run), places))
    holders = holders_of(folded, sorted(places))
    taps: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    ends = [(point.value, name) for point, name in ends_of(points_of(folded)) if point.value in holders]
    for value, _ in ends:
        path, n = places[holders[value]]
        taps[path].append((n, value))
    weights, others, (start,) = run.arguments

    def passed(added: dict[int, Any]) -> dict[int, Any]:
        seen: dict[int, Any] = {}
        given = [*weights, *others, start + added[START] if START in added else start]
        returned = Tapped(taps, added, seen).run(jaxpr, given)[0]
        return {**seen, END: returned}

    shapes = jax.eval_shape(passed, {})
    _check_apart(lambda change: passed({START: change})[END], jnp.zeros_like(start))
    layers, before = [], (START, jnp.zeros_like(start))

    def between(after: int) -> tuple[Values, bool] | None:
        at, zeros = before
        return singular_values(lambda change: passed({at: change})[after], zeros)

    for value, name in ends:
        if value in shapes:
            found = between(value)
            layers += [(name, *found)] if found is not None else []
            before = value, jnp.zeros(shapes[value].shape, shapes[value].dtype)
    before = START, jnp.zeros_like(start)
    whole = between(END)
    if whole is None:
        raise no_dependence()
    return layers, whole


def _check_apart(function: Change, zeros: Any) -> None:
    """Check that no example of a batch changes what a function returns of another, where both begin with examples."""
    after, backward = jax.vjp(function, zeros)
    if after.shape[:1] == zeros.shape[:1]:
        check_apart(np.asarray(backward(jnp.asarray(first_alone(after.shape), after.dtype))[0], np.float64))


def singular_values(function: Change, zeros: Any) -> tuple[Values, bool] | None:
    """Return the singular values of a function's Jacobian at 0 of each example; None if it does not depend on it.

    Args:
        function: a function of an array, its examples first, each example of the result of the same one.
        zeros: 0, as it takes it.
    """
    after = jax.eval_shape(function, zeros)
    if not _depends(function, zeros) or after.shape[:1] != zeros.shape[:1]:
        return None
    examples, outputs = len(zeros), math.prod(after.shape[1:])
    _, forward = jax.linearize(function, zeros)
    backward = jax.linear_transpose(forward, zeros)
    if outputs > EXACT:
        return _largest(forward, backward, zeros, after), False

    def row(unit: Any) -> Any:  # examples do not meet, so that one derivative serves all of them
        chosen = jnp.broadcast_to(unit, (examples, outputs)).reshape(after.shape).astype(after.dtype)
        return backward(chosen)[0].reshape(examples, -1)

    matrices = np.asarray(jax.lax.map(row, jnp.eye(outputs)), np.float64).transpose(1, 0, 2)
    return np.asarray(np.linalg.svd(matrices, compute_uv=False), np.float64), True


def _depends(function: Change, zeros: Any) -> bool:
    """Tell whether anything that a function returns is made of what it is given."""
    jaxpr = jax.make_jaxpr(function)(zeros).jaxpr
    made = set(map(id, jaxpr.invars))
    for equation in jaxpr.eqns:
        if any(id(one) in made for one in equation.invars):
            made |= set(map(id, equation.outvars))
    return any(id(one) in made for one in jaxpr.outvars)


def _largest(forward: Change, backward: Change, before: Any, after: Any) -> Values:
    """Return the largest singular values of each example."""
    sizes = math.prod(after.shape[1:]), math.prod(before.shape[1:])
    forward, backward = jax.jit(forward), jax.jit(backward)

    def of_one(example: int) -> Values:
        def place(vector: Values, like: Any) -> Any:
            values = jnp.asarray(vector, like.dtype).reshape(like.shape[1:])
            return jnp.zeros(like.shape, like.dtype).at[example].set(values)

        def applied(vector: Values) -> Values:
            return np.asarray(forward(place(vector, before))[example], np.float64).ravel()

        def transposed(vector: Values) -> Values:
            return np.asarray(backward(place(vector, after))[0][example], np.float64).ravel()

        return largest_by_lanczos(sizes, applied, transposed)

    return np.stack([of_one(example) for example in range(len(before))])
