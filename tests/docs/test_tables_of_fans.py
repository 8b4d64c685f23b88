"""The tables of fans: each cell is what that framework computes for the layer of its row."""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import keras
import pytest
from flax import nnx
from jax._src.nn.initializers import _compute_fans
from keras.src.initializers.random_initializers import compute_fans
from page_claims import assert_said, table
from torch import nn

import glorot
from glorot.caffe import parse_net

pytestmark = pytest.mark.slow


class Layer(NamedTuple):
    """One layer in PyTorch, Keras, Flax and Caffe: how to build it, and which parameter is meant."""

    torch: Callable[[], nn.Module]
    of_torch: str
    keras: Callable[[], Any] | None
    flax: Callable[[nnx.Rngs], Any] | None
    caffe: str
    inputs: tuple[int, ...]  # channels last
    of_keras: str = "kernel"


DENSE, CONV, UP = "InnerProduct inner_product_param", "Convolution convolution_param", "Deconvolution convolution_param"
IMAGE = (8, 8, 64)
LAYERS = {
    "dense 300 → 100": Layer(
        lambda: nn.Linear(300, 100), "weight",
        lambda: keras.layers.Dense(100), lambda rngs: nnx.Linear(300, 100, rngs=rngs),
        f"{DENSE} num_output: 100", (300,),
    ),
    "conv 64 → 128, 3×3": Layer(
        lambda: nn.Conv2d(64, 128, 3), "weight",
        lambda: keras.layers.Conv2D(128, 3), lambda rngs: nnx.Conv(64, 128, (3, 3), rngs=rngs),
        f"{CONV} num_output: 128 kernel_size: 3", IMAGE,
    ),
    "conv in 4 groups": Layer(
        lambda: nn.Conv2d(64, 128, 3, groups=4), "weight",
        lambda: keras.layers.Conv2D(128, 3, groups=4), lambda rngs: nnx.Conv(64, 128, (3, 3), feature_group_count=4, rngs=rngs),
        f"{CONV} num_output: 128 kernel_size: 3 group: 4", IMAGE,
    ),
    "depthwise 64, 3×3": Layer(
        lambda: nn.Conv2d(64, 64, 3, groups=64), "weight",
        lambda: keras.layers.DepthwiseConv2D(3), lambda rngs: nnx.Conv(64, 64, (3, 3), feature_group_count=64, rngs=rngs),
        f"{CONV} num_output: 64 kernel_size: 3 group: 64", IMAGE,
    ),
    "transposed conv 64 → 128, 3×3": Layer(
        lambda: nn.ConvTranspose2d(64, 128, 3), "weight",
        lambda: keras.layers.Conv2DTranspose(128, 3), lambda rngs: nnx.ConvTranspose(64, 128, (3, 3), rngs=rngs),
        f"{UP} num_output: 128 kernel_size: 3", IMAGE,
    ),
    "transposed conv in 4 groups": Layer(
        lambda: nn.ConvTranspose2d(64, 128, 3, groups=4), "weight",
        None, None,
        f"{UP} num_output: 128 kernel_size: 3 group: 4", IMAGE,
    ),
    "fused q, k, v, 64 → 192 (each)": Layer(
        lambda: nn.MultiheadAttention(64, 4), "in_proj_weight",
        lambda: keras.layers.Dense(192, name="qkv"), lambda rngs: nnx.Linear(64, 192, rngs=rngs),
        f"{DENSE} num_output: 192", (64,),
    ),
    "LSTM input 64 → 128 (each gate)": Layer(
        lambda: nn.LSTM(64, 128), "weight_ih_l0",
        lambda: keras.layers.LSTM(128), lambda rngs: nnx.LSTMCell(64, 128, rngs=rngs).ii,
        f"{DENSE} num_output: 512", (5, 64),
    ),
    "LSTM recurrent 128 → 128 (each gate)": Layer(
        lambda: nn.LSTM(64, 128), "weight_hh_l0",
        lambda: keras.layers.LSTM(128), lambda rngs: nnx.LSTMCell(64, 128, rngs=rngs).hi,
        f"{DENSE} num_output: 512", (5, 64), "recurrent_kernel",
    ),
}  # fmt: skip


def true_fans(layer: Layer) -> tuple[float, float]:
    parts = [entry for entry in glorot.plan(layer.torch(), "xavier").entries if entry.name.startswith(layer.of_torch)]
    ((fan_in, fan_out),) = {(entry.fans.fan_in, entry.fans.fan_out) for entry in parts if entry.fans}
    return fan_in, fan_out


def fans_in_torch(layer: Layer) -> tuple[float, float]:
    return nn.init._calculate_fan_in_and_fan_out(layer.torch().get_parameter(layer.of_torch))


def fans_in_keras(layer: Layer) -> tuple[float, float] | None:
    if layer.keras is None:
        with pytest.raises(ValueError, match="groups"):
            keras.layers.Conv2DTranspose(128, 3, groups=4)
        return None
    built = layer.keras()
    built.build((None, *layer.inputs))
    return compute_fans(tuple(getattr(getattr(built, "cell", built), layer.of_keras).shape))


def fans_in_flax(layer: Layer) -> tuple[float, float] | None:
    if layer.flax is None:
        with pytest.raises(TypeError, match="feature_group_count"):
            nnx.ConvTranspose(64, 128, (3, 3), feature_group_count=4, rngs=nnx.Rngs(0))
        return None
    return _compute_fans(
        nnx.eval_shape(lambda: layer.flax(nnx.Rngs(0))).kernel.shape
    )  # in_axis=-2, out_axis=-1, as its initializers have it


def fans_in_caffe(layer: Layer) -> tuple[float, float]:
    """Count as include/caffe/filler.hpp of Caffe 1.0 does: count/shape(0) and count/shape(1) of the blob.

    Figures measured on Caffe are held against the same formula in tests/caffe/test_fillers.py.
    """
    kind, parameters, settings = layer.caffe.split(" ", 2)
    # What is fused in the row has one InnerProduct here, of as many inputs: an LSTM of Caffe stores W_xc so, (4·128, 64).
    channels = 128 if layer.of_keras == "recurrent_kernel" else layer.inputs[-1]
    sizes = " ".join(f"dim: {size}" for size in (1, channels, *layer.inputs[:-1] * (len(layer.inputs) > 2)))
    text = f'layer {{ name: "l" type: "{kind}" bottom: "x" top: "y" {parameters} {{ {settings} }} }}'
    shape = parse_net(f'input: "x" input_shape {{ {sizes} }} {text}', "net.prototxt").nodes[0].blobs[0].shape
    return math.prod(shape) / shape[0], math.prod(shape) / shape[1]


COUNTED = {"Caffe": fans_in_caffe, "Keras": fans_in_keras, "PyTorch": fans_in_torch, "JAX/Flax": fans_in_flax}


def test_the_table_of_fans_has_the_counts_of_each_framework() -> None:
    rows = table("docs/fans.md", "JAX/Flax")
    assert len(rows) == len(LAYERS)
    for row, (name, layer) in zip(rows, LAYERS.items(), strict=True):
        assert row["layer"] in (name, "the same in 4 groups")
        true = true_fans(layer)
        assert row["true"] == f"{true[0]:.0f}/{true[1]:.0f}", name
        for framework, count in COUNTED.items():
            counted = count(layer)
            expected = "/".join(
                f"{count:.0f}" if count == right else f"**{count:.0f}**"
                for count, right in zip(counted or (), true, strict=bool(counted))
            )
            assert row[framework] == (expected or "–"), (name, framework)


def test_the_readme_has_the_counts_for_a_depthwise_convolution() -> None:
    (row,) = (row for row in table("README.md", "`torch.nn.init`") if "depthwise 3×3" in row[""])
    layer = LAYERS["depthwise 64, 3×3"]
    columns = {
        "glorot": true_fans,
        "`torch.nn.init`": fans_in_torch,
        "Keras": fans_in_keras,
        "JAX / Flax": fans_in_flax,
    }
    for column, count in columns.items():
        told = re.match(r"(\d+)/(\d+)", row[column])
        assert told
        assert tuple(map(int, told.groups())) == count(layer), column


KERAS_ROWS = {
    "Dense 300 → 100": LAYERS["dense 300 → 100"],
    "Conv2D 64 → 128, 3×3": LAYERS["conv 64 → 128, 3×3"],
    "the same with `groups=4`": LAYERS["conv in 4 groups"],
    "DepthwiseConv2D 64, 3×3": LAYERS["depthwise 64, 3×3"],
    "Conv2DTranspose 64 → 128, 3×3": LAYERS["transposed conv 64 → 128, 3×3"],
    "Conv2D 64 → 128, 3×3, `strides=2`": LAYERS["conv 64 → 128, 3×3"]._replace(
        torch=lambda: nn.Conv2d(64, 128, 3, stride=2), keras=lambda: keras.layers.Conv2D(128, 3, strides=2)
    ),
    "Dense 64 → 192 that holds q, k, v (each)": LAYERS["fused q, k, v, 64 → 192 (each)"],
    "LSTM 64 → 128, kernel (each gate)": LAYERS["LSTM input 64 → 128 (each gate)"],
    "LSTM 64 → 128, recurrent kernel (each gate)": LAYERS["LSTM recurrent 128 → 128 (each gate)"],
}


def test_the_page_on_keras_has_its_counts_and_how_far_the_variance_is_off() -> None:
    rows = {row["layer"]: row for row in table("docs/keras.md", "stock Keras")}
    assert set(rows) == set(KERAS_ROWS)
    for name, layer in KERAS_ROWS.items():
        true, stock = true_fans(layer), fans_in_keras(layer)
        assert stock is not None
        assert rows[name]["true"] == f"{true[0]:.0f}/{true[1]:.0f}", name
        assert rows[name]["stock Keras"].partition(" (")[0] == f"{stock[0]:.0f}/{stock[1]:.0f}", name
        # glorot_uniform has a variance of 2/(fan_in + fan_out); a recurrent kernel is orthogonal, which has no fans
        ratio = "–" if "recurrent" in name else f"{sum(true) / sum(stock):.2g}"
        assert rows[name]["Var(stock) / Var(true)"].partition(" (")[0] == ratio, name
    assert "(He's law: 0.5)" in rows["Conv2DTranspose 64 → 128, 3×3"]["Var(stock) / Var(true)"]
    up = KERAS_ROWS["Conv2DTranspose 64 → 128, 3×3"]
    assert true_fans(up)[0] / fans_in_keras(up)[0] == 0.5


def test_the_page_on_caffe_has_its_counts_where_they_are_not_true() -> None:
    rows = table("docs/caffe.md", "as Caffe counts it")
    layers = [
        LAYERS["transposed conv 64 → 128, 3×3"],
        LAYERS["transposed conv in 4 groups"],
        LAYERS["dense 300 → 100"]._replace(caffe=f"{DENSE} num_output: 100 transpose: true"),
    ]
    for row, layer in zip(rows, layers, strict=False):
        assert float(row["fan_in, true"]) == true_fans(layer)[0]
        assert float(row["as Caffe counts it"]) == fans_in_caffe(layer)[0]
    # A bias of 100 is a blob of one axis, (100,): 100/100. Measured on Caffe: tests/data/caffe_fillers.csv.
    assert (rows[3]["fan_in, true"], rows[3]["as Caffe counts it"]) == ("300", str(100 // 100))


STORED = {
    "PyTorch": lambda: tuple(nn.Linear(300, 100).weight.shape),
    "Keras": lambda: tuple(keras.Sequential([keras.Input((300,)), keras.layers.Dense(100)]).layers[0].kernel.shape),
    "JAX": lambda: nnx.Linear(300, 100, rngs=nnx.Rngs(0)).kernel.shape,
    "Caffe InnerProduct": lambda: parse_net(
        'input: "x" input_shape { dim: 1 dim: 300 } '
        'layer { name: "l" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 100 } }'
    ).nodes[0].blobs[0].shape,
}  # fmt: skip


def test_the_page_has_the_order_in_which_each_framework_stores_a_dense_layer() -> None:
    for row in table("docs/fans.md", "a dense weight is stored as"):
        for framework in row["framework"].split(", "):
            assert row["a layer 300 → 100"] == str(STORED[framework]()), framework
            order = "(out, in)" if STORED[framework]() == (100, 300) else "(in, out)"
            assert row["a dense weight is stored as"].startswith(order), framework


def test_draw_takes_the_axes_that_keras_and_jax_take() -> None:
    assert_said("docs/fans.md", "takes `in_axis=-2, out_axis=-1` by default, as Keras and JAX do")
    shape = (2, 3, 5)
    assert compute_fans(shape) == (6, 10)
    assert _compute_fans(shape) == (6, 10)
    for fan, mode in zip((6, 10), ("fan_in", "fan_out"), strict=True):
        ours = glorot.draw(f"variance_scaling(1.0, '{mode}', 'uniform')", (200, *shape), seed=0, name="w")
        theirs = jax.nn.initializers.variance_scaling(1.0, mode, "uniform")(jax.random.key(0), (200, *shape))
        for values in (ours, theirs):
            assert abs(values).max() == pytest.approx(math.sqrt(3 / (200 * fan)), rel=5e-3)
