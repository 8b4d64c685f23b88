"""Watching every operator that a model runs, and adding it to a graph."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from glorot.graph import Graph
from glorot.graph.operations import Opaque, Random
from glorot.torch.graph import contracting, elementwise, moving, pairs, recurrent, statistics
from glorot.torch.graph.call import Call, Signature, signature, tensors_in
from glorot.torch.graph.memory import FEW, MOST_KEPT, Memory, shape_of
from glorot.torch.graph.truth import Truth
from glorot.torch.writes import Journal, storage_of

ROWS: dict[str, Callable[[Call], Any]] = {
    **elementwise.ROWS, **moving.ROWS, **contracting.ROWS, **statistics.ROWS, **recurrent.ROWS,
}  # fmt: skip

FRESH = {"bernoulli", "normal", "uniform", "exponential", "random", "geometric", "log_normal", "cauchy"}
"""Operators that fill a tensor with numbers that are drawn, and keep nothing of what it held."""

SHAPED = {"zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "randint_like", "new_zeros",
          "new_ones", "new_full", "new_empty", "new_empty_strided"}  # fmt: skip
"""Operators that ask a tensor for its shape alone."""


COMPOSED = {torch.ops.aten.where.default}
"""Operators that only share the name of one that has a row: here the places where a condition holds."""


class Lowering(TorchDispatchMode):
    """Adds every operator to a graph, as it runs.

    Attributes:
        graph: the graph.
        memory: which value each tensor holds.
        truth: runs the operators.
    """

    supports_higher_order_operators = True
    _should_skip_dynamo = Journal._should_skip_dynamo

    def __init__(self, graph: Graph, is_meta: bool, layer: Callable[[], str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = graph
        self.memory = Memory(graph, self._truth_of)
        self.truth = Truth(graph, is_meta, self.memory.follows, layer)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, OpOverload):
            return self._run_whole(func, args, kwargs)
        called = signature(func)
        has_row = called.name in ROWS or called.name in moving.VIEWS or called.name in SHAPED
        with torch._C.DisableTorchFunction():  # what is asked here of tensors, the model does not ask
            if not has_row or func in COMPOSED:
                result = self._in_parts(func, args, kwargs)
                if result is not NotImplemented:
                    return result
            return self._run(func, called, args, kwargs)

    def _in_parts(self, func: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operator that has no row as those that it is made of."""
        if _is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        if torch.Tag.pointwise in func.tags and not signature(func).written:
            from torch._decomp import decomposition_table

            parts = decomposition_table.get(func)
            tensors = tensors_in((args, kwargs))
            if parts is not None and any(self.memory.follows(tensor) is not None for tensor in tensors):
                with self:
                    return parts(*args, **kwargs)
        return NotImplemented

    def _run_whole(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operator that takes functions, as flexible attention does, which masks or shifts the logits."""
        result = func(*args, **kwargs)
        arguments = {"args": args, **kwargs}
        if str(func) == "flex_attention":
            query, key, value, _, _, scale, *_ = args
            arguments |= {"query": query, "key": key, "value": value, "scale": scale, "is_causal": True}
        self._add_steps(Call(self.graph, str(func), arguments, tensors_in(result), self.memory.value, self._truth_of))
        return result

    # ---- one operator ----------------------------------------------------------------------------------------------

    def _run(self, func: OpOverload, called: Signature, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        arguments = called.bind(args, kwargs)
        tensors = tensors_in(arguments)
        written = [tensor for name in called.written for tensor in tensors_in(arguments[name])]
        follows = called.name not in SHAPED and any(self.memory.follows(tensor) is not None for tensor in tensors)
        is_drawn = called.is_drawn and called.name not in ROWS
        is_random = is_drawn and (called.name in FRESH if written else not follows)
        of: Callable[[Tensor], int] = self.memory.value
        if written and (is_random or follows):
            for tensor in written:
                self.memory.prepare(tensor)
            before = {id(tensor): self.memory.value(tensor) for tensor in tensors}
            of = lambda tensor: before[id(tensor)]  # noqa: E731
        result = self.truth.run(func, args, kwargs)
        call = Call(self.graph, called.name, arguments, tensors_in(result), of, self._truth_of)
        if not call.results:
            return result
        if not follows and called.name not in SHAPED:
            self.memory.inherit(call.results, tensors)
        if called.name in moving.VIEWS and tensors:
            self._add_views(call, tensors[0], follows)
        elif is_random:
            self._draw(call)
        elif follows:
            self._add_steps(call)
        else:
            for tensor in written:
                self.memory.forget(tensor)
        return result

    def _add_views(self, call: Call, source: Tensor, follows: bool) -> None:
        """Add what shares memory with a tensor, or holds the same elements elsewhere."""
        memory = storage_of(source)
        if not follows and storage_of(call.results[0]) != memory:
            return
        views = moving.VIEWS[call.name](call)
        for tensor, view in zip(call.results, views, strict=True):
            own = pairs.of_pairs(view) if source.is_complex() else view
            if storage_of(tensor) != memory:
                self.memory.assign(tensor, self.memory.moved(own, call.value(source)))
            elif tensor is not source or view.operation is not None:
                self.memory.add_view(tensor, source, own)

    def _draw(self, call: Call) -> None:
        for tensor in call.results:
            self._set(call, tensor, self.graph.step(Random(call.name), [], shape_of(tensor)))

    def _add_steps(self, call: Call) -> None:
        tensors = tensors_in(call.arguments)
        row = (pairs.ROWS if pairs.is_complex([*call.results, *tensors]) else ROWS).get(call.name)
        found = row(call) if row is not None else []
        values = [found] if isinstance(found, int) else list(found)
        operands = [call.value(tensor) for tensor in (tensors[:1] if values else tensors)]
        for tensor, value in zip(call.results, values, strict=False):
            self._set(call, tensor, value)
        for tensor in call.results[len(values) :]:
            step = functools.partial(
                self.graph.step, Opaque(call.name), list(dict.fromkeys(operands)), shape_of(tensor)
            )
            if values:  # indices or statistics beside a result, which few models ask for
                self.memory.assign_later(tensor, step)
            else:
                self._set(call, tensor, step())

    def _set(self, call: Call, tensor: Tensor, value: int) -> None:
        """Set the value of a result, which may be an argument that was written to."""
        if any(tensor is argument for argument in tensors_in(call.arguments)):
            self.memory.write(tensor, value)
        else:
            self.memory.assign(tensor, value)

    def _truth_of(self, tensor: Tensor) -> Tensor | None:
        most = MOST_KEPT if tensor.is_floating_point() else FEW
        if tensor.numel() > most or self.memory.follows(tensor) is not None:
            return None
        return self.truth.of(tensor)


@functools.cache
def _is_composite(func: OpOverload) -> bool:
    """Tell whether an operator is made of others."""
    return func.namespace == "aten" and torch._C._dispatch_has_kernel_for_dispatch_key(
        func.name(), "CompositeImplicitAutograd"
    )
