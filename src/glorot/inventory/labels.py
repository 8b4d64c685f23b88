"""Labels: the axes of parameters that no layer explains, as their owner tells them."""

from collections.abc import Mapping
from dataclasses import replace

from glorot import fans
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.inventory.layouts import ORDER, laid_out
from glorot.inventory.parts import Inventory, Parameter
from glorot.text import matches, shape_text


def labelled(inventory: Inventory, axes: Mapping[str, str] | None) -> Inventory:
    """Return an inventory in which unknown parameters have the axes that patterns give them.

    Args:
        inventory: what the adapter found.
        axes: {path pattern: a letter for each stored axis}; the last pattern that matches decides. With inputs
            and outputs it is a kernel, with copies and outputs alone an embedding, with outputs alone a bias.

    Returns:
        The inventory.

    Raises:
        GlorotError: if a pattern matches no unknown parameter, or its letters do not fit the shape.

    Example:
        >>> from glorot.inventory.parts import Part
        >>> leaf = Parameter("w", (300, 100), "float32", (Part("w", "", (300, 100), "unknown", "dict"),))
        >>> part = labelled(Inventory("jax", (leaf,)), {"w": "io"}).parts[0]
        >>> part.role, part.shape, part.fans
        ('kernel', (100, 300), Fans(fan_in=300.0, fan_out=100.0))
    """
    axes = {} if axes is None else axes
    if not isinstance(axes, Mapping) or not all(isinstance(text, str) for pair in axes.items() for text in pair):
        raise GlorotError(f"axes must be a dict {{path pattern: letters}}, as in {{'*.w': 'io'}}, got {axes!r}")
    _check_patterns(inventory, axes)
    return replace(inventory, parameters=tuple(_labelled(parameter, axes) for parameter in inventory.parameters))


def _is_unknown(parameter: Parameter) -> bool:
    return any(part.role == "unknown" or part.by_use for part in parameter.parts)


def _check_patterns(inventory: Inventory, axes: Mapping[str, str]) -> None:
    for pattern in axes:
        found = [parameter for parameter in inventory.parameters if matches(pattern, parameter.path)]
        if not found:
            some = ", ".join(parameter.path for parameter in inventory.parameters[:4])
            raise GlorotError(f"axes: {pattern!r} matches no parameter; paths here look like: {some}")
        if not any(map(_is_unknown, found)):
            layer = next((part.layer for part in found[0].parts), "layer")
            raise GlorotError(
                f"axes: {pattern!r} matches {found[0].path}, which belongs to a {layer}, whose axes glorot knows; "
                "leave it out"
            )


def _labelled(parameter: Parameter, axes: Mapping[str, str]) -> Parameter:
    letters = next((axes[pattern] for pattern in reversed(list(axes)) if matches(pattern, parameter.path)), None)
    if letters is None or not _is_unknown(parameter):
        return parameter
    role, counts = _meaning(parameter, letters)
    seen = parameter.parts[0]
    part = laid_out(" ".join(letters), parameter.shape, role, seen.layer, counts)
    part = replace(
        seen,
        name=parameter.path,
        axes=part.axes,
        shape=part.shape,
        role=part.role,
        fans=part.fans,
        view=part.view,
        held=None,
    )
    return replace(parameter, parts=(part,))


def _meaning(parameter: Parameter, letters: str) -> tuple[str, Fans | None]:
    """Return the role of a parameter with such axes, and its fans."""
    place = f"axes of {parameter.path}"
    if len(letters) != len(parameter.shape) or not set(letters) <= set(ORDER) or "o" not in letters:
        raise GlorotError(
            f"{place}: expected a letter of b (copies), o (outputs), i (inputs), k (kernel) for each axis of shape "
            f"{shape_text(parameter.shape)}, at least one of them o, got {letters!r}"
        )
    if 0 in parameter.shape:
        raise GlorotError(f"{place}: shape {shape_text(parameter.shape)} has no elements; leave it alone by a rule")
    counts = fans.from_axes(parameter.shape, letters)
    if "i" in letters:
        return "kernel", counts
    if "k" in letters:
        raise GlorotError(f"{place}: a kernel has axes of inputs and of outputs, and {letters!r} has no i")
    return ("embedding", fans.embedding(int(counts.fan_out))) if "b" in letters else ("bias", None)
