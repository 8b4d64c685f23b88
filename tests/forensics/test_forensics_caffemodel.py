"""A `.caffemodel` by itself: of each blob the filler of Caffe that it was drawn with."""

import math
from pathlib import Path

import numpy as np
import pytest

import glorot
from glorot.caffe import parse_net, save
from glorot.caffe.formats.caffemodel import StoredLayer, write_caffemodel
from glorot.distributions import Normal, PositiveUnitball, Uniform
from glorot.forensics import Origin, examine

FAN_IN, FAN_OUT = 16 * 9, 32 * 9
FILLERS = {
    'type: "xavier"': Uniform.symmetric(math.sqrt(3 / FAN_IN)),
    'type: "xavier" variance_norm: FAN_OUT': Uniform.symmetric(math.sqrt(3 / FAN_OUT)),
    'type: "xavier" variance_norm: AVERAGE': Uniform.symmetric(math.sqrt(6 / (FAN_IN + FAN_OUT))),
    'type: "msra"': Normal(0.0, math.sqrt(2 / FAN_IN)),
    'type: "msra" variance_norm: FAN_OUT': Normal(0.0, math.sqrt(2 / FAN_OUT)),
    'type: "gaussian" std: 0.01': Normal(0.0, 0.01),
    'type: "uniform" min: -0.05 max: 0.05': Uniform.symmetric(0.05),
    'type: "positive_unitball"': PositiveUnitball(),
}
NET = """
name: "net" input: "x" input_dim: 1 input_dim: 16 input_dim: 20 input_dim: 20
layer {{ name: "conv" type: "Convolution" bottom: "x" top: "y" convolution_param {{
  num_output: 32 kernel_size: 3 weight_filler {{ {filler} }} bias_filler {{ type: "constant" value: 0.1 }} }} }}
"""


def blobs_of(tmp_path: Path, filler: str) -> dict[str, Origin]:
    net = parse_net(NET.format(filler=filler))
    weights = glorot.apply(glorot.plan(net, "caffe"), net, seed=0)
    return {one.name: one for one in examine(save(tmp_path / "weights", net, weights))}


@pytest.mark.parametrize("filler", FILLERS)
def test_the_law_of_each_filler_is_told(filler: str, tmp_path: Path) -> None:
    blobs, law = blobs_of(tmp_path, filler), FILLERS[filler]
    kernel = blobs["conv.0"]
    assert (kernel.shape, kernel.verdict) == ((32, 16, 3, 3), "drawn")
    told = [one.law for one in kernel.explanations]
    assert any(type(one) is type(law) and (one == law or math.isclose(one.std, law.std, rel_tol=1e-6)) for one in told)
    assert blobs["conv.1"].verdict == "constant"
    assert blobs["conv.1"].because == "every element is 0.1"


def test_a_kernel_of_interpolation_is_set_and_not_drawn(tmp_path: Path) -> None:
    assert blobs_of(tmp_path, 'type: "bilinear"')["conv.0"].verdict == "constant"


def test_blobs_of_four_axes_are_read_as_the_vectors_and_matrices_that_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    bound = math.sqrt(3 / 300)
    matrix = rng.uniform(-bound, bound, (1, 1, 100, 300)).astype(np.float32)
    layer = StoredLayer("ip", "InnerProduct", (matrix, np.zeros((1, 1, 1, 100), np.float32)))
    weight, bias = examine(write_caffemodel(tmp_path / "weights", "net", [layer]))
    assert any(math.isclose(one.law.std, bound / math.sqrt(3), rel_tol=1e-6) for one in weight.explanations)
    assert bias.verdict == "constant"


def test_a_trained_one_is_told_from_its_start(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    start = rng.standard_normal((200, 300)).astype(np.float32) * np.float32(0.01)
    change = np.outer(rng.standard_normal(200), rng.standard_normal(300)).astype(np.float32) * np.float32(0.004)
    layers = [StoredLayer(name, "InnerProduct", (one,)) for name, one in (("a", start), ("b", start + change))]
    report = glorot.check(write_caffemodel(tmp_path / "net.caffemodel", "net", layers))
    assert report.origins is not None
    assert [one.verdict for one in report.origins] == ["drawn", "trained"]
