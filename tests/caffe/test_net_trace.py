"""What feeds a layer with weights and what follows it, and which comes when."""

import pytest

from glorot.adapters import take_inventory as inventory
from glorot.caffe import parse_net

LAYER = 'layer {{ name: "{}" type: "{}" bottom: "{}" top: "{}" {} }}\n'.format
X = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 4 dim: 8 dim: 8 } } }\n'
ONE = "convolution_param { num_output: 4 kernel_size: 1 bias_term: false }"


def conv(name, bottom, top=None):
    return LAYER(name, "Convolution", bottom, top or name, ONE)


def relu(bottom, top=None):
    return LAYER(f"relu of {bottom}", "ReLU", bottom, top or bottom, "")


def kernels(text):
    """Return {layer: (depth, fed by, followed by)} of the kernels of a net."""
    parts = inventory(parse_net(X + text)).parts
    weighs = ("kernel", "recurrent", "embedding")
    return {p.path.rpartition(".")[0]: (p.depth, p.fed_by, p.followed_by) for p in parts if p.role in weighs}


def between(*layers):
    """Return what feeds a convolution behind some layers, and what follows the one before them."""
    text, bottom = conv("a", "x"), "a"
    for n, (kind, settings) in enumerate(layers):
        text += LAYER(f"l{n}", kind, bottom, f"l{n}", settings)
        bottom = f"l{n}"
    found = kernels(text + conv("z", bottom))
    assert (found["a"][:2], found["z"][2]) == ((1, "identity"), "identity")
    assert found["z"][0] == 2
    return found["z"][1], found["a"][2]


R, BN, SCALE = ("ReLU", ""), ("BatchNorm", ""), ("Scale", "scale_param { bias_term: true }")
POOL, LRN = ("Pooling", "pooling_param { kernel_size: 3 pad: 1 }"), ("LRN", "")
CHAINS = {
    "nothing": ([], "identity", "identity"),
    "ReLU": ([R], "relu", "relu"),
    "leaky": ([("ReLU", "relu_param { negative_slope: 0.2 }")], "leaky_relu(negative_slope=0.2)", "leaky_relu(negative_slope=0.2)"),
    "PReLU": ([("PReLU", "")], "leaky_relu(negative_slope=0.25)", "leaky_relu(negative_slope=0.25)"),
    "PReLU 0": ([("PReLU", "prelu_param { filler { value: 0 } }")], "relu", "relu"),
    "PReLU of Caffe's default filler": ([("PReLU", "prelu_param { filler { } }")], "relu", "relu"),
    "ELU": ([("ELU", "")], "elu", "elu"),
    "ELU 2": ([("ELU", "elu_param { alpha: 2 }")], "elu(alpha=2)", "elu(alpha=2)"),
    "TanH": ([("TanH", "")], "tanh", "tanh"),
    "Sigmoid": ([("Sigmoid", "")], "sigmoid", "sigmoid"),
    "BNLL": ([("BNLL", "")], "softplus", "softplus"),
    "normed": ([BN, SCALE, R], "relu", "relu"),
    "normed behind": ([R, BN, SCALE], "identity", "relu"),
    "pooled": ([R, POOL], "relu", "relu"),
    "pooled before": ([POOL, R], "relu", "relu"),
    "LRN": ([R, LRN, POOL], "relu", "relu"),
    "dropped": ([R, ("Dropout", ""), ("Split", "")], "relu", "relu"),
    "flattened": ([R, ("Flatten", ""), ("Reshape", "reshape_param { shape { dim: 0 dim: 4 dim: 8 dim: 8 } }")], "relu", "relu"),
    "two activations": ([R, ("TanH", "")], "a function", "a function"),
    "power": ([R, ("Power", "power_param { power: 2 }")], "relu_squared", "relu_squared"),
    "MVN": ([("MVN", ""), ("Sigmoid", "")], "sigmoid", "sigmoid"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_what_stands_between_two_layers(name):
    layers, fed_by, followed_by = CHAINS[name]
    assert between(*layers) == (fed_by, followed_by)


def test_changes_in_place():
    text = conv("a", "x") + LAYER("bn", "BatchNorm", "a", "a", "") + LAYER("s", "Scale", "a", "a", "") + relu("a")
    assert kernels(text + conv("b", "a")) == {"a": (1, "identity", "relu"), "b": (2, "relu", "identity")}


def test_who_reads_before_a_change_in_place_reads_what_was_there():
    text = conv("a", "x") + conv("early", "a") + relu("a") + conv("late", "a")
    found = kernels(text)
    assert (found["early"], found["late"]) == ((2, "identity", "identity"), (3, "relu", "identity"))


def joined(kind, *tops):
    ends = " ".join(f'bottom: "{top}"' for top in tops[1:])
    return LAYER("join", kind, tops[0], "join", ends)


def test_side_by_side_outputs_of_one_activation_remain_its_outputs():
    branches = conv("a", "x") + relu("a") + conv("b", "x") + relu("b")
    narrow = "convolution_param { num_output: 3 kernel_size: 1 }"
    found = kernels(branches + joined("Concat", "a", "b") + LAYER("z", "Convolution", "join", "z", narrow))
    assert found["z"] == (3, "relu", "identity")
    assert (found["a"][2], found["b"][2]) == ("relu", "relu")
    other = branches.replace("ReLU", "TanH", 1)
    assert kernels(other + joined("Concat", "a", "b") + conv("z", "join"))["z"][1] == "tanh | relu"


def test_a_sum_is_a_source_by_itself():
    block = conv("a", "x") + relu("a") + conv("b", "a") + joined("Eltwise", "a", "b")
    assert kernels(block + conv("z", "join"))["z"] == (3, "sum", "identity")
    assert kernels(block + relu("join") + conv("z", "join"))["z"] == (3, "relu", "identity")
    assert kernels(block + relu("join"))["b"][2] == "identity"  # nobody's own activation


def test_pieces_of_a_blob_are_what_it_was():
    pieces = 'layer { name: "cut" type: "Slice" bottom: "a" top: "p" top: "q" }\n'
    found = kernels(conv("a", "x") + relu("a") + pieces + conv("y", "p") + conv("z", "q"))
    assert (found["y"], found["z"]) == ((2, "relu", "identity"), (3, "relu", "identity"))


def test_a_gate_of_another_blob_makes_a_product():
    text = conv("a", "x") + relu("a") + conv("g", "x")
    scaled = LAYER("gate", "Scale", "a", "gate", 'bottom: "g" scale_param { axis: 0 }')
    assert kernels(text + scaled + conv("z", "gate"))["z"][1] == "relu × identity"


def test_an_lstm_puts_out_a_gate_times_tanh():
    text = """layer { name: "s" type: "Input" top: "s" top: "c" input_param { shape { dim: [5, 2, 3] } shape { dim: [5, 2] } } }
      layer { name: "lstm" type: "LSTM" bottom: "s" bottom: "c" top: "h" recurrent_param { num_output: 4 } }
      layer { name: "fc" type: "InnerProduct" bottom: "h" top: "y" inner_product_param { num_output: 2 axis: 2 } }"""
    assert kernels(text)["fc"] == (2, "sigmoid × tanh", "identity")


def test_a_bias_is_told_what_its_layer_is_told():
    text = conv("a", "x").replace("bias_term: false", "") + relu("a") + conv("b", "a").replace("bias_term: false", "")
    parts = {part.name: part for part in inventory(parse_net(X + text)).parts}
    for layer in "ab":
        kernel, bias = parts[f"{layer}.0"], parts[f"{layer}.1"]
        assert (kernel.depth, kernel.fed_by, kernel.followed_by) == (bias.depth, bias.fed_by, bias.followed_by)
    assert parts["b.1"].fed_by == "relu"
