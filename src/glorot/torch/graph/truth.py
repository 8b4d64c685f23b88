"""What is known of tensors on meta: those made of numbers, indices and the batch alone."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx.experimental import _config
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakIdKeyDictionary

from glorot.errors import GlorotError
from glorot.graph import Graph
from glorot.text import shape_text
from glorot.torch.graph.call import signature, tensors_in
from glorot.torch.graph.repeats import Key, Made, key_of, made_of
from glorot.torch.writes import storage_of

MOST = 1_000_000
"""Elements of the largest tensor whose true elements are computed beside it."""

PLACES = 16
"""How many places are visited where meta tensors do not tell which."""

UNKNOWN = {"empty", "empty_strided", "empty_like", "new_empty", "new_empty_strided", "empty_permuted"}
"""Operators whose results hold whatever was in memory."""


class UnknownElementsError(GlorotError):
    """A model on meta asks for elements that nobody knows there."""


class Answers(TorchFunctionMode):
    """Answers, from what is known in truth, the questions that PyTorch answers from memory without an operator."""

    def __init__(self, truth: "Truth") -> None:
        super().__init__()
        self.truth = truth

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in READING and args[0].is_meta:
            return func(self.truth.ask(args[0]), *args[1:], **kwargs)
        result = func(*args, **kwargs)
        if func in MAKING and result.is_meta and not tensors_in(args):
            self.truth.know(result, func(*args, **{**kwargs, "device": "cpu"}))
        return result


READING = {Tensor.tolist, Tensor.numpy, Tensor.__array__}
"""What reads the memory of a tensor without an operator."""

MAKING = {torch.tensor, torch.as_tensor, torch.asarray}
"""What makes a tensor of numbers without an operator, if that is on meta."""


class Truth:
    """Runs operators; on meta, keeps beside each tensor that is made of known numbers what it holds in truth.

    Attributes:
        graph: the graph, which takes note of what had to be assumed.
        is_meta: whether the model is on meta.
        follows: returns the value of a tensor that depends on more than numbers; None for any other.
        layer: returns the path of the layer that is running.
    """

    def __init__(
        self, graph: Graph, is_meta: bool, follows: Callable[[Tensor], int | None], layer: Callable[[], str]
    ) -> None:
        self.graph = graph
        self.is_meta = is_meta
        self.follows = follows
        self.layer = layer
        self._known: Any = WeakIdKeyDictionary()
        self._made: dict[Key, Made] = {}
        self._alls: Any = WeakIdKeyDictionary()  # what asks whether something holds everywhere, as checks of values do

    def of(self, tensor: Tensor) -> Tensor | None:
        """Return the true elements of a tensor; None if they are not known."""
        return self._known.get(tensor) if tensor.is_meta else tensor

    def know(self, tensor: Tensor, elements: Tensor) -> None:
        """Keep beside a tensor on meta what it holds in truth."""
        if tensor.numel() <= MOST:
            self._known[tensor] = elements

    def ask(self, tensor: Tensor) -> Tensor:
        """Return the true elements of a tensor that the model cannot go on without."""
        known = self.of(tensor)
        if known is None:
            raise self._unknown(tensor)
        return known

    def run(self, func: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operator.

        Returns:
            What it returns. Of a truth that nobody knows, that nothing is unusual: all is well, and any is not.
        """
        if not self.is_meta:
            return func(*args, **kwargs)
        called, tensors = signature(func), tensors_in((args, kwargs))
        arguments = called.bind(args, kwargs) if called.written else {}
        written = [tensor for name in called.written for tensor in tensors_in(arguments[name])]
        shadow = self._shadow(func, args, kwargs, tensors, written)
        if shadow is not None and not isinstance(shadow, Tensor | list | tuple):
            return shadow
        if shadow is None:
            self._drop(written)
            if called.name == "_local_scalar_dense" and tensors[0].is_meta and tensors[0].dtype == torch.bool:
                answer = tensors[0] in self._alls
                self._note(f"a condition was taken as {answer}")
                return answer
            if called.name == "_local_scalar_dense" and tensors[0].is_meta:
                raise self._unknown(tensors[0])
        result = self._on_meta(func, args, kwargs, None if written else shadow)
        if called.name in ("all", "_is_all_true"):
            self._alls[result] = True
        for tensor, known in zip(tensors_in(result), tensors_in(shadow), strict=False):
            if tensor.is_meta and tensor.shape == known.shape:
                self.know(tensor, known)
        return result

    def _shadow(
        self,
        func: OpOverload,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        tensors: Sequence[Tensor],
        written: Sequence[Tensor],
    ) -> Any:
        """Run an operator on what is known in truth; None if that is not enough, or too much."""
        goes_there = any(_is_meta(argument) for argument in (*args, *kwargs.values()))
        if not goes_there and not any(tensor.is_meta for tensor in tensors):
            return None
        if not all(map(self._is_known, tensors)) or sum(tensor.numel() for tensor in tensors) > MOST:
            return None
        if signature(func).is_drawn or signature(func).name in UNKNOWN:
            return None
        if not all(tensor.is_meta for tensor in written):
            return None
        try:
            shadow = func(*self._truly(args), **self._truly(kwargs))
        except (RuntimeError, NotImplementedError, TypeError):
            return None
        is_copy = goes_there and isinstance(shadow, Tensor) and bool(tensors)  # of memory that others hold
        return shadow.clone() if is_copy else shadow

    def _is_known(self, tensor: Tensor) -> bool:
        return not tensor.is_meta or tensor in self._known

    def _truly(self, values: Any) -> Any:
        if isinstance(values, Tensor):
            return self._known.get(values, values) if values.is_meta else values
        if isinstance(values, torch.device):
            return torch.device("cpu") if values.type == "meta" else values
        if isinstance(values, dict):
            return {name: self._truly(value) for name, value in values.items()}
        return type(values)(map(self._truly, values)) if isinstance(values, list | tuple) else values

    def _drop(self, written: Sequence[Tensor]) -> None:
        """Forget what was known of memory that something unknown is written into."""
        for tensor in written:
            known = self._known.get(tensor)
            if known is not None:
                place = storage_of(known)
                for other in [one for one, held in self._known.items() if storage_of(held) == place]:
                    del self._known[other]

    # ---- on meta ---------------------------------------------------------------------------------------------------

    def _on_meta(self, func: OpOverload, args: Sequence[Any], kwargs: dict[str, Any], shadow: Any) -> Any:
        """Run an operator on meta tensors, whose result has the shapes of its shadow, if there is one."""
        if signature(func).name == "_grouped_mm":  # which asks for bfloat16 on meta
            one, other = args[0], args[1]
            groups = (other.shape[0],) if one.dim() == 2 and other.dim() == 2 else ()
            return one.new_empty((*groups, *one.shape[:-1], other.shape[-1]))
        key = key_of(func, args, kwargs) if shadow is None else None
        if key is not None and key in self._made:
            return self._made[key].again()
        try:
            result = func(*args, **kwargs)
            made = None if key is None else made_of(result, (args, kwargs))
            if key is not None and made is not None:
                self._made[key] = made
            return result
        except NotImplementedError:  # a shape that depends on indices
            return self._with_indices(func, args, kwargs) if shadow is None else _like(shadow)
        except RuntimeError:
            if shadow is not None:
                return _like(shadow)
            if all(tensor.is_meta for tensor in tensors_in((args, kwargs))):
                raise
        return func(*_to_meta(args), **_to_meta(kwargs))  # the model has some parameters elsewhere

    def _with_indices(self, func: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operator whose shape depends on indices: on those that are known, or as if no place were left out."""
        try:
            return func(*self._truly(args), **kwargs)
        except NotImplementedError:
            if signature(func).name == "nonzero":
                return self._first_places(args[0])
            with _config.patch(meta_nonzero_assume_all_nonzero=True):  # type: ignore[attr-defined]
                result = func(*args, **kwargs)
        self._note("a mask was taken as True everywhere")
        return result

    def _first_places(self, tensor: Tensor) -> Tensor:
        """Return the first places of a tensor, as if it held something there: loops over experts visit some."""
        places = torch.ones(min(tensor.numel(), PLACES)).nonzero()
        known = torch.stack(torch.unravel_index(places[:, 0], tensor.shape), 1)
        result = torch.empty_like(known, device="meta")
        self._known[result] = known
        self._note(f"the places where a condition holds were taken as the first {PLACES}")
        return result

    def _unknown(self, tensor: Tensor) -> UnknownElementsError:
        """Return what is said of elements that nobody knows, where a model cannot go on without them."""
        layer, shape = self.layer(), tuple(tensor.shape)
        what = "a number" if tensor.numel() == 1 else f"the elements of a tensor of shape {shape_text(shape)}"
        lost = (
            ", as buffers lose what they hold there: build it under glorot.torch.deferred(), which keeps them, or"
            if self.follows(tensor) is None
            else ", for it is computed from parameters:"
        )
        return UnknownElementsError(
            f"{f'layer {layer!r}' if layer else 'the model'} asks for {what} that nobody knows on the meta device"
            f"{lost} give a model with memory"
        )

    def _note(self, assumed: str) -> None:
        layer = self.layer()
        text = f"{f'layer {layer!r}' if layer else 'the model'} asks for what meta tensors hold: {assumed}"
        if text not in self.graph.notes:
            self.graph.notes.append(text)


def _like(values: Any) -> Any:
    """Return tensors on meta of the shapes that others have."""
    return tree_map_only(Tensor, lambda tensor: torch.empty_like(tensor, device="meta"), values)


def _to_meta(values: Any) -> Any:
    """Return arguments with every tensor on meta."""
    return tree_map_only(Tensor, lambda tensor: tensor if tensor.is_meta else tensor.to("meta"), values)


def _is_meta(argument: Any) -> bool:
    return isinstance(argument, torch.device) and argument.type == "meta"
