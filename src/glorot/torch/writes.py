"""Keeping, while a model runs, what it is about to write over, and drawing its random numbers beside the process's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import torch
from torch import Generator, Tensor
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

ESCAPES = {"numpy", "__array__", "__dlpack__", "data_ptr", "untyped_storage", "storage"}
"""What hands out the memory of a tensor, which may then be written to past every operator."""


class Journal(TorchDispatchMode):
    """Copies memory that existed before, just before an operator writes to it, so that it can be written back.

    Nothing is copied that is not written to, and nothing that was made in between.
    """

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or PyTorch imports its compiler, for seconds

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made: set[int] = set()
        self.before: dict[int, tuple[Any, Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, OpOverload):
            return func(*args, **kwargs)
        for n, name in written_arguments(func):
            for tensor in tensors_in(args[n] if n < len(args) else kwargs.get(name)):
                self.keep(tensor)
        result = func(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            returned = {key for key in _memories(result) if key not in self.made}
            if returned and func is not torch.ops.aten.lift_fresh.default:  # its argument is a constant, just made
                returned -= {*_memories(args), *_memories(kwargs)}
            self.made |= returned
        return result

    def keep(self, tensor: Tensor) -> None:
        """Keep a copy of the memory of a tensor, if it is not one made in between."""
        with torch._C.DisableTorchFunction():  # a journal asks for memory too
            for inner in plain_tensors(tensor):
                key = storage_of(inner)
                if key and not inner.is_meta and key not in self.made and key not in self.before:
                    storage = inner.untyped_storage()
                    copy = torch.UntypedStorage(storage.nbytes(), device=storage.device)
                    self.made.add(copy._cdata)  # what fills it is an operator too
                    self.before[key] = storage, copy.copy_(storage)

    def undo(self) -> None:
        """Write back what was written over."""
        for storage, copy in self.before.values():
            if storage.nbytes() != copy.nbytes():
                storage.resize_(copy.nbytes())
            storage.copy_(copy)
        if torch.is_autocast_cache_enabled():
            torch.clear_autocast_cache()  # it may hold a cast of what was written, or one without a gradient


class Escapes(TorchFunctionMode):
    """Lets a journal keep tensors whose memory is handed out to NumPy, or to a kernel that is not an operator."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.journal = journal

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if args and isinstance(args[0], Tensor) and getattr(func, "__name__", "") in ESCAPES:
            self.journal.keep(args[0])
        return func(*args, **(kwargs or {}))


@cache
def draws(func: OpOverload) -> bool:
    """Tell whether an operator draws random numbers."""
    return torch.Tag.nondeterministic_seeded in func.tags


@cache
def written_arguments(func: OpOverload) -> list[tuple[int, str]]:
    """Return (position, name) of the arguments that an operator writes to; those of batch norms do not say so."""
    return [
        (n, argument.name)
        for n, argument in enumerate(func._schema.arguments)
        if argument.is_write or argument.name in {"running_mean", "running_var"}
    ]


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Return the tensors in the arguments of an operator, or in what it returns."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, list | tuple | dict):
        for value in values.values() if isinstance(values, dict) else values:
            yield from tensors_in(value)


def plain_tensors(tensor: Tensor) -> Iterator[Tensor]:
    """Return a tensor, or those that one of a class that wraps others consists of."""
    if type(tensor) is not Tensor and hasattr(tensor, "__tensor_flatten__"):
        for name in tensor.__tensor_flatten__()[0]:
            yield from plain_tensors(getattr(tensor, name))
    else:
        yield tensor


def _memories(values: Any) -> Iterator[int]:
    for tensor in tensors_in(values):
        for inner in plain_tensors(tensor):
            yield storage_of(inner)


def storage_of(tensor: Tensor) -> int:
    """Return what identifies the storage of a tensor; 0 if it has none."""
    with torch._C.DisableTorchFunction():  # nothing escapes by this
        if tensor.layout != torch.strided:
            return 0
        try:
            return int(tensor.untyped_storage()._cdata)
        except (NotImplementedError, RuntimeError):
            return 0


class RandomNumbers(TorchDispatchMode):
    """Lets operators draw from a generator other than the process's, whose state they neither use nor change."""

    supports_higher_order_operators = True
    _should_skip_dynamo = Journal._should_skip_dynamo

    def __init__(self, generator: Generator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.generator = generator

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, OpOverload) or not draws(func):
            return func(*args, **kwargs)
        device = kwargs.get("device") or next((tensor.device for tensor in tensors_in((args, kwargs))), "cpu")
        if torch.device(device).type != "cpu":
            return func(*args, **kwargs)
        takes = _with_generator(func)
        if takes is None:
            with self._swapped():
                return func(*args, **kwargs)
        place = [argument.name for argument in takes._schema.arguments].index("generator")
        if place < len(args):
            return takes(*args[:place], args[place] or self.generator, *args[place + 1 :], **kwargs)
        return takes(*args, **{**kwargs, "generator": kwargs.get("generator") or self.generator})

    @contextmanager
    def _swapped(self) -> Iterator[None]:
        """Lend the process's generator for one operator that takes no other."""
        before = torch.default_generator.get_state()
        torch.default_generator.set_state(self.generator.get_state())
        try:
            yield
        finally:
            self.generator.set_state(torch.default_generator.get_state())
            torch.default_generator.set_state(before)


@cache
def _with_generator(func: OpOverload) -> Any:
    """Return the overload of an operator that is told its generator."""
    names = {argument.name for argument in func._schema.arguments}
    for name in func.overloadpacket.overloads() if "generator" not in names else ():
        other: OpOverload = getattr(func.overloadpacket, name)
        if {argument.name for argument in other._schema.arguments} == names | {"generator"}:
            return other
    return func if "generator" in names else None


class _ByThread(Generator):
    """What `torch.manual_seed` and its kin reach: one generator for the thread that looks, one for others.

    A checkpointed layer reads and sets the state through them, to draw the same numbers again on the way back.
    """

    own: Generator
    owner: int

    def _chosen(self) -> Generator:
        return self.own if threading.get_ident() == self.owner else torch.default_generator

    def get_state(self) -> Tensor:
        return self._chosen().get_state()

    def set_state(self, state: Tensor) -> Generator:
        self._chosen().set_state(state)
        return self

    def manual_seed(self, seed: int) -> Generator:
        return self._chosen().manual_seed(seed)

    def seed(self) -> int:
        return self._chosen().seed()

    def initial_seed(self) -> int:
        return self._chosen().initial_seed()


@contextmanager
def own_random_numbers() -> Iterator[Generator]:
    """Draw inside from a copy of the process's generator of the CPU, and leave that alone; the lock must be held.

    Returns:
        The copy.
    """
    routed = _ByThread()
    routed.own, routed.owner = torch.default_generator.clone_state(), threading.get_ident()
    with patch.object(torch.random, "default_generator", routed), RandomNumbers(routed.own):
        yield routed.own
