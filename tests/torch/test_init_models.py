"""Whole models whose own code initialises them, with the import line changed and nothing else."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glorot.torch import init

Build = Callable[[], nn.Module]

LAYERS: dict[str, Build] = {
    "transformer": lambda: nn.Transformer(96, 4, 1, 1, 192, batch_first=True),
    "convolutions": lambda: nn.Sequential(
        nn.Conv2d(32, 48, 3, groups=2), nn.ConvTranspose1d(64, 32, 5), nn.Bilinear(16, 16, 32)
    ),
    "recurrent": lambda: nn.Sequential(nn.LSTM(64, 64), nn.GRUCell(64, 64), nn.Embedding(200, 64)),
}


@pytest.fixture
def in_torch_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the layers of PyTorch initialise themselves by the drop-in."""
    for module in vars(nn.modules).values():
        for name, thing in list(vars(module).items()) if inspect.ismodule(module) else ():
            if thing is nn.init:
                monkeypatch.setattr(module, name, init)
            elif name in init.__all__ and thing is getattr(nn.init, name):
                monkeypatch.setattr(module, name, getattr(init, name))


def spreads(model: nn.Module) -> dict[str, float]:
    return {name: float(p.detach().double().std()) for name, p in model.named_parameters() if p.numel() >= 500}


@pytest.mark.parametrize("build", LAYERS.values(), ids=list(LAYERS))
def test_the_layers_of_torch_start_alike_by_the_drop_in(build, request):
    torch.manual_seed(0)
    theirs = build()
    request.getfixturevalue("in_torch_itself")
    torch.manual_seed(0)
    ours = build()
    assert spreads(ours) == pytest.approx(spreads(theirs), rel=0.08)
    assert spreads(ours)
    assert any(not torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    torch.manual_seed(0)
    for again, before in zip(build().parameters(), ours.parameters(), strict=True):
        assert torch.equal(again, before)


class Net(nn.Module):
    """A model with an `_init_weights` as repositories have it, by names of the module `init`."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module
        self.embed = nn.Embedding(300, 64, padding_idx=0)
        self.body = nn.Sequential(nn.Conv1d(64, 96, 3), nn.ReLU(), nn.BatchNorm1d(96), nn.Conv1d(96, 96, 3, bias=False))
        self.gate = nn.Linear(96, 96)
        self.head = nn.Linear(64, 300, bias=False)
        self.head.weight = self.embed.weight
        self.token = nn.Parameter(torch.empty(8, 1, 64))
        self.apply(self._init_weights)
        module.trunc_normal_(self.token, std=0.02, a=-0.04, b=0.04)

    @torch.no_grad()
    def _init_weights(self, m: nn.Module) -> None:
        init = self.module
        if isinstance(m, nn.Linear):
            init.orthogonal_(m.weight, gain=init.calculate_gain("tanh"))
            if m.bias is not None:
                fan_in, _ = init._calculate_fan_in_and_fan_out(m.weight)
                init.uniform_(m.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))
        elif isinstance(m, nn.Conv1d):
            init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            if m.bias is not None:
                init.zeros_(m.bias)
        elif isinstance(m, nn.Embedding):
            init.normal_(m.weight, mean=0.0, std=64**-0.5)
            init.constant_(m.weight[m.padding_idx], 0)
        elif isinstance(m, nn.BatchNorm1d):
            init.ones_(m.weight)
            init.zeros_(m.bias)


def test_a_model_with_init_weights_starts_alike_and_trains():
    torch.manual_seed(0)
    ours, theirs = Net(init), Net(nn.init)
    assert spreads(ours) == pytest.approx(spreads(theirs), rel=0.08)
    assert ours.head.weight is ours.embed.weight
    assert all(p.requires_grad and p.grad_fn is None for p in ours.parameters())
    x = ours.embed(torch.randint(0, 300, (4, 11))).transpose(1, 2)
    loss = (ours.gate(ours.body(x).mean(-1)) ** 2).mean() + ours.token.square().mean() + ours.head(x.mean(-1)).mean()
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in ours.parameters())


def gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=64, n_head=2, vocab_size=500, n_positions=32))


def bert() -> nn.Module:
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 64, "intermediate_size": 96, "vocab_size": 500}
    return BertModel(BertConfig(num_hidden_layers=1, num_attention_heads=2, **sizes))


@pytest.mark.parametrize("build", [gpt2, bert])
def test_models_of_transformers_start_alike(build, monkeypatch):
    from transformers import initialization

    torch.manual_seed(0)
    theirs = build()
    calls: list[str] = []

    def counted(name: str) -> Callable[..., Tensor]:
        def call(*args: Any, **kwargs: Any) -> Tensor:
            calls.append(name)
            return getattr(init, name)(*args, **kwargs)

        return call

    for name in initialization.TORCH_INIT_FUNCTIONS:
        monkeypatch.setitem(initialization.TORCH_INIT_FUNCTIONS, name, counted(name))
    torch.manual_seed(0)
    ours = build()
    assert {"normal_", "zeros_", "ones_"} <= set(calls)
    assert spreads(ours) == pytest.approx(spreads(theirs), rel=0.08)


def test_the_functions_of_torch_can_be_replaced_for_a_whole_program(monkeypatch):
    for name in nn.init.__all__:
        monkeypatch.setattr(nn.init, name, getattr(init, name))
    torch.manual_seed(0)
    layer = nn.Linear(64, 64)
    torch.manual_seed(0)
    expected = init.kaiming_uniform_(torch.empty(64, 64), a=math.sqrt(5))
    assert torch.equal(layer.weight, expected)
    assert nn.LayerNorm(4).weight.tolist() == [1, 1, 1, 1]
