"""Batches for a model without a configuration whose arguments tell by their names or types what they take."""

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from glorot.torch.batches.base import Batch, integers, signal

LENGTH, NODES, IMAGE, SCENE = 7, 6, 224, 256
"""Words of a text, nodes of a graph, and the usual sizes of images, and of images with objects to be found."""

PICTURES, TEXTS = ("image", "images"), ("text", "texts")
WIDTHS = ("in_channels", "in_features", "input_size")
"""What layers call the number of their inputs."""

USUAL = (32, 64, 224, 256)
"""Usual sizes of images that come in patches."""


def batches(model: nn.Module, takes: Mapping[str, inspect.Parameter]) -> Iterator[Batch]:
    """Yield batches for a graph, for an image beside a text, for images in a list, and for an image cut into patches.

    Args:
        model: the model.
        takes: the arguments of its forward pass.
    """
    first = next(iter(takes.values()), None)
    if "edge_index" in takes:
        yield from _graphs(model, takes)
    elif any(name in takes for name in PICTURES) and any(name in takes for name in TEXTS):
        yield from _pictures_and_texts(model, takes)
    elif first is not None and str(first.annotation).lower() in ("list[torch.tensor]", "typing.list[torch.tensor]"):
        yield Batch(([signal(3, SCENE, SCENE)],), invented=True)
    else:
        yield from _in_patches(model)


def _told(model: nn.Module, *names: str) -> Any:
    """Return the first attribute of a model, or of a layer of it, that has one of several names and is a number."""
    for module in model.modules():
        for name in names:
            value = getattr(module, name, None)
            value = value[0] if isinstance(value, list | tuple) and value else value
            if isinstance(value, int) and value > 0:
                return value
    return None


def _graphs(model: nn.Module, takes: Mapping[str, inspect.Parameter]) -> Iterator[Batch]:
    """Yield a ring of nodes with a chord, whose edges are of several kinds where that is asked."""
    width = _told(model, *WIDTHS)
    if width is None or "x" not in takes:
        return
    ends = torch.tensor([[*range(NODES), 0, 2], [*range(1, NODES), 0, 3, 5]])
    graph: dict[str, Tensor] = {"x": signal(NODES, width), "edge_index": ends}
    if "edge_type" in takes:
        yield Batch({**graph, "edge_type": torch.arange(NODES + 2) % (_told(model, "num_relations") or 1)})
    yield Batch(graph)


def _pictures_and_texts(model: nn.Module, takes: Mapping[str, inspect.Parameter]) -> Iterator[Batch]:
    words = next((one.num_embeddings for one in model.modules() if isinstance(one, nn.Embedding)), None)
    size = _told(model, "image_size", "img_size") or IMAGE
    picture, text = (next(name for name in names if name in takes) for names in (PICTURES, TEXTS))
    lengths = dict.fromkeys([_told(model, "context_length") or LENGTH, LENGTH])
    for length in lengths if words is not None else ():
        yield Batch({picture: signal(2, 3, size, size), text: integers(1, words or 2, 2, length)}, invented=True)


def _in_patches(model: nn.Module) -> Iterator[Batch]:
    """Yield images for a first dense layer whose inputs may be the pixels of a square patch."""
    first = next((one for one in model.modules() if isinstance(one, nn.Linear | nn.Conv1d | nn.Conv2d)), None)
    width = first.in_features if isinstance(first, nn.Linear) else 0
    if isinstance(first, nn.Conv2d) and first.kernel_size == (1, 1):
        width = first.in_channels
    for channels in (3, 1):
        side = math.isqrt(width // channels)
        if side < 2 or channels * side**2 != width:
            continue
        fitting = [side * count for count in _counted(model)]
        for size in dict.fromkeys([*fitting, *(size for size in USUAL if size % side == 0)]):
            yield Batch(signal(2, channels, size, size), invented=True)


def _counted(model: nn.Module) -> Iterator[int]:
    """Yield how many patches lie along a side of an image, as tables of positions tell: tokens may stand before."""
    for path, tensor in model.named_parameters():
        if "pos" in path and tensor.dim() >= 2:
            for tokens in (0, 1):
                side = math.isqrt(max(tensor.shape[-2] - tokens, 0))
                if side > 1 and side**2 == tensor.shape[-2] - tokens:
                    yield side
