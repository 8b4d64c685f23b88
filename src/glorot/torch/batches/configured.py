"""Batches for a model with a configuration, as those of `transformers` and `diffusers` have: text, images, sound."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from glorot.torch.batches.base import Batch, required
from glorot.torch.batches.makers import MAKERS, fields, made

SELDOM = (
    *("pixel_mask", "encoder_hidden_states", "pixel_attention_mask", "spatial_shapes", "target_sizes", "lang_ids"),
    *("merge_sizes", "image_attention_mask", "decoder_input_values", "past_values_padding"),
    *("class_labels", "pooled_projections"),
)
"""Arguments that most models do without."""

TOGETHER: tuple[tuple[str, ...], ...] = (  # what is tried, of what a model takes
    tuple(name for name in MAKERS if name not in SELDOM),
    ("input_ids",),
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
    known, needed = fields(config), required(takes)
    if known is None or any(name not in MAKERS for name in needed):
        return
    choices = {name: made(name, takes, known) for name in takes if name in MAKERS}
    done = set()
    for names in TOGETHER:
        taken = [name for name, values in choices.items() if values and (name in names or name in needed)]
        for turn in range(max((len(choices[name]) for name in taken), default=0)):
            key = tuple((name, min(turn, len(choices[name]) - 1)) for name in taken)
            if key not in done and set(needed) <= set(taken):
                done.add(key)
                yield Batch({name: choices[name][n] for name, n in key})
