"""Following a forward pass: which layer ran when, and which activation fed it and followed it."""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from glorot.errors import GlorotError
from glorot.preserving import LOCK
from glorot.torch.layers import state_activation
from glorot.torch.naming import OPAQUE, activation_of_call, plain_name
from glorot.torch.origins import INPUT, Origin, mixed
from glorot.torch.paths import structural
from glorot.torch.preserve import set_apart

# what only moves values about: its result is still the output of the activation before it
MOVES = {"view", "reshape", "flatten", "unflatten", "ravel", "permute", "transpose", "t", "T", "mT", "movedim"}
MOVES |= {"swapaxes", "contiguous", "clone", "detach", "to", "type", "float", "half", "bfloat16", "double", "cpu"}
MOVES |= {"squeeze", "unsqueeze", "expand", "expand_as", "view_as", "repeat", "repeat_interleave", "flip", "roll"}
MOVES |= {"chunk", "split", "unbind", "narrow", "select", "index_select", "gather", "__getitem__", "pad", "mean"}
MOVES |= {"interpolate", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"}
MOVES |= {f"{kind}dropout{rank}" for kind in ("", "alpha_", "feature_alpha_") for rank in ("", "1d", "2d", "3d")}
MOVES |= {f"{pool}_pool{rank}d" for pool in ("max", "avg", "adaptive_avg", "adaptive_max") for rank in (1, 2, 3)}
MOVES |= {f"{kind}max_pool{rank}d_with_indices" for kind in ("", "adaptive_") for rank in (1, 2, 3)}
MOVES |= {"_pack_padded_sequence", "_pad_packed_sequence"}

# what multiplies or divides; by a number, it passes an activation on
PRODUCTS = {"mul", "multiply", "__mul__", "__rmul__", "__imul__"}
QUOTIENTS = {"div", "divide", "true_divide", "__truediv__", "__itruediv__", "__div__", "__idiv__"}

# what makes a tensor like another, of values that have nothing to do with it
CONSTANTS = {"zeros_like", "full_like", "new_zeros", "new_full", "new_tensor"}

# what puts several values side by side
JOINS = {"cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"}

# what rescales without mixing units: an activation behind it still belongs to the layer before it
NORMS = {"batch_norm", "layer_norm", "rms_norm", "group_norm", "instance_norm"}


def _output_of(path: str, module: nn.Module) -> Origin:
    """Return the origin of what a layer returns; the state of a recurrent one has passed its activation."""
    activation = state_activation(module)
    return Origin(activation, frozenset({path}), direct=activation == "identity")


@dataclass
class Trace:
    """What a forward pass showed.

    Attributes:
        order: paths of the layers, in the order in which they first ran.
        fed_by: for each layer, the origin of its input.
        followed_by: for each layer, the activation applied to its output.
        repeats: whether a layer ran more than once.
    """

    order: list[str] = field(default_factory=list)
    fed_by: dict[str, Origin] = field(default_factory=dict)
    followed_by: dict[str, str] = field(default_factory=dict)
    repeats: bool = False

    @property
    def is_chain(self) -> bool:
        """Whether each layer is fed by the one before it, by that alone, and once."""
        before = frozenset({INPUT})
        for path in self.order:
            if self.fed_by[path].layers != before:
                return False
            before = frozenset({path})
        return not self.repeats


class Observer(Protocol):
    """Somebody who looks at tensors while a forward pass runs."""

    def entered(self, layer: str, value: Tensor) -> None:
        """See the input of a layer."""

    def left(self, layer: str, value: Tensor) -> None:
        """See the output of a layer."""

    def activated(self, layer: str, activation: str, before: Tensor, after: Tensor) -> None:
        """See an activation that follows a layer, before and after."""


class _Follower(TorchFunctionMode):
    """Marks every tensor of a forward pass with its origin."""

    def __init__(self, trace: Trace, observer: Observer | None) -> None:
        super().__init__()
        self.trace = trace
        self.observer = observer
        self.inside: list[str] = []
        self.entered_relu: Tensor | None = None
        self.origins: Any = WeakIdKeyDictionary()
        self.constants: Any = WeakIdKeyDictionary()
        self.sigmoids: Any = WeakIdKeyDictionary()  # from the sigmoid of a tensor to that tensor

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = plain_name(function)
        activation, source = self._recognise(function, name, args, kwargs)
        before = source
        if activation is not None and source is not None and self.observer is not None:
            in_place = kwargs.get("inplace") or function.__name__.endswith("_")
            before = source.clone() if in_place else source
        result = function(*args, **kwargs)
        if source is None or not isinstance(result, Tensor | tuple | list):
            return result
        origin = self.origins.get(source, Origin())
        if activation is not None:
            self._activate(origin, activation, before, result)
            origin = replace(origin, activation=activation)
            if activation == "sigmoid" and result is not source:
                self.sigmoids[result] = source
        elif name in NORMS:
            origin = replace(origin, activation="identity")
        elif _rescales(name, args):  # an activation of z/2 is none of z
            origin = self.origins.get(_large(args)[0], Origin())
            origin = replace(origin, direct=origin.direct and origin.activation != "identity")
        elif name not in MOVES:
            sources = [self.origins.get(tensor, Origin()) for tensor in _tensors([*args, *kwargs.values()])]
            origin = mixed(sources, joined=name in JOINS)
        for tensor in _tensors([result]):
            self.origins[tensor] = origin
            if name in CONSTANTS:
                self.constants[tensor] = True
        return result

    def _recognise(
        self, function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[str | None, Tensor | None]:
        """Return the activation that a call computes, if it computes one, and the tensor that it is computed of."""
        tensors = list(_tensors([*args, *kwargs.values()]))
        source = tensors[0] if tensors else None
        if len(tensors) == 2 and name in PRODUCTS | {"maximum", "max"}:
            for value, other in (tensors, tensors[::-1]):
                if name in PRODUCTS and self.sigmoids.get(other) is value:
                    return "silu", value
                if name not in PRODUCTS and self._is_zero(other):
                    return "relu", value
        if source is not None and (name == "square" or (name == "pow" and args[1:] == (2,))):
            is_relu = self.origins.get(source, Origin()).activation == "relu"
            return ("relu_squared" if is_relu else None), source
        return activation_of_call(function, args, kwargs), source

    def _is_zero(self, tensor: Tensor) -> bool:
        """Tell whether a tensor is a constant 0, and not a result that happens to be 0."""
        is_result = tensor not in self.constants and bool(self.origins.get(tensor, Origin()).layers)
        return not (is_result or isinstance(tensor, nn.Parameter) or tensor.is_meta or bool(tensor.any()))

    def _activate(self, origin: Origin, activation: str, before: Any, after: Any) -> None:
        if not origin.direct or not isinstance(after, Tensor):
            return
        (layer,) = origin.layers
        is_first = origin.activation == "identity" and layer not in self.trace.followed_by
        is_square = activation == "relu_squared" and self.trace.followed_by.get(layer) == "relu"
        is_silu = activation == "silu" and self.trace.followed_by.get(layer) == "sigmoid"  # z·sigmoid(z)
        if is_first or is_square or (is_silu and origin.activation == "identity"):
            before = self.entered_relu if is_square else before
            self.entered_relu = before if activation == "relu" else None
            self.trace.followed_by[layer] = activation
            if self.observer is not None:
                self.observer.activated(layer, activation, before, after)

    def starting(self, values: list[Any]) -> None:
        """Mark the batch."""
        for tensor in _tensors(values):
            self.origins[tensor] = Origin("identity", frozenset({INPUT}))

    def entering(self, path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        source = next(_tensors([*args, *kwargs.values()]), None)
        if path in self.trace.fed_by:
            self.trace.repeats = True
        else:
            self.trace.order.append(path)
            self.trace.fed_by[path] = self.origins.get(source, Origin()) if source is not None else Origin()
            if self.observer is not None and source is not None:
                self.observer.entered(path, source)

    def computed(self, activation: str, before: Any, after: Any) -> None:
        """Take note of an activation that a module computed from smaller steps."""
        origin = self.origins.get(before, Origin())
        self._activate(origin, activation, before, after)
        self.origins[after] = replace(origin, activation=activation)

    def leaving(self, path: str, module: nn.Module, result: Any) -> None:
        for n, tensor in enumerate(_tensors([result])):
            self.origins[tensor] = _output_of(path, module)
            if n == 0 and self.observer is not None:
                self.observer.left(path, tensor)


def follow(
    model: nn.Module, run: Callable[[], Any], layers: Iterable[tuple[str, nn.Module]], observer: Observer | None = None
) -> tuple[Trace, Any]:
    """Run a forward pass and record which layer ran when, fed by and followed by what.

    Args:
        model: the model that `run` runs.
        run: the forward pass.
        layers: (path, module) of the layers to watch.
        observer: who is shown the tensors on their way; nobody by default.

    Returns:
        The trace, and what `run` returned.
    """
    trace = Trace()
    follower = _Follower(trace, observer)
    with ExitStack() as stack:
        _register(stack, follower, model, layers)
        if "torch._dynamo" in sys.modules:  # compiled code runs past the modules
            stack.enter_context(LOCK)
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        try:
            with follower:  # under which attention leaves its fast path, which runs past the modules too
                result = run()
        except GlorotError:
            raise
        except Exception as error:
            place = f"layer {follower.inside[-1]!r} refused it" if any(follower.inside) else "its forward pass failed"
            raise GlorotError(f"the batch does not fit the model: {place}: {what_failed(error)}") from error
    _add_output_projections(trace, layers)
    return trace, result


USUAL = (RuntimeError, TypeError, ValueError, IndexError, AttributeError, AssertionError)


def what_failed(error: Exception) -> str:
    """Return the text of an error, with its type where the text alone would not be understood."""
    return f"{error}" if isinstance(error, USUAL) and str(error) else f"{type(error).__name__}: {error}".rstrip(": ")


def _register(stack: ExitStack, follower: _Follower, model: nn.Module, layers: Iterable[tuple[str, nn.Module]]) -> None:
    """Hook a follower into a model until the stack closes."""
    watched = {id(module): path for path, module in layers}
    for stored_path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):  # takes no hooks
            continue
        path = structural(stored_path)
        opaque = OPAQUE.get((type(module).__module__, type(module).__name__))
        before, after = [_inside(follower, path)], [_outside(follower)]
        if id(module) in watched:
            before.append(_enter(follower, path))
            after.append(_leave(follower, path))
        if opaque is not None:
            after.append(_computed(follower, opaque))
        if module is model:
            start = _in_this_thread(_start(follower))
            stack.callback(module.register_forward_pre_hook(start, prepend=True, with_kwargs=True).remove)
        for hook in map(_in_this_thread, before):
            stack.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)
        for hook in map(_in_this_thread, after):
            stack.callback(module.register_forward_hook(hook).remove)


def _in_this_thread(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Return a hook that does nothing while another thread runs the model."""
    owner = threading.get_ident()
    return lambda *args: hook(*args) if threading.get_ident() == owner else None


def _start(follower: _Follower) -> Callable[..., Any]:
    def start(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if follower.inside:
            return None
        args, kwargs = set_apart((args, kwargs))
        follower.starting([*args, *kwargs.values()])
        return args, kwargs

    return start


def _inside(follower: _Follower, path: str) -> Callable[..., None]:
    return lambda module, args, kwargs: follower.inside.append(path)


def _outside(follower: _Follower) -> Callable[..., None]:
    def leave(module: nn.Module, args: Any, result: Any) -> None:
        follower.inside.pop()

    return leave


def _enter(follower: _Follower, path: str) -> Callable[..., None]:
    return lambda module, args, kwargs: follower.entering(path, args, kwargs)


def _leave(follower: _Follower, path: str) -> Callable[..., None]:
    return lambda module, args, result: follower.leaving(path, module, result)


def _computed(follower: _Follower, activation: str) -> Callable[..., None]:
    return lambda module, args, result: follower.computed(activation, args[0], result)


def _add_output_projections(trace: Trace, layers: Iterable[tuple[str, nn.Module]]) -> None:
    """Put the projection behind each attention, which PyTorch computes without calling its module."""
    paths = {id(module): path for path, module in layers}
    for path, module in layers:
        if isinstance(module, nn.MultiheadAttention) and path in trace.order:
            projection = paths[id(module.out_proj)]
            trace.order.insert(trace.order.index(path) + 1, projection)
            trace.fed_by[projection] = Origin("identity", frozenset({path}))


def _rescales(name: str, args: tuple[Any, ...]) -> bool:
    """Tell whether a call multiplies a tensor by a number, or divides it by one."""
    large = _large(args)
    return len(large) == 1 and (name in PRODUCTS or (name in QUOTIENTS and large[0] is args[0]))


def _large(args: Iterable[Any]) -> list[Tensor]:
    return [tensor for tensor in _tensors(args) if tensor.dim() > 0]


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
        elif isinstance(value, dict):
            yield from _tensors(value.values())
