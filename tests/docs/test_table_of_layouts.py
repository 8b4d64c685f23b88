"""The table of layouts: each cell is how that framework stores the layer of its row."""

import math
import re
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import keras
import pytest
from flax import nnx
from page_claims import assert_said, table
from torch import nn

pytestmark = pytest.mark.slow

KEY, RNGS = jax.random.key(0), nnx.Rngs(0)
COPIES, OUTPUTS, INPUTS, KERNEL = 2, 5, 3, (7, 9)  # of one group; all sizes differ, so that a shape tells the axes
HEADS = (2, 5)  # two heads of five: the outputs of a projection, as two axes or as one


def keras_kernel(layer: Any, *inputs: int, name: str = "kernel") -> Any:
    layer.build((None, *inputs))
    return getattr(getattr(layer, "cell", layer), name)


def keras_query() -> Any:
    attention = keras.layers.MultiHeadAttention(*HEADS)
    attention.build((None, 4, 10), (None, 4, 10))
    return attention._query_dense.kernel


LAYERS: dict[tuple[str, str], Callable[[], Any]] = {
    ("dense", "PyTorch"): lambda: nn.Linear(3, 5).weight,
    ("dense", "Keras"): lambda: keras_kernel(keras.layers.Dense(5), 3),
    ("dense", "Flax"): lambda: nnx.Linear(3, 5, rngs=RNGS).kernel,
    ("dense", "Equinox"): lambda: eqx.nn.Linear(3, 5, key=KEY).weight,
    ("convolution", "PyTorch"): lambda: nn.Conv2d(6, 10, KERNEL, groups=2).weight,
    ("convolution", "Keras"): lambda: keras_kernel(keras.layers.Conv2D(10, KERNEL, groups=2), 20, 20, 6),
    ("convolution", "Flax"): lambda: nnx.Conv(6, 10, KERNEL, feature_group_count=2, rngs=RNGS).kernel,
    ("convolution", "Equinox"): lambda: eqx.nn.Conv2d(6, 10, KERNEL, groups=2, key=KEY).weight,
    ("depthwise", "PyTorch"): lambda: nn.Conv2d(2, 10, KERNEL, groups=2).weight,
    ("depthwise", "Keras"): lambda: keras_kernel(keras.layers.DepthwiseConv2D(KERNEL, depth_multiplier=5), 20, 20, 2),
    ("depthwise", "Flax"): lambda: nnx.Conv(2, 10, KERNEL, feature_group_count=2, rngs=RNGS).kernel,
    ("depthwise", "Equinox"): lambda: eqx.nn.Conv2d(2, 10, KERNEL, groups=2, key=KEY).weight,
    ("transposed", "PyTorch"): lambda: nn.ConvTranspose2d(6, 10, KERNEL, groups=2).weight,
    ("transposed", "Keras"): lambda: keras_kernel(keras.layers.Conv2DTranspose(5, KERNEL), 20, 20, 3),
    ("transposed", "Flax"): lambda: nnx.ConvTranspose(3, 5, KERNEL, rngs=RNGS).kernel,
    ("transposed", "Equinox"): lambda: eqx.nn.ConvTranspose2d(6, 10, KERNEL, groups=2, key=KEY).weight,
    ("q, k, v", "PyTorch"): lambda: nn.MultiheadAttention(10, 2).in_proj_weight[:10],
    ("q, k, v", "Keras"): keras_query,
    ("q, k, v", "Flax"): lambda: nnx.MultiHeadAttention(2, 10, rngs=RNGS).query.kernel,
    ("q, k, v", "Equinox"): lambda: eqx.nn.MultiheadAttention(2, 10, key=KEY).query_proj.weight,
}


def shape_of(pattern: str, layer: str) -> tuple[int, ...]:
    """Return the shape that a pattern such as `(b o) i k k` says."""
    kernel, heads = iter(KERNEL), iter(HEADS)
    inputs = {"depthwise": 1, "q, k, v": 10}.get(layer, INPUTS)
    several = pattern.split().count("o") > 1

    def size(letter: str) -> int:
        if letter == "o":
            return next(heads) if several else {"q, k, v": 10}.get(layer, OUTPUTS)
        return next(kernel) if letter == "k" else {"b": COPIES, "i": inputs}[letter]

    groups = re.findall(r"\(([^)]*)\)|(\w)", pattern)
    return tuple(math.prod(size(letter) for letter in (many or one).split()) for many, one in groups)


@pytest.mark.parametrize(("layer", "framework"), LAYERS)
def test_a_layer_is_stored_as_the_table_says(layer: str, framework: str) -> None:
    rows = {row[""]: row for row in table("docs/everywhere.md", "Equinox")}
    cell = rows[layer][framework]
    cell = rows["convolution"][framework] if cell == "as a convolution" else cell
    (pattern,) = re.findall(r"`([^`]+)`", cell)
    assert tuple(LAYERS[layer, framework]().shape) == shape_of(pattern, layer)


def test_the_table_has_no_other_kernels() -> None:
    rows = table("docs/everywhere.md", "Equinox")
    patterns = {(row[""], name) for row in rows for name in row if "`" in row[name] or "as a conv" in row[name]}
    assert patterns == set(LAYERS)


def test_gates_are_stacked_side_by_side_or_eight_layers() -> None:
    rows = {row[""]: row for row in table("docs/everywhere.md", "Equinox")}
    gates = rows["LSTM gates"]
    assert (gates["PyTorch"], gates["Equinox"]) == ("i f g o, stacked",) * 2
    assert tuple(nn.LSTM(3, 5).weight_ih_l0.shape) == eqx.nn.LSTMCell(3, 5, key=KEY).weight_ih.shape == (20, 3)
    assert gates["Keras"].endswith("side by side")
    assert tuple(keras_kernel(keras.layers.LSTM(5), 4, 3).shape) == (3, 20)
    assert gates["Flax"] == "eight layers"
    cell = nnx.LSTMCell(3, 5, rngs=RNGS)
    assert sum(isinstance(layer, nnx.Linear) for layer in vars(cell).values()) == 8


def test_keras_has_no_groups_of_a_transposed_convolution_and_flax_none_either() -> None:
    """That is why the cells of these two have no letter b."""
    with pytest.raises(ValueError, match="groups"):
        keras.layers.Conv2DTranspose(10, KERNEL, groups=2)
    with pytest.raises(TypeError, match="feature_group_count"):
        nnx.ConvTranspose(6, 10, KERNEL, feature_group_count=2, rngs=RNGS)


def test_norms_divide_by_other_epsilons() -> None:
    assert_said("docs/everywhere.md", "`epsilon` of LayerNorm (PyTorch 10⁻⁵, Keras 10⁻³, Flax 10⁻⁶)")
    found = [nn.LayerNorm(3).eps, keras.layers.LayerNormalization().epsilon, nnx.LayerNorm(3, rngs=RNGS).epsilon]
    assert found == [1e-5, 1e-3, 1e-6]
