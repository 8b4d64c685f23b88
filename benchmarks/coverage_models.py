"""Small models of `transformers` of every type, and batches that they run on."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import torch
from coverage_reach import reached
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig

WORDS = 100
SIZES: tuple[tuple[str, int, int], ...] = (  # a pattern for the names of fields, and what they are: small, and wide
    (r"\w*vocab_size|encoder_hash_byte_group_vocab", WORDS, WORDS),
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
    (r"num_queries|two_stage_num_proposals", 10, 10),
    (r"(\w+_)?(layers?|blocks|depth|num_layers|n_layers)", 2, 2),
)
IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
MOST_WEIGHTS = 40_000_000
"""Weights of a model that is also built with memory."""


def smaller(config: PreTrainedConfig, size: str) -> dict[str, Any]:
    """Return the arguments that make a configuration small: those of its fields that have a smaller value."""
    made: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = vars(config).get(field.name)  # to ask for what varies between layers is an error
        if isinstance(value, PreTrainedConfig):
            made[field.name] = {"model_type": value.model_type, **smaller(value, size)}
        elif isinstance(value, int) and not isinstance(value, bool):
            chosen = _size(field.name, value, size)
            if chosen is not None and chosen < value:
                made[field.name] = chosen
    kinds = vars(config).get("layer_types")
    if kinds and "num_hidden_layers" in made:  # as many as show every kind of layer
        made["num_hidden_layers"] = min(n for n in range(2, len(kinds) + 1) if {*kinds[:n]} == {*kinds})
    rotary = vars(config).get("rope_parameters") or {}
    if size == "small" and "mrope_section" in rotary:
        made["rope_parameters"] = {**rotary, "mrope_section": [2, 3, 3]}
    return made


def _size(name: str, value: int, size: str) -> int | None:
    if name.endswith(("_token_id", "_token_index")):
        return IDS.get(name, WORDS - 10 + sum(map(ord, name)) % 10) if value >= WORDS else None
    if size == "shallow" and not re.search("vocab|layer|block|depth|expert", name):
        return None
    fitting = (row for row in SIZES if re.fullmatch(row[0], name))
    return next((wide if size == "wide" else small for _, small, wide in fitting), None)


def configurations(kind: str) -> Iterator[tuple[str, PreTrainedConfig]]:
    """Yield configurations of a type of model: small, with wide heads, shallow, and as it is."""
    usual = AutoConfig.for_model(kind)
    for size in ("small", "wide", "shallow"):
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


# ---- batches ---------------------------------------------------------------------------------------------------------


def found(config: PreTrainedConfig, *names: str, usual: Any = None) -> Any:
    """Return the first of several fields that a configuration has, or one of those inside it."""
    inner = [value for value in vars(config).values() if isinstance(value, PreTrainedConfig)]
    for name in names:
        for one in (config, *inner):
            value = vars(one).get(name)
            if value is not None and not isinstance(value, PreTrainedConfig):
                return value
    return next((deep for one in inner if (deep := found(one, *names)) is not None), usual)


def _pair(size: Any) -> tuple[int, ...]:
    return tuple(size)[-2:] if isinstance(size, list | tuple) else (size, size)


def _image(config: PreTrainedConfig) -> Tensor:
    return torch.randn(2, found(config, "num_channels", "in_channels", "in_chans", usual=3), *_image_size(config))


def _image_size(config: PreTrainedConfig) -> tuple[int, ...]:
    size = found(config, "image_size", "img_size", "input_size", "vision_image_size", usual=224)
    return _pair(size) if not isinstance(size, dict) else (224, 224)


def _video(config: PreTrainedConfig) -> Tensor:
    frames = found(config, "num_frames", "frames_per_clip", usual=4)
    return torch.randn(1, frames, found(config, "num_channels", "in_channels", usual=3), *_image_size(config))


def _spectrum(config: PreTrainedConfig) -> Tensor:
    places = found(config, "max_source_positions", usual=100)
    features = found(config, "num_mel_bins", "feature_projection_input_dim", "input_feat_per_channel", usual=80)
    return torch.randn(2, features, 2 * places)


def _frames(config: PreTrainedConfig) -> Tensor:
    names = ("num_mel_bins", "feature_projection_input_dim", "input_feat_per_channel", "input_channels")
    return torch.randn(2, found(config, "max_length", usual=100), found(config, *names, usual=80))


def _boxes(_: PreTrainedConfig) -> Tensor:
    corner, extent = torch.randint(0, 400, (2, 7, 2)), torch.randint(1, 200, (2, 7, 2))
    return torch.cat([corner, corner + extent], dim=-1)


def _ids(config: PreTrainedConfig) -> Tensor:
    words = found(config, "vocab_size", usual=WORDS)
    return torch.randint(3, max(min(words, WORDS - 20), 4), (2, 7))


def _patches(config: PreTrainedConfig) -> Tensor:
    sizes = (found(config, "in_channels", "num_channels", usual=3), found(config, "temporal_patch_size", usual=1))
    return torch.randn(16, sizes[0] * sizes[1] * found(config, "patch_size", usual=14) ** 2)


def _series(config: PreTrainedConfig) -> Tensor:
    return torch.randn(2, found(config, "context_length", usual=32), found(config, "num_input_channels", usual=1))


MAKERS: dict[str, tuple[Callable[[PreTrainedConfig], Tensor], ...]] = {
    "input_ids": (_ids,),
    "decoder_input_ids": (_ids,),
    "pixel_values": (_image, _video, _patches),
    "image_grid_thw": (lambda _: torch.tensor([[1, 4, 4]]),),
    "hidden_states": (_patches,),
    "grid_thw": (lambda _: torch.tensor([[1, 4, 4]]),),
    "pixel_values_videos": (_video,),
    "input_features": (_spectrum, _frames, lambda config: _frames(config)[:, None]),
    "input_values": (lambda _: torch.randn(2, 8000), _frames, lambda _: torch.randn(2, 1, 8000)),
    "audio_values": (lambda _: torch.randn(2, 1, 8000),),
    "past_values": (_series,),
    "bbox": (_boxes,),
    "pixel_mask": (lambda config: torch.ones(2, *_image_size(config), dtype=torch.long),),
    "task_inputs": (_ids,),
    "input_features_mask": (lambda _: torch.ones(2, 100, dtype=torch.long),),
    "audio_mel_mask": (lambda _: torch.zeros(2, 100, dtype=torch.bool),),
    "audio_mel": (_frames,),
}
"""The arguments of a forward pass, and the batches that may be meant."""

TOGETHER: tuple[tuple[str, ...], ...] = (  # what is tried, of what a model takes
    tuple(name for name in MAKERS if name != "pixel_mask"),
    tuple(MAKERS),
    ("input_ids", "pixel_values", "image_grid_thw"),
    ("input_ids", "bbox", "decoder_input_ids"),
    ("pixel_values",),
    ("pixel_values", "image_grid_thw"),
    ("pixel_values_videos",),
    ("input_features", "decoder_input_ids"),
    ("input_values", "decoder_input_ids"),
    ("input_values",),
)


def batches(model: nn.Module, config: PreTrainedConfig) -> list[dict[str, Tensor]]:
    """Return the batches that a model may be meant to take, the fullest first."""
    takes = inspect.signature(model.forward).parameters
    made: dict[tuple[tuple[str, int], ...], dict[str, Tensor]] = {}
    for names in TOGETHER:
        known = [name for name in names if name in takes]
        for turn in range(max((len(MAKERS[name]) for name in known), default=0)):
            key = tuple((name, min(turn, len(MAKERS[name]) - 1)) for name in known)
            if key not in made:
                made[key] = {name: MAKERS[name][n](config) for name, n in key}
    return [*made.values()]


def best_batch(model: nn.Module, config: PreTrainedConfig) -> tuple[dict[str, Tensor], set[str], str]:
    """Return the batch that reaches most, what it reaches, and why no batch runs if none does."""
    waiting, why = batches(model, config), "no argument that the script knows"
    best: tuple[dict[str, Tensor], set[str]] = (waiting[0] if waiting else {}, set())
    for batch in waiting:  # which grows
        try:
            paths = reached(model, batch)
        except Exception as error:  # of whatever kind a model raises
            told = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            why = told if best[0] is batch else why
            waiting += _with_places(batch, config, str(error))
            continue
        if len(paths) > len(best[1]):
            best = (batch, paths)
        if len(paths) == len([*model.parameters()]):
            break
    return (*best, "" if best[1] else why)


def _with_places(batch: dict[str, Tensor], config: PreTrainedConfig, told: str) -> list[dict[str, Tensor]]:
    """Return a batch whose words leave as many places for an image as its model asks for."""
    asked = re.search(r"tokens:? (\d+).*?features:? (\d+)", told)
    token = found(config, "image_token_id", "image_token_index", "audio_token_id", "video_token_id")
    if asked is None or token is None or "input_ids" not in batch or (batch["input_ids"] == token).any():
        return []
    count = int(asked[2]) // len(batch["input_ids"])
    words = [torch.cat([ids, torch.full((count,), token), ids]) for ids in batch["input_ids"]]
    return [{**batch, "input_ids": torch.stack(words)}]
