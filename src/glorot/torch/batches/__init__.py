"""Batches that glorot makes itself, of what a model says that it takes."""

import inspect
from collections.abc import Iterable, Iterator

from torch import nn

from glorot.torch.batches import configured, first, named
from glorot.torch.batches.base import Batch, required, signal
from glorot.torch.batches.repairing import repaired

__all__ = ["Batch", "arguments", "batches", "repaired", "required"]


def batches(model: nn.Module) -> Iterator[Iterable[Batch]]:
    """Yield groups of batches that a model may take, the likeliest first; where one runs, no later group is asked.

    A model with an example of its own gets that; one with a configuration gets what the names of its arguments stand
    for; any other gets what its arguments tell, or what its first layers take.
    """
    takes = arguments(model)
    if takes is None:
        return
    example = getattr(model, "example_input_array", None)  # of Lightning
    if example is not None:
        yield [Batch(example)]
    shown = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None)  # of timm
    if isinstance(shown, dict) and "input_size" in shown:
        yield [Batch(signal(2, *shown["input_size"]))]
    config = getattr(model, "config", None)
    if config is not None and not isinstance(config, nn.Module):
        yield configured.batches(takes, config)
    yield from ([batch] for batch in named.batches(model, takes))
    yield from ([batch] for batch in first.batches(model, takes))


def arguments(model: nn.Module) -> dict[str, inspect.Parameter] | None:
    """Return the arguments of a forward pass by name; None where they are not known."""
    try:
        found = inspect.signature(model.forward).parameters
    except (TypeError, ValueError):
        return None
    return {name: one for name, one in found.items() if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)}
