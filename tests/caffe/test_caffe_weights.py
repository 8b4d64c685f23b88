"""Weights of a net: from a plan to arrays and to a `.caffemodel`."""

from pathlib import Path

import numpy as np
import pytest

import glorot
from glorot.caffe import parse_net, read_caffemodel, read_net, save
from glorot.errors import GlorotError

PAIR = """
name: "pair"
input: "a" input_shape { dim: 2 dim: 3 dim: 8 dim: 8 }
input: "b" input_shape { dim: 2 dim: 3 dim: 8 dim: 8 }
layer { name: "conv" type: "Convolution" bottom: "a" top: "conv" param { name: "w" } param { name: "b" }
  convolution_param { num_output: 4 kernel_size: 3 group: 1 weight_filler { type: "msra" } bias_filler { value: 0.1 } } }
layer { name: "conv_p" type: "Convolution" bottom: "b" top: "conv_p" param { name: "w" } param { name: "b" }
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "constant" } } }
layer { name: "both" type: "Concat" bottom: "conv" bottom: "conv_p" top: "both" }
layer { name: "fc/1" type: "InnerProduct" bottom: "both" top: "fc" inner_product_param { num_output: 5 transpose: true
  weight_filler { type: "xavier" } } }
layer { name: "prelu" type: "PReLU" bottom: "fc" top: "fc" prelu_param { channel_shared: true } }
"""

RECURRENT = """
input: "x" input_shape { dim: 7 dim: 2 dim: 5 }
input: "cont" input_shape { dim: 7 dim: 2 }
input: "static" input_shape { dim: 2 dim: 3 }
layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "cont" bottom: "static" top: "h" recurrent_param { num_output: 4
  weight_filler { type: "xavier" variance_norm: AVERAGE } bias_filler { type: "uniform" min: -1 max: 1 } } }
"""


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    path = tmp_path / "pair.prototxt"
    path.write_text(PAIR)
    return path


def test_weights_come_by_layer_and_blob_and_shared_ones_under_both_names(pair: Path) -> None:
    plan = glorot.plan(pair)
    assert [entry.name for entry in plan.entries] == ["conv.0", "conv.1", "fc/1.0", "fc/1.1", "prelu.0"]
    assert plan["conv.0"].why == "weight_filler msra, FAN_IN 27; shared with conv_p.0"
    weights = glorot.apply(plan, pair, seed=0)
    shapes = {name: array.shape for name, array in weights.items()}
    assert shapes == {
        "conv.0": (4, 3, 3, 3), "conv.1": (4,), "conv_p.0": (4, 3, 3, 3), "conv_p.1": (4,), "fc/1.0": (288, 5),
        "fc/1.1": (5,), "prelu.0": (),
    }  # fmt: skip
    assert np.shares_memory(weights["conv_p.0"], weights["conv.0"])
    assert weights["prelu.0"] == 0.25
    assert (weights["conv.1"] == np.float32(0.1)).all()


def test_weights_are_the_stream_by_name_in_the_order_b_o_i_k(pair: Path) -> None:
    plan = glorot.plan(pair)
    weights = glorot.apply(plan, pair, seed=3)
    for name, stored_as in (("conv.0", lambda drawn: drawn), ("fc/1.0", np.transpose)):
        entry = plan[name]
        drawn = glorot.stream.draw(glorot.stream.key_of(3, name), entry.distribution, entry.shape)
        np.testing.assert_array_equal(weights[name], stored_as(drawn))
    other = glorot.apply(plan, str(pair), seed=3, prefix="twin.")
    assert not np.array_equal(other["conv.0"], weights["conv.0"])


def test_a_read_net_is_a_model_as_its_path_is(pair: Path) -> None:
    net = read_net(pair)
    assert glorot.plan(net) == glorot.plan(str(pair)) == glorot.plan(pair, "caffe")
    weights = glorot.initialize(net, "auto", seed=1)
    np.testing.assert_array_equal(weights["fc/1.0"], glorot.apply(glorot.plan(net, "auto"), net, seed=1)["fc/1.0"])


def test_names_carry_the_weights_of_another_framework(pair: Path) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential()
    module.add_module("conv", torch.nn.Conv2d(3, 4, 3))
    names = {"conv.0": "conv.weight", "conv.1": "conv.bias"}
    plan = glorot.plan(module, "he")
    there = glorot.apply(plan, module, seed=5)
    alone = parse_net(PAIR[: PAIR.index('layer { name: "conv_p"')])
    here = glorot.apply(plan, alone, seed=5, names=names)
    np.testing.assert_array_equal(here["conv.0"], there.conv.weight.detach().numpy())


def test_the_gates_of_an_lstm_are_parts_with_caffes_fans_of_the_whole_blob() -> None:
    net = parse_net(RECURRENT)
    plan = glorot.plan(net)
    assert [entry.name for entry in plan.entries][:4] == ["lstm.0[i]", "lstm.0[f]", "lstm.0[o]", "lstm.0[g]"]
    roles = {entry.name: entry.role for entry in plan.entries}
    assert (roles["lstm.1[f]"], roles["lstm.2[i]"], roles["lstm.3[g]"]) == ("forget_bias", "kernel", "recurrent")
    assert plan["lstm.0[i]"].fans == glorot.Fans(5.0, 4.0)
    assert plan["lstm.0[i]"].distribution.high == pytest.approx(np.sqrt(3 / ((5 + 16) / 2)))  # 16×5, as Caffe fills it
    weights = glorot.apply(plan, net, seed=0)
    assert {name: array.shape for name, array in weights.items()} == {
        "lstm.0": (16, 5), "lstm.1": (16,), "lstm.2": (16, 3), "lstm.3": (16, 4),
    }  # fmt: skip
    forget = glorot.apply(glorot.plan(net, "auto"), net, seed=0)["lstm.1"]
    np.testing.assert_array_equal(forget, [0] * 4 + [1] * 4 + [0] * 8)  # i, f, o, g


def test_what_a_plan_leaves_alone_is_not_there(pair: Path, tmp_path: Path) -> None:
    weights = glorot.apply(glorot.plan(pair, "he", only="conv.*"), pair, seed=0)
    assert set(weights) == {"conv.0", "conv.1", "conv_p.0", "conv_p.1"}
    saved = read_caffemodel(save(tmp_path / "some.caffemodel", pair, weights))
    assert set(saved) == set(weights)
    half = glorot.apply(glorot.plan(pair, rules=[("fc/1.1", "skip")]), pair, seed=0)
    with pytest.raises(
        GlorotError, match="^fc/1.1 has no values, and a .caffemodel holds all blobs of a layer or none; give it some$"
    ):
        save(tmp_path / "half.caffemodel", pair, half)
    assert not (tmp_path / "half.caffemodel").exists()


def test_a_gate_left_alone_is_zero_beside_the_others() -> None:
    net = parse_net(RECURRENT)
    weights = glorot.apply(glorot.plan(net, rules=[("lstm.0[o]", "skip")]), net, seed=0)
    assert not weights["lstm.0"][8:12].any()
    assert weights["lstm.0"][:8].all()


def test_a_caffemodel_holds_what_was_applied(pair: Path, tmp_path: Path) -> None:
    weights = glorot.apply(glorot.plan(pair, "xavier"), pair, seed=0)
    read = read_caffemodel(save(tmp_path / "pair.caffemodel", pair, weights))
    assert list(read) == list(weights)
    for name, array in weights.items():
        np.testing.assert_array_equal(read[name], array)


def test_what_does_not_fit_the_net_is_not_saved(pair: Path, tmp_path: Path) -> None:
    weights = glorot.apply(glorot.plan(pair), pair, seed=0)
    place = tmp_path / "pair.caffemodel"
    with pytest.raises(GlorotError, match="^the net has no blob 'conv.2'; its blobs are called like conv.0, conv.1, "):
        save(place, pair, weights | {"conv.2": weights["conv.1"]})
    with pytest.raises(GlorotError, match="^conv.0 has shape 4×27, expected 4×3×3×3$"):
        save(place, pair, weights | {"conv.0": weights["conv.0"].reshape(4, 27)})
    assert list(tmp_path.iterdir()) == [pair]


def test_a_trained_module_and_old_shapes_are_saved(pair: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    weights = glorot.apply(glorot.plan(pair), pair, seed=0)
    tensors = {name: torch.nn.Parameter(torch.from_numpy(array.copy())) for name, array in weights.items()}
    older = weights | {"conv.1": weights["conv.1"].reshape(1, 1, 1, 4)}
    for given in (tensors, older):
        read = read_caffemodel(save(tmp_path / "net.caffemodel", pair, given))
        assert {name: array.shape for name, array in read.items()} == {name: a.shape for name, a in weights.items()}
        np.testing.assert_array_equal(read["conv.1"], weights["conv.1"])
    with pytest.raises(GlorotError, match="^conv.1: expected an array of numbers, got str: could not convert string"):
        save(tmp_path / "text.caffemodel", pair, weights | {"conv.1": "text"})


def test_weights_beyond_the_memory_are_refused_before_any_is_asked_for() -> None:
    layer = 'layer {{ name: "l{0}" type: "InnerProduct" bottom: "x" top: "y{0}" inner_product_param {{ num_output: 16777215 }} }}'
    net = parse_net(
        'input: "x" input_dim: [1, 128, 1, 1]\n' + "\n".join(layer.format(n) for n in range(2000)), "huge.prototxt"
    )
    with pytest.raises(
        GlorotError, match=r"^huge\.prototxt: its weights take 16125\.0 GiB, and there are [\d.]+ GiB of memory$"
    ):
        glorot.initialize(net, "he", seed=0)


def test_a_path_that_is_no_prototxt_is_no_model() -> None:
    with pytest.raises(
        GlorotError, match="^'weights.npz' is no model: text stands for the path of a Caffe net, whose name ends"
    ):
        glorot.plan("weights.npz")
    with pytest.raises(
        GlorotError, match="^cannot read there/is/none.prototxt: No such file or directory; give the path"
    ):
        glorot.plan("there/is/none.prototxt")


def test_a_batch_tells_the_shapes_that_a_file_leaves_open(tmp_path: Path) -> None:
    path = tmp_path / "data.prototxt"
    path.write_text(
        'layer { name: "d" type: "Data" top: "data" top: "label" }\n'
        'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 2 } }'
    )
    batch = {"data": np.zeros((4, 3, 2, 2), np.float32)}
    plan = glorot.plan(path, "he", batch)
    assert plan["fc.0"].shape == (2, 12)
    assert glorot.apply(plan, path, seed=0, inputs=batch)["fc.0"].shape == (2, 12)
    with pytest.raises(
        GlorotError,
        match=r"data.prototxt:1:1: layer 'd' \(Data\): the net does not tell the shape of blob 'data'; give it on the "
        r"command line with --input-shape data=64,1,28,28, or as input_shapes={'data': \(64, 1, 28, 28\)} of "
        "glorot.caffe.read_net$",
    ):
        glorot.plan(path)
    with pytest.raises(GlorotError, match="^inputs of a Caffe net must be a dict {blob: array}, got ndarray$"):
        glorot.plan(path, inputs=batch["data"])
