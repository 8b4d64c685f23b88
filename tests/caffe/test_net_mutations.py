"""Whatever happens to a net, it is planned or refused with one line that names a place."""

import random
import re
import tracemalloc
from collections import Counter

import pytest
from caffe_mutations import mutated
from hypothesis import given
from hypothesis import strategies as st

import glorot
from effort import examples
from glorot.adapters import take_inventory as inventory
from glorot.caffe import parse_net
from glorot.errors import GlorotError

IT = 'layer {{ name: "{0}" type: "{1}" bottom: "{2}" top: "{3}" {4} }}\n'.format
NETS = {
    "convolutions": 'input: "x" input_dim: 2 input_dim: 6 input_dim: 9 input_dim: 9\n'
    + IT("a", "Convolution", "x", "a", 'convolution_param { num_output: 4 kernel_size: 3 group: 2 weight_filler { type: "msra" } }')
    + IT("p", "Pooling", "a", "p", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }")
    + IT("u", "Deconvolution", "p", "u", 'convolution_param { num_output: 4 kernel_h: 2 kernel_w: 2 weight_filler { type: "bilinear" } }')
    + IT("n", "LRN", "u", "n", "lrn_param { local_size: 3 }"),
    "dense": 'layer { name: "x" type: "Input" top: "x" top: "t" input_param { shape { dim: 4 dim: 6 } shape { dim: 4 } } }\n'
    + IT("a", "InnerProduct", "x", "a", 'param { name: "w" } inner_product_param { num_output: 6 weight_filler { type: "gaussian" sparse: 2 } }')
    + IT("r", "PReLU", "a", "a", "prelu_param { filler { value: 0.1 } }")
    + IT("b", "InnerProduct", "a", "b", 'param { name: "w" share_mode: PERMISSIVE } inner_product_param { num_output: 6 transpose: true }')
    + IT("l", "SoftmaxWithLoss", "b", "l", 'bottom: "t" include { phase: TEST } loss_weight: 1'),
    "shapes": 'input: "x" input_shape { dim: 2 dim: 4 dim: 6 }\n'
    + IT("s", "Slice", "x", "s", 'top: "q" slice_param { axis: 1 slice_point: 1 }')
    + IT("c", "Concat", "s", "c", 'bottom: "q" concat_param { axis: 1 }')
    + IT("f", "Flatten", "c", "f", "flatten_param { axis: 1 end_axis: -1 }")
    + IT("h", "Reshape", "f", "h", "reshape_param { axis: 1 num_axes: 1 shape { dim: 4 dim: -1 } }")
    + IT("t", "Tile", "h", "t", "tile_param { axis: 2 tiles: 2 }")
    + IT("m", "ArgMax", "t", "m", "argmax_param { top_k: 2 axis: -1 }")
    + IT("d", "Reduction", "x", "d", "reduction_param { axis: 1 }"),
    "recurrent": 'input: "x" input: "c" input_shape { dim: 5 dim: 2 dim: 3 } input_shape { dim: 5 dim: 2 }\n'
    + IT("e", "Embed", "c", "e", 'embed_param { input_dim: 9 num_output: 3 weight_filler { type: "uniform" min: -1 } }')
    + IT("l", "LSTM", "x", "l", 'bottom: "c" recurrent_param { num_output: 4 weight_filler { type: "xavier" } }')
    + IT("r", "RNN", "l", "r", 'bottom: "c" recurrent_param { num_output: 4 weight_filler { type: "positive_unitball" } }'),
    "norms": 'layer { type: "DummyData" top: "x" dummy_data_param { num: 2 channels: 3 height: 4 width: 4 } }\n'
    + IT("b", "BatchNorm", "x", "b", "param { lr_mult: 0 }")
    + IT("s", "Scale", "b", "b", 'scale_param { axis: 1 num_axes: 2 bias_term: true filler { type: "msra" } }')
    + IT("g", "Bias", "b", "g", "bias_param { axis: -1 }") + IT("r", "ReLU", "g", "g", "relu_param { negative_slope: 0.1 }")
    + IT("e", "Eltwise", "g", "e", 'bottom: "b" eltwise_param { operation: SUM coeff: 1 coeff: -1 }')
    + IT("c", "Crop", "e", "c", 'bottom: "x" crop_param { axis: 2 offset: 0 }')
    + IT("z", "Softmax", "c", "z", "softmax_param { axis: 1 }"),
    "old": 'input: "x" input_dim: [2, 3, 8, 8]\n'
    'layers { name: "a" type: CONVOLUTION bottom: "x" top: "a" param: "w" blobs_lr: 1 blobs_lr: 2 weight_decay: 1\n'
    '  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" variance_norm: AVERAGE } } }\n'
    'layers { name: "r" type: 18 bottom: "a" top: "a" exclude { phase: TRAIN } }\n'
    'layers { name: "i" type: INNER_PRODUCT bottom: "a" top: "i" inner_product_param { num_output: 5 } }\n',
    "forks": 'input: "x" input_dim: [1, 8, 9, 9]\n'
    + IT("a", "Convolution", "x", "a", "convolution_param { num_output: 16 kernel_size: 3 hole: 2 pad: 2 }")
    + IT("n", "BatchNorm", "a", "a", 'batch_norm_param { scale_bias: true scale_filler { type: "constant" value: 1 } }')
    + IT("p", "Pooling", "a", "p", "pooling_param { kernel_size: 3 stride: 2 ceil_mode: false dilation: 1 }")
    + IT("z", "Normalize", "p", "z", "norm_param { across_spatial: false channel_shared: false }")
    + IT("m", "Permute", "z", "m", "permute_param { order: 0 order: 2 order: 3 order: 1 }") + IT("f", "Flatten", "m", "f", "")
    + IT("b", "PriorBox", "p", "b", 'bottom: "x" prior_box_param { min_size: 2 max_size: 4 aspect_ratio: 2 variance: 0.1 }')
    + IT("o", "DetectionOutput", "f", "o", 'bottom: "f" bottom: "b" detection_output_param { num_classes: 4 }')
    + IT("i", "Interp", "p", "i", "interp_param { zoom_factor: 2 shrink_factor: 1 pad_beg: 0 }")
    + IT("w", "Warp", "i", "i", "warp_param { by: 2 }") + IT("k", "BN", "i", "k", "bn_param { momentum: 1 }")
    + IT("v", "Zoom", "k", "v", "") + IT("g", "InnerProduct", "v", "g", "inner_product_param { num_output: 2 }")
    + IT("l", "Python", "k", "l", "loss_weight: 1"),
    "solver": 'net_param { state { level: 1 stage: "s" } layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 3 } } }\n'
    + IT("r", "ReLU", "p", "r", 'include { min_level: 1 max_level: 2 stage: "s" not_stage: "t" }')
    + '}\ntrain_state { level: 2 stage: "u" } base_lr: 0.1\n',
}  # fmt: skip

EDGES = ("0", "1", "2", "3", "-1", "-2", "33", "65536", "2147483647", "2147483648", "4294967296", "9223372036854775807")
PLACED = re.compile(r"net:\d+:\d+: \S.*|nothing to plan: net has no layer with weights")


def bent(text, source):
    """Return a text with a number at some edge, or a name or keyword in the place of another of its kind."""
    kind = source.choice((r"(?<=[ \[-])\d+", r'"[^"]*"', r"\w+(?= \{)", r"\w+(?=: )"))
    places = list(re.finditer(kind, text))
    if not places:
        return text
    place = source.choice(places)
    new = source.choice(EDGES) if kind.endswith(r"\d+") else source.choice(places)[0]
    return text[: place.start()] + new + text[place.end() :]


def harmed(source):
    """Return a net with damage to its letters, to its sense, or to both."""
    text = source.choice(list(NETS.values()))
    for _ in range(source.choice((0, 1, 1, 2, 3))):
        text = bent(text, source)
    return mutated(text, source) if source.random() < 0.5 else text


def outcome_of(text, is_planned):
    """Read a net, take stock of it and plan it, or check how it is refused."""
    try:
        net = parse_net(text, "net")
        inventory(net)
        if is_planned:
            glorot.plan(net, "caffe")
    except GlorotError as error:
        message = str(error)
        assert PLACED.fullmatch(message), (message, text)
        assert message.isprintable(), (message, text)
        return "refused"
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__} on reading {text!r}") from error
    return "read"


@pytest.mark.filterwarnings("ignore:.* unknown layer type '(Warp|Zoom)':UserWarning")
@pytest.mark.parametrize("name", NETS)
def test_the_nets_are_valid_before_they_are_harmed(name):
    assert outcome_of(NETS[name], is_planned=name != "shapes") == "read"


def test_a_net_without_weights_has_nothing_to_plan():
    with pytest.raises(GlorotError, match="^nothing to plan: net has no layer with weights$"):
        glorot.plan(parse_net(NETS["shapes"], "net"))


@pytest.mark.filterwarnings("ignore:.* it is left out$:UserWarning", "ignore:.* unknown layer type:UserWarning")
@examples(100, deadline=10_000)  # milliseconds for a batch of 150, which take about 200
@given(st.integers(0, 2**64 - 1))
def test_a_harmed_net_is_planned_or_refused_with_a_place(seed):
    source = random.Random(seed)
    for n in range(150):
        assert outcome_of(harmed(source), is_planned=n % 15 == 0) in ("read", "refused")


@pytest.mark.filterwarnings("ignore:.* it is left out$:UserWarning", "ignore:.* unknown layer type:UserWarning")
def test_harm_spares_some_nets_and_ruins_others():
    source = random.Random(1)
    outcomes = Counter(outcome_of(harmed(source), is_planned=True) for _ in range(600))
    assert min(outcomes["read"], outcomes["refused"]) > 100, outcomes


@pytest.mark.filterwarnings("ignore:.* it is left out$:UserWarning", "ignore:.* unknown layer type:UserWarning")
@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.slow)])
def test_no_harm_makes_a_net_large(count):
    source = random.Random(2)
    tracemalloc.start()
    try:
        for _ in range(count):
            outcome_of(harmed(source), is_planned=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * 2**20
