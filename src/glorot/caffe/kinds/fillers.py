"""Fillers: what a net declares its blobs to start from, as a scheme with Caffe's own fans."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from glorot.caffe.definition.layers import Shape
from glorot.caffe.formats.messages import Message
from glorot.caffe.formats.tokens import shown
from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.inventory import Declared
from glorot.schemes import SCHEMES
from glorot.schemes.caffe import VARIANCE_NORMS
from glorot.text import number, shape_text


class Target(NamedTuple):
    """What is filled.

    Attributes:
        shape: the stored shape of the blob.
        kernel_axes: how many of its axes are those of a kernel.
        first: the letters of what its first axis holds, as in "bo" for groups and outputs.
    """

    shape: Shape
    kernel_axes: int
    first: str


def caffe_fans(shape: Shape) -> Fans:
    """Return what Caffe takes for the fans of a blob.

    fan_in = count/shape[0], fan_out = count/shape[1], or the count if there is one axis

    Example:
        >>> caffe_fans((128, 64, 3, 3)), caffe_fans((100,))
        (Fans(fan_in=576.0, fan_out=1152.0), Fans(fan_in=1.0, fan_out=100.0))
    """
    count = math.prod(shape)
    return Fans(count / (shape[0] if shape else 1), count / (shape[1] if len(shape) > 1 else 1))


def declared(owner: Message, name: str, target: Target, default: float = 0.0) -> Declared:
    """Return the start that a filler declares.

    Args:
        owner: the message that holds the filler.
        name: what it is called there, such as `weight_filler`.
        target: the blob that it fills.
        default: the constant that stands for a filler that is not there.

    Returns:
        The scheme as text, Caffe's fans, and the filler in words.

    Raises:
        GlorotError: if the filler has a type or numbers that Caffe refuses, or does not fit the blob.
    """
    if not owner.has(name):
        return Declared(_all_equal(default), None, f"no {name}: Caffe's {default:g}")
    filler = owner.message(name)
    kind = filler.text("type", "constant")
    read = FILLERS.get(kind)
    if read is None:
        raise filler.error(
            f"unknown filler {shown(kind)!r}{nearest(kind[:100], FILLERS)}; expected one of {', '.join(FILLERS)} "
            "(case counts)",
            "type",
        )
    if kind != "gaussian" and filler.integer("sparse", -1) != -1:
        raise filler.error(f"sparse belongs to the gaussian filler; the {kind} filler takes none", "sparse")
    try:
        return replace(read(filler, target, f"{name} {kind}"), is_filler=True)
    except GlorotError as error:
        has_place = str(error).startswith(f"{filler.source}:")
        raise error if has_place else filler.error(f"{name} {kind}: {error}") from error


def constant_of(owner: Message, name: str, default: float | None) -> float | None:
    """Return the value that a constant filler sets; the default without a filler, None for one of another type."""
    if not owner.has(name):
        return default
    filler = owner.message(name)
    return filler.number("value", 0.0) if filler.text("type", "constant") == "constant" else None


def _constant(filler: Message, target: Target, why: str) -> Declared:
    return Declared(_all_equal(filler.number("value", 0.0)), None, why)


def _uniform(filler: Message, target: Target, why: str) -> Declared:
    low, high = filler.number("min", 0.0), filler.number("max", 1.0)
    if low > high:
        raise filler.error(f"the uniform filler needs min ≤ max, got min {low:g} and max {high:g}", "min")
    return Declared(_all_equal(low) if low == high else _call("uniform", low, high), None, why)


def _gaussian(filler: Message, target: Target, why: str) -> Declared:
    mean, std, sparse = filler.number("mean", 0.0), filler.number("std", 1.0), filler.integer("sparse", -1)
    if not std > 0:
        raise filler.error(f"the gaussian filler needs std > 0, got {std:g}", "std")
    outputs = target.shape[0] if target.shape else 1
    if sparse < -1 or sparse > outputs:
        raise filler.error(
            f"sparse must lie between 0 and the first size of the blob, {outputs}, or be -1 for none, got {sparse}",
            "sparse",
        )
    if sparse == -1:
        return Declared(_call("normal", std, mean), None, why)
    return Declared(_call("sparse_normal", std, sparse / outputs, mean), None, f"{why}, sparse {sparse} of {outputs}")


def _of_fans(scheme: str) -> Callable[[Message, Target, str], Declared]:
    def read(filler: Message, target: Target, why: str) -> Declared:
        norm = filler.choice("variance_norm", "FAN_IN", {name: n for n, name in enumerate(VARIANCE_NORMS)})
        if not math.prod(target.shape):
            raise filler.error(f"{why} needs a blob that is not empty, got shape {shape_text(target.shape)}", "type")
        fans = caffe_fans(target.shape)
        return Declared(_call(scheme, norm), fans, f"{why}, {norm} {number(VARIANCE_NORMS[norm](fans))}")

    return read


def _positive_unitball(filler: Message, target: Target, why: str) -> Declared:
    return Declared(_call("positive_unitball", target.first), None, why)


def _bilinear(filler: Message, target: Target, why: str) -> Declared:
    if len(target.shape) != 4 or target.kernel_axes != 2 or target.shape[2] != target.shape[3]:
        size = shape_text(target.shape)
        raise filler.error(f"the bilinear filler needs a blob of 4 axes with a square kernel, got {size}", "type")
    return Declared("bilinear", None, why)


def _all_equal(value: float) -> str:
    return _call("constant", value) if value else "zeros"


def _call(scheme: str, *arguments: float | str) -> str:
    return SCHEMES.factory(scheme)(*arguments).text


FILLERS: dict[str, Callable[[Message, Target, str], Declared]] = {
    "constant": _constant,
    "uniform": _uniform,
    "gaussian": _gaussian,
    "xavier": _of_fans("caffe_xavier"),
    "msra": _of_fans("caffe_msra"),
    "positive_unitball": _positive_unitball,
    "bilinear": _bilinear,
}
"""What reads each type of filler; Caffe ignores the fields that a type does not use, and so do these."""
