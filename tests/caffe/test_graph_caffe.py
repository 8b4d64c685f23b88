"""The graph of a Caffe net: what feeds its layers and what follows them, and what its blobs are for."""

import functools
import math
import warnings

import pytest
from caffe_styles import STYLES
from test_caffe_fork_layers import SHAPES as SHAPES_OF_FORKS
from test_example_nets import NETS, path_of
from test_net_shapes import CASES, layer_text

from glorot.caffe import Net, parse_net, read_net
from glorot.caffe.graph import lower
from glorot.caffe.kinds import KINDS
from glorot.caffe.kinds.lowering import lower_opaque
from glorot.graph import Folded
from glorot.graph.operations import Opaque, Random
from glorot.graph.sources import Curved, gains, squares_of
from glorot.inventory.kernels import kernel_of
from glorot.inventory.seen import Seen, seen_in

LAYER = 'layer {{ name: "{}" type: "{}" {} top: "{}" {} }}\n'.format
X = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 4 dim: 8 dim: 8 } } }\n'
ONE = "convolution_param { num_output: 4 kernel_size: 1 }"


def layer(name: str, kind: str, bottoms: str, settings: str = "", top: str = "") -> str:
    return LAYER(name, kind, " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split()), top or name, settings)


def conv(name: str, bottom: str, settings: str = "") -> str:
    return layer(name, "Convolution", bottom, f"{ONE} {settings}")


def net_of(text: str, **options: object) -> Net:
    return parse_net(X + text, **options)


def seen(text: str, **options: object) -> dict[str, Seen]:
    """Return what the graph of a net shows of the weights of each layer."""
    found = seen_in(Folded(lower(net_of(text, **options))))
    return {path.removesuffix(".0"): one for path, one in found.items()}


def roles(net: Net) -> dict[str, set[str]]:
    return {path: {use.role for use in uses} for path, uses in Folded(lower(net)).uses.items()}


def between(*layers: str, **options: object) -> tuple[str, str]:
    """Return what feeds a convolution after some layers, and what follows the one before them."""
    text, bottom = conv("a", "x"), "a"
    for n, one in enumerate(layers):
        kind, _, settings = one.partition(" ")
        text += layer(f"l{n}", kind, bottom, settings)
        bottom = f"l{n}"
    found = seen(text + conv("z", bottom), **options)
    assert (found["a"].source.text, found["z"].followed_by) == ("identity", "identity")
    return found["z"].source.text, found["a"].followed_by


POOL = "Pooling pooling_param { kernel_size: 3 pad: 1 }"
CHAINS = {
    "relu": ["ReLU"],
    "leaky_relu(negative_slope=0.2)": ["ReLU relu_param { negative_slope: 0.2 }"],
    "leaky_relu(negative_slope=0.25)": ["PReLU"],
    "leaky_relu(negative_slope=0.1)": ["PReLU prelu_param { channel_shared: true filler { value: 0.1 } }"],
    "elu": ["ELU"],
    "elu(alpha=2)": ["ELU elu_param { alpha: 2 }"],
    "tanh": ["TanH", "Split"],
    "0.5·tanh": ["TanH", "Power power_param { scale: 0.5 }"],
    "sigmoid": ["MVN", "Sigmoid"],
    "softplus": ["BNLL", "Flatten", "Reshape reshape_param { shape { dim: 0 dim: 4 dim: 8 dim: 8 } }"],
    "relu6": ["Clip clip_param { min: 0 max: 6 }"],
    "hardtanh": ["Clip clip_param { min: -1 max: 1 }", "ShuffleChannel shuffle_channel_param { group: 2 }"],
    "silu": ["Swish", "Permute permute_param { order: 0 order: 1 order: 3 }"],
    "mish": ["Mish", "Tile tile_param { axis: 2 tiles: 2 }"],
    "relu_squared": ["ReLU", "Power power_param { power: 2 }"],
}  # fmt: skip


@pytest.mark.parametrize("activation", CHAINS)
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_what_is_done_to_each_number_between_two_layers(activation: str, phase: str) -> None:
    assert between(*CHAINS[activation], phase=phase) == (activation, activation)


C = math.sqrt(2 / math.pi)
BY_HAND = {
    "relu": ["abs AbsVal z", "y Eltwise z+abs eltwise_param { coeff: 0.5 coeff: 0.5 }"],
    "relu_squared": ["r ReLU z", "y Eltwise r+r eltwise_param { operation: PROD }"],
    "hardswish": ["s Power z power_param { shift: 3 }", "c ReLU6 s", "g Power c power_param { scale: 0.16666667 }",
                  "y Eltwise z+g eltwise_param { operation: PROD }"],
    "mish": ["s BNLL z", "t TanH s", "y Eltwise z+t eltwise_param { operation: PROD }"],
    "silu": ["s Sigmoid z", "y Eltwise z+s eltwise_param { operation: PROD }"],
    "gelu_tanh": ["c Power z power_param { power: 3 }", f"s Eltwise z+c eltwise_param {{ coeff: {C} coeff: {C * 0.044715} }}",
                  "t TanH s", "g Power t power_param { scale: 0.5 shift: 0.5 }", "y Eltwise z+g eltwise_param { operation: PROD }"],
    "softplus": ["e Exp z", "y Log e log_param { shift: 1 }"],
    "hardtanh": ["l Power z power_param { scale: 0.5 shift: 0.5 }", "c Clip l clip_param { min: 0 max: 1 }",
                 "y Power c power_param { scale: 2 shift: -1 }"],
}  # fmt: skip
"""Activations that are put together of layers: name, type, what they read, settings."""


@pytest.mark.parametrize("activation", BY_HAND)
def test_an_activation_is_told_by_its_values(activation: str) -> None:
    text = conv("z", "x")
    for line in BY_HAND[activation]:
        name, kind, bottoms, settings = (*line.split(" ", 3), "")[:4]
        text += layer(name, kind, bottoms.replace("+", " "), settings)
    found = seen(text + conv("last", "y"))
    assert (found["last"].source, found["z"].followed_by) == (
        Curved(activation, "z.0", squares_of(activation)),
        activation,
    )


PASSED = {
    "batch norm": ["BatchNorm", "Scale scale_param { bias_term: true }", "ReLU"],
    "batch norm of a fork": ["BN", "ReLU"],
    "batch norm with factors": ["BatchNorm batch_norm_param { scale_bias: true }", "ReLU"],
    "scale and bias": ["ReLU", "Scale", "Bias"],
    "max pool": ["ReLU", POOL],
    "max pool before": [POOL, "ReLU"],
    "LRN": ["ReLU", "LRN", POOL],
    "LRN within a channel": ["ReLU", "LRN lrn_param { norm_region: WITHIN_CHANNEL alpha: 2 beta: 0.5 }"],
    "dropout": ["ReLU", "Dropout"],
    "upsampled": ["ReLU", "Upsample upsample_param { scale: 2 }"],
    "reordered": ["ReLU", "Reorg"],
    "twice": ["ReLU", "ReLU"],
}


@pytest.mark.parametrize("name", PASSED)
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_what_passes_an_activation_on(name: str, phase: str) -> None:
    assert between(*PASSED[name], phase=phase) == ("relu", "relu")


def test_what_grows_with_its_surroundings_is_a_product() -> None:
    assert between("ReLU", "LRN lrn_param { beta: -0.5 norm_region: WITHIN_CHANNEL }")[0] != "relu"


AVERAGED = {
    "AVE": "Pooling pooling_param { pool: AVE kernel_size: 2 stride: 2 }",
    "global": "Pooling pooling_param { pool: AVE global_pooling: true }",
    "STOCHASTIC": "Pooling pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 2 }",
    "Interp": "Interp interp_param { zoom_factor: 2 }",
}


@pytest.mark.parametrize("name", AVERAGED)
def test_a_mean_is_at_most_as_large_as_what_it_is_the_mean_of(name: str) -> None:
    assert between("ReLU", AVERAGED[name]) == ("mean of relu", "relu")


def test_a_norm_ends_what_fed_it() -> None:
    assert between("ReLU", "BatchNorm", "Scale") == ("identity", "relu")
    unit = seen(conv("a", "x") + layer("n", "Normalize", "a") + conv("z", "n"))["z"].source
    assert gains(unit)[0] == pytest.approx(16, rel=1e-3)  # the squares of all 4·8·8 sum to 1


def test_dropout_draws_in_training_alone() -> None:
    def draws(phase: str, settings: str = "", own: str = "") -> int:
        text = conv("a", "x") + layer("d", "Dropout", "a", f"{own} dropout_param {{ {settings} }}")
        return sum(isinstance(step.operation, Random) for step in lower(net_of(text, phase=phase)).steps)

    assert (draws("TRAIN"), draws("TEST")) == (1, 0)
    assert draws("TEST", "sample_weights_test: true") == 1
    assert (draws("TRAIN", own="phase: TEST"), draws("TEST", own="phase: TRAIN")) == (0, 1)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_dropout_that_scales_after_training_has_one_source_in_both_phases(phase: str) -> None:
    kept = "Dropout dropout_param { dropout_ratio: 0.2 scale_train: false }"
    assert between("ReLU", kept, phase=phase)[0] == "0.8·relu"


# ---- several blobs ---------------------------------------------------------------------------------------------------


def joined(kind: str, settings: str = "") -> Seen:
    """Return what feeds a convolution after a layer that reads relu(a) and tanh(b)."""
    text = conv("a", "x") + layer("r", "ReLU", "a") + conv("b", "x") + layer("t", "TanH", "b")
    return seen(text + layer("j", kind, "r t", settings) + conv("z", "j"))["z"]


def test_outputs_of_one_activation_side_by_side_remain_its_outputs() -> None:
    def beside_relu(kind: str) -> str:
        branches = conv("a", "x") + layer("r", kind, "a") + conv("b", "x") + layer("t", "ReLU", "b")
        return seen(branches + layer("j", "Concat", "r t") + conv("z", "j"))["z"].source.text

    assert (beside_relu("ReLU"), beside_relu("TanH")) == ("relu", "tanh | relu")


def test_sums_products_and_others() -> None:
    assert joined("Eltwise").source.text == "sum"
    assert joined("Eltwise", "eltwise_param { coeff: 1 coeff: -1 }").source.text == "sum"
    assert joined("Eltwise", "eltwise_param { operation: PROD }").source.text == "relu × tanh"
    assert joined("Scale", "scale_param { axis: 0 }").source.text == "relu × tanh"


def test_a_blob_with_itself_is_a_function_of_it() -> None:
    def twice(settings: str) -> str:
        both = layer("j", "Eltwise", "r r", f"eltwise_param {{ {settings} }}")
        return seen(conv("a", "x") + layer("r", "ReLU", "a") + both + conv("z", "j"))["z"].source.text

    assert twice("operation: PROD") == "relu_squared"
    assert twice("coeff: 1 coeff: 2") == "3·relu"
    assert twice("operation: MAX") == "relu"


def test_pieces_of_a_blob_are_what_it_was() -> None:
    pieces = 'layer { name: "cut" type: "Slice" bottom: "r" top: "p" top: "q" }\n'
    narrow = conv("y", "p") + conv("z", "q") + layer("s", "Sigmoid", "z")
    found = seen(conv("a", "x") + layer("r", "ReLU", "a") + pieces + narrow)
    assert [(found[name].source.text, found[name].followed_by) for name in "yz"] == [
        ("relu", "identity"),
        ("relu", "sigmoid"),
    ]


def test_numbers_that_a_mask_spreads_are_what_they_were() -> None:
    pool = 'layer { name: "pool" type: "Pooling" bottom: "r" top: "p" top: "m" pooling_param { kernel_size: 2 stride: 2 } }\n'
    up = layer("up", "Upsample", "p m", "upsample_param { scale: 2 }")
    found = seen(conv("a", "x") + layer("r", "ReLU", "a") + pool + up + conv("z", "up"))
    assert (found["z"].source.text, found["a"].followed_by) == ("relu", "relu")


def test_a_gated_unit_is_a_product() -> None:
    pieces = 'layer { name: "cut" type: "Slice" bottom: "a" top: "p" top: "q" }\n'
    gate = layer("s", "Sigmoid", "p") + layer("j", "Eltwise", "s q", "eltwise_param { operation: PROD }")
    assert seen(conv("a", "x") + pieces + gate + conv("z", "j"))["z"].source.text == "sigmoid × identity"


def test_who_reads_before_a_change_in_place_reads_what_was_there() -> None:
    found = seen(conv("a", "x") + conv("early", "a") + layer("r", "ReLU", "a", top="a") + conv("late", "a"))
    assert (found["early"].source.text, found["late"].source.text) == ("identity", "relu")


def test_layers_run_in_the_order_of_the_net() -> None:
    found = seen(
        conv("b", "x") + conv("a", "b") + layer("fc", "InnerProduct", "a", "inner_product_param { num_output: 3 }")
    )
    assert sorted(found, key=lambda name: found[name].position) == ["b", "a", "fc"]


def test_layers_that_share_a_blob_use_one_parameter() -> None:
    loose = 'param { name: "w" share_mode: PERMISSIVE } inner_product_param { bias_term: false num_output: '
    one = layer("one", "InnerProduct", "x", loose + "4 }")
    wide = layer(
        "wide",
        "Convolution",
        "x",
        'param { name: "w" share_mode: PERMISSIVE } convolution_param { bias_term: false num_output: 16 kernel_size: 4 }',
    )
    net = net_of(one + wide)
    assert roles(net) == {"one.0": {"kernel"}}
    graph = lower(net)
    uses = Folded(graph).uses["one.0"]
    assert [graph.shape(graph.steps[use.step].operands[1]) for use in uses] == [(4, 256), (16, 4, 4, 4)]


# ---- blobs -----------------------------------------------------------------------------------------------------------


def test_what_blobs_are_for() -> None:
    text = conv("a", "x") + layer("bn", "BatchNorm", "a") + layer("s", "Scale", "bn", "scale_param { bias_term: true }")
    text += (
        layer("p", "PReLU", "s")
        + layer("b", "Bias", "p")
        + layer("n", "BN", "b")
        + layer("up", "Deconvolution", "n", ONE)
    )
    text += 'layer { name: "free" type: "Parameter" top: "f" parameter_param { shape { dim: [2, 4, 8, 8] } } }\n'
    text += layer("plus", "Eltwise", "up f") + layer("join", "Concat", "plus f")
    assert roles(net_of(text)) == {
        "a.0": {"kernel"}, "a.1": {"shift"}, "s.0": {"scale"}, "s.1": {"shift"}, "p.0": {"slope"}, "b.0": {"shift"},
        "n.0": {"scale"}, "n.1": {"shift"}, "up.0": {"kernel"}, "up.1": {"shift"}, "free.0": {"shift", "token"},
    }  # fmt: skip


def test_a_free_blob_may_feed_a_layer() -> None:
    free = 'layer { name: "free" type: "Parameter" top: "f" parameter_param { shape { dim: [2, 4] } } }\n'
    text = free + layer("fc", "InnerProduct", "f", "inner_product_param { num_output: 3 bias_term: false }")
    assert roles(net_of(text)) == {"free.0": {"token"}, "fc.0": {"kernel"}}


def test_a_table_is_looked_up() -> None:
    net = parse_net(layer_text("Embed", "embed_param { num_output: 4 input_dim: 7 }", [(2, 3)], 1))
    assert roles(net) == {"it.0": {"embedding"}, "it.1": {"shift"}}


LETTERS = {
    "Convolution": ("convolution_param { num_output: 6 kernel_size: 3 group: 2 }", ("bo", "i", "k", "k")),
    "ConvolutionDepthwise": ("convolution_param { num_output: 4 kernel_size: 3 }", ("bo", "", "k", "k")),
    "Deconvolution": ("convolution_param { num_output: 6 kernel_size: 3 }", ("i", "o", "k", "k")),
    "InnerProduct": ("inner_product_param { num_output: 5 axis: 2 }", ("o", "i")),
    "InnerProduct ": ("inner_product_param { num_output: 5 transpose: true }", ("i", "o")),
}


@pytest.mark.parametrize("kind", LETTERS)
def test_axes_of_kernels(kind: str) -> None:
    settings, letters = LETTERS[kind]
    folded = Folded(lower(net_of(layer("it", kind.strip(), "x", settings))))
    (use,) = folded.uses["it.0"]
    kernel = kernel_of(folded, use)
    assert kernel is not None
    assert kernel.letters == letters


def recurrent(kind: str) -> dict[str, Seen]:
    text = f"""layer {{ name: "s" type: "Input" top: "s" top: "c" input_param {{ shape {{ dim: [5, 2, 3] }} shape {{ dim: [5, 2] }} }} }}
      layer {{ name: "it" type: "{kind}" bottom: "s" bottom: "c" top: "h" recurrent_param {{ num_output: 4 }} }}
      layer {{ name: "fc" type: "InnerProduct" bottom: "h" top: "y" inner_product_param {{ num_output: 2 axis: 2 }} }}"""
    return seen_in(Folded(lower(parse_net(text))))


def test_the_state_of_a_recurrent_layer_feeds_it() -> None:
    lstm, rnn = recurrent("LSTM"), recurrent("RNN")
    assert {path: one.source.text for path, one in lstm.items()} == {
        "it.0": "identity", "it.2": "sigmoid × tanh", "fc.0": "sigmoid × tanh",
    }  # fmt: skip
    assert {path: one.source.text for path, one in rnn.items()} == {
        "it.0": "identity", "it.2": "tanh", "it.3": "tanh", "fc.0": "tanh",
    }  # fmt: skip


# ---- all types and nets ----------------------------------------------------------------------------------------------

NOT_UNDERSTOOD = {
    "Accuracy", "ArgMax", "ContrastiveLoss", "DetectionOutput", "EuclideanLoss", "HingeLoss", "InfogainLoss",
    "MultinomialLogisticLoss", "SigmoidCrossEntropyLoss",
}  # fmt: skip
"""Types that judge, or choose by size."""


def test_every_other_type_states_its_steps() -> None:
    opaque = {
        name
        for name, kind in KINDS.items()
        if kind.lower is lower_opaque and kind.reads != (0, 0) and kind.makes != (0, 0)
    }
    assert opaque == NOT_UNDERSTOOD


@pytest.mark.parametrize("name", CASES | SHAPES_OF_FORKS)
def test_every_layer_has_the_shapes_of_the_net_in_its_graph(name: str) -> None:
    kind, settings, bottoms, expected, *_ = (CASES | SHAPES_OF_FORKS)[name]
    tops = len(expected) if isinstance(expected, list) else 1
    net = parse_net(layer_text(kind, settings, bottoms, tops))
    graph = lower(net)  # which asserts the shapes of all tops
    assert [value.shape for value in graph.values if value.leaf == "input"] == list(net.inputs.values())


def test_an_unknown_type_is_a_step_that_is_not_understood() -> None:
    text = conv("a", "x") + layer("r", "ReLU", "a") + layer("odd", "Frobnicate", "r") + conv("z", "odd")
    graph = lower(net_of(text, shapes={"odd": (2, 4, 8, 8)}))
    assert [step.operation for step in graph.steps if isinstance(step.operation, Opaque)] == [Opaque("Frobnicate")]
    assert seen_in(Folded(graph))["z.0"].source.text == "identity"


def test_what_a_layer_makes_of_unknown_blobs_comes_from_outside() -> None:
    text = layer("one", "Zoom", "x") + layer("two", "Warp", "one") + conv("a", "two") + layer("r", "ReLU", "a")
    with pytest.warns(UserWarning, match="unknown layer type"):
        net = net_of(text, shapes={"two": (2, 7, 8, 8)})
    assert seen_in(Folded(lower(net)))["a.0"].followed_by == "relu"


@functools.cache
def all_nets() -> dict[str, Net]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fields that are not obeyed
        return {name: read_net(path_of(name)) for name in NETS} | {
            name: parse_net(text()) for name, text in STYLES.items()
        }


@pytest.mark.parametrize("name", [*NETS, *STYLES])
def test_every_blob_that_is_learnt_meets_the_signal(name: str) -> None:
    net = all_nets()[name]
    learnt = {
        node.path(index)
        for node in net.nodes
        for index, (blob, owner) in enumerate(zip(node.blobs, node.owners, strict=True))
        if blob.is_learnt and owner is None
    }
    assert roles(net).keys() == learnt
