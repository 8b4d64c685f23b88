"""Caffe nets as PyTorch modules: names, plans, weights, and what goes in and comes out."""

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import glorot
from glorot import probe
from glorot.caffe import Net, parse_net, read_net, save
from glorot.caffe.modules import CaffeModule, Outputs, to_torch
from glorot.errors import GlorotError

EXAMPLES = Path(__file__).parents[2] / "examples" / "caffe"
SMALL_EXAMPLES = ("inception_like", "lenet", "old_style", "siamese")
XAVIER = 'weight_filler { type: "xavier" } bias_filler { type: "uniform" }'

Array = NDArray[Any]


def dense(name: str, bottom: str, top: str, params: str = "", settings: str = "num_output: 6") -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{top}" {params} '
        f"inner_product_param {{ {settings} {XAVIER} }} }}\n"
    )


def chain(*names: str, size: int = 6) -> Net:
    """Return a net of dense layers in a row, with these names."""
    text = f'input: "x" input_shape {{ dim: 4 dim: {size} }}\n'
    for n, name in enumerate(names):
        text += dense(name, f"h{n}" if n else "x", f"h{n + 1}")
    return parse_net(text)


def every_kind() -> Net:
    """Return a net with every way in which blobs lie and are shared."""
    params = 'param { name: "w" } param { name: "b" lr_mult: 2 }'
    return parse_net(f"""
        input: "x" input_shape {{ dim: [2, 4, 7, 7] }}
        layer {{ name: "conv" type: "Convolution" bottom: "x" top: "c"
          convolution_param {{ num_output: 6 group: 2 kernel_size: 3 {XAVIER} }} }}
        layer {{ name: "bn" type: "BatchNorm" bottom: "c" top: "c" }}
        layer {{ name: "scale" type: "Scale" bottom: "c" top: "c" scale_param {{ bias_term: true }} }}
        layer {{ name: "prelu" type: "PReLU" bottom: "c" top: "c" }}
        layer {{ name: "up" type: "Deconvolution" bottom: "c" top: "u"
          convolution_param {{ num_output: 4 group: 2 kernel_size: 3 stride: 2 {XAVIER} }} }}
        layer {{ name: "tanh" type: "TanH" bottom: "u" top: "u" }}
        {dense("turned", "u", "t", settings="num_output: 6 transpose: true")}
        {dense("one", "t", "o", params)}
        layer {{ name: "relu" type: "ReLU" bottom: "o" top: "o" }}
        {dense("two", "o", "out", params)}
    """)


def values(net: Net, seed: int = 0, recipe: str = "caffe") -> dict[str, Array]:
    weights: dict[str, Array] = glorot.apply(glorot.plan(net, recipe), net, seed=seed)
    return weights


def assert_equal_weights(module: torch.nn.Module, expected: dict[str, Array]) -> None:
    found = module.state_dict()
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name].numpy(), array)


@pytest.mark.parametrize("name", SMALL_EXAMPLES)
def test_a_module_starts_from_the_fillers_under_caffes_names(name: str) -> None:
    net = read_net(EXAMPLES / f"{name}.prototxt")
    assert_equal_weights(to_torch(net, seed=3), values(net, seed=3))


def test_a_path_is_a_net() -> None:
    assert_equal_weights(to_torch(EXAMPLES / "lenet.prototxt"), values(read_net(EXAMPLES / "lenet.prototxt")))


@pytest.mark.parametrize("recipe", ["caffe", "xavier", "auto", "he", "lecun", "standard", "zeros", "random(0.1)"])
def test_a_net_and_its_module_have_one_plan(recipe: str) -> None:
    net = every_kind()
    module = to_torch(net)
    plan = glorot.plan(net, recipe)
    assert glorot.plan(module, recipe) == plan
    assert glorot.plan(module, recipe, inputs=torch.randn(3, 4, 7, 7)) == plan
    assert glorot.plan(module, recipe, inputs={"x": np.zeros((3, 4, 7, 7))}) == plan


@pytest.mark.parametrize("name", SMALL_EXAMPLES)
@pytest.mark.parametrize("recipe", ["caffe", "auto"])
def test_an_example_and_its_module_have_one_plan(name: str, recipe: str) -> None:
    net = read_net(EXAMPLES / f"{name}.prototxt")
    assert glorot.plan(to_torch(net), recipe) == glorot.plan(net, recipe)


@pytest.mark.parametrize("recipe", ["caffe", "auto", "he", "orthogonal"])
def test_a_plan_of_the_net_writes_the_same_numbers_into_the_module(recipe: str) -> None:
    net = every_kind()
    module = to_torch(net, seed=1)
    expected = values(net, seed=7, recipe=recipe)
    glorot.apply(glorot.plan(net, recipe), module, seed=7)
    found = module.state_dict()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name].numpy(), array)


def test_layers_that_share_a_blob_hold_one_parameter() -> None:
    parameters = dict(to_torch(every_kind()).named_parameters(remove_duplicate=False))
    assert parameters["two.0"] is parameters["one.0"]
    assert parameters["two.1"] is parameters["one.1"]


def test_sharers_of_another_shape() -> None:
    loose = 'param { name: "w" share_mode: PERMISSIVE }'
    text = 'input: "x" input_shape { dim: [2, 6] } input: "z" input_shape { dim: [2, 3] }'
    text += dense("a", "x", "p", loose, "num_output: 3") + dense("b", "z", "q", loose)
    net = parse_net(text)
    module, weights = to_torch(net), values(net)
    outputs = module(torch.eye(6)[:2], torch.eye(3)[:2])
    np.testing.assert_allclose(outputs["q"].detach(), weights["b.0"].T[:2] + weights["b.1"], rtol=1e-6)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    assert glorot.plan(module, "caffe") == glorot.plan(net, "caffe")


NAMES = [
    ("a.x", "b", "a.y", "a", "a.0"),
    ("forward", "type", "training", "0", "_modules", "state_dict"),
    ("inception_3a/5x5_reduce", "t..z", "net.", "fc 8", "qkv"),
]


@pytest.mark.parametrize("names", NAMES, ids=["dots", "attributes", "odd"])
def test_any_name_of_a_layer_is_a_path(names: tuple[str, ...]) -> None:
    net = chain(*names)
    module, weights = to_torch(net), values(net, seed=5)
    assert [name for name, _ in module.named_parameters()] == list(weights)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    assert_equal_weights(module, weights)
    assert glorot.plan(module, "auto") == glorot.plan(net, "auto")
    x = torch.randn(3, 6)
    expected = x
    for name in names:
        expected = expected @ torch.from_numpy(weights[f"{name}.0"]).T + torch.from_numpy(weights[f"{name}.1"])
    torch.testing.assert_close(module(x), expected)


def test_the_owner_of_a_shared_blob_is_the_same_where_dots_change_the_order() -> None:
    share = 'param { name: "w" }'
    text = 'input: "x" input_shape { dim: [4, 6] }' + dense("a.x", "x", "h")
    net = parse_net(text + dense("b", "h", "i", share) + dense("a.y", "i", "y", share))
    assert glorot.plan(to_torch(net), "caffe") == glorot.plan(net, "caffe")


def test_layers_without_weights_may_share_a_name_or_have_none() -> None:
    text = 'input: "x" input_shape { dim: [4, 6] }' + dense("fc", "x", "h")
    text += (
        'layer { name: "fc" type: "ReLU" bottom: "h" top: "h" }' + 'layer { type: "AbsVal" bottom: "h" top: "h" }' * 2
    )
    module = to_torch(parse_net(text))
    assert list(module.state_dict()) == ["fc.0", "fc.1"]
    assert bool((module(torch.randn(4, 6)) >= 0).all())


def test_a_name_that_pytorch_cannot_tell_from_another() -> None:
    message = "<text>:2:15: layer '.fc' (InnerProduct): a parameter's path cannot begin with a dot; give the layer another name"
    with pytest.raises(GlorotError, match=f"^{re.escape(message)}$"):
        to_torch(chain(".fc"))


def test_copies_and_pickles_compute_the_same() -> None:
    module, x = to_torch(every_kind()).eval(), torch.randn(2, 4, 7, 7)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        torch.testing.assert_close(twin(x), module(x), rtol=0, atol=0)
        twin(x).sum().backward()
    assert all(parameter.grad is None for parameter in module.parameters())


def test_what_stands_in_the_place_of_a_layer_is_called() -> None:
    module = to_torch(chain("a", "b"))
    module._modules["b"] = torch.nn.Linear(6, 2)
    assert module(torch.zeros(3, 6)).shape == (3, 2)


def test_a_probe_sees_the_layers_and_their_activations() -> None:
    module = to_torch(every_kind())
    signal = probe.measure(module, torch.randn(5, 4, 7, 7))
    assert [(layer.layer, layer.activation, layer.units) for layer in signal.layers] == [
        ("conv", "leaky_relu(negative_slope=0.25)", 6),
        ("up", "tanh", 4),
        ("turned", "identity", 6),
        ("one", "relu", 6),
        ("two", "identity", 6),
    ]


TRAINED = """
    input: "data" input_shape { dim: [8, 6] }
    input: "label" input_shape { dim: 8 }
    layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 3 } }
    layer { name: "off" type: "TanH" bottom: "fc" top: "side" }
    layer { name: "acc" type: "Accuracy" bottom: "fc" bottom: "label" top: "acc" }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""


def test_layers_without_what_they_read_are_left_out() -> None:
    module, x, labels = to_torch(parse_net(TRAINED)), torch.randn(5, 6), torch.zeros(5)
    assert module(x).shape == (5, 3)
    for outputs in (module(x, labels), module(label=labels, data=x), module(x, label=labels)):
        assert isinstance(outputs, Outputs)
        assert list(outputs) == ["side", "acc", "loss"]
        assert outputs.logits is outputs["loss"]


def test_a_layer_in_place_leaves_what_autograd_needs() -> None:
    text = 'input: "x" input_shape { dim: [4, 6] }' + dense("fc", "x", "y")
    for kind in ("Sigmoid", "ReLU", "TanH", "Dropout", "Power", "ELU"):
        text += f'layer {{ name: "{kind}" type: "{kind}" bottom: "y" top: "y" }}'
    x = torch.randn(4, 6)
    kept = x.clone()
    to_torch(parse_net(text))(x).sum().backward()
    assert torch.equal(x, kept)


RESHAPES = {
    "dim: 8 dim: -1": (24,),
    "dim: 0 dim: 4 dim: 6": (4, 6),
    "dim: -1 dim: 2 dim: 12": (2, 12),
    "dim: 8 dim: 1 dim: 1 dim: 24": (1, 1, 24),
}


@pytest.mark.parametrize("dims", RESHAPES)
@pytest.mark.parametrize("examples", [8, 3, 16])
def test_a_reshape_follows_the_number_of_examples(dims: str, examples: int) -> None:
    net = parse_net(f"""
        input: "x" input_shape {{ dim: [8, 6, 4] }}
        layer {{ name: "r" type: "Reshape" bottom: "x" top: "y" reshape_param {{ shape {{ {dims} }} }} }}
    """)
    x = torch.randn(examples, 6, 4)
    found = to_torch(net)(x)
    assert torch.equal(found, x.reshape(examples, *RESHAPES[dims]))
    assert found.shape == (examples, *RESHAPES[dims])


def test_a_reshape_that_another_number_of_examples_does_not_fit() -> None:
    net = parse_net("""
        input: "x" input_shape { dim: [8, 6] }
        layer { name: "r" type: "Reshape" bottom: "x" top: "y" reshape_param { shape { dim: 4 dim: 12 } } }
    """)
    message = (
        "<text>:3:9: layer 'r' (Reshape): expected blob 'x' to have the 48 elements of the shape 4×12, got shape 6×6"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(message)}$"):
        to_torch(net)(torch.zeros(6, 6))


def test_weights_of_a_file(tmp_path: Path) -> None:
    net = every_kind()
    weights = {name: array + 1 for name, array in values(net).items()}
    file = save(tmp_path / "net.caffemodel", net, weights)
    assert_equal_weights(to_torch(net, weights=file), weights)


def test_trained_weights_are_tuned_in_a_net_with_another_end(tmp_path: Path) -> None:
    trained, tuned = chain("fc", "old_end"), chain("fc", "new_end")
    before = {name: array + 1 for name, array in values(trained).items()}
    module = to_torch(tuned, seed=5, weights=save(tmp_path / "trained.caffemodel", trained, before))
    fillers = glorot.apply(glorot.plan(tuned, "caffe"), tuned, seed=5)
    expected = {name: before.get(name, fillers[name]) for name in fillers}
    assert set(before) - set(expected) == {"old_end.0", "old_end.1"}
    assert_equal_weights(module, expected)


def test_weights_are_copied() -> None:
    net = chain("fc")
    weights = values(net)
    module: CaffeModule = to_torch(net, weights=weights)
    weights["fc.1"][:] = 7
    assert not bool((module.state_dict()["fc.1"] == 7).any())


def test_averages_and_sharers_may_be_left_out_and_biases_have_four_axes() -> None:
    net = every_kind()
    weights = values(net)
    some = {name: array for name, array in weights.items() if not name.startswith(("bn.", "two."))}
    some["one.1"] = some["one.1"].reshape(1, 1, 1, 6)
    assert_equal_weights(to_torch(net, weights=some), weights)
