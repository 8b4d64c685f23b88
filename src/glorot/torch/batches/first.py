"""Batches for a model that has no configuration: its first layers tell what they take."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from glorot.torch.batches.base import Batch, required, signal

EXAMPLES, LENGTH = 2, 8
"""Examples of a batch, and places of a sequence."""

VIDEO = (16, 224, 224)
SIZES: dict[int, tuple[int | tuple[int, ...], ...]] = {
    1: (64, 256, 4096),
    2: (32, 28, 224, 64, 96, 128, 299),
    3: (16, 32, 64, VIDEO),
}
"""Sizes of maps by their number of axes: where layers follow that count positions, one of them may fit."""

MOST_LAYERS = 3
"""Layers from the front that are asked, for the first to be registered need not run first."""

TIMES = ("timestep", "timesteps")
"""Arguments that tell when, of a model that takes noise away."""

CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3, nn.ConvTranspose1d: 1, nn.ConvTranspose2d: 2}
NORMS = {nn.BatchNorm1d: 0, nn.BatchNorm2d: 2, nn.BatchNorm3d: 3}


def batches(model: nn.Module, takes: Mapping[str, inspect.Parameter]) -> Iterator[Batch]:
    """Yield batches of what the first layers take, once for every argument that the forward pass needs.

    Args:
        model: the model.
        takes: the arguments of its forward pass.
    """
    needed = required(takes)
    count = max(1, len(needed))
    asked: list[Any] = []
    for module in model.modules():
        if len(asked) == MOST_LAYERS:
            return
        for one, invented in _taken_by(module):
            if module not in asked:
                asked.append(module)
            steps = torch.arange(1, EXAMPLES + 1)
            alike = tuple(steps if name in TIMES else one for name in needed) or (one,)
            positional = one if isinstance(one, tuple) else alike
            if len(positional) == count:
                yield Batch(positional, invented)


def _taken_by(module: nn.Module) -> Iterator[tuple[Any, bool]]:
    """Yield what a layer takes, and whether the sizes of its maps are made up; a tuple for several arguments."""
    match module:
        case nn.Linear():
            yield signal(EXAMPLES, module.in_features), False
            yield signal(EXAMPLES, LENGTH, module.in_features), False
        case nn.Bilinear():
            yield (signal(EXAMPLES, module.in1_features), signal(EXAMPLES, module.in2_features)), False
        case nn.Embedding() | nn.EmbeddingBag():
            yield torch.arange(EXAMPLES * LENGTH).reshape(EXAMPLES, LENGTH) % module.num_embeddings, False
        case nn.RNNBase():
            yield signal(EXAMPLES, LENGTH, module.input_size), False
        case nn.RNNCellBase():
            yield signal(EXAMPLES, module.input_size), False
        case nn.MultiheadAttention():
            sizes = (module.embed_dim, module.kdim, module.vdim)
            yield tuple(signal(EXAMPLES, LENGTH, size) for size in sizes), False
            yield signal(EXAMPLES, LENGTH, module.embed_dim), False
        case _:
            yield from _maps(module)


def _maps(module: nn.Module) -> Iterator[tuple[Tensor, bool]]:
    for kinds, channels in ((CONVOLUTIONS, "in_channels"), (NORMS, "num_features")):
        for kind, rank in kinds.items():
            if type(module) is kind:
                for size in SIZES[rank] if rank else (0,):
                    extent = size if isinstance(size, tuple) else (size,) * rank
                    yield signal(EXAMPLES, getattr(module, channels), *extent), bool(rank)
