"""Checks of the family 4xx: what the signal does on its way forward."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import glorot
from glorot.checks import Finding
from glorot.checks.chains import chains, multiplies, seen_steps, weight_of
from glorot.checks.constant import with_constant
from glorot.checks.evidence import Answer, Evidence
from glorot.inventory import Inventory
from glorot.probe.collector import observed, signal_of


def deep(depth: int, phi: type[nn.Module] = nn.Tanh, width: int = 64) -> nn.Sequential:
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), phi())]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def batch(examples: int = 32, width: int = 64) -> Tensor:
    return torch.randn(examples, width, generator=torch.Generator().manual_seed(1))


def found(model: Any, code: str, *args: Any, **more: Any) -> list[Finding]:
    return list(glorot.check(model, *args, select=code, **more).findings)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def evidence_of(model: nn.Module, inputs: Tensor) -> Evidence:
    seen = observed(model, inputs)
    return Evidence(Inventory("torch", ()), {}, observed=seen, signal=signal_of(seen))


class Block(nn.Module):
    def __init__(self, width: int, *, with_norm: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width) if with_norm else nn.Identity()
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        for layer in (self.up, self.down):
            nn.init.kaiming_normal_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(functional.relu(self.up(self.norm(x))))


class Attend(nn.Module):
    def __init__(self, std: float) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(64, 64) for _ in "qkv")
        for layer in (self.q, self.k):
            nn.init.normal_(layer.weight, std=std)

    def forward(self, x: Tensor) -> Tensor:
        return (self.q(x) @ self.k(x).mT / 8).softmax(-1) @ self.v(x)


# ---- chains ----------------------------------------------------------------------------------------------------------


def test_a_chain_goes_through_curves_and_pools_and_leaves_out_the_head() -> None:
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    evidence = evidence_of(model, torch.randn(4, 3, 16, 16))
    assert [[one.step.name for one in chain] for chain in chains(evidence)] == [["0", "3", "7"]]
    assert weight_of(evidence, seen_steps(evidence)[1].point) == "0.weight"


def test_a_norm_and_a_sum_end_a_chain() -> None:
    evidence = evidence_of(nn.Sequential(*[Block(16, with_norm=True) for _ in range(3)]), torch.randn(4, 16))
    assert [len(chain) for chain in chains(evidence)] == [2, 2, 2]


def test_one_step_is_no_trend() -> None:
    assert multiplies([1, 0.3, 0.1, 0.03])
    assert not multiplies([1, 1, 1, 0.001])
    assert not multiplies([1, 0.1])
    assert not multiplies([1, 0.1, 0, 0])


class Aside(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(16, 16) for _ in "abc")

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return x * self.c(self.b(x))


def test_a_kernel_that_feeds_something_else_besides_starts_a_chain_no_further_back() -> None:
    names = [[one.step.name for one in chain] for chain in chains(evidence_of(Aside(), torch.randn(4, 16)))]
    assert names == [["a"], ["b", "c"]]


# ---- GL401 -----------------------------------------------------------------------------------------------------------


class Apply(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def test_the_first_step_that_is_no_number_is_named_and_nothing_is_raised() -> None:
    model = nn.Sequential(nn.Linear(64, 64), Apply(torch.log), nn.Linear(64, 10))
    one, *others = found(model, "GL401", batch(), torch.randint(10, (32,)))
    assert str(one) == "GL401 error: 0 → a function: makes the first values that are NaN or infinite"
    assert not others


def test_a_loss_that_is_no_number_by_itself_is_said() -> None:
    (one,) = found(deep(1), "GL401", batch(), torch.zeros(32, 10), loss=lambda out, goal: (0 * out - 1).sum().log())
    assert str(one) == "GL401 error: loss: is no number, though the values of every step are"


def test_weights_that_are_no_numbers_are_left_to_gl101() -> None:
    model = deep(2)
    nn.init.constant_(model[2].weight, math.nan)
    report = glorot.check(model, batch(), torch.randint(10, (32,)), select="GL1,GL4")
    assert [one.code for one in report.findings] == ["GL101"]


def test_a_mask_of_minus_infinity_is_no_fault() -> None:
    class Masked(Attend):
        def forward(self, x: Tensor) -> Tensor:
            mask = torch.full((x.shape[1], x.shape[1]), -math.inf).triu(1)
            return (self.q(x) @ self.k(x).mT / 8 + mask).softmax(-1) @ self.v(x)

    assert not found(Masked(0.1), "GL401", torch.randn(4, 12, 64))


# ---- GL402 and GL403 -------------------------------------------------------------------------------------------------


def test_a_deep_tanh_net_at_pytorchs_default_vanishes() -> None:
    (one,) = found(deep(12), "GL402", batch())
    assert one.severity == "warning"
    assert one.paths == tuple(f"{n}.weight" for n in range(2, 24, 2))
    assert one.why == "shrinks the signal, of which less than 0.01 is left at 16"
    assert one.figure < 0.005


def test_weights_of_std_one_explode() -> None:
    model = deep(6, nn.ReLU)
    for layer in model[::2]:
        nn.init.normal_(layer.weight)
    (one,) = found(model, "GL403", batch())
    assert one.paths == tuple(f"{n}.weight" for n in range(2, 12, 2))
    assert one.why == "makes the signal grow, to more than 100 times at 6"


@pytest.mark.parametrize("phi", [nn.Tanh, nn.ReLU, nn.GELU, nn.SiLU])
def test_what_auto_starts_neither_vanishes_nor_explodes(phi: type[nn.Module]) -> None:
    model = glorot.initialize(deep(12, phi), "auto", seed=0, inputs=batch())
    assert not found(model, "GL4,GL5", batch(), torch.randint(10, (32,)))


def test_a_small_head_is_no_vanishing_signal() -> None:
    model = glorot.initialize(deep(4), "auto", seed=0)
    nn.init.normal_(model[-1].weight, std=1e-4)
    assert not found(model, "GL402", batch())


def test_a_jax_net_vanishes_too() -> None:
    keys = jax.random.split(jax.random.key(0), 13)
    weights = {f"w{n:02}": 0.06 * jax.random.normal(key, (64, 64)) for n, key in enumerate(keys)}

    def forward(params: Any, x: Any) -> Any:
        for name in sorted(params):
            x = jnp.tanh(x @ params[name])
        return x

    seen = observed(weights, jnp.asarray(batch().numpy()), forward=forward)
    evidence = Evidence(Inventory("jax", ()), {}, observed=seen, signal=signal_of(seen))
    from glorot.checks.registry import check_named

    (one,) = check_named("GL402").run(evidence)
    assert isinstance(one, Finding)
    assert one.paths[0] == "w01"


# ---- GL404 to GL408 --------------------------------------------------------------------------------------------------


def test_units_that_start_saturated() -> None:
    model = deep(1)
    assert not found(model, "GL404", batch())
    nn.init.normal_(model[0].weight)
    (one,) = found(model, "GL404", batch())
    assert one.path == "0.weight"
    assert one.why == "drives most of tanh to where it is flat"


def test_a_gate_that_a_bias_keeps_closed_is_meant() -> None:
    model = deep(1, nn.Sigmoid)
    nn.init.constant_(model[0].bias, -6)
    assert not found(model, "GL404", batch())


def test_units_that_start_dead() -> None:
    model = deep(1, nn.ReLU)
    assert not found(model, "GL405", batch())
    nn.init.constant_(model[0].bias, -2)
    (one,) = found(model, "GL405", batch())
    assert one.path == "0.bias"
    assert one.why == "feeds relu, of which most units answer alike to all examples"


def test_examples_that_become_one() -> None:
    model = deep(8)
    glorot.initialize(model, "xavier", seed=0)
    assert not found(model, "GL406", batch())
    for layer in model[::2]:
        nn.init.xavier_uniform_(layer.weight, gain=0.7)
        nn.init.normal_(layer.bias, std=0.7)
    (one,) = found(model, "GL406", batch())
    assert one.why == "makes the examples alike, and so they stay to the end"
    assert one.figure > 0.99


def test_examples_that_are_alike_from_the_start_are_no_collapse() -> None:
    assert not found(deep(4), "GL406", torch.ones(8, 64) + 0.01 * batch(8))


PICKS = ["makes the logits so wide that attention picks one position for each query"]


@pytest.mark.parametrize(("std", "why"), [(1.0, PICKS), (0.125, []), (0.02, [])])
def test_attention_that_picks_one(std: float, why: list[str]) -> None:
    assert [one.why for one in found(Attend(std), "GL407", torch.randn(4, 16, 64))] == why


def test_attention_that_averages_all_is_worth_a_note() -> None:
    (one,) = found(Attend(1e-4), "GL407", torch.randn(4, 16, 64))
    assert one.severity == "note"
    assert one.why == "averages all positions, whatever the input"


@pytest.mark.parametrize(("with_norm", "count"), [(False, 1), (True, 0)])
def test_a_stream_without_norms_doubles(with_norm: bool, count: int) -> None:
    model = nn.Sequential(*[Block(64, with_norm=with_norm) for _ in range(12)])
    assert len(found(model, "GL408", batch())) == count


# ---- GL409 -----------------------------------------------------------------------------------------------------------


def entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(outputs, targets)


@pytest.mark.parametrize("loss", [None, entropy], ids=["default", "given"])
def test_a_head_of_std_one_costs_the_first_loss(loss: Any) -> None:
    model, x, y = deep(1, nn.ReLU), batch(), torch.randint(10, (32,))
    assert not found(model, "GL409", x, y, loss=loss)
    nn.init.normal_(model[2].weight, std=2)
    (one,) = found(model, "GL409", x, y, loss=loss)
    assert one.path == "2.weight"
    assert one.why == "makes a first loss far above that of the best constant answer"
    assert one.expected == "about 2.3, at most 3.8"


def test_rare_classes_need_a_bias() -> None:
    model, x = nn.Sequential(nn.Linear(64, 4)), batch(400)
    y = (torch.arange(1600).view(400, 4) % 100 == 0).float()
    loss = nn.BCEWithLogitsLoss()
    (one,) = found(model, "GL409", x, y, loss=loss)
    assert one.path == "0.bias"
    nn.init.normal_(model[0].weight, std=0.01)
    nn.init.constant_(model[0].bias, -math.log(99))
    assert not found(model, "GL409", x, y, loss=loss)


def test_values_far_from_zero_need_a_bias() -> None:
    model, x = deep(1), batch(64)
    values = torch.randn(64, 10)
    assert not found(model, "GL409", x, values)
    (one,) = found(model, "GL409", x, values + 20)
    assert one.path == "2.bias"
    assert one.remedy == "start it at what the targets are on average: log(share), log(p/(1 − p)), or their mean"


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_targets_that_are_all_the_same_say_nothing_of_the_start(kind: str) -> None:
    model, x = deep(1, nn.ReLU), batch(400)
    y = torch.full((400,), 3) if kind == "classes" else torch.full((400, 10), 5.0)
    (one,) = glorot.check(model, x, y, select=["GL310", "GL409"]).findings
    assert (one.code, one.severity, one.paths) == ("GL409", "note", ("targets",))
    assert one.why == "are all the same in this batch, so that its loss says nothing of the start"


def test_a_wide_head_is_found_on_a_batch_of_one() -> None:
    model = deep(1, nn.ReLU)
    nn.init.normal_(model[2].weight, std=2)
    (one,) = found(model, "GL409", batch(1), torch.tensor([0]))
    assert one.path == "2.weight"


def test_a_loss_that_wants_more_than_an_output_has_no_constant_answer() -> None:
    answer = Answer(1.0, shares=torch.tensor([0.5, 0.5]).numpy(), count=8)
    assert math.isnan(with_constant(answer, lambda out, goal: out.logits, None, (8, 2), "torch").uniform)
