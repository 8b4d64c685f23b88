"""A net as a module to check: drawn by its fillers, with a batch of noise where none is given."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from glorot.caffe.modules.net import CaffeModule, to_torch
from glorot.caffe.nets import Net
from glorot.errors import GlorotError
from glorot.given import ToCheck
from glorot.text import counted

EXAMPLES = 8
"""How many examples a batch of noise has, where the net runs on as many."""


def to_try(net: Net, inputs: Any, seed: int) -> ToCheck:
    """Return the module of a net with a batch: the given one as tensors, or noise of std 1.

    Args:
        net: the net.
        inputs: {blob: array}, arrays in the order of the net's inputs, or one; None makes a batch, without labels.
        seed: the seed of the fillers.

    Raises:
        GlorotError: if a layer has no module.
    """
    module = to_torch(net, seed=seed)
    drawn = f"the net was drawn by its fillers with seed {seed}"
    if inputs is not None:
        return ToCheck(module, _as_tensors(inputs), (drawn,))
    batch, why = _noise(module)
    if batch is None:
        return ToCheck(module, None, (f"{drawn}, and not run: {why}",))
    told = counted(len(next(iter(batch.values()))), "example")
    name = next(iter(batch))
    return ToCheck(module, batch, (f"{drawn}, and run on {told} of noise; pass inputs={{{name!r}: …}} for real ones",))


def _as_tensors(inputs: Any) -> Any:
    """Return a batch with its arrays as tensors; what is no array stays as it is, to be refused."""
    if isinstance(inputs, Mapping):
        return {name: _as_tensors(one) for name, one in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(map(_as_tensors, inputs))
    return torch.as_tensor(inputs) if hasattr(inputs, "__array__") and not isinstance(inputs, Tensor) else inputs


def _noise(module: CaffeModule) -> tuple[dict[str, Tensor] | None, str]:
    """Return a batch on which the net runs, or why there is none."""
    why = "it has no inputs"
    for examples in (EXAMPLES, None):
        batch = _batch(module, examples)
        if not batch:
            break
        try:
            with torch.no_grad():
                module(**batch)
        except (GlorotError, RuntimeError, IndexError) as error:
            why = str(error)
        else:
            return batch, ""
    return None, why


def _batch(module: CaffeModule, examples: int | None) -> dict[str, Tensor]:
    """Return noise for what the net computes with, and indices for its embeddings; nothing for its labels.

    Args:
        module: the net.
        examples: the size of the first axis of each; None for that which the net declares.
    """
    generator = torch.Generator().manual_seed(0)
    looked_up = {
        node.layer.bottoms[0]: node.blobs[0].shape[0] for node in module.net.nodes if node.layer.kind == "Embed"
    }
    batch = {}
    for name, declared in module.net.inputs.items():
        shape = declared if examples is None or not declared else (examples, *declared[1:])
        if name in looked_up:
            batch[name] = torch.randint(looked_up[name], shape, generator=generator)
        elif name in module.read_as_data:
            batch[name] = torch.randn(shape, generator=generator)
    return batch
