"""Watching a PyTorch model run: connections counted with ones, outputs followed with autograd, and no graph read.

Whatever multiplies a signal by something made of parameters alone is a kernel. It is asked again with a signal of ones
and with ones in a part of the parameter, so that what comes out counts connections. Its result is made a leaf of
autograd; where the model next multiplies signals or meets another kernel, the gradient says which outputs arrived.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map

CONVOLUTIONS = {f"conv{turned}{rank}d" for turned in ("", "_transpose") for rank in (1, 2, 3)}
BESIDE = {"matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "einsum", "linear", "_grouped_mm", "grouped_mm"}
ADDED = {"addmm", "baddbmm"}
PRODUCTS = {"mul", "__mul__", "__rmul__", "div", "__truediv__"}
FLAT = {"clamp", "clamp_min", "hardtanh", "hardsigmoid", "threshold"}
CUT_OFF = {"relu", "relu_", "relu6", "hardswish", "elu", "elu_", "celu", "selu", "gelu", "silu", "silu_", "tanh"}
CHOOSING = {"topk", "argmax", "sort", "argsort", "multinomial", "one_hot", "nonzero", "bincount", "gather"}


@dataclass
class Kernel:
    """What was measured of a parameter where it first met a signal.

    Attributes:
        function: the function that multiplied it.
        fans: those of each of its parts, by name; None where nothing could be counted.
        features: the outputs in which each part lies.
        leaf: the result, as a leaf of autograd.
        axes: the axes of the result along which its outputs lie.
        ends: the outputs that arrived at each place where outputs are followed no further.
        chosen: whether a choice of the largest was made of its outputs.
    """

    function: str
    fans: dict[str, tuple[float, float] | None]
    features: dict[str, frozenset[int]]
    leaf: Tensor
    axes: tuple[int, ...]
    ends: dict[tuple[int, str, int], Tensor] = field(default_factory=dict)
    chosen: bool = False

    def groups(self, is_by_place: bool = True) -> set[frozenset[int]]:
        """Return its outputs, those together that arrive at the same places, or at places of one kind."""
        fates: dict[tuple[Any, ...], list[int]] = {}
        count = max((reached.numel() for reached in self.ends.values()), default=0)
        for feature in range(count):
            fate = [end if is_by_place else end[1:] for end, reached in self.ends.items() if reached[feature]]
            fates.setdefault(tuple(sorted(fate)), []).append(feature)
        return {frozenset(features) for features in fates.values()}


class Watch(TorchFunctionMode):
    """A run of a model that is watched.

    Attributes:
        kernels: what was measured, by the path of the parameter.
        unread: the functions in which a parameter met a signal and nothing could be measured, by path.
    """

    def __init__(self, model: nn.Module, parts: Mapping[str, Mapping[str, Tensor]]) -> None:
        super().__init__()
        self.paths = {id(tensor): path for path, tensor in model.named_parameters()}
        self.parts = parts
        self.kernels: dict[str, Kernel] = {}
        self.unread: dict[str, str] = {}
        self._count = 0
        self._generator = torch.Generator().manual_seed(0)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        data = [tensor for tensor in tensors if self._is(tensor, "data")]
        if name in CHOOSING:
            self._choose(data)
        if name in FLAT and data and data[0].is_floating_point() and data[0].requires_grad:
            result = _without_flats(func, args, kwargs, data[0])
        elif name in CUT_OFF and data:  # which has no slope far from zero; what is there is followed too
            result = data[0].clone()
        elif name in BESIDE | ADDED | CONVOLUTIONS:
            result = self._linear(func, name, args, kwargs)
            data = [result] if self._is(result, "data") else data  # as a seed is that a kernel multiplies
        elif name == "scaled_dot_product_attention":
            result = self._end(name, func(*args, **kwargs), args[:3])
        elif name == "pad" and data:
            result = func(*args, **kwargs)
            if not any(args[3:]) and kwargs.get("mode", (*args, "constant", "constant")[2]) == "constant":
                result._ones = func(torch.ones_like(args[0]), *args[1:], **kwargs)
        elif name == "glu":
            result = self._end(name, func(*args, **kwargs), args[0].chunk(2, kwargs.get("dim", (*args, -1)[1])))
        elif name in PRODUCTS and len(data) == 2 and data[0].shape == data[1].shape and data[0] is not data[1]:
            result = self._end("mul", func(*args, **kwargs), data)
        else:
            result = func(*args, **kwargs)
        self._mark(result, bool(data), tensors)
        if result is None and data and isinstance(args[0], Tensor):  # a part was written to
            self._mark(args[0], True, tensors)
        return result

    def _is(self, tensor: Tensor, what: str) -> bool:
        return getattr(tensor, "_watched", "param" if id(tensor) in self.paths else "") == what

    def _mark(self, result: Any, is_data: bool, tensors: Sequence[Tensor]) -> None:
        what = "data" if is_data else "param" if any(self._is(tensor, "param") for tensor in tensors) else ""
        for leaf in tree_leaves(result) if what else ():
            if isinstance(leaf, Tensor) and id(leaf) not in self.paths:
                leaf._watched = what  # type: ignore[attr-defined]

    # ---- a kernel ----------------------------------------------------------------------------------------------------

    def _linear(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        result = func(*args, **kwargs)
        flat, layout = tree_flatten((args, kwargs))
        operands = [n for n, leaf in enumerate(flat) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
        pair = (operands[1:] if name in ADDED else operands)[:2]
        if len(pair) < 2 or (name == "einsum" and len(operands) > 2):
            return result
        whats = [next((w for w in ("data", "param") if self._is(flat[n], w)), "") for n in pair]
        if name in CONVOLUTIONS | {"linear"} and whats[1] == "param":
            whats[0] = "data"
        if whats == ["data", "data"]:
            return self._end("product", result, [flat[n] for n in pair])
        if sorted(whats) != ["data", "param"]:
            return result
        signal, kernel = pair if whats[0] == "data" else pair[::-1]
        added = {n: torch.zeros_like(flat[n]) for n in operands if n not in pair}

        def asked(x: Tensor, w: Tensor) -> Tensor:
            changed = {**added, signal: x, kernel: w}
            again, named = layout.unflatten([changed.get(n, leaf) for n, leaf in enumerate(flat)])
            made: Tensor = func(*again, **named)
            return made

        self._end("kernel", result, [flat[signal]])
        ones = getattr(flat[signal], "_ones", torch.ones_like(flat[signal])).detach()  # 0 where it was padded
        return self._kernel(name, asked, ones, flat[kernel], result, args)

    def _kernel(
        self, name: str, asked: Callable[[Tensor, Tensor], Tensor], x: Tensor, w: Tensor, result: Tensor, args: Any
    ) -> Tensor:
        with torch.enable_grad():
            leaf = result.detach().requires_grad_()
            handed = leaf.clone()
        handed._watched = "data"  # type: ignore[attr-defined]
        for path, place in self._parameters_of(w):
            if path not in self.parts:
                continue
            if place is None:
                self.unread[path] = name
                continue
            axes, feature = _outputs(name, args, x, w, result)
            known = self.kernels.setdefault(path, Kernel(name, {}, {}, leaf, () if feature is None else axes))
            for part, mask in self.parts[path].items():
                taken = place[mask & (place >= 0)]
                if known.fans.get(part) is None:
                    ones = torch.zeros(w.numel())
                    ones[taken] = 1
                    known.fans[part] = _counted(asked, x, ones.reshape(w.shape).to(w.dtype), name)
                if known.leaf is leaf and feature is not None:
                    known.features[part] = frozenset(feature[taken].unique().tolist())
        return handed

    def _parameters_of(self, w: Tensor) -> Iterator[tuple[str, Tensor | None]]:
        """Yield the parameters that a kernel is made of, each with the place of its elements in the kernel."""
        if id(w) in self.paths:
            yield self.paths[id(w)], torch.arange(w.numel()).reshape(w.shape)
            return
        for leaf in _leaves_of(w):
            if id(leaf) in self.paths:
                yield self.paths[id(leaf)], _places(w, leaf)

    # ---- where outputs end -------------------------------------------------------------------------------------------

    def _end(self, what: str, result: Any, operands: Sequence[Tensor]) -> Any:
        """Note which outputs arrive at a place, and let none go on."""
        live = [kernel for kernel in self.kernels.values() if kernel.axes]
        for operand, value in enumerate(operands):
            for kernel, slope in zip(live, self._slopes(value, live), strict=True):
                if slope is not None:
                    others = [n for n in range(slope.ndim) if n not in kernel.axes]
                    reached = (slope != 0).sum(others).flatten() > 0 if others else (slope != 0).flatten()
                    kernel.ends[self._count, what, operand] = reached
        self._count += 1
        if isinstance(result, Tensor) and result.requires_grad:
            with torch.enable_grad():
                return result.detach().requires_grad_().clone()
        return result

    def _slopes(self, value: Tensor, live: Sequence[Kernel]) -> Sequence[Tensor | None]:
        if not live or not value.requires_grad:
            return [None] * len(live)
        weights = torch.rand(value.shape, generator=self._generator).to(value.dtype) + 0.5
        leaves = [kernel.leaf for kernel in live]
        with torch.enable_grad():
            total = (value * weights).sum()
        return torch.autograd.grad(total, leaves, allow_unused=True, retain_graph=True)

    def _choose(self, data: Sequence[Tensor]) -> None:
        live = [kernel for kernel in self.kernels.values() if kernel.axes]
        for value in data:
            if value.is_floating_point():
                for kernel, slope in zip(live, self._slopes(value, live), strict=True):
                    kernel.chosen |= slope is not None


def _without_flats(func: Any, args: Any, kwargs: Any, before: Tensor) -> Any:
    """Return what a function makes, with slope 1 everywhere, so that what it cuts off is followed too."""

    def detached(value: Any) -> Any:
        return value.detach() if isinstance(value, Tensor) else value

    made = func(*tree_map(detached, args), **tree_map(detached, kwargs))
    is_alone = made.shape == before.shape and func.__name__[-1] != "_"
    return before + (made - before).detach() if is_alone else func(*args, **kwargs)


def _counted(asked: Callable[[Tensor, Tensor], Tensor], x: Tensor, w: Tensor, name: str) -> tuple[float, float] | None:
    """Count connections with ones: on average over the outputs that have some, and over the inputs that have some."""
    with torch.enable_grad():
        x = x.clone().requires_grad_()
        y = asked(x, w)
        total = y.detach().double().sum().item()
        if not total or not y.requires_grad:
            return None
        (slope,) = torch.autograd.grad(y, x, torch.ones_like(y))
    is_real = x.detach() != 0
    into, out_of = _touched(y.detach(), name, torch.ones_like(y) > 0), _touched(slope, name, is_real)
    return total / into, total / out_of


def _touched(values: Tensor, name: str, is_real: Tensor) -> int:
    """Count the units that are connected; of a map all places of a channel that is, but for padding."""
    if name in CONVOLUTIONS:
        channel = values.ndim - 1 - int(name[-2])
        others = [n for n in range(values.ndim) if n != channel]
        return int((values != 0).sum(others).count_nonzero()) * (int(is_real.sum()) // values.shape[channel])
    return int((values != 0).logical_and(is_real).sum())


def _outputs(name: str, args: Any, x: Tensor, w: Tensor, result: Tensor) -> tuple[tuple[int, ...], Tensor | None]:
    """Return the axes of a result along which the outputs of a kernel lie, and the output of each of its elements."""
    own: tuple[int, ...]
    if name == "einsum":
        terms, _, made = args[0].replace(" ", "").partition("->")
        first, second = terms.split(",")
        taken = [one for one in args[1:] if isinstance(one, Tensor)]
        letters, other = (second, first) if len(taken) > 1 and taken[1] is w else (first, second)
        kept = [letter for letter in made if letter in letters and letter not in other]
        if "." in terms or not kept:
            return (), None
        axes, own = tuple(made.index(letter) for letter in kept), tuple(letters.index(letter) for letter in kept)
    elif name in CONVOLUTIONS:
        rank = int(name[-2])
        if "transpose" in name or result.shape[result.ndim - 1 - rank] != w.shape[0]:
            return (), None
        axes, own = (result.ndim - 1 - rank,), (0,)
    elif name == "linear":
        axes, own = (result.ndim - 1,), (0,)
    else:
        if w.shape[-1] != result.shape[-1] or w.ndim < 2:
            return (), None
        axes, own = (result.ndim - 1,), (w.ndim - 1,)
    sizes = [w.shape[axis] for axis in own]
    numbers = torch.arange(int(torch.tensor(sizes).prod())).reshape(sizes)
    spread = [w.shape[axis] if axis in own else 1 for axis in range(w.ndim)]
    order = sorted(range(len(own)), key=lambda n: own[n])
    return axes, numbers.permute(order).reshape(spread).expand(w.shape).flatten()


def _leaves_of(value: Tensor) -> list[Tensor]:
    """Return the leaves of autograd that a value depends on."""
    found, waiting, reached = [], [value.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in reached:
            continue
        reached.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        waiting += [after for after, _ in node.next_functions]
    return found


def _places(w: Tensor, leaf: Tensor) -> Tensor | None:
    """Return where each element of a parameter lies in what is made of it: −1 nowhere; None if it is not only moved."""
    (moved,) = torch.autograd.grad(w, leaf, torch.ones_like(w), retain_graph=True)
    if not torch.all((moved == 0) | (moved == 1)):
        return torch.arange(w.numel()).reshape(w.shape) if w.shape == leaf.shape else None
    numbers = torch.arange(1, w.numel() + 1, dtype=w.dtype).reshape(w.shape)
    (places,) = torch.autograd.grad(w, leaf, numbers, retain_graph=True)
    return places.long() - 1


@contextmanager
def composites_taken_apart() -> Iterator[None]:
    """Let functions of PyTorch that are written in Python show what they call."""
    homes = [functional, torch.functional]
    asks = [(home, home.has_torch_function) for home in homes]
    try:
        for home in homes:
            home.has_torch_function = lambda *_: False  # type: ignore[attr-defined]
        yield
    finally:
        for home, ask in asks:
            home.has_torch_function = ask  # type: ignore[attr-defined]
