"""What is known of tensors on meta: those made of numbers, indices and the integers of the batch alone."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx.experimental import _config
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakIdKeyDictionary

from glorot.graph import Graph
from glorot.torch.graph.call import Signature, tensors_in
from glorot.torch.graph.memory import Memory

MOST = 200_000
"""Elements of the largest tensor whose true elements are computed beside it."""

UNKNOWN = {"empty", "empty_strided", "empty_like", "new_empty", "new_empty_strided", "empty_permuted"}
"""Operators whose results hold whatever was in memory."""


class Truth:
    """Runs operators; on meta, keeps beside each tensor that is made of known numbers what it holds in truth.

    Attributes:
        is_meta: whether the model is on meta.
    """

    def __init__(self, graph: Graph, is_meta: bool) -> None:
        self.graph = graph
        self.is_meta = is_meta
        self._known: Any = WeakIdKeyDictionary()

    def of(self, tensor: Tensor) -> Tensor | None:
        """Return the true elements of a tensor; None if they are not known."""
        return self._known.get(tensor) if tensor.is_meta else tensor

    def run(
        self,
        func: OpOverload,
        called: Signature,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        tensors: Sequence[Tensor],
        memory: Memory,
    ) -> Any:
        """Run an operator.

        Returns:
            What it returns; a number that nobody knows is False if it is a truth.
        """
        if not self.is_meta:
            return func(*args, **kwargs)
        shadow = self._shadow(func, called, args, kwargs, tensors, memory)
        if shadow is not None and not isinstance(shadow, Tensor | list | tuple):
            return shadow
        if shadow is None:
            self._drop(called, args, kwargs)
            if called.name == "_local_scalar_dense" and tensors[0].is_meta and tensors[0].dtype == torch.bool:
                self._note("a condition that depends on what meta tensors hold was taken as False")
                return False
        result = self._on_meta(func, called, args, kwargs, shadow)
        for tensor, known in zip(tensors_in(result), tensors_in(shadow), strict=False):
            if tensor.is_meta and tensor.shape == known.shape and tensor.numel() <= MOST:
                self._known[tensor] = known
        return result

    def _shadow(
        self,
        func: OpOverload,
        called: Signature,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        tensors: Sequence[Tensor],
        memory: Memory,
    ) -> Any:
        """Run an operator on what is known in truth; None if that is not enough, or too much."""
        is_made_there = any(_is_meta(argument) for argument in (*args, *kwargs.values()))
        if not is_made_there and not any(tensor.is_meta for tensor in tensors):
            return None
        if sum(tensor.numel() for tensor in tensors) > MOST or not all(self._is_known(t, memory) for t in tensors):
            return None
        if torch.Tag.nondeterministic_seeded in func.tags or called.name in UNKNOWN:
            return None
        try:
            return func(*self._truly(args), **self._truly(kwargs))
        except (RuntimeError, NotImplementedError, TypeError):
            return None

    def _is_known(self, tensor: Tensor, memory: Memory) -> bool:
        if tensor.is_meta:
            return tensor in self._known
        return not tensor.is_floating_point() or memory.follows(tensor) is None

    def _truly(self, values: Any) -> Any:
        if isinstance(values, Tensor):
            return self._known.get(values, values) if values.is_meta else values
        if isinstance(values, torch.device):
            return torch.device("cpu") if values.type == "meta" else values
        if isinstance(values, dict):
            return {name: self._truly(value) for name, value in values.items()}
        return type(values)(map(self._truly, values)) if isinstance(values, list | tuple) else values

    def _drop(self, called: Signature, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """Forget what was known of a memory that something unknown is written into."""
        arguments = called.bind(args, kwargs) if called.written else {}
        for name in called.written:
            for tensor in tensors_in(arguments[name]):
                known = self._known.get(tensor)
                if known is not None:
                    place = known.untyped_storage()._cdata
                    for other in [t for t, k in self._known.items() if k.untyped_storage()._cdata == place]:
                        del self._known[other]

    def _on_meta(
        self, func: OpOverload, called: Signature, args: Sequence[Any], kwargs: dict[str, Any], shadow: Any
    ) -> Any:
        if called.name == "_grouped_mm":  # which asks for bfloat16 on meta
            one, other = args[0], args[1]
            groups = (other.shape[0],) if one.dim() == 2 and other.dim() == 2 else ()
            return one.new_empty((*groups, *one.shape[:-1], other.shape[-1]))
        try:
            return func(*args, **kwargs)
        except NotImplementedError:  # a shape that depends on indices
            known = None if called.written else shadow
        except RuntimeError:  # for one, because the model has some parameters elsewhere
            known = None if called.written else shadow
            if known is None:
                return func(*_on_meta(args), **_on_meta(kwargs))
        return self._with_indices(func, called, args, kwargs) if known is None else _like(known)

    def _with_indices(self, func: OpOverload, called: Signature, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operator whose shape depends on indices: on those that are known, or as if no place were left out."""
        try:
            return func(*self._truly(args), **kwargs)
        except NotImplementedError:
            with _config.patch(meta_nonzero_assume_all_nonzero=True):  # type: ignore[attr-defined]
                result = func(*args, **kwargs)
        self._note("places that depend on what meta tensors hold were taken as all places")
        if called.name == "nonzero" and args[0].numel() <= MOST:
            self._known[result] = torch.ones(args[0].shape).nonzero()
        return result

    def _note(self, text: str) -> None:
        if text not in self.graph.notes:
            self.graph.notes.append(text)


def _like(values: Any) -> Any:
    """Return tensors on meta of the shapes that others have."""
    return tree_map_only(Tensor, lambda tensor: torch.empty_like(tensor, device="meta"), values)


def _on_meta(values: Any) -> Any:
    """Return arguments with every tensor on meta."""
    return tree_map_only(Tensor, lambda tensor: tensor if tensor.is_meta else tensor.to("meta"), values)


def _is_meta(argument: Any) -> bool:
    return isinstance(argument, torch.device) and argument.type == "meta"
