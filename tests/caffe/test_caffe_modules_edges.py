"""Modules at the edges: scalars and blobs of nothing, other dtypes, layers with a phase, names that PyTorch reserves."""

import re

import pytest
import torch
from torch import Tensor

import glorot
from glorot.caffe import parse_net
from glorot.caffe.modules import CaffeModule, to_torch
from glorot.errors import GlorotError


def module_of(layer: str, *shapes: list[int]) -> CaffeModule:
    inputs = "".join(f'input: "x{n}" input_shape {{ dim: {shape} }}\n' for n, shape in enumerate(shapes))
    bottoms = " ".join(f'bottom: "x{n}"' for n in range(len(shapes)))
    return to_torch(parse_net(f'{inputs}layer {{ name: "n" {bottoms} top: "y" {layer} }}'))


DENSE = 'type: "InnerProduct" inner_product_param { num_output: 2 weight_filler { type: "xavier" } }'


def test_a_scalar_scales_a_scalar() -> None:
    assert module_of('type: "Scale" scale_param { axis: 0 }', [], [])(torch.tensor(2.0), torch.tensor(3.0)) == 6


def test_a_scalar_has_no_batch_norm() -> None:
    message = "<text>:2:1: layer 'n' (BatchNorm): expected blob 'x0' to have an axis of examples, got shape scalar"
    with pytest.raises(GlorotError, match=f"^{re.escape(message)}$"):
        module_of('type: "BatchNorm"', [])(torch.tensor(2.0))


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 4), (2, 3, 0)])
def test_batch_norm_of_nothing(shape: tuple[int, ...]) -> None:
    module = module_of('type: "BatchNorm"', [2, *shape[1:]])
    message = rf"^<text>:2:1: layer 'n' \(BatchNorm\): expected blob 'x0' to hold numbers to average, got shape {'×'.join(map(str, shape))}$"
    with pytest.raises(GlorotError, match=message):
        module(torch.zeros(shape))
    assert bool((module.state_dict()["n.2"] == 0).all())  # nothing is gathered
    assert module.eval()(torch.zeros(shape)).shape == shape


NOTHING = {
    'type: "Scale" scale_param { bias_term: true }': ((2, 0, 4), (2, 0, 4)),
    'type: "Pooling" pooling_param { kernel_size: 3 stride: 2 pad: 1 }': ((2, 0, 5, 5), (2, 0, 3, 3)),
    'type: "LRN" lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL }': ((2, 3, 0, 4), (2, 3, 0, 4)),
}


@pytest.mark.parametrize("layer", NOTHING)
def test_what_is_made_of_nothing(layer: str) -> None:
    read, made = NOTHING[layer]
    assert module_of(layer, list(read))(torch.zeros(read)).shape == made


@pytest.mark.parametrize(
    "layer",
    [
        'type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }',
        'type: "Convolution" convolution_param { num_output: 2 kernel_size: 2 pad: 1 }',
        'type: "Deconvolution" convolution_param { num_output: 2 kernel_size: 4 }',
    ],
)
def test_windows_over_nothing(layer: str) -> None:
    message = (
        r"^<text>:2:1: layer 'n' \(\w+\): expected blob 'x0' to have no spatial axis of size 0, got shape 2×3×0×4$"
    )
    with pytest.raises(GlorotError, match=message):
        module_of(layer, [2, 3, 0, 4])(torch.zeros(2, 3, 0, 4))


def test_a_padding_beyond_all_bounds() -> None:
    window = "kernel_size: 2147483647 stride: 2147483647 pad: 65536"
    message = (
        "<text>:2:1: layer 'n' (Pooling): expected blob 'x0' padded to at most 2147483647 elements, got shape 1×1×7×7"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(message)}$"):
        module_of(f'type: "Pooling" pooling_param {{ {window} }}', [1, 1, 7, 7])(torch.zeros(1, 1, 7, 7))


@pytest.mark.parametrize(("region", "axes"), [("ACROSS_CHANNELS", (1,)), ("WITHIN_CHANNEL", (2, 3))])
def test_lrn_over_far_more_than_there_is(region: str, axes: tuple[int, ...]) -> None:
    x, size = torch.randn(2, 3, 4, 5), 2**31 - 1
    settings = f"local_size: {size} alpha: {size ** len(axes)}.0 norm_region: {region}"
    expected = x / (1 + x.square().sum(axes, keepdim=True)) ** 0.75
    torch.testing.assert_close(module_of(f'type: "LRN" lrn_param {{ {settings} }}', [2, 3, 4, 5])(x), expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float64, torch.float16])
def test_data_takes_the_dtype_of_the_weights(dtype: torch.dtype) -> None:
    module, x = module_of(DENSE, [4, 3]), torch.arange(12).reshape(4, 3)
    torch.testing.assert_close(module(x.to(dtype)), module(x.float()), rtol=0, atol=0)
    assert module.double()(x.to(dtype)).dtype == torch.float64


def test_data_of_a_net_without_weights() -> None:
    module, x = module_of('type: "Softmax"', [4, 3]), torch.arange(12).reshape(4, 3)
    torch.testing.assert_close(module(x), x.float().softmax(1))
    torch.testing.assert_close(module(x.double()), x.double().softmax(1))


def test_labels_and_indices_keep_their_dtype() -> None:
    net = parse_net("""
        input: "word" input_shape { dim: [2, 1] } input: "label" input_shape { dim: [2, 2] }
        layer { name: "e" type: "Embed" bottom: "word" top: "e" embed_param { input_dim: 400 num_output: 400 } }
        layer { name: "s" type: "Slice" bottom: "label" top: "l" top: "rest" }
        layer { name: "f" type: "Flatten" bottom: "l" top: "m" flatten_param { axis: 0 } }
        layer { name: "r" type: "Silence" bottom: "rest" }
        layer { name: "t" type: "Flatten" bottom: "e" top: "t" }
        layer { name: "acc" type: "Accuracy" bottom: "t" bottom: "m" top: "acc" }
    """)
    module = to_torch(net).bfloat16()
    with torch.no_grad():
        dict(module.named_parameters())["e.0"].copy_(torch.eye(400))
    numbers = torch.tensor([[257, 0], [399, 0]])  # which bfloat16 rounds to 256 and 400
    for labels in (numbers, numbers.float()):
        assert module(labels[:, :1], labels) == 1


MODES = [("", True, True), ("", False, False), ("TEST", True, False), ("TRAIN", False, True), ("1", True, False)]


@pytest.mark.parametrize(("phase", "mode", "is_trained"), MODES)
@pytest.mark.parametrize("kind", ["Dropout", "BatchNorm"])
def test_a_phase_of_a_layer_goes_before_the_mode(kind: str, phase: str, mode: bool, is_trained: bool) -> None:
    module = module_of(f'type: "{kind}"' + (f" phase: {phase}" if phase else ""), [8, 50]).train(mode)
    x = 2 + torch.randn(8, 50, generator=torch.Generator().manual_seed(0))
    found: Tensor = module(x)
    if kind == "Dropout":
        assert bool((found == 0).any()) == is_trained
    else:
        assert bool(found.mean().abs() < 0.01) == is_trained
        assert bool(module.state_dict()["n.2"] == 1) == (is_trained and mode)  # gathered in training alone


def test_a_phase_that_there_is_none() -> None:
    with pytest.raises(GlorotError, match=r"^<text>:2:\d+: phase must be one of TRAIN, TEST, got DEPLOY$"):
        module_of('type: "ReLU" phase: DEPLOY', [8, 50])


@pytest.mark.parametrize("kind", [DENSE, 'type: "ReLU"'], ids=["dense", "relu"])
@pytest.mark.parametrize("name", ["_orig_mod", "a._checkpoint_wrapped_module", "_orig_mod.b"])
def test_a_name_that_pytorch_leaves_out_of_paths(name: str, kind: str) -> None:
    net = parse_net(f'input: "x" input_shape {{ dim: [4, 6] }}\nlayer {{ name: "{name}" {kind} bottom: "x" top: "y" }}')
    message = r"^<text>:2:15: layer '{}' \(\w+\): '{}' is what PyTorch's wrappers put into paths, and is not read as part of them; give the layer another name$"
    step = name.removeprefix("a.").removesuffix(".b")
    with pytest.raises(GlorotError, match=message.format(re.escape(name), step)):
        to_torch(net)


def test_names_are_made_unique_without_taking_one_that_has_weights() -> None:
    text = 'input: "x" input_shape { dim: [4, 2] }\n'
    for name, kind in [("r", 'type: "ReLU"')] * 3 + [("r_2", DENSE), ("r_4", 'type: "ReLU"'), ("r", 'type: "AbsVal"')]:
        text += f'layer {{ name: "{name}" {kind} bottom: "x" top: "x" }}\n'
    module = to_torch(parse_net(text))
    assert [name for name, _ in module.named_children()] == ["r", "r_3", "r_4", "r_2", "r_4_2", "r_5"]
    assert list(module.state_dict()) == ["r_2.0", "r_2.1"]


def test_many_layers_of_one_name_are_counted() -> None:
    layer = 'layer { name: "r" type: "ReLU" bottom: "x" top: "x" }'
    module = to_torch(parse_net('input: "x" input_shape { dim: 4 }' + layer * 2000))
    names = [name for name, _ in module.named_children()]
    assert names == ["r", *(f"r_{n}" for n in range(2, 2001))]


def test_pytorch_has_no_start_for_layers_of_caffe() -> None:
    module = module_of('type: "Convolution" convolution_param { num_output: 2 kernel_size: 3 }', [4, 3, 8, 8])
    message = (
        "recipe 'pytorch' reproduces PyTorch's own fans and needs layers of PyTorch, and n.0 belongs to a Caffe layer, "
        "Convolution; use 'standard' for the same law with true fans"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(message)}$"):
        glorot.plan(module, "pytorch")
    with pytest.raises(GlorotError, match="needs layers of PyTorch, and n.0 belongs to a Caffe layer, BatchNorm; use"):
        glorot.plan(module_of('type: "BatchNorm"', [4, 3]), "pytorch")
