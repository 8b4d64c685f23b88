"""Every scheme beside the initialiser of each framework: one law where it is the same, both figures where it is not.

Ours are drawn through `glorot.initialize` into a layer of that framework; theirs by the framework itself.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import keras
import numpy as np
import pytest
import torch
from flax import nnx
from jax.nn import initializers as jinit
from keras import initializers as kinit
from torch import nn

import glorot
from effort import slow_after

pytestmark = pytest.mark.usefixtures("compiled_in_full", "keys_that_compile_quickly")

Values = np.ndarray[Any, Any]
INPUTS, OUTPUTS = 1000, 1250  # 1.25 million weights
TRUNCATED = 2 / 0.87962566103423978  # the largest weight of a truncated normal, in its own standard deviations


def dense_in_torch(recipe: str) -> Values:
    layer = nn.Linear(INPUTS, OUTPUTS, bias=False)
    return glorot.initialize(layer, recipe, seed=1).weight.detach().numpy().ravel()


def dense_in_keras(recipe: str) -> Values:
    model = keras.Sequential([keras.Input((INPUTS,)), keras.layers.Dense(OUTPUTS, use_bias=False)])
    return np.asarray(glorot.initialize(model, recipe, seed=1).layers[0].kernel).ravel()


def dense_in_flax(recipe: str) -> Values:
    layer = nnx.Linear(INPUTS, OUTPUTS, use_bias=False, rngs=nnx.Rngs(0))
    return np.asarray(glorot.initialize(layer, recipe, seed=1).kernel[...]).ravel()


OURS = {"torch": dense_in_torch, "keras": dense_in_keras, "jax": dense_in_flax}


def of_torch(fill: Callable[..., Any], **settings: Any) -> Callable[[], Values]:
    def draw() -> Values:
        generator = torch.Generator().manual_seed(0)
        return fill(torch.empty(OUTPUTS, INPUTS), generator=generator, **settings).numpy().ravel()

    return draw


def of_keras(initializer: Callable[..., Any]) -> Callable[[], Values]:
    return lambda: np.asarray(initializer((INPUTS, OUTPUTS))).ravel()


def of_jax(initializer: Callable[..., Any]) -> Callable[[], Values]:
    return lambda: np.asarray(initializer(jax.random.key(0), (INPUTS, OUTPUTS))).ravel()


SAME: dict[str, dict[str, Callable[[], Values]]] = {  # scheme: the framework's own, of the same law
    "xavier_uniform": {
        "torch": of_torch(nn.init.xavier_uniform_),
        "keras": of_keras(kinit.GlorotUniform(seed=0)),
        "jax": of_jax(jinit.glorot_uniform()),
    },
    "xavier_normal": {"torch": of_torch(nn.init.xavier_normal_)},
    "he_uniform": {
        "torch": of_torch(nn.init.kaiming_uniform_, nonlinearity="relu"),
        "keras": of_keras(kinit.HeUniform(seed=0)),
        "jax": of_jax(jinit.he_uniform()),
    },
    "he_uniform(negative_slope=0.2)": {"torch": of_torch(nn.init.kaiming_uniform_, a=0.2)},
    "he_normal": {"torch": of_torch(nn.init.kaiming_normal_, nonlinearity="relu")},
    "he_normal('fan_out')": {"torch": of_torch(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu")},
    "lecun_uniform": {"keras": of_keras(kinit.LecunUniform(seed=0)), "jax": of_jax(jinit.lecun_uniform())},
    "variance_scaling": {
        "keras": of_keras(kinit.VarianceScaling(seed=0)),
        "jax": of_jax(jinit.variance_scaling(1.0, "fan_in", "truncated_normal")),
    },
    "variance_scaling(1.0, 'fan_avg', 'truncated_normal')": {
        "keras": of_keras(kinit.GlorotNormal(seed=0)),
        "jax": of_jax(jinit.glorot_normal()),
    },
    "variance_scaling(2.0, 'fan_in', 'truncated_normal')": {
        "keras": of_keras(kinit.HeNormal(seed=0)),
        "jax": of_jax(jinit.he_normal()),
    },
    "variance_scaling(1.0, 'fan_in', 'normal')": {
        "jax": of_jax(jinit.variance_scaling(1.0, "fan_in", "normal")),
    },
    "uniform(-0.05, 0.05)": {
        "torch": of_torch(nn.init.uniform_, a=-0.05, b=0.05),
        "keras": of_keras(kinit.RandomUniform(seed=0)),
    },
    "uniform(0.0, 0.01)": {"jax": of_jax(jinit.uniform())},
    "normal(0.05)": {
        "torch": of_torch(nn.init.normal_, std=0.05),
        "keras": of_keras(kinit.RandomNormal(seed=0)),
        "jax": of_jax(jinit.normal(0.05)),
    },
    "truncated_normal(0.05)": {"jax": of_jax(jinit.variance_scaling(2.5, "fan_in", "truncated_normal"))},
    "constant(0.25)": {"keras": of_keras(kinit.Constant(0.25)), "jax": of_jax(jinit.constant(0.25))},
    "zeros": {"keras": of_keras(kinit.Zeros()), "jax": of_jax(jinit.zeros)},
    "ones": {"keras": of_keras(kinit.Ones()), "jax": of_jax(jinit.ones)},
}
TAILS = {  # the largest weight of a symmetric law, by its formula written out
    "xavier_uniform": (6 / (INPUTS + OUTPUTS)) ** 0.5,
    "he_uniform": (6 / INPUTS) ** 0.5,
    "he_uniform(negative_slope=0.2)": (6 / (1 + 0.2**2) / INPUTS) ** 0.5,
    "lecun_uniform": (3 / INPUTS) ** 0.5,
    "variance_scaling": TRUNCATED * INPUTS**-0.5,
    "variance_scaling(1.0, 'fan_avg', 'truncated_normal')": TRUNCATED * (2 / (INPUTS + OUTPUTS)) ** 0.5,
    "variance_scaling(2.0, 'fan_in', 'truncated_normal')": TRUNCATED * (2 / INPUTS) ** 0.5,
    "uniform(-0.05, 0.05)": 0.05,
    "truncated_normal(0.05)": TRUNCATED * 0.05,
}
BOUNDS = {scheme: (-bound, bound) for scheme, bound in TAILS.items()}
BOUNDS |= {"uniform(0.0, 0.01)": (0, 0.01), "constant(0.25)": (0.25, 0.25), "zeros": (0, 0), "ones": (1, 1)}
PAIRS = [(scheme, framework) for framework in ("torch", "keras") for scheme in SAME if framework in SAME[scheme]]
OF_JAX = [
    (scheme, "jax") for scheme in reversed(SAME) if "jax" in SAME[scheme]
]  # the plainest first: JAX compiles each


@pytest.mark.parametrize(("scheme", "framework"), [*PAIRS, *slow_after(6, OF_JAX)])
def test_the_law_is_that_of_the_framework(scheme: str, framework: str):
    ours, theirs = (values.astype(np.float64) for values in (OURS[framework](scheme), SAME[scheme][framework]()))
    assert ours.size == theirs.size >= 1e6
    assert ours.std() == pytest.approx(theirs.std(), rel=0.01, abs=1e-12)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.004 * max(theirs.std(), 1e-9))
    if scheme in BOUNDS:
        low, high = BOUNDS[scheme]
        for values in (ours, theirs):  # a million draws reach every bound to 1e-4 and never cross it
            assert low - 1e-7 <= values.min() <= low + 3e-4 * (high - low)
            assert high - 3e-4 * (high - low) <= values.max() <= high + 1e-7


CUT: dict[str, dict[str, Callable[[], Values]]] = {  # the same width, but theirs are cut at two standard deviations
    "xavier_normal": {"keras": of_keras(kinit.GlorotNormal(seed=0)), "jax": of_jax(jinit.glorot_normal())},
    "he_normal": {"keras": of_keras(kinit.HeNormal(seed=0)), "jax": of_jax(jinit.he_normal())},
    "lecun_normal": {"keras": of_keras(kinit.LecunNormal(seed=0)), "jax": of_jax(jinit.lecun_normal())},
}


@pytest.mark.parametrize(
    ("scheme", "framework"), [(s, framework) for s, frameworks in CUT.items() for framework in frameworks]
)
def test_a_normal_is_not_cut_as_that_of_keras_and_jax_is(scheme: str, framework: str):
    ours, theirs = OURS[framework](scheme), CUT[scheme][framework]()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.01)
    assert abs(theirs).max() / theirs.std() == pytest.approx(TRUNCATED, rel=2e-3)
    assert abs(ours).max() / ours.std() > 4.5


@pytest.mark.parametrize("framework", slow_after(2, list(OURS)))
def test_an_orthogonal_matrix_is_one(framework: str):
    matrix = OURS[framework]("orthogonal")
    matrix = matrix.reshape(OUTPUTS, INPUTS) if framework == "torch" else matrix.reshape(INPUTS, OUTPUTS).T
    theirs = nn.init.orthogonal_(torch.empty(OUTPUTS, INPUTS)).numpy()
    assert matrix.std() == pytest.approx(theirs.std(), rel=1e-4)  # √(1/rows), exactly
    for q in (matrix, theirs):
        np.testing.assert_allclose(q.T @ q, np.eye(INPUTS), atol=1e-5)


class Differing(NamedTuple):
    """A layer whose true fans are not those that its framework takes from the shape."""

    layer: Callable[[], Any]
    weight: Callable[[Any], Any]
    stock: Callable[[], Any]
    true_fans: tuple[float, float]
    stock_fans: tuple[float, float]


def keras_layer(layer: Any, channels: int) -> keras.Model:
    return keras.Sequential([keras.Input((None, None, channels)), layer])


def fused_in_flax() -> Any:
    return nnx.Dict(qkv=nnx.Linear(600, 1800, rngs=nnx.Rngs(0)))


def torch_stock(*shape: int) -> Callable[[], Any]:
    return lambda: nn.init.xavier_uniform_(torch.empty(shape), generator=torch.Generator().manual_seed(0)).numpy()


def keras_stock(*shape: int) -> Callable[[], Any]:
    return lambda: kinit.GlorotUniform(seed=0)(shape)


def jax_stock(*shape: int) -> Callable[[], Any]:
    return lambda: jinit.glorot_uniform()(jax.random.key(0), shape)


DIFFERING = {
    "torch grouped": Differing(
        lambda: nn.Conv2d(512, 1024, 5, groups=8), lambda m: m.weight, torch_stock(1024, 64, 5, 5),
        (1600, 3200), (1600, 25600),
    ),
    "torch depthwise": Differing(
        lambda: nn.Conv2d(20000, 20000, 7, groups=20000), lambda m: m.weight, torch_stock(20000, 1, 7, 7),
        (49, 49), (49, 980000),
    ),
    "torch transposed, stride 2": Differing(
        lambda: nn.ConvTranspose2d(256, 512, 4, stride=2), lambda m: m.weight, torch_stock(256, 512, 4, 4),
        (1024, 8192), (8192, 4096),
    ),
    "keras depthwise": Differing(
        lambda: keras_layer(keras.layers.DepthwiseConv2D(7), 21000), lambda m: m.layers[0].kernel,
        keras_stock(7, 7, 21000, 1), (49, 49), (49 * 21000, 49),
    ),
    "keras grouped": Differing(
        lambda: keras_layer(keras.layers.Conv2D(1024, 5, groups=8), 512), lambda m: m.layers[0].kernel,
        keras_stock(5, 5, 64, 1024), (1600, 3200), (1600, 25600),
    ),
    "jax depthwise": Differing(
        lambda: nnx.Conv(21000, 21000, (7, 7), feature_group_count=21000, rngs=nnx.Rngs(0)), lambda m: m.kernel[...],
        jax_stock(7, 7, 1, 21000), (49, 49), (49, 49 * 21000),
    ),
    "jax fused qkv": Differing(
        fused_in_flax, lambda m: m.qkv.kernel[...], jax_stock(600, 1800), (600, 600), (600, 1800),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERING)
def test_true_fans_give_another_width_than_those_of_the_shape(name: str):
    case = DIFFERING[name]
    weight = case.weight(glorot.initialize(case.layer(), "xavier_uniform", seed=2))
    ours = (weight.detach() if isinstance(weight, torch.Tensor) else np.asarray(weight)).reshape(-1)
    ours, theirs = np.asarray(ours), np.asarray(case.stock()).ravel()
    for values, fans in ((ours, case.true_fans), (theirs, case.stock_fans)):
        bound = (6 / sum(fans)) ** 0.5
        assert values.size >= 9e5
        assert values.std() == pytest.approx(bound / 3**0.5, rel=0.01)
        assert bound * 0.9999 < abs(values).max() <= bound * (1 + 1e-4)
    assert ours.std() > 1.1 * theirs.std()
