"""Checks of the family 1xx: what was written, and what was not."""

import copy
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import glorot


def mlp(*sizes: int) -> nn.Sequential:
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    return nn.Sequential(*[step for layer in layers for step in (layer, nn.ReLU())][:-1])


def with_buffer(name: str, values: Tensor) -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4))
    model.register_buffer(name, values, persistent=False)
    return model


# ---- GL102 and GL103 -------------------------------------------------------------------------------------------------


def addresses(count: int) -> Tensor:
    """Return 64-bit addresses, as they lie in memory that is used again, read as float32."""
    words = torch.arange(count // 2) * 64 + 0x7F12_3456_7000
    return words.view(torch.float32)


RUBBISH: dict[str, Callable[[], Tensor]] = {
    "large": lambda: torch.full((64,), 3e29),
    "one large number": lambda: torch.cat([torch.randn(63), torch.tensor([-7e30])]),
    "a pattern of memory": lambda: torch.full((64,), -559038737, dtype=torch.int32).view(torch.float32),
    "addresses": lambda: addresses(64),
}


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_in_a_parameter_or_a_buffer_is_an_error(rubbish: Callable[[], Tensor]) -> None:
    model = with_buffer("table", rubbish())
    model[0].weight = nn.Parameter(rubbish()[-16:].reshape(4, 4))
    found = glorot.check(model, select="GL102").findings
    assert {path for one in found for path in one.paths} == {"0.weight", "table"}
    assert "error" in {one.severity for one in found if "table" in one.paths}


SENTINELS: dict[str, Tensor] = {
    "a mask of −∞": torch.full((8, 8), -math.inf).triu(1),
    "a mask of the lowest number": torch.full((8, 8), torch.finfo(torch.float32).min).triu(1),
    "a mask in bfloat16": torch.full((8, 8), torch.finfo(torch.bfloat16).min, dtype=torch.bfloat16).triu(1),
    "a mask of −10³⁰": torch.full((8, 8), -1e30).triu(1),
    "a decay that underflows": 0.5 ** torch.arange(160.0),
    "a bell curve": torch.exp(-(torch.linspace(-15, 15, 99) ** 2)),
    "large frequencies": 2.0 ** torch.arange(20),
    "ids": torch.arange(10).expand(1, -1),
    "no index": torch.tensor([3, torch.iinfo(torch.int64).max]),
}


@pytest.mark.parametrize("values", SENTINELS.values(), ids=SENTINELS.keys())
def test_masks_and_computed_tables_are_let_pass(values: Tensor) -> None:
    assert glorot.check(with_buffer("table", values)).findings == ()


def test_integers_that_are_addresses_are_found() -> None:
    found = glorot.check(with_buffer("index", torch.arange(8) + 0x7F12_3456_7000), select="GL102").findings
    assert found[0].why == "holds integers past 2⁴⁰, as memory does that nothing wrote"


def test_a_channel_that_died_in_training_is_a_warning_at_most() -> None:
    norm = nn.BatchNorm1d(8)
    norm.weight.data[3] = 1e-40
    assert [one.severity for one in glorot.check(norm, select="GL102").findings] == ["warning"]


def test_raw_memory_in_jax_is_found() -> None:
    params = {"dense": {"kernel": jnp.full((4, 3), 3e29), "bias": jnp.zeros(3)}}
    assert glorot.check(params, select="GL102").findings[0].paths == ("dense.kernel",)
    assert glorot.check(jax.tree.map(jnp.zeros_like, params), select="GL102").findings == ()


def test_the_largest_weight_can_be_set_by_role() -> None:
    model = mlp(4, 4, 2)
    model[0].weight.data[1, 1] = 2e7
    model[2].bias.data[0] = 2e7
    found = glorot.check(model, select="GL103").findings
    assert [(one.severity, one.paths) for one in found] == [("error", ("0.weight",)), ("warning", ("2.bias",))]
    assert glorot.check(mlp(4, 4, 2), select="GL103").findings == ()


# ---- GL104 -----------------------------------------------------------------------------------------------------------


def rotary(length: int = 32, width: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    inverse = 10000 ** (-torch.arange(width) / width)
    angles = torch.outer(torch.arange(float(length)), inverse)
    return inverse, angles.cos(), angles.sin()


def test_tables_of_rotary_embeddings_are_known_by_what_they_hold() -> None:
    inverse, cos, sin = rotary()
    whole = with_buffer("inv_freq", inverse)
    whole.register_buffer("cos_cached", cos * 1.2)  # as scaled attention does
    whole.register_buffer("sin_cached", sin * 1.2)
    assert glorot.check(whole).findings == ()
    whole.cos_cached.normal_()
    assert [one.path for one in glorot.check(whole, select="GL104").findings] == ["cos_cached, sin_cached"]
    whole.inv_freq.normal_()
    assert "inv_freq" in {one.path for one in glorot.check(whole, select="GL104").findings}


WRONG_TABLES = {
    "position_ids": (torch.zeros(1, 16, dtype=torch.int64), torch.arange(16)[None]),
    "inv_freq": (torch.rand(64, generator=torch.Generator().manual_seed(0)), rotary()[0]),
    "sin": (torch.zeros(16, 8), rotary()[2]),
    "pos_embed": (torch.zeros(1, 16, 8), torch.cat(rotary(16, 4)[1:], 1)[None]),
}


@pytest.mark.parametrize("name", WRONG_TABLES)
def test_a_table_that_is_not_what_its_name_says_is_found(name: str) -> None:
    wrong, right = WRONG_TABLES[name]
    assert [one.path for one in glorot.check(with_buffer(name, wrong), select="GL104").findings] == [name]
    assert glorot.check(with_buffer(name, right)).findings == ()


# ---- GL105 and GL112 -------------------------------------------------------------------------------------------------


def test_rows_that_nobody_drew_are_found_and_padding_is_not() -> None:
    model = nn.Sequential(nn.Embedding(40, 16, padding_idx=0), nn.Linear(16, 8))
    assert glorot.check(model, select="GL105").findings == ()
    model[0].weight.data[32:] = 0
    found = glorot.check(model, select="GL105").findings
    assert [one.path for one in found] == ["0.weight[after]"]
    assert found[0].figure == pytest.approx(8 / 39)
    model[0] = nn.Embedding(40, 16)
    model[0].weight.data[1] = 0  # padding that the class does not say
    assert glorot.check(model, select="GL105").findings == ()


@pytest.mark.parametrize("start", [nn.init.zeros_, nn.init.eye_, lambda weight: weight.data.fill_(0.1)])
def test_a_weight_that_is_set_is_not_partly_written(start: Callable[[Tensor], Any]) -> None:
    layer = nn.Linear(16, 24)
    start(layer.weight)
    assert glorot.check(layer, select="GL105").findings == ()


def test_a_variance_is_never_negative_or_zero_everywhere() -> None:
    norm = nn.BatchNorm2d(8)
    assert glorot.check(norm, select="GL112").findings == ()
    norm.running_var[2] = 0  # a dead channel
    assert glorot.check(norm, select="GL112").findings == ()
    norm.running_var[2] = -1
    assert glorot.check(norm, select="GL112").findings[0].why == "is a variance below zero"


# ---- GL106 -----------------------------------------------------------------------------------------------------------


def test_keys_are_missing_unknown_or_of_another_shape() -> None:
    model = mlp(4, 8, 2)
    saved = model.state_dict()
    assert glorot.check(model, reference=saved).findings == ()
    saved["head.weight"] = saved.pop("2.weight")
    saved["0.bias"] = torch.zeros(9)
    told = {one.path: one.why for one in glorot.check(model, reference=saved, select="GL106").findings}
    assert told == {
        "2.weight": "is missing from the reference, so it starts as it is",
        "head.weight": "is in the reference alone, so nothing reads it",
        "0.bias": "has shape (8,), and (9,) in the reference",
    }


@pytest.mark.parametrize("prefix", ["module.", "model."])
def test_a_prefix_before_all_keys_is_one_finding(prefix: str) -> None:
    model = mlp(4, 8, 2)
    saved = {f"{prefix}{path}": tensor for path, tensor in model.state_dict().items()}
    (found,) = glorot.check(model, reference=saved, select="GL106").findings
    assert found.why == f"is under the prefix {prefix!r} in the reference"
    inside = nn.ModuleDict({prefix[:-1]: model})
    (found,) = glorot.check(inside, reference=model.state_dict(), select="GL106").findings
    assert found.why == f"is without the prefix {prefix!r} in the reference"


def test_tied_normed_and_gathered_tensors_are_not_missing() -> None:
    model = nn.Sequential(nn.Embedding(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 16, bias=False))
    model[2].weight = model[0].weight
    model.append(nn.utils.parametrizations.weight_norm(nn.Linear(16, 4)))
    saved = model.state_dict()
    del saved["0.weight"]
    assert glorot.check(model, reference=saved, select="GL106").findings == ()


# ---- GL107 to GL109 and GL111 ----------------------------------------------------------------------------------------


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.forgotten, self.kept = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


def test_a_layer_that_is_never_called_is_named() -> None:
    (found,) = glorot.check(Unused(), torch.randn(4, 8), select="GL107").findings
    assert (found.paths, found.severity, found.where) == (("forgotten.weight", "forgotten.bias"), "warning", "Linear")
    assert glorot.check(mlp(8, 8, 2), torch.randn(4, 8), select="GL107").findings == ()


def test_parameters_of_no_optimizer_and_of_two_are_named() -> None:
    model = mlp(4, 8, 8, 2)
    some = torch.optim.SGD([*model[0].parameters(), *model[2].parameters()], lr=0.1)
    (found,) = glorot.check(model, optimizer=some, select="GL108,GL109").findings
    assert (found.code, found.paths) == ("GL108", ("4.weight", "4.bias"))
    more = torch.optim.AdamW([*model[2].parameters(), *model[4].parameters()])
    (found,) = glorot.check(model, optimizer=[some, more], select="GL108,GL109").findings
    assert (found.code, found.paths) == ("GL109", ("2.weight", "2.bias"))


def test_frozen_tied_and_computed_weights_are_in_the_groups_that_hold_them() -> None:
    model = nn.Sequential(nn.Embedding(16, 8), nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)), nn.Linear(8, 16))
    model[2].weight = model[0].weight
    model.append(nn.Linear(16, 4).requires_grad_(False))
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=0.1)
    assert glorot.check(model, optimizer=optimizer, select="GL108,GL109,GL111").findings == ()


def test_one_frozen_weight_is_lost_and_many_are_a_plan() -> None:
    model = mlp(4, 4, 4, 4, 4, 4)
    model[4].weight.requires_grad_(False)
    assert [one.paths for one in glorot.check(model, select="GL111").findings] == [("4.weight",)]
    for layer in model[::2]:
        layer.weight.requires_grad_(False)  # biases alone are trained
    assert glorot.check(model, select="GL111").findings == ()
    model = mlp(4, 4, 4, 4, 4, 4)
    model[0].requires_grad_(False)  # a whole layer
    assert glorot.check(model, select="GL111").findings == ()


def test_a_frozen_parameter_in_a_group_is_a_note() -> None:
    model = mlp(4, 4, 2)
    model[0].requires_grad_(False)
    (found,) = glorot.check(model, optimizer=torch.optim.SGD(model.parameters()), select="GL111").findings
    assert (found.severity, found.paths) == ("note", ("0.weight", "0.bias"))


# ---- GL110 -----------------------------------------------------------------------------------------------------------


def test_tied_weights_that_came_apart_are_named() -> None:
    model = nn.Sequential(nn.Embedding(32, 8), nn.Linear(8, 32, bias=False))
    assert glorot.check(model, select="GL110").findings == ()
    model[1].weight = model[0].weight
    saved = model.state_dict()
    assert glorot.check(model, select="GL110").findings == ()
    model[1].weight = nn.Parameter(model[0].weight.detach().clone())
    (found,) = glorot.check(model, select="GL110").findings
    assert found.paths == ("0.weight", "1.weight")
    nn.init.normal_(model[1].weight)
    assert glorot.check(model, select="GL110").findings == ()
    (found,) = glorot.check(model, reference=saved, select="GL110").findings
    assert found.why == "are one tensor in the reference, and two that differ here"


def test_nothing_is_written_by_a_check() -> None:
    model = mlp(4, 8, 2)
    before = copy.deepcopy(model.state_dict())
    glorot.check(
        model, torch.randn(4, 4), reference=before, optimizer=torch.optim.SGD(model.parameters()), select="GL1"
    )
    assert all(np.array_equal(before[path], tensor) for path, tensor in model.state_dict().items())
