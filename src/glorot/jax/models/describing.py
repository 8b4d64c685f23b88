"""What every kind of JAX model is described with: which layer owns a leaf, and the parts that lie in it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from glorot.errors import GlorotError
from glorot.fans import ELEMENTWISE, Fans
from glorot.inventory import Part, View, runs
from glorot.inventory.layouts import blocks, laid_out, with_forget_gate

Shape = tuple[int, ...]
Parts = tuple[Part, ...]


class Described(NamedTuple):
    """What is known of a leaf.

    Attributes:
        layer: the path of the layer that owns it.
        kind: the kind of that layer, as its framework calls it.
        parts: what lies in it, with the suffix alone for a name; one that is unknown if nothing is known of it.
        place: what a forward pass calls it: the path of its layer, or its own if it is none of a layer's weights.
    """

    layer: str
    kind: str
    parts: Parts
    place: str

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known of it."""
        return all(part.role == "unknown" for part in self.parts)


class Stored(NamedTuple):
    """How a layer stores one of its parameters.

    Attributes:
        pattern: a letter for each stored axis, as `glorot.inventory.layouts.laid_out` reads it.
        shape: the stored shape, without the axes of copies that `vmap` or `scan` added.
        role: the role of the part.
        fans: the fans of the layer; of one gate, where gates lie side by side.
        flip: whether the kernel runs backwards along its axes k.
        groups: the size of the b in parentheses.
        gates: the names of the gates that lie side by side along the axis of outputs.
        fed_by: the activation that feeds it, where the layer itself knows.
        apart: whether something else than its layer's input feeds it.
        start: the value that the layer's own argument says it starts at.
    """

    pattern: str
    shape: Shape
    role: str
    fans: Fans
    flip: bool = False
    groups: int = 1
    gates: tuple[str, ...] = ()
    fed_by: str = "identity"
    apart: bool = False
    start: float | None = None


STATISTICS = {"mean": "running_mean", "var": "running_variance"}
"""What a BatchNorm of Flax gathers, by the names that it gives them."""

Layout = dict[str, Stored]
Describe = Callable[[Any, Mapping[str, Shape]], Layout]
"""Says how a module stores its parameters, given their shapes by name; {} if it is not built as its kind is."""


def gated(stored: Stored, gates: str) -> Stored:
    """Cut a parameter into gates, each with fans of its own."""
    counts = Fans(stored.fans.fan_in, stored.fans.fan_out / len(gates))
    return stored._replace(gates=tuple(gates), fans=counts)


def slope_of(module: Any) -> float | None:
    """Return what a PReLU starts at: its argument, or the one value that it holds; None where that is not known."""
    held: Any = getattr(module, "negative_slope_init", getattr(module, "negative_slope", None))
    try:
        return float(np.asarray(held[...] if hasattr(held, "__getitem__") else held))  # what a variable holds
    except (TypeError, ValueError, jax.errors.TracerArrayConversionError):  # several, abstract or traced
        return None


def norm(names: Mapping[str, str], shape: Shape) -> Layout:
    """Say how a norm stores its parameters: {name: role}, all of one shape."""
    return {name: Stored("o " * len(shape), shape, role, ELEMENTWISE) for name, role in names.items()}


def parts_in(stored: Stored, shape: Shape, kind: str, copies: Sequence[int] | None = None) -> Parts:
    """Return the parts of a parameter that may be stacked by `vmap` or `scan`; none if its shape does not fit.

    Args:
        stored: how the layer stores one of it.
        shape: the shape of the leaf: that of one, and axes of copies.
        kind: the kind of its layer.
        copies: which axes those are, the outermost first; without them, any number in front.
    """
    at = tuple(range(len(shape) - len(stored.shape))) if copies is None else tuple(copies)
    rest = tuple(axis for axis in range(len(shape)) if axis not in at)
    if tuple(shape[axis] for axis in rest) != stored.shape:
        return ()
    if stored.role == "scale" or runs(stored.role) or (stored.role == "shift" and "i" not in stored.pattern):
        return (_elementwise(stored, shape, kind, at + rest),)
    tokens = ["b"] * len(at) + re.findall(r"\(.*?\)|\S", stored.pattern)
    order, count = at + rest, max(len(stored.gates), 1)
    axis = order[next((n for n, token in enumerate(tokens) if "o" in token), 0)] if order else 0
    block = (*shape[:axis], shape[axis] // count, *shape[axis + 1 :]) if count > 1 else shape
    sizes = {"b": stored.groups} if "(" in stored.pattern else {}
    in_front = tuple(block[axis] for axis in order)
    part = laid_out(" ".join(tokens), in_front, stored.role, kind, stored.fans, flip=stored.flip, **sizes)
    widths = [2 if "(" in token and stored.groups > 1 else 1 for token in tokens]
    part = replace(part, view=_put_back(part.view, in_front, order, widths), start=stored.start)
    parts = blocks(replace(part, fed_by=stored.fed_by), block, axis, stored.gates or ("",))
    opens = stored.role == "bias" and kind != "ConvLSTMCell"  # which adds 1 to its forget gate itself
    return with_forget_gate(parts) if opens else parts


def _elementwise(stored: Stored, shape: Shape, kind: str, order: Shape) -> Part:
    """Return the part of a norm, whose axes stay apart."""
    axes = "b" * (len(shape) - len(stored.shape)) + "o" * len(stored.shape)
    view = None if order == tuple(sorted(order)) else View(order=order)
    own = tuple(shape[axis] for axis in order)
    return Part("", axes, own, stored.role, kind, stored.fans, view, start=stored.start)


def _put_back(view: View | None, shape: Shape, order: Shape, widths: Sequence[int]) -> View | None:
    """Return a view of a tensor whose axes were put in another order, as a view of that before.

    Args:
        view: the view of the reordered tensor.
        shape: the shape of that.
        order: which axis each of its axes was.
        widths: how many axes each is split into.
    """
    if order == tuple(sorted(order)):
        return view
    view = view or View()
    now = [(axis, piece) for axis, width in zip(order, widths, strict=True) for piece in range(width)]
    before = sorted(now)
    extents = dict(zip(now, view.unfold or shape, strict=True))
    new = tuple(before.index(now[n]) for n in view.order or range(len(now)))
    unfold = tuple(extents[axis] for axis in before) if view.unfold is not None else None
    return replace(view, unfold=unfold, order=None if new == tuple(sorted(new)) else new)


def kind_in(module: Any, table: Iterable[str], packages: tuple[str, ...]) -> str | None:
    """Return the name of the class in a table that a module is of, or is derived from."""
    names = (kind.__name__ for kind in type(module).__mro__ if f"{kind.__module__}.".startswith(packages))
    return next((name for name in names if name in table), None)


Kind = Callable[[str, Mapping[str, Any]], tuple[str | None, Describe]]
"""Returns, for the path of a module among all of a model, what it is called and what describes it."""


class Stacked(NamedTuple):
    """How `vmap` or `scan` stacked a leaf.

    Attributes:
        inner: the shape of one copy, as its layer sees it.
        copies: the stored axes along which the copies lie; None if that is not known.
    """

    inner: Shape
    copies: tuple[int, ...] | None


def describe(
    modules: Mapping[str, Any],
    shapes: Mapping[str, Shape],
    kind_at: Kind,
    stacks: Mapping[str, Stacked] | None = None,
) -> dict[str, Described]:
    """Describe every leaf of a model.

    Args:
        modules: every module by its path; the root has the path "".
        shapes: the shape of every leaf by its path.
        kind_at: what knows the kinds of layers.
        stacks: {path of a leaf: how it is stacked}, where that is known; elsewhere axes in front are copies.

    Returns:
        {path of a leaf: what is known of it}.

    Raises:
        GlorotError: if a layer is without elements.
    """
    stacks = stacks or {}
    owned: dict[str, dict[str, str]] = {}
    for path in shapes:
        layer = owner_of(path, modules)
        owned.setdefault(layer, {})[path.removeprefix(f"{layer}." if layer else "")] = path
    found: dict[str, Described] = {}
    for layer, own in owned.items():
        known, describes = kind_at(layer, modules)
        kind = known or type(modules[layer]).__name__
        one = {name: stacks[path].inner if path in stacks else shapes[path] for name, path in own.items()}
        try:
            layout = describes(modules[layer], one) or norm_by_name(type(modules[layer]).__name__, one)
            parts = {
                name: parts_in(layout[name], shapes[path], kind, stacks[path].copies if path in stacks else None)
                for name, path in own.items()
                if name in layout and (path not in stacks or stacks[path].copies is not None)
            }
        except GlorotError as error:
            raise GlorotError(f"layer {layer!r} ({kind}): {error}") from error
        if not all(parts.values()):  # one that does not fit shows that the others fit by chance
            parts = {}
        for name, path in own.items():
            apart = not parts.get(name) or layout[name].apart
            unknown_part = Part("", "", shapes[path], "unknown", kind)
            found[path] = Described(layer, kind, parts.get(name) or (unknown_part,), path if apart else layer)
    return {path: found[path] for path in shapes}


def owner_of(path: str, modules: Mapping[str, Any]) -> str:
    """Return the path of the innermost module above a leaf."""
    layer = path.rpartition(".")[0]
    while layer and layer not in modules:
        layer = layer.rpartition(".")[0]
    return layer


def norm_by_name(kind: str, shapes: Mapping[str, Shape]) -> Layout:
    """Understand the norms that people write for themselves: a class called so, with vectors alone."""
    roles = {"scale": "scale", "weight": "scale", "bias": "shift"}
    is_norm = kind.endswith("Norm") and set(shapes) <= set(roles) and all(len(shape) == 1 for shape in shapes.values())
    return {name: norm({name: roles[name]}, shape)[name] for name, shape in shapes.items()} if is_norm else {}


def unknown(_module: Any, _shapes: Mapping[str, Shape]) -> Layout:
    """Say that nothing is known of how a layer stores its parameters."""
    return {}
