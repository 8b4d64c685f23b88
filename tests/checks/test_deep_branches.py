"""Deep residual models that `auto` starts: GL307 warns of none of them, and still of those that are truly unscaled."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import glorot
from glorot.inventory import Branch
from glorot.plans import Plan
from glorot.schemes import balanced

WIDTH = 32
TOKENS = torch.randint(3, 90, (2, 8), generator=torch.Generator().manual_seed(0))
PIXELS = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))

SIZES = {
    "vocab_size": 100, "hidden_size": WIDTH, "intermediate_size": 64, "num_attention_heads": 2,
    "num_hidden_layers": 12, "max_position_embeddings": 16, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
ENCODER_DECODER = {
    "vocab_size": 100, "d_model": WIDTH, "d_kv": 16, "d_ff": 64, "num_layers": 6, "num_decoder_layers": 6,
    "num_heads": 2, "encoder_layers": 6, "decoder_layers": 6, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 16,
    "decoder_start_token_id": 0,
}  # fmt: skip
IMAGES = SIZES | {"image_size": 16, "patch_size": 8}

TRANSFORMERS: dict[str, tuple[dict[str, Any], Any, int]] = {
    "gpt2": ({"vocab_size": 100, "n_layer": 12, "n_embd": WIDTH, "n_head": 2, "n_positions": 16}, TOKENS, 24),
    "llama": (SIZES | {"num_hidden_layers": 24}, TOKENS, 48),
    "qwen3": (SIZES | {"head_dim": 16, "num_key_value_heads": 2}, TOKENS, 24),
    "mixtral": (SIZES | {"num_local_experts": 4, "num_key_value_heads": 2}, TOKENS, 24),
    "mamba": (SIZES | {"num_hidden_layers": 16}, TOKENS, 16),
    "opt": (SIZES | {"ffn_dim": 64, "word_embed_proj_dim": WIDTH}, TOKENS, 24),
    "gpt_neox": (SIZES, TOKENS, 12),
    "falcon": (SIZES, TOKENS, 12),
    "bert": (SIZES, TOKENS, 24),
    "albert": (SIZES | {"embedding_size": 16}, TOKENS, 24),
    "olmo2": (SIZES, TOKENS, 24),
    "t5": (ENCODER_DECODER, {"input_ids": TOKENS, "decoder_input_ids": TOKENS}, 12),
    "bart": (ENCODER_DECODER, TOKENS, 12),
    "vit": (IMAGES, PIXELS, 24),
    "resnet": ({"embedding_size": 8, "depths": [2, 2, 8, 2], "hidden_sizes": [8, 16, 16, 16]}, PIXELS, 14),
}
"""Types of models with their sizes, a batch, and how many branches their first stream has."""

PLAIN = ("gpt_neox", "llama", "mixtral", "opt", "vit")
"""Those that one law for all kernels starts unscaled, before norms."""


class Block(nn.Module):
    """A residual block with a norm before its branch, after the sum, at the end of the branch, or nowhere."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place
        self.up, self.down, self.norm = nn.Linear(WIDTH, 64), nn.Linear(64, WIDTH), nn.LayerNorm(WIDTH)
        self.gamma = nn.Parameter(torch.full((WIDTH,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        branch = self.down(torch.relu(self.up(self.norm(x) if self.place == "before" else x)))
        if self.place == "in the branch":
            return x + self.norm(branch)  # type: ignore[no-any-return]
        if self.place == "layer scale":
            return x + self.gamma * branch  # type: ignore[no-any-return]
        total: Tensor = x + branch
        return self.norm(total) if self.place == "after" else total


def blocks(place: str) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, WIDTH), *[Block(place) for _ in range(24)], nn.Linear(WIDTH, 4))


def of_transformers(kind: str) -> nn.Module:
    from transformers import CONFIG_MAPPING, AutoModel

    return AutoModel.from_config(CONFIG_MAPPING[kind](**TRANSFORMERS[kind][0])).eval()  # type: ignore[no-any-return]


def started(build: Callable[[], nn.Module], batch: Any, recipe: str) -> tuple[Plan, list[str]]:
    """Return the plan of a model, and what GL307 and GL408 find once it is applied."""
    model = build()
    plan = glorot.plan(model, recipe, inputs=batch)
    glorot.apply(plan, model, seed=0, inputs=batch)
    return plan, [one.code for one in glorot.check(model, batch, select=["GL307", "GL408"]).findings]


@pytest.mark.parametrize(
    ("place", "factor"),
    [("before", 24**-0.5), ("after", 24**-0.5), ("nowhere", 24**-0.5), ("in the branch", 1.0), ("layer scale", 1.0)],
)
def test_auto_scales_the_ends_that_nothing_else_scales(place: str, factor: float) -> None:
    plan, found = started(lambda: blocks(place), torch.randn(4, 8), "auto")
    ends = [plan[f"{number}.down.weight"] for number in range(1, 25)]
    assert [one.branch for one in ends] == [Branch(1, number, 24) for number in range(1, 25)]
    unscaled = balanced("relu")(ends[0].fans).std
    assert {round(one.distribution.std / unscaled, 9) for one in ends if one.distribution} == {round(factor, 9)}
    told = "gain for relu" + " × 1/√24, for it ends one of 24 branches" * (factor < 1)
    assert {one.why for one in ends} == {told}
    assert found == []


@pytest.mark.parametrize(("place", "codes"), [("before", ["GL307"]), ("nowhere", ["GL307", "GL408"]), ("after", [])])
def test_one_law_for_all_kernels_is_found_where_no_norm_follows_the_sums(place: str, codes: list[str]) -> None:
    _, found = started(lambda: blocks(place), torch.randn(4, 8), "he_normal")
    assert found == codes


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of the models
@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_no_deep_architecture_that_auto_starts_is_warned_of(kind: str) -> None:
    batch, count = TRANSFORMERS[kind][1:]
    plan, found = started(lambda: of_transformers(kind), batch, "auto")
    assert next(one.branch.count for one in plan if one.branch) == count
    assert "GL307" not in found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", PLAIN)
def test_architectures_that_one_law_starts_unscaled_are_warned_of(kind: str) -> None:
    _, found = started(lambda: of_transformers(kind), TRANSFORMERS[kind][1], "normal(std=0.02)")
    assert "GL307" in found
