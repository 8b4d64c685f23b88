"""What every kind of JAX model is described with: which layer owns a leaf, and the parts that lie in it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from glorot.errors import GlorotError
from glorot.fans import ELEMENTWISE, Fans
from glorot.inventory import Part
from glorot.layouts import blocks, laid_out, with_forget_gate

Shape = tuple[int, ...]
Parts = tuple[Part, ...]


class Described(NamedTuple):
    """What is known of a leaf.

    Attributes:
        layer: the path of the layer that owns it.
        kind: the kind of that layer, as its framework calls it.
        parts: what lies in it, with the suffix alone for a name; none if nothing is known of it.
    """

    layer: str
    kind: str
    parts: Parts = ()


class Stored(NamedTuple):
    """How a layer stores one of its parameters.

    Attributes:
        pattern: a letter for each stored axis, as `glorot.layouts.laid_out` reads it.
        shape: the stored shape, without the axes that `vmap` or `scan` put in front.
        role: the role of the part.
        fans: the fans of the layer; of one gate, where gates lie side by side.
        flip: whether the kernel runs backwards along its axes k.
        groups: the size of the b in parentheses.
        gates: the names of the gates that lie side by side along the axis of outputs.
        fed_by: the activation that feeds it, where the layer itself knows.
    """

    pattern: str
    shape: Shape
    role: str
    fans: Fans
    flip: bool = False
    groups: int = 1
    gates: tuple[str, ...] = ()
    fed_by: str = "identity"


Layout = dict[str, Stored]
Describe = Callable[[Any, Mapping[str, Shape]], Layout]
"""Says how a module stores its parameters, given their shapes by name; {} if it is not built as its kind is."""


def gated(stored: Stored, gates: str) -> Stored:
    """Cut a parameter into gates, each with fans of its own."""
    counts = Fans(stored.fans.fan_in, stored.fans.fan_out / len(gates))
    return stored._replace(gates=tuple(gates), fans=counts)


def norm(names: Mapping[str, str], shape: Shape) -> Layout:
    """Say how a norm stores its parameters: {name: role}, all of one shape."""
    return {name: Stored("o " * len(shape), shape, role, ELEMENTWISE) for name, role in names.items()}


def parts_in(stored: Stored, shape: Shape, kind: str) -> Parts:
    """Return the parts of a parameter that may be stacked by `vmap` or `scan`; none if its shape does not fit.

    Args:
        stored: how the layer stores one of it.
        shape: the shape of the leaf: that of one, behind any number of axes in front.
        kind: the kind of its layer.
    """
    extra = len(shape) - len(stored.shape)
    if extra < 0 or shape[extra:] != stored.shape:
        return ()
    if stored.role in ("scale", "shift"):
        return (Part("", "b" * extra + "o" * len(stored.shape), shape, stored.role, kind, stored.fans),)
    axis, count = extra + _axis_of_outputs(stored), max(len(stored.gates), 1)
    block = (*shape[:axis], shape[axis] // count, *shape[axis + 1 :]) if count > 1 else shape
    sizes = {"b": stored.groups} if "(" in stored.pattern else {}
    pattern = "b " * extra + stored.pattern
    part = laid_out(pattern, block, stored.role, kind, stored.fans, flip=stored.flip, **sizes)
    parts = blocks(replace(part, fed_by=stored.fed_by), block, axis, stored.gates or ("",))
    opens = stored.role == "bias" and kind != "ConvLSTMCell"  # which adds 1 to its forget gate itself
    return with_forget_gate(parts) if opens else parts


def _axis_of_outputs(stored: Stored) -> int:
    letters = stored.pattern.replace("(b o)", "o").split()
    return letters.index("o") if "o" in letters else 0


def kind_in(module: Any, table: Iterable[str], packages: tuple[str, ...]) -> str | None:
    """Return the name of the class in a table that a module is of, or is derived from."""
    names = (kind.__name__ for kind in type(module).__mro__ if f"{kind.__module__}.".startswith(packages))
    return next((name for name in names if name in table), None)


Kind = Callable[[str, Mapping[str, Any]], tuple[str | None, Describe]]
"""Returns, for the path of a module among all of a model, what it is called and what describes it."""


def describe(modules: Mapping[str, Any], shapes: Mapping[str, Shape], kind_at: Kind) -> dict[str, Described]:
    """Describe every leaf of a model.

    Args:
        modules: every module by its path; the root has the path "".
        shapes: the shape of every leaf by its path.
        kind_at: what knows the kinds of layers.

    Returns:
        {path of a leaf: what is known of it}.

    Raises:
        GlorotError: if a layer is without elements.
    """
    owned: dict[str, dict[str, Shape]] = {}
    for path, shape in shapes.items():
        layer = owner_of(path, modules)
        owned.setdefault(layer, {})[path.removeprefix(f"{layer}." if layer else "")] = shape
    found: dict[str, Described] = {}
    for layer, own in owned.items():
        known, describes = kind_at(layer, modules)
        kind = known or type(modules[layer]).__name__
        try:
            layout = describes(modules[layer], own) or norm_by_name(type(modules[layer]).__name__, own)
            for name, shape in own.items():
                parts = parts_in(layout[name], shape, kind) if name in layout else ()
                found[f"{layer}.{name}".removeprefix(".")] = Described(layer, kind, parts)
        except GlorotError as error:
            raise GlorotError(f"layer {layer!r} ({kind}): {error}") from error
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
