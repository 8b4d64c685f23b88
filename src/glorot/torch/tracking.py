"""Following what operators write: how often each element of each memory was written, by what, and made of what."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from glorot.torch.poison import poison
from glorot.torch.writes import ESCAPES, Journal, plain_tensors, storage_of, tensors_in, written_arguments

FILLS = {
    "bernoulli_", "cauchy_", "copy_", "exponential_", "fill_", "geometric_", "log_normal_", "normal_", "random_",
    "uniform_", "zero_",
}  # fmt: skip
"""Operators that write every element of their first argument, whatever it held."""

SPOTS = {"fill_diagonal_", "index_copy_", "index_fill_", "index_put_", "masked_fill_", "masked_scatter_", "scatter_"}
"""Operators that write some elements, whatever they held."""

VALUES = {"fill_value", "source", "src", "value", "values"}
"""What those call the values that they write."""

POINTING = {"resize_", "resize_as_", "set_", "set_data"}
"""Operators that write no element: they give a tensor another memory."""

BLANK = re.compile(r"(new_)?empty(_like|_strided|_permuted)?")
LIKE = re.compile(r"(empty|zeros|ones|full|rand|randn|randint)_like|new_(empty|zeros|ones|full|empty_strided)")
"""Operators that look at the shape of their argument, and at nothing that it holds."""

COPIES = {"_to_copy", "clone"}

TEMPORARY = 0
"""The key of the poison of memory that is not the model's."""


class Memory:
    """What is known of one storage.

    Attributes:
        path: where the model holds it; "" for any other.
        writers: who wrote over it.
        read_first: who read elements that nothing had written.
        changed: whether an operator changed elements in place, out of what they held.
        made: who made it.
        made_of: paths of the model's tensors that it was made of, or after.
        inputs: the storages whose values are in it.
    """

    def __init__(self, storage: Any, unit: int, count: int, path: str = "") -> None:
        self.alive = StorageWeakRef(storage)  # as long as this lives, no other storage has the same identity
        self.bytes = storage.nbytes()
        self.unit, self.count = max(unit, 1), count
        self.counts: Tensor | None = None
        self.path, self.made, self.read_first, self.changed = path, "", "", False
        self.writers: list[str] = []
        self.made_of: dict[str, None] = {}
        self.inputs: set[int] = set()

    def fit(self, size: int) -> None:
        """Follow a storage to another size; what is new there is not written."""
        if size != self.bytes and (self.count or self.counts is not None):
            old = torch.full((self.bytes // self.unit,), self.count, dtype=torch.uint8)
            old = old if self.counts is None else self.counts
            kept = old[: size // self.unit]
            self.counts = torch.cat([kept, kept.new_zeros(max(size // self.unit - len(kept), 0))])
        self.bytes = size

    def _region(self, view: Tensor) -> Tensor:
        """Return how often each element of a view was written, as a view that can be written to."""
        unit = view.element_size()
        if self.counts is None or unit < self.unit:
            finer = min(unit, self.unit)
            if self.counts is None:
                size = -(-self.bytes // finer)
                self.counts = torch.full((size,), self.count, dtype=torch.uint8, device=view.device)
            else:
                self.counts = self.counts.repeat_interleave(self.unit // finer)
            self.unit = finer
        scale = unit // self.unit
        steps = [step * scale for step in view.stride()]
        return self.counts.as_strided((*view.shape, scale), (*steps, 1), view.storage_offset() * scale)

    def write(self, view: Tensor, marks: Tensor | None = None) -> bool:
        """Count a write to all of a view, or to the elements that are marked; tell whether it covers the storage."""
        whole = (
            marks is None and view.numel() * view.element_size() == self.bytes
        )  # views that overlap can't be written
        if self.counts is None and (whole or view.is_meta):
            self.count += 1
        elif view.numel():
            region = self._region(view)
            region += 1 if marks is None else marks.unsqueeze(-1).to(torch.uint8)
            region.clamp_(max=200)
        return whole

    def written(self, view: Tensor) -> tuple[int, Tensor | None]:
        """Return how often the elements of a view were written: one number for all, or one for each."""
        if self.counts is None or not view.numel():
            return self.count, None
        counts = self._region(view).amin(-1)
        return int(counts.min()), counts


class Tracker(TorchDispatchMode):
    """Notes of every operator what it reads, writes and makes; memory without values gets poison."""

    supports_higher_order_operators = True
    _should_skip_dynamo = Journal._should_skip_dynamo

    def __init__(self, variant: int = 0, holders: Callable[[int], Iterable[str]] = lambda _: ()) -> None:
        """Start with nothing known.

        Args:
            variant: which of two patterns poison has.
            holders: a storage → paths of the tensors of the model that lie in it just now.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.memories: dict[int, Memory] = {}
        self.variant, self.holders = variant, holders
        self.escaped: set[int] = set()
        self.while_empty: dict[str, str] = {}

    def own(self, tensor: Tensor, path: str) -> Memory:
        """Take a tensor for one of the model's, of which nothing is written yet."""
        made = Memory(tensor.untyped_storage(), tensor.element_size(), 0, path)
        return self.memories.setdefault(storage_of(tensor), made)

    def memory(self, tensor: Tensor) -> Memory | None:
        """Return what is known of the memory of a tensor; of one made elsewhere, that all of it is written."""
        key = storage_of(tensor)
        if not key:
            return None
        if key not in self.memories:
            self.memories[key] = Memory(tensor.untyped_storage(), tensor.element_size(), 1)
        self.memories[key].fit(tensor.untyped_storage().nbytes())
        return self.memories[key]

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, OpOverload):
            return func(*args, **kwargs)
        name = plain_name(func)
        if name in POINTING:
            return func(*args, **kwargs)
        slots = written_arguments(func)
        targets = list(_inner(args[n] if n < len(args) else kwargs.get(key) for n, key in slots))
        names = {key for _, key in slots}
        arguments = [argument.name for argument in func._schema.arguments]
        given = dict(zip(arguments, args, strict=False)) | kwargs
        inputs = list(_inner(value for key, value in given.items() if key not in names))
        marks = _marks(func, targets[0], given) if name in SPOTS else None
        before = {storage_of(tensor) for tensor in (*inputs, *targets)}
        result = func(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            made = [tensor for tensor in _inner([result]) if storage_of(tensor) not in {0, *before}]
            if name == "_local_scalar_dense":
                self.escaped |= before
            fills = not given.get("accumulate") and (name in FILLS | SPOTS or "out" in func._overloadname.split("_"))
            if targets or (made and not LIKE.fullmatch(name)):
                self._read(inputs if fills else [*inputs, *targets])
            for target in targets:
                self._write(target, inputs, fills, marks)
            for tensor in made:
                self._make(tensor, name, inputs)
        return result

    def _read(self, inputs: Iterable[Tensor]) -> None:
        for tensor in inputs:
            memory = self.memory(tensor)
            if memory is None or not memory.path or memory.read_first or tensor.is_meta or not tensor.numel():
                continue
            if memory.written(tensor)[0] == 0:
                memory.read_first = call_site()

    def _write(self, target: Tensor, inputs: list[Tensor], fills: bool, marks: Tensor | None) -> None:
        memory = self.memory(target)
        if memory is None:
            return
        keys = {storage_of(tensor) for tensor in inputs} - {0}
        if fills and (target.is_meta or not target.numel()):
            for path in self.holders(storage_of(target)):
                self.while_empty.setdefault(path, call_site())
        if fills and storage_of(target) in self._sources(keys) and memory.written(target)[0]:
            fills = False  # as trunc_normal_ copies its draws back once those out of bounds are drawn again
        if fills and memory.write(target, marks):
            memory.inputs = keys
        else:
            memory.inputs |= keys
        if fills:
            memory.writers.append(call_site())
        memory.changed |= not fills

    def _make(self, tensor: Tensor, name: str, inputs: list[Tensor]) -> None:
        key, blank = storage_of(tensor), BLANK.fullmatch(name) is not None
        sources = [memory for one in inputs if (memory := self.memory(one)) is not None]
        unwritten = [one for one in inputs if (memory := self.memory(one)) is not None and memory.written(one)[0] == 0]
        is_raw = blank or (name in COPIES and bool(unwritten))
        memory = Memory(tensor.untyped_storage(), tensor.element_size(), 0 if is_raw else 1)
        memory.made = f"{name.removeprefix('_')} at {call_site()}"
        for source in sources:
            memory.made_of |= {source.path: None} if source.path else source.made_of
        if not LIKE.fullmatch(name):
            memory.inputs = {storage_of(one) for one in inputs} - {0}
        self.memories[key] = memory
        if blank and not tensor.is_meta and tensor.layout == torch.strided:
            poison(tensor, TEMPORARY, self.variant)

    def reached(self, kept: Iterable[int]) -> set[int]:
        """Return the storages whose values are in one of those that are kept."""
        return self._sources({*kept, *self.escaped})

    def _sources(self, keys: set[int]) -> set[int]:
        """Return storages with all those whose values are in them."""
        waiting, found = [*keys], set[int]()
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += self.memories[key].inputs if key in self.memories else ()
        return found


class Handed(TorchFunctionMode):
    """Tells a tracker whose memory is handed out, to NumPy or a list, where it is read past every operator."""

    def __init__(self, tracker: Tracker) -> None:
        super().__init__()
        self.tracker = tracker

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if args and isinstance(args[0], Tensor) and getattr(func, "__name__", "") in {*ESCAPES, "tolist"}:
            self.tracker.escaped |= {storage_of(tensor) for tensor in plain_tensors(args[0])}
        return func(*args, **(kwargs or {}))


def _inner(values: Iterable[Any]) -> Iterator[Tensor]:
    for tensor in tensors_in(list(values)):
        for inner in plain_tensors(tensor):
            if inner.layout == torch.strided:
                yield inner


@cache
def plain_name(func: OpOverload) -> str:
    """Return the name of an operator without namespace and overload; that for lists as that for one tensor."""
    return func._schema.name.partition("::")[2].removeprefix("_foreach_")


def _marks(func: Any, target: Tensor, given: dict[str, Any]) -> Tensor | None:
    """Return which elements an operator writes, by running it on zeros with ones for its values."""
    if target.is_meta:
        return None
    marks = torch.zeros(target.shape, device=target.device)
    ones = {key: _one(value) for key, value in given.items() if key in VALUES}
    func(**{**given, **ones, func._schema.arguments[0].name: marks})
    return marks


def _one(value: Any) -> Any:
    return torch.ones(value.shape, device=value.device) if isinstance(value, Tensor) else 1


def call_site() -> str:
    """Return the function that is called to write, and the file, line and function that call it.

    Frames of PyTorch, and those of functions whose names end in an underscore as `normal_` does, count as the callee.
    """
    frame, callee = sys._getframe(1), ""
    while frame is not None and frame.f_back is not None:
        module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        inside = module.startswith(("torch.", "glorot.")) and not module.startswith("torch.nn.modules.")
        inside |= module == "torch.nn.modules.module"
        if function.endswith("_") and not function.endswith("__"):
            callee = function
        elif not inside and module != "contextlib":
            break
        frame = frame.f_back
    where = f"{frame.f_code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{frame.f_lineno}"
    function = frame.f_code.co_name
    within = "" if function.startswith("<") else f" in {function}"
    return f"{callee} at {where}{within}" if callee else f"{where}{within}"
