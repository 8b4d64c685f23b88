"""What `apply` refuses, and that a refused model keeps every bit."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from zoo import assert_same, net, weights

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.distributions import Constant, Identity, Normal
from glorot.errors import GlorotError
from glorot.plans import Plan, assignments
from glorot.torch.weights import write

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
        "^counts: dtype int64 holds no weights that are drawn; expected .*; cast it, or skip it by a rule$",
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
        r"^4\.weight: Normal\(.*\) reaches .*, but float16 holds at most 65504; choose a smaller scale or a wider dtype$",
    ),
    "a constant too large for the dtype": (
        lambda: net().half(),
        changed("4.weight", Constant(1e6)),
        0,
        r"^4\.weight: Constant\(value=1000000\.0\) reaches 1e\+06, but float16 holds at most 65504; choose a smaller scale or a wider dtype$",
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


def exchanged(path: str, tensor: Tensor) -> nn.Module:
    """Return a net with another tensor for one of its weights, which its layer was not built for."""
    model = net()
    layer, _, name = path.rpartition(".")
    setattr(model.get_submodule(layer), name, nn.Parameter(tensor))
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            exchanged("2.weight", torch.zeros(8, 5)),
            "layer '2' (Linear): its weight has shape 8×5, but the layer was built for 4×5, "
            "in_features=5, out_features=4, bias=True; give it a parameter of that shape, or build the layer anew",
        ),
        (
            exchanged("2.weight", torch.zeros(5, 4)),  # as many elements
            "layer '2' (Linear): its weight has shape 5×4, but the layer was built for 4×5",
        ),
        (
            exchanged("4.bias", torch.zeros(())),
            "layer '4' (Linear): its bias has shape scalar, but the layer was built",
        ),
        (
            exchanged("2.weight", torch.zeros(4, 1).expand(4, 5)),
            "2.weight: its elements share memory: shape 4×5 with strides (1, 0), expected an element of memory for "
            "each; give the layer a copy",
        ),
        (
            exchanged("2.weight", torch.zeros(8).as_strided((4, 5), (1, 1))),
            "2.weight: its elements share memory: shape 4×5 with strides (1, 1)",
        ),
    ],
)
def test_a_tensor_that_a_layer_was_not_built_for_changes_nothing(model: nn.Module, message: str) -> None:
    before = bits(model)
    with pytest.raises(GlorotError, match="^" + re.escape(message)):
        glorot.initialize(model, "xavier", seed=0)
    assert bits(model) == before


def test_places_are_found_before_anything_is_written() -> None:
    plan, sound = glorot.plan(net(), "xavier"), inventory(net())
    model = exchanged("2.weight", torch.zeros(8, 5))
    before = bits(model)
    message = (
        "2.weight: its tensor has shape 8×5, which leaves 40 elements for the part, expected 20, of shape 4×5; "
        "give the layer a parameter of the shape that it was built for, or build it anew"
    )
    with pytest.raises(GlorotError, match="^" + re.escape(message) + "$"):
        write(model, assignments(plan, sound, 0))
    assert bits(model) == before


def test_what_inference_mode_or_a_sparse_layout_locks_changes_nothing() -> None:
    with torch.inference_mode():
        locked = nn.Linear(3, 4)
    for model, message in (
        (nn.Sequential(nn.Linear(4, 3), locked), "1.weight was made under torch.inference_mode()"),
        (
            exchanged("2.weight", torch.eye(4, 5).to_sparse()),
            "2.weight has layout torch.sparse_coo; glorot writes dense tensors: skip it by a rule",
        ),
    ):
        before = model[0].weight.detach().clone()
        with pytest.raises(GlorotError, match="^" + re.escape(message)):
            glorot.initialize(model, "xavier", seed=0)
        assert torch.equal(model[0].weight, before)


def test_a_memory_format_is_no_overlap() -> None:
    plain, other = nn.Conv2d(3, 4, 2), nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last)
    assert_same(weights(glorot.initialize(plain, seed=0)), weights(glorot.initialize(other, seed=0)))


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
        "this plan was made for another model; make one for this model with glorot.plan(model), or say what its "
        "parameters are called in the plan with names={path: name}",
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
