"""Fused projections of model libraries: cut into blocks with fans of their own."""

import numpy as np
import pytest
import torch
from torch import nn

import glorot
from glorot.fans import Fans


class Attention(nn.Module):
    """A block as vision transformers write it."""

    def __init__(self, dim: int, keys: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, dim + 2 * keys)
        self.proj = nn.Linear(dim, dim)


def test_equal_blocks_are_planned_one_by_one():
    model = Attention(8, 8)
    plan = glorot.plan(model, "xavier")
    assert [entry.name for entry in plan.entries[:6]] == [
        f"qkv.{kind}[{p}]" for kind in ("weight", "bias") for p in "qkv"
    ]
    assert plan["qkv.weight[k]"].fans == Fans(8.0, 8.0)
    glorot.apply(plan, model, seed=1)
    for n, piece in enumerate("qkv"):
        drawn = glorot.draw("xavier_uniform", (8, 8), seed=1, name=f"qkv.weight[{piece}]").T
        np.testing.assert_array_equal(model.qkv.weight[8 * n : 8 * (n + 1)].detach().numpy(), drawn)


def test_shared_keys_are_left_whole():
    plan = glorot.plan(Attention(8, 4))
    assert plan["qkv.weight"].fans == Fans(8.0, 16.0)


def test_gate_and_up_are_two_layers():
    model = nn.ModuleDict({"gate_up_proj": nn.Linear(6, 20, bias=False)})
    plan = glorot.plan(model)
    assert [entry.name for entry in plan.entries] == ["gate_up_proj.weight[gate]", "gate_up_proj.weight[up]"]
    assert plan["gate_up_proj.weight[up]"].fans == Fans(6.0, 10.0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_transposed_projection_of_a_real_gpt2():
    from transformers import GPT2Config, GPT2Model

    model = GPT2Model(GPT2Config(n_layer=1, n_embd=12, n_head=2, vocab_size=10, n_positions=8))
    for parameter in model.parameters():
        parameter.data.fill_(torch.nan)
    plan = glorot.plan(model, "xavier")
    assert plan["h.0.attn.c_attn.weight[v]"].fans == Fans(12.0, 12.0)
    glorot.apply(plan, model, seed=3)
    drawn = glorot.draw("xavier_uniform", (12, 12), seed=3, name="h.0.attn.c_attn.weight[v]")
    np.testing.assert_array_equal(model.h[0].attn.c_attn.weight[:, 24:].detach().numpy(), drawn)
    assert not any(torch.isnan(parameter).any() for parameter in model.parameters())
