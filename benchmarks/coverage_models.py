"""Small models of `transformers` of every type, and the batches that glorot makes for them."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import torch
import torch._dynamo  # before TensorFlow, which some models bring, for after it Triton ends the process
from coverage_reach import reached
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig

from glorot.torch.batches import arguments
from glorot.torch.model import layers
from glorot.torch.seeing import own_batch

WORDS = 100
SIZES: tuple[tuple[str, int, int], ...] = (  # a pattern for the names of fields, and what they are: small, and wide
    (r"\w*vocab_size\w*|encoder_hash_byte_group_vocab", WORDS, WORDS),
    (r"num_key_value_heads|num_kv_heads|n_head_kv", 2, 4),
    (r"linear_num_key_heads", 2, 2),
    (r"(\w+_)?(heads?|n_heads)", 4, 4),
    (r"max_position_embeddings|n_positions|n_ctx|max_target_positions", 64, 64),
    (r"(attention_|v_|index_|qk_nope_|linear_key_|linear_value_|qk_)?head_dim", 16, 64),
    (r"qk_rope_head_dim", 16, 64),
    (r"q_lora_rank", 32, 32),
    (r"kv_lora_rank", 24, 24),
    (r"hidden_size|out_hidden_size|d_model|n_embd|dim|hidden_dim|projection_dim|projection_size", 64, 256),
    (r"word_embed_proj_dim|emb_dim|encoder_hidden_size|decoder_hidden_size", 64, 256),
    (r"(\w+_)?(ffn_dim|ffn_hidden_size|d_ff|n_inner)|intermediate_size", 96, 160),
    (r"(moe|shared|\w+_experts?)_intermediate_size", 48, 48),
    (r"num_local_experts|n_routed_experts|num_experts|moe_num_experts", 4, 4),
    (r"num_experts_per_tok|moe_topk|moe_top_k|moe_k|index_topk", 2, 2),
    (r"n_group|topk_group|n_shared_experts|first_k_dense_replace", 1, 1),
    (r"(mamba_)?n_groups", 2, 2),
    (r"num_queries|two_stage_num_proposals", 10, 10),
    (r"(\w+_)?(layers?|blocks|depth|num_layers|n_layers)", 2, 2),
)
UNCHECKED = "ignore_keys_at_rope_validation"
"""The field that names what a configuration of rotations may hold besides the usual."""

IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
LACKING = {
    "head_dim": 16,
    "num_key_value_heads": 4,
    "num_experts_per_tok": 2,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "n_group": 1,
    "topk_group": 1,
    "vocab_size": WORDS,
    "pad_token_id": 0,
    "mask_token_id": 3,
    "prediction_length": 8,
    "context_length": 8,
    "num_time_features": 1,
    "layer_types": ["conv", "full_attention"],
    "mlp_layer_types": ["dense", "sparse"],
    "vocabulary_map": {"<image>": WORDS - 5, "<|extra_200|>": 4},
    "vocab_map": {"<image>": WORDS - 5, "<|extra_200|>": 4},
}
"""Fields that some configurations leave open, though each checkpoint says them."""

MOST_WEIGHTS = 40_000_000
"""Weights of a model that is also built with memory."""

MOST_REACHED = 1_400_000_000
"""Weights of a model that is built with memory where nothing else tells what a batch reaches."""


def smaller(config: PreTrainedConfig, size: str) -> dict[str, Any]:
    """Return the arguments that make a configuration small: those of its fields that have a smaller value."""
    made: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = vars(config).get(field.name)  # to ask for what varies between layers is an error
        if isinstance(value, PreTrainedConfig):
            made[field.name] = {"model_type": value.model_type, **smaller(value, size)}
        elif value is None and re.fullmatch(
            r"(image|video)_token_(id|index)", field.name
        ):  # as every checkpoint has one
            made[field.name] = WORDS - 5
        elif isinstance(value, int) and not isinstance(value, bool):
            chosen = _size(field.name, value, "small" if size == "filled" else size)
            if chosen is not None and chosen < value:
                made[field.name] = chosen
    kinds = vars(config).get("layer_types")
    if kinds and "num_hidden_layers" in made:  # as many as show every kind of layer
        made["num_hidden_layers"] = min(n for n in range(2, len(kinds) + 1) if {*kinds[:n]} == {*kinds})
    rotary = vars(config).get("rope_parameters") or {}
    if size in ("small", "filled") and "mrope_section" in {*rotary, *getattr(config, UNCHECKED, ())}:
        is_half = rotary.get("partial_rotary_factor") == 0.5
        made["rope_parameters"] = {**rotary, "mrope_section": [1, 1, 2] if is_half else [2, 3, 3]}
    return {**made, **filled(config, made)} if size == "filled" else made


def filled(config: PreTrainedConfig, made: dict[str, Any]) -> dict[str, Any]:
    """Return what a small configuration lacks: fields that are left open, and sizes that follow from others."""
    usual = vars(config) | made
    more = {name: value for name, value in LACKING.items() if name in usual and usual[name] is None}
    if usual.get("kv_lora_rank") is not None:  # latent attention has as many keys as queries
        sizes = {"num_key_value_heads": 4, "qk_head_dim": 32, "head_dim": 16}
        more |= {name: value for name, value in sizes.items() if name in usual}
    for heads, size in (("num_heads", "head_dim"), ("mamba_n_heads", "mamba_d_head")):  # of a state space
        if heads in usual and "expand" in " ".join(usual):
            more |= {heads: 8, size: 16} | ({"mamba_d_ssm": 128} if "mamba_d_ssm" in usual else {})
    return more


def _size(name: str, value: int, size: str) -> int | None:
    if name.endswith(("_token_id", "_token_index")):
        return IDS.get(name, WORDS - 10 + sum(map(ord, name)) % 10) if value >= WORDS else None
    if size == "shallow" and not re.search("vocab|layer|block|depth|expert", name):
        return None
    fitting = (row for row in SIZES if re.fullmatch(row[0], name))
    return next((wide if size == "wide" else small for _, small, wide in fitting), None)


def configurations(kind: str) -> Iterator[tuple[str, PreTrainedConfig]]:
    """Yield configurations of a type of model: small, with wide heads, small with nothing open, shallow, as it is."""
    usual = AutoConfig.for_model(kind)
    for size in ("small", "wide", "filled", "shallow"):
        try:
            yield size, AutoConfig.for_model(kind, **smaller(usual, size))
        except Exception:  # whatever a configuration thinks of sizes that do not fit each other
            continue
    yield "usual", usual


def built(config: PreTrainedConfig, device: str) -> nn.Module:
    for one in (config, *(value for value in vars(config).values() if isinstance(value, PreTrainedConfig))):
        if hasattr(one, "use_cache"):
            one.use_cache = False
    with torch.device(device):
        model: nn.Module = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    return model.eval()


def best_batch(model: nn.Module) -> tuple[dict[str, Tensor], set[str], str]:
    """Return the batch that glorot makes for a model, what autograd says it reaches, or why there is no batch."""
    own = own_batch(model, layers(model))
    if own is None:
        return {}, set(), "glorot makes no batch that it runs on"
    batch, device = named(own[0].inputs, model), next(model.parameters()).device
    try:
        return batch, reached(model, {name: placed(value, device) for name, value in batch.items()}), ""
    except TimeoutError:
        raise
    except Exception as error:  # of whatever kind a model raises
        return batch, set(), f"{type(error).__name__}: {error}".splitlines()[0][:200]


def named(inputs: Any, model: nn.Module) -> dict[str, Tensor]:
    """Return a batch by the names of the arguments that it is for."""
    if isinstance(inputs, dict):
        return inputs
    positional = inputs if isinstance(inputs, tuple) else (inputs,)
    return dict(zip(arguments(model) or (), positional, strict=False))


def placed(value: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device; what a large one of glorot's does not hold is drawn."""
    return torch.randn(value.shape) if value.is_meta and device.type != "meta" else value.to(device)
