"""What a model holds before it is started: whether it is unusual for its layer, and so perhaps meant."""

import math

import torch
from torch import Tensor

from glorot.inventory import SAME, Held, Part
from glorot.text import number

SAMPLE = 4096
"""Elements by which a large tensor is judged."""

FEW = 3
"""A matrix of so few different values is not drawn at random."""

SMOOTH = 0.9
"""Rows of a table correlate so with the next ones only where they are computed."""


def held(part: Part, place: Tensor) -> Held | None:
    """Return what a part holds, if it is not how its kind of layer usually starts.

    Args:
        part: what the parameter, or a piece of it, is for.
        place: the memory that it lies in.

    Returns:
        What it holds, in words and, if all of it is one value, as that; None where it is usual, or not known.
    """
    if place.is_meta or not place.numel() or not place.is_floating_point():
        return None
    values = place.detach().reshape(-1)
    sample = values[:: max(1, values.numel() // SAMPLE)].to("cpu", torch.float32)
    if not bool(sample.isfinite().all()):
        return None  # memory that nothing was written to
    if values.numel() > 1 and bool(sample.eq(sample[0]).all()) and bool(values.eq(values[0]).all()):
        value = float(values[0])
        usual = _usual(part)
        is_usual = usual is not None and math.isclose(value, usual, rel_tol=SAME)
        return None if is_usual else Held(f"all {number(value)}", value)
    if part.role in ("kernel", "recurrent", "embedding"):
        return _patterned(part, place, sample)
    return _spread(part, sample)


def _usual(part: Part) -> float | None:
    """Return the one value that a part usually starts at; None if it is drawn."""
    return {"bias": 0.0, "shift": 0.0, "padding": 0.0, "scale": 1.0, "slope": part.start}.get(part.role)


def _patterned(part: Part, place: Tensor, sample: Tensor) -> Held | None:
    different = sample.unique()
    if len(different) <= FEW < len(sample) // 4:
        return Held(f"only the values {', '.join(number(float(value)) for value in different)}")
    if part.role == "embedding" and place.dim() == 2 and len(place) >= 8:
        rows = place.detach()[:64, :64].to("cpu", torch.float32)
        rows = rows - rows.mean(0)
        along = (rows[1:] * rows[:-1]).mean(0) / rows.square().mean(0).clamp_min(1e-30)
        if float((along > SMOOTH).float().mean()) > 0.5:
            return Held("rows that change little from each to the next")
    return None


def _spread(part: Part, sample: Tensor) -> Held | None:
    """Tell a vector from one that is drawn as PyTorch draws biases, uniform on ±1/√fan_in."""
    if len(part.shape) != 1 or part.role not in ("bias", "forget_bias", "scale", "shift", "slope"):
        return None
    if part.role in ("bias", "forget_bias") and part.fans is not None:
        inputs = 1.0 if part.layer == "Bilinear" else min(part.fans.fan_in, part.fans.fan_out)
        if float(sample.abs().max()) <= 1.01 / math.sqrt(max(1.0, inputs)):
            return None
    return Held(f"values from {number(float(sample.min()))} to {number(float(sample.max()))}")
