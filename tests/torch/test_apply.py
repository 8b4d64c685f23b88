"""Plan and apply on PyTorch models: the same weights everywhere, every element once, nothing else touched."""

import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from zoo import LAYERS, poisoned, write_numbers

import glorot
from glorot import stream
from glorot.distributions import Constant, Identity, Normal, Uniform
from glorot.errors import GlorotError
from glorot.plans import Plan

Weights = dict[str, Tensor]


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))


def weights(model: nn.Module) -> Weights:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def assert_same(one: Weights, other: Weights) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


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


class Writes(TorchDispatchMode):
    """Counts how often each element of each memory is written to."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[int, Tensor] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        for argument, value in zip(function._schema.arguments, args, strict=False):
            if argument.alias_info is not None and argument.alias_info.is_write:
                memory = value.untyped_storage()
                tally = self.counts.setdefault(memory.data_ptr(), torch.zeros(memory.nbytes() // value.element_size()))
                tally.as_strided(value.shape, value.stride(), value.storage_offset()).add_(1)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", LAYERS)
def test_every_element_is_written_once(kind: str) -> None:
    module = LAYERS[kind]()
    plan = glorot.plan(module, "random")
    with Writes() as writes:
        glorot.apply(plan, module, seed=0)
    for name, parameter in module.named_parameters():
        counts = writes.counts[parameter.untyped_storage().data_ptr()]
        assert counts.tolist() == [1.0] * parameter.numel(), name


def test_tied_parameters_are_written_once() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    before = model[0].weight._version
    glorot.initialize(model, "xavier", seed=0)
    assert model[0].weight._version == before + 1


def test_buffers_modes_and_gradients_stay() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout()).eval()
    model(torch.ones(2, 3)).sum().backward()
    grads = [parameter.grad for parameter in model.parameters()]
    buffers = [(buffer, buffer.clone(), buffer._version) for buffer in model.buffers()]
    assert glorot.initialize(model, seed=0, inputs=torch.ones(2, 3)) is model
    assert all(parameter.grad is grad for parameter, grad in zip(model.parameters(), grads, strict=True))
    assert all(torch.equal(buffer, values) and buffer._version == at for buffer, values, at in buffers)
    assert [module.training for module in model.modules()] == [False] * 4


# the promise of the issue


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
    "recipe", ["auto", "xavier", "he", "lecun", "standard", "random", "zeros", "constant", "pytorch"]
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
    with pytest.raises(GlorotError, match=r"^names gives a name to '9\.weight', which the plan does not have$"):
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


# what fails changes nothing


def half_meta() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, device="meta"))


def with_integers() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 4))
    model.counts = nn.Parameter(torch.zeros(3, dtype=torch.long), requires_grad=False)
    return model


def changed(name: str, law: Any) -> Callable[[Plan], Plan]:
    """Return what a person may do to a plan by hand."""

    def change(plan: Plan) -> Plan:
        return replace(plan, entries=tuple(replace(e, distribution=law) if e.name == name else e for e in plan.entries))

    return change


def same(plan: Plan) -> Plan:
    return plan


FAILURES: dict[str, tuple[Callable[[], nn.Module], Callable[[Plan], Plan], Any, str]] = {
    "negative seed": (net, same, -1, r"^seed must be a whole number with 0 <= seed < 2\*\*64, got -1"),
    "no whole seed": (
        net,
        same,
        1.5,
        r"^seed must be a whole number .*, got 1\.5 \(float\); pass an int, as in seed=0$",
    ),
    "text for a seed": (net, same, "0", r"^seed must be a whole number .*, got '0' \(str\)"),
    "no seed": (net, same, None, r"^seed must be a whole number .*, got None; choose one, as in seed=0"),
    "huge seed": (net, same, 2**64, r"use seed % 2\*\*64$"),
    "a part without memory": (half_meta, same, 0, r"^1\.weight is on the meta device and has no memory"),
    "integers": (
        with_integers,
        same,
        0,
        r"^counts has dtype torch\.int64; glorot writes floating-point parameters: skip it by a rule$",
    ),
    "a law that needs a matrix": (
        net,
        changed("4.bias", Identity()),
        0,
        r"^4\.bias: Identity needs exactly one axis labelled 'i', got axes 'o'$",
    ),
    "a law too wide for the dtype": (
        lambda: net().half(),
        changed("4.weight", Normal(std=1e6)),
        0,
        r"^4\.weight: Normal\(.*\) reaches .*, but torch\.float16 holds at most 65504$",
    ),
    "a constant too large for the dtype": (
        lambda: net().half(),
        changed("4.weight", Constant(1e6)),
        0,
        r"^4\.weight: Constant\(value=1000000\.0\) reaches 1e\+06, but torch\.float16 holds at most 65504$",
    ),
}


def bits(model: nn.Module) -> list[tuple[int, bytes]]:
    stored = [p for p in model.parameters() if not p.is_meta]
    return [(p._version, p.detach().numpy().tobytes()) for p in stored]


@pytest.mark.parametrize("name", FAILURES)
def test_what_fails_changes_nothing(name: str) -> None:
    build, change, seed, message = FAILURES[name]
    model = build()
    rules = [("counts", "zeros")] if hasattr(model, "counts") else []
    plan = change(glorot.plan(model, "xavier", rules=rules))
    before = bits(model)
    with pytest.raises(GlorotError, match=message):
        glorot.apply(plan, model, seed=seed)
    assert bits(model) == before


def test_a_seed_is_required() -> None:
    with pytest.raises(TypeError, match="seed"):
        glorot.initialize(net())  # type: ignore[call-arg]


def test_a_bad_seed_is_refused_even_where_nothing_is_drawn() -> None:
    with pytest.raises(GlorotError, match=r"^seed must be a whole number .*, got -3"):
        glorot.initialize(net(), "current", seed=-3)


def test_a_plan_for_another_model_names_what_differs() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 2, bias=False))
    model.head = nn.Conv1d(2, 2, 1, bias=False)
    before = bits(model)
    with pytest.raises(GlorotError) as caught:
        glorot.apply(glorot.plan(net()), model, seed=0)
    assert str(caught.value).splitlines() == [
        "this plan was made for another model; make one for this model with glorot.plan(model)",
        "  in the plan only: 4.bias",
        "  in the model only: head.weight",
        "  2.weight: planned 4×5 (oi), the model has 6×5 (oi)",
        "  2.bias: planned 4 (o), the model has 6 (o)",
        "  4.weight: planned 2×4 (oi), the model has 2×6 (oi)",
    ]
    assert bits(model) == before


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(GlorotError, match=r"^apply takes a plan first and then the model, got Sequential$"):
        glorot.apply(net(), net(), seed=0)  # type: ignore[arg-type]


# plans on disk


LAYER_NAMES = sorted(LAYERS)


@settings(max_examples=20)
@given(
    st.lists(st.sampled_from(LAYER_NAMES), min_size=1, max_size=4),
    st.sampled_from(
        ["auto", "xavier", "he(distribution='uniform')", "pytorch", "truncated_normal(std=0.3)", "current"]
    ),
    st.integers(0, 2**64 - 1),
)
def test_plans_survive_the_disk(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], recipe: str, seed: int
) -> None:
    model = nn.ModuleList(LAYERS[name]() for name in names)
    plan = glorot.plan(model, recipe)
    path = plan.save(tmp_path_factory.mktemp("plans") / "plan.json")
    loaded = Plan.load(path)
    assert loaded == plan
    assert not plan.diff(loaded)
    assert str(plan.diff(loaded)) == "no differences"
    assert path.read_text(encoding="utf-8") == loaded.save(path).read_text(encoding="utf-8")
    one, other = (weights(glorot.apply(p, model, seed=seed)) for p in (plan, loaded))
    assert_same(one, other)


def test_diff_names_what_changed_and_what_came_and_went() -> None:
    small = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2))
    grown = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False), nn.Linear(2, 2, bias=False))
    diff = glorot.plan(small, "xavier").diff(glorot.plan(grown, "xavier", rules=[("0.weight", "normal(0.02)")]))
    assert [entry.name for entry in diff.removed] == ["1.bias"]
    assert [entry.name for entry in diff.added] == ["2.weight"]
    assert [(old.name, new.scheme) for old, new in diff.changed] == [("0.weight", "normal(std=0.02)")]
    lines = str(diff).splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [["-", "1.bias"], ["+", "2.weight"], ["~", "0.weight"]]
    assert "xavier_uniform 0.5345 4×3 (oi)" in lines[4]
    assert "normal(std=0.02) 0.02 4×3 (oi)" in lines[4]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return glorot.plan(net(), "xavier").save(tmp_path / "plan.json")


def damage(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    changed_data = change(data)
    path.write_text(json.dumps(data if changed_data is None else changed_data), encoding="utf-8")


def put(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        data["entries"][2][field] = value

    return change


def law(**numbers: Any) -> Callable[[dict[str, Any]], None]:
    return put("distribution", numbers)


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a list": (lambda data: [data], "is not a plan: it has no entries"),
    "no entries": (lambda data: data.pop("entries") and None, "is not a plan: it has no entries"),
    "version": (
        lambda data: data.update(version=2),
        r"is a plan of version 2 for 'glorot-stream/1'; this glorot reads version 1 for 'glorot-stream/1': "
        "make the plan again, or use the glorot that wrote it$",
    ),
    "stream": (lambda data: data.update(stream="other/9"), "is a plan of version 1 for 'other/9'; this glorot reads"),
    "fingerprint": (
        lambda data: data.update(fingerprint="0" * 16),
        "is damaged: names, axes or shapes do not match its fingerprint '0000000000000000'",
    ),
    "name": (put("name", "2.other"), "is damaged: names, axes or shapes do not match its fingerprint"),
    "axes": (put("axes", "io"), "is damaged: names, axes or shapes do not match its fingerprint"),
    "shape": (put("shape", [4, 6]), "is damaged: names, axes or shapes do not match its fingerprint"),
    "an entry twice": (
        lambda data: data["entries"].append(data["entries"][0]),
        "is damaged: .*",
    ),
    "an entry less": (
        lambda data: data["entries"].pop() and None,
        "is damaged: names, axes or shapes do not match its fingerprint",
    ),
    "name of another kind": (put("name", 3), "is damaged at entry 2.*: name must be text, got 3"),
    "role of another kind": (put("role", None), "is damaged at entry 2.*: role must be text, got None"),
    "why of another kind": (put("why", ["x"]), "is damaged at entry 2.*: why must be text"),
    "shape of another kind": (put("shape", "four"), "is damaged at entry 2"),
    "no shape": (put("shape", None), "is damaged at entry 2"),
    "fans of another kind": (put("fans", [5]), "is damaged at entry 2"),
    "fans as text": (put("fans", ["a", "b"]), "is damaged at entry 2.*could not convert"),
    "depth": (put("depth", "deep"), "is damaged at entry 2"),
    "a field less": (
        lambda data: data["entries"][2].pop("why") and None,
        "is damaged at entry 2.*: expected the fields",
    ),
    "a field more": (put("extra", 1), "is damaged at entry 2.*: expected the fields .* got .*'extra'"),
    "no object": (lambda data: data["entries"].__setitem__(2, None), "is damaged at entry 2"),
    "unknown law": (law(law="cauchy", scale=1), "is damaged at entry 2.*: unknown law 'cauchy'; known: constant"),
    "no law": (law(std=1.0), "is damaged at entry 2.*: unknown law None"),
    "numbers missing": (law(law="normal", mean=0.0), "is damaged at entry 2.*: law 'normal' takes .*'std'"),
    "a number as text": (
        law(law="normal", mean=0, std="1"),
        "is damaged at entry 2.*: Normal: std must be a finite number, got '1'",
    ),
    "a number out of range": (
        law(law="normal", mean=0, std=-1),
        "is damaged at entry 2.*: Normal: std must lie between",
    ),
    "no number": (
        law(law="constant", value=float("nan")),
        "is damaged at entry 2.*: Constant: value must be a finite number, got nan",
    ),
    "bounds crossed": (law(law="uniform", low=1, high=-1), "is damaged at entry 2.*: Uniform: low must be below high"),
    "a law of another kind": (put("distribution", 5), "is damaged at entry 2"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_damaged_plans_name_file_and_entry(saved: Path, name: str) -> None:
    change, message = BROKEN[name]
    damage(saved, change)
    with pytest.raises(GlorotError, match=message) as caught:
        Plan.load(saved)
    assert str(caught.value).startswith(str(saved))


def test_files_that_are_no_plans(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(GlorotError, match=r"^cannot read plan .*none\.json: No such file or directory$"):
        Plan.load(tmp_path / "none.json")
    with pytest.raises(GlorotError, match=r"^cannot read plan .*: Is a directory$"):
        Plan.load(tmp_path)
    saved.write_text(saved.read_text(encoding="utf-8")[:100], encoding="utf-8")
    with pytest.raises(GlorotError, match=r"plan\.json is not a plan: it is no valid JSON \("):
        Plan.load(saved)
    saved.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GlorotError, match=r"plan\.json is not a plan: it is no valid JSON \("):
        Plan.load(saved)


def test_a_distribution_may_be_changed_by_hand(saved: Path) -> None:
    damage(saved, law(law="constant", value=0.25))
    model = glorot.apply(Plan.load(saved), net(), seed=0)
    assert model[2].weight.unique().tolist() == [0.25]


def test_a_plan_is_saved_whole_or_not_at_all(saved: Path, tmp_path: Path) -> None:
    plan = glorot.plan(net(), "he")
    with pytest.raises(
        GlorotError, match=r"^cannot write .*plan\.json: No such file or directory; give a path in a folder"
    ):
        plan.save(tmp_path / "missing" / "plan.json")
    with pytest.raises(GlorotError, match=r"^cannot write "):
        plan.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [saved.name]
    assert Plan.load(saved).recipe == "xavier"


def test_a_plan_prints_as_a_table() -> None:
    plan = glorot.plan(net(), "auto", rules=[("4.bias", "skip")])
    lines = str(plan).splitlines()
    assert lines[0] == f"plan: auto · 6 parts · fingerprint {plan.fingerprint}"
    assert lines[2].split("  ")[0] == "path"
    rows = {line.split()[0]: line.split()[1:] for line in lines[4:]}
    std = f"{math.sqrt(2 / (5 / 2 + 4 / 2)):.4g}"  # fed by relu: both fans over its gain of 2
    assert rows["2.weight"] == ["4×5", "5", "→", "4", "relu", plan["2.weight"].scheme, std, "gain", "for", "relu"]
    assert " ".join(rows["4.bias"]) == "2 4 → 2 tanh – – left alone: rule '4.bias', skip"


# PyTorch's own defaults


WIDE: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: nn.Linear(40, 60),
    "Bilinear": lambda: nn.Bilinear(12, 8, 20),
    "Conv1d": lambda: nn.Conv1d(10, 20, 5),
    "Conv2d": lambda: nn.Conv2d(6, 20, (3, 4)),
    "Conv3d": lambda: nn.Conv3d(4, 8, (2, 3, 4)),
    "Conv2d in groups": lambda: nn.Conv2d(16, 32, 3, groups=4),
    "Conv2d depthwise": lambda: nn.Conv2d(64, 128, 5, groups=64),
    "ConvTranspose1d": lambda: nn.ConvTranspose1d(10, 20, 5),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(6, 20, (3, 4), stride=2),
    "ConvTranspose3d in groups": lambda: nn.ConvTranspose3d(8, 16, 3, groups=4),
    "Embedding": lambda: nn.Embedding(40, 30),
    "Embedding padded": lambda: nn.Embedding(40, 30, padding_idx=3),
    "EmbeddingBag padded": lambda: nn.EmbeddingBag(40, 30, padding_idx=0),
    "RNN": lambda: nn.RNN(20, 30, num_layers=2, bidirectional=True),
    "LSTM": lambda: nn.LSTM(20, 30),
    "LSTM projected": lambda: nn.LSTM(20, 30, num_layers=2, proj_size=10),
    "GRU": lambda: nn.GRU(20, 30),
    "RNNCell": lambda: nn.RNNCell(20, 30),
    "LSTMCell": lambda: nn.LSTMCell(20, 30),
    "GRUCell": lambda: nn.GRUCell(20, 30),
    "MultiheadAttention": lambda: nn.MultiheadAttention(32, 4),
    "MultiheadAttention of other widths": lambda: nn.MultiheadAttention(32, 4, kdim=20, vdim=50, add_bias_kv=True),
    "TransformerDecoderLayer": lambda: nn.TransformerDecoderLayer(32, 4, 48),
    "BatchNorm2d": lambda: nn.BatchNorm2d(3),
    "InstanceNorm1d": lambda: nn.InstanceNorm1d(3, affine=True),
    "LayerNorm": lambda: nn.LayerNorm((3, 4)),
    "GroupNorm": lambda: nn.GroupNorm(2, 4),
    "RMSNorm": lambda: nn.RMSNorm(5),
    "PReLU": lambda: nn.PReLU(7),
}
FRESH = 6


@pytest.fixture(scope="module")
def fresh() -> dict[str, list[nn.Module]]:
    """Several of PyTorch's own modules of each kind."""
    with torch.random.fork_rng():
        torch.manual_seed(2010)
        return {kind: [build() for _ in range(FRESH)] for kind, build in WIDE.items()}


@pytest.mark.parametrize("kind", WIDE)
def test_recipe_pytorch_has_the_laws_of_its_modules(kind: str, fresh: dict[str, list[nn.Module]]) -> None:
    plan = glorot.plan(fresh[kind][0], "pytorch")
    parts = torch.cat([place.flatten() for place in write_numbers(WIDE[kind]())])
    drawn = torch.stack([nn.utils.parameters_to_vector(module.parameters()) for module in fresh[kind]]).detach()
    for n, entry in enumerate(plan.entries, start=1):
        sample = drawn[:, parts == n].flatten().double().numpy()
        assert sample.size == FRESH * math.prod(entry.shape)
        assert_law(sample, entry.distribution, entry.name)


def assert_law(sample: Any, planned: Any, name: str) -> None:
    if isinstance(planned, Constant):
        assert np.unique(sample).tolist() == [np.float32(planned.value)], name
        return
    if isinstance(planned, Uniform):
        bound = np.float32(planned.high)
        assert np.abs(sample).max() <= bound, name
        assert np.abs(sample).max() > bound * (1 - 12 / sample.size), name
        reference = scipy.stats.uniform(planned.low, planned.high - planned.low)
    else:
        assert isinstance(planned, Normal)
        reference = scipy.stats.norm(planned.mean, planned.std)
    assert scipy.stats.kstest(sample, reference.cdf).pvalue > 1e-4, name


@pytest.mark.parametrize(
    ("build", "name", "bound"),
    [
        (lambda: nn.Linear(40, 60), "weight", 1 / math.sqrt(40)),
        (lambda: nn.Linear(40, 60), "bias", 1 / math.sqrt(40)),
        (lambda: nn.Bilinear(12, 8, 20), "bias", 1 / math.sqrt(12)),
        (lambda: nn.Conv2d(16, 32, 3, groups=4), "weight", 1 / math.sqrt(4 * 9)),
        (lambda: nn.Conv2d(16, 32, 3, groups=4), "bias", 1 / math.sqrt(4 * 9)),
        (lambda: nn.ConvTranspose2d(6, 20, 3), "weight", 1 / math.sqrt(20 * 9)),  # PyTorch's fans are swapped
        (lambda: nn.ConvTranspose2d(6, 20, 3), "bias", 1 / math.sqrt(20 * 9)),
        (lambda: nn.ConvTranspose2d(8, 16, 3, groups=4), "weight", 1 / math.sqrt(4 * 9)),
        (lambda: nn.LSTM(20, 30), "weight_ih_l0[f]", 1 / math.sqrt(30)),
        (lambda: nn.LSTM(20, 30, proj_size=10), "weight_hr_l0", 1 / math.sqrt(30)),
        (lambda: nn.GRUCell(20, 30), "bias_hh[r]", 1 / math.sqrt(30)),
        (lambda: nn.MultiheadAttention(32, 4), "in_proj_weight[k]", math.sqrt(6 / (32 + 96))),
        (lambda: nn.MultiheadAttention(32, 4, kdim=20, vdim=50), "k_proj_weight", math.sqrt(6 / (32 + 20))),
        (lambda: nn.MultiheadAttention(32, 4), "out_proj.weight", 1 / math.sqrt(32)),
    ],
)
def test_recipe_pytorch_has_exactly_its_bounds(build: Callable[[], nn.Module], name: str, bound: float) -> None:
    planned = glorot.plan(build(), "pytorch")[name].distribution
    assert isinstance(planned, Uniform)
    assert (planned.low, planned.high) == (-bound, bound)


def test_recipe_pytorch_refuses_what_pytorch_does_not_know() -> None:
    with pytest.raises(
        GlorotError, match=r"no layer that glorot knows owns these parameters:\n  0  2  in ParameterList"
    ):
        glorot.plan(nn.ParameterList([torch.ones(2)]), "pytorch")
