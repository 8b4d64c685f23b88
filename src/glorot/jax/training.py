"""The first steps of training of a JAX model, which change nothing: each makes new weights."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from glorot.errors import GlorotError
from glorot.given import kind_of
from glorot.jax.model import layers, whole_model_kept
from glorot.jax.models.running import refusals
from glorot.jax.observing import Goal, Run, run_of

RATE = 1e-3
"""The rate of the Adam that steps where no optimiser is given."""


def train(model: Any, inputs: Any, targets: Any, loss: Any, optimizer: Any, count: int) -> list[float]:
    """Take steps of training, all on one batch, and return the losses; arrays besides the weights stay as they are.

    Args:
        model: the model; it is left as it was found.
        inputs: the batch.
        targets: what the loss compares the outputs with, or None.
        loss: function (what the model returns, targets) → scalar, or None for the usual one.
        optimizer: a transformation of gradients as Optax has them; None for Adam at 0.001.
        count: how many steps.

    Returns:
        The loss before the first step and after each; it ends with the first that is not finite.

    Raises:
        GlorotError: if the model refuses the batch, or a step fails.
    """
    chosen = _adam() if optimizer is None else optimizer
    if not (hasattr(chosen, "init") and hasattr(chosen, "update")):
        raise GlorotError(f"optimizer is a transformation of gradients as Optax has them, got {kind_of(optimizer)}")
    with whole_model_kept(model), refusals():
        run = run_of(model, layers(model, inputs), inputs, None)
        shapes = jax.eval_shape(run.function, *run.arguments)
        goal = Goal(targets, loss, jax.tree_util.tree_structure(shapes))
        try:
            return _losses(run, goal, chosen, count)
        except GlorotError:
            raise
        except Exception as error:
            raise GlorotError(f"training for {count} steps failed with {type(error).__name__}: {error}") from error


def _losses(run: Run, goal: Goal, optimizer: Any, count: int) -> list[float]:
    weights, others, batch = run.arguments
    held: dict[str, Any] = dict(zip(run.weights, weights, strict=True))
    trained = {path: one for path, one in held.items() if jnp.issubdtype(one.dtype, jnp.floating)}

    @jax.jit
    def value_and_gradients(trained: Mapping[str, Any], others: Sequence[Any], batch: Sequence[Any]) -> Any:
        def loss_of(trained: Mapping[str, Any]) -> Any:
            given = [trained.get(path, one) for path, one in held.items()]
            return goal.of(jax.tree_util.tree_leaves(run.function(given, others, batch)))

        return jax.value_and_grad(loss_of)(trained)

    @jax.jit
    def step(trained: Any, gradients: Any, state: Any) -> Any:
        updates, state = optimizer.update(gradients, state, trained)
        return jax.tree.map(lambda one, update: (one + update).astype(one.dtype), trained, updates), state

    state = optimizer.init(trained)
    losses: list[float] = []
    for _ in range(count):
        value, gradients = value_and_gradients(trained, others, batch)
        losses.append(float(value))
        if not math.isfinite(losses[-1]):
            return losses
        trained, state = step(trained, gradients, state)
    return [*losses, float(value_and_gradients(trained, others, batch)[0])]


def _adam() -> Any:
    try:
        import optax  # type: ignore[import-untyped]
    except ImportError as error:
        raise GlorotError(
            "steps are taken by an optimizer, and Optax, which has the usual one, is not installed; pass optimizer="
        ) from error
    return optax.adam(RATE)
