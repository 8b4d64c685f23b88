"""Weights that are computed from stored tensors: planned by the path of the weight, written through what stores them."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import glorot
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.torch import deferred

pytestmark = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")

X = torch.linspace(-1, 1, 32).reshape(4, 8)
Change = Callable[[nn.Module], object]


class Symmetric(nn.Module):
    def forward(self, half: torch.Tensor) -> torch.Tensor:
        return half.triu() + half.triu(1).mT

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.triu()


class Scaled(nn.Module):
    """A parametrization of two tensors."""

    def forward(self, size: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
        return size * rest

    def right_inverse(self, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        size = weight.abs().amax()
        return size, weight / size


def parametrized(step: Callable[[], nn.Module]) -> Change:
    return lambda layer: parametrize.register_parametrization(layer, "weight", step())


EXACT: dict[str, Change] = {
    "weight norm": parametrizations.weight_norm,
    "weight norm over all": lambda layer: parametrizations.weight_norm(layer, dim=None),
    "older weight norm": nn.utils.weight_norm,
    "older weight norm of inputs": lambda layer: nn.utils.weight_norm(layer, dim=1),
    "two tensors": parametrized(Scaled),
}
"""What stores a weight in another form, and uses it as it was written but for rounding."""

SPECTRAL: dict[str, Change] = {
    "spectral norm": parametrizations.spectral_norm,
    "older spectral norm": nn.utils.spectral_norm,
}

EVERY: dict[str, Change] = {
    **EXACT,
    **SPECTRAL,
    "orthogonal": parametrizations.orthogonal,
    "reflections": lambda layer: parametrizations.orthogonal(layer, "weight", "householder", use_trivialization=False),
    "symmetric": parametrized(Symmetric),
    "pruned": lambda layer: prune.ln_structured(layer, "weight", 0.25, n=2, dim=0),
    "pruned twice": lambda layer: [prune.l1_unstructured(layer, "weight", amount) for amount in (0.2, 0.5)],
}


def net(change: Change = lambda layer: None, width: int = 8) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2))
    change(model[2])
    return model


def started(change: Change = lambda layer: None, plan: glorot.Plan | None = None) -> nn.Sequential:
    model = net(change)
    return glorot.apply(glorot.plan(model) if plan is None else plan, model, seed=3)


# ---- planning ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [False, X], ids=["by class", "seen"])
@pytest.mark.parametrize("change", EVERY.values(), ids=EVERY)
def test_a_computed_weight_is_one_part_with_the_fans_and_the_source_of_its_layer(
    change: Change, inputs: object
) -> None:
    plan, plain = (glorot.plan(net(one), inputs=inputs) for one in (change, lambda layer: None))
    assert {entry.name for entry in plan.entries} == {entry.name for entry in plain.entries}
    one, other = plan["2.weight"], plain["2.weight"]
    assert (one.shape, one.axes, one.role, one.fed_by, one.seen) == (
        other.shape,
        other.axes,
        other.role,
        "relu",
        other.seen,
    )
    assert plan.fingerprint == plain.fingerprint


def test_a_plan_says_how_a_weight_is_stored() -> None:
    words = {name: glorot.plan(net(change))["2.weight"].why.partition("; ")[2] for name, change in EVERY.items()}
    assert words == {
        "weight norm": "stored as its norm and its direction",
        "weight norm over all": "stored as its norm and its direction",
        "older weight norm": "stored as its norm and its direction",
        "older weight norm of inputs": "stored as its norm and its direction",
        "two tensors": "stored through the right_inverse of Scaled",
        "spectral norm": "divided by its largest singular value where it is used",
        "older spectral norm": "divided by its largest singular value where it is used",
        "orthogonal": "",
        "reflections": "",
        "symmetric": "stored through the right_inverse of Symmetric",
        "pruned": "a mask leaves 75 % of it",
        "pruned twice": "a mask leaves 39.06 % of it",
    }
    assert glorot.plan(net(EVERY["orthogonal"]))["2.weight"].why == "kept orthogonal by its layer"


@pytest.mark.parametrize("inputs", [False, X])
def test_a_pruned_weight_has_the_fans_of_its_layer(inputs: object) -> None:
    model = net(lambda layer: prune.custom_from_mask(layer, "weight", torch.ones(8, 8).tril()))
    entry = glorot.plan(model, inputs=inputs)["2.weight"]
    assert entry.fans == Fans(8, 8)
    assert entry.why.endswith("a mask leaves 56.25 % of it")


@pytest.mark.parametrize("change", EVERY.values(), ids=EVERY)
def test_looking_leaves_a_computed_weight_as_it_was(change: Change) -> None:
    model = net(change).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    glorot.plan(model, inputs=X)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("change", [parametrizations.weight_norm, nn.utils.weight_norm])
def test_a_layer_that_is_used_under_two_paths_is_planned_once(change: Change) -> None:
    model = net(change)
    model.append(model[2])
    plan = glorot.plan(model, inputs=False)
    assert [entry.name for entry in plan.entries if entry.name.startswith(("2.", "5."))] == ["2.bias", "2.weight"]
    assert "shared with 5.weight" in plan["2.weight"].why


def test_pieces_of_a_fused_weight_are_planned_and_written_apart() -> None:
    torch.manual_seed(0)
    models = [nn.MultiheadAttention(8, 2) for _ in range(2)]
    parametrizations.weight_norm(models[0], "in_proj_weight")
    before = models[0].in_proj_weight[16:].detach().clone()
    rules = [("in_proj_weight[v]", "skip")]
    for model in models:
        glorot.apply(glorot.plan(model, rules=rules), model, seed=0)
    assert torch.allclose(models[0].in_proj_weight[:16], models[1].in_proj_weight[:16])
    assert torch.allclose(models[0].in_proj_weight[16:], before)


@pytest.mark.parametrize("change", [parametrizations.weight_norm, nn.utils.weight_norm])
def test_a_recurrent_weight_is_seen_and_written(change: Callable[[nn.Module, str], object]) -> None:
    def lstm() -> nn.Module:
        return nn.LSTM(8, 4)

    layer, plain = lstm(), lstm()
    change(layer, "weight_hh_l0")
    plan = glorot.plan(layer, inputs=X)
    assert {entry.name for entry in plan} == {entry.name for entry in glorot.plan(plain, inputs=X)}
    assert all(entry.seen for entry in plan)
    glorot.apply(plan, layer, seed=0)
    glorot.apply(plan, plain, seed=0)
    assert torch.allclose(layer(X)[0], plain(X)[0], atol=1e-6)


# ---- writing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", EXACT.values(), ids=EXACT)
def test_what_is_used_is_what_the_same_network_holds_without(change: Change) -> None:
    model, plain = started(change), started()
    torch.testing.assert_close(model[2].weight, plain[2].weight, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(model(X), plain(X))
    for n in (0, 4):
        assert torch.equal(model[n].weight, plain[n].weight)


@pytest.mark.parametrize("change", EVERY.values(), ids=EVERY)
def test_a_model_keeps_its_state_dict_and_runs(change: Change) -> None:
    model = net(change)
    keys, ids = list(model.state_dict()), [id(parameter) for parameter in model.parameters()]
    glorot.initialize(model, seed=0)
    assert list(model.state_dict()) == keys
    assert [id(parameter) for parameter in model.parameters()] == ids
    model(X).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("change", [*EXACT.values(), *SPECTRAL.values(), EVERY["pruned"]])
def test_the_plan_of_either_network_serves_the_other(change: Change) -> None:
    plain = glorot.plan(net())
    model = started(change, plain)
    assert torch.equal(started(plan=glorot.plan(net(change)))[0].weight, started()[0].weight)
    assert glorot.plan(net(change)).fingerprint == plain.fingerprint
    stored = [tensor for name, tensor in model.named_parameters() if re.search(r"original1?$|_v$|_orig$", name)]
    assert len(stored) == 1
    if "Scaled" not in str(model):
        assert torch.equal(stored[0], started()[2].weight)


@pytest.mark.parametrize("change", EXACT.values(), ids=EXACT)
def test_the_weight_that_is_used_has_the_spread_that_is_planned(change: Change) -> None:
    model = net(change, width=256)
    plan = glorot.plan(model)
    glorot.apply(plan, model, seed=1)
    law = plan["2.weight"].distribution
    assert law is not None
    assert float(model[2].weight.detach().std()) == pytest.approx(law.std, rel=0.02)


@pytest.mark.parametrize("change", SPECTRAL.values(), ids=SPECTRAL)
def test_a_spectral_norm_starts_at_one_and_from_seed_and_plan_alone(change: Change) -> None:
    model, other = net(change), net(change)
    other.train()(X)
    nn.init.normal_(next(tensor for name, tensor in other.named_parameters() if "orig" in name))
    for one in (model, other):
        glorot.initialize(one, seed=0)
    state, same = model.state_dict(), other.state_dict()
    assert all(torch.equal(state[name], same[name]) for name in state)
    model.eval()(X)
    assert float(torch.linalg.matrix_norm(model[2].weight.detach(), 2)) == pytest.approx(1, abs=0.05)


def test_an_orthogonal_weight_is_orthogonal_and_drawn_from_the_seed() -> None:
    weights = []
    for _ in range(2):
        torch.rand(5)  # the process's numbers are not drawn from
        layer = parametrizations.orthogonal(nn.Linear(8, 4))
        state = torch.get_rng_state()
        glorot.initialize(layer, seed=0)
        assert torch.equal(torch.get_rng_state(), state)
        weights.append(layer.state_dict())
    assert torch.allclose(layer.weight @ layer.weight.T, torch.eye(4), atol=1e-5)
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_symmetric_weight_repeats_the_half_that_is_written() -> None:
    model, plain = started(EVERY["symmetric"]), started()
    assert torch.equal(model[2].weight, model[2].weight.T)
    assert torch.equal(model[2].weight.triu(), plain[2].weight.triu())


def test_what_a_mask_leaves_out_stays_out() -> None:
    model = started(EVERY["pruned"])
    assert int((model[2].weight == 0).all(1).sum()) == 2
    assert model[2].weight_orig.count_nonzero() == 64


@pytest.mark.parametrize("change", [parametrizations.weight_norm, nn.utils.weight_norm])
def test_a_norm_that_is_frozen_stays(change: Change) -> None:
    model = net(change)
    norm = next(tensor for name, tensor in model.named_parameters() if re.search("original0|_g$", name))
    nn.init.ones_(norm).requires_grad_(False)
    plan = glorot.plan(model)
    assert re.search(r"; (parametrizations.weight.original0|weight_g) is frozen and stays$", plan["2.weight"].why)
    glorot.apply(plan, model, seed=0)
    model(X)
    assert torch.equal(norm, torch.ones(8, 1))
    torch.testing.assert_close(model[2].weight.norm(dim=1), torch.ones(8))


def test_a_weight_whose_stored_tensors_are_all_frozen_is_left_alone() -> None:
    model = net(parametrizations.weight_norm).requires_grad_(False)
    model[0].requires_grad_(True)
    assert glorot.plan(model)["2.weight"].why == "left alone: frozen"


@pytest.mark.parametrize("change", [*EXACT.values(), *SPECTRAL.values()])
def test_a_model_on_meta_gets_memory_and_weights(change: Change) -> None:
    with deferred():
        model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
    change(model[2])
    plan = glorot.plan(model, inputs=X)
    assert (plan["2.weight"].fed_by, plan["2.weight"].seen) == ("relu", True)
    with pytest.raises(GlorotError, match=r"^0.weight is on the meta device and has no memory; .* gives it some$"):
        glorot.apply(plan, model, seed=3)
    glorot.apply(plan, model, seed=3, device="cpu")
    for name, tensor in started(change).state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor)


# ---- refusals ------------------------------------------------------------------------------------------------------------


class Shifted(Symmetric):
    def forward(self, half: torch.Tensor) -> torch.Tensor:
        return half + 1


class Refusing(Symmetric):
    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        if weight.requires_grad or not weight.count_nonzero():
            return weight
        raise NotImplementedError("not that way round.")


REFUSED: dict[str, tuple[Change, str | None, str]] = {
    "orthogonal": (
        EVERY["orthogonal"], "uniform(-1, 1)",
        "2.weight cannot hold what the plan draws for it: it is kept orthogonal by its layer, and what comes back "
        "differs by up to N; give it 'orthogonal' by a rule, or leave it alone with rules=[('2.weight', 'skip')]",
    ),
    "no inverse": (
        parametrized(Shifted), None,
        "2.weight cannot hold what the plan draws for it: it is stored through the right_inverse of Shifted, and what "
        "comes back differs by up to N; give it another law by a rule, or leave it alone with "
        "rules=[('2.weight', 'skip')]",
    ),
    "zeros under a norm": (
        parametrizations.weight_norm, "zeros",
        "2.weight cannot hold what the plan draws for it: it is stored as its norm and its direction, and what comes "
        "back is not finite; give it another law by a rule, or leave it alone with rules=[('2.weight', 'skip')]",
    ),
    "zeros under an older norm": (
        nn.utils.spectral_norm, "zeros",
        "2.weight cannot hold what the plan draws for it: it is divided by its largest singular value where it is "
        "used, and what comes back is not finite; give it another law by a rule, or leave it alone with "
        "rules=[('2.weight', 'skip')]",
    ),
    "an inverse that raises": (
        parametrized(Refusing), None,
        "2.weight cannot hold what the plan draws for it: it is stored through the right_inverse of Refusing, and "
        "NotImplementedError: not that way round; leave it alone with rules=[('2.weight', 'skip')]",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "law", "message"), REFUSED.values(), ids=REFUSED)
def test_a_law_that_a_weight_cannot_hold_is_refused_and_nothing_changes(
    change: Change, law: str | None, message: str
) -> None:
    model = net(change)
    plan = glorot.plan(model, rules=None if law is None else [("2.weight", law)])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    used = model[2].weight.detach().clone()
    with pytest.raises(GlorotError) as caught:
        glorot.apply(plan, model, seed=0)
    assert re.sub(r"up to [\d.]+", "up to N", str(caught.value)) == message
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(model[2].weight, used)
    glorot.apply(glorot.plan(model, rules=[("2.weight", "skip")]), model, seed=0)


def test_a_weight_that_is_computed_from_what_another_layer_holds_is_refused_where_both_are_written() -> None:
    table, head = nn.Embedding(8, 8), nn.Linear(8, 8, bias=False)
    head.weight = table.weight
    parametrizations.spectral_norm(head)
    model = nn.ModuleDict({"table": table, "head": head})
    with pytest.raises(GlorotError) as caught:
        glorot.initialize(model, seed=0)
    assert str(caught.value) == (
        "head.weight is computed from what table.weight holds too, so that writing one changes the other; give one a "
        "copy, or leave it alone with rules=[('head.weight', 'skip')]"
    )
    glorot.initialize(model, seed=0, rules=[("head.weight", "skip")])


def test_a_parametrization_that_raises_is_named() -> None:
    model = net(EVERY["symmetric"])
    model[2].parametrizations.weight[0].forward = lambda half: half @ torch.ones(3)
    with pytest.raises(GlorotError) as caught:
        glorot.plan(model)
    assert str(caught.value).startswith(
        "2.weight cannot be computed from what is stored: it is stored through the right_inverse of Symmetric, which "
        "raised RuntimeError: size mismatch"
    )


def test_a_parametrization_without_an_inverse_is_planned_by_what_it_stores() -> None:
    class Adapted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.randn(2, 8)), nn.Parameter(torch.zeros(8, 2))

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight + self.b @ self.a

    model = net(parametrized(Adapted))
    with pytest.raises(GlorotError) as caught:
        glorot.plan(model, inputs=False)
    assert (
        "  2.parametrizations.weight.original  8×8  in ParametrizationList, where Adapted has no right_inverse\n"
        in str(caught.value)
    )
    rules = [("2.parametrizations.weight.*", "skip"), ("2.parametrizations.weight.original", "normal(std=0.1)")]
    glorot.initialize(model, seed=0, inputs=False, rules=rules)
    assert float(model[2].weight.detach().std()) == pytest.approx(0.1, rel=0.3)
