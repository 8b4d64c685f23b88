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
import optax
import pytest
from flax import nnx
from flax.core import FrozenDict
from flax.training.train_state import TrainState
from jax.sharding import PartitionSpec

from glorot.errors import GlorotError
from glorot.jax.models import kind_of

KEY = jax.random.key(0)


def rngs() -> nnx.Rngs:
    return nnx.Rngs(params=0, dropout=1)


class Inner(nnx.Module):
    def __init__(self) -> None:
        self.weights = nnx.data({"z": nnx.Param(jnp.ones(2)), "a": nnx.Param(jnp.ones(3))})
        self.scale = nnx.BatchStat(jnp.ones(2))


class Net(nnx.Module):
    """A module with ties and state, whose order of registration is not that of the alphabet."""

    def __init__(self) -> None:
        self.up = nnx.Linear(3, 3, rngs=rngs())
        self.layers = nnx.List([nnx.Linear(3, 3, use_bias=False, rngs=rngs()) for _ in range(11)])
        self.down = nnx.Linear(3, 3, rngs=rngs())
        self.down.kernel = self.up.kernel
        self.again = self.layers[0]
        self.inner = Inner()
        self.norm = nnx.BatchNorm(3, rngs=rngs())
        self.drop = nnx.Dropout(0.1, rngs=rngs())


PATHS = ["again.kernel", "down.bias", "down.kernel", "inner.weights.a", "inner.weights.z"]
PATHS += [*(f"layers.{n}.kernel" for n in range(11)), "norm.bias", "norm.scale", "up.bias", "up.kernel"]
TIED = {"layers.0.kernel": "again.kernel", "up.kernel": "down.kernel"}


class Tree(eqx.Module):
    parts: dict[str, Any]
    bn: eqx.nn.BatchNorm
    count: Any
    step: jax.Array
    last: eqx.nn.Linear

    def __init__(self) -> None:
        self.last = eqx.nn.Linear(3, 3, key=KEY)
        self.parts = {"b": [jnp.ones(3), jax.nn.relu, None], "a": eqx.nn.Linear(3, 3, key=KEY)}
        self.parts["a"] = eqx.tree_at(lambda layer: layer.weight, self.parts["a"], self.last.weight)
        self.bn = eqx.nn.BatchNorm(3, "batch", mode="batch")
        self.count = np.zeros(2, int)
        self.step = jnp.array(0)


def new_values(model: Any) -> dict[str, Any]:
    """Return different numbers for each leaf, none for those that are tied."""
    kind = kind_of(model)
    owners = {path: leaf for path, leaf in kind.leaves(model).items() if path not in kind.tied(model)}
    return {path: jnp.full(owners[path].shape, n + 100.0) for n, path in enumerate(sorted(owners))}


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
    _, state = nnx.split(model, nnx.Param, ...)[:2]
    owners = [".".join(map(str, keys)) for keys, _ in nnx.to_flat_state(state)]
    assert owners == [path for path in PATHS if path not in TIED]  # the first of those that are tied is Flax's first


def test_an_nnx_model_is_rebuilt_and_shares_no_variable() -> None:
    model = Net()
    model.norm.mean[...] = jnp.full(3, 7.0)
    new = check_rebuilt(model)
    assert new.down.kernel is new.up.kernel
    assert new.again is new.layers[0]
    assert new.norm.mean[0] == 7
    old_ids = {id(variable) for _, variable in nnx.iter_graph(model) if isinstance(variable, nnx.Variable)}
    new_ids = {id(variable) for _, variable in nnx.iter_graph(new) if isinstance(variable, nnx.Variable)}
    assert new_ids
    assert not old_ids & new_ids
    new.norm.mean[...] = jnp.zeros(3)
    assert model.norm.mean[0] == 7


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


def check_filled(model: Any) -> Any:
    return kind_of(model).rebuilt(model, new_values(model))


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
    ]  # fmt: skip
    assert kind.tied(model) == {"last.weight": "parts.a.weight"}
    new = check_rebuilt(model)
    assert new.count is model.count
    assert new.step is model.step
    assert new.bn.batch_state_index.init is model.bn.batch_state_index.init
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


class Boxed(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        init = nn.with_partitioning(nn.initializers.ones_init(), ("x", None))
        x = nn.Dense(3, kernel_init=nn.with_logical_partitioning(nn.initializers.ones_init(), ("in", "out")))(x)
        return nn.BatchNorm(use_running_average=False)(nn.Dense(2, kernel_init=init)(x))


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
    assert list(kind.leaves((model, given))) == paths
    module, new = check_rebuilt((model, given))
    assert module is model
    assert type(new) is type(given)
    assert jax.tree.structure(new) == jax.tree.structure(given)
    params = new if bare else new["params"]
    assert type(params["Dense_0"]["kernel"]) is nn.LogicallyPartitioned
    assert params["Dense_1"]["kernel"].get_partition_spec() == PartitionSpec("x", None)
    assert bare or new["batch_stats"] == given["batch_stats"]


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
    message = "the state 'drop.rngs.count' and 4 more has a shape but no values, and is no parameter: "
    assert str(caught.value) == message + way
    tree = eqx.filter_eval_shape(Tree)
    with pytest.raises(GlorotError, match="^the array 'count' and 1 more has a shape but no values"):
        check_filled(tree)
    boxed = Boxed()
    variables = jax.eval_shape(boxed.init, KEY, jnp.ones((1, 3)))
    with pytest.raises(
        GlorotError, match="^the variable 'batch_stats.BatchNorm_0.mean' and 1 more has a shape but no "
    ):
        check_filled((boxed, variables))
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


@pytest.mark.parametrize(("more", "expected"), [("", "[]"), ("import equinox", "['equinox']")])
def test_only_what_is_in_use_is_imported(more: str, expected: str) -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT.format(more=more)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == expected
