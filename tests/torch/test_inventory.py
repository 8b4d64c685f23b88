"""What the PyTorch adapter finds in a model: parts, axes, roles, fans, views, ties and names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from zoo import LAYERS, poisoned, small_net, started, write_numbers

import glorot
from glorot import stream
from glorot.adapters import take_inventory as inventory
from glorot.distributions import Normal
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.inventory import ROLES

Array = NDArray[Any]
ONE = Fans(1, 1)


@pytest.mark.parametrize("kind", LAYERS)
def test_parts_cover_every_element_once(kind: str) -> None:
    module = LAYERS[kind]()
    written = torch.cat([parameter.flatten() for parameter in write_numbers(module)])
    parts = inventory(module).parts
    values, counts = written.unique(return_counts=True)
    assert values.tolist() == list(range(1, len(parts) + 1))  # NaN, what was not written, would be here too
    assert counts.tolist() == [int(np.prod(part.shape)) for part in parts]


@pytest.mark.parametrize("kind", LAYERS)
def test_every_part_is_labelled(kind: str) -> None:
    module = LAYERS[kind]()
    found = inventory(module)
    assert [p.path for p in found.parameters] == list(started(module))
    assert [p.shape for p in found.parameters] == [tuple(tensor.shape) for tensor in started(module).values()]
    for part in found.parts:
        assert len(part.axes) == len(part.shape)
        assert part.role in ROLES
        assert part.role != "unknown"
        assert part.fans is not None


# (name, axes, shape, role, fans) of every part, by hand
K, B, R, S = "kernel", "bias", "recurrent", "scale"
EXPECTED: dict[str, list[tuple[str, str, tuple[int, ...], str, Fans]]] = {
    "Linear": [("weight", "oi", (4, 3), K, Fans(3, 4)), ("bias", "o", (4,), B, Fans(3, 4))],
    "Bilinear": [("weight", "oii", (4, 2, 3), K, Fans(6, 4)), ("bias", "o", (4,), B, Fans(6, 4))],
    "Conv1d": [("weight", "oik", (4, 2, 3), K, Fans(6, 6)), ("bias", "o", (4,), B, Fans(6, 6))],
    "Conv2d in groups": [
        ("weight", "boikk", (2, 3, 2, 3, 2), K, Fans(12, 18)),
        ("bias", "o", (6,), B, Fans(12, 18)),
    ],
    "Conv1d depthwise": [("weight", "boik", (3, 2, 1, 5), K, Fans(5, 10)), ("bias", "o", (6,), B, Fans(5, 10))],
    "ConvTranspose1d": [("weight", "oik", (4, 2, 3), K, Fans(3, 12)), ("bias", "o", (4,), B, Fans(3, 12))],
    "ConvTranspose2d in groups": [
        ("weight", "boikk", (2, 3, 2, 3, 2), K, Fans(12, 18)),
        ("bias", "o", (6,), B, Fans(12, 18)),
    ],
    "Embedding": [("weight", "bo", (5, 3), "embedding", Fans(1, 3))],
    "Embedding padded at 2": [
        ("weight[padding]", "bo", (1, 3), "padding", Fans(1, 3)),
        ("weight[before]", "bo", (2, 3), "embedding", Fans(1, 3)),
        ("weight[after]", "bo", (2, 3), "embedding", Fans(1, 3)),
    ],
    "Embedding padded at the end": [
        ("weight[padding]", "bo", (1, 3), "padding", Fans(1, 3)),
        ("weight[before]", "bo", (4, 3), "embedding", Fans(1, 3)),
    ],
    "LSTM without bias": [
        *((f"weight_ih_l0[{gate}]", "oi", (4, 3), K, Fans(3, 4)) for gate in "ifgo"),
        *((f"weight_hh_l0[{gate}]", "oi", (4, 4), R, Fans(4, 4)) for gate in "ifgo"),
    ],
    "GRUCell": [
        *((f"weight_ih[{gate}]", "oi", (4, 3), K, Fans(3, 4)) for gate in "rzn"),
        *((f"weight_hh[{gate}]", "oi", (4, 4), R, Fans(4, 4)) for gate in "rzn"),
        *((f"bias_ih[{gate}]", "o", (4,), B, Fans(3, 4)) for gate in "rzn"),
        *((f"bias_hh[{gate}]", "o", (4,), B, Fans(4, 4)) for gate in "rzn"),
    ],
    "RNNCell": [
        ("weight_ih", "oi", (4, 3), K, Fans(3, 4)),
        ("weight_hh", "oi", (4, 4), R, Fans(4, 4)),
        ("bias_ih", "o", (4,), B, Fans(3, 4)),
        ("bias_hh", "o", (4,), B, Fans(4, 4)),
    ],
    "MultiheadAttention with extra tokens": [
        *((f"in_proj_weight[{piece}]", "oi", (4, 4), K, Fans(4, 4)) for piece in "qkv"),
        *((f"in_proj_bias[{piece}]", "o", (4,), B, Fans(4, 4)) for piece in "qkv"),
        ("bias_k", "bbo", (1, 1, 4), B, Fans(4, 4)),
        ("bias_v", "bbo", (1, 1, 4), B, Fans(4, 4)),
        ("out_proj.weight", "oi", (4, 4), K, Fans(4, 4)),
        ("out_proj.bias", "o", (4,), B, Fans(4, 4)),
    ],
    "MultiheadAttention of other widths": [
        ("q_proj_weight", "oi", (4, 4), K, Fans(4, 4)),
        ("k_proj_weight", "oi", (4, 3), K, Fans(3, 4)),
        ("v_proj_weight", "oi", (4, 5), K, Fans(5, 4)),
        *((f"in_proj_bias[{piece}]", "o", (4,), B, Fans(4, 4)) for piece in "qkv"),
        ("out_proj.weight", "oi", (4, 4), K, Fans(4, 4)),
        ("out_proj.bias", "o", (4,), B, Fans(4, 4)),
    ],
    "LayerNorm": [("weight", "oo", (2, 3), S, ONE), ("bias", "oo", (2, 3), "shift", ONE)],
    "BatchNorm2d": [
        ("weight", "o", (3,), S, ONE),
        ("bias", "o", (3,), "shift", ONE),
        ("running_mean", "o", (3,), "running_mean", ONE),
        ("running_var", "o", (3,), "running_variance", ONE),
    ],
    "RMSNorm": [("weight", "o", (3,), S, ONE)],
    "PReLU": [("weight", "o", (1,), "slope", ONE)],
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_parts_by_hand(kind: str) -> None:
    parts = inventory(LAYERS[kind]()).parts
    by_name = {part.name: (part.name, part.axes, part.shape, part.role, part.fans) for part in parts}
    assert by_name == {row[0]: row for row in EXPECTED[kind]}
    assert len(parts) == len(by_name)


def test_a_deep_projected_lstm_both_ways() -> None:
    found = inventory(LAYERS["LSTM both ways, projected"]())
    shapes = {parameter.path: parameter.shape for parameter in found.parameters if "weight" in parameter.path}
    one_way = {"ih_l0": (16, 3), "hh_l0": (16, 2), "hr_l0": (2, 4), "ih_l1": (16, 4), "hh_l1": (16, 2), "hr_l1": (2, 4)}
    ways = ("", "_reverse")
    assert shapes == {f"weight_{name}{way}": shape for name, shape in one_way.items() for way in ways}
    fans = {part.name: part.fans for part in found.parts}
    assert fans["weight_ih_l1_reverse[g]"] == Fans(4, 4)  # both directions, projected to 2 each
    assert fans["weight_hh_l1[o]"] == Fans(2, 4)
    assert fans["weight_hr_l1_reverse"] == Fans(4, 2)
    fed = {part.name: part.fed_by for part in found.parts}
    assert fed["weight_ih_l0[i]"] == "identity"
    assert fed["weight_hh_l0[i]"] == "identity"  # the state is projected before it comes back
    assert fed["weight_hr_l0"] == "sigmoid × tanh"


# where the parts lie


def swapped(part: Array) -> Array:
    return part.swapaxes(0, 1)


LAYOUTS: dict[str, tuple[str, Callable[[dict[str, Array]], Array]]] = {
    "Linear": ("weight", lambda p: p[""]),
    "Bilinear": ("weight", lambda p: p[""]),
    "Conv2d": ("weight", lambda p: p[""]),
    "Conv2d in groups": ("weight", lambda p: np.concatenate(list(p[""]))),
    "Conv1d depthwise": ("weight", lambda p: np.concatenate(list(p[""]))),
    "ConvTranspose1d": ("weight", lambda p: swapped(p[""])),
    "ConvTranspose2d": ("weight", lambda p: swapped(p[""])),
    "ConvTranspose3d": ("weight", lambda p: swapped(p[""])),
    "ConvTranspose2d in groups": ("weight", lambda p: np.concatenate([swapped(group) for group in p[""]])),
    "Embedding padded at 0": ("weight", lambda p: np.concatenate([p["[padding]"], p["[after]"]])),
    "Embedding padded at 2": ("weight", lambda p: np.concatenate([p["[before]"], p["[padding]"], p["[after]"]])),
    "LSTM": ("weight_hh_l0", lambda p: np.concatenate([p[f"[{gate}]"] for gate in "ifgo"])),
    "GRU": ("bias_ih_l0_reverse", lambda p: np.concatenate([p[f"[{gate}]"] for gate in "rzn"])),
    "MultiheadAttention": ("in_proj_weight", lambda p: np.concatenate([p["[q]"], p["[k]"], p["[v]"]])),
    "MultiheadAttention with extra tokens": ("bias_v", lambda p: p[""]),
    "LayerNorm": ("weight", lambda p: p[""]),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_stored_tensors_are_views_of_the_parts(kind: str) -> None:
    path, layout = LAYOUTS[kind]
    module = poisoned(LAYERS[kind]())
    glorot.initialize(module, "zeros", seed=5, rules=[("*", "normal(1.0)")])
    pieces = {
        part.name.removeprefix(path): stream.draw(stream.key_of(5, part.name), Normal(), part.shape)
        for part in inventory(module).parts
        if part.path == path
    }
    np.testing.assert_array_equal(module.get_parameter(path).detach().numpy(), layout(pieces))


# ties, shared modules, wrappers


class Tied(nn.Module):
    def __init__(self, share: Callable[[nn.Embedding, nn.Linear], None]) -> None:
        super().__init__()
        self.tokens = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 7, bias=False)
        share(self.tokens, self.head)


def tie_object(tokens: nn.Embedding, head: nn.Linear) -> None:
    head.weight = tokens.weight


def tie_memory(tokens: nn.Embedding, head: nn.Linear) -> None:
    head.weight.data = tokens.weight.data


@pytest.mark.parametrize("share", [tie_object, tie_memory])
def test_tied_parameters_are_planned_once(share: Callable[[nn.Embedding, nn.Linear], None]) -> None:
    model = Tied(share)
    found = inventory(model)
    assert [(p.path, p.tied_to, len(p.parts)) for p in found.parameters] == [
        ("tokens.weight", None, 1),
        ("head.weight", "tokens.weight", 0),
    ]
    plan = glorot.plan(model, "xavier")
    assert [entry.name for entry in plan.entries] == ["tokens.weight"]
    assert plan["tokens.weight"].why == "rows of length 1; shared with head.weight"
    glorot.apply(plan, model, seed=0)
    expected = stream.draw(stream.key_of(0, "tokens.weight"), Normal(std=0.5), (7, 4))
    np.testing.assert_array_equal(model.head.weight.detach().numpy(), expected)


def test_a_rule_for_a_tied_parameter_names_its_owner() -> None:
    with pytest.raises(
        GlorotError, match=r"'head\.weight' matches no .*; head\.weight is tied: write 'tokens\.weight'"
    ):
        glorot.plan(Tied(tie_object), rules=[("head.weight", "zeros")])


def test_untied_parameters_of_equal_values_stay_apart() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].load_state_dict(model[0].state_dict())
    assert [p.tied_to for p in inventory(model).parameters] == [None] * 4


def test_a_module_in_two_places_is_planned_at_the_first() -> None:
    layer = nn.Linear(3, 3)
    found = inventory(nn.Sequential(layer, nn.Tanh(), layer), torch.ones(2, 3))
    assert [(p.path, p.tied_to) for p in found.parameters] == [
        ("0.weight", None),
        ("0.bias", None),
        ("2.weight", "0.weight"),
        ("2.bias", "0.bias"),
    ]
    assert [(part.name, part.depth, part.fed_by) for part in found.parts] == [
        ("0.weight", 1, "identity"),
        ("0.bias", 1, "identity"),
    ]


def wrap_block(model: nn.Sequential) -> nn.Module:
    model[2] = checkpoint_wrapper(model[2])
    return model


WRAPPERS: dict[str, Callable[[nn.Sequential], nn.Module]] = {
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "compiled block": lambda model: nn.Sequential(*model[:2], torch.compile(model[2], backend="eager"), model[3]),
    "checkpointed": checkpoint_wrapper,
    "checkpointed block": wrap_block,
    "both": lambda model: torch.compile(checkpoint_wrapper(model), backend="eager"),
}


@pytest.mark.parametrize("inputs", [None, torch.ones(2, 3)], ids=["unseen", "run"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers_leave_no_trace(wrapper: str, inputs: torch.Tensor | None) -> None:
    plain, wrapped = small_net(), WRAPPERS[wrapper](small_net())
    assert inventory(wrapped, inputs) == inventory(plain, inputs)
    for model in (plain, wrapped):
        glorot.initialize(model, seed=3, inputs=inputs)
    for one, other in zip(plain.parameters(), wrapped.parameters(), strict=True):
        assert torch.equal(one, other)
