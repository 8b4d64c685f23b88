"""Batches for a model with a configuration, as those of `transformers` and `diffusers` have: text, images, sound."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from glorot.torch.batches.base import Batch, integers, required, signal

WORDS, LENGTH = 80, 7
"""The words that a text is made of, and how many it has."""

IMAGE, FRAMES, SAMPLES, MELS = 224, 4, 8000, 80
"""The usual sizes of what a configuration does not tell: pixels, frames, samples of sound, bands of a spectrum."""

Config = Mapping[str, Any]
Maker = Callable[[Config], Tensor]


def fields(config: Any) -> Config | None:
    """Return what a configuration holds by name; None of anything else, as a number or a list."""
    if isinstance(config, Mapping):
        return config
    return vars(config) if hasattr(config, "to_dict") else None


def found(config: Config, *names: str, usual: Any = None) -> Any:
    """Return the first of several fields that a configuration has, or one of those inside it; the usual otherwise."""
    inner = [below for value in config.values() if (below := fields(value)) is not None]
    for name in names:
        for one in (config, *inner):
            value = one.get(name)
            if value is not None and fields(value) is None:
                return value
    return next((deep for one in inner if (deep := found(one, *names)) is not None), usual)


# ---- what arguments may mean -----------------------------------------------------------------------------------------


def _channels(config: Config) -> int:
    return int(found(config, "num_channels", "in_channels", "in_chans", usual=3))


def _extent(config: Config) -> tuple[int, ...]:
    size = found(config, "image_size", "img_size", "input_size", "vision_image_size", "sample_size", usual=IMAGE)
    if isinstance(size, list | tuple):
        return tuple(size)[-2:]
    return (size, size) if isinstance(size, int) else (IMAGE, IMAGE)


def _ids(config: Config) -> Tensor:
    words = found(config, "vocab_size", usual=WORDS)
    return integers(3, max(min(words, WORDS), 4), 2, LENGTH)


def _image(config: Config) -> Tensor:
    return signal(2, _channels(config), *_extent(config))


def _video(config: Config) -> Tensor:
    return signal(1, found(config, "num_frames", "frames_per_clip", usual=FRAMES), _channels(config), *_extent(config))


def _patches(config: Config) -> Tensor:
    sizes = _channels(config), found(config, "temporal_patch_size", usual=1), found(config, "patch_size", usual=14)
    return signal(16, sizes[0] * sizes[1] * sizes[2] ** 2)


def _spectrum(config: Config) -> Tensor:
    bands = found(config, "num_mel_bins", "feature_projection_input_dim", "input_feat_per_channel", usual=MELS)
    return signal(2, bands, 2 * found(config, "max_source_positions", usual=100))


def _frames(config: Config) -> Tensor:
    names = ("num_mel_bins", "feature_projection_input_dim", "input_feat_per_channel", "input_channels")
    return signal(2, found(config, "max_length", usual=100), found(config, *names, usual=MELS))


def _boxes(_: Config) -> Tensor:
    corner, extent = integers(0, 400, 2, LENGTH, 2), integers(1, 200, 2, LENGTH, 2)
    return torch.cat([corner, corner + extent], dim=-1)


def _series(config: Config) -> Tensor:
    return signal(2, found(config, "context_length", usual=32), found(config, "num_input_channels", usual=1))


def _states(config: Config) -> Tensor:
    return signal(2, LENGTH, found(config, "cross_attention_dim", "encoder_hidden_size", "hidden_size", usual=64))


def _grid(_: Config) -> Tensor:
    return torch.tensor([[1, 4, 4]])


MAKERS: dict[str, tuple[Maker, ...]] = {
    "input_ids": (_ids,),
    "decoder_input_ids": (_ids,),
    "pixel_values": (_image, _video, _patches),
    "image_grid_thw": (_grid,),
    "hidden_states": (_patches,),
    "grid_thw": (_grid,),
    "pixel_values_videos": (_video,),
    "input_features": (_spectrum, _frames, lambda config: _frames(config)[:, None]),
    "input_values": (lambda _: signal(2, SAMPLES), _frames, lambda _: signal(2, 1, SAMPLES)),
    "audio_values": (lambda _: signal(2, 1, SAMPLES),),
    "past_values": (_series,),
    "bbox": (_boxes,),
    "pixel_mask": (lambda config: torch.ones(2, *_extent(config), dtype=torch.long),),
    "task_inputs": (_ids,),
    "input_features_mask": (lambda _: torch.ones(2, 100, dtype=torch.long),),
    "audio_mel_mask": (lambda _: torch.zeros(2, 100, dtype=torch.bool),),
    "audio_mel": (_frames,),
    "sample": (_image,),
    "timestep": (lambda _: torch.tensor([1, 5]),),
    "encoder_hidden_states": (_states,),
}
"""The arguments of a forward pass, and the batches that may be meant."""

TOGETHER: tuple[tuple[str, ...], ...] = (  # what is tried, of what a model takes
    tuple(name for name in MAKERS if name not in ("pixel_mask", "encoder_hidden_states")),
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


def batches(takes: Mapping[str, inspect.Parameter], config: Any) -> Iterator[Batch]:
    """Yield the batches that a model may be meant to take, the fullest first.

    Args:
        takes: the arguments of its forward pass.
        config: its configuration.
    """
    known = fields(config)
    if known is None or any(name not in MAKERS for name in required(takes)):
        return
    made = set()
    for names in TOGETHER:
        taken = [name for name in names if name in takes]
        for turn in range(max((len(MAKERS[name]) for name in taken), default=0)):
            key = tuple((name, min(turn, len(MAKERS[name]) - 1)) for name in taken)
            if key not in made and set(required(takes)) <= set(taken):
                made.add(key)
                yield Batch({name: MAKERS[name][n](known) for name, n in key})


def with_places(batch: Batch, config: Any, refusal: str) -> Batch | None:
    """Return a batch whose words leave as many places for an image as its model asks for; None for other refusals.

    Args:
        batch: the batch that was refused.
        config: the configuration of the model.
        refusal: what the model said.
    """
    known, inputs = fields(config), batch.inputs
    asked = re.search(r"tokens:? (\d+).*?features:? (\d+)", refusal)
    if asked is None or known is None or not isinstance(inputs, dict) or "input_ids" not in inputs:
        return None
    token = found(known, "image_token_id", "image_token_index", "audio_token_id", "video_token_id")
    if token is None or bool((inputs["input_ids"] == token).any()):
        return None
    count = int(asked[2]) // len(inputs["input_ids"])
    words = [torch.cat([ids, torch.full((count,), token), ids]) for ids in inputs["input_ids"]]
    return Batch({**inputs, "input_ids": torch.stack(words)}, batch.invented)
