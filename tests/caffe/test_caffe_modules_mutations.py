"""Whatever a net asks for that can be read: its module computes, or refuses with one line that names a place."""

import itertools
import math
import random
import re
import warnings
from collections import Counter

import torch
from caffe_mutations import mutated
from hypothesis import given
from hypothesis import strategies as st

from effort import examples
from glorot.caffe import Net, parse_net
from glorot.caffe.modules import to_torch
from glorot.errors import GlorotError

LAYERS = {
    "Convolution": "convolution_param { num_output: 2 kernel_size: 3 stride: 2 pad: 1 dilation: 1 group: 1 axis: 1 }",
    "Deconvolution": "convolution_param { num_output: 2 kernel_h: 2 kernel_w: 2 stride: 1 pad: 0 bias_term: false }",
    "InnerProduct": "inner_product_param { num_output: 3 axis: 1 transpose: true }",
    "Embed": "embed_param { input_dim: 9 num_output: 2 }",
    "Pooling": "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 round_mode: CEIL }",
    "LRN": "lrn_param { local_size: 3 alpha: 0.5 beta: 2 k: 1 norm_region: WITHIN_CHANNEL }",
    "BatchNorm": "phase: TRAIN batch_norm_param { use_global_stats: false moving_average_fraction: 1 eps: 1 }",
    "Scale": "scale_param { axis: 1 num_axes: 1 bias_term: true }",
    "Bias": "bias_param { axis: 1 num_axes: 1 }",
    "ReLU": "relu_param { negative_slope: 1 }",
    "PReLU": "prelu_param { channel_shared: false }",
    "ELU": "elu_param { alpha: 1 }",
    "TanH": "",
    "Sigmoid": "",
    "BNLL": "",
    "AbsVal": "",
    "Power": "power_param { power: 2 scale: 3 shift: 1 }",
    "Exp": "exp_param { base: 2 scale: 3 shift: 1 }",
    "Log": "log_param { base: 2 scale: 3 shift: 1 }",
    "Dropout": "phase: TEST dropout_param { dropout_ratio: 0.5 }",
    "Eltwise": "eltwise_param { operation: SUM coeff: 2 coeff: -1 }",
    "Concat": "concat_param { axis: 1 }",
    "Slice": 'top: "z{0}" slice_param { axis: 1 slice_point: 1 }',
    "Split": 'top: "z{0}"',
    "Flatten": "flatten_param { axis: 1 end_axis: -1 }",
    "Reshape": "reshape_param { axis: 0 num_axes: 2 shape { dim: 1 dim: -1 } }",
    "Softmax": "softmax_param { axis: 1 }",
    "SoftmaxWithLoss": 'top: "z{0}" loss_weight: [ 1 , 0 ] loss_param { ignore_label: 3 normalization: FULL }',
    "Accuracy": "accuracy_param { top_k: 2 axis: 1 ignore_label: 3 }",
    "ConvolutionDepthwise": "convolution_param { num_output: 6 kernel_size: 2 hole: 2 }",
    "Normalize": "norm_param { across_spatial: false channel_shared: false eps: 1 }",
    "Permute": "permute_param { order: 0 order: 2 order: 1 }",
    "PriorBox": "prior_box_param { min_size: 2 max_size: 3 aspect_ratio: 2 variance: 1 step: 2 img_size: 4 }",
    "BN": "bn_param { momentum: 1 eps: 1 frozen: false }",
    "ReLU6": "",
    "Interp": "interp_param { zoom_factor: 2 shrink_factor: 1 pad_beg: -1 }",
    "Upsample": "upsample_param { scale: 2 }",
    "ShuffleChannel": "shuffle_channel_param { group: 2 }",
}
SECOND = {
    "Eltwise": "a",
    "Concat": "a",
    "SoftmaxWithLoss": "b",
    "Accuracy": "b",
    "Scale": "b",
    "Bias": "b",
    "PriorBox": "a",
}
NUMBERS = ("0", "1", "1", "2", "2", "3", "4", "-1", "-2", "7", "65536", "2147483647")


def drawn(source: random.Random) -> str:
    """Return a net of one layer or a few, on blobs of any shape, whose settings may be any."""
    sizes = [
        source.choice((0, *(1, 2, 3, 4, 6, 6) * 3)) for _ in range(source.choice((0, 1, 2, 2, 3, 4, 4, 4, 4, 4, 5)))
    ]
    text = ""
    for name, shape in (
        ("a", sizes),
        ("b", source.choice((sizes[:1], sizes[:2], sizes[1:], sizes[:1] + sizes[2:]))),
        ("c", sizes),
    ):
        text += f'input: "{name}" input_shape {{ dim: {shape} }}\n'
    bottom = "c"
    for n in range(source.choice((1, 1, 2, 3))):
        kind = source.choice(list(LAYERS))
        second = f'bottom: "{SECOND[kind]}"' if kind in SECOND and source.random() < 0.8 else ""
        settings = re.sub(
            r"(?<= )-?\d(?= )", lambda at: source.choice((*[at[0]] * 6, source.choice(NUMBERS))), LAYERS[kind]
        ).replace("z{0}", f"z{n}")
        text += f'layer {{ name: "n{n}" type: "{kind}" bottom: "{bottom}" {second} top: "y{n}" {settings} }}\n'
        bottom = f"y{n}"
    return mutated(text, source) if source.random() < 0.1 else text


def is_small(net: Net) -> bool:
    weights = (blob.shape for node in net.nodes for blob in node.blobs)
    return all(math.prod(shape) <= 100_000 for shape in itertools.chain(net.shapes.values(), weights))


def outcome_of(text: str) -> str:
    """Read a net and compute what it makes of whole zeros and of noise, or check how that is refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of misspelt fields
            net = parse_net(text, "net")
    except GlorotError:
        return "no net"
    if not is_small(net) or not net.inputs:
        return "passed over"
    outcome = "refused"
    try:
        module = to_torch(net)
        module(**{name: torch.zeros(shape, dtype=torch.int64) for name, shape in net.inputs.items()})
        outcome = "computed"
        module.eval()(**{name: 3 * torch.rand(shape) for name, shape in net.inputs.items()})
    except GlorotError as error:
        message = str(error)
        assert message.startswith("net:"), (message, text)
        assert message.isprintable(), (message, text)
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__} on computing {text}") from error
    return outcome


@examples(80, deadline=20_000)  # milliseconds for a batch of 100, of which about 50 compute
@given(st.integers(0, 2**64 - 1))
def test_any_net_computes_or_is_refused_with_a_place(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(100):
        assert outcome_of(drawn(source)) in ("no net", "passed over", "refused", "computed")


def test_what_is_drawn_reaches_every_layer_and_many_refusals() -> None:
    source, outcomes, computed = random.Random(1), Counter[str](), Counter[str]()
    for _ in range(1500):
        text = drawn(source)
        outcome = outcome_of(text)
        outcomes[outcome] += 1
        computed.update(re.findall(r'type: "(\w+)"', text) if outcome == "computed" else ())
    assert outcomes["computed"] > 500, outcomes
    assert outcomes["refused"] > 30, outcomes
    assert set(LAYERS) <= set(computed), computed
