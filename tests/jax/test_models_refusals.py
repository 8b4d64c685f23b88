"""What is no JAX model, is not built or lacks its values: one clear message each."""

from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState
from jax_models import KEY, Boxed, Net, Tree, check_filled, rngs

from glorot.errors import GlorotError
from glorot.jax.models import kind_of


class Raw(nnx.Module):
    def __init__(self, value: Any) -> None:
        self.raw = nnx.Param(value)


class Empty(nnx.Module):
    pass


DENSE = nn.Dense(4)
PARAMS = {"kernel": jnp.ones((3, 4)), "bias": jnp.ones(4)}
STATE = TrainState.create(apply_fn=DENSE.apply, params=PARAMS, tx=optax.sgd(0.1, momentum=0.9))
REFUSED: list[tuple[Any, str]] = [
    (nnx.Linear, "Linear is a class of NNX modules; pass an instance, Linear(…, rngs=…)"),
    (
        nnx.bridge.ToNNX(nn.Dense(4), rngs=nnx.Rngs(0)),
        "this ToNNX is not built: it has no nnx.Param; a bridge.ToNNX needs lazy_init on a batch",
    ),
    (Empty(), "this Empty is not built: it has no nnx.Param; a bridge.ToNNX needs lazy_init on a batch"),
    (Raw(None), "this Raw is not built: 'raw' is an nnx.Param that holds no array but a NoneType"),
    (Raw(0.5), "this Raw is not built: 'raw' is an nnx.Param that holds no array but a float"),
    (eqx.nn.Linear, "Linear is a class of Equinox modules; pass an instance of it"),
    (
        eqx.nn.Lambda(jax.nn.relu),
        "this Lambda has no parameters: none of its leaves is an array of floating-point numbers",
    ),
    (
        DENSE,
        "the Linen module Dense keeps no params of its own, and it stands alone: pass (module, params), with params = "
        "module.init(key, batch)",
    ),
    (
        (DENSE, 3),
        "the Linen module Dense keeps no params of its own, and beside it stands a int: pass (module, params), with "
        "params = module.init(key, batch)",
    ),
    (nn.Dense, "Dense is a class of Linen modules; pass (module, params) with an instance, Dense(…)"),
    ((nn.Dense, PARAMS), "Dense is a class of Linen modules; pass (module, params) with an instance, Dense(…)"),
    ((DENSE, {"params": {}}), "the params of Dense are empty; make them with module.init(key, batch)"),
    ((DENSE, {"kernel": "text"}), "the params hold no array at 'kernel' but a str"),
    (
        {"w": jnp.ones(2), "b": 0.5},
        "the leaf 'b' is no array, it is a float; a pytree to initialise holds arrays alone: take what is none out of it",
    ),
    (
        (DENSE, PARAMS, jnp.ones((1, 3))),
        "the leaf '0' is no array, it is a Dense; pass the pair (module, params), and a batch as inputs=",
    ),
    (
        eqx.nn.make_with_state(eqx.nn.BatchNorm)(3, "batch", mode="batch"),
        "the leaf '0.axis_name' is no array, it is a str; it stands in a module, the BatchNorm at '0': pass the module "
        "alone",
    ),
    (
        STATE,
        "the leaf 'step' is no array, it is a int; pass the params alone, beside their Linen module if they have one, "
        "and put the new ones back: state.replace(params=…)",
    ),
    (
        (DENSE, STATE),
        "the Linen module Dense keeps no params of its own, and beside it stands a TrainState: pass (module, params), "
        "with params = state.params",
    ),
    (
        {"a.b": jnp.ones(2), "a": {"b": jnp.ones(2)}},
        "two leaves of the model have one path, 'a.b'; rename a key that holds a dot",
    ),
]


@pytest.mark.parametrize(("model", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_is_no_model_is_told(model: Any, message: str) -> None:
    with pytest.raises(GlorotError) as caught:
        kind_of(model).leaves(model)
    assert str(caught.value) == message
    with pytest.raises(GlorotError) as caught:
        kind_of(model).described(model)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [3, "text", {"a": 1}, [], jnp.ones(2), np.ones(2), None, jax.nn.relu, {1: 2, "a": 3}])
def test_what_holds_no_arrays_belongs_to_nobody(value: Any) -> None:
    assert kind_of(value) is None


def test_a_linen_module_that_runs_to_know_its_layers_asks_for_a_batch() -> None:
    model = Boxed()
    params = jax.eval_shape(model.init, KEY, jnp.ones((1, 3)))
    with pytest.raises(GlorotError) as caught:
        kind_of((model, params)).described((model, params))
    assert str(caught.value) == (
        "Linen modules make their layers while they run: give inputs=, a batch as for init "
        "(glorot.plan(..., inputs=batch), glorot.apply(..., inputs=batch))"
    )


def test_params_of_another_module_are_named() -> None:
    params = {"Dense_0": {"kernel": jnp.ones((3, 3)), "bias": jnp.ones(3)}, "Dense_7": {"kernel": jnp.ones((3, 5))}}
    with pytest.raises(GlorotError) as caught:
        kind_of((Boxed(), params)).described((Boxed(), params), jnp.ones((1, 4)))
    assert str(caught.value).splitlines() == [
        "these params are not those of the module Boxed:",
        "  missing: BatchNorm_0.bias",
        "  missing: BatchNorm_0.scale",
        "  missing: Dense_1.bias",
        "  missing: Dense_1.kernel",
        "  Dense_0.kernel has shape 3×3, the module makes it 4×3 for this batch",
        "  not in the module: Dense_7.kernel",
    ]


def test_params_that_another_method_may_use_are_unknown() -> None:
    given = (DENSE, {**PARAMS, "decoder": {"kernel": jnp.ones((4, 3))}})
    found = kind_of(given).described(given, jnp.ones((1, 3)))
    assert [path for path, known in found.items() if known.is_unknown] == ["decoder.kernel"]
    assert found["decoder.kernel"].kind == "Dense"


def test_state_without_values_is_named() -> None:
    way = "build the model inside nnx.jit instead of nnx.eval_shape, or fill that state first"
    model: Any = nnx.eval_shape(Net)
    with pytest.raises(GlorotError) as caught:
        check_filled(model)
    message = "the state 'drop.rngs.count' and 2 more has a shape but no values, and is no parameter: "
    assert str(caught.value) == message + way
    tree = eqx.filter_eval_shape(Tree)
    with pytest.raises(GlorotError, match="^the array 'count' and 1 more has a shape but no values"):
        check_filled(tree)
    boxed = Boxed()
    variables = jax.eval_shape(boxed.init, KEY, jnp.ones((1, 3)))
    cache = {"keys": jax.ShapeDtypeStruct((2,), jnp.float32), "values": jax.ShapeDtypeStruct((2,), jnp.float32)}
    with pytest.raises(GlorotError, match="^the variable 'cache.keys' and 1 more has a shape but no "):
        check_filled((boxed, {**variables, "cache": cache}))
    assert check_filled((boxed, variables))[1]["batch_stats"]["BatchNorm_0"]["mean"].shape == (2,)
    assert check_filled((boxed, variables["params"]))[1]["Dense_0"]["bias"][0] == 102


def test_layers_without_elements_are_named() -> None:
    model = nnx.eval_shape(
        lambda: nnx.Sequential(nnx.Linear(0, 3, kernel_init=nnx.initializers.ones_init(), rngs=rngs()))
    )
    with pytest.raises(GlorotError, match=r"^layer 'layers.0' \(Linear\): inputs must be a positive integer, got 0$"):
        kind_of(model).described(model)
    tree = eqx.filter_eval_shape(lambda: eqx.nn.Linear(3, 0, key=KEY))
    with pytest.raises(GlorotError, match=r"^layer '' \(Linear\): outputs must be a positive integer, got 0$"):
        kind_of(tree).described(tree)
