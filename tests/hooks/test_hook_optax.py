"""The check of a model of JAX and the first step of its optimiser: what stops, what is returned, and no bit changed."""

from typing import Any

import pytest

import glorot

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
flax = pytest.importorskip("flax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from flax import linen, nnx  # noqa: E402

X, Y = jax.random.normal(jax.random.key(0), (32, 20)), jnp.arange(32) % 3


class Net(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.first, self.drop = nnx.Linear(20, 32, rngs=rngs), nnx.Dropout(0.2, rngs=rngs)
        self.last = nnx.Linear(32, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.last(self.drop(nnx.relu(self.first(x))))


def trained(*, is_checked: bool) -> tuple[list[float], list[Any]]:
    model, transformation = Net(), optax.adam(1e-3)
    if is_checked:
        glorot.hooks.optax_check(transformation, model, X, Y)
    optimizer = nnx.Optimizer(model, transformation, wrt=nnx.Param)

    @nnx.jit
    def step(model: Net, optimizer: Any) -> Any:
        def loss(model: Net) -> Any:
            return optax.softmax_cross_entropy_with_integer_labels(model(X), Y).mean()

        value, gradients = nnx.value_and_grad(loss)(model)
        optimizer.update(model, gradients)
        return value

    losses = [float(step(model, optimizer)) for _ in range(3)]
    return losses, [np.asarray(one) for one in jax.tree.leaves(nnx.state(model, nnx.Param))]


def test_the_training_stays_bit_for_bit() -> None:
    (plain_losses, plain), (losses, checked) = trained(is_checked=False), trained(is_checked=True)
    assert losses == plain_losses
    assert all(np.array_equal(one, other) for one, other in zip(plain, checked, strict=True))


def test_an_error_is_raised() -> None:
    model = Net()
    model.first.bias[...] = jnp.full(32, jnp.nan)
    with pytest.raises(glorot.hooks.CheckError) as caught:
        glorot.hooks.optax_check(optax.adam(1e-3), model, X, Y)
    assert str(caught.value).splitlines()[0] == "GL101 error: first.bias: holds NaN in all of its 32 elements"


def test_the_first_step_is_tried_on_the_batch() -> None:
    layer = linen.Dense(3)
    variables = layer.init(jax.random.key(0), X)
    kernel = np.asarray(variables["params"]["kernel"])
    report = glorot.hooks.optax_check(optax.sgd(0.1), (layer, variables), X, Y)
    gradient = jax.grad(lambda held: optax.softmax_cross_entropy_with_integer_labels(layer.apply(held, X), Y).mean())(
        variables
    )["params"]["kernel"]
    expected = np.linalg.norm(0.1 * np.asarray(gradient)) / np.linalg.norm(kernel)
    assert report.signal.steps[0].update_ratio == pytest.approx(expected, rel=1e-4)


def test_a_given_loss_is_used() -> None:
    report = glorot.hooks.optax_check(
        optax.sgd(0.1), Net(), X, jnp.ones((32, 3)), loss=lambda outputs, targets: ((outputs - targets) ** 2).mean() + 5
    )
    assert report.signal.loss > 5


def test_what_is_no_optimizer_is_refused() -> None:
    with pytest.raises(glorot.GlorotError) as caught:
        glorot.hooks.optax_check(Net(), optax.adam(1e-3), X)
    assert str(caught.value) == (
        "optax_check takes a GradientTransformation of Optax first, got a Net; "
        "write it as glorot.hooks.optax_check(optimizer, model, inputs, targets)"
    )
