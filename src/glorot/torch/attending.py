"""The attention weights that a fused operator does not return, recomputed for some of the queries."""

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from glorot.graph import Folded
from glorot.graph.operations import Contract, Map, Softmax

FUSED = "scaled_dot_product_attention"
"""The operator that computes them without returning them."""

QUERIES = 128
"""Up to how many queries of each head and example are looked at, at even distances."""


def hidden_weights(folded: Folded, results: Mapping[int, str]) -> Iterator[tuple[int, int]]:
    """Yield (weights, result) of each attention in a graph that a fused operator computes.

    Args:
        folded: the graph.
        results: by value, the name of the function that returns it.
    """
    for value, name in results.items():
        step = folded.makers.of(value) if name == FUSED else None
        while step is not None and isinstance(step.operation, Contract | Map):  # the map of dropout
            weights = step.operands[0]
            step = folded.makers.of(weights)
            if step is not None and isinstance(step.operation, Softmax):
                yield weights, value


def weights_of(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """Return the weights of some queries, (…, queries, keys), of a call of the function.

    softmax(scale · Q Kᵀ + mask), and zeros for a query from which every key is hidden

    Args:
        args: the arguments of the call.
        kwargs: those by name.
    """
    given = _SIGNATURE.bind(*args, **kwargs)
    given.apply_defaults()
    query, key, mask, scale = (given.arguments[name] for name in ("query", "key", "attn_mask", "scale"))
    length, keys = query.shape[-2], key.shape[-2]
    with torch.no_grad(), _disable_current_modes(), torch._C.DisableTorchFunction():
        apart = math.ceil(length / QUERIES)
        chosen = torch.arange(apart // 2, length, apart, device=query.device)
        query, key = query.detach()[..., chosen, :].float(), key.detach().float()
        if given.arguments["enable_gqa"]:
            key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        logits = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
        if given.arguments["is_causal"]:
            mask = chosen[:, None] >= torch.arange(keys, device=query.device)
        elif mask is not None:
            mask = mask.detach().expand(*mask.shape[:-2], length, mask.shape[-1])[..., chosen, :]
        if mask is not None:
            logits = logits.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else logits + mask
        sees_none = torch.isneginf(logits).all(-1, keepdim=True)
        weights: Tensor = logits.softmax(-1).masked_fill(sees_none, 0.0)
        return weights


def _signature(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> None:
    """Have the signature of the operator, which is built in and does not expose it."""


_SIGNATURE = inspect.signature(_signature)
