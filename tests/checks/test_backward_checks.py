"""Checks of the family 5xx: what the gradient does on its way back, and the first step of an optimizer."""

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


def deep(depth: int, phi: type[nn.Module] = nn.Tanh, width: int = 64) -> nn.Sequential:
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), phi())]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def batch(examples: int = 32, width: int = 64) -> Tensor:
    return torch.randn(examples, width, generator=torch.Generator().manual_seed(1))


def classes(examples: int = 32) -> Tensor:
    return torch.arange(examples) % 10


def found(model: Any, code: str, *args: Any, **more: Any) -> list[Finding]:
    return list(glorot.check(model, *args, select=code, **more).findings)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


# ---- GL501 -----------------------------------------------------------------------------------------------------------


def language_model(scale: float) -> nn.Sequential:
    norm = nn.RMSNorm(32)
    nn.init.constant_(norm.weight, scale)
    return nn.Sequential(nn.Embedding(64, 32), nn.Linear(32, 32), norm, nn.Linear(32, 64, bias=False))


def test_a_final_norm_of_zeros_is_the_cause_and_not_what_it_silences() -> None:
    tokens = torch.arange(64).view(4, 16)
    (one,) = found(language_model(0.0), "GL501", tokens, tokens)
    assert str(one) == (
        "GL501 error: 2.weight: multiplies by zero, so that no kernel or embedding gets a gradient (3, expected 0)"
    )
    assert not found(language_model(1.0), "GL501", tokens, tokens)


def test_two_kernels_of_zeros_wait_for_each_other() -> None:
    model = deep(1)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    (one,) = found(model, "GL501", batch(), classes())
    assert one.severity == "error"
    assert one.paths == ("0.weight", "2.weight")
    assert one.why == "holds zeros and gets no gradient, and neither does what waits for it"


def test_dead_units_stop_the_gradient_of_all_before_them() -> None:
    model = deep(3, nn.ReLU)
    nn.init.constant_(model[2].bias, -50)
    (one,) = found(model, "GL501", batch(), classes())
    assert one.path == "2.bias"
    assert one.why == "keeps all units below zero, so that no kernel or embedding up to its activation gets a gradient"


def test_shares_of_one_example_say_nothing_of_the_weights() -> None:
    def shares(classes: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, classes), nn.Softmax(-1))

    assert not found(shares(1), "GL501", batch())
    saturated = shares(10)
    saturated[2].weight.data *= 1e6  # the shares are 0 and 1, and not all of them 1
    (one,) = found(saturated, "GL501", batch())
    assert one.path == "2.weight"


class Pooled(nn.Module):
    """The mean of the positions that a mask leaves, as products, or by filling with zeros."""

    def __init__(self, is_filled: bool) -> None:
        super().__init__()
        self.embed, self.body, self.head = nn.Embedding(16, 64), nn.Linear(64, 64), nn.Linear(64, 10)
        self.is_filled = is_filled

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        hidden, left = torch.relu(self.body(self.embed(tokens))), mask.unsqueeze(-1)
        kept = hidden.masked_fill(left == 0, 0) if self.is_filled else hidden * left
        found: Tensor = self.head(kept.mean(1))
        return found


TOKENS = torch.arange(32).view(4, 8) % 16
EMPTY = "holds only zeros, so that kernels or embeddings get no gradient, whatever they hold"
ASKS_NOTHING = "asks nothing of the outputs for this batch, so that no kernel or embedding gets a gradient"


@pytest.mark.parametrize("is_filled", [False, True])
def test_a_mask_that_leaves_nothing_is_blamed_and_no_weight(is_filled: bool) -> None:
    for dtype in (torch.float32, torch.bool):
        (one,) = found(Pooled(is_filled), "GL501", (TOKENS, torch.zeros(4, 8, dtype=dtype)), classes(4))
        assert (one.severity, one.paths, one.why) == ("error", ("inputs[1]",), EMPTY)
    assert not found(Pooled(is_filled), "GL501", (TOKENS, torch.ones(4, 8)), classes(4))


def test_inputs_of_zeros_are_blamed_and_no_weight() -> None:
    (one,) = found(deep(3), "GL501", torch.zeros(32, 64), classes())
    assert (one.paths, one.why) == (("inputs",), EMPTY)
    assert one.remedy == "check the model on a batch of real examples, of which a mask leaves some"


def test_an_innocent_array_of_zeros_is_not_blamed_for_dead_units() -> None:
    model = Pooled(False)
    nn.init.constant_(model.body.bias, -50)
    (one,) = found(model, "GL501", (torch.zeros(4, 8, dtype=torch.long), torch.ones(4, 8)), classes(4))
    assert one.paths == ("body.bias",)


def test_targets_that_ask_nothing_are_blamed_and_no_weight() -> None:
    model, x = deep(3), batch()
    (one,) = found(model, "GL501", x, model(x).detach())
    assert (one.paths, one.why) == (("loss",), ASKS_NOTHING)
    ignored = torch.full((32,), -100)
    (one,) = found(model, "GL501", x, ignored)
    assert (one.paths, one.why) == (("loss",), ASKS_NOTHING)
    both = glorot.check(model, x, ignored, select=["GL401", "GL501"]).findings
    assert [one.code for one in both] == ["GL401"]  # of one cause, the first in the forward pass


class Branch(nn.Module):
    def __init__(self, start: float) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(64, 64), nn.Linear(64, 64)
        self.gate = nn.Parameter(torch.tensor(start))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gate * self.down(functional.relu(self.up(x)))


class Adapted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base, self.lora_A, self.lora_B = (nn.Linear(a, b, bias=False) for a, b in ((64, 64), (64, 8), (8, 64)))
        self.base.requires_grad_(False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.lora_B(self.lora_A(x))


def zero_head() -> nn.Module:
    model = deep(3)
    nn.init.zeros_(model[-1].weight)
    return model


def zero_branch() -> nn.Module:
    model = nn.Sequential(Branch(1.0), Branch(1.0), nn.Linear(64, 10))
    for layer in model[:2]:
        nn.init.zeros_(layer.down.weight)
        nn.init.zeros_(layer.down.bias)
    return model


MEANT = {
    "a head of zeros": zero_head,
    "branches that end in zeros": zero_branch,
    "branches behind a gate of zero": lambda: nn.Sequential(Branch(0.0), Branch(0.0), nn.Linear(64, 10)),
    "an adapter": lambda: nn.Sequential(Adapted(), nn.Linear(64, 10)),
    "nothing special": lambda: deep(3),
}


@pytest.mark.parametrize("build", MEANT.values(), ids=MEANT.keys())
def test_zeros_that_open_in_the_first_step_are_meant(build: Any) -> None:
    assert not found(build(), "GL501", batch(), classes())


def test_two_kernels_of_zeros_in_jax() -> None:
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self) -> None:
            zeros, rngs = nnx.initializers.zeros, nnx.Rngs(0)
            self.a = nnx.Linear(64, 32, kernel_init=zeros, rngs=rngs)
            self.b = nnx.Linear(32, 10, kernel_init=zeros, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.b(jnp.tanh(self.a(x)))

    (one,) = found(Net(), "GL501", jnp.asarray(batch().numpy()), jnp.asarray(classes().numpy()))
    assert one.paths == ("a.kernel", "b.kernel")
    assert jax.default_backend()


# ---- GL502 and GL503 -------------------------------------------------------------------------------------------------


def test_gradients_vanish_in_a_deep_net_of_sigmoids() -> None:
    (one,) = found(deep(8, nn.Sigmoid), "GL502", batch(), classes())
    assert one.severity == "warning"
    assert one.paths == tuple(f"{n}.weight" for n in range(2, 16, 2))
    assert one.why.startswith("shrinks the gradient on its way back, of which less than 0.01 is left at ")


def test_gradients_explode_with_weights_that_are_too_large() -> None:
    model = deep(8, nn.ReLU)
    for layer in model[::2]:
        nn.init.normal_(layer.weight, std=0.5)
    (one,) = found(model, "GL503", batch())
    assert one.why == "makes the gradient grow on its way back, to more than 100 times at 4"


@pytest.mark.parametrize("phi", [nn.Tanh, nn.ReLU, nn.GELU])
def test_three_layers_at_pytorchs_default_are_fine(phi: type[nn.Module]) -> None:
    assert not found(deep(3, phi), "GL5", batch(), classes())


# ---- GL505 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lr", "why"), [(0.1, "changes by a large part of itself in the first step"), (1e-3, "")])
def test_a_first_step_that_is_too_large(lr: float, why: str) -> None:
    model = deep(2)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    reasons = {one.why for one in found(model, "GL505", batch(), classes(), optimizer=optimizer)}
    assert reasons == ({why} if why else set())


def test_the_tensor_that_is_too_small_for_the_rate_is_named() -> None:
    model = deep(2)
    nn.init.normal_(model[2].weight, std=0.002)
    (one,) = found(model, "GL505", batch(), classes(), optimizer=torch.optim.Adam(model.parameters()))
    assert one.path == "2.weight"
    assert one.figure == pytest.approx(0.5, rel=0.1)


def test_several_optimizers_step_together() -> None:
    model = deep(2)
    optimizers = [torch.optim.SGD(model[:4].parameters(), lr=1e-2), torch.optim.Adam(model[4:].parameters(), lr=0.2)]
    assert [one.path for one in found(model, "GL505", batch(), classes(), optimizer=optimizers)] == ["4.weight"]


def test_a_rate_that_moves_nothing_and_a_warm_up_that_will() -> None:
    model = deep(2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-10)
    (one,) = found(model, "GL505", batch(), classes(), optimizer=optimizer)
    assert len(one.paths) == 3
    assert one.why == "hardly changes in the first step"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) * 1e-11)
    assert not found(model, "GL505", batch(), classes(), optimizer=optimizer)


def test_an_optimizer_that_cannot_step_by_itself_ends_nothing() -> None:
    model = deep(2)
    report = glorot.check(
        model, batch(), classes(), optimizer=torch.optim.LBFGS(model.parameters()), select="GL505,GL501"
    )
    assert report.ok
    assert [one.why for one in report.unasked] == ["needs a batch, and an optimizer that steps"]


# ---- GL506 -----------------------------------------------------------------------------------------------------------


class Root(nn.Module):
    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return torch.sqrt((x * (x > 0)) ** 2 + self.eps)


@pytest.mark.parametrize(("eps", "count"), [(0.0, 1), (1e-6, 0)])
def test_a_root_at_zero_has_no_gradient(eps: float, count: int) -> None:
    model = nn.Sequential(nn.Linear(64, 64), Root(eps), nn.Linear(64, 10))
    findings = found(model, "GL506", batch(), classes())
    assert [str(one) for one in findings] == [
        "GL506 error: 0.weight: gets a gradient of NaN or infinity, though the loss is a number"
    ] * count
    assert not math.isnan(glorot.measure(model, batch(), classes()).loss)


def test_a_parameter_without_elements_has_no_gradient_to_judge() -> None:
    class Registers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.registers, self.out = nn.Parameter(torch.zeros(0, 64)), nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(torch.cat([x, self.registers]))

    assert not found(Registers(), "GL506", batch(), classes())
