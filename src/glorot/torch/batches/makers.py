"""What the arguments of a forward pass may mean, by their names and by what a configuration tells."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from glorot.torch.batches.base import integers, signal

WORDS, LENGTH = 80, 7
"""The words that a text is made of, and how many it has."""

IMAGE, FRAMES, SAMPLES, SPECTRA, MELS = 224, 4, 7680, 200, 80
"""The usual sizes of what a configuration does not tell: pixels, frames, samples of sound, spectra and their bands."""

SIDE = 4
"""Patches along a side of an image that comes in patches."""

PATCHES_OF_ALL = 2 * SIDE**2
"""Patches of two images, one for each sentence."""

Config = Mapping[str, Any]
Maker = Callable[[Config], Tensor | None]


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


def _count(config: Config, *names: str, usual: int) -> int:
    """Return a whole number that a configuration holds, or the last of several."""
    value = found(config, *names, usual=usual)
    if isinstance(value, list | tuple) and value:
        value = value[-1]
    return value if isinstance(value, int) else usual


# ---- text ------------------------------------------------------------------------------------------------------------


def ids(config: Config) -> Tensor:
    """Return two sentences."""
    words = _count(config, "vocab_size", usual=WORDS)
    return integers(3, max(min(words, WORDS), 4), 2, LENGTH)


def _in_columns(config: Config) -> Tensor | None:
    """Return words beside the codes of a sound, a column for each codebook."""
    codebooks = _count(config, "num_codebooks", usual=0)
    return integers(3, WORDS, 2, LENGTH, 1 + codebooks) if codebooks else None


def _kinds(_: Config) -> Tensor:
    """Return which language, or which class, of those that a model was told of: the first."""
    return torch.zeros(2, dtype=torch.long)


def _boxes(_: Config) -> Tensor:
    corner, extent = integers(0, 400, 2, LENGTH, 2), integers(1, 200, 2, LENGTH, 2)
    return torch.cat([corner, corner + extent], dim=-1)


def _vectors(*names: str, width: int = 64) -> Maker:
    """Return what makes a vector of a size that one of several fields tells, for each word."""
    return lambda config: signal(2, LENGTH, _count(config, *names, usual=width))


# ---- images ----------------------------------------------------------------------------------------------------------


def _channels(config: Config) -> int:
    return _count(config, "num_channels", "in_channels", "in_chans", usual=3)


def _extent(config: Config) -> tuple[int, ...]:
    names = ("image_size", "img_size", "input_size", "vision_image_size", "sample_size", "max_img_size")
    size = found(config, *names, usual=IMAGE)
    if isinstance(size, list | tuple):
        return tuple(size)[-2:]
    return (size, size) if isinstance(size, int) else (IMAGE, IMAGE)


def _image(config: Config) -> Tensor:
    return signal(2, _channels(config), *_extent(config))


def _upper_half(config: Config) -> Tensor:
    """Return images that their model lays over others."""
    height, width = _extent(config)
    return signal(2, _channels(config), height // 2, width)


def _large(config: Config) -> Tensor:
    """Return images that their model looks at in pieces of several sizes."""
    height, width = _extent(config)
    return signal(2, _channels(config), 4 * height, 4 * width)


def _pairs(config: Config) -> Tensor:
    return signal(1, 2, _channels(config), *_extent(config))


def _video(config: Config) -> Tensor:
    frames = _count(config, "num_frames", "frames_per_clip", "num_frm", usual=FRAMES)
    return signal(1, frames, _channels(config), *_extent(config))


def _videos(config: Config) -> Tensor:
    return _video(config).expand(2, -1, -1, -1, -1)


def _patch(config: Config) -> int:
    return _count(config, "patch_size", usual=14)


def _patches(config: Config, usual: int = 1) -> Tensor:
    depth = _count(config, "temporal_patch_size", usual=usual)
    return signal(PATCHES_OF_ALL, _channels(config) * depth * _patch(config) ** 2)


def _square_patches(config: Config) -> Tensor:
    return signal(PATCHES_OF_ALL, _channels(config), _patch(config), _patch(config))


def _merged_patches(config: Config) -> Tensor:
    """Return squares of patches, with their channels last."""
    side = _count(config, "spatial_merge_size", usual=2) * _patch(config)
    return signal(PATCHES_OF_ALL, side, side, _channels(config))


def _padded_patches(config: Config) -> Tensor:
    return signal(2, SIDE**2, _channels(config) * _patch(config) ** 2)


def _strips(config: Config) -> Tensor:
    return signal(1, _channels(config), _patch(config), PATCHES_OF_ALL * _patch(config))


def _grid(_: Config) -> Tensor:
    return torch.tensor([[1, SIDE, SIDE], [1, SIDE, SIDE]])


def _shapes(_: Config) -> Tensor:
    return torch.tensor([[SIDE, SIDE], [SIDE, SIDE]])


def _places(_: Config) -> Tensor:
    """Return the column and the row of each patch of two images."""
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return torch.stack([columns, rows], -1).reshape(1, SIDE**2, 2).repeat(2, 1, 1)


# ---- sound, and other series -----------------------------------------------------------------------------------------

BANDS = (
    *("num_mel_bins", "feature_projection_input_dim", "input_feat_per_channel", "input_feat_size", "input_channels"),
)


def _bands(config: Config, usual: int = MELS) -> int:
    return _count(config, *BANDS, usual=usual) * _count(config, "num_stacked_frames", usual=1)


def _spectrum(config: Config) -> Tensor:
    return signal(2, _bands(config), 2 * _count(config, "max_source_positions", usual=SPECTRA // 2))


def _frames(config: Config, usual: int = MELS) -> Tensor:
    return signal(2, _count(config, "max_length", usual=SPECTRA), _bands(config, usual))


def _mask_of(frames: Callable[[Config], Tensor], axis: int) -> Maker:
    return lambda config: torch.ones(2, frames(config).shape[axis], dtype=torch.long)


def _sound(*shape: int) -> Maker:
    return lambda _: signal(*shape, SAMPLES)


def _series(config: Config) -> Tensor:
    return signal(2, _count(config, "context_length", usual=32), _count(config, "num_input_channels", usual=1))


def _looked_back(config: Config) -> int:
    """Return how many values of a series a model looks back at: those of its context, and before them its lags."""
    lags: list[int] = found(config, "lags_sequence", usual=[])
    return _count(config, "context_length", "prediction_length", usual=32) + max(lags)


def _padding(config: Config) -> Tensor:
    return torch.zeros_like(_series(config)[..., 0], dtype=torch.long)


def _turns(_: Config) -> Tensor:
    return torch.arange(LENGTH).expand(2, LENGTH)


# ---- by the names of arguments ---------------------------------------------------------------------------------------

IN_PATCHES = {"image_grid_thw", "grid_thw", "spatial_shapes", "pixel_position_ids", "target_sizes"}
"""Arguments that tell how the patches of an image lay in it."""

PATCHES: tuple[Maker, ...] = (
    *(_patches, lambda config: _patches(config, 2), _square_patches, _padded_patches, _strips, _merged_patches),
)
MAKERS: dict[str, tuple[Maker, ...]] = {
    "input_ids": (ids, _in_columns),
    "qformer_input_ids": (ids,),
    "decoder_input_ids": (ids,),
    "pixel_values": (_image, _video, _videos, _pairs, _upper_half, _large),
    "prompt_pixel_values": (_image, _image, _image, _image, _upper_half),
    "prompt_masks": (_image, _image, _image, _image, _upper_half),
    "image_grid_thw": (_grid,),
    "hidden_states": (_patches, _image),
    "grid_thw": (_grid,),
    "merge_sizes": (lambda _: torch.tensor([1, 1]),),
    "spatial_shapes": (_shapes,),
    "target_sizes": (_shapes,),
    "pixel_position_ids": (_places,),
    "pixel_attention_mask": (lambda _: torch.ones(2, SIDE**2, dtype=torch.long),),
    "image_attention_mask": (lambda config: torch.ones(2, LENGTH, _video(config).shape[1], dtype=torch.long),),
    "pixel_values_videos": (_video,),
    "input_features": (_spectrum, _frames, lambda config: _frames(config)[:, None], lambda c: _frames(c, 128)),
    "input_values": (
        *(_sound(2), _sound(2, 1), _frames),
        _vectors("hidden_size"),
    ),
    "decoder_input_values": (_vectors("num_mel_bins", width=MELS), _vectors("hidden_size")),
    "audio_values": (_sound(2, 1),),
    "past_values": (
        *(_series, lambda config: _series(config)[..., 0]),
        lambda config: signal(2, _looked_back(config)),
    ),
    "past_time_features": (lambda c: signal(2, _looked_back(c), _count(c, "num_time_features", usual=0)),),
    "past_observed_mask": (lambda config: torch.ones(2, _looked_back(config)),),
    "past_values_padding": (_padding,),
    "freq": (lambda _: torch.zeros(2, 1, dtype=torch.long),),
    "bbox": (_boxes,),
    "pixel_mask": (lambda config: torch.ones(2, *_extent(config), dtype=torch.long),),
    "task_inputs": (ids,),
    "lang_ids": (_kinds,),
    "visual_feats": (_vectors("visual_feat_dim"),),
    "visual_pos": (_vectors("visual_pos_dim", width=4),),
    "states": (_vectors("state_dim"),),
    "actions": (_vectors("act_dim"),),
    "rewards": (_vectors("reward_dim", width=1),),
    "returns_to_go": (_vectors("reward_dim", width=1),),
    "timesteps": (_turns,),
    "query_embeds": (_vectors("hidden_size"),),
    "input_features_mask": (_mask_of(_spectrum, 2), _mask_of(_frames, 1)),
    "audio_mel_mask": (lambda config: torch.zeros(_frames(config).shape[:2], dtype=torch.bool),),
    "audio_mel": (_frames, lambda config: _frames(config, 128)),
    "sample": (_image,),
    "class_labels": (_kinds,),
    "pooled_projections": (lambda config: signal(2, _count(config, "pooled_projection_dim", usual=64)),),
    "timestep": (lambda _: torch.tensor([1, 5]),),
    "encoder_hidden_states": (_vectors("cross_attention_dim", "encoder_hidden_size", "hidden_size"),),
}
"""The arguments of a forward pass, and the batches that may be meant."""


def made(name: str, takes: Mapping[str, Any], config: Config) -> list[Tensor]:
    """Return what an argument may be, the likeliest first; where others tell a grid, an image comes in patches."""
    in_patches = name in ("pixel_values", "hidden_states") and not IN_PATCHES.isdisjoint(takes)
    makers = (*PATCHES, *MAKERS[name]) if in_patches else MAKERS[name]
    return [value for make in makers if (value := _tried(make, config)) is not None]


def _tried(make: Maker, config: Config) -> Tensor | None:
    """Return what is made of a configuration; None where its fields are not of the kind that is looked for."""
    try:
        return make(config)
    except (TypeError, ValueError, RuntimeError, ZeroDivisionError):
        return None
