"""The hook for Optax: a function that checks a model of JAX and the first step of its optimiser."""

from collections.abc import Callable
from typing import Any

from glorot.api import check
from glorot.checks import Report
from glorot.errors import GlorotError
from glorot.graph import Forward
from glorot.hooks.verdict import judge


def optax_check(
    optimizer: Any,
    model: Any,
    inputs: Any,
    targets: Any = None,
    *,
    loss: Callable[..., Any] | None = None,
    strict: bool = False,
    forward: Forward | None = None,
    **options: Any,
) -> Report:
    """Check parameters, gradients and the first updates of a model of JAX, before its training loop.

    The first step is tried on the batch and thrown away: model, optimiser and training stay bit for bit.

    Args:
        optimizer: a `GradientTransformation`, not its state.
        model: a Flax NNX module or a pair (Linen module, params); with `forward=`, an Equinox module or a pytree.
        inputs: a batch.
        targets: class numbers or values for the batch.
        loss: function (what the model returns, targets) → scalar; by default cross-entropy for class numbers and mean
            squared error for values.
        strict: whether warnings are errors.
        forward: function (model, inputs) that runs the model, for one that is not called itself or takes one example,
            as a model of Equinox: `lambda model, batch: jax.vmap(model)(batch)`.
        **options: what else `glorot.check` takes, such as `ignore` and `waive`.

    Returns:
        The report.

    Raises:
        CheckError: if the model will not start to train.
        GlorotError: if the batch does not fit the model, or the optimiser is not one of Optax.

    Example:
        >>> import glorot, jax, optax
        >>> from flax import nnx
        >>> model, x = nnx.Linear(64, 10, rngs=nnx.Rngs(0)), jax.random.normal(jax.random.key(0), (32, 64))
        >>> glorot.hooks.optax_check(optax.adam(1e-3), model, x).ok
        True
    """
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise GlorotError(
            f"optax_check takes a GradientTransformation of Optax first, got a {type(optimizer).__name__}; "
            "write it as glorot.hooks.optax_check(optimizer, model, inputs, targets)"
        )
    found = check(model, inputs, targets, loss=loss, optimizer=optimizer, forward=forward, **options)
    return judge(found, strict=strict)
