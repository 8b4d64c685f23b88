"""What an inventory refuses and the ways out; derived layers, dtypes, memory and devices."""

import numpy as np
import pytest
import torch
from torch import nn
from zoo import LAYERS, small_net

import glorot
from glorot import probe, stream
from glorot.adapters import take_inventory as inventory
from glorot.distributions import Normal
from glorot.errors import GlorotError
from glorot.fans import Fans

# what is refused, and the ways out


class Owner(nn.Module):
    """A model with parameters that no layer type explains."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2, 3))
        self.table = nn.ParameterDict({"left": nn.Parameter(torch.ones(4))})
        self.rows = nn.ParameterList([torch.ones(5), torch.ones(6)])
        self.head = nn.Linear(3, 2)


def test_parameters_of_nobody_are_listed_with_the_ways_out() -> None:
    with pytest.raises(GlorotError) as caught:
        glorot.plan(Owner())
    assert str(caught.value).splitlines() == [
        "no layer that glorot knows owns these parameters:",
        "  scale  2×3  in Owner",
        "  table.left  4  in ParameterDict",
        "  rows.0  5  in ParameterList",
        "  rows.1  6  in ParameterList",
        "say what they get with a rule, rules=[('scale', 'normal(std=0.02)')], leave them alone with "
        "rules=[('scale', 'skip')], or tell their axes (b copies, o outputs, i inputs, k kernel) with "
        "axes={'scale': 'oi'}",
    ]


def test_rules_are_a_way_out() -> None:
    model = Owner()
    rules = [("scale", "normal(std=0.5)"), ("table.*", "constant(3)"), ("rows.*", "skip")]
    glorot.initialize(model, seed=0, rules=rules)
    drawn = stream.draw(stream.key_of(0, "scale"), Normal(std=0.5), (2, 3))
    np.testing.assert_array_equal(model.scale.detach().numpy(), drawn)
    assert model.table["left"].tolist() == [3.0] * 4
    assert model.rows[1].tolist() == [1.0] * 6


def test_a_rule_that_needs_fans_is_refused_where_none_are_known() -> None:
    rules = [("*", "skip"), ("scale", "xavier_uniform")]
    with pytest.raises(GlorotError, match=r"scale: .*'xavier_uniform' needs fans.*shape \(2, 3\)"):
        glorot.plan(Owner(), rules=rules)


@pytest.mark.parametrize("inputs", [None, torch.ones(2, 3)])
def test_lazy_layers_are_asked_to_run_first(inputs: torch.Tensor | None) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LazyLinear(2))
    with pytest.raises(GlorotError, match=r"^1\.weight has no shape yet; run the model on one batch, then plan it$"):
        inventory(model, inputs)
    model(torch.ones(1, 3))
    assert inventory(model).parts[2].fans == Fans(4, 2)


def test_a_class_or_a_function_is_no_model() -> None:
    with pytest.raises(GlorotError, match="call it first, or pass an instance"):
        glorot.plan(nn.Linear)
    with pytest.raises(GlorotError, match=r"which framework a builtins\.int belongs to"):
        glorot.plan(3)


# derived classes


class MyLinear(nn.Linear):
    """A layer derived without anything of its own."""


class MyCell(nn.LSTMCell):
    """A cell derived without anything of its own."""


class MyEmbedding(nn.Embedding):
    """An embedding derived without anything of its own."""


class MyLinearWithMore(nn.Linear):
    """A layer derived with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__(3, 4)
        self.gate = nn.Parameter(torch.zeros(4))


@pytest.mark.parametrize(
    ("derived", "base"),
    [
        (MyLinear(3, 4), nn.Linear(3, 4)),
        (MyCell(3, 4), nn.LSTMCell(3, 4)),
        (MyEmbedding(3, 4), nn.Embedding(3, 4)),
        (MyEmbedding(3, 4, padding_idx=1), nn.Embedding(3, 4, padding_idx=1)),
    ],
)
def test_derived_layers_are_as_their_bases(derived: nn.Module, base: nn.Module) -> None:
    assert inventory(derived) == inventory(base)
    assert glorot.plan(derived, "pytorch") == glorot.plan(base, "pytorch")


def test_what_a_derived_layer_adds_is_unknown() -> None:
    roles = {part.name: (part.role, part.layer) for part in inventory(MyLinearWithMore()).parts}
    assert roles == {
        "weight": ("kernel", "Linear"),
        "bias": ("bias", "Linear"),
        "gate": ("unknown", "MyLinearWithMore"),
    }


# dtypes, memory and devices


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_values_are_rounded_once_to_the_dtype(dtype: torch.dtype) -> None:
    single = glorot.initialize(small_net(), seed=1)
    other = glorot.initialize(small_net().to(dtype), seed=1)
    assert {p.dtype for p in inventory(other).parameters} == {str(dtype).removeprefix("torch.")}
    for one, two in zip(single.parameters(), other.parameters(), strict=True):
        assert torch.equal(one.to(dtype), two)


def strided(parameter: nn.Parameter) -> nn.Parameter:
    """Return a parameter of the same shape, every second element of a larger memory, axes the other way."""
    memory = torch.zeros([2 * n for n in reversed(parameter.shape)])
    return nn.Parameter(
        memory[tuple(slice(None, None, 2) for _ in parameter.shape)].permute(*range(memory.dim())[::-1])
    )


@pytest.mark.parametrize("kind", ["Linear", "Conv2d in groups", "ConvTranspose2d in groups", "LSTM", "Embedding"])
def test_memory_layout_plays_no_role(kind: str) -> None:
    plain, other = LAYERS[kind](), LAYERS[kind]()
    for name, parameter in list(other.named_parameters()):
        setattr(other, name, strided(parameter))
        nn.init.normal_(other.get_parameter(name), std=0.01)
    assert not any(parameter.is_contiguous() for parameter in other.parameters())
    glorot.initialize(plain, "random(1.0)", seed=2)
    glorot.initialize(other, "random(1.0)", seed=2)
    for one, two in zip(plain.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_channels_last_holds_the_same_weights() -> None:
    plain, other = LAYERS["Conv2d in groups"](), LAYERS["Conv2d in groups"]().to(memory_format=torch.channels_last)
    assert torch.equal(
        glorot.initialize(plain, seed=0).weight.contiguous(), glorot.initialize(other, seed=0).weight.contiguous()
    )


def test_a_model_without_memory_is_planned_and_written_later() -> None:
    with torch.device("meta"):
        model = small_net()
    plan = glorot.plan(model, "xavier", inputs=torch.ones(2, 3))
    assert plan == glorot.plan(small_net(), "xavier", inputs=torch.ones(2, 3))
    message = r"^0\.weight is on the meta device and has no memory; glorot\.apply\(.*, device=…\) gives it some$"
    with pytest.raises(GlorotError, match=message):
        glorot.apply(plan, model, seed=0)
    written = glorot.apply(plan, model.to_empty(device="cpu"), seed=0)
    for one, two in zip(written.parameters(), glorot.apply(plan, small_net(), seed=0).parameters(), strict=True):
        assert torch.equal(one, two)


def test_names_are_paths() -> None:
    model = nn.ModuleDict({"a": nn.ModuleList([nn.Sequential(nn.Linear(2, 2))]), "b": nn.LSTM(2, 2)})
    names = [part.name for part in inventory(model).parts]
    assert names[:3] == ["a.0.0.weight", "a.0.0.bias", "b.weight_ih_l0[i]"]
    assert [part.path for part in inventory(model).parts][2] == "b.weight_ih_l0"
    assert [part.name for part in inventory(nn.Linear(2, 2)).parts] == ["weight", "bias"]


# wrappers for several devices


@pytest.mark.parametrize("compiled", ["no", "outside", "inside"])
def test_a_data_parallel_model_has_the_names_and_weights_of_the_bare_one(compiled: str) -> None:
    one, other = small_net(), small_net()
    wrapped: nn.Module = nn.DataParallel(torch.compile(other, backend="eager") if compiled == "inside" else other)
    wrapped = torch.compile(wrapped, backend="eager") if compiled == "outside" else wrapped
    batch = torch.ones(2, 3)
    assert inventory(wrapped, batch) == inventory(one, batch)
    assert glorot.initialize(wrapped, seed=3, inputs=batch) is wrapped
    glorot.initialize(one, seed=3, inputs=batch)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert probe.measure(wrapped, batch).layers == probe.measure(one, batch).layers


def test_a_module_that_is_only_called_module_keeps_its_name() -> None:
    model = nn.Module()
    model.module = nn.Linear(3, 4)
    assert [part.name for part in inventory(model).parts] == ["module.weight", "module.bias"]
