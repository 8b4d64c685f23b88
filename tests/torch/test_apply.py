"""Plan and apply on PyTorch models: the same weights everywhere, every element once, nothing else touched."""

import collections
import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from zoo import LAYERS, assert_same, net, poisoned, started, weights

import glorot
from effort import slow_after
from glorot import stream
from glorot.distributions import Uniform
from glorot.errors import GlorotError

# the same weights


def test_weights_are_a_function_of_seed_and_path() -> None:
    torch.manual_seed(0)
    first = weights(glorot.initialize(net(), seed=7))
    torch.manual_seed(99)
    layers = {"4": nn.Linear(4, 2), "2": nn.Linear(5, 4), "0": nn.Linear(3, 5)}  # made in another order
    second = nn.Sequential(layers["0"], nn.ReLU(), layers["2"], nn.Tanh(), layers["4"])
    assert_same(first, weights(glorot.initialize(second, seed=7)))
    assert_same(first, weights(glorot.initialize(second, seed=7)))  # whatever was there before
    other = weights(glorot.initialize(second, seed=8))
    assert all(not torch.equal(first[name], other[name]) for name in first if "weight" in name)


def test_the_global_random_numbers_are_not_touched() -> None:
    model = net()
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    glorot.initialize(model, seed=0, inputs=torch.ones(2, 3))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == states[1:]  # noqa: NPY002


def test_adding_a_layer_changes_no_other() -> None:
    class Grown(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(*net())
            self.extra = nn.Linear(2, 3)

    before = weights(glorot.initialize(net(), "xavier", seed=0))
    after = weights(glorot.initialize(Grown(), "xavier", seed=0))
    assert_same(before, {name: after[name] for name in before})


def test_a_plan_serves_any_number_of_models() -> None:
    plan = glorot.plan(net(), "he")
    assert_same(weights(glorot.apply(plan, net(), seed=1)), weights(glorot.apply(plan, net(), seed=1)))


# glorot.draw gives the same bits


@pytest.mark.parametrize(
    "scheme", ["xavier_uniform", "he_normal", "lecun_normal", "truncated_normal(std=0.1)", "orthogonal"]
)
def test_draw_equals_a_linear_layer(scheme: str) -> None:
    layer = glorot.initialize(nn.Linear(300, 100), scheme, seed=3)
    drawn = glorot.draw(scheme, (300, 100), seed=3, name="weight")
    np.testing.assert_array_equal(drawn, layer.weight.detach().numpy().T)


@pytest.mark.parametrize(
    ("layer", "stored_as"),
    [(nn.Conv2d(3, 4, (5, 2)), (0, 1, 2, 3)), (nn.ConvTranspose2d(3, 4, (5, 2)), (1, 0, 2, 3))],
)
def test_draw_equals_a_convolution_whatever_the_layout(layer: nn.Module, stored_as: tuple[int, ...]) -> None:
    glorot.initialize(layer, "xavier_normal", seed=3)
    weight = layer.get_parameter("weight").detach().numpy().transpose(stored_as)  # out, in, k, k
    here = glorot.draw("xavier_normal", (4, 3, 5, 2), seed=3, in_axis=1, out_axis=0)
    np.testing.assert_array_equal(here, weight)
    keras = glorot.draw("xavier_normal", (5, 2, 3, 4), seed=3)
    np.testing.assert_array_equal(keras, weight.transpose(2, 3, 1, 0))


def test_every_part_of_a_fused_weight_is_a_draw_of_its_own() -> None:
    model = glorot.initialize(nn.LSTM(3, 4), "xavier", seed=11)
    for n, gate in enumerate("ifgo"):
        key = stream.key_of(11, f"weight_ih_l0[{gate}]")
        drawn = stream.draw(key, Uniform.symmetric(math.sqrt(6 / 7)), (4, 3))
        np.testing.assert_array_equal(model.weight_ih_l0[4 * n : 4 * n + 4].detach().numpy(), drawn)


# every element once, and nothing else


def addresses(array: np.ndarray) -> list[int]:
    offsets = np.zeros(array.shape, np.int64)
    for axis, stride in enumerate(array.strides):
        offsets += stride * np.arange(array.shape[axis]).reshape(-1, *(1,) * (array.ndim - axis - 1))
    return (array.__array_interface__["data"][0] + offsets).ravel().tolist()


@pytest.mark.parametrize("kind", LAYERS)
def test_every_element_is_written_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = LAYERS[kind]()
    plan = glorot.plan(module, "random")
    written: collections.Counter[int] = collections.Counter()
    fill_all = stream.fill_all

    def count_and_fill(fills: list[stream.Fill], threads: int) -> None:
        for fill in fills:
            written.update(addresses(fill.out))
        fill_all(fills, threads)

    monkeypatch.setattr(stream, "fill_all", count_and_fill)
    glorot.apply(plan, module, seed=0)
    elements = [address for tensor in started(module).values() for address in addresses(tensor.detach().numpy())]
    assert written == dict.fromkeys(elements, 1)


def test_float8_is_the_cast_of_float32() -> None:
    model = nn.Linear(8, 4)
    model.weight = nn.Parameter(torch.empty(4, 8, dtype=torch.float8_e4m3fn), requires_grad=False)
    glorot.initialize(model, "xavier", seed=3, rules=[("weight", "xavier_uniform")])
    expected = glorot.initialize(nn.Linear(8, 4), "xavier", seed=3).weight.detach()
    assert torch.equal(model.weight.float(), expected.to(torch.float8_e4m3fn).float())


def test_tied_parameters_are_written_once() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    before = model[0].weight._version
    glorot.initialize(model, "xavier", seed=0)
    assert model[0].weight._version == before + 1


def test_other_buffers_modes_and_gradients_stay() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout()).eval()
    model.register_buffer("table", torch.arange(4.0))
    model(torch.ones(2, 3)).sum().backward()
    grads = [parameter.grad for parameter in model.parameters()]
    buffers = [(model.table, model.table.clone(), model.table._version)]
    assert glorot.initialize(model, seed=0, inputs=torch.ones(2, 3)) is model
    assert all(parameter.grad is grad for parameter, grad in zip(model.parameters(), grads, strict=True))
    assert all(torch.equal(buffer, values) and buffer._version == at for buffer, values, at in buffers)
    assert [module.training for module in model.modules()] == [False] * 4


# no two layers alike, nothing unplanned


def test_a_twelve_layer_encoder_has_no_two_layers_alike_and_nothing_unplanned() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32), 12, enable_nested_tensor=False)
    stacks = {
        name: [dict(layer.named_parameters())[name] for layer in encoder.layers] for name in weights(encoder.layers[0])
    }
    assert all(torch.equal(stack[0], other) for stack in stacks.values() for other in stack)  # PyTorch's own copies
    glorot.initialize(poisoned(encoder), seed=0)
    for name, stack in stacks.items():
        assert all(tensor.isfinite().all() for tensor in stack), name
        if name.endswith("weight") and "norm" not in name:
            assert len({tuple(tensor.flatten().tolist()) for tensor in stack}) == 12, name
    pieces = [piece for layer in encoder.layers for piece in layer.self_attn.in_proj_weight.chunk(3)]
    assert len({tuple(piece.flatten().tolist()) for piece in pieces}) == 36


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize(
    "recipe", slow_after(3, ["auto", "random", "pytorch", "xavier", "he", "lecun", "standard", "zeros", "constant"])
)
def test_every_recipe_plans_every_layer(recipe: str, kind: str) -> None:
    module = poisoned(LAYERS[kind]())
    plan = glorot.plan(module, recipe)
    assert all(entry.distribution is not None and entry.why for entry in plan.entries)
    assert all(parameter.isfinite().all() for parameter in glorot.apply(plan, module, seed=0).parameters())


# names, rules, parts


def test_prefix_and_names_share_and_separate() -> None:
    actor, critic = (weights(glorot.initialize(net(), "xavier", seed=0)) for _ in range(2))
    assert_same(actor, critic)
    plan = glorot.plan(net(), "xavier")
    twin = weights(glorot.apply(plan, net(), seed=0, prefix="critic."))
    key = stream.key_of(0, "critic.2.weight")
    bound = math.sqrt(6 / 9)
    np.testing.assert_array_equal(twin["2.weight"].numpy(), stream.draw(key, Uniform.symmetric(bound), (4, 5)))
    assert not torch.equal(twin["2.weight"], actor["2.weight"])
    named = weights(glorot.apply(plan, net(), seed=0, names={"0.weight": "dense/kernel"}, prefix="a."))
    key = stream.key_of(0, "a.dense/kernel")
    bound = math.sqrt(6 / 8)
    np.testing.assert_array_equal(named["0.weight"].numpy(), stream.draw(key, Uniform.symmetric(bound), (5, 3)))


def test_a_name_for_nothing_is_refused() -> None:
    model = net()
    with pytest.raises(
        GlorotError, match=r"^names gives a name to '9\.weight', which the model does not have \(did you mean '.*'\?\)$"
    ):
        glorot.apply(glorot.plan(model), model, seed=0, names={"9.weight": "w"})


def test_only_leaves_the_rest_alone() -> None:
    model = net()
    before = weights(model)
    versions = [parameter._version for parameter in model.parameters()]
    plan = glorot.plan(model, "xavier", only="4.*")
    assert plan["0.weight"].why == "left alone: outside only='4.*'"
    glorot.apply(plan, model, seed=0)
    after = weights(model)
    assert_same({k: before[k] for k in before if k[0] != "4"}, {k: after[k] for k in after if k[0] != "4"})
    assert [p._version for p in model.parameters()][:4] == versions[:4]
    assert not torch.equal(before["4.weight"], after["4.weight"])


def test_the_last_rule_that_matches_decides() -> None:
    rules = [
        ("*", "constant(1)"),
        ("*.bias", "constant(2)"),
        ("2.*", "constant(3)"),
        ("2.bias", "skip"),
        ("4.*", "skip"),
    ]
    rules.append(("4.weight", "constant(5)"))
    model = poisoned(net())
    plan = glorot.plan(model, "xavier", rules=rules)
    glorot.apply(plan, model, seed=0)
    values = {name: tensor.unique().tolist() for name, tensor in weights(model).items()}
    assert {k: v[0] for k, v in values.items() if not math.isnan(v[0])} == {
        "0.weight": 1.0,
        "0.bias": 2.0,
        "2.weight": 3.0,
        "4.weight": 5.0,
    }
    assert plan["2.bias"].why == "left alone: rule '2.bias', skip"
    assert plan["4.weight"].why == "rule '4.weight'"


def test_a_rule_reaches_a_piece_or_the_whole_of_a_fused_weight() -> None:
    model = nn.MultiheadAttention(4, 2)
    rules = [("in_proj_weight", "constant(1)"), ("in_proj_weight[k]", "constant(2)")]
    glorot.initialize(model, seed=0, rules=rules)
    assert [piece.unique().tolist() for piece in model.in_proj_weight.detach().chunk(3)] == [[1.0], [2.0], [1.0]]


@pytest.mark.parametrize("arguments", [{"rules": [("head.*", "zeros")]}, {"only": "head.*"}])
def test_a_pattern_that_matches_nothing_is_refused(arguments: dict[str, Any]) -> None:
    message = r"^rule 'head\.\*' matches no parameter; paths here look like: 0\.weight, 0\.bias, 2\.weight, 2\.bias$"
    with pytest.raises(GlorotError, match=message):
        glorot.plan(net(), **arguments)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("xaver", r"^unknown recipe 'xaver' \(did you mean 'xavier'"),
        ("he_norml", r"did you mean 'he_normal'"),
        (3, r"^a recipe is text such as 'xavier', a recipe or a scheme, got int$"),
    ],
)
def test_unknown_recipes_are_refused(recipe: Any, message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        glorot.plan(net(), recipe)


def test_current_writes_nothing() -> None:
    model = nn.Sequential(net(), nn.ParameterList([torch.ones(2)]))
    before, versions = weights(model), [parameter._version for parameter in model.parameters()]
    glorot.initialize(model, "current", seed=0)
    assert_same(before, weights(model))
    assert [parameter._version for parameter in model.parameters()] == versions
