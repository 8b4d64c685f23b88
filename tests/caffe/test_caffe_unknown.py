"""Layers of unknown types stop only what depends on them, and a bottom that no layer makes may be an input."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.caffe import parse_net, read_net, to_torch
from glorot.errors import GlorotError

LONELY = Path(__file__).parents[2] / "examples/caffe/pieces/conv1.prototxt"
X = 'input: "x" input_shape { dim: [2, 3, 16, 16] } input: "label" input_shape { dim: 2 }\n'


def layer(name, kind, bottoms, settings="", tops=None):
    ends = [f'bottom: "{blob}"' for blob in bottoms.split()] + [f'top: "{blob}"' for blob in (tops or name).split()]
    return f'layer {{ name: "{name}" type: "{kind}" {" ".join(ends)} {settings} }}\n'


def conv(name, bottom):
    return layer(name, "Convolution", bottom, "convolution_param { num_output: 4 kernel_size: 3 pad: 1 }")


def fc(name, bottom):
    return layer(name, "InnerProduct", bottom, "inner_product_param { num_output: 5 }")


def told(text, **options):
    """Read a net and return what is said of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = parse_net(text, "net", **options)
    return net, [str(warning.message) for warning in caught]


def quiet(text, **options):
    """Read a net of which nothing is to be said."""
    net, sentences = told(text, **options)
    assert sentences == []
    return net


def blobs(net):
    return [parameter.path for parameter in inventory(net).parameters]


# --- what an unknown type stops

BRANCHES = (
    X + conv("a", "x") + layer("up", "Zoom", "a") + conv("b", "up") + conv("c", "a") + fc("d", "b") + fc("e", "c")
)


def test_warnings_write_what_nobody_sees_in_a_name_as_an_escape():
    turned = "up\u202e"
    text = X + layer(turned, "Zoom\u2066", "x") + fc("d", turned) + layer("s", "ReLU", "x", "relu_param { slop: 1 }")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parse_net(text, "net\u202e")
    sentences = [str(warning.message) for warning in caught]
    assert len(sentences) == 2
    assert all(sentence.isprintable() and sentence.startswith(r"net\u202e:") for sentence in sentences)
    assert "unknown field 'slop' of relu_param" in sentences[0]


def test_what_depends_on_an_unknown_type_is_left_out_and_named():
    net, sentences = told(BRANCHES)
    assert blobs(net) == ["a.0", "a.1", "c.0", "c.1", "e.0", "e.1"]
    assert "up" not in net.shapes
    assert [one.name for one in net.left_out] == ["up", "b", "d"]
    assert sentences == [
        "net:3:26: layer 'up': unknown layer type 'Zoom'; what depends on its shape is left out: b, d; give its shape on "
        "the command line with --shape up=64,32,28,28, or as shapes={'up': (64, 32, 28, 28)} of glorot.caffe.read_net"
    ]
    assert [entry.name for entry in glorot.plan(net, "xavier")] == blobs(net)
    assert to_torch(net).state_dict().keys() == set(blobs(net))


def test_nothing_is_left_out_once_its_shape_is_told():
    net = quiet(BRANCHES, shapes={"up": (2, 4, 32, 32)})
    assert (net.shapes["up"], net.shapes["b"]) == ((2, 4, 32, 32), (2, 4, 32, 32))
    assert blobs(net) == [f"{name}.{index}" for name in "abcde" for index in (0, 1)]
    assert net.left_out == ()
    assert glorot.plan(net, "xavier")["d.0"].shape == (5, 4 * 32 * 32)
    with pytest.raises(GlorotError, match=r"^net:3:1: layer 'up' \(Zoom\): to_torch has no such layer"):
        to_torch(net)


def test_a_told_shape_frees_what_comes_after_another_unknown_type():
    text = X + layer("one", "Zoom", "x") + layer("two", "Warp", "one") + conv("a", "two") + conv("b", "one")
    net, sentences = told(text, shapes={"two": (2, 7, 8, 8)})
    assert (blobs(net), [one.name for one in net.left_out]) == (["a.0", "a.1"], ["one", "b"])
    assert glorot.plan(net, "xavier")["a.0"].fans.fan_in == 7 * (22 / 8) ** 2  # 7 channels; 22 of 24 taps on a map of 8
    assert [sentence.partition(";")[0] for sentence in sentences] == [
        "net:2:27: layer 'one': unknown layer type 'Zoom'"
    ]


def test_each_blob_of_a_layer_that_makes_several_is_told_by_its_own_name():
    text = X + layer("halves", "Cut", "x", tops="left right") + conv("a", "left") + conv("b", "right")
    net, _ = told(text, shapes={"left": (2, 1, 8, 8), "right": (2, 2, 8, 8)})
    assert (net.shapes["a"], net.shapes["b"]) == ((2, 4, 8, 8), (2, 4, 8, 8))
    net, (sentence,) = told(text, shapes={"right": (2, 2, 8, 8)})
    assert (blobs(net), [one.name for one in net.left_out]) == (["b.0", "b.1"], ["halves", "a"])
    assert "left out: a; give its shape on the command line with --shape left=" in sentence


def test_a_layer_that_changes_its_blob_in_place_keeps_the_shape():
    text = X + conv("a", "x") + layer("act", "Swoosh", "a", tops="a") + conv("b", "a")
    net, sentences = told(text)
    assert (blobs(net), net.shapes["b"]) == (["a.0", "a.1", "b.0", "b.1"], (2, 4, 16, 16))
    assert sentences == ["net:3:27: layer 'act': unknown layer type 'Swoosh'"]
    assert glorot.plan(net, "auto")["b.0"].fed_by == "identity"  # not that of the layer before


def test_layers_of_one_type_are_told_once():
    text = X + conv("a", "x") + "".join(layer(f"act{n}", "Swoosh", "a", tops="a") for n in range(50))
    _, sentences = told(text)
    assert sentences == ["net:3:28: layer 'act0' and 49 more: unknown layer type 'Swoosh'"]
    text = X + conv("a", "x") + layer("up", "Zoom", "a") + "".join(conv(f"c{n}", "up") for n in range(50))
    _, (sentence,) = told(text)
    assert "left out: c0, c1, c2, c3, c4, c5, c6, c7 and 42 more; give its shape" in sentence


def test_weights_that_an_unknown_layer_may_own_are_told():
    for own in ("param { lr_mult: 0 }", 'own_param { scale_filler { type: "constant" } }'):
        _, (sentence,) = told(X + conv("a", "x") + layer("own", "Swoosh", "a", own, tops="a"))
        assert sentence == (
            "net:3:27: layer 'own': unknown layer type 'Swoosh'; weights that such a layer owns are not planned"
        )


# --- losses that nobody reads

JUDGES = {
    "Python": 'python_param { module: "own" layer: "Loss" } loss_weight: 1',
    "Python without a weight": 'python_param { module: "own" layer: "Show" }',
    "FocalLoss": "focal_loss_param { gamma: 2 }",
    "WarpCTC": "loss_weight: 1",
}


@pytest.mark.parametrize("kind", JUDGES)
def test_a_loss_that_nobody_reads_stops_nothing_and_needs_no_word(kind):
    for ends in ({"tops": "loss"}, {"tops": " "}):
        net = quiet(X + fc("f", "x") + layer("loss", kind.split()[0], "f label", JUDGES[kind], **ends))
        assert (blobs(net), net.outputs) == (["f.0", "f.1"], ["label", "f"])


def test_a_loss_with_weights_of_its_own_needs_one():
    _, (sentence,) = told(X + fc("f", "x") + layer("loss", "CenterLoss", "f label", "own_param { center_filler { } }"))
    assert "unknown layer type 'CenterLoss'" in sentence
    assert "weights that such a layer owns are not planned" in sentence


def test_a_python_layer_that_is_read_is_named():
    net, (sentence,) = told(X + fc("f", "x") + layer("own", "Python", "f") + fc("g", "own"))
    assert blobs(net) == ["f.0", "f.1"]
    assert sentence.startswith(
        "net:3:27: layer 'own': unknown layer type 'Python'; what depends on its shape is left out: g; give"
    )


def test_labels_of_a_python_layer_that_only_losses_read_need_no_shape():
    data = 'layer { name: "in" type: "Python" top: "data" top: "label" }\n'
    text = data + fc("f", "data") + layer("loss", "SoftmaxWithLoss", "f label")
    net = quiet(text, input_shapes={"data": (7, 3)})
    assert (net.inputs, blobs(net)) == ({"data": (7, 3)}, ["f.0", "f.1"])
    _, (sentence,) = told(text + fc("g", "label"), input_shapes={"data": (7, 3)})
    assert "left out: g; give its shape on the command line with --input-shape label=" in sentence
    assert quiet(text, input_shapes={"data": (7, 3), "label": (7,)}).inputs == {"data": (7, 3), "label": (7,)}
    with pytest.raises(GlorotError, match="unknown layer type 'Python'.* with --input-shape data=64"):
        parse_net(text)


@pytest.mark.parametrize("kind", ["SoftmaxWithLoss", "Accuracy", "Python", "FocalLoss"])
def test_a_loss_whose_labels_nobody_makes_stops_nothing(kind):
    net = quiet('input: "x" input_shape { dim: [2, 3] }\n' + fc("f", "x") + layer("loss", kind, "f truth"))
    assert (blobs(net), [one.name for one in net.left_out]) == (["f.0", "f.1"], ["loss"])
    net = quiet('input: "x" input: "truth"\n' + fc("f", "x") + layer("l", kind, "f truth"), input_shapes={"x": (2, 3)})
    assert (net.inputs, blobs(net)) == ({"x": (2, 3)}, ["f.0", "f.1"])


def test_labels_that_are_misspelt_or_read_by_more_than_a_loss_are_refused():
    text = X + fc("f", "x")
    with pytest.raises(GlorotError, match=r"it reads blob 'labl', which no layer .* \(did you mean 'label'\?\)"):
        parse_net(text + layer("loss", "SoftmaxWithLoss", "f labl"))
    with pytest.raises(GlorotError, match="layer 'loss' .* it reads blob 'truth', which no layer before it makes"):
        parse_net(text + layer("loss", "SoftmaxWithLoss", "f truth") + layer("r", "Power", "loss"))


# --- the format before Caffe 1.0


def test_types_of_forks_stand_in_old_files_too():
    """DeepLab's first nets and SegNet's are written so, with enums of their own."""
    old = 'layers {{ name: "{0}" type: {1} bottom: "{2}" top: "{3}" {4} }}\n'.format
    text = 'input: "x" input_dim: [1, 3, 8, 8]\n' + "".join(
        [
            old("a", "CONVOLUTION", "x", "a", "convolution_param { num_output: 4 kernel_size: 3 hole: 2 pad: 2 }"),
            old("n", "BN", "a", "n", "bn_param { scale_filler { value: 1 } } blobs_lr: 1 blobs_lr: 1"),
            old("r", "PRELU", "n", "n", ""),
            old("i", "INTERP", "n", "i", "interp_param { zoom_factor: 2 }"),
            old("s", "SEG_ACCURACY", "i", "s", ""),
            old("f", "INNER_PRODUCT", "i", "f", "inner_product_param { num_output: 2 }"),
        ]
    )
    net, (sentence,) = told(text)
    assert net.shapes["i"] == (1, 4, 15, 15)
    assert blobs(net) == ["a.0", "a.1", "n.0", "n.1", "r.0", "f.0", "f.1"]
    assert sentence == "net:6:26: layer 's': unknown layer type 'SEG_ACCURACY' (did you mean 'Accuracy'?)"


# --- what remains an error


@pytest.mark.parametrize("wrong", ["Convolutoin", "Convolution ", "convolution", "CONVOLUTION", "Covolution"])
def test_a_misspelt_type_is_an_error_wherever_it_stands(wrong):
    text = X + fc("f", "x") + layer("c", wrong, "x") + fc("g", "c")
    with pytest.raises(GlorotError, match=rf"^net:3:25: layer 'c': unknown layer type '{wrong}' \(did you mean 'Conv"):
        parse_net(text, "net")


@pytest.mark.parametrize("other", ["Convolution3D", "ReLUN", "ROIAlign", "SmoothL1Loss", "BatchNormTorch", "Relay"])
def test_a_type_that_extends_the_name_of_a_known_one_is_another(other):
    net, _ = told(X + fc("f", "x") + layer("c", other, "x"))
    assert blobs(net) == ["f.0", "f.1"]


def test_a_net_of_which_nothing_is_left_is_an_error():
    text = X + layer("up", "Zoom", "x") + fc("f", "up")
    problem = (
        "net:2:26: layer 'up': unknown layer type 'Zoom'; what depends on its shape is left out: f; give its shape on the "
        "command line with --shape up=64,32,28,28, or as shapes={'up': (64, 32, 28, 28)} of glorot.caffe.read_net"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(problem)}$"):
        parse_net(text, "net")


def test_a_file_of_unknown_types_alone_is_no_net():
    text = X + conv("a", "x") + "".join(layer(f"l{n}", f"Type{n}", "a") for n in range(200))
    with pytest.raises(
        GlorotError, match="layer 'l100' .* more than 100 types of layer are unknown; expected a net of"
    ):
        parse_net(text)


def test_losses_without_end_are_not_compared_with_every_blob(monkeypatch):
    calls = []
    monkeypatch.setattr("glorot.caffe.builder.nearest", lambda name, known: calls.append(name) or "")
    text = X + fc("f", "x") + "".join(layer(f"l{n}", "HingeLoss", f"f truth{n % 15}") for n in range(500))
    assert len(quiet(text).left_out) == 500
    assert len(calls) == 15
    with pytest.raises(GlorotError, match="it reads blob 'other20', which no layer before it makes"):
        parse_net(X + fc("f", "x") + "".join(layer(f"l{n}", "HingeLoss", f"f other{n}") for n in range(500)))


TOLD = {
    "a known type": (
        {"a": (1, 2)},
        "shape for layer 'a': glorot knows the type of this layer, and works its shape out",
    ),
    "no layer": (
        {"upp": (1, 2)},
        "shape for layer 'upp': the net has no layer of unknown type with this name (did you mean 'up'?)",
    ),
    "no sizes": ({"up": ()}, "shape for layer 'up': expected positive sizes such as (64, 1, 28, 28), got ()"),
    "a size below 1": (
        {"up": (2, -1)},
        "shape for layer 'up': expected positive sizes such as (64, 1, 28, 28), got (2, -1)",
    ),
    "no dict": ([3], "shapes must be a dict {layer: shape}, as in {'up1': (64, 1, 28, 28)}, got [3]"),
    "too many axes": ({"up": (1,) * 40}, "net:3:1: layer 'up' (Zoom): blob 'up' has 40 axes; Caffe allows 32"),
    "too large": (
        {"up": (2**20, 2**20)},
        "net:3:1: layer 'up' (Zoom): blob 'up' of shape 1048576×1048576 has more than the 2147483647 elements that Caffe "
        "allows",
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_shapes_that_cannot_be_are_refused(case):
    shapes, problem = TOLD[case]
    with pytest.raises(GlorotError, match=f"^{re.escape(problem)}$"):
        parse_net(BRANCHES, "net", shapes=shapes)


def test_a_told_shape_that_does_not_fit_what_reads_it_is_refused_there():
    problem = r"^net:4:\d+: layer 'b' \(Convolution\): axis 1 is no axis of blob 'up', which has 1 axes$"
    with pytest.raises(GlorotError, match=problem):
        parse_net(BRANCHES, "net", shapes={"up": (2,)})


def test_two_layers_that_make_one_blob_are_refused_though_its_shape_is_unknown():
    text = X + conv("a", "x") + layer("up", "Zoom", "a") + layer("again", "ReLU", "a", tops="up")
    with pytest.raises(GlorotError, match="its top 'up' is made by a layer before it; give it a name of its own$"):
        parse_net(text, "net")


# --- a layer by itself


def test_the_layer_of_the_introductions_is_planned_once_its_input_has_a_shape():
    net = read_net(LONELY, input_shapes={"data": (64, 1, 28, 28)})
    assert (net.inputs, net.shapes["conv1"]) == ({"data": (64, 1, 28, 28)}, (64, 20, 24, 24))
    plan = glorot.plan(LONELY, inputs={"data": np.zeros((64, 1, 28, 28), np.float32)})
    assert plan["conv1.0"].distribution.std == pytest.approx(25**-0.5)
    assert net.multipliers == {"conv1.0": (1, 1), "conv1.1": (2, 1)}
    weights = glorot.apply(plan, net, seed=0)
    assert {name: array.shape for name, array in weights.items()} == {"conv1.0": (20, 1, 5, 5), "conv1.1": (20,)}


def test_without_a_shape_the_message_says_how_to_give_it():
    problem = (
        f"{LONELY}:17:9: layer 'conv1' (Convolution): it reads blob 'data', which no layer before it makes in phase TEST; "
        "if it is an input of the net, give its shape on the command line with --input-shape data=64,1,28,28, or as "
        "input_shapes={'data': (64, 1, 28, 28)} of glorot.caffe.read_net"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(problem)}$"):
        read_net(LONELY)


def test_a_piece_of_a_net_may_have_several_inputs():
    piece = layer("sum", "Eltwise", "left right") + layer("r", "ReLU", "sum", tops="sum") + conv("c", "sum")
    net = quiet(piece, input_shapes={"left": (2, 3, 9, 9), "right": (2, 3, 9, 9)})
    assert (list(net.inputs), net.shapes["c"]) == (["left", "right"], (2, 4, 9, 9))
    with pytest.raises(GlorotError, match="it reads blob 'right'.* with --input-shape right=64,1,28,28"):
        parse_net(piece, input_shapes={"left": (2, 3, 9, 9)})


def test_an_input_may_be_changed_in_place():
    net = quiet(layer("r", "ReLU", "x", tops="x") + fc("f", "x"), input_shapes={"x": (2, 3)})
    assert (net.inputs, net.shapes["f"]) == ({"x": (2, 3)}, (2, 5))


def test_a_blob_that_a_layer_makes_is_no_input():
    text = X + layer("r", "ReLU", "h") + conv("h", "x")
    with pytest.raises(GlorotError, match="it reads blob 'h', which no layer before it makes in phase TEST$"):
        parse_net(text, input_shapes={"h": (2, 3, 16, 16)})
    with pytest.raises(GlorotError, match="input shape for 'h': the net has no such input; inputs here: x, label"):
        parse_net(X + conv("h", "x"), input_shapes={"h": (2, 3, 16, 16)})
