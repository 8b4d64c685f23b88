"""The fans that jax.nn.initializers reads off a shape, by the axes that it is told."""

import math

from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.stream.pieces import Shape
from glorot.text import shape_text

Axes = tuple[int, ...]


def fans_of(shape: Shape, in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> Fans:
    """Return what is summed into one output, and what one input feeds, as the axes tell it.

    fan_in = ∏ of all extents but those of out_axis and batch_axis, fan_out likewise without in_axis. An axis that
    no argument names belongs to the kernel of a convolution, and counts in both.
    """
    roles: dict[int, str] = {}
    for role, axes in (("in_axis", in_axis), ("out_axis", out_axis), ("batch_axis", batch_axis)):
        for axis in axes:
            position = _position(role, axis, shape)
            if position in roles:
                raise GlorotError(
                    f"axis {position} of shape {shape_text(shape)} is named twice, by {roles[position]} and by {role}; "
                    "an axis counts as input, output or batch, or else as kernel"
                )
            roles[position] = role
    return Fans(_product(shape, roles, "out_axis"), _product(shape, roles, "in_axis"))


def _position(role: str, axis: int, shape: Shape) -> int:
    if -len(shape) <= axis < len(shape):
        return axis % len(shape)
    way_out = "; for a bias, which has no fans, call zeros or normal" if len(shape) < 2 else ""
    raise GlorotError(f"{role} {axis} is no axis of shape {shape_text(shape)}, which has {len(shape)}{way_out}")


def _product(shape: Shape, roles: dict[int, str], left_out: str) -> float:
    left = (left_out, "batch_axis")
    return float(math.prod(extent for axis, extent in enumerate(shape) if roles.get(axis) not in left))
