"""Fields that forks of Caffe have added: each is obeyed, or a warning names it."""

import itertools
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from caffe_styles import STYLES
from hypothesis import given
from hypothesis import strategies as st
from test_caffe_modules_opencv import CASES as MODULES
from test_caffe_modules_opencv import net_text, random_weights
from test_net_shapes import ALIKE, layer_text, made
from test_net_shapes import CASES as SHAPES

from effort import examples
from glorot.adapters import take_inventory as inventory
from glorot.caffe import parse_net, read_net, to_torch
from glorot.caffe.definition import fields
from glorot.caffe.formats.messages import Message
from glorot.caffe.kinds import KINDS
from glorot.errors import GlorotError

EXAMPLES = Path(__file__).parents[2] / "examples/caffe"
X = 'input: "x" input_shape { dim: [2, 6, 13, 10] }\n'


def one(kind, settings, shape=(2, 6, 13, 10)):
    return parse_net(layer_text(kind, settings, [shape], 1), "net")


def told(text):
    """Read a net and return what is said of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = parse_net(text, "net")
    return net, [str(warning.message) for warning in caught]


# --- pooling that rounds down

SIZES, KERNELS = st.integers(1, 30), st.integers(1, 6)


def whole_windows(size, kernel, stride, pad):
    """Count the windows of a pooling that lie within the padded blob, and begin before its padded end."""
    starts = range(-pad, size + pad - kernel + 1, stride)
    return sum(1 for start in starts if not pad or start < size)


@pytest.mark.parametrize(
    "field", ["ceil_mode: false", "ceil_mode: 0", "round_mode: FLOOR", "round_mode: 1 ceil_mode: false"]
)
@given(SIZES, KERNELS, KERNELS, st.integers(0, 3))
def test_a_pool_that_rounds_down_has_whole_windows_only(field, size, kernel, stride, pad):
    pad = min(pad, kernel - 1)
    settings = f"pooling_param {{ kernel_size: {kernel} stride: {stride} pad: {pad} {field} }}"
    if kernel > size + 2 * pad:
        with pytest.raises(GlorotError, match=f"padded to about the kernel, {kernel}"):
            made("Pooling", settings, (1, 2, size, size))
        return
    count = whole_windows(size, kernel, stride, pad)
    assert made("Pooling", settings, (1, 2, size, size)) == (1, 2, count, count)


@given(SIZES, KERNELS, KERNELS, st.integers(0, 3), st.integers(1, 3))
def test_windows_of_a_dilated_pool_have_holes(size, kernel, stride, pad, dilation):
    reach = dilation * (kernel - 1) + 1
    pad = min(pad, kernel - 1)
    if reach > size + 2 * pad:
        return
    settings = (
        f"pooling_param {{ kernel_size: {kernel} stride: {stride} pad: {pad} ceil_mode: false dilation: {dilation} }}"
    )
    count = whole_windows(size, reach, stride, pad)
    assert made("Pooling", settings, (1, 2, size, size)) == (1, 2, count, count)


@pytest.mark.parametrize("rounding", ["ceil_mode: false", ""])
def test_a_dilated_pool_takes_the_largest_of_what_its_holes_leave(rounding):
    net = one("Pooling", f"pooling_param {{ kernel_size: 2 stride: 2 dilation: 3 {rounding} }}")
    values = torch.randn(2, 6, 13, 10, generator=torch.Generator().manual_seed(0))
    found = to_torch(net)(values)
    rows, columns = found.shape[2:]
    assert (rows, columns) == ((5, 4) if rounding else (6, 4))
    for row, column in itertools.product(range(rows), range(columns)):
        window = values[:, :, 2 * row : 2 * row + 4 : 3, 2 * column : 2 * column + 4 : 3]
        assert torch.equal(found[:, :, row, column], window.amax((2, 3)))
    with pytest.raises(GlorotError, match="to_torch dilates the windows of MAX pooling only"):
        to_torch(one("Pooling", "pooling_param { pool: AVE kernel_size: 2 dilation: 3 }"))


def test_two_roundings_that_contradict_each_other_are_refused():
    with pytest.raises(GlorotError, match="round_mode and ceil_mode contradict each other; give one of them"):
        one("Pooling", "pooling_param { kernel_size: 2 round_mode: CEIL ceil_mode: false }")
    with pytest.raises(GlorotError, match="ceil_mode must be true or false, got 2"):
        one("Pooling", "pooling_param { kernel_size: 2 ceil_mode: 2 }")


# --- the older name of a dilation


@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution", "Pooling"])
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))
def test_a_hole_is_a_dilation(kind, kernel, stride, hole):
    param = "pooling_param" if kind == "Pooling" else "convolution_param"
    outputs = "" if kind == "Pooling" else "num_output: 4"
    window = f"{param} {{ {outputs} kernel_size: {kernel} stride: {stride}"
    shapes = [
        made(kind, f"{window} {names} }}", (2, 3, 20, 20))
        for names in (f"dilation: {hole}", f"hole: {hole}", f"hole_h: {hole} hole_w: {hole}")
    ]
    assert shapes[0] == shapes[1] == shapes[2]


def test_holes_along_each_axis_and_their_arithmetic():
    window = "convolution_param {{ num_output: 4 kernel_size: 3 {} }}".format
    assert made("Convolution", window("hole: 2"), (2, 3, 32, 32)) == (2, 4, 28, 28)  # 32 − 2·(3 − 1)
    assert made("Convolution", window("hole_h: 1 hole_w: 12"), (2, 3, 32, 32)) == (2, 4, 30, 8)
    with pytest.raises(GlorotError, match="dilation and hole, its older name, are both given; give one of them$"):
        one("Convolution", window("dilation: 2 hole: 2"))


def test_a_hole_computes_what_a_dilation_does():
    settings = "convolution_param {{ num_output: 4 kernel_size: 3 {}: 2 }}".format
    values, results = torch.randn(2, 6, 13, 10), []
    for name in ("dilation", "hole"):
        net = one("Convolution", settings(name))
        results.append(to_torch(net, weights=random_weights(net))(values))
    assert torch.equal(*results)


# --- a BatchNorm with factors


@pytest.mark.parametrize("field", ["scale_bias: true", "scale_filler { value: 0.5 }", "bias_filler { value: 2 }"])
def test_a_norm_with_a_scale_and_a_shift_has_five_blobs(field):
    net = one("BatchNorm", f"batch_norm_param {{ {field} }}")
    parts = inventory(net).parts
    assert [(part.name, part.role, part.shape) for part in parts] == [
        ("it.0", "running_mean", (6,)),
        ("it.1", "running_variance", (6,)),
        ("it.2", "running_variance", (1,)),
        ("it.3", "scale", (6,)),
        ("it.4", "shift", (6,)),
    ]
    starts = [part.declared.scheme for part in parts[3:]]
    scale, shift = ("constant(value=0.5)" if "0.5" in field else "constant(value=1)"), "zeros"
    assert starts == [scale, "constant(value=2)" if "2" in field else shift]
    assert [node.is_learnt for node in net.nodes[-1].blobs] == [False, False, False, True, True]


def test_a_norm_without_them_has_three():
    assert len(inventory(one("BatchNorm", "batch_norm_param { scale_bias: false }")).parts) == 3


def test_a_norm_with_factors_gathers_averages_in_training():
    net = one("BatchNorm", "batch_norm_param { scale_bias: true moving_average_fraction: 0.9 eps: 0.01 }")
    weights = random_weights(net)
    module = to_torch(net, weights=weights)
    values = np.random.default_rng(0).normal(1, 2, (2, 6, 13, 10)).astype(np.float32)
    found = module(torch.from_numpy(values)).detach().numpy()
    mean, variance = values.mean((0, 2, 3)), values.var((0, 2, 3))
    column = (slice(None), None, None)
    normed = (values - mean[column]) / np.sqrt(variance[column] + 0.01)
    np.testing.assert_allclose(found, normed * weights["it.3"][column] + weights["it.4"][column], rtol=1e-4, atol=1e-5)
    state = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    for index, batch in enumerate((mean, variance)):
        expected = 0.9 * weights[f"it.{index}"] + 0.1 * batch
        np.testing.assert_allclose(state[f"it.{index}"], expected, rtol=1e-5)
    np.testing.assert_array_equal(state["it.2"], weights["it.2"])


# --- dropout of DeepLab, SSD and SegNet


def test_dropout_that_does_not_scale_in_training_does_so_otherwise():
    module = to_torch(one("Dropout", "dropout_param { dropout_ratio: 0.25 scale_train: false }"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        kept = module(torch.ones(2, 6, 13, 10))
    assert set(kept.unique().tolist()) == {0.0, 1.0}  # not 1/(1 − 0.25)
    assert kept.mean().item() == pytest.approx(0.75, abs=0.05)
    assert module.eval()(torch.ones(2, 6, 13, 10)).unique().tolist() == [0.75]


def test_dropout_that_samples_in_tests_is_always_on():
    module = to_torch(one("Dropout", "dropout_param { sample_weights_test: true }")).eval()
    assert set(module(torch.ones(2, 6, 13, 10)).unique().tolist()) == {0.0, 2.0}


# --- the table of fields

UNREAD = {  # fields of forks that change something and are not obeyed
    "Convolution": "convolution_param { num_output: 4 kernel_size: 3 pad_l: 1 }",  # synopsys-caffe
    "Pooling": "pooling_param { kernel_size: 3 pad_type: 1 }",  # the same
    "BatchNorm": "batch_norm_param { fused_relu: true }",  # OpenCL branch
    "LRN": "lrn_param { fuse_type: FUSED_POOL_MAX }",  # the same
    "Softmax": "softmax_param { temperature: 2 }",
    "ReLU": "relu_param { clip: 6 }",
    "InnerProduct": "inner_product_param { num_output: 3 normalize: true }",  # SphereFace
    "Scale": "scale_param { init_value: 2 }",
    "Concat": "concat_param { concat_coeff: 2 }",
    "Eltwise": "eltwise_param { offset: 1 }",
}


@pytest.mark.parametrize("kind", UNREAD)
def test_a_field_that_is_not_obeyed_is_named(kind):
    settings = UNREAD[kind]
    bottoms = [(2, 6, 13, 10)] * (2 if kind in ("Eltwise", "Concat") else 1)
    _, sentences = told(layer_text(kind, settings, bottoms, 1))
    name = settings.rstrip("} ").split()[-2].rstrip(":")
    assert len(sentences) == 1, sentences
    assert f"unknown field {name!r} of {settings.split()[0]}" in sentences[0]
    assert sentences[0].endswith("; it is left out")


def test_settings_of_another_type_are_named():
    _, sentences = told(X + 'layer { name: "r" type: "ReLU" bottom: "x" top: "x" pooling_param { kernel_size: 2 } }')
    assert sentences == ["net:2:53: unknown field 'pooling_param' of type ReLU; it is left out"]


def test_a_field_that_comes_often_is_named_once_and_many_fields_are_counted():
    text = X + "".join(
        f'layer {{ name: "l{n}" type: "ReLU" bottom: "x" top: "x" relu_param {{ alpha: 1 own{n}: 2 }} }}\n'
        for n in range(40)
    )
    _, sentences = told(text)
    assert sentences[0] == "net:2:74: unknown field 'alpha' of relu_param, here and in 39 other places; it is left out"
    assert len(sentences) == fields.MOST_WARNINGS + 1
    assert sentences[-1] == "net:1:1: 21 more unknown fields; it is left out"


def test_fields_that_change_nothing_are_passed_over_in_silence():
    layer = (
        'layer { name: "c" type: "Convolution" bottom: "x" top: "c" propagate_down: true convolution_param { num_output: 4 '
        "kernel_size: 3 engine: CUDNN force_nd_im2col: true cudnn_convolution_algo_seeker: FINDEX } }"
    )
    assert told(X + "force_backward: true\n" + layer)[1] == []
    data = 'layer { name: "d" type: "Data" top: "x" data_param { source: "here" own: 1 } transform_param { mirror: true } }'
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_net(data + layer, input_shapes={"x": (1, 3, 9, 9)})


CORPUS = [
    *(build() for build in STYLES.values()),
    *(net_text(text, shape) for text, shape in MODULES.values()),
    *(layer_text(kind, settings, bottoms, 1) for kind, settings, bottoms, _ in SHAPES.values()),
    *(layer_text(kind, "", [(2, 3, 4, 5)], 1) for kind in ALIKE),
    *(path.read_text() for path in sorted(EXAMPLES.glob("*.prototxt")) if path.name != "solver.prototxt"),
    layer_text("LSTM", "recurrent_param { num_output: 2 }", [(3, 2, 4), (3, 2)], 1),
    layer_text("RNN", "recurrent_param { num_output: 2 }", [(3, 2, 4), (3, 2)], 1),
]


def test_every_field_that_is_read_stands_in_the_table(monkeypatch):
    """A field that is read and has no row would be obeyed and yet be called unknown."""
    read = set()
    values = Message._values

    def recorded(message, name):
        if "definition/fields.py" not in sys._getframe(2).f_code.co_filename:
            kind = (
                message._fields["type"].values[0].text if message.name == "layer" and "type" in message._fields else ""
            )
            read.add((message.name, kind, name))
        return values(message, name)

    monkeypatch.setattr(Message, "_values", recorded)
    for text in CORPUS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net = parse_net(text, input_shapes={"data": (2, 3, 40, 40)} if 'type: "Data"' in text else None)
        with suppress(GlorotError):  # there is no module for some layers
            to_torch(net)
    rows = fields.MESSAGES | {"": fields.NET + " net net_param", "layers": fields.OLD_LAYER + " layer"}
    missing = set()
    for where, kind, name in read:
        row = f"{fields.LAYER} {fields.SETTINGS.get(kind, '')}" if where == "layer" else rows.get(where, "")
        if name not in row.split() and not (where == "layers" and name.endswith("_param")):
            missing.add((where, kind, name))
    assert not missing
    assert len(read) > 200


def test_rows_are_of_types_and_messages_that_there_are():
    assert set(fields.SETTINGS) <= set(KINDS)
    named = {
        name for row in (fields.LAYER, *fields.SETTINGS.values(), *fields.MESSAGES.values()) for name in row.split()
    }
    assert set(fields.MESSAGES) <= named | {"state", "input_shape"}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.prototxt")), ids=lambda path: path.stem)
def test_the_examples_are_read_without_a_word(path):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        nets = [read_net(path, phase=phase) for phase in ("TRAIN", "TEST")]
    assert [str(warning.message) for warning in said] == []
    assert all(net.nodes for net in nets)


@examples(60)
@given(st.text("abcdefghij_", min_size=3, max_size=9), st.sampled_from(sorted(UNREAD)))
def test_any_name_that_is_not_in_the_table_is_told(name, kind):
    param, rest = UNREAD[kind].split(" {", 1)
    known = set(fields.MESSAGES[param].split()) | set(fields.IDLE)
    if name in known:
        return
    words = rest.rstrip("} ").split()[:-2]
    bottoms = [(2, 6, 13, 10)] * (2 if kind in ("Eltwise", "Concat") else 1)
    _, sentences = told(layer_text(kind, f"{param} {{ {' '.join(words)} {name}: 1 }}", bottoms, 1))
    assert [f"unknown field {name!r} of {param}" in sentence for sentence in sentences] == [True]
