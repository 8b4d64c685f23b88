"""The weights of attention that PyTorch computes as one with the rest: what they make of the values, and their figures."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

import glorot
from glorot.torch.attending import QUERIES, weights_of

EXAMPLES, HEADS, LENGTH, KEYS, WIDTH = 2, 4, 300, 24, 8


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def hiding(*shape: int) -> Tensor:
    hidden = torch.rand(shape, generator=torch.Generator().manual_seed(0)) < 0.5
    hidden[..., 0] = True
    return hidden


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        (KEYS, {}),
        (KEYS, {"scale": 3.0}),
        (LENGTH, {"is_causal": True}),
        (KEYS, {"is_causal": True}),
        (KEYS, {"attn_mask": hiding(LENGTH, KEYS)}),
        (KEYS, {"attn_mask": hiding(EXAMPLES, 1, 1, KEYS)}),
        (KEYS, {"attn_mask": drawn(EXAMPLES, HEADS, LENGTH, KEYS)}),
        (KEYS, {"enable_gqa": True}),
    ],
)
def test_they_make_of_the_values_what_the_function_returns(keys: int, options: dict[str, Any]) -> None:
    heads = 2 if "enable_gqa" in options else HEADS
    query, key, value = drawn(EXAMPLES, HEADS, LENGTH, WIDTH), drawn(EXAMPLES, heads, keys, WIDTH), drawn(keys, 5)
    value = value.expand(EXAMPLES, heads, keys, 5)
    right = scaled_dot_product_attention(query, key, value, **options)
    weights = weights_of((query, key, value), options)
    step = -(-LENGTH // QUERIES)
    assert weights.shape == (EXAMPLES, HEADS, LENGTH // step, keys)
    torch.testing.assert_close(weights @ value.repeat_interleave(HEADS // heads, 1), right[..., step // 2 :: step, :])


def test_a_query_that_sees_no_key_has_no_weights_and_no_nan() -> None:
    hidden = torch.ones(4, 4, dtype=torch.bool).tril(-1)
    weights = weights_of([drawn(1, 4, 3)] * 3, {"attn_mask": hidden})
    assert weights[0, 0].tolist() == [0.0] * 4
    torch.testing.assert_close(weights[0, 1:].sum(-1), torch.ones(3))


class Attend(nn.Module):
    def __init__(self, is_fused: bool) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(32, 32) for _ in "qkv")
        self.is_fused = is_fused

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (4, 8)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        if self.is_fused:
            return scaled_dot_product_attention(q, k, v, dropout_p=0.1)
        return (q @ k.mT / 8**0.5).softmax(-1) @ v


def attend(is_fused: bool, scale: float) -> glorot.checks.Report:
    torch.manual_seed(0)
    model = Attend(is_fused)
    with torch.no_grad():
        for layer in (model.q, model.k):
            layer.weight.mul_(scale)
    return glorot.check(model, drawn(4, 16, 32), select="GL407")


@pytest.mark.parametrize(("scale", "codes"), [(12.0, ["GL407"]), (1.0, [])])
def test_the_check_says_of_fused_attention_what_it_says_where_it_is_written_out(scale: float, codes: list[str]) -> None:
    fused, plain = attend(True, scale), attend(False, scale)
    assert [one.code for one in fused.findings] == [one.code for one in plain.findings] == codes
    if codes:
        assert fused.findings[0].figure == pytest.approx(plain.findings[0].figure, rel=1e-3)
    here, there = (next(one for one in report.signal.steps if one.kind == "softmax") for report in (fused, plain))  # type: ignore[union-attr]
    assert here.second_moment == pytest.approx(there.second_moment, rel=1e-3)
    assert here.std_across == pytest.approx(there.std_across, rel=1e-3)


class Masked(Attend):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (4, 8)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        return scaled_dot_product_attention(q, k, v, attn_mask=torch.eye(16, dtype=torch.bool))


def test_a_mask_that_leaves_one_position_is_not_to_blame() -> None:
    torch.manual_seed(0)
    assert not glorot.check(Masked(is_fused=True), drawn(4, 16, 32), select="GL407").findings
