"""The leaves of JAX models: their paths, ties and order, and new models made of others."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from flax.core import FrozenDict
from jax.sharding import PartitionSpec
from jax_models import KEY, Boxed, Inner, Net, Tree, check_filled, new_values, rngs

from effort import slow_after
from glorot.jax.models import kind_of

PATHS = ["again.kernel", "down.bias", "down.kernel", "inner.weights.a", "inner.weights.z"]
PATHS += [*(f"layers.{n}.kernel" for n in range(11))]
PATHS += ["norm.bias", "norm.mean", "norm.scale", "norm.var", "up.bias", "up.kernel"]
TIED = {"layers.0.kernel": "again.kernel", "up.kernel": "down.kernel"}


def numbers(model: Any) -> dict[str, float]:
    return {path: float(np.asarray(leaf).ravel()[0]) for path, leaf in kind_of(model).leaves(model).items()}


def check_rebuilt(model: Any) -> Any:
    """Rebuild a model with new values, and check that it has them and the old one has not."""
    kind, values, before = kind_of(model), new_values(model), jax.tree.leaves(model)
    new = kind.rebuilt(model, values)
    tied = kind.tied(model)
    assert numbers(new) == {path: float(values[tied.get(path, path)].ravel()[0]) for path in kind.leaves(model)}
    assert kind.tied(new) == tied
    assert all(old is leaf for old, leaf in zip(before, jax.tree.leaves(model), strict=True))
    return new


@pytest.mark.parametrize("build", [Net, lambda: nnx.eval_shape(Net), lambda: nnx.clone(Net())])
def test_leaves_of_nnx_in_the_order_that_splitting_and_merging_keeps(build: Callable[[], Any]) -> None:
    model = build()
    kind = kind_of(model)
    assert kind.framework == "flax.nnx"
    assert list(kind.leaves(model)) == PATHS
    assert kind.tied(model) == TIED
    _, state = nnx.split(model, lambda path, one: issubclass(one.type, nnx.Param) or path[0] == "norm", ...)[:2]
    owners = [".".join(map(str, keys)) for keys, _ in nnx.to_flat_state(state)]
    assert owners == [path for path in PATHS if path not in TIED]  # the first of those that are tied is Flax's first


def test_an_nnx_model_is_rebuilt_and_shares_no_variable() -> None:
    model = Net()
    model.inner.scale[...] = jnp.full(2, 7.0)
    new = check_rebuilt(model)
    assert new.down.kernel is new.up.kernel
    assert new.again is new.layers[0]
    assert new.inner.scale[0] == 7
    old_ids = {id(variable) for _, variable in nnx.iter_graph(model) if isinstance(variable, nnx.Variable)}
    new_ids = {id(variable) for _, variable in nnx.iter_graph(new) if isinstance(variable, nnx.Variable)}
    assert new_ids
    assert not old_ids & new_ids
    new.inner.scale[...] = jnp.zeros(2)
    assert model.inner.scale[0] == 7


def test_a_module_that_holds_one_above_it_is_gone_through_once() -> None:
    model = Inner()
    model.child = nnx.Linear(2, 2, use_bias=False, rngs=rngs())
    model.child.parent = model
    kind = kind_of(model)
    assert list(kind.leaves(model)) == ["child.kernel", "weights.a", "weights.z"]
    new = kind.rebuilt(model, new_values(model))
    assert new.child.parent is new
    assert new.child.kernel[0, 0] == 100


def test_what_is_not_given_is_kept() -> None:
    model = nnx.Linear(2, 2, rngs=rngs())
    new = kind_of(model).rebuilt(model, {"bias": jnp.ones(2)})
    assert new.kernel[...] is model.kernel[...]
    assert new.bias[0] == 1
    assert model.bias[0] == 0


def test_metadata_and_kinds_of_nnx_variables_are_kept() -> None:
    mesh = jax.make_mesh((1,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    with jax.set_mesh(mesh):
        init = nnx.with_partitioning(nnx.initializers.ones_init(), ("x", None))
        model = nnx.LoRALinear(2, 4, lora_rank=1, kernel_init=init, rngs=rngs(), bias_metadata={"mine": 3})
        new = check_rebuilt(model)
    assert new.kernel.get_metadata("out_sharding") == ("x", None)
    assert new.bias.get_metadata("mine") == 3
    assert type(new.lora.lora_a) is nnx.LoRAParam
    assert "lora.lora_a" in kind_of(model).leaves(model)


def test_models_in_shapes_alone_are_filled() -> None:
    linear = check_filled(nnx.eval_shape(lambda: nnx.Linear(3, 2, rngs=rngs())))
    assert linear(jnp.ones((1, 3))).shape == (1, 2)
    mlp = check_filled(eqx.filter_eval_shape(lambda: eqx.nn.MLP(3, 2, 4, 1, key=KEY)))
    assert mlp(jnp.ones(3)).shape == (2,)
    module = nn.Dense(2)
    module, variables = check_filled((module, jax.eval_shape(module.init, KEY, jnp.ones((1, 3)))))
    assert module.apply(variables, jnp.ones((1, 3))).shape == (1, 2)
    assert check_filled([jax.ShapeDtypeStruct((2,), jnp.float32)])[0].shape == (2,)


@pytest.mark.parametrize(
    ("build", "jit"),
    [
        (lambda: nnx.Linear(3, 2, rngs=rngs()), nnx.jit),
        (lambda: eqx.nn.Linear(3, 2, key=KEY), eqx.filter_jit),
        (lambda: (MODULE, MODULE.init(KEY, jnp.ones((1, 3)))), None),
        (lambda: {"w": jnp.ones(2)}, jax.jit),
    ],
)
def test_models_are_rebuilt_where_everything_is_traced(build: Callable[[], Any], jit: Any) -> None:
    model = build()
    expected = {path: float(value.ravel()[0]) for path, value in new_values(model).items()}
    if jit is not None:
        assert numbers(jit(check_filled)(model)) == expected  # a model that comes in
        assert numbers(jit(lambda: check_filled(build()))()) == expected  # one that is made inside
    else:
        made = jax.jit(lambda params: check_filled((MODULE, params))[1])(model[1])
        assert numbers((MODULE, made)) == expected


MODULE = nn.Dense(2)


def test_leaves_of_equinox() -> None:
    model = Tree()
    kind = kind_of(model)
    assert kind.framework == "equinox"
    assert list(kind.leaves(model)) == [
        "parts.a.weight", "parts.a.bias", "parts.b.0", "bn.weight", "bn.bias", "last.weight", "last.bias",
        "bn.batch_state_index.init.0", "bn.batch_state_index.init.1",
    ]  # fmt: skip
    assert kind.tied(model) == {"last.weight": "parts.a.weight"}
    new = check_rebuilt(model)
    assert new.count is model.count
    assert new.step is model.step
    assert new.bn.batch_counter.init == 0
    assert new.bn.batch_state_index.marker is model.bn.batch_state_index.marker
    assert new.last.weight is new.parts["a"].weight


def test_shapes_that_are_one_object_are_not_tied() -> None:
    shape = jax.ShapeDtypeStruct((3, 3), jnp.float32)
    linear = eqx.nn.Linear(3, 3, key=KEY)
    model = eqx.tree_at(lambda m: [m[0].weight, m[1].weight], eqx.nn.Sequential([linear, linear]), [shape, shape])
    assert kind_of(model).tied(model) == {"layers.1.bias": "layers.0.bias"}


class Point(NamedTuple):
    x: Any
    y: Any


@jax.tree_util.register_dataclass
@dataclass
class Weights:
    w: Any
    layers: list[Any]


def test_leaves_of_plain_pytrees() -> None:
    ones = jnp.ones(2)
    model = {"head": Point(ones, np.ones(3)), "body": Weights(ones, [ones, None, (ones,)])}
    kind = kind_of(model)
    assert kind.framework == "jax"
    assert list(kind.leaves(model)) == ["body.w", "body.layers.0", "body.layers.2.0", "head.x", "head.y"]
    assert kind.tied(model) == {}
    new = kind.rebuilt(model, new_values(model))
    assert jax.tree.structure(new) == jax.tree.structure(model)
    assert new["body"].layers[1] is None
    assert new["head"].x[0] == 103
    assert {path: (known.layer, known.kind, known.is_unknown) for path, known in kind.described(model).items()} == {
        "body.w": ("body", "Weights", True),
        "body.layers.0": ("body.layers", "list", True),
        "body.layers.2.0": ("body.layers.2", "tuple", True),
        "head.x": ("head", "Point", True),
        "head.y": ("head", "Point", True),
    }


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("bare", [False, True])
def test_linen_params_keep_their_containers_and_boxes(frozen: bool, bare: bool) -> None:
    model, x = Boxed(), jnp.ones((2, 3))
    variables = model.init(KEY, x)
    given: Any = variables["params"] if bare else variables
    given = FrozenDict(given) if frozen else given
    kind = kind_of((model, given))
    paths = [
        "Dense_0.kernel",
        "Dense_0.bias",
        "Dense_1.kernel",
        "Dense_1.bias",
        "BatchNorm_0.scale",
        "BatchNorm_0.bias",
    ]
    assert kind.framework == "flax.linen"
    assert list(kind.leaves((model, given))) == paths + ([] if bare else ["BatchNorm_0.mean", "BatchNorm_0.var"])
    module, new = check_rebuilt((model, given))
    assert module is model
    assert type(new) is type(given)
    assert jax.tree.structure(new) == jax.tree.structure(given)
    params = new if bare else new["params"]
    assert type(params["Dense_0"]["kernel"]) is nn.LogicallyPartitioned
    assert params["Dense_1"]["kernel"].get_partition_spec() == PartitionSpec("x", None)


def test_a_module_of_setup_needs_no_inputs() -> None:
    class Setup(nn.Module):
        def setup(self) -> None:
            self.layers = [nn.Dense(3), nn.Dense(3)]
            self.named = {"q": nn.Embed(3, 4)}
            self.seq = nn.Sequential([nn.Dense(2), nn.relu])
            self.scale = self.param("scale", nn.initializers.ones_init(), (3,))

        def __call__(self, x: Any) -> Any:
            return self.seq(self.layers[1](self.layers[0](x))), self.named["q"](jnp.zeros(1, int))

    model, x = Setup(), jnp.ones((1, 3))
    params = jax.eval_shape(model.init, KEY, x)["params"]
    kind = kind_of((model, params))
    with_none, with_inputs = kind.described((model, params)), kind.described((model, params), x)
    assert {k: (v.layer, v.kind) for k, v in with_none.items()} == {
        k: (v.layer, v.kind) for k, v in with_inputs.items()
    }
    assert with_none["layers_1.kernel"].parts[0].axes == "oi"
    assert with_none["scale"][:2] == ("", "Setup")
    assert with_none["scale"].is_unknown


# what is refused


SCRIPT = """
import sys, warnings
import jax, jax.numpy as jnp
from glorot.jax.models import kind_of
{more}
tree = {{"w": jnp.ones(2)}}
kind = kind_of(tree)
kind.rebuilt(tree, kind.leaves(tree))
kind.described(tree)
print([name for name in ("flax", "equinox", "torch", "keras") if name in sys.modules])
"""


@pytest.mark.parametrize(("more", "expected"), slow_after(1, [("", "[]"), ("import equinox", "['equinox']")]))
def test_only_what_is_in_use_is_imported(more: str, expected: str) -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT.format(more=more)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == expected
