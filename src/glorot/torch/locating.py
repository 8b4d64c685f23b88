"""Finding the values of a graph again while a PyTorch model really runs, by counting the functions that it calls."""

import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from glorot.torch.attending import weights_of
from glorot.torch.graph.memory import Memory

Given = tuple[tuple[Any, ...], Mapping[str, Any]]
"""Arguments of a call, in order and by name."""

INSIDE = -1
"""The place of what a function computes and does not return."""


class Call(NamedTuple):
    """One of the tensors that a function returned.

    Attributes:
        number: how many functions were called before.
        name: the name of the function.
        place: the position of the tensor in what it returned; INSIDE for weights of attention that it does not return.
        value: the value of the tensor.
        shape: its shape.
    """

    number: int
    name: str
    place: int
    value: int
    shape: tuple[int, ...]


def _opened(function: Any) -> types.FunctionType:
    """Return a function of PyTorch's whose inner calls are seen one by one, and not as one call of it."""
    names = {**function.__globals__, "has_torch_function": lambda _: False}
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


OPENED: dict[Any, Any] = {functional.multi_head_attention_forward: _opened(functional.multi_head_attention_forward)}
"""Functions with points inside, and what is called in their place."""
for _function, _open in OPENED.items():
    _open.__kwdefaults__ = _function.__kwdefaults__


class _Counting(TorchFunctionMode, ABC):
    """Counts the functions that a model calls from the start of its forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if function in OPENED:
            with self:
                return OPENED[function](*args, **(kwargs or {}))
        result = function(*args, **(kwargs or {}))
        tensors = _tensors(result)
        if tensors:  # what a model asks besides may depend on whether gradients are wanted
            self.see(self.count, getattr(function, "__name__", ""), tensors, (args, kwargs or {}))
            self.count += 1
        return result

    @abstractmethod
    def see(self, number: int, name: str, tensors: Sequence[Tensor], given: Given) -> None:
        """See the tensors that the n-th function returned, and what it was given."""

    def begin(self) -> None:
        """Begin to count."""
        self.count = 0

    @contextmanager
    def from_start_of(self, model: nn.Module) -> Iterator[None]:
        """Count from where a model's forward pass starts."""

        def start(module: nn.Module, args: Any) -> None:
            self.begin()

        handle = model.register_forward_pre_hook(start)
        try:
            yield
        finally:
            handle.remove()


class Locating(_Counting):
    """Finds which call returns each value of a graph, while the model is followed.

    Attributes:
        calls: the first call that returns each value.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[int, Call] = {}
        self._follows: Callable[[Tensor], int | None] = lambda tensor: None

    def beside(self, memory: Memory) -> "Locating":
        """Return itself, to be entered where a model runs that this memory follows."""
        self._follows = memory.follows
        self.begin()
        return self

    def begin(self) -> None:
        """Begin to count, and forget what came before."""
        super().begin()
        self.calls.clear()

    def see(self, number: int, name: str, tensors: Sequence[Tensor], given: Given) -> None:
        """Take note of the values that a function returned first."""
        for index, tensor in enumerate(tensors):
            value = self._follows(tensor)
            if value is not None:
                self.calls.setdefault(value, Call(number, name, index, value, tuple(tensor.shape)))


class Catching(_Counting):
    """Catches the tensors that some calls return, while the model really runs.

    Attributes:
        wanted: the calls, by number, each with what it is caught for.
        caught: is called with each of these and its tensor.
    """

    def __init__(self, wanted: Mapping[int, Sequence[tuple[Call, Any]]], caught: Callable[[Any, Tensor], None]) -> None:
        super().__init__()
        self.wanted = wanted
        self.caught = caught

    def see(self, number: int, name: str, tensors: Sequence[Tensor], given: Given) -> None:
        """Show what is wanted of this function, if it is the one that was expected."""
        for call, purpose in self.wanted.get(number, ()):
            if call.place == INSIDE:
                if call.name == name:
                    self.caught(purpose, weights_of(*given))
                continue
            tensor = tensors[call.place] if call.place < len(tensors) else None
            if tensor is not None and (call.name, call.shape) == (name, tuple(tensor.shape)):
                self.caught(purpose, tensor)


def _tensors(result: Any) -> Sequence[Tensor]:
    if isinstance(result, Tensor):
        return (result,)
    if isinstance(result, tuple | list):
        return [one for one in result if isinstance(one, Tensor)]
    return ()
