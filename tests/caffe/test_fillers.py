"""Fillers: every type with Caffe's own meaning, against figures measured on Caffe itself."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.caffe import Net, parse_net
from glorot.caffe.kinds.fillers import caffe_fans
from glorot.distributions import Bilinear, Constant, Normal, PositiveUnitball, SparseNormal, Uniform
from glorot.errors import GlorotError


def table(name: str) -> list[dict[str, str]]:
    lines = (Path(__file__).parents[1] / "data" / name).read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


MEASURED, TRUE = table("caffe_fillers.csv"), {row["layer"]: row for row in table("fans.csv")}
PARAMETERS = {"InnerProduct": "inner_product_param", "Convolution": "convolution_param", "Deconvolution": "convolution_param",
              "PReLU": "prelu_param", "Scale": "scale_param", "Bias": "bias_param", "Embed": "embed_param"}  # fmt: skip


def one_layer(layer: str, settings: str, *shape: int) -> Net:
    sizes = " ".join(f"dim: {size}" for size in shape)
    return parse_net(
        f'input: "x" input_shape {{ {sizes} }}\n'
        f'layer {{ name: "l" type: "{layer}" bottom: "x" top: "y" {PARAMETERS.get(layer, "batch_norm_param")} {{ {settings} }} }}',
        "net.prototxt",
    )


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row["case"])
def test_moments_are_those_of_caffe(row: dict[str, str]) -> None:
    net = one_layer(row["layer"], row["settings"], *map(int, row["inputs"].split("x")))
    plan = glorot.plan(net, "caffe")
    law = plan[f"l.{row['blob']}"].distribution
    assert law is not None
    values = np.concatenate([glorot.apply(plan, net, seed=seed)[f"l.{row['blob']}"].ravel() for seed in range(20)])
    assert law.std == pytest.approx(float(row["std"]), rel=2e-3)
    assert values.std() == pytest.approx(law.std, rel=0.01)
    if row["bound"]:
        assert isinstance(law, Uniform)
        assert law.high == pytest.approx(float(row["bound"]), abs=6e-5)
        assert 0.999 * law.high < np.abs(values).max() <= np.float32(law.high)


def test_sparse_gaussian_leaves_as_many_zeros_as_in_caffe() -> None:
    net = one_layer("InnerProduct", 'num_output: 1000 weight_filler { type: "gaussian" sparse: 15 }', 1, 784)
    weights = glorot.apply(glorot.plan(net), net, seed=0)["l.0"]
    assert abs(np.mean(weights == 0) - 0.985) < 4 * math.sqrt(0.985 * 0.015 / weights.size)  # Caffe: 98.49 %


@pytest.mark.parametrize(
    ("layer", "settings", "shape", "row"),
    [
        ("InnerProduct", "num_output: 100", (1, 300), "dense 300->100"),
        ("Convolution", "num_output: 128 kernel_size: 3", (1, 64, 9, 9), "conv 64->128 3x3"),
        ("Convolution", "num_output: 128 kernel_size: 3 group: 4", (1, 64, 9, 9), "conv 64->128 3x3 groups=4"),
        ("Convolution", "num_output: 64 kernel_size: 3 group: 64", (1, 64, 9, 9), "depthwise 64 3x3"),
        ("Deconvolution", "num_output: 128 kernel_size: 3", (1, 64, 9, 9), "conv transpose 64->128 3x3"),
        ("Deconvolution", "num_output: 128 kernel_size: 3 group: 4", (1, 64, 9, 9), "conv transpose 64->128 3x3 groups=4"),
    ],
    ids=lambda value: value if isinstance(value, str) and "->" in value else None,
)  # fmt: skip
def test_fans_are_true_in_the_inventory_and_caffes_in_the_filler(
    layer: str, settings: str, shape: tuple[int, ...], row: str
) -> None:
    net = one_layer(layer, settings + ' weight_filler { type: "msra" variance_norm: AVERAGE }', *shape)
    inner, fans = net.nodes[0].blobs[0].parts[0].fans, inventory(net).parts[0].fans
    assert inner is not None
    assert fans is not None
    assert (inner.fan_in, inner.fan_out) == (float(TRUE[row]["true_in"]), float(TRUE[row]["true_out"]))
    whole = "fan_out" if layer == "Deconvolution" else "fan_in"  # without pads, only the larger map has borders
    assert getattr(fans, whole) == getattr(inner, whole)
    read, put_out = math.prod(shape[1:]), math.prod(net.shapes["y"][1:])
    assert fans.fan_in * put_out == pytest.approx(fans.fan_out * read)  # connections, counted from both ends
    expected = float(TRUE[row]["caffe_in"]), float(TRUE[row]["caffe_out"] or 1152)
    own = caffe_fans(net.nodes[0].blobs[0].shape)
    assert (own.fan_in, own.fan_out) == expected
    assert glorot.plan(net, "caffe")["l.0"].distribution == Normal(0.0, math.sqrt(2 / (sum(expected) / 2)))


@pytest.mark.parametrize("norm", ["FAN_IN", "FAN_OUT", "AVERAGE"])
@pytest.mark.parametrize("kind", ["xavier", "msra"])
def test_the_three_variance_norms(kind: str, norm: str) -> None:
    n = {"FAN_IN": 300, "FAN_OUT": 100, "AVERAGE": 200}[norm]
    expected = Uniform.symmetric(math.sqrt(3 / n)) if kind == "xavier" else Normal(0.0, math.sqrt(2 / n))
    net = one_layer("InnerProduct", f'num_output: 100 weight_filler {{ type: "{kind}" variance_norm: {norm} }}', 1, 300)
    entry = glorot.plan(net, "caffe")["l.0"]
    assert entry.distribution == expected
    assert entry.why == f"weight_filler {kind}, {norm} {n}"


@pytest.mark.parametrize(
    ("filler", "law"),
    [
        ("", Constant(0.0)),
        ("weight_filler { }", Constant(0.0)),
        ("weight_filler { value: 0.5 }", Constant(0.5)),
        ('weight_filler { type: "constant" value: 0.5 std: -1 min: 9 }', Constant(0.5)),
        ('weight_filler { type: "uniform" }', Uniform(0.0, 1.0)),
        ('weight_filler { type: "uniform" min: -0.1 max: 0.3 }', Uniform(-0.1, 0.3)),
        ('weight_filler { type: "uniform" min: 0.2 max: 0.2 }', Constant(0.2)),
        ('weight_filler { type: "gaussian" }', Normal(0.0, 1.0)),
        ('weight_filler { type: "gaussian" mean: 1 std: 0.01 }', Normal(1.0, 0.01)),
        ('weight_filler { type: "gaussian" std: 0.01 sparse: 25 }', SparseNormal(0.0, 0.01, 0.25)),
        ('weight_filler { type: "gaussian" sparse: 0 }', SparseNormal(0.0, 1.0, 0.0)),
        ('weight_filler { type: "positive_unitball" }', PositiveUnitball("o")),
    ],
    ids=str,
)  # fmt: skip
def test_types_and_their_defaults(filler: str, law: glorot.distributions.Distribution) -> None:
    assert (
        glorot.plan(one_layer("InnerProduct", f"num_output: 100 {filler}", 1, 300), "caffe")["l.0"].distribution == law
    )


@pytest.mark.parametrize(
    ("layer", "settings", "shape", "law", "why"),
    [
        ("PReLU", "", (1, 4, 3, 3), Constant(0.25), "no filler: Caffe's 0.25"),
        ("PReLU", "filler { }", (1, 4, 3, 3), Constant(0.0), "filler constant"),
        ("Scale", "", (1, 4, 3, 3), Constant(1.0), "no filler: Caffe's 1"),
        ("Scale", "filler { value: 2 }", (1, 4, 3, 3), Constant(2.0), "filler constant"),
        ("Bias", "", (1, 4, 3, 3), Constant(0.0), "no filler: Caffe's 0"),
        ("BatchNorm", "", (1, 4, 3, 3), Constant(0.0), "Caffe gathers from 0, and divides by √eps before training"),
    ],
)
def test_what_stands_for_no_filler(layer: str, settings: str, shape: tuple[int, ...], law: Constant, why: str) -> None:
    entry = glorot.plan(one_layer(layer, settings, *shape), "caffe")["l.0"]
    assert (entry.distribution, entry.why) == (law, why)


@pytest.mark.parametrize(
    ("layer", "settings"),
    [
        ("Convolution", "num_output: 6 kernel_size: 3 group: 2"),
        ("Deconvolution", "num_output: 6 kernel_size: 3 group: 2"),
        ("InnerProduct", "num_output: 6 transpose: true"),
        ("Embed", "num_output: 6 input_dim: 9"),
    ],
)
def test_each_first_slice_of_a_positive_unitball_sums_to_one(layer: str, settings: str) -> None:
    net = one_layer(layer, settings + ' weight_filler { type: "positive_unitball" }', 1, 4, 5, 5)
    weights = glorot.apply(glorot.plan(net), net, seed=0)["l.0"]
    assert weights.min() > 0
    np.testing.assert_allclose(weights.reshape(len(weights), -1).sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("size", [3, 4])
def test_bilinear_upsamples_as_in_caffe(size: int) -> None:
    settings = (
        f'num_output: 2 group: 2 stride: 2 kernel_size: {size} bias_term: false weight_filler {{ type: "bilinear" }}'
    )
    net = one_layer("Deconvolution", settings, 1, 2, 5, 5)
    plan = glorot.plan(net)
    assert plan["l.0"].distribution == Bilinear()
    factor = math.ceil(size / 2)
    center = (size - 1) / (2 * factor)
    line = [1 - abs(x / factor - center) for x in range(size)]
    expected = np.broadcast_to(np.outer(line, line), (2, 1, size, size))
    np.testing.assert_allclose(glorot.apply(plan, net, seed=0)["l.0"], expected, rtol=1e-6)


REFUSED = {
    'weight_filler { type: "Xavier" }': (
        "unknown filler 'Xavier' (did you mean 'xavier'?); expected one of constant, uniform, gaussian, xavier, msra, "
        "positive_unitball, bilinear (case counts)"
    ),
    'weight_filler { type: "uniform" min: 1 max: 0 }': "the uniform filler needs min ≤ max, got min 1 and max 0",
    'weight_filler { type: "gaussian" std: 0 }': "the gaussian filler needs std > 0, got 0",
    'weight_filler { type: "gaussian" sparse: 101 }': (
        "sparse must lie between 0 and the first size of the blob, 100, or be -1 for none, got 101"
    ),
    'weight_filler { type: "xavier" sparse: 3 }': "sparse belongs to the gaussian filler; the xavier filler takes none",
    'weight_filler { type: "xavier" variance_norm: FAN }': (
        "variance_norm must be one of FAN_IN, FAN_OUT, AVERAGE, got FAN (did you mean 'FAN_IN' or 'FAN_OUT'?)"
    ),
    'weight_filler { type: "bilinear" }': "the bilinear filler needs a blob of 4 axes with a square kernel, got 100×300",
    'weight_filler { value: inf }': "weight_filler constant: Constant: value must be a finite number, got inf",
    'weight_filler { type: "gaussian" std: 1e30 }': (
        "weight_filler gaussian: Normal: std must lie between 2^-64 and 2^64, got 1e+30; for all-equal values use Constant"
    ),
}  # fmt: skip


@pytest.mark.parametrize("filler", REFUSED)
def test_what_caffe_refuses_is_refused_with_its_place(filler: str) -> None:
    with pytest.raises(GlorotError) as caught:
        one_layer("InnerProduct", f"num_output: 100 {filler}", 1, 300)
    place, _, problem = str(caught.value).partition(": ")
    assert place.startswith("net.prototxt:2:")
    assert problem == REFUSED[filler]


def test_the_recipe_needs_a_net_that_declares_its_fillers() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(
        GlorotError,
        match="recipe 'caffe' takes the fillers of a Caffe net, and weight has none: the model is not read from",
    ):
        glorot.plan(torch.nn.Linear(3, 2), "caffe")


@pytest.mark.parametrize("recipe", ["auto", "xavier", "he", "normal(0.01)"])
def test_a_kernel_that_interpolates_is_drawn_by_no_recipe(recipe: str) -> None:
    settings = 'num_output: 3 group: 3 stride: 2 kernel_size: 4 bias_term: false weight_filler { type: "bilinear" }'
    entry = glorot.plan(one_layer("Deconvolution", settings, 1, 3, 5, 5), recipe)["l.0"]
    assert (entry.distribution, entry.why) == (Bilinear(), "interpolates, as its layer is there to do")


@pytest.mark.parametrize("recipe", ["auto", "xavier", "he"])
def test_averages_start_as_of_a_normal_signal_but_in_caffe(recipe: str) -> None:
    net = one_layer("BatchNorm", "", 1, 4, 3, 3)
    weights = glorot.initialize(net, recipe, seed=0)
    assert [weights[f"l.{n}"].tolist() for n in range(3)] == [[0] * 4, [1] * 4, [1]]
    assert not any(array.any() for array in glorot.initialize(net, seed=0).values())
